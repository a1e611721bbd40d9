"""The slow face: from entry to entry by the grammar, with the furniture between them. Nothing here is about speed."""

from collections.abc import Iterator

import msgspec

from aurora_logs.formats import RAW_RUN_BYTES, Origin, Step, extent_of
from aurora_logs.formats.mysql_slow import borders
from aurora_logs.formats.mysql_slow.record import Carried, entry_record, raw_record
from aurora_logs.records.flow import Chunk
from aurora_logs.records.log_record import SlowRecord
from aurora_logs.text import content_end, furniture_end, lines_within


def carried(context: bytes) -> Carried:
    """Decode what is carried; nothing at a segment's start."""
    return msgspec.json.decode(context, type=Carried) if context else Carried()


def walk(chunk: Chunk, origin: Origin, context: bytes) -> Iterator[Step]:
    """Go through the chunk entry by entry, with the furniture behind each."""
    state, content = carried(context), chunk.content
    if chunk.cut_bytes:
        yield cut_step(chunk, origin, state)
        return
    at = furniture_end(content, 0)
    if at:
        state = behind_furniture(content[:at], state)
        yield Step(None, at, state)
    raw_stop = 0
    while at < len(content):
        record, at, state, raw_stop = next_entry(chunk, at, raw_stop, origin, state)
        yield Step(record, at, state)


def next_entry(
    chunk: Chunk, at: int, raw_stop: int, origin: Origin, state: Carried
) -> tuple[SlowRecord, int, Carried, int]:
    """Read the entry or raw text at `at`; return its record, the place behind it and its furniture, and the state.

    raw_stop: where the raw run ends that an earlier call found, 0 for none; so that a long run is searched once.
    """
    content = chunk.content
    if borders.begins_entry(content, at):
        make, stop = entry_record, borders.entry_end(content, at, whole=True)
    else:
        raw_stop = raw_stop if raw_stop > at else borders.raw_end(content, at, whole=True)
        make, stop = raw_record, lines_within(content, at, raw_stop, RAW_RUN_BYTES)
    last = content_end(content, at, stop)
    record, state = make(extent_of(chunk, at, last), origin, state)
    end = furniture_end(content, last)
    return record, end, behind_furniture(content[last:end], state), raw_stop


def cut_step(chunk: Chunk, origin: Origin, state: Carried) -> Step:
    """Read the first part of one entry beyond the limit."""
    make = entry_record if borders.begins_entry(chunk.content, 0) else raw_record
    record, state = make(extent_of(chunk, 0, 0), origin, state)
    return Step(record, len(chunk.content), state)


def behind_furniture(furniture: bytes, state: Carried) -> Carried:
    """Return what is carried behind furniture: a server header ends the database in use (log-formats.md §2.2)."""
    return Carried(state.times) if b" started with:" in furniture else state
