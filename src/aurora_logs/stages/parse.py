"""Parse chunks into the wire form of their records, in pieces that fit one batch each."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from aurora_logs.formats import Format, Origin
from aurora_logs.formats.redacted import redacted, redaction_of
from aurora_logs.records.fleet import LogFile
from aurora_logs.records.flow import Chunk, Piece, Portion, Segment
from aurora_logs.records.log_record import file_key_of
from aurora_logs.seams import Position
from aurora_logs.settings import Settings


def origin_of(file: LogFile, segment: Segment, settings: Settings) -> Origin:
    """Return the constants of a segment's records: identity, origin, and the settings that are part of parsing.

    An entry of which no time at all is known gets the file's last-written time: the listing's clock, not ours.
    """
    ordinal = segment.segment_id.partition("@")[2]
    return Origin(
        instance_id=file.instance_id, cluster_id=file.cluster_id, log_type=file.log_type, engine=file.engine,
        log_file_name=file.log_file_name, log_segment=ordinal or None,
        file_key=file_key_of(file.resource_id, file.log_type, segment.segment_id), cloud_region=file.aws_region,
        cloud_account_id=file.account_id, zone=settings.zone,
        redaction=settings.redaction if redaction_of(settings) is None else "off",
        entry_max_bytes=settings.entry_max_bytes, arrival_us=segment.last_written_ms * 1000)


def parse(chunks: Iterable[Chunk], portion: Portion, file: LogFile, held: Position, log_format: Format,
          settings: Settings) -> Iterator[Piece]:
    """Yield pieces in file order, each within BATCH_SIZE and BATCH_MAX_BYTES; a portion's gap comes last.

    A gap that cut an entry shares its piece.
    """
    last = None
    for piece in _pieces(chunks, portion, file, held, log_format, settings):
        if last is not None:
            yield last
        last = piece
    gap = portion.gap
    if gap is not None and last is not None and portion.truncated:
        yield replace(last, to_offset=gap.to_position, gap=gap)
        return
    if last is not None:
        yield last
    if gap is not None:
        yield Piece(portion=portion, from_offset=gap.from_position, to_offset=gap.to_position, gap=gap)


def _pieces(chunks: Iterable[Chunk], portion: Portion, file: LogFile, held: Position, log_format: Format,
            settings: Settings) -> Iterator[Piece]:
    origin, redaction = origin_of(file, portion.segment, settings), redaction_of(settings)
    offset, context = held.checkpoint.byte_offset, held.checkpoint.tail
    for chunk in chunks:
        at = chunk.offset
        end = chunk.offset + len(chunk.content) + chunk.cut_bytes
        while at < end:
            rest = chunk if at == chunk.offset else Chunk(
                content=chunk.content[at - chunk.offset:], offset=at, truncated=chunk.truncated)
            parsed = log_format.ndjson(rest, origin, context, max_records=settings.batch_size,
                                       max_bytes=settings.batch_max_bytes)
            if redaction is not None:
                parsed = redacted(parsed, file.log_type, redaction)
            at, context = parsed.end_offset, parsed.context
            yield Piece(portion=portion, from_offset=offset, to_offset=at, parsed=parsed, chunk=chunk)
            offset = at
