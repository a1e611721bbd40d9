"""Judge what a read gave (rds-log-api.md §3.1, 5.3, 6): nothing is shipped before its place is known. Pure."""

import re

import msgspec

from aurora_logs.records.flow import Answer
from aurora_logs.segments import START, Marker, checked_bytes, is_same, normal_ordinal, parse_marker

# RDS puts the notice behind the cut line and a newline; only at the very end of an answer (RDS-67)
NOTICE = re.compile(rb"\n? ?\[Your log message was truncated\][\r\n]*\Z")


class Placed(msgspec.Struct, frozen=True):
    """The bytes behind the position, their place proved by the length check."""

    fresh: bytes
    ordinal: str
    overlap_bytes: int = 0


class Nothing(msgspec.Struct, frozen=True):
    """No data, no advance (RDS-22)."""


class Rotated(msgspec.Struct, frozen=True):
    """The live name answers for another hour: throw it away, list again (RDS-44)."""


class Replaced(msgspec.Struct, frozen=True):
    """The bytes before our position are not the ones that we read: the file was cut or replaced (§8)."""


class Unplaced(msgspec.Struct, frozen=True):
    """Data without a usable marker: the place is not proved (RDS-23, 25)."""

    content: bytes


class Broken(msgspec.Struct, frozen=True):
    """Bytes are missing: a cut line (`whole_lines` stand before it), or a hole. `readable` lies before the missing ones."""

    whole_lines: int
    readable: bytes
    ends_at: int
    ordinal: str


Verdict = Placed | Nothing | Rotated | Replaced | Unplaced | Broken


def judge(answer: Answer, asked_offset: int, known: bytes, live_ordinal: str | None) -> Verdict:
    """Judge an answer to a read at `asked_offset`, which lies checked_bytes(known) before our position.

    live_ordinal: the hour that a live hourly name must answer for; None: not to be checked.
    """
    marker = None if answer.marker in (None, START) else parse_marker(answer.marker or "")
    if marker and live_ordinal is not None and normal_ordinal(marker.ordinal) != live_ordinal:
        return Rotated()
    if not answer.content:
        return Nothing()
    if marker is None:  # a cut line can't be told from data that ends like one: no advance then
        return Nothing() if NOTICE.search(answer.content) else Unplaced(answer.content)
    content, jump = answer.content, marker.offset - asked_offset
    overlap = 0
    if jump != len(content):
        if jump <= 0:
            return Unplaced(content)
        if notice := NOTICE.search(content):
            content = content[: notice.start()]
            if len(content) > jump:
                return Nothing()  # repeated bytes too: ask again
        if jump > len(content):
            return _broken(content, known, marker)
        overlap = len(content) - jump  # repeated bytes before the marker (RDS-28); 0: cut where the marker is (RDS-64)
        content = content[overlap:]
    if not is_same(content, known):
        return Replaced()
    return Placed(content[checked_bytes(known):], marker.ordinal, overlap)


def _broken(content: bytes, known: bytes, marker: Marker) -> Verdict:
    if len(content) < checked_bytes(known):  # cut inside the bytes that are only compared: ask once without them
        return Broken(1, b"", marker.offset, marker.ordinal)
    if not is_same(content, known):
        return Replaced()
    readable = content[checked_bytes(known):]
    return Broken(readable.count(b"\n"), readable, marker.offset, marker.ordinal)
