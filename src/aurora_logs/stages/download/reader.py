"""Read one segment from the claim's position to its end: portions for the tail, the complete file for the rest."""

from collections.abc import Generator, Iterator

from aurora_logs import telemetry
from aurora_logs.errors import BinaryRefused, Unreachable
from aurora_logs.records.flow import Answer, Portion
from aurora_logs.segments import checked_bytes, is_same, is_size_a_hint
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
from aurora_logs.stages.download.complete import CompleteFile
from aurora_logs.stages.download.cursor import Cursor
from aurora_logs.stages.download.unreadable import PORTION_LINES, NextHead, is_replaced, pass_entry

PORTION_BYTES = 943_718  # 0.9 MiB: what we ask for once truncation showed that lines are long (RDS-65)
MAX_MENDS = 5  # rds-log-api.md §6: tries with fewer lines in a row, then the complete file
ASK_AGAIN = 3  # answers without data, marker or growth before a visit gives up


class SegmentReader:
    """Reads one segment. `portions()` yields checked bytes and returns True when the closed segment is at its end."""

    def __init__(self, cursor: Cursor, complete: CompleteFile, next_head: NextHead) -> None:
        """next_head: of the file's format, to know how far an unreadable entry reaches."""
        self._cursor, self._complete, self._next_head = cursor, complete, next_head
        self._max_lines = 0
        self._refused_lines = self._mends = 0
        self._unplaced = b""

    def portions(self) -> Generator[Portion, None, bool]:
        """Yield portions; the generator's value tells whether the segment is closed and read to its end."""
        cursor, segment = self._cursor, self._cursor.segment
        if segment.closed and not is_size_a_hint(segment.log_file_name):
            if cursor.reached == segment.size_bytes and not cursor.known:
                cursor.begin(cursor.prefix)  # an empty file is a segment too
                return True
            if cursor.reached > segment.size_bytes:  # cut by a restart before it was rotated
                self._rewind()
        if self._complete.is_better() and (yield from self._complete.portions()):
            return segment.closed
        fruitless = 0
        while fruitless < ASK_AGAIN:
            before = cursor.reached, self._max_lines
            try:
                answer, verdict = self._ask()
            except BinaryRefused:
                if cursor.reached > segment.size_bytes:  # what was readable is not any more: cut and grown again
                    self._rewind()
                elif cursor.reached == segment.size_bytes or (yield from self._complete.portions()):
                    return segment.closed
                elif not (yield from self._around_refused_lines()):
                    return False
                continue
            yield from self._take(verdict, answer)
            if segment.closed:
                # at the end the bytes before it are compared too: cut and grown to the very same size (RDS-83)
                if cursor.reached >= segment.size_bytes and (isinstance(verdict, Placed) or not cursor.known):
                    return True
            elif not answer.more and self._is_live_end(verdict):
                return False
            fruitless = fruitless + 1 if (cursor.reached, self._max_lines) == before else 0
        return (yield from self._at_a_standstill())

    def _is_live_end(self, verdict: Verdict) -> bool:
        cursor, segment = self._cursor, self._cursor.segment
        if is_size_a_hint(segment.log_file_name):
            return True  # RDS-56: more is listed than anybody gets
        is_cut = isinstance(verdict, Nothing) and cursor.reached > segment.size_bytes
        return cursor.reached >= segment.size_bytes and not is_cut

    # one read

    def _ask(self) -> tuple[Answer, Verdict]:
        cursor = self._cursor
        is_counted = not self._max_lines or cursor.known_lines is not None
        known = cursor.known if is_counted else b""
        asked = cursor.reached - checked_bytes(known)
        answer = cursor.read(asked, self._max_lines and self._max_lines + (cursor.known_lines or 0))
        cursor.held.keep()
        live_ordinal = cursor.segment.ordinal if not cursor.segment.closed and cursor.segment.ordinal else None
        verdict = judge(answer, asked, known, live_ordinal)
        if isinstance(verdict, Rotated):
            cursor.strays()
        if isinstance(verdict, Unplaced):
            verdict = self._confirm(verdict, known)
        if isinstance(verdict, (Placed, Broken)):
            cursor.begin(verdict.ordinal)
        return answer, verdict

    def _confirm(self, verdict: Unplaced, known: bytes) -> Verdict:
        """Accept data without a marker only when a second answer equals the first and the tail check holds (RDS-23)."""
        if not self._cursor.is_begun or verdict.content != self._unplaced or not is_same(verdict.content, known):
            self._unplaced = verdict.content
            return Nothing()
        return Placed(verdict.content[checked_bytes(known):], self._cursor.prefix)

    # what an answer leads to

    def _take(self, verdict: Verdict, answer: Answer) -> Iterator[Portion]:
        if isinstance(verdict, Placed):
            if verdict.overlap_bytes:
                telemetry.overlap_dropped(self._cursor.held.checkpoint, verdict.overlap_bytes)
            self._widen(verdict.fresh)
            if verdict.fresh:
                yield from self._deliver(verdict.fresh, answer)
        elif isinstance(verdict, Broken):
            yield from self._mend(verdict)
        elif isinstance(verdict, Replaced):
            self._rewind()

    def _deliver(self, fresh: bytes, answer: Answer) -> Iterator[Portion]:
        cursor, segment = self._cursor, self._cursor.segment
        is_listed_end = cursor.reached + len(fresh) >= segment.size_bytes
        if segment.closed:
            yield from cursor.emit(fresh, closes=is_listed_end)
        else:
            is_last = (is_listed_end or is_size_a_hint(segment.log_file_name)) and not answer.more
            yield from cursor.emit(fresh, is_last=is_last)

    def _widen(self, fresh: bytes) -> None:
        """After a cure ask for twice the lines, by their size never for more than about 0.9 MiB (RDS-65).

        Before a refused line ask for half of what is left up to it: each answer halves the range (RDS-73).
        """
        self._mends = 0 if fresh else self._mends
        if self._refused_lines:  # else the lines need not be counted
            self._refused_lines = max(0, self._refused_lines - fresh.count(b"\n"))
        if self._refused_lines:
            self._max_lines = max(1, self._refused_lines // 2)
        elif self._max_lines and fresh:
            by_size = PORTION_BYTES * max(1, fresh.count(b"\n")) // len(fresh)
            wanted = max(1, min(self._max_lines * 2, by_size))
            self._max_lines = wanted if wanted < PORTION_LINES else 0

    def _mend(self, broken: Broken) -> Iterator[Portion]:
        """Cure a cut line or a hole: ask for the whole lines only; then the complete file; then a gap (§6)."""
        self._mends += 1
        if self._mends > MAX_MENDS and (yield from self._complete.portions()):
            self._max_lines = 0
            return
        if self._max_lines != 1:
            wanted = min(broken.whole_lines, PORTION_LINES) or 1
            self._max_lines = wanted if wanted != self._max_lines else max(1, wanted // 2)
            return
        self._max_lines = 0
        if (yield from self._complete.portions()):
            return
        if broken.ends_at <= self._cursor.reached:  # cut inside the bytes that are only compared: go on without them
            self._cursor.known, self._cursor.known_lines = b"", 0
            return
        yield from self._cursor.gap(broken.ends_at, "truncated", readable=broken.readable)

    def _around_refused_lines(self) -> Generator[Portion, None, bool]:
        """Ask for fewer lines, at last pass the one entry that is refused; False when that has to wait."""
        if not self._max_lines and is_replaced(self._cursor):  # smaller answers don't reach back to the bytes before
            self._rewind()
            return True
        self._refused_lines = self._max_lines or PORTION_LINES
        self._max_lines = self._refused_lines // 2
        if self._max_lines:
            return True
        self._refused_lines = 0
        before = self._cursor.reached
        yield from pass_entry(self._cursor, self._next_head)
        return self._cursor.reached != before

    def _rewind(self) -> None:
        self._cursor.rewind()
        self._max_lines = 0

    def _at_a_standstill(self) -> Generator[Portion, None, bool]:
        """Nothing came although bytes are listed: cut file, filtered file, early end or a stall (§5.4, 5.5)."""
        cursor, segment = self._cursor, self._cursor.segment
        if cursor.is_begun and cursor.reached > segment.size_bytes:
            self._rewind()
            return (yield from self.portions())
        if not segment.closed:
            telemetry.file_stalled(cursor.held.checkpoint, segment.size_bytes)
            return False
        if cursor.is_begun and cursor.reached == segment.size_bytes:
            return True
        if is_size_a_hint(segment.log_file_name):
            cursor.begin(cursor.prefix)
            yield from cursor.emit(b"", closes=True)  # RDS-56: the rest was filtered by RDS
            return True
        if (yield from self._complete.portions()):
            return True
        cursor.begin(cursor.prefix)
        was_seen = cursor.held.checkpoint.quiet_end == cursor.reached  # one visit proves nothing, whatever the time-out is
        if not cursor.held.note_end(cursor.reached) or not was_seen:
            raise Unreachable(f"{cursor.where}: nothing comes behind byte {cursor.reached}")
        yield from cursor.gap(segment.size_bytes, "not_served")
        return True
