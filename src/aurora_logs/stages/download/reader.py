"""Read one segment from the claim's position to its end: portions for the tail, the complete file for the rest."""

from collections.abc import Generator, Iterator, Sequence
from typing import NoReturn

from aurora_logs import telemetry
from aurora_logs.errors import BinaryRefused, CompleteFileRefused, LogFileGone, MarkerRefused, Unreachable
from aurora_logs.ports import Claim, LogSource
from aurora_logs.records.fleet import Delivered, TrackedFile
from aurora_logs.records.flow import Answer, Gap, Portion, Segment
from aurora_logs.segments import (
    CHECK_BYTES,
    START,
    build_marker,
    checked_bytes,
    is_hourly,
    is_same,
    is_size_a_hint,
    normal_ordinal,
    parse_marker,
    segment_id,
    tail_hash,
)
from aurora_logs.stages.download.answers import (
    Broken,
    Nothing,
    Placed,
    Replaced,
    Rotated,
    Unplaced,
    Verdict,
    judge,
)
from aurora_logs.stages.download.plan import Rotation, Visit
from aurora_logs.stages.download.walk import Walk, is_opaque

WHOLE_FROM_BYTES = 2 << 20  # planner rule 4 (rds-log-api.md §11): two portions or more are cheaper as one call
WHOLE_SHARE = 0.1  # … when at least this share of the file is still to be read
WHOLE_LIVE_MAX_BYTES = 256_000_000  # rds-log-api.md §9: a live file is fetched whole only below this
PORTION_LINES = 10_000  # RDS gives no more a call
PORTION_BYTES = 943_718  # 0.9 MiB: what we ask for once truncation showed that lines are long (RDS-65)
MAX_MENDS = 5  # rds-log-api.md §6: tries with fewer lines in a row, then the complete file
MAX_REWINDS = 3  # in one visit; a file that changes faster is left for the next
ASK_AGAIN = 3  # answers without data, marker or growth before a visit gives up


class SegmentReader:
    """Reads one segment. `portions()` yields checked bytes and returns True when the closed segment is at its end."""

    def __init__(self, source: LogSource, held: Claim, segment: Segment, rows: Sequence[TrackedFile], visit: Visit) -> None:
        """rows: of this family. visit: to which it adds the hours that it meets."""
        self._source, self._held, self._segment = source, held, segment
        self._rows, self._visit = rows, visit
        row = held.checkpoint
        is_mine = bool(segment.segment_id) and row.segment_id == segment.segment_id
        self._reached = row.byte_offset if is_mine else 0
        self._known = row.tail_hash if is_mine else b""
        marker = parse_marker(row.marker) if is_mine else None
        self._prefix = segment.ordinal or (marker.ordinal if marker else "")
        self._max_lines = 0
        self._complete_ok = True
        self._is_begun = is_mine
        self._unplaced = b""
        self._rewinds = 0
        self._refused_lines = self._mends = 0
        self._walk: Walk | None = None

    def portions(self) -> Generator[Portion, None, bool]:
        """Yield portions; the generator's value tells whether the segment is closed and read to its end."""
        segment = self._segment
        if segment.closed and not is_size_a_hint(self._segment.log_file_name):
            if self._reached == segment.size_bytes and not self._known:
                self._begin(self._prefix)  # an empty file is a segment too
                return True
            if self._reached > segment.size_bytes:  # cut by a restart before it was rotated
                self._rewind()
        if self._whole_is_better() and (yield from self._whole_file()):
            return segment.closed
        fruitless = 0
        while fruitless < ASK_AGAIN:
            before = self._reached, self._max_lines
            try:
                answer, verdict = self._ask()
            except BinaryRefused:
                if self._reached > segment.size_bytes:  # what was readable is not any more: cut and grown again
                    self._rewind()
                    continue
                if self._reached == segment.size_bytes or (yield from self._whole_file()):
                    return segment.closed
                yield from self._around_binary()
                continue
            if isinstance(verdict, Placed):
                self._widen(verdict.fresh)
                yield from self._deliver(verdict, answer)
            elif isinstance(verdict, Broken):
                yield from self._mend(verdict)
            elif isinstance(verdict, Replaced):
                self._rewind()
            # at the end the bytes before it are compared too: cut and grown to the very same size (RDS-83)
            if segment.closed and self._reached >= segment.size_bytes and (isinstance(verdict, Placed) or not self._known):
                return True
            if not segment.closed and not answer.more and is_size_a_hint(self._segment.log_file_name):
                return False  # RDS-56: more is listed than anybody gets
            is_cut = isinstance(verdict, Nothing) and bool(self._known) and self._reached > segment.size_bytes
            if not segment.closed and not answer.more and self._reached >= segment.size_bytes and not is_cut:
                return False
            fruitless = fruitless + 1 if (self._reached, self._max_lines) == before else 0
        return (yield from self._at_a_standstill())

    # one read

    def _ask(self) -> tuple[Answer, Verdict]:
        known = b"" if self._max_lines else self._known
        asked = self._reached - checked_bytes(known)
        answer = self._read_at(asked, self._max_lines)
        self._held.keep()
        live_ordinal = self._segment.ordinal if not self._segment.closed and self._segment.ordinal else None
        verdict = judge(answer, asked, known, live_ordinal)
        if isinstance(verdict, Rotated):
            self._visit.strays += 1
            raise Rotation
        if isinstance(verdict, Unplaced):
            verdict = self._confirm(verdict, known)
        if isinstance(verdict, (Placed, Broken)):
            self._begin(verdict.ordinal)
            if isinstance(verdict, Placed) and verdict.overlap_bytes:
                telemetry.overlap_dropped(self._held.checkpoint, verdict.overlap_bytes)
        return answer, verdict

    def _read_at(self, offset: int, max_lines: int) -> Answer:
        """Read from a byte offset: by a built marker, or, where none is honoured or readable, by a walk (RDS-31)."""
        if self._walk is None:
            answer = self._read_built(offset, max_lines)
            if answer is not None and not is_opaque(answer.marker):
                return answer
            is_live_hour = is_hourly(self._held.checkpoint.log_file_name) and not self._segment.closed
            self._walk = Walk(self._source, self._held.checkpoint.instance_id, self._segment.log_file_name,
                              needs_hour=is_live_hour)
        return self._walk.read(offset, max_lines)

    def _read_built(self, offset: int, max_lines: int) -> Answer | None:
        """Read behind a built marker; None when no such marker is honoured."""
        for is_second in (False, True):
            try:
                if is_second:  # RDS-38: learn the prefix again, then once more
                    self._learn_prefix()
                return self._source.read(self._held.checkpoint.instance_id, self._segment.log_file_name,
                                         self._marker_at(offset), max_lines=max_lines)
            except MarkerRefused:
                continue
        return None

    def _marker_at(self, offset: int) -> str:
        if offset == 0:
            return START
        if not self._prefix:
            self._learn_prefix()
        return build_marker(self._prefix, offset)

    def _learn_prefix(self) -> None:
        answer = self._source.read(self._held.checkpoint.instance_id, self._segment.log_file_name, "", max_lines=1)
        marker = parse_marker(answer.marker or "")
        if is_opaque(answer.marker):
            raise MarkerRefused(f"{self._segment.log_file_name}: markers are opaque")
        if marker is None:
            raise Unreachable(f"{self._held.checkpoint.instance_id} {self._segment.log_file_name}: no marker to go on from")
        if is_hourly(self._held.checkpoint.log_file_name) and not self._segment.closed and (
                self._segment.ordinal not in (None, normal_ordinal(marker.ordinal))):
            self._visit.strays += 1
            raise Rotation
        self._prefix = marker.ordinal

    def _confirm(self, verdict: Unplaced, known: bytes) -> Verdict:
        """Accept data without a marker only when a second answer equals the first and the tail check holds (RDS-23)."""
        if not self._is_begun or verdict.content != self._unplaced or not is_same(verdict.content, known):
            self._unplaced = verdict.content
            return Nothing()
        return Placed(verdict.content[checked_bytes(known):], self._prefix)

    def _begin(self, ordinal: str) -> None:
        """Bind the visit to the segment that the first good answer names, and move the checkpoint there."""
        if not self._is_begun:
            if self._segment.segment_id == "":  # a live hourly file: only the answer tells its hour
                hour = normal_ordinal(ordinal)
                identity = segment_id(self._segment.log_file_name, hour)
                self._meet(identity)
                self._segment = Segment(segment_id=identity, log_file_name=self._segment.log_file_name, ordinal=hour,
                                        size_bytes=self._segment.size_bytes,
                                        last_written_ms=self._segment.last_written_ms, closed=False)
            self._held.move_on(Delivered(segment_id=self._segment.segment_id), resend_until=self._sent_before())
            self._is_begun = True
        if self._segment.closed and self._segment.ordinal:  # RDS-46: offsets count, ordinals don't
            self._prefix = self._segment.ordinal
        elif ordinal:
            self._prefix = ordinal

    def _meet(self, identity: str) -> None:
        """A new live hour: list before a byte of it is used, since older hours may have been rotated away unread."""
        is_rotated = any(row.segment_id == identity for row in self._rows if row.log_file_name != self._segment.log_file_name)
        if is_rotated or identity not in self._visit.hours:
            self._visit.hours.add(identity)
            raise Rotation

    def _sent_before(self) -> int:
        """Return up to where this segment may be stored already: it was begun once, then an older one turned up."""
        sizes = [max(row.file_size, row.delivered_bytes) for row in self._rows
                 if row.segment_id == self._segment.segment_id and row.delivered_bytes]
        return max(sizes, default=0)

    # what an answer leads to

    def _deliver(self, verdict: Placed, answer: Answer) -> Iterator[Portion]:
        if not verdict.fresh:
            return
        end = self._reached + len(verdict.fresh)
        is_listed_end = end >= self._segment.size_bytes or (is_size_a_hint(self._segment.log_file_name) and not self._segment.closed)
        is_last = is_listed_end and not (answer.more and not self._segment.closed)
        yield from self._emit(verdict.fresh, closes=self._segment.closed and is_last,
                              is_last=is_last and not self._segment.closed)

    def _emit(self, fresh: bytes, *, closes: bool = False, is_last: bool = False, truncated: bool = False) -> Iterator[Portion]:
        end, row = self._reached + len(fresh), self._held.checkpoint
        quiet = is_last and row.quiet_end == end and self._held.note_end(end)
        offset, self._reached = self._reached, end
        self._known = tail_hash(fresh)
        marker = build_marker(self._prefix, end) if self._prefix else ""
        telemetry.portion_downloaded(row, len(fresh))
        yield Portion(segment=self._segment, offset=offset, content=fresh, marker=marker, closes=closes, quiet=quiet,
                      truncated=truncated)
        if is_last and self._held.checkpoint.byte_offset < end and not quiet:
            self._held.note_end(end)

    def _widen(self, fresh: bytes) -> None:
        """After a cure ask for twice the lines, by their size never for more than about 0.9 MiB (RDS-65).

        Before a refused line ask for half of what is left up to it: each answer halves the range (RDS-73).
        """
        self._mends = 0 if fresh else self._mends
        self._refused_lines = max(0, self._refused_lines - fresh.count(b"\n"))
        if self._refused_lines:
            self._max_lines = max(1, self._refused_lines // 2)
        elif self._max_lines and fresh:
            by_size = PORTION_BYTES * max(1, fresh.count(b"\n")) // len(fresh)
            wanted = max(1, min(self._max_lines * 2, by_size))
            self._max_lines = wanted if wanted < PORTION_LINES else 0

    def _gap(self, to_position: int, reason: str) -> Iterator[Portion]:
        if not self._is_begun:
            if not self._prefix:
                self._learn_prefix()
            self._begin(self._prefix)
        gap = Gap(segment_id=self._segment.segment_id, from_position=self._reached, to_position=to_position, reason=reason)
        telemetry.gap_found(self._held.checkpoint, gap)
        self._reached, self._known = to_position, b""
        closes = self._segment.closed and to_position >= self._segment.size_bytes
        yield Portion(segment=self._segment, offset=gap.from_position, content=b"", gap=gap, closes=closes)

    def _mend(self, broken: Broken) -> Iterator[Portion]:
        """Cure a cut line or a hole: ask for the whole lines only; then the complete file; then a gap (§6)."""
        self._mends += 1
        if self._mends > MAX_MENDS and (yield from self._whole_file()):
            self._max_lines = 0
            return
        if self._max_lines != 1:
            wanted = min(broken.whole_lines, PORTION_LINES) or 1
            self._max_lines = wanted if wanted != self._max_lines else max(1, wanted // 2)
            return
        self._max_lines = 0
        if (yield from self._whole_file()):
            return
        if broken.readable:
            yield from self._emit(broken.readable, truncated=True)
        yield from self._gap(broken.ends_at, "truncated")

    def _around_binary(self) -> Iterator[Portion]:
        """Rung 3 and 4 of §7: fewer lines, then pass the one refused line by a dead letter of exactly its range."""
        self._refused_lines = self._max_lines or PORTION_LINES
        self._max_lines = self._refused_lines // 2
        if self._max_lines:
            return
        self._refused_lines = 0
        low, high = 0, 1
        while not self._is_readable(self._reached + high):
            low, high = high, high * 2
            if self._reached + high > self._segment.size_bytes:
                high = self._segment.size_bytes - self._reached
                break
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._is_readable(self._reached + middle) else (middle, high)
        rest = self._first_line(self._reached + high) if self._reached + high < self._segment.size_bytes else b""
        passed = self._reached + high + len(rest)
        if self._is_begun:  # the whole entry up to there, so that a replay makes one record of it
            self._reached = min(self._reached, self._held.checkpoint.byte_offset)
        yield from self._gap(passed, "unreadable")

    def _is_readable(self, offset: int) -> bool:
        try:
            self._first_line(offset)
        except BinaryRefused:
            return False
        return True

    def _first_line(self, offset: int) -> bytes:
        self._held.keep()
        return self._read_at(offset, 1).content

    # the complete file

    def _whole_is_better(self) -> bool:
        left = self._segment.size_bytes - self._reached
        return self._segment.closed and left >= WHOLE_FROM_BYTES and left >= self._segment.size_bytes * WHOLE_SHARE

    def _whole_file(self) -> Generator[Portion, None, bool]:
        """Stream the complete file, skip what is delivered; the value tells whether that worked."""
        segment = self._segment
        can_name_it = bool(segment.segment_id)  # a live hour that no answer named yet can't be placed
        if not self._complete_ok or not can_name_it or (not segment.closed and segment.size_bytes > WHOLE_LIVE_MAX_BYTES):
            return False
        try:
            with self._source.complete_file(self._held.checkpoint.instance_id, segment.log_file_name) as pieces:
                if not segment.closed:
                    self._learn_prefix()  # asked while the file is open: the name stood for our hour then
                self._begin(segment.ordinal or self._prefix)
                yield from self._stream(pieces)
        except (CompleteFileRefused, LogFileGone) as error:  # gone for this path alone, or for both: portions will tell
            telemetry.complete_file_refused(self._held.checkpoint, error)
            self._complete_ok = False
            return False
        return True

    def _stream(self, pieces: Iterator[bytes]) -> Iterator[Portion]:
        at, window, pending = 0, b"", b""
        start = self._reached
        for piece in pieces:
            self._held.keep()
            begins, at = at, at + len(piece)
            if at <= start:
                window = (window + piece)[-CHECK_BYTES:]
                continue
            fresh = piece
            if begins <= start:
                skip = start - begins
                window, fresh = (window + piece[:skip])[-CHECK_BYTES:], piece[skip:]
                if not is_same(window[-checked_bytes(self._known):] if self._known else b"", self._known):
                    self._changed_before(start)
            if pending:
                yield from self._emit(pending)
            pending = fresh
        if at < start:
            self._changed_before(start)
        is_exact = self._segment.closed and not is_size_a_hint(self._segment.log_file_name)
        if is_exact and at < self._segment.size_bytes:
            if pending:
                yield from self._emit(pending)
            detail = f"{self._held.checkpoint.instance_id} {self._segment.log_file_name}: {at} of {self._segment.size_bytes} bytes"
            raise Unreachable(detail)
        yield from self._emit(pending, closes=self._segment.closed, is_last=not self._segment.closed)

    # trouble

    def _changed_before(self, offset: int) -> NoReturn:
        """The complete file is not the one that we read: go back, and let the next visit read it."""
        self._rewind()
        raise Unreachable(f"{self._held.checkpoint.instance_id} {self._segment.log_file_name} changed before byte {offset}")

    def _rewind(self) -> None:
        """Find the newest kept position whose bytes are still there and go back to it (rds-log-api.md §8.3)."""
        row = self._held.checkpoint
        self._rewinds += 1
        if self._rewinds > MAX_REWINDS:
            raise Unreachable(f"{row.instance_id} {self._segment.log_file_name} reads differently each time")
        for kept in reversed(row.kept):
            if kept.byte_offset <= self._segment.size_bytes and self._still_there(kept.byte_offset, kept.tail_hash):
                self._held.rewind(kept)
                break
        else:
            self._held.rewind(None)
        self._reached, self._known = self._held.checkpoint.byte_offset, self._held.checkpoint.tail_hash
        self._max_lines = 0

    def _still_there(self, offset: int, known: bytes) -> bool:
        size = checked_bytes(known)
        if not size:
            return False
        self._held.keep()
        try:
            answer = self._read_at(offset - size, CHECK_BYTES)
        except BinaryRefused:  # it can't be told: an earlier position is as good, what follows is sent carefully
            return False
        return is_same(answer.content, known)

    def _at_a_standstill(self) -> Generator[Portion, None, bool]:
        """Nothing came although bytes are listed: cut file, filtered file, early end or a stall (§5.4, 5.5)."""
        segment, row = self._segment, self._held.checkpoint
        if self._is_begun and self._reached > segment.size_bytes:
            self._rewind()
            return (yield from self.portions())
        if not segment.closed:
            telemetry.file_stalled(row, segment.size_bytes)
            return False
        if self._is_begun and self._reached == segment.size_bytes:
            return True
        if is_size_a_hint(self._segment.log_file_name):
            self._begin(self._prefix)
            yield from self._emit(b"", closes=True)  # RDS-56: the rest was filtered by RDS
            return True
        if (yield from self._whole_file()):
            return True
        self._begin(self._prefix)
        if not self._held.note_end(self._reached):
            raise Unreachable(f"{row.instance_id} {segment.log_file_name}: nothing comes behind byte {self._reached}")
        yield from self._gap(segment.size_bytes, "not_served")
        return True
