"""Ship a batch until a strict receipt says that all of it is stored (reliability.md §5.3, 5.4).

An acknowledgement is a claim, not a proof: an unknown outcome is settled by waiting and searching, and only what is
missing is sent again. An outage counts as no attempt; a record that is rejected, or too old for the sink, goes to the
dead letters, the rest is stored.
"""

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from aurora_logs import telemetry
from aurora_logs.errors import ReceiptPartial, SinkRejected, Transient, Unknown
from aurora_logs.ports import Claim, Clock, Random, Sink
from aurora_logs.records.fleet import LogFile
from aurora_logs.records.flow import Batch, DeadLetter
from aurora_logs.records.letters import gap_letter, range_letter
from aurora_logs.records.wire import record_id_of, restamped, span_us_of, timestamp_us_of
from aurora_logs.settings import Settings

BACKOFF_MAX_SEC = 30.0  # longest wait between two tries while a dependency is away


class _Place(msgspec.Struct):
    log_file_offset: int
    log_record_bytes: int


class Shipper:
    """Ships the batches of one claimed file. Used by one thread."""

    def __init__(self, sink: Sink, held: Claim, file: LogFile, clock: Clock, random: Random, settings: Settings) -> None:
        self._sink, self._held, self._file = sink, held, file
        self._clock, self._random, self._settings = clock, random, settings
        self._began_sec = clock.monotonic_sec()
        self._sent: deque[tuple[str, int, int, float]] = deque()  # file key, byte range and time of this visit's requests

    def ship(self, batch: Batch) -> Batch:
        """Return the batch as it was delivered: every record is stored, but those that became dead letters and are left out.

        Its gap is on record too when it returns.
        Raises: EpochMoved (the claim is lost: stop), Transient (the sink stays away), AccessDenied.
        """
        delivered = self._records(batch) if batch.lines else batch
        if batch.gap is not None:
            self._held.bury(gap_letter(self._file, batch.gap, self._now_sec()))
        return delivered

    def _records(self, batch: Batch) -> Batch:
        started_sec = self._clock.monotonic_sec()
        buried = self._deliver(batch, self._unsent(batch) if batch.careful else batch.lines)
        telemetry.batch_shipped(batch, self._clock.monotonic_sec() - started_sec)
        if not buried:
            return batch
        kept = [index for index in range(batch.count) if index not in buried]
        return replace(batch, lines=[batch.lines[index] for index in kept], ids=[batch.ids[index] for index in kept])

    def _deliver(self, batch: Batch, lines: Sequence[bytes], *, is_half: bool = False) -> set[int]:
        """Ship `lines` of the batch; return which of its records were buried."""
        failures, refusals, buried = 0, int(is_half), set[int]()
        while lines := self._of_age(batch, lines, buried):
            self._held.keep()
            self._note_sent(batch)
            try:
                receipt = self._sink.ship(batch, lines)
                if receipt.stored != len(lines):
                    raise ReceiptPartial(f"{receipt.stored} of {len(lines)}")
            except Unknown as error:
                sent, lines = lines, self._settle(batch, lines, error)
                refusals += isinstance(error, ReceiptPartial) and len(lines) == len(sent)
                if refusals > (1 if len(lines) > 1 else self._settings.max_retries):  # OO-04: answered, and nothing of it stored
                    return buried | self._bisect(batch, lines, error)
            except Transient as error:
                failures += 1
                self._pause(failures, error)
            except SinkRejected as error:
                return buried | self._bisect(batch, lines, error)
            else:
                break
        return buried

    def _of_age(self, batch: Batch, lines: Sequence[bytes], buried: set[int]) -> Sequence[bytes]:
        """Return what the sink takes by its age; the rest is buried, a letter for each range, or restamped (LATE_RECORDS)."""
        oldest_us = self._sink.oldest_us()
        old = {record_id_of(line) for line in lines if timestamp_us_of(line) < oldest_us} if oldest_us else set()
        if not old:
            return lines
        if self._settings.late_records == "restamp":
            now_us = self._clock.now_us()
            return [restamped(line, now_us) if record_id_of(line) in old else line for line in lines]
        places = [place for place, record_id in enumerate(batch.ids) if record_id in old]
        buried.update(places)
        for first, last in _runs(places):
            self._held.bury(self._letter(batch, first, last, "too_old", f"{last - first + 1} records older than the sink takes"))
        return [line for line in lines if record_id_of(line) not in old]

    def _unsent(self, batch: Batch) -> Sequence[bytes]:
        """Search for a range that may be stored, once no earlier request for it can land or hide from the search (fact 4)."""
        sent = [sec for file_key, begins, ends, sec in self._sent
                if file_key == batch.file_key and begins < batch.to_offset and batch.from_offset < ends]
        self._held.wait(max([self._began_sec, *sent]) + self._sink.settle_sec - self._clock.monotonic_sec())
        missing = self._missing(batch)
        return [line for line in batch.lines if record_id_of(line) in missing]

    def _note_sent(self, batch: Batch) -> None:
        now_sec = self._clock.monotonic_sec()
        while self._sent and self._sent[0][3] + self._sink.settle_sec <= now_sec:
            self._sent.popleft()
        if self._sink.settle_sec:
            self._sent.append((batch.file_key, batch.from_offset, batch.to_offset, now_sec))

    def _settle(self, batch: Batch, lines: Sequence[bytes], error: Unknown) -> Sequence[bytes]:
        """Wait until the request can't land any more, then look what of it is missing (REL-106..108)."""
        telemetry.outcome_unknown(batch, error)
        self._held.wait(self._sink.settle_sec)
        missing = self._missing(batch)
        return [line for line in lines if record_id_of(line) in missing]

    def _missing(self, batch: Batch) -> set[bytes]:
        """Return the ids of the batch that are not stored."""
        failures, span_us = 0, span_us_of(batch.lines)
        if span_us and self._settings.late_records == "restamp":  # REL-132: they may stand at any time since
            span_us = span_us[0], max(span_us[1], self._clock.now_us())
        while True:
            try:
                stored = self._sink.stored(batch.log_type, batch.file_key, batch.from_offset, batch.to_offset, span_us=span_us)
            except Transient as error:  # REL-61: a search that failed is never "nothing found"
                failures += 1
                self._pause(failures, error)
            else:
                return set(batch.ids) - stored.keys()

    def _bisect(self, batch: Batch, lines: Sequence[bytes], error: SinkRejected | Unknown) -> set[int]:
        """Halve until the bad records stand alone; bury them, deliver the others (REL-104)."""
        if len(lines) == 1:
            index = batch.ids.index(record_id_of(lines[0]))
            reason = error.reason if isinstance(error, SinkRejected) else SinkRejected.reason
            self._held.bury(self._letter(batch, index, index, reason, str(error)))
            return {index}
        middle = len(lines) // 2
        return self._deliver(batch, lines[:middle], is_half=True) | self._deliver(batch, lines[middle:], is_half=True)

    def _letter(self, batch: Batch, first: int, last: int, reason: str, error: str) -> DeadLetter:
        """Return the letter of the records from place `first` to `last` of the batch."""
        begin, end = (msgspec.json.decode(batch.lines[place], type=_Place) for place in (first, last))
        return range_letter(self._file, batch.segment.segment_id, begin.log_file_offset,
                            end.log_file_offset + end.log_record_bytes, reason, error, self._now_sec())

    def _pause(self, failures: int, error: Transient) -> None:
        telemetry.sink_unavailable(self._file, error)
        if failures > self._settings.max_retries and self._settings.settle_give_up_sec <= failures * BACKOFF_MAX_SEC:
            raise error
        longest = min(BACKOFF_MAX_SEC, self._settings.retry_backoff_sec * 2 ** min(failures, 16))
        self._held.wait(error.retry_after_sec or longest * self._random.uniform())

    def _now_sec(self) -> int:
        return self._clock.now_us() // 1_000_000


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the first and last of each run of neighbours."""
    first = before = places[0]
    for place in places[1:]:
        if place != before + 1:
            yield first, before
            first = place
        before = place
    yield first, before
