"""Ship a batch until a strict receipt says that all of it is stored (reliability.md §5.3, 5.4).

An acknowledgement is a claim, not a proof: an unknown outcome is settled by waiting and searching, and only what is
missing is sent again. An outage counts as no attempt; a rejected record goes to the dead letters, the rest is stored.
"""

from collections.abc import Sequence

from aurora_logs import telemetry
from aurora_logs.errors import ReceiptPartial, SinkRejected, Transient, Unknown
from aurora_logs.ports import Claim, Clock, Random, Sink
from aurora_logs.records.fleet import LogFile
from aurora_logs.records.flow import Batch, DeadLetter
from aurora_logs.records.letters import gap_letter, range_letter
from aurora_logs.settings import Settings

BACKOFF_MAX_SEC = 30.0  # longest wait between two tries while a dependency is away


class Shipper:
    """Ships the batches of one claimed file. Used by one thread."""

    def __init__(self, sink: Sink, held: Claim, file: LogFile, clock: Clock, random: Random, settings: Settings) -> None:
        self._sink, self._held, self._file = sink, held, file
        self._clock, self._random, self._settings = clock, random, settings

    def ship(self, batch: Batch) -> None:
        """Return when every record of `batch` is stored or a dead letter, and its gap is on record.

        Raises: EpochMoved (the claim is lost: stop), Transient (the sink stays away), AccessDenied.
        """
        if batch.gap is not None:
            self._held.bury(gap_letter(self._file, batch, self._now_sec()))
        elif batch.lines:
            started_sec = self._clock.monotonic_sec()
            self._deliver(batch, self._missing(batch) if batch.careful else batch.lines)
            telemetry.batch_shipped(batch, self._clock.monotonic_sec() - started_sec)

    def _deliver(self, batch: Batch, lines: Sequence[bytes]) -> None:
        failures = 0
        while lines:
            self._held.keep()
            try:
                receipt = self._sink.ship(batch, lines)
                if receipt.stored != len(lines):
                    raise ReceiptPartial(f"{receipt.stored} of {len(lines)}")
            except Unknown as error:
                lines = self._settle(batch, error)
            except Transient as error:
                failures += 1
                self._pause(failures, error)
            except SinkRejected as error:
                self._bisect(batch, lines, error)
                return
            else:
                return

    def _settle(self, batch: Batch, error: Unknown) -> Sequence[bytes]:
        """Wait until the request can't land any more, then look what is missing (REL-106..108)."""
        telemetry.outcome_unknown(batch, error)
        self._held.wait(self._sink.settle_sec)
        return self._missing(batch)

    def _missing(self, batch: Batch) -> Sequence[bytes]:
        failures = 0
        while True:
            try:
                stored = self._sink.stored(batch.log_type, batch.file_key, batch.from_offset, batch.to_offset)
            except Transient as error:  # REL-61: a search that failed is never "nothing found"
                failures += 1
                self._pause(failures, error)
            else:
                return [line for line, record_id in zip(batch.lines, batch.ids, strict=True) if record_id not in stored]

    def _bisect(self, batch: Batch, lines: Sequence[bytes], error: SinkRejected) -> None:
        """Halve until the bad records stand alone; bury them, deliver the others (REL-104)."""
        if len(lines) == 1:
            index = batch.lines.index(lines[0])
            self._held.bury(self._rejected(batch, index, error))
            return
        middle = len(lines) // 2
        self._deliver(batch, lines[:middle])
        self._deliver(batch, lines[middle:])

    def _rejected(self, batch: Batch, index: int, error: SinkRejected) -> DeadLetter:
        begins = int(batch.ids[index].split(b"-")[1], 16)
        after = batch.ids[index + 1:index + 2]
        ends = int(after[0].split(b"-")[1], 16) if after else batch.to_offset
        return range_letter(self._file, batch.segment.segment_id, begins, ends, "rejected", str(error), self._now_sec())

    def _pause(self, failures: int, error: Transient) -> None:
        telemetry.sink_unavailable(self._file, error)
        if failures > self._settings.max_retries and self._settings.settle_give_up_sec <= failures * BACKOFF_MAX_SEC:
            raise error
        longest = min(BACKOFF_MAX_SEC, self._settings.retry_backoff_sec * 2 ** min(failures, 16))
        self._held.wait(error.retry_after_sec or longest * self._random.uniform())

    def _now_sec(self) -> int:
        return self._clock.now_us() // 1_000_000
