"""Columns of wire fields that statements tell: operation, trace, and their text without credentials.

Several hundred statements at once: what is asked of each alone would be most of the price of a log.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, count, repeat
from operator import add
from typing import Final

from orjson import dumps

from aurora_logs.columns import BETWEEN
from aurora_logs.sql.redaction import redact_sql, suspicious
from aurora_logs.sql.summary import operation_of

FIRST_WORD: Final = (
    r"(?=(?:/\*(?![!M+])[^*\n]*+\*/[ \n])?+(?P<word>[A-Za-z]*+[ \n]?))"  # behind a driver's plain comment
)
LOOK_BYTES: Final = 64 * 1024  # of a statement, for its operation

_OPERATIONS: Final = {
    (word + gap).encode(): b',"db_operation_name":"%b"' % name.encode()
    for name in ("SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "CALL")
    for word in (name, name.lower())
    for gap in (" ", "\n")
}
_TRACE_START: Final = b"traceparent='00-"
_TRACE: Final = re.compile(rb"([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}'")  # behind its start


def operation_fields(statements: Sequence[bytes], words: Sequence[bytes], dialect: str) -> list[bytes]:
    """Return each statement's operation; `words` are what FIRST_WORD found in front of each."""
    fields = list(map(_OPERATIONS.get, words, repeat(b"")))
    for index in [index for index, field in enumerate(fields) if not field and statements[index]]:
        operation = operation_of(statements[index][:LOOK_BYTES], dialect)
        if operation is not None:
            fields[index] = b',"db_operation_name":%b' % dumps(operation.decode("ascii", "replace"))
    return fields


def trace_fields(statements: Sequence[bytes], joined: bytes) -> list[bytes]:
    """Return the first trace that each statement names; `joined` are the statements, with BETWEEN between them."""
    fields = [b""] * len(statements)
    before, *found = joined.split(_TRACE_START)
    if not found:
        return fields
    ends = list(accumulate(map(add, map(len, statements), repeat(len(BETWEEN)))))
    starts = map(add, accumulate(map(len, found[:-1]), initial=len(before)), count(0, len(_TRACE_START)))
    for at, text in zip(starts, found, strict=True):
        if trace := _TRACE.match(text):
            index = bisect_right(ends, at)
            fields[index] = fields[index] or b',"trace_id":"%b","span_id":"%b"' % trace.groups()
    return fields


def without_credentials(statements: list[bytes], joined: bytes, dialect: str) -> tuple[list[bytes], list[int]]:
    """Return the statements as `redact_sql` leaves them, and how many spans were replaced in each."""
    if not suspicious(joined):
        return statements, [0] * len(statements)
    redacted = [redact_sql(statement, dialect) for statement in statements]
    return [text for text, _ in redacted], [replaced for _, replaced in redacted]


def redaction_fields(counts: Sequence[int]) -> list[bytes]:
    """Return the fields of how many spans were replaced."""
    return [b',"redactions":%d' % count if count else b"" for count in counts]
