"""What is read from, and changed in, a record's wire line without taking all of it apart; the order of its keys is fixed."""

from collections.abc import Sequence

ID_BYTES = 33
_ID_KEY = b',"record_id":"'
_BEHIND_EVENT_TIME = b'"engine":'  # always there; a quote inside a text is escaped, so nothing else looks like it


def timestamp_us_of(line: bytes) -> int:
    """Return the `_timestamp` of a line: its first key."""
    return int(line[line.index(b":") + 1:line.index(b",")])


def record_id_of(line: bytes) -> bytes:
    """Return the `record_id` of a line: its second key."""
    begin = line.index(_ID_KEY) + len(_ID_KEY)
    return line[begin:begin + ID_BYTES]


def span_us_of(lines: Sequence[bytes]) -> tuple[int, int] | None:
    """Return the lowest and highest `_timestamp` of lines; None of none."""
    times = [timestamp_us_of(line) for line in lines]
    return (min(times), max(times)) if times else None


def restamped(line: bytes, arrival_us: int) -> bytes:
    """Return the line with the time of arrival, and its true time as `event_time`; its id stays (REC-14)."""
    true_us = timestamp_us_of(line)
    behind = line[line.index(b","):]
    return b'{"_timestamp":%d%b' % (arrival_us, behind.replace(_BEHIND_EVENT_TIME, b'"event_time":%d,"engine":' % true_us, 1))
