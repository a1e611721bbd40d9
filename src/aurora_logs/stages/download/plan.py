"""Which segment of a file comes next: oldest first, drained by its own name, gaps where RDS was faster.

Rules of rds-log-api.md §5.1: an hourly family is read segment by segment; the live file is the last. A rotated hour is
immutable. Pure: rows in, one step out.
"""

from collections.abc import Collection

from aurora_logs.ports import Files
from aurora_logs.records.fleet import TrackedFile
from aurora_logs.records.flow import Checkpoint, Gap, Segment
from aurora_logs.segments import is_hourly, ordinal_of, ordinal_order

GONE_AFTER = 3  # whole listings in a row without the file (rds-log-api.md §8.4)


def next_step(checkpoint: Checkpoint, files: Files, gone: Collection[str]) -> Segment | Gap | None:
    """Return the segment to read, a gap to report, or None when nothing is left.

    gone: listed names and segment ids that a read of this visit found to be gone.
    """
    rows = [row for row in files.segments() if row.missing < GONE_AFTER and row.log_file_name not in gone]
    if not is_hourly(checkpoint.log_file_name):
        return _dated(checkpoint, files, rows, gone)
    return _hourly(checkpoint, files, rows, gone)


def _dated(checkpoint: Checkpoint, files: Files, rows: list[TrackedFile], gone: Collection[str]) -> Segment | Gap | None:
    family = checkpoint.log_file_name
    row = next(iter(sorted(rows, key=lambda one: one.log_file_name)), None)
    if row is None:
        known = max((one.file_size for one in files.segments()), default=0)
        return _lost(checkpoint, family, known, gone)
    closed = row.log_file_name.endswith(".gz") or files.is_closed(row)
    if closed and is_drained(row):
        return None
    return Segment(segment_id=family, log_file_name=row.log_file_name, ordinal=None, size_bytes=row.file_size,
                   last_written_ms=row.last_written, closed=closed)


def _hourly(checkpoint: Checkpoint, files: Files, rows: list[TrackedFile], gone: Collection[str]) -> Segment | Gap | None:
    family, current = checkpoint.log_file_name, checkpoint.segment_id
    rotated = sorted((row for row in rows if row.log_file_name != family), key=_hour)
    open_ones = [row for row in rotated if not is_drained(row)]
    mine = next((row for row in open_ones if row.segment_id == current), None)
    if mine is not None:
        return _rotated_segment(mine)
    known = {row.segment_id for row in rotated}
    if current and current not in known and current not in gone and _was_purged(current, open_ones):
        sizes = [row.file_size for row in files.segments() if row.segment_id == current and row.log_file_name != family]
        return _lost(checkpoint, current, max(sizes, default=0), gone, always=True)
    if open_ones and not (current and current not in known and current not in gone):
        return _rotated_segment(open_ones[0])
    live = next((row for row in rows if row.log_file_name == family), None)
    if live is None:
        return None
    is_current = bool(current) and current not in known and current not in gone
    return Segment(segment_id=current if is_current else "", log_file_name=family,
                   ordinal=current.partition("@")[2] if is_current else None, size_bytes=live.file_size,
                   last_written_ms=live.last_written, closed=False)


def is_drained(row: TrackedFile) -> bool:
    """Tell whether all of a closed file is delivered or accounted for."""
    return row.status == "completed" and row.delivered_bytes >= row.file_size


def _rotated_segment(row: TrackedFile) -> Segment:
    return Segment(segment_id=row.segment_id, log_file_name=row.log_file_name, ordinal=row.segment_id.partition("@")[2],
                   size_bytes=row.file_size, last_written_ms=row.last_written, closed=True)


def _was_purged(current: str, open_ones: list[TrackedFile]) -> bool:
    """A newer hour is rotated away already, so ours was too, and it is not listed any more (RDS-43)."""
    if not open_ones:
        return False
    return ordinal_order(current.partition("@")[2]) < _hour(open_ones[0])


def _hour(row: TrackedFile) -> tuple[str, int]:
    return ordinal_order(ordinal_of(row.log_file_name) or row.log_file_name)


def _lost(checkpoint: Checkpoint, segment_id: str, size: int, gone: Collection[str], *, always: bool = False) -> Gap | None:
    at = checkpoint.byte_offset if checkpoint.segment_id == segment_id else 0
    if segment_id in gone or (at >= size and not always):
        return None
    reason = "in_doubt" if checkpoint.resend_until > at and checkpoint.segment_id == segment_id else "purged"
    return Gap(segment_id=segment_id, from_position=at, to_position=max(at, size), reason=reason)


__all__ = ["GONE_AFTER", "is_drained", "next_step"]
