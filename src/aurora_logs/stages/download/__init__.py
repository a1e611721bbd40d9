"""Download what is new in a file: every byte placed, every loss named. Oldest segment first.

The position is a byte offset in a segment; each read begins up to 256 bytes earlier and compares them (the tail check),
so that a file that was cut, replaced or rotated is noticed before a byte of it is used.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from aurora_logs import telemetry
from aurora_logs.errors import ListingChanged, LogFileGone
from aurora_logs.formats import Format
from aurora_logs.intake import Turn
from aurora_logs.ports import LogSource
from aurora_logs.records.fleet import Delivered, delivered_of
from aurora_logs.records.flow import Portion, Segment
from aurora_logs.seams import Claim, Files
from aurora_logs.stages.download.complete import CompleteFile
from aurora_logs.stages.download.cursor import Cursor
from aurora_logs.stages.download.plan import Lost, Rotation, TurnOver, Visit, next_step
from aurora_logs.stages.download.reader import SegmentReader

MAX_SURPRISES = 6  # listings that one visit may ask for; then the file waits for the next


def download(source: LogSource, held: Claim, files: Files, log_format: Format, turn: Turn | None = None) -> Iterator[Portion]:
    """Yield what lies behind the claim's position, segment by segment, until the file is caught up or the turn is over.

    The claim's checkpoint must have passed a portion before the next one is asked for.
    Raises: what the source raises; ListingChanged when the files don't hold still.
    """
    visit = Visit(turn)
    for _ in range(MAX_SURPRISES):
        try:
            yield from _segments(source, held, files, log_format, visit)
        except TurnOver:
            return
        except Rotation:
            files.list_again()
        except LogFileGone as error:  # RDS-39: perhaps only renamed: list, and decide by what is there
            files.list_again()
            visit.gone.update(_vanished(files, error.detail))
        else:
            return
    raise ListingChanged(f"{held.checkpoint.instance_id} {held.checkpoint.log_file_name}")


def _segments(source: LogSource, held: Claim, files: Files, log_format: Format, visit: Visit) -> Iterator[Portion]:
    while (step := next_step(held.checkpoint, files, visit)) is not None:
        if _segment_of(step) not in ("", held.checkpoint.segment_id):
            files.left(held.checkpoint)
        if isinstance(step, Lost):
            yield from _lost(held, step, files.loss_reason())
            visit.gone.add(step.gap.segment_id)
            at_its_end = held.checkpoint if held.checkpoint.segment_id == step.gap.segment_id else None
            if step.row is not None and not files.drained(step.row, at_its_end):
                raise Rotation
            continue
        cursor = Cursor(source, held, step, files.segments(), visit)
        reader = SegmentReader(cursor, CompleteFile(source, cursor), log_format.next_head)
        if not (yield from reader.portions()):
            return
        row = next((one for one in files.segments() if one.log_file_name == step.log_file_name), None)
        if row is not None and not files.drained(row, held.checkpoint):
            raise Rotation


def _segment_of(step: Segment | Lost) -> str:
    return step.gap.segment_id if isinstance(step, Lost) else step.segment_id


def _lost(held: Claim, lost: Lost, reason: str) -> Iterator[Portion]:
    gap = replace(lost.gap, reason=reason) if lost.gap.reason == "purged" else lost.gap
    if gap.from_position == gap.to_position and lost.row is not None:
        return  # all that was ever listed is delivered
    if held.checkpoint.segment_id != gap.segment_id:
        row = lost.row
        held.move_on(delivered_of(row) if row and row.segment_id == gap.segment_id else Delivered(segment_id=gap.segment_id))
    segment = Segment(segment_id=gap.segment_id, log_file_name=held.checkpoint.log_file_name, ordinal=None,
                      size_bytes=gap.to_position, last_written_ms=0, closed=True)
    telemetry.gap_found(held.checkpoint, gap)
    yield Portion(segment=segment, offset=gap.from_position, content=b"", gap=gap, closes=True)


def _vanished(files: Files, detail: str) -> set[str]:
    """Names that the listing lacks after a read said that the file is gone."""
    return {row.log_file_name for row in files.segments() if row.missing and row.log_file_name in detail}


__all__ = ["download"]
