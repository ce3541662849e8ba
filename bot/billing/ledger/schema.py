"""The ledger's tables. A new version of Parley appends a step here; steps are never edited.

| column | what it holds |
|---|---|
| `id` | the call's id, as in the log |
| `state` | intent, open, unknown, closing, closed |
| `provider`, `key_name`, `endpoint` | where to end it: the plugin, the environment variable with the key, the address |
| `key_mark` | whether that variable still holds the same key (`bot.provider.key_fingerprint`); null in older rows |
| `reference` | the provider's name for the session (Valsea: `roomName`); null until the answer to the POST |
| `guild_id`, `voice_channel_id`, `text_channel_id`, `starter_id` | Discord's ids |
| `voicebot`, `voicebot_name` | its id at the provider, and its name there |
| `intended_at`, `opened_at`, `closing_at`, `closed_at`, `announced_at` | seconds since 1970 |
| `reason`, `ended_by` | why it ended (a name in `EndReason`), and the user who ended it |
| `billed_minutes`, `credits` | our own count, and the provider's word |
| `attempts`, `last_error` | of ending it |
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE sessions (
            id TEXT PRIMARY KEY,
            state TEXT NOT NULL CHECK (state IN ('intent', 'open', 'unknown', 'closing', 'closed')),
            provider TEXT NOT NULL,
            key_name TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            reference TEXT,
            guild_id INTEGER NOT NULL,
            voice_channel_id INTEGER NOT NULL,
            text_channel_id INTEGER NOT NULL,
            starter_id INTEGER NOT NULL,
            voicebot TEXT NOT NULL,
            voicebot_name TEXT,
            intended_at REAL NOT NULL,
            opened_at REAL,
            closing_at REAL,
            closed_at REAL,
            announced_at REAL,
            reason TEXT,
            ended_by INTEGER,
            billed_minutes INTEGER,
            credits TEXT,
            attempts INTEGER NOT NULL DEFAULT 0,
            last_error TEXT
        )
        """,
        "CREATE INDEX sessions_unsettled ON sessions (intended_at) WHERE state <> 'closed'",
        "CREATE INDEX sessions_unannounced ON sessions (intended_at) WHERE announced_at IS NULL",
        "CREATE INDEX sessions_by_opening ON sessions (opened_at)",
        # One row: how often the file was opened. Writing it proves that the ledger can be written.
        "CREATE TABLE meta (opened INTEGER NOT NULL)",
        "INSERT INTO meta VALUES (0)",
    ),
    ("ALTER TABLE sessions ADD COLUMN key_mark TEXT",),
)
