"""The fast face: blocks of entries of MySQL 8's common shapes; all others go through the walk, one by one."""

import msgspec

from aurora_logs.formats import Block, Origin, Step, block_wire, wire
from aurora_logs.formats.mysql_slow import borders
from aurora_logs.formats.mysql_slow.block import read_block
from aurora_logs.formats.mysql_slow.record import Carried
from aurora_logs.formats.mysql_slow.shapes import CLOSE, HEAD_START, shape_at
from aurora_logs.formats.mysql_slow.walk import behind_furniture, carried, next_entry, walk
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.text import furniture_end


def ndjson(chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
    """Write the chunk's entries as wire lines (see Format.ndjson)."""
    content, state = chunk.content, carried(context)
    if chunk.cut_bytes or not content or borders.MARK in content:
        return wire(walk(chunk, origin, context), chunk, context, max_records=max_records, max_bytes=max_bytes)
    at = furniture_end(content, 0)
    state = behind_furniture(content[:at], state)
    return block_wire(_Reader(chunk, origin), chunk, at, state, max_records=max_records, max_bytes=max_bytes)


class _Reader:
    """Reads one chunk; see BlockReader."""

    def __init__(self, chunk: Chunk, origin: Origin) -> None:
        self._chunk, self._origin = chunk, origin
        self._raw_stop = 0  # where a run of raw text ends that was found; in it no entry begins

    def block(self, at: int, size_bytes: int, most: int, state: msgspec.Struct) -> Block | None:
        """Read the entries up to the first border behind `size_bytes`; None also when no time is known yet."""
        assert isinstance(state, Carried)
        content = self._chunk.content
        shape = shape_at(content, at) if state.times.greatest_us and at >= self._raw_stop else None
        if shape is None:
            return None
        stop = content.find(CLOSE + HEAD_START, at + size_bytes) + len(CLOSE)
        if stop < len(CLOSE):
            stop = len(content)
        elif shape_at(content, stop) is None:
            return None
        return read_block(self._chunk, at, stop, most, shape, self._origin, state)

    def step(self, at: int, state: msgspec.Struct) -> Step:
        """Read one entry, or a piece of raw text."""
        assert isinstance(state, Carried)
        record, end, state, self._raw_stop = next_entry(self._chunk, at, self._raw_stop, self._origin, state)
        return Step(record, end, state)
