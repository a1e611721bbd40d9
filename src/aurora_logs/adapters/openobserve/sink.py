"""The sink on OpenObserve: one batch of one stream a request, a strict receipt, and searches that are believed only whole."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from isal import igzip

from aurora_logs import telemetry
from aurora_logs.adapters.openobserve.api import RECEIPT_BYTES, Api, Guard, OldNews
from aurora_logs.adapters.openobserve.columns import check_types, format_stream
from aurora_logs.adapters.openobserve.connection import NoAnswer, NotSent, Reply
from aurora_logs.adapters.openobserve.in_flight import InFlight
from aurora_logs.adapters.openobserve.queries import Refused, Searcher, Shortened, StreamUnknown, quoted
from aurora_logs.adapters.openobserve.receipts import receipt_of
from aurora_logs.adapters.openobserve.refusals import ingest_error
from aurora_logs.adapters.openobserve.streams import Streams
from aurora_logs.adapters.openobserve.window import HOUR_US, Window
from aurora_logs.errors import (
    ReceiptMissing,
    ReceiptPartial,
    RecordTooLarge,
    RecordTooOld,
    SinkBusy,
    Unreachable,
)
from aurora_logs.ports import Clock, Random
from aurora_logs.records.flow import Batch, Receipt
from aurora_logs.records.log_record import STREAMS

PAGE_IDS = 10_000
OFFSETS_END = 1 << 40  # a record id holds ten hex digits of its offset
DAY_US = 24 * HOUR_US
# Without a hint a search looks as far back as a record can be that still has its log file: 31 days of the widest window
# that makes sense, and as long as a file may wait for its audit.
SEARCH_BACK_US, SEARCH_AHEAD_US = 62 * DAY_US, 25 * HOUR_US
TOO_LARGE_FOR_SEC = 3600.0  # then a size that was refused is tried again


class OpenObserveSink:
    """Sink. Called from many threads at once."""

    def __init__(self, api: Api, searcher: Searcher, *, guard: Guard, in_flight: InFlight, window: Window, clock: Clock,
                 random: Random, settle_sec: float, post_timeout_sec: float, other_stream: str) -> None:
        """post_timeout_sec: longest request, in total. other_stream: for a log type that has none of its own."""
        self.settle_sec = settle_sec
        self._api, self._searcher, self._streams = api, searcher, Streams(api)
        self._guard, self._in_flight, self._window = guard, in_flight, window
        self._clock, self._random = clock, random
        self._post_timeout_sec, self._other_stream = post_timeout_sec, format_stream(other_stream)
        self._lock = threading.Lock()
        self._compresses = True
        self._too_large: tuple[int, float] | None = None  # bytes of the smallest refused body, and when

    def oldest_us(self) -> int:
        """Return the time below which records would be dropped inside a 200; 0 while that is not known."""
        return self._window.oldest_us()

    def ship(self, batch: Batch, lines: Sequence[bytes]) -> Receipt:
        """Post `lines` as one JSON array and judge the answer. Raises as the port says."""
        if not lines:
            return Receipt(stored=0)
        stream, body = self._stream(batch.log_type), b"[" + b",".join(lines) + b"]"
        check_types(batch.log_type, body)
        self._refuse_known_size(len(body))
        started_sec, is_over = self._in_flight.enter(), False
        try:
            with self._guard.guarding():
                try:
                    return self._posted(stream, body, batch.log_type, len(lines))
                except SinkBusy as exc:
                    is_over = True
                    raise self._busy(exc, is_news=self._in_flight.left(started_sec, overloaded=True)) from exc
        finally:
            if not is_over:
                self._in_flight.left(started_sec, overloaded=False)

    def stored(self, log_type: str, file_key: str, from_offset: int, to_offset: int, *,
               span_us: tuple[int, int] | None = None) -> dict[bytes, int]:
        """Search for the ids of a range. Raises as the port says."""
        if from_offset >= min(to_offset, OFFSETS_END):
            return {}
        stream, now_us = self._stream(log_type), self._clock.now_us()
        if span_us is None:
            return self._found(stream, file_key, from_offset, to_offset, now_us - SEARCH_BACK_US, now_us + SEARCH_AHEAD_US)
        first_us, end_us = span_us[0], span_us[1] + 1  # the end is not part of a search (OO-134)
        found = self._found(stream, file_key, from_offset, to_offset, first_us, end_us)
        if found:
            return found
        # Once a narrow range found nothing where a wide one had it all (OO-84).
        return self._found(stream, file_key, from_offset, to_offset, first_us - HOUR_US, end_us + HOUR_US)

    def break_off(self) -> None:
        """End what is under way, searches too."""
        self._api.break_off()

    def _stream(self, log_type: str) -> str:
        return STREAMS.get(log_type, self._other_stream)

    # posting

    def _posted(self, stream: str, body: bytes, log_type: str, count: int) -> Receipt:
        reply, sent_bytes, took_sec = self._post(stream, body)
        if reply.status == 415 and self._compresses:
            self._compresses = False
            telemetry.compression_refused(self._guard.dependency)
            reply, sent_bytes, took_sec = self._post(stream, body)
        self._window.note_date(reply.headers.get("date", ""))
        try:
            if reply.status == 200:
                receipt = receipt_of(reply, stream, count)
                telemetry.records_stored(stream, count, log_type, len(body), sent_bytes, took_sec)
                return receipt
            raise ingest_error(reply, self._api.where("ingest"))
        except RecordTooLarge:
            self._note_too_large(len(body))
            raise
        except (RecordTooOld, ReceiptPartial) as exc:
            if isinstance(exc, RecordTooOld) or "too old" in exc.detail.lower():
                self._window.learn(exc.detail)
            raise

    def _post(self, stream: str, body: bytes) -> tuple[Reply, int, float]:
        """Return the answer, the bytes that were sent, and the seconds that it took."""
        headers = {"Content-Encoding": "gzip"} if self._compresses else {}
        sent = igzip.compress(body, compresslevel=1, mtime=0) if self._compresses else body
        began_sec = self._clock.monotonic_sec()
        try:
            reply = self._api.call("POST", f"{stream}/_json", sent, headers=headers, limit_sec=self._post_timeout_sec,
                                   most_bytes=RECEIPT_BYTES)
        except NotSent as exc:
            raise Unreachable(f"{self._api.url}: {exc}", hint="is OPENOBSERVE_URL right, and the server up?") from exc
        except NoAnswer as exc:
            raise ReceiptMissing(f"{self._api.url} {stream}: {exc}") from exc
        return reply, len(sent), self._clock.monotonic_sec() - began_sec

    def _busy(self, error: SinkBusy, *, is_news: bool) -> SinkBusy:
        """Return an overload with the time after which to try again: as told, else as far apart as requests are now."""
        pause_sec = max(self._in_flight.gap_sec, 0.1) * (0.5 + self._random.uniform())
        after_sec = pause_sec if error.retry_after_sec is None else error.retry_after_sec
        return (SinkBusy if is_news else OldNews)(error.detail, retry_after_sec=after_sec)

    def _note_too_large(self, size_bytes: int) -> None:
        with self._lock:
            known = self._too_large[0] if self._too_large else size_bytes
            self._too_large = min(known, size_bytes), self._clock.monotonic_sec()

    def _refuse_known_size(self, size_bytes: int) -> None:
        """Refuse without a request what was refused before (OO-31)."""
        with self._lock:
            if self._too_large and self._clock.monotonic_sec() - self._too_large[1] >= TOO_LARGE_FOR_SEC:
                self._too_large = None
            if self._too_large and size_bytes >= self._too_large[0]:
                raise RecordTooLarge(f"{size_bytes} bytes; {self._too_large[0]} were refused before")

    # searching

    def _found(self, stream: str, file_key: str, from_offset: int, to_offset: int, start_us: int, end_us: int) -> dict[bytes, int]:
        begin = quoted(f"{file_key}-{from_offset:010x}")
        end = quoted(f"{file_key}-{to_offset:010x}" if to_offset < OFFSETS_END else f"{file_key}.")
        sql = (f'SELECT record_id, count(*) AS copies FROM "{stream}" WHERE record_id >= {begin} AND record_id < {end}{{after}}'  # noqa: S608 - values are quoted, names are our own
               " GROUP BY record_id ORDER BY record_id")
        found: dict[bytes, int] = {}
        try:
            for hit in self._all_hits(sql, start_us, end_us):
                record_id = str(hit["record_id"]).encode()
                found[record_id] = found.get(record_id, 0) + int(hit["copies"])  # a range is asked piece by piece
        except StreamUnknown as exc:
            return self._nothing(stream, exc, is_there=self._streams.is_listed(stream))
        except Refused as exc:
            state = self._streams.state(stream) if exc.is_field else None
            return self._nothing(stream, exc, is_there=state is None or "record_id" in state.columns)
        return found

    def _nothing(self, stream: str, exc: Exception, *, is_there: bool) -> dict[bytes, int]:
        """Return that nothing is stored, when the server's list says so as well (OO-88)."""
        if is_there:
            raise Unreachable(f"search in {stream}: {exc}") from exc
        return {}

    def _all_hits(self, sql: str, start_us: int, end_us: int, *, is_piece: bool = False) -> Iterator[dict[str, Any]]:
        """Give all hits; where a stream allows a shorter range only, piece by piece (OO-96)."""
        try:
            yield from self._searcher.pages(sql, start_us, end_us, size=PAGE_IDS, limit_sec=self._post_timeout_sec)
        except Shortened as exc:
            if is_piece or exc.range_us < HOUR_US:  # a piece of the range that it allows: it does not keep its word
                raise Unreachable(f"search: {exc}") from exc
            for begin_us in range(start_us, end_us, exc.range_us):
                yield from self._all_hits(sql, begin_us, min(begin_us + exc.range_us, end_us), is_piece=True)
