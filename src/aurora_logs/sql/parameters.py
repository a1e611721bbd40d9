"""Values of a statement's parameters, as PostgreSQL and pgAudit log them beside it; where the statement needs a credential."""

import re
from collections.abc import Iterator
from typing import Final

from aurora_logs.sql.credentials import secret_placeholders
from aurora_logs.sql.gate import suspicious
from aurora_logs.sql.marked import Span
from aurora_logs.sql.marks import Mark, stars
from aurora_logs.sql.redaction import message_spans, redact_message, replaced

_TO = r"(?:[^'\\]++|\\.|'')*+"
_NUMBERED: Final = re.compile(
    rf"(?:\$(?P<number>[0-9]{{1,9}})|\bparameter [^ ]+) = (?:[eE]?'({_TO})(?:'|\Z)|([^,\n]*))", re.DOTALL
)
_LISTED: Final = re.compile(r'"((?:[^"]|"")*)(?:"|\Z)|([^,\n"]+)')
_NOT_LOGGED: Final = re.compile(r"\s*(?:<none>|<not logged>|<long param suppressed>)\s*\Z")


def redact_parameters(text: bytes, sql: bytes, dialect: str, mark: Mark = stars) -> tuple[bytes, int]:
    """Return parameters without those that stand where their statement needs a credential: `password = $1`.

    Without a statement (its line came in another portion) all go. Same promises as `redact_message`. A clean statement
    costs one look at it.
    """
    if not text or (sql and not suspicious(sql)):
        return redact_message(text, dialect, mark)
    said = text.decode("latin-1")
    numbers = secret_placeholders(sql.decode("latin-1"), dialect)
    secret = [value for number, value in numbered(said) if number in numbers] if sql else parameter_spans(said)
    shown, count = replaced(said, [*message_spans(said, dialect), *secret], mark)
    return (shown.encode("latin-1"), count) if count else (text, 0)


def numbered(text: str, start: int = 0) -> Iterator[tuple[int, Span]]:
    """Yield number and value of `$1 = 'x', $2 = NULL`; a value whose quote is cut off goes to the end."""
    for found in _NUMBERED.finditer(text, start):
        yield int(found["number"] or 0), found.span(2 if found[2] is not None else 3)


def parameter_spans(text: str, start: int = 0) -> Iterator[Span]:
    """Yield every value, of pgAudit's list `1,"a, b"` too."""
    spans = [span for _, span in numbered(text, start)]
    for begin, end in spans or (found.span(found.lastindex or 0) for found in _LISTED.finditer(text, start)):
        if not _NOT_LOGGED.match(text, begin, end):
            yield begin, end
