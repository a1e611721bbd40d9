"""Where the reading of a segment stands: reads at byte offsets, portions handed out, gaps, and the way back after a cut."""

from collections.abc import Iterator, Sequence
from typing import NoReturn

from msgspec.structs import replace

from aurora_logs import telemetry
from aurora_logs.errors import BinaryRefused, MarkerRefused, Unreachable
from aurora_logs.ports import LogSource
from aurora_logs.records.fleet import Delivered, TrackedFile
from aurora_logs.records.flow import Answer, Gap, Portion, Segment
from aurora_logs.seams import Claim
from aurora_logs.segments import (
    CHECK_BYTES,
    START,
    build_marker,
    checked_bytes,
    is_earlier,
    is_hourly,
    is_same,
    normal_ordinal,
    parse_marker,
    segment_id,
    tail_hash,
)
from aurora_logs.stages.download.plan import Rotation, Visit
from aurora_logs.stages.download.walk import Walk, is_opaque

MAX_REWINDS = 3  # in one visit; a file that changes faster is left for the next


class Cursor:
    """A position in one segment.

    reached: bytes handed out so far. known: tail hash of the bytes before it; known_lines: line ends in those bytes, None
    when nobody counted them. is_begun: the claim's checkpoint is in
    this segment; until then `segment.segment_id` is "" for a live hour that no answer has named.
    """

    def __init__(self, source: LogSource, held: Claim, segment: Segment, rows: Sequence[TrackedFile], visit: Visit) -> None:
        """rows: of this family. visit: to which it adds the hours that it meets."""
        self.held, self.segment = held, segment
        self._source, self._rows, self._visit = source, rows, visit
        row = held.checkpoint
        self.is_begun = bool(segment.segment_id) and row.segment_id == segment.segment_id
        self.reached, self.known = (row.byte_offset, row.tail_hash) if self.is_begun else (0, b"")
        self.known_lines: int | None = None if self.known else 0
        marker = parse_marker(row.marker) if self.is_begun else None
        self.prefix = segment.ordinal or (marker.ordinal if marker else "")
        self._rewinds = 0
        self._walk: Walk | None = None

    @property
    def where(self) -> str:
        """Instance and file, for messages."""
        return f"{self.held.checkpoint.instance_id} {self.segment.log_file_name}"

    # reads

    def read(self, offset: int, max_lines: int) -> Answer:
        """Read from a byte offset: by a built marker, or, where none is honoured or readable, by a walk (RDS-31)."""
        self.may_read()
        if self._walk is None:
            answer = self._read_built(offset, max_lines)
            if answer is not None and not is_opaque(answer.marker):
                return answer
            is_live_hour = is_hourly(self.held.checkpoint.log_file_name) and not self.segment.closed
            self._walk = Walk(self._source, self.held.checkpoint.instance_id, self.segment.log_file_name,
                              needs_hour=is_live_hour)
        return self._walk.read(offset, max_lines)

    def may_read(self, *, whole: bool = False) -> None:
        """Ask for room for one more portion. Raises: TurnOver, SinkBusy."""
        begun_at = self.held.checkpoint.byte_offset if self.is_begun else self.reached
        self._visit.may_read(self.reached - begun_at, whole=whole)

    def _read_built(self, offset: int, max_lines: int) -> Answer | None:
        """Read behind a built marker; None when no such marker is honoured."""
        for is_second in (False, True):
            try:
                if is_second:  # RDS-38: learn the prefix again, then once more
                    self.learn_prefix()
                return self._source.read(self.held.checkpoint.instance_id, self.segment.log_file_name,
                                         self._marker_at(offset), max_lines=max_lines)
            except MarkerRefused:
                continue
        return None

    def _marker_at(self, offset: int) -> str:
        if offset == 0:
            return START
        if not self.prefix:
            self.learn_prefix()
        return build_marker(self.prefix, offset)

    def learn_prefix(self) -> None:
        """Ask for the marker at the file's end. Raises: Rotation when the live name stands for another hour now."""
        answer = self._source.read(self.held.checkpoint.instance_id, self.segment.log_file_name, "", max_lines=1)
        marker = parse_marker(answer.marker or "")
        if is_opaque(answer.marker):
            raise MarkerRefused(f"{self.segment.log_file_name}: markers are opaque")
        if marker is None:
            raise Unreachable(f"{self.where}: no marker to go on from")
        if is_hourly(self.held.checkpoint.log_file_name) and not self.segment.closed and (
                self.segment.ordinal not in (None, normal_ordinal(marker.ordinal))):
            self.strays()
        self.prefix = marker.ordinal

    def strays(self) -> NoReturn:
        """An answer under the live name belonged to another hour than ours. Raises: Rotation."""
        self._visit.strays += 1
        raise Rotation

    # the segment

    def begin(self, ordinal: str) -> None:
        """Bind the visit to the segment that the first good answer names, and move the checkpoint there.

        Raises: Rotation at the first sight of an hour: older ones may have been rotated away unread.
        """
        if not self.is_begun:
            if self.segment.segment_id == "":  # a live hourly file: only the answer tells its hour
                hour = normal_ordinal(ordinal)
                identity = segment_id(self.segment.log_file_name, hour)
                self._meet(identity)
                self.segment = replace(self.segment, segment_id=identity, ordinal=hour)
            self.held.move_on(Delivered(segment_id=self.segment.segment_id), resend_until=self._sent_before())
            self.is_begun = True
        if self.segment.closed and self.segment.ordinal:  # RDS-46: offsets count, ordinals don't
            self.prefix = self.segment.ordinal
        elif ordinal:
            self.prefix = ordinal

    def _meet(self, identity: str) -> None:
        is_rotated = any(row.segment_id == identity for row in self._rows if row.log_file_name != self.segment.log_file_name)
        if is_rotated or identity not in self._visit.hours:
            self._visit.hours.add(identity)
            raise Rotation

    def _sent_before(self) -> int:
        """Return up to where this segment may be stored already: it was begun once, then an older one turned up.

        An hour before the one that the work had come to may have been delivered whole, and its row pruned (RDS-59).
        """
        hour, current = (identity.partition("@")[2] for identity in (self.segment.segment_id, self.held.checkpoint.segment_id))
        if is_earlier(hour, current):
            return self.segment.size_bytes
        if not self.held.checkpoint.segment_id and self.held.checkpoint.resend_until:  # RUN-68, in the file's first visit
            return max(self.segment.size_bytes, self.held.checkpoint.resend_until)
        begun = [row for row in self._rows if row.segment_id == self.segment.segment_id]
        sizes = [max(row.file_size, row.delivered_bytes) for row in begun if row.delivered_bytes]
        return max([*sizes, *(row.resend_until for row in begun)], default=0)

    # portions

    def emit(self, fresh: bytes, *, closes: bool = False, is_last: bool = False, whole: bool = False) -> Iterator[Portion]:
        """Hand out the bytes behind `reached`. is_last: nothing more is there now, so that an open end may be complete."""
        end, row = self.reached + len(fresh), self.held.checkpoint
        quiet = is_last and row.quiet_end == end and self.held.note_end(end)
        offset, self.reached = self.reached, end
        self.known, self.known_lines = tail_hash(fresh), fresh[-CHECK_BYTES:].count(b"\n")
        marker = build_marker(self.prefix, end) if self.prefix else ""
        telemetry.portion_downloaded(row, len(fresh), way="complete" if whole else "portion",
                                     again=not self.held.moves_checkpoint)
        self._visit.went_on()
        yield Portion(segment=self.segment, offset=offset, content=fresh, marker=marker, closes=closes, quiet=quiet)
        if is_last and self.held.checkpoint.byte_offset < end and not quiet:
            self.held.note_end(end)

    def gap(self, to_position: int, reason: str, *, readable: bytes = b"") -> Iterator[Portion]:
        """Hand out the range that nobody can read, up to `to_position`; `readable`: what stands before it in its line."""
        if not self.is_begun:
            if not self.prefix:
                self.learn_prefix()
            self.begin(self.prefix)
        offset, begins = self.reached, self.reached + len(readable)
        gap = Gap(segment_id=self.segment.segment_id, from_position=begins, to_position=to_position, reason=reason)
        telemetry.gap_found(self.held.checkpoint, gap)
        self.reached, self.known, self.known_lines = to_position, b"", 0
        closes = self.segment.closed and to_position >= self.segment.size_bytes
        yield Portion(segment=self.segment, offset=offset, content=readable, gap=gap, closes=closes, truncated=bool(readable))

    # the way back

    def rewind(self) -> None:
        """Find the newest kept position whose bytes are still there and go back to it (rds-log-api.md §8.3)."""
        row = self.held.checkpoint
        self._rewinds += 1
        if self._rewinds > MAX_REWINDS:
            raise Unreachable(f"{self.where} reads differently each time")
        for kept in reversed(row.kept):
            if kept.byte_offset <= self.segment.size_bytes and self._still_there(kept.byte_offset, kept.tail_hash):
                self.held.rewind(kept)
                break
        else:
            self.held.rewind(None)
        self.reached, self.known = self.held.checkpoint.byte_offset, self.held.checkpoint.tail_hash
        self.known_lines = None if self.known else 0

    def _still_there(self, offset: int, known: bytes) -> bool:
        size = checked_bytes(known)
        if not size:
            return False
        self.held.keep()
        try:
            answer = self.read(offset - size, CHECK_BYTES)
        except BinaryRefused:  # it can't be told: an earlier position is as good, what follows is sent carefully
            return False
        return is_same(answer.content, known)
