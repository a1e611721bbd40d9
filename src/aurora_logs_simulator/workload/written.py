"""What every writer promises: one entry of log text with its truth. How an engine's text looks is not told here."""

from typing import NamedTuple, Protocol

Truth = dict[str, str | int | float | None]


class Written(NamedTuple):
    """One log entry as a server writes it, and what a reader must find in it.

    content: the whole entry with its final newline, bytes.
    token:   `tok_` and 16 hex digits; stands in exactly one text field of the entry's record, once, whatever the
             default redaction takes out. "" for entries without free text (some commands of the general log).
    fields:  the true values by the names of the record's fields. Absent means: the log does not print it, or the
             writer makes no statement. SQL is given as logged, before any redaction. Besides the record's fields:
             `shape` (number of the SQL shape; entries with equal numbers differ only in literals, list lengths,
             comments, blanks and case), `secret` (a credential that stands in the text and must never leave a
             reader), `fake_head` (1 when the SQL imitates a head of the log).
    time_us: when the entry was finished, microseconds since 1970, UTC: the `now_us` that the writer was given.
    """

    content: bytes
    token: str
    fields: Truth
    time_us: int


class Writer(Protocol):
    """Writes one log type of one instance. Not thread-safe: one caller at a time. Same seed, same calls: same bytes."""

    def file_header(self, now_us: int) -> bytes:
        """Give the furniture of a fresh or flushed file; b"" where the engine writes none.

        Call it when a file begins, and in its middle to imitate a flush: the writer forgets the last `use`.
        """
        ...

    def entry(self, now_us: int) -> Written:
        """Give one entry that was finished at `now_us` (microseconds since 1970, UTC; must not run backwards)."""
        ...
