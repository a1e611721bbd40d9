"""From the bytes of one entry of the error log to its record: clock, head, message, marks."""

import re
from typing import Any

import msgspec

from aurora_logs.formats import Extent, Origin, borrowed_time, fill_time, frame, raw_fields
from aurora_logs.formats.mysql_error.borders import begins_monitor, is_deadlock, parts
from aurora_logs.formats.mysql_error.heads import Head, head_at
from aurora_logs.formats.mysql_error.message import read_message
from aurora_logs.records.log_record import ErrorRecord, worst_of
from aurora_logs.text import DAY_US, INT64_MAX, Times, readable

MARK = b"[Your log message was truncated]"
_MARKED = re.compile(rb"(?<=\n)%b[ \t]*\n|%b[ \t]*(?=\r?\n|\Z)" % ((re.escape(MARK),) * 2))


class Carried(msgspec.Struct, frozen=True, array_like=True):
    """What the format carries from entry to entry; is_inside: an entry stands before the next byte."""

    times: Times = Times()
    is_inside: bool = False


def default_engine(origin: Origin) -> str:
    """Return the engine of a file whose source does not know it."""
    return "mariadb" if "mariadb" in origin.log_file_name else "mysql"


def raw_record(extent: Extent, origin: Origin, state: Carried) -> tuple[ErrorRecord, Carried]:
    """Return the record of text before the first head, or behind a delivered entry."""
    reason = "orphan tail" if state.is_inside else "no head"
    return ErrorRecord(**raw_fields(extent, origin, state.times, default_engine(origin), reason)), state


def entry_record(extent: Extent, origin: Origin, state: Carried) -> tuple[ErrorRecord, Carried]:
    """Return the record of an entry and what is carried behind it."""
    text = extent.seen(origin)
    errors: set[str] = set()
    is_cut = len(text) < extent.size_bytes
    if b"\r\n" in text and text.partition(b"\n")[0].endswith(b"\r"):
        text = text.replace(b"\r\n", b"\n")
    if MARK in text:
        text, marks = _MARKED.subn(b"", text)
        errors |= {"truncated by rds"} if marks else set()
    fields: dict[str, Any] = {}
    head, message = _head_and_message(text)
    message = message if is_cut else message.rstrip(b"\r\n")
    times = _clock(head, origin, state.times, fields, errors)
    _read_head(head, fields, errors)
    read_message(message, origin, fields, errors, is_cut=is_cut)
    record = ErrorRecord(
        **frame(extent, origin, default_engine(origin)),
        **fields,
        parse_status="partial" if errors else "ok",
        parse_error=worst_of(errors),
        truncated=(not errors.isdisjoint({"truncated by rds", "cut at limit"})) or None,
    )
    return record, Carried(times, is_inside=True)


def _head_and_message(text: bytes) -> tuple[Head, bytes]:
    """Take the head, or of a dump its heads, off the text. A monitor's output keeps its dated second line."""
    if begins_monitor(text, 0):
        second = text.index(b"\n") + 1
        head = head_at(text, second)
        assert head is not None
        return head, text
    head = head_at(text, 0)
    assert head is not None, "an entry begins at a head"
    if is_deadlock(text, head):
        first, *further = (part.strip(b" \r\n") for _, part in parts(text))
        return head, b"\n".join([first, *(part.removeprefix(b"InnoDB:").lstrip() for part in further)])
    return head, text[head.end :] if head.message is None else head.message + text[head.end :]


def _clock(head: Head, origin: Origin, times: Times, fields: dict[str, Any], errors: set[str]) -> Times:
    """Fill in the time; return what is known now."""
    if head.is_signal:  # it has no date: the day of the entry before
        us, quality = borrowed_time(origin, times)
        hour, minute, second = (int(part) for part in head.time.split(b":"))
        clock_us = (hour * 3600 + minute * 60 + second) * 1_000_000
        fields["timestamp_us"] = max(us - us % DAY_US + clock_us, 1) if quality == "carried" else us
        fields["ts_quality"] = quality
        return times
    fields["ts_raw"] = readable(head.time)[0] or None
    if head.clock is None:
        errors.add("bad json" if head.is_spoilt else "bad time")
    return fill_time(head.clock, origin, times, fields, errors)


def _read_head(head: Head, fields: dict[str, Any], errors: set[str]) -> None:
    fields["thread_id"] = head.thread if head.thread is not None and head.thread <= INT64_MAX else None
    fields["severity_text"], fields["error_code"] = head.label, head.code
    fields["error_subsystem"] = readable(head.subsystem or b"")[0] or None
    fields["code_file_path"], fields["code_function_name"], fields["code_line_number"] = head.source
    if head.is_lossy:
        errors.add("invalid utf-8")
