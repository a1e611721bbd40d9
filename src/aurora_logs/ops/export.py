"""Chapter "export": deliver what lies in a directory of batch files to the sink, each record under the id that it has.

What the sink holds already is looked for first, so a second export, or one that was cut off, shows nothing twice. A batch
file of RESCUE_DIR goes, and its dead letter is closed, only after a strict receipt.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from aurora_logs.errors import ReceiptPartial, SinkRejected, Unknown
from aurora_logs.ports import Clock, Sink, StateStore
from aurora_logs.records.flow import Batch, DeadLetter, Segment
from aurora_logs.records.letters import RESCUED
from aurora_logs.records.lines import Lines
from aurora_logs.records.log_record import file_key_of
from aurora_logs.records.wire import record_id_of, restamped, span_us_of, timestamp_us_of

TRIES = 3  # of one batch whose outcome stays unknown


class Parked(Protocol):
    """One batch file: records of [from_offset, to_offset) of a file key."""

    @property
    def path(self) -> Path: ...
    @property
    def log_type(self) -> str: ...
    @property
    def file_key(self) -> str: ...
    @property
    def from_offset(self) -> int: ...
    @property
    def to_offset(self) -> int: ...


P = TypeVar("P", bound=Parked)


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one batch file: records in it, how many the sink lacked, and `delivered` or the reason why not.

    message_id: of the dead letter that was closed; "" where there was none.
    """

    file: str
    log_type: str
    records: int
    sent: int
    message_id: str
    outcome: str


class Export:
    """Delivers batch files, one after the other. Used by one thread."""

    def __init__(self, sink: Sink, state: StateStore, clock: Clock, *, restamp: bool) -> None:
        """restamp: records too old for the sink get the time of arrival (LATE_RECORDS)."""
        self._sink, self._state, self._clock, self._restamp = sink, state, clock, restamp
        self._letters = [one for one in state.dead_letters() if one.reason == RESCUED]

    def deliver(self, parked: Sequence[P]) -> Iterator[tuple[P, Exported]]:
        """Deliver each. A batch that the sink refuses stays and is told. Raises: Transient, Unknown, ConfigError: the rest waits."""
        for one in parked:
            content = one.path.read_bytes()
            lines = Lines(content, content.count(b"\n"))
            letter = self._letter(one)
            try:
                sent = self._delivered(one, lines)
                outcome = "delivered"
            except SinkRejected as error:
                sent, outcome = 0, str(error)
            else:
                if letter is not None:
                    self._state.delete_dead_letter(letter.message_id)
            yield one, Exported(file=one.path.name, log_type=one.log_type, records=len(lines), sent=sent,
                                message_id=letter.message_id if letter else "", outcome=outcome)

    def _letter(self, parked: Parked) -> DeadLetter | None:
        return next((one for one in self._letters
                     if (one.from_position, one.to_position) == (parked.from_offset, parked.to_offset)
                     and file_key_of(one.resource_id, one.log_type, one.segment_id) == parked.file_key), None)

    def _delivered(self, parked: Parked, lines: Sequence[bytes]) -> int:
        """Send what is missing; return how many. Raises: SinkRejected, and what the sink raises."""
        sent = 0
        for attempt in range(TRIES):
            missing = self._missing(parked, lines)
            if not missing:
                return sent
            try:
                receipt = self._sink.ship(_batch(parked, missing), missing)
                if receipt.stored != len(missing):
                    raise ReceiptPartial(f"{receipt.stored} of {len(missing)}")
            except Unknown:
                if attempt == TRIES - 1:
                    raise
                self._clock.sleep(self._sink.settle_sec)
            else:
                return sent + len(missing)
        return sent

    def _missing(self, parked: Parked, lines: Sequence[bytes]) -> list[bytes]:
        span_us = None if self._restamp else span_us_of(lines)
        found = self._sink.stored(parked.log_type, parked.file_key, parked.from_offset, parked.to_offset, span_us=span_us)
        oldest_us, now_us = self._sink.oldest_us() if self._restamp else 0, self._clock.now_us()
        return [restamped(line, now_us) if timestamp_us_of(line) < oldest_us else line
                for line in lines if record_id_of(line) not in found]


def _batch(parked: Parked, lines: Sequence[bytes]) -> Batch:
    segment = Segment(segment_id="", log_file_name="", ordinal=None, size_bytes=parked.to_offset, last_written_ms=0, closed=True)
    return Batch(batch_id=f"export-{parked.from_offset:x}", log_type=parked.log_type, file_key=parked.file_key, segment=segment,
                 from_offset=parked.from_offset, to_offset=parked.to_offset, lines=lines, ids=[record_id_of(line) for line in lines],
                 ids_hash="", context=b"")
