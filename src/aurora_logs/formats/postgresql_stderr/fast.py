"""The fast face: blocks of lines under the prefix of RDS and Aurora in UTC; all others go through the walk, one by one."""

from collections.abc import Iterator

import msgspec

from aurora_logs.formats import Block, Origin, Step, block_wire, wire
from aurora_logs.formats.postgresql_stderr.block import read_block
from aurora_logs.formats.postgresql_stderr.lines import MAIN_LINE
from aurora_logs.formats.postgresql_stderr.walk import MARK, walk
from aurora_logs.postgresql.record import Carried, carried
from aurora_logs.records.flow import Chunk, Parsed


def ndjson(chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
    """Write the chunk's entries as wire lines (see Format.ndjson)."""
    state = carried(context)
    if chunk.cut_bytes or not chunk.content or MARK in chunk.content:
        return wire(walk(chunk, 0, origin, state), chunk, context, max_records=max_records, max_bytes=max_bytes)
    return block_wire(_Reader(chunk, origin), chunk, 0, state, max_records=max_records, max_bytes=max_bytes)


class _Reader:
    """Reads one chunk; see BlockReader."""

    def __init__(self, chunk: Chunk, origin: Origin) -> None:
        self._chunk, self._origin = chunk, origin
        self._steps: Iterator[Step] = iter(())  # from entry to entry, as long as no block comes between
        self._stepped = -1

    def block(self, at: int, size_bytes: int, most: int, state: msgspec.Struct) -> Block | None:
        """Read the entries up to the first main line behind `size_bytes`; None also when no time is known yet."""
        assert isinstance(state, Carried)
        content = self._chunk.content
        if not state.times.greatest_us or not MAIN_LINE.match(b"\n" + content[at : at + 1000]):
            return None
        following = MAIN_LINE.search(content, at + size_bytes)
        stop = following.start() + 1 if following else len(content)
        return read_block(self._chunk, at, stop, most, self._origin, state)

    def step(self, at: int, state: msgspec.Struct) -> Step:
        """Read one entry, or a piece of raw text, or blank lines."""
        assert isinstance(state, Carried)
        if at != self._stepped:
            self._steps = walk(self._chunk, at, self._origin, state)
        step = next(self._steps)
        self._stepped = step.end
        return step
