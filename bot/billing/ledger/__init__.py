"""What is remembered of every session that may be billed: the `record`, and SQLite to keep it (`sqlite`,
`schema`; `image` reads its file where the disk takes nothing)."""

from .record import Ledger, SessionRecord, SessionState, billed_minutes

__all__ = ["Ledger", "SessionRecord", "SessionState", "billed_minutes"]
