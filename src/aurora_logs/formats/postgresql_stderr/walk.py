"""The slow face: from entry to entry by the grammar; a main line and its sub-lines become one record."""

import re
from collections.abc import Iterator

from aurora_logs.formats import (
    Extent,
    Origin,
    Step,
    borrowed_time,
    extent_of,
    frame,
    headed_spans,
    name_hour,
    raw_fields,
)
from aurora_logs.formats.postgresql_stderr.prefix import LINE, Prefix, prefix_at, session_of
from aurora_logs.postgresql.levels import MAIN_LEVELS, SUB_LEVELS
from aurora_logs.postgresql.message import Reading, read_message
from aurora_logs.postgresql.record import DEFAULT_ENGINE, Carried, Clock, record_of
from aurora_logs.records.flow import Chunk
from aurora_logs.records.log_record import PostgresRecord, SubLine
from aurora_logs.text import integer, readable

MARK = b"[Your log message was truncated]"
_CUT_START = re.compile(rb"\d[\d:. -]{0,30}(?:[A-Z]{0,6}|[+-][\d:]{0,5})(?:[: ][^\n]{0,1000})?\Z")
_MARKED = re.compile(rb"(?<=\n)%b[ \t]*\n|%b[ \t]*(?=\r?\n|\Z)" % ((re.escape(MARK),) * 2))


def _is_head(content: bytes, at: int) -> bool:
    return prefix_at(content, at) is not None


def _next_head(content: bytes, at: int) -> int:
    """Return the next line behind `at` that begins an entry: a main line, or a sub-line of another process."""
    own = prefix_at(content, at)
    for found in LINE.finditer(content, at):
        place = found.end()
        prefix = prefix_at(content, place)
        if prefix is None:
            if _CUT_START.match(content, place):
                return place
        elif not prefix.is_sub or own is None or prefix.pid != own.pid:
            return place
    return -1


def walk(chunk: Chunk, at: int, origin: Origin, state: Carried) -> Iterator[Step]:
    """Go through the chunk from `at` on, entry by entry."""
    if chunk.cut_bytes:
        spans = iter([(0, len(chunk.content), len(chunk.content), _is_head(chunk.content, 0))])
    else:
        spans = headed_spans(chunk.content, at, _is_head, _next_head)
    for start, stop, end, has_head in spans:
        record: PostgresRecord | None = None
        if has_head:
            record, state = entry_record(extent_of(chunk, start, stop), origin, state)
        elif stop > start:
            reason = "orphan tail" if state.is_inside else "no head"
            fields = raw_fields(extent_of(chunk, start, stop), origin, state.times, DEFAULT_ENGINE, reason)
            record = PostgresRecord(**fields)
        yield Step(record, end, state)


def _lines(text: bytes) -> Iterator[tuple[int, Prefix, bytes]]:
    """Split an entry into its prefixed lines: place, prefix and message, one TAB of each further line taken off."""
    at: int | None = 0
    while at is not None:
        prefix = prefix_at(text, at)
        if prefix is None:
            return
        place = next((found.end() for found in LINE.finditer(text, at) if prefix_at(text, found.end())), None)
        message = text[prefix.end : len(text) if place is None else place]
        yield at, prefix, message.rstrip(b"\r\n").replace(b"\n\t", b"\n")
        at = place


def entry_record(extent: Extent, origin: Origin, state: Carried) -> tuple[PostgresRecord, Carried]:
    """Return the record of an entry and what is carried behind it."""
    text = extent.seen(origin)
    reading = Reading(is_redacting=origin.redaction != "off", entry_max_bytes=origin.entry_max_bytes)
    if len(text) < extent.size_bytes:
        reading.errors.add("cut at limit")
    if b"\r\n" in text and text.partition(b"\n")[0].endswith(b"\r"):
        text = text.replace(b"\r\n", b"\n")
    if MARK in text:
        text, marks = _MARKED.subn(b"", text)
        reading.errors |= {"truncated by rds"} if marks else set()
    lines = list(_lines(text))
    main, fields = lines[0][1], reading.fields
    clock = Clock(origin.zone, state.times, name_hour(origin), borrowed_time(origin, state.times))
    times = clock.read(main.time, reading)
    _read_prefix(main, reading)
    if main.is_sub:
        reading.errors.add("orphan sub-line")
        subs, message, level = lines, b"", "LOG"
    else:
        subs, message, level = lines[1:], lines[0][2], MAIN_LEVELS.get(main.level, "")
    named = [(SUB_LEVELS.get(prefix.level, ""), said) for _, prefix, said in subs]
    read_message(message, level, named, reading, fields["timestamp_us"])
    if main.is_sub:
        fields["event_name"] = "server"
    fields |= frame(extent, origin, DEFAULT_ENGINE)
    fields["sub_lines"] = tuple(_sub_line(extent.offset + at, prefix, said) for at, prefix, said in subs) or None
    return record_of(reading, level), Carried(times, is_inside=True)


def _sub_line(offset: int, prefix: Prefix, said: bytes) -> SubLine:
    return SubLine(level=readable(prefix.level)[0], offset=offset, ts_raw=prefix.time.decode(), text=readable(said)[0])


def _read_prefix(prefix: Prefix, reading: Reading) -> None:
    fields, session = reading.fields, session_of(prefix.whom)
    fields["process_pid"] = integer(prefix.pid)
    fields["severity_text"] = readable(prefix.level)[0]
    if session.is_local:
        fields["pg_connection_local"] = True
    if session.port:
        fields["client_port"] = int(session.port)
    named = {"client_address": session.host, "user_name": session.user, "db_namespace": session.database}
    for field, value in named.items():
        if value:
            fields[field], valid = readable(value)
            reading.errors |= set() if valid else {"invalid utf-8"}
