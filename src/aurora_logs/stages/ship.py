"""Ship a batch until a strict receipt says that all of it is stored (reliability.md §5.3, 5.4).

An acknowledgement is a claim, not a proof: an unknown outcome is settled by waiting and searching, and only what is
missing is sent again. An outage counts as no attempt; a record that is rejected, or too old for the sink, goes to the
dead letters, the rest is stored.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from aurora_logs import metrics, telemetry
from aurora_logs.errors import BreakerOpen, ConfigError, ReceiptPartial, SinkRejected, Transient, Unknown
from aurora_logs.ports import Clock, Random, Shelter, Sink
from aurora_logs.records.fleet import LogFile
from aurora_logs.records.flow import Batch, DeadLetter, Receipt, Segment
from aurora_logs.records.letters import RESCUED, gap_letter, range_letter
from aurora_logs.records.wire import record_id_of, restamped, span_us_of, timestamp_us_of
from aurora_logs.seams import Claim
from aurora_logs.settings import Settings

BACKOFF_MAX_SEC = 30.0  # longest wait between two tries while a dependency is away


class SinkAway(Exception):  # a turn of events inside this stage, not an error of the tree
    """The sink does not answer, and RDS deletes the file soon: the batch is to be parked."""


class Rescue(msgspec.Struct, frozen=True):
    """Where and when batches are parked. is_near: whether RDS deletes a segment so soon that waiting for the sink is a risk."""

    shelter: Shelter
    is_near: Callable[[Segment], bool]


class _Place(msgspec.Struct):
    log_file_offset: int
    log_record_bytes: int


class Shipper:
    """Ships the batches of one claimed file. Used by one thread."""

    def __init__(self, sink: Sink, held: Claim, file: LogFile, clock: Clock, random: Random, settings: Settings,
                 rescue: Rescue | None = None) -> None:
        """rescue: None where nothing is parked."""
        self._sink, self._held, self._file, self._rescue = sink, held, file, rescue
        self._buried = set[int]()  # places of the present batch
        self._clock, self._random, self._settings = clock, random, settings
        self._began_sec = self._last_sec = clock.monotonic_sec()
        self._sent: deque[tuple[str, int, int, float]] = deque()  # file key, byte range and time of this visit's requests

    def ship(self, batch: Batch) -> Batch:
        """Return the batch as it was delivered: every record is stored, but those that became dead letters and are left out.

        Its gap is on record too when it returns. A batch that was parked counts as delivered here: its open dead letter
        tells that it is not, until the export closes it.
        Raises: EpochMoved (the claim is lost: stop), Transient (the sink stays away), AccessDenied.
        """
        delivered = self._records(batch) if batch.lines else batch
        if batch.gap is not None:
            self._held.bury(gap_letter(self._file, batch.gap, self._now_sec()))
        return delivered

    def _records(self, batch: Batch) -> Batch:
        started_sec, self._buried = self._clock.monotonic_sec(), set()
        try:
            buried = self._deliver(batch, self._unsent(batch) if batch.careful else batch.lines)
        except SinkAway:
            return self._parked(batch)
        now_sec = self._clock.monotonic_sec()
        telemetry.batch_shipped(batch, self._file, now_sec - started_sec, now_sec - self._last_sec)
        self._last_sec = now_sec
        return _without(batch, buried)

    def _parked(self, batch: Batch) -> Batch:
        """Park what is not on record as lost; first the records, then the letter, and only then the checkpoint may pass."""
        assert self._rescue is not None
        rest = _without(batch, self._buried)
        if rest.lines:
            self._rescue.shelter.park(batch, rest.lines)
            self._held.bury(range_letter(self._file, batch.segment.segment_id, batch.from_offset, batch.to_offset, RESCUED,
                                         f"{rest.count} records parked while the sink was away: aurora-logs export", self._now_sec()))
            telemetry.batch_rescued(batch, self._file, rest.count)
        return rest

    def _deliver(self, batch: Batch, lines: Sequence[bytes], *, is_half: bool = False) -> set[int]:
        """Ship `lines` of the batch; return which of its records were buried."""
        failures, refusals, buried = 0, int(is_half), set[int]()
        while lines := self._of_age(batch, lines, buried):
            self._held.keep()
            try:
                receipt = self._post(batch, lines)
                if receipt.stored != len(lines):
                    raise ReceiptPartial(f"{receipt.stored} of {len(lines)}")
            except Unknown as error:
                telemetry.sink_answered("partial" if isinstance(error, ReceiptPartial) else "unknown")
                sent, lines = lines, self._settle(batch, lines, error)
                refusals += isinstance(error, ReceiptPartial) and len(lines) == len(sent)
                if refusals > (1 if len(lines) > 1 else self._settings.max_retries):  # OO-04: answered, and nothing of it stored
                    return buried | self._bisect(batch, lines, error)
            except Transient as error:
                telemetry.sink_answered("busy")
                failures += 1
                self._pause(failures, error, batch)
            except ConfigError:
                telemetry.sink_answered("denied")
                raise
            except SinkRejected as error:
                telemetry.sink_answered("refused")
                return buried | self._bisect(batch, lines, error)
            else:
                telemetry.sink_answered("stored")
                self._note_sink(is_away=False)
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
        self._buried.update(places)
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

    def _post(self, batch: Batch, lines: Sequence[bytes]) -> Receipt:
        try:
            return self._sink.ship(batch, lines)
        finally:
            self._note_sent(batch)  # only now: whoever stood still before it sent later than it knows

    def _note_sent(self, batch: Batch) -> None:
        now_sec = self._clock.monotonic_sec()
        while self._sent and self._sent[0][3] + self._sink.settle_sec <= now_sec:
            self._sent.popleft()
        if self._sink.settle_sec:
            self._sent.append((batch.file_key, batch.from_offset, batch.to_offset, now_sec))

    def _settle(self, batch: Batch, lines: Sequence[bytes], error: Unknown) -> Sequence[bytes]:
        """Wait until the request can't land any more, then look what of it is missing (REL-106..108)."""
        telemetry.outcome_unknown(batch, error)
        began_sec = self._clock.monotonic_sec()
        self._held.wait(self._sink.settle_sec)
        missing = self._missing(batch)
        telemetry.outcome_settled(type(error).__name__, self._clock.monotonic_sec() - began_sec)
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
                self._pause(failures, error, batch)
            else:
                return set(batch.ids) - stored.keys()

    def _bisect(self, batch: Batch, lines: Sequence[bytes], error: SinkRejected | Unknown) -> set[int]:
        """Halve until the bad records stand alone; bury them, deliver the others (REL-104)."""
        if len(lines) == 1:
            index = batch.ids.index(record_id_of(lines[0]))
            reason = error.reason if isinstance(error, SinkRejected) else SinkRejected.reason
            self._held.bury(self._letter(batch, index, index, reason, str(error)))
            self._buried.add(index)
            return {index}
        middle = len(lines) // 2
        return self._deliver(batch, lines[:middle], is_half=True) | self._deliver(batch, lines[middle:], is_half=True)

    def _letter(self, batch: Batch, first: int, last: int, reason: str, error: str) -> DeadLetter:
        """Return the letter of the records from place `first` to `last` of the batch."""
        metrics.REFUSED.add(last - first + 1, reason)
        begin, end = (msgspec.json.decode(batch.lines[place], type=_Place) for place in (first, last))
        return range_letter(self._file, batch.segment.segment_id, begin.log_file_offset,
                            end.log_file_offset + end.log_record_bytes, reason, error, self._now_sec())

    def _pause(self, failures: int, error: Transient, batch: Batch) -> None:
        telemetry.sink_unavailable(self._file, error)
        self._note_sink(is_away=True)
        if self._is_to_be_parked(batch) and (failures > self._settings.max_retries or isinstance(error, BreakerOpen)):
            raise SinkAway
        if failures > self._settings.max_retries and self._settings.settle_give_up_sec <= failures * BACKOFF_MAX_SEC:
            raise error
        longest = min(BACKOFF_MAX_SEC, self._settings.retry_backoff_sec * 2 ** min(failures, 16))
        self._held.wait(error.retry_after_sec or longest * self._random.uniform())

    def _note_sink(self, *, is_away: bool) -> None:
        if self._rescue is not None:
            self._rescue.shelter.is_sink_away = is_away

    def _is_to_be_parked(self, batch: Batch) -> bool:
        rescue = self._rescue
        return (rescue is not None and not batch.repair and rescue.is_near(batch.segment)
                and rescue.shelter.has_room(batch.size_bytes))

    def _now_sec(self) -> int:
        return self._clock.now_us() // 1_000_000


def _without(batch: Batch, places: set[int]) -> Batch:
    """Leave the records at these places out."""
    if not places:
        return batch
    kept = [index for index in range(batch.count) if index not in places]
    return replace(batch, lines=[batch.lines[index] for index in kept], ids=[batch.ids[index] for index in kept])


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the first and last of each run of neighbours."""
    first = before = places[0]
    for place in places[1:]:
        if place != before + 1:
            yield first, before
            first = place
        before = place
    yield first, before
