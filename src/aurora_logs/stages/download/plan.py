"""Which segment of a file comes next: oldest first, drained by its own name, gaps where RDS was faster.

Rules of rds-log-api.md §5.1: an hourly family is read segment by segment; the live file is the last. A rotated hour is
immutable. Pure: rows in, one step out.
"""

from collections.abc import Collection
from typing import NamedTuple

from aurora_logs.intake import Turn
from aurora_logs.records.fleet import TrackedFile
from aurora_logs.records.flow import Checkpoint, Gap, Segment
from aurora_logs.seams import Files
from aurora_logs.segments import is_earlier, is_hourly, ordinal_of, ordinal_order

GONE_AFTER = 3  # whole listings in a row without the file (rds-log-api.md §8.4)


class Rotation(Exception):  # a turn of events inside this stage, not an error of ours
    """The live name stands for another segment now."""


class TurnOver(Exception):  # the same
    """The visit ends here, whatever is left: its turn is over, or the service stops."""


class Visit:
    """What one visit has found out so far, and how long it may go on.

    gone:   listed names that a read did not find, and segment ids whose gap is on record.
    hours:  live segments that an answer named.
    strays: answers under the live name that belonged to another hour than ours, each followed by a listing.
    """

    __slots__ = ("_turn", "gone", "hours", "strays")

    def __init__(self, turn: Turn | None = None) -> None:
        """turn: None for one that nothing ends."""
        self._turn = turn
        self.gone: set[str] = set()
        self.hours: set[str] = set()
        self.strays = 0

    def may_read(self, undelivered_bytes: int, *, whole: bool = False) -> None:
        """Wait for room for one more portion (Turn.may_read). Raises: TurnOver, SinkBusy."""
        if self._turn is not None and not self._turn.may_read(undelivered_bytes, whole=whole):
            raise TurnOver

    def went_on(self) -> None:
        """A portion was handed out."""
        if self._turn is not None:
            self._turn.went_on()


class Lost(NamedTuple):
    """The rest of a file that is gone: an empty gap when all that was listed is delivered. row: None when none tells."""

    gap: Gap
    row: TrackedFile | None


def next_step(checkpoint: Checkpoint, files: Files, visit: Visit) -> Segment | Lost | None:
    """Return the segment to read, what is lost, or None when nothing is left."""
    if not is_hourly(checkpoint.log_file_name):
        return _dated(checkpoint, files, visit.gone)
    return _hourly(checkpoint, files, visit)


def _dated(checkpoint: Checkpoint, files: Files, gone: Collection[str]) -> Segment | Lost | None:
    family = checkpoint.log_file_name
    rows = sorted(files.segments(), key=lambda one: one.log_file_name)
    row = next((one for one in rows if one.missing < GONE_AFTER and one.log_file_name not in gone), None)
    if row is None:
        lost = next((one for one in rows if not is_drained(one)), None)
        return _lost(checkpoint, lost, family, gone) if lost else None
    closed = row.log_file_name.endswith(".gz") or files.is_closed(row)
    if closed and is_drained(row):
        return None
    return Segment(segment_id=family, log_file_name=row.log_file_name, ordinal=None, size_bytes=row.file_size,
                   last_written_ms=row.last_written, closed=closed)


def _hourly(checkpoint: Checkpoint, files: Files, visit: Visit) -> Segment | Lost | None:
    family, current, gone = checkpoint.log_file_name, checkpoint.segment_id, visit.gone
    rows = files.segments()
    rotated = sorted((row for row in rows if row.log_file_name != family), key=_hour)
    known = {row.segment_id for row in rotated}
    is_live = bool(current) and current not in known and current not in gone
    waiting = [row for row in rotated if not is_drained(row) and row.segment_id not in gone]
    is_passed = bool(waiting) and is_earlier(current.partition("@")[2], ordinal_of(waiting[0].log_file_name) or "")
    if is_live and (is_passed or visit.strays >= GONE_AFTER):
        # A newer hour is rotated away or live already, and ours is not listed any more (RDS-43); how long it was is unknown.
        return Lost(Gap(segment_id=current, from_position=checkpoint.byte_offset, to_position=checkpoint.byte_offset,
                        reason="purged"), None)
    for row in sorted(waiting, key=lambda one: one.segment_id != current):  # the begun one, then the oldest
        if row.log_file_name in gone or row.missing >= GONE_AFTER:
            return _lost(checkpoint, row, row.segment_id, gone)
        return _rotated_segment(row)
    live = next((row for row in rows if row.log_file_name == family), None)
    if live is None or is_drained_and_gone(live) or live.log_file_name in gone:
        return None
    if not live.file_size and not is_live:
        return None  # a fresh hour without a byte: no call
    if live.missing >= GONE_AFTER:
        anchored = live.segment_id if live.segment_id not in known else ""
        return _lost(checkpoint, live, current if is_live else anchored or family, gone)
    return Segment(segment_id=current if is_live else "", log_file_name=family,
                   ordinal=current.partition("@")[2] if is_live else None, size_bytes=live.file_size,
                   last_written_ms=live.last_written, closed=False)


def is_drained(row: TrackedFile) -> bool:
    """Tell whether all of a closed file is delivered or accounted for."""
    return row.status == "completed" and row.delivered_bytes >= row.file_size


def is_drained_and_gone(row: TrackedFile) -> bool:
    """Tell whether nothing is left to report of a file that is not listed any more."""
    return row.missing >= GONE_AFTER and is_drained(row)


def _rotated_segment(row: TrackedFile) -> Segment:
    return Segment(segment_id=row.segment_id, log_file_name=row.log_file_name, ordinal=row.segment_id.partition("@")[2],
                   size_bytes=row.file_size, last_written_ms=row.last_written, closed=True)


def _hour(row: TrackedFile) -> tuple[str, int]:
    return ordinal_order(ordinal_of(row.log_file_name) or row.log_file_name)


def _lost(checkpoint: Checkpoint, row: TrackedFile, segment_id: str, gone: Collection[str]) -> Lost | None:
    """The rest of a file that is gone; nothing as long as too few whole listings said so (RDS-05, RDS-39)."""
    if segment_id in gone or row.missing < GONE_AFTER:
        return None
    at = row.delivered_bytes if row.segment_id == segment_id else 0
    if checkpoint.segment_id == segment_id:
        at = checkpoint.byte_offset
    in_doubt = checkpoint.segment_id == segment_id and checkpoint.resend_until > at
    return Lost(Gap(segment_id=segment_id, from_position=at, to_position=max(at, row.file_size),
                    reason="in_doubt" if in_doubt else "purged"), row)


__all__ = ["GONE_AFTER", "Lost", "Rotation", "TurnOver", "Visit", "is_drained", "next_step"]
