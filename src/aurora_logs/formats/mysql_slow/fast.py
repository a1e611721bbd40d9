"""The fast face: blocks of entries of MySQL 8's common shapes, column by column; all others go through the walk."""

from bisect import bisect_left
from itertools import accumulate

import msgspec

from aurora_logs.formats import Origin, wire
from aurora_logs.formats.mysql_slow import borders
from aurora_logs.formats.mysql_slow.block import Block, read_block
from aurora_logs.formats.mysql_slow.record import Carried
from aurora_logs.formats.mysql_slow.shapes import CLOSE, HEAD_START, shape_at
from aurora_logs.formats.mysql_slow.walk import behind_furniture, carried, next_entry, walk
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.lines import Lines
from aurora_logs.records.log_record import encode
from aurora_logs.text import furniture_end

BLOCK_BYTES = 192 * 1024  # some hundred entries: fewer pay more for each call, more leave the processor's caches
_SMALLEST_BYTES = 1024


def ndjson(chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
    """Write the chunk's entries as wire lines (see Format.ndjson)."""
    if chunk.cut_bytes or not chunk.content or borders.MARK in chunk.content:
        return wire(walk(chunk, origin, context), chunk, context, max_records=max_records, max_bytes=max_bytes)
    return _Run(chunk, origin, carried(context)).parsed(max_records, max_bytes)


class _Run:
    """One pass over one chunk: what was written, and what is known between two blocks."""

    def __init__(self, chunk: Chunk, origin: Origin, state: Carried) -> None:
        self.chunk, self.origin, self.state = chunk, origin, state
        self.wire: list[bytes] = []
        self.ids: list[bytes] = []
        self.count = self.size_bytes = self.covered_bytes = self.raw_records = self.raw_stop = 0
        self.block_bytes = BLOCK_BYTES  # of the next block: less where entries are odd

    def parsed(self, max_records: int, max_bytes: int) -> Parsed:
        """Go through the chunk; what no block takes, the slow face does, entry by entry."""
        content = self.chunk.content
        at = furniture_end(content, 0)
        self.state = behind_furniture(content[:at], self.state)
        while at < len(content) and self.count < max_records and self.size_bytes < max_bytes:
            block = self._block(at, max_records - self.count, max_bytes - self.size_bytes)
            at = self._slow(at) if block is None else self._take(block, at)
        return Parsed(
            lines=Lines(b"".join(self.wire), self.count),
            ids=self.ids,
            end_offset=self.chunk.offset + at,
            context=msgspec.json.encode(self.state),
            furniture_bytes=at - self.covered_bytes,
            raw_records=self.raw_records,
        )

    def _block(self, at: int, max_records: int, max_bytes: int) -> Block | None:
        """Read the largest block at `at` without an odd entry; None when the first entry is odd itself."""
        content = self.chunk.content
        shape = shape_at(content, at) if self.state.times.greatest_us and at >= self.raw_stop else None
        while shape is not None:
            stop = content.find(CLOSE + HEAD_START, at + self.block_bytes) + len(CLOSE)
            stop = stop if stop >= len(CLOSE) else len(content)
            if stop == len(content) or shape_at(content, stop):
                block = read_block(self.chunk, at, stop, max_records, shape, self.origin, self.state)
                if block is not None and len(block.wire) > max_bytes:
                    ends = list(accumulate(map(len, block.wire.splitlines(keepends=True))))
                    most = bisect_left(ends, max_bytes) + 1
                    block = read_block(self.chunk, at, stop, most, shape, self.origin, self.state)
                if block is not None:
                    return block
            if not self.block_bytes:
                return None
            self.block_bytes = self.block_bytes // 8 if self.block_bytes > _SMALLEST_BYTES else 0
        return None

    def _take(self, block: Block, at: int) -> int:
        self.block_bytes = min(max(2 * self.block_bytes, _SMALLEST_BYTES), BLOCK_BYTES)
        self.wire.append(block.wire)
        self.ids += block.ids
        self.count += len(block.ids)
        self.size_bytes += len(block.wire)
        self.covered_bytes += block.end - at
        self.state = block.state
        return block.end

    def _slow(self, at: int) -> int:
        record, end, self.state, self.raw_stop = next_entry(self.chunk, at, self.raw_stop, self.origin, self.state)
        self.wire.append(encode(record))
        self.count += 1
        self.ids.append(record.record_id.encode())
        self.size_bytes += len(self.wire[-1])
        self.covered_bytes += record.log_record_bytes
        self.raw_records += record.parse_status == "raw"
        return end
