"""Read the rest of a segment from its complete file: one call, any bytes, no cap on a line (rds-log-api.md §9)."""

from collections.abc import Generator, Iterator
from typing import NoReturn

from aurora_logs import telemetry
from aurora_logs.errors import CompleteFileRefused, LogFileGone, Unreachable
from aurora_logs.ports import LogSource
from aurora_logs.records.flow import Portion
from aurora_logs.segments import CHECK_BYTES, checked_bytes, is_same, is_size_a_hint
from aurora_logs.stages.download.cursor import Cursor

WHOLE_FROM_BYTES = 2 << 20  # planner rule 4 (rds-log-api.md §11): two portions or more are cheaper as one call
WHOLE_SHARE = 0.1  # … when at least this share of the file is still to be read
WHOLE_LIVE_MAX_BYTES = 256_000_000  # rds-log-api.md §9: a live file is fetched whole only below this


class CompleteFile:
    """The complete file of a cursor's segment; refused once, it is not asked for again in this visit."""

    def __init__(self, source: LogSource, cursor: Cursor) -> None:
        self._source, self._cursor = source, cursor
        self._is_refused = False

    def is_better(self) -> bool:
        """Tell whether it is cheaper than portions."""
        segment, left = self._cursor.segment, self._cursor.segment.size_bytes - self._cursor.reached
        return segment.closed and left >= WHOLE_FROM_BYTES and left >= segment.size_bytes * WHOLE_SHARE

    def portions(self) -> Generator[Portion, None, bool]:
        """Stream it, skip what is delivered; the value tells whether that worked. Raises: Unreachable when it broke off."""
        cursor, segment = self._cursor, self._cursor.segment
        can_name_it = bool(segment.segment_id)  # a live hour that no answer named yet can't be placed
        if self._is_refused or not can_name_it or (not segment.closed and segment.size_bytes > WHOLE_LIVE_MAX_BYTES):
            return False
        cursor.may_read(whole=True)
        try:
            with self._source.complete_file(cursor.held.checkpoint.instance_id, segment.log_file_name) as pieces:
                if not segment.closed:
                    cursor.learn_prefix()  # asked while the file is open: the name stood for our hour then
                cursor.begin(segment.ordinal or cursor.prefix)
                yield from self._stream(pieces)
        except (CompleteFileRefused, LogFileGone) as error:  # gone for this path alone, or for both: portions will tell
            telemetry.complete_file_refused(cursor.held.checkpoint, error)
            self._is_refused = True
            return False
        return True

    def _stream(self, pieces: Iterator[bytes]) -> Iterator[Portion]:
        cursor, segment = self._cursor, self._cursor.segment
        at, window, pending = 0, b"", b""
        start = cursor.reached
        for piece in pieces:
            cursor.held.keep()
            cursor.may_read(whole=True)
            begins, at = at, at + len(piece)
            if at <= start:
                window = (window + piece)[-CHECK_BYTES:]
                continue
            fresh = piece
            if begins <= start:
                skip = start - begins
                window, fresh = (window + piece[:skip])[-CHECK_BYTES:], piece[skip:]
                if not is_same(window[-checked_bytes(cursor.known):] if cursor.known else b"", cursor.known):
                    self._changed_before(start)
            if pending:
                yield from cursor.emit(pending, whole=True)
            pending = fresh
        if at < start:
            self._changed_before(start)
        is_exact = segment.closed and not is_size_a_hint(segment.log_file_name)
        if is_exact and at < segment.size_bytes:
            if pending:
                yield from cursor.emit(pending, whole=True)
            raise Unreachable(f"{cursor.where}: {at} of {segment.size_bytes} bytes")
        yield from cursor.emit(pending, closes=segment.closed, is_last=not segment.closed, whole=True)

    def _changed_before(self, offset: int) -> NoReturn:
        """It is not the file that we read: go back, and let the next visit read it."""
        self._cursor.rewind()
        raise Unreachable(f"{self._cursor.where} changed before byte {offset}")
