"""Make batches of parsed pieces: identity, byte range and hash, so that the same bytes always give the same batch."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from aurora_logs.records.fleet import LogFile
from aurora_logs.records.flow import Batch, Parsed, Piece
from aurora_logs.records.log_record import file_key_of
from aurora_logs.seams import Position
from aurora_logs.segments import CHECK_BYTES, build_marker, parse_marker, tail_hash

EMPTY = Parsed(lines=[], ids=[], end_offset=0, context=b"")


def batches(pieces: Iterable[Piece], file: LogFile, held: Position) -> Iterator[Batch]:
    """Yield one batch a piece. A range that may be stored already (below `resend_until`) is marked careful."""
    file_key = ""
    for piece in pieces:
        segment, parsed = piece.portion.segment, piece.parsed or EMPTY
        file_key = file_key or file_key_of(file.resource_id, file.log_type, segment.segment_id)
        ids_hash = blake2b(b"".join(parsed.ids), digest_size=8).hexdigest()
        prefix = parse_marker(piece.portion.marker)
        yield Batch(
            batch_id=f"{held.checkpoint.epoch:x}-{piece.from_offset:x}-{piece.to_offset:x}-{ids_hash}",
            log_type=file.log_type, file_key=file_key, segment=segment, from_offset=piece.from_offset,
            to_offset=piece.to_offset, lines=parsed.lines, ids=parsed.ids, ids_hash=ids_hash,
            context=parsed.context if piece.parsed else b"", furniture_bytes=parsed.furniture_bytes,
            raw_records=parsed.raw_records, log_lines=_log_lines(piece), tail_hash=_tail_hash(piece),
            marker=build_marker(prefix.ordinal, piece.to_offset) if prefix else "",
            gap=piece.gap,
            careful=piece.from_offset < held.checkpoint.resend_until)


def _log_lines(piece: Piece) -> int:
    chunk = piece.chunk
    begin = max(0, piece.from_offset - chunk.offset) if chunk else 0
    return chunk.content.count(b"\n", begin, piece.to_offset - chunk.offset) if chunk else 0


def _tail_hash(piece: Piece) -> bytes:
    """Return the hash of what stands before the range's end; none where a gap does."""
    chunk = piece.chunk
    if chunk is None or piece.gap is not None:
        return b""
    end = piece.to_offset - chunk.offset
    return tail_hash(chunk.last or chunk.content[max(0, end - CHECK_BYTES):end])


def with_following(made: Iterable[Batch]) -> Iterator[tuple[Batch, Batch | None]]:
    """Yield each batch with the one behind it: one state write ends the first and intends the second (W7)."""
    ahead = iter(made)
    current = next(ahead, None)
    while current is not None:
        following = next(ahead, None)
        yield current, following
        current = following
