"""What a call costs: the provider's session, opened once, recorded before that, and ended whatever happens.

Read `ledger`'s `record` first: a session's record and its states. `opening` opens a session and `closing` ends it, each
with the ledger; `billed_session` is both for one call. `limits` says what may be spent, `usage` what was, `receipt` and
`receipts` tell people, `end_reason` lists why a session ends, and `reaper` ends what nobody else does. The watchdog and
`parley sessions` use this package without any call.
"""
