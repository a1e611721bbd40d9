"""Split portions into chunks of whole entries; the unfinished end of a portion is the tail.

An entry beyond the limit is not kept: its first part goes on, the rest is only counted, up to the next head (PERF-01).
"""

import zlib
from collections.abc import Generator, Iterator

from aurora_logs.formats import Format
from aurora_logs.records.flow import Chunk, Portion
from aurora_logs.seams import Position
from aurora_logs.segments import CHECK_BYTES

ENTRY_MAX_BYTES = 8 << 20  # log-formats.md §2.1: longest entry that is held in memory while its end is awaited
HEAD_BYTES = 8 << 10  # of a longer one the last bytes are held back: a head may begin in them


class Tail:
    """What a visit carries from portion to portion: text after the last complete entry, and the giant being counted.

    Of a giant `content` is the first part; `skipped_bytes` follow it, then `ahead`. crc: of content and the skipped bytes.
    """

    __slots__ = ("ahead", "content", "crc", "offset", "segment_id", "skipped_bytes")

    def __init__(self) -> None:
        self.content = self.ahead = b""
        self.offset = 0
        self.segment_id = ""
        self.skipped_bytes = 0
        self.crc = 0

    @property
    def end(self) -> int:
        """Byte offset behind everything that was taken in."""
        return self.offset + len(self.content) + self.skipped_bytes + len(self.ahead)

    def skip(self, content: bytes) -> None:
        """Count bytes of a giant."""
        self.crc = zlib.crc32(content, self.crc)
        self.skipped_bytes += len(content)

    def start_at(self, segment_id: str, offset: int) -> None:
        """Forget everything and begin at `offset`."""
        self.__init__()  # type: ignore[misc]  # a fresh tail, same object
        self.segment_id, self.offset = segment_id, offset


def split(portion: Portion, tail: Tail, held: Position, log_format: Format) -> Iterator[Chunk]:
    """Yield the whole entries of tail + portion. A portion that does not follow the tail starts afresh (rewind)."""
    if tail.segment_id != portion.segment.segment_id or tail.end != portion.offset:
        tail.start_at(portion.segment.segment_id, portion.offset)
        assert portion.offset == held.checkpoint.byte_offset, "a portion must follow the checkpoint"
    final = portion.closes or portion.gap is not None or portion.truncated
    content = portion.content
    if tail.ahead:
        content = yield from _skip_giant(content, tail, log_format, final=final)
    buffer = tail.content + content if tail.content else content
    cut = log_format.cut(buffer, final=final, quiet=portion.quiet)
    if cut:
        yield Chunk(content=buffer[:cut] if cut < len(buffer) else buffer, offset=tail.offset, truncated=portion.truncated)
    tail.offset += cut
    tail.content = buffer[cut:]
    if len(tail.content) > ENTRY_MAX_BYTES + HEAD_BYTES:
        giant, tail.content = tail.content, tail.content[:ENTRY_MAX_BYTES]
        tail.crc = zlib.crc32(tail.content)
        tail.skip(giant[ENTRY_MAX_BYTES:-HEAD_BYTES])
        tail.ahead = giant[-HEAD_BYTES:]


def _skip_giant(content: bytes, tail: Tail, log_format: Format, *, final: bool) -> Generator[Chunk, None, bytes]:
    """Count the giant entry's bytes up to the next head; the value is what follows it."""
    seen = tail.ahead + content
    head = log_format.next_head(seen, 1)  # one at 0 would have been seen before
    if head < 0 and not final:
        tail.skip(seen[:-HEAD_BYTES])
        tail.ahead = seen[-HEAD_BYTES:]
        return b""
    end = head if head >= 0 else len(seen)
    tail.skip(seen[:end])
    yield Chunk(content=tail.content, offset=tail.offset, cut_bytes=tail.skipped_bytes, crc=tail.crc,
                last=seen[max(0, end - CHECK_BYTES):end])
    tail.start_at(tail.segment_id, tail.offset + len(tail.content) + tail.skipped_bytes)
    return seen[end:]
