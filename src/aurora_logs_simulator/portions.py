"""DownloadDBLogFilePortion on the bytes of a file: caps, tail and head, markers, truncation. Planted faults come after."""

from __future__ import annotations

import re

import msgspec

from aurora_logs_simulator.answers import Portion, binary_data, invalid_parameter
from aurora_logs_simulator.family import Aim, Family
from aurora_logs_simulator.logfile import LogFile, call_ordinal

CAP_BYTES = 1_048_576  # 1 MiB: marker `15:1048577` after a capped answer (aws/aws-cli#3079)
CAP_LINES = 10_000  # documented
NOTICE = b"\n [Your log message was truncated]\n"
# A line that crosses the cap is cut with the notice only when it is longer than this; a shorter one simply waits for the
# next answer. Files of ordinary lines show 5 to 40 notices in 200 MB to 3 GB (aws/aws-sdk#20), not one a portion.
CUT_LINES_OVER_BYTES = 16_384

MARKER = re.compile(r"(?:(?P<ordinal>\d{4}-\d{2}-\d{2}\.\d{1,2}|\d{1,9}):)?(?P<offset>\d{1,18})")


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """Where one answer ends.

    cap_bytes, cap_lines: no answer holds more.
    cut:         what happens to the line that the byte cap hits: `long_lines` are cut with the notice and short ones
                 wait, `always` cuts with the notice, `bytes` ends at the cap without a word.
    marker_behind_line: after a cut the marker stands behind the rest of the line; else directly behind the cap.
    """

    cap_bytes: int = CAP_BYTES
    cap_lines: int = CAP_LINES
    cut: str = "long_lines"
    marker_behind_line: bool = True


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed marker: the hour part, when there is one, and the byte offset."""

    ordinal: str | None
    offset: int


def parse_marker(marker: str) -> Position:
    """Read `0`, `H:offset`, `N:offset` or `YYYY-MM-DD.H:offset`.

    Raises: ApiError InvalidParameterValue for every other shape.
    """
    found = MARKER.fullmatch(marker)
    if found is None or (found["ordinal"] is None and found["offset"] != "0"):
        raise invalid_parameter(f"Invalid marker: {marker}")
    ordinal = found["ordinal"]
    if ordinal is not None and "." in ordinal:
        day, _, hour = ordinal.partition(".")
        ordinal = f"{day}.{int(hour)}"
    elif ordinal is not None:
        ordinal = str(int(ordinal))
    return Position(ordinal=ordinal, offset=int(found["offset"]))


class _End(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer holds, and where the next one begins."""

    content: bytes
    next_offset: int
    truncated: bool = False


def read_portion(
    file: LogFile, family: Family | None, *, marker: str | None, lines: int | None, now_us: int, caps: Caps
) -> Portion:
    """Answer one call for a file as RDS does.

    Raises: ApiError InvalidParameterValue for a marker of no known shape, a negative number of lines, binary data.
    """
    if lines is not None and lines < 0:
        raise invalid_parameter(f"Invalid NumberOfLines: {lines}")
    asked_lines = min(lines or caps.cap_lines, caps.cap_lines)
    if marker is None:
        return _tail(file, asked_lines, now_us, caps)
    position = parse_marker(marker)
    aim = Aim(file, position.offset) if family is None else family.aim(file, position.ordinal, position.offset)
    size_bytes = aim.file.content_bytes()
    if aim.offset >= size_bytes:
        return _nothing(aim, position, now_us)
    end = _end(aim.file, aim.offset, asked_lines, caps)
    return Portion(
        content=end.content,
        marker=f"{_ordinal(aim.file, now_us)}:{end.next_offset}",
        pending=not aim.sticks and (aim.chains or end.next_offset < size_bytes),
        segment_id=aim.file.segment_id,
        start=aim.offset,
        end=end.next_offset,
        truncated=end.truncated,
        exact=not end.truncated,
        covers=not end.truncated,
    )


def _tail(file: LogFile, lines: int, now_us: int, caps: Caps) -> Portion:
    """Answer a call without a marker: the last lines, cut at the cap, and always "nothing pending" (sheet 3.1 row 2)."""
    start = _start_of_last(file, lines)
    end = _end(file, start, lines, msgspec.structs.replace(caps, cut="always"))
    return Portion(
        content=end.content,
        marker=f"{_ordinal(file, now_us)}:{end.next_offset}",
        pending=False,
        segment_id=file.segment_id,
        start=start,
        end=end.next_offset,
        truncated=end.truncated,
        exact=not end.truncated,
        covers=not end.truncated,
    )


def _nothing(aim: Aim, position: Position, now_us: int) -> Portion:
    """Answer a marker at or behind the end: no data, the marker stays where it was."""
    stays = position.ordinal if aim.sticks else _ordinal(aim.file, now_us)
    return Portion(
        content=b"",
        marker=f"{stays}:{aim.offset}",
        pending=False,
        segment_id=aim.file.segment_id,
        start=aim.offset,
        end=aim.offset,
    )


def _end(file: LogFile, start: int, lines: int, caps: Caps) -> _End:
    size_bytes = file.content_bytes()
    window = file.read(start, start + caps.cap_bytes)
    parts = window.split(b"\n", lines)
    if len(parts) > lines:
        content = window[: len(window) - len(parts[lines])]
    elif start + len(window) >= size_bytes or window.endswith(b"\n"):
        content = window
    else:
        return _cut(file, start, window, caps)
    _refuse_binary(file, start, start + len(content))
    return _End(content=content, next_offset=start + len(content))


def _cut(file: LogFile, start: int, window: bytes, caps: Caps) -> _End:
    """End an answer whose byte cap lands inside a line (sheet 6)."""
    whole_bytes = window.rfind(b"\n") + 1
    line_end = end_of_line(file, start + len(window))
    short_line = caps.cut == "long_lines" and line_end - start - whole_bytes <= CUT_LINES_OVER_BYTES
    if caps.cut == "bytes" or (short_line and whole_bytes):
        content = window if caps.cut == "bytes" else window[:whole_bytes]
        _refuse_binary(file, start, start + len(content))
        return _End(content=content, next_offset=start + len(content))
    _refuse_binary(file, start, start + len(window))
    next_offset = line_end if caps.marker_behind_line else start + len(window)
    return _End(content=window + NOTICE, next_offset=next_offset, truncated=True)


def end_of_line(file: LogFile, offset: int) -> int:
    """Return the offset behind the line that holds `offset`; the file's end when the line has no end yet."""
    size_bytes = file.content_bytes()
    while offset < size_bytes:
        piece = file.read(offset, offset + 65_536)
        found = piece.find(b"\n")
        if found >= 0:
            return offset + found + 1
        if not piece:
            break
        offset += len(piece)
    return size_bytes


def _start_of_last(file: LogFile, lines: int) -> int:
    size_bytes = file.content_bytes()
    window_bytes = 65_536
    while True:
        first = max(0, size_bytes - window_bytes)
        window = file.read(first, size_bytes)
        # The newline at the very end closes the last line, it begins none.
        parts = window[:-1].rsplit(b"\n", lines)
        if len(parts) > lines:
            return first + len(parts[0]) + 1
        if first == 0:
            return 0
        window_bytes *= 4


def _refuse_binary(file: LogFile, start: int, end: int) -> None:
    if file.is_refused(start, end):
        raise binary_data()


def _ordinal(file: LogFile, now_us: int) -> str:
    return file.ordinal if file.ordinal is not None else call_ordinal(now_us)
