"""Which `Key: value` pair of a slow-log entry fills which column, and with which type (record-schema.md §6.1, §7)."""

from collections.abc import Callable, Iterator

import msgspec

from aurora_logs.records.log_record import SlowRecord
from aurora_logs.text import decimal, integer

Value = int | float | bool | str


def _flag(text: bytes) -> bool | None:
    return {b"yes": True, b"no": False}.get(text.lower())


def _text(text: bytes) -> str | None:
    return text.decode("utf-8", "replace") or None


_READERS: dict[str, Callable[[bytes], Value | None]] = {"int": integer, "float": decimal, "bool": _flag, "str": _text}

_FIELDS = {
    "lock_time": ("lock_time_sec", "float"),
    "rows_sent": ("db_response_returned_rows", "int"),
    "rows_examined": ("db_rows_examined", "int"),
    "rows_affected": ("db_rows_affected", "int"),
    "rows_read": ("db_rows_read", "int"),
    "bytes_sent": ("db_bytes_sent", "int"),
    "bytes_received": ("db_bytes_received", "int"),
    "killed": ("db_killed", "int"),
    "errno": ("db_response_status_code", "str"),
    "last_errno": ("db_response_status_code", "str"),
    "thread_id": ("thread_id", "int"),
}


def _columns() -> dict[bytes, tuple[str, Callable[[bytes], Value | None]]]:
    """Return the table from lower-case key to column and reader; the `metrics_` part is the record's own list."""
    table = dict(_FIELDS)
    for field in msgspec.structs.fields(SlowRecord):
        if field.name.startswith("metrics_") and field.name != "metrics_extra":
            kinds = getattr(field.type, "__args__", (field.type,))
            table[field.name.removeprefix("metrics_")] = (field.name, kinds[0].__name__)
    return {key.encode(): (name, _READERS[kind]) for key, (name, kind) in table.items()}


COLUMNS = _columns()


def pairs(line: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split a metric line into its pairs. A value ends at the next key, so it may be empty or hold blanks (FMT-31)."""
    key, value = b"", list[bytes]()
    for token in line.split():
        if token.endswith(b":") and token[:1].isalpha() and token[:-1].replace(b"_", b"").isalnum():
            if key:
                yield key, b" ".join(value)
            key, value = token[:-1], []
        elif (glued := token.partition(b":"))[0].lower() in COLUMNS:
            if key:
                yield key, b" ".join(value)
            key, value = glued[0], [glued[2]]
        else:
            value.append(token)
    if key:
        yield key, b" ".join(value)


def is_metric_line(line: bytes) -> bool:
    """Tell whether the first word of the line, behind `#`, is a key."""
    words = line[:200].split(None, 1)
    return bool(words) and words[0].endswith(b":") and words[0][:-1].replace(b"_", b"").isalnum() and len(words[0]) > 1
