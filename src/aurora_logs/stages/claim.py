"""Claim a log file: lease, epoch, intent and checkpoint of one worker (reliability.md §5.2, 5.5, 5.6).

Every write is conditional on this claim's own nonce and epoch. A refused write is never believed before one
consistent re-read, since its answer may have been lost. The lease is measured on the monotonic clock, from before the
call that took it, and regarded as over SKEW_SEC early.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from aurora_logs import telemetry
from aurora_logs.errors import AuroraLogsError, ClaimHeld, EpochMoved, StateAnswerLost, Transient
from aurora_logs.ports import Clock, Random, StateStore
from aurora_logs.records.fleet import Delivered
from aurora_logs.records.flow import Batch, Checkpoint, DeadLetter, Intent, Kept
from aurora_logs.records.positions import begin, is_of_wrong_clock
from aurora_logs.settings import Settings

KEPT_POSITIONS = 8  # enough for restarts within hours; each costs about 100 bytes of the row
KEEP_EVERY_BYTES = 262_144  # rds-log-api.md §8.3: rewinds go back at least this far
KEEP_EVERY_SEC = 60
EXPIRES_SEC = 7 * 86_400
RETRY_SEC = 0.2


class HeldClaim:
    """One worker's claim of one file; made by `claim`, not by hand. Used by one thread."""

    moves_checkpoint = True

    def __init__(self, state: StateStore, clock: Clock, random: Random, settings: Settings, row: Checkpoint,
                 lease_ends_sec: float) -> None:
        self._state, self._clock, self._random, self._settings = state, clock, random, settings
        self._lease_ends_sec = lease_ends_sec
        self.checkpoint = row

    # the lease

    def keep(self) -> None:
        """Renew the lease when a third of it is gone. Raises: EpochMoved."""
        if self._lease_ends_sec - self._clock.monotonic_sec() < self._settings.lease_sec * 2 / 3:
            self._write(lambda until_ms: self._state.renew(self.checkpoint, until_ms=until_ms), lambda _: True)

    def wait(self, sec: float) -> None:
        """Sleep `sec` seconds, renewing the lease every third of it (reliability.md fact 5).

        Raises: EpochMoved, Transient when the service stops.
        """
        ends_sec = self._clock.monotonic_sec() + sec
        while (left_sec := ends_sec - self._clock.monotonic_sec()) > 0:
            self.keep()
            if not _slept(self._clock, min(left_sec, self._settings.lease_sec / 3)):
                raise Transient("the service stops")  # REL-117: the intent stays, the next owner settles
        self.keep()

    # the protocol's writes

    def intend(self, batch: Batch) -> None:
        """W6: write down what is about to be sent; nothing to do when the last advance did it already."""
        if not batch.count or self._is_intended(batch):
            return
        intent = self._intent(batch)
        self._write(lambda until_ms: self._state.intend(self.checkpoint, intent, until_ms=until_ms),
                    lambda row: row.intent is not None and row.intent.id == intent.id)
        self.checkpoint = replace(self.checkpoint, intent=intent)

    def advance(self, batch: Batch, following: Batch | None) -> None:
        """W7: the checkpoint passes `batch`; the same write intends the following one."""
        row = self.checkpoint
        intent_id = row.intent.id if row.intent else ""
        intent = self._intent(following) if following is not None and following.count else None
        moved = row if batch.repair else self._passed(row, batch)
        self._replace(intent_id, replace(moved, intent=intent))
        telemetry.checkpoint_saved(self.checkpoint)

    def settled(self) -> None:
        """The intent's range is over as a request; what of it is stored is searched for when it is read again."""
        intent = self.checkpoint.intent
        if intent is None:
            return
        until = self.checkpoint.resend_until if intent.repair else max(intent.to_offset, self.checkpoint.resend_until)
        self._replace(intent.id, replace(self.checkpoint, intent=None, resend_until=until))

    def move_on(self, start: Delivered, *, resend_until: int = 0) -> None:
        """Begin another segment at `start`; what lies below `resend_until` may be stored already."""
        self._replace("", begin(self.checkpoint, start, resend_until=resend_until))

    def rewind(self, kept: Kept | None) -> None:
        """Go back to an earlier position of this segment, or to its start; what follows is sent carefully."""
        row = self.checkpoint
        back = kept or Kept(time=0, byte_offset=0, record_count=0, tail_hash=b"", context=b"")
        telemetry.file_rewound(row, back.byte_offset)
        self._replace("", replace(
            row, byte_offset=back.byte_offset, record_count=back.record_count, tail=back.context,
            gap_bytes=back.gap_bytes, furniture_bytes=back.furniture_bytes, ids_crc=back.ids_crc,
            tail_hash=back.tail_hash, resend_until=max(row.resend_until, row.byte_offset), quiet_end=-1, quiet_since=0,
            kept=tuple(one for one in row.kept if one.byte_offset <= back.byte_offset)))
        self.forget_letters()

    def forget_letters(self) -> None:
        """What was given up in a range that is read anew is no verdict any more: other bytes may stand there."""
        row = self.checkpoint
        if row.byte_offset >= row.resend_until:
            return
        for letter in [*self._state.dead_letters(), *self._state.dead_letters(gaps=True)]:
            is_ours = (letter.resource_id, letter.segment_id) == (row.resource_id, row.segment_id)
            if is_ours and letter.from_position >= row.byte_offset:
                self._state.delete_dead_letter(letter.message_id)

    def note_end(self, end_offset: int) -> bool:
        """Remember where the unfinished end lies; True once it stood there for BATCH_TIMEOUT_SEC (FMT-04)."""
        now_sec = self._now_sec()
        if self.checkpoint.quiet_end == end_offset:
            return now_sec - self.checkpoint.quiet_since >= self._settings.batch_timeout_sec
        self._replace("", replace(self.checkpoint, quiet_end=end_offset, quiet_since=now_sec))
        return self._settings.batch_timeout_sec == 0

    def bury(self, letter: DeadLetter) -> None:
        """W8, right after a write that proved the claim (reliability.md §5.5)."""
        self._write(lambda until_ms: self._state.renew(self.checkpoint, until_ms=until_ms), lambda _: True)
        while True:
            try:
                self._state.bury(letter)
            except (Transient, StateAnswerLost) as error:  # REL-77: the position stays until the letter is durable
                telemetry.bury_refused(letter, error)
                self.wait(RETRY_SEC * (1 + self._random.uniform()))
            else:
                telemetry.file_buried(letter)
                return

    def adopt(self, initial: Checkpoint) -> None:
        """The row is of another time or instance that had this name (RDS-13, 14): begin as `initial`, after its last epoch."""
        row = self.checkpoint
        self._replace(row.intent.id if row.intent else "", replace(
            initial, epoch=max(row.epoch, initial.epoch + 1), lease_owner=row.lease_owner, lease_until_ms=row.lease_until_ms))

    def release(self) -> None:
        """W9, W10: end the lease; an open intent stays, since it may have been posted."""
        self._write(lambda _: self._state.release(self.checkpoint, withdraw_intent=False), lambda _: False,
                    gone_is_done=True)

    # inside

    def _intent(self, batch: Batch) -> Intent:
        return Intent(id=batch.batch_id, from_offset=batch.from_offset, to_offset=batch.to_offset, count=batch.count,
                      time=self._now_sec(), epoch=self.checkpoint.epoch, ids_hash=batch.ids_hash, repair=batch.repair)

    def _is_intended(self, batch: Batch) -> bool:
        intent = self.checkpoint.intent
        return intent is not None and intent.id == batch.batch_id

    def _passed(self, row: Checkpoint, batch: Batch) -> Checkpoint:
        moved = replace(
            row, byte_offset=batch.to_offset, marker=batch.marker or row.marker, tail=batch.context,
            tail_hash=batch.tail_hash, line_count=row.line_count + batch.log_lines,
            record_count=row.record_count + batch.count, raw_records=row.raw_records + batch.raw_records,
            furniture_bytes=row.furniture_bytes + batch.furniture_bytes,
            ids_crc=zlib.crc32(b"".join(batch.ids), row.ids_crc),
            gap_bytes=row.gap_bytes + (batch.gap.size_bytes if batch.gap else 0), quiet_end=-1)
        last = row.kept[-1] if row.kept else None
        now_sec = self._now_sec()
        if last is None or moved.byte_offset - last.byte_offset >= KEEP_EVERY_BYTES or now_sec - last.time >= KEEP_EVERY_SEC:
            kept = Kept(time=now_sec, byte_offset=moved.byte_offset, record_count=moved.record_count,
                        tail_hash=moved.tail_hash, context=moved.tail, gap_bytes=moved.gap_bytes,
                        furniture_bytes=moved.furniture_bytes, ids_crc=moved.ids_crc)
            moved = replace(moved, kept=(*row.kept, kept)[-KEPT_POSITIONS:])
        return moved

    def _replace(self, intent_id: str, moved: Checkpoint) -> None:
        now_sec = self._now_sec()
        moved = replace(moved, updated_at=now_sec, expires_at=0 if moved.intent else now_sec + EXPIRES_SEC)
        self._write(lambda until_ms: self._state.advance(self.checkpoint, intent_id, replace(moved, lease_until_ms=until_ms)),
                    lambda row: _same_place(row, moved))
        self.checkpoint = moved

    def _write(self, write: Callable[[int], None], applied: Callable[[Checkpoint], bool], *,
               gone_is_done: bool = False) -> None:
        while True:
            before_sec = self._clock.monotonic_sec()
            if before_sec >= self._lease_ends_sec:  # REL-114, 115: a zombie in the making writes nothing
                raise EpochMoved(_where(self.checkpoint))
            try:
                write(self._clock.now_us() // 1000 + int(self._settings.lease_sec * 1000))
            except (EpochMoved, StateAnswerLost):
                row = self._read_again()
                if row is None or not self._is_mine(row):
                    if gone_is_done:
                        return
                    raise
                if not applied(row):
                    continue
            except Transient:
                if not _slept(self._clock, RETRY_SEC * (0.5 + self._random.uniform())):
                    raise
                continue
            break
        self._lease_ends_sec = before_sec + self._settings.lease_sec - self._settings.skew_sec

    def _read_again(self) -> Checkpoint | None:
        while True:
            try:
                return self._state.checkpoint(*_key(self.checkpoint))
            except Transient:
                is_over = self._clock.monotonic_sec() >= self._lease_ends_sec
                if is_over or not _slept(self._clock, RETRY_SEC * (0.5 + self._random.uniform())):
                    raise

    def _is_mine(self, row: Checkpoint) -> bool:
        return row.lease_owner == self.checkpoint.lease_owner and row.epoch == self.checkpoint.epoch

    def _now_sec(self) -> int:
        return self._clock.now_us() // 1_000_000


def _slept(clock: Clock, sec: float) -> bool:
    """Sleep; False when the service stops, which ends every sleep at once: a loop must not spin on it."""
    before_sec = clock.monotonic_sec()
    clock.sleep(sec)
    return clock.monotonic_sec() - before_sec >= sec / 2


def _same_place(row: Checkpoint, moved: Checkpoint) -> bool:
    """Tell whether `row` is `moved` as far as a lost answer could have applied it (REL-143)."""
    return (row.segment_id, row.byte_offset, row.resend_until, row.quiet_end, row.intent and row.intent.id) == (
        moved.segment_id, moved.byte_offset, moved.resend_until, moved.quiet_end, moved.intent and moved.intent.id)


def _where(row: Checkpoint) -> str:
    return f"{row.instance_id} {row.log_file_name} epoch {row.epoch}"


def _take(state: StateStore, clock: Clock, random: Random, settings: Settings, initial: Checkpoint, owner: str) -> HeldClaim:
    over_at_ms = 0  # end of a lease that no right clock can have written
    while True:
        before_sec, now_ms = clock.monotonic_sec(), clock.now_us() // 1000
        until_ms = now_ms + int(settings.lease_sec * 1000)
        try:
            over_ms = now_ms - int(settings.skew_sec * 1000)  # W4: a lease counts as over only SKEW_SEC after its end
            row = state.take_claim(initial, owner=owner, now_ms=max(over_ms, over_at_ms), until_ms=until_ms)
        except (ClaimHeld, StateAnswerLost) as error:
            found = state.checkpoint(*_key(initial))
            if found is not None and found.lease_owner == owner:  # REL-141: our own success, its answer was lost
                row = found
            elif isinstance(error, ClaimHeld):
                if found is None or over_at_ms or not is_of_wrong_clock(found, now_ms, settings.lease_sec):
                    raise
                if not _slept(clock, settings.lease_sec) or state.checkpoint(*_key(initial)) != found:
                    raise
                over_at_ms = found.lease_until_ms  # REL-137: it stood still for a whole lease: nobody renews it
                continue
            else:
                if not _slept(clock, RETRY_SEC * (0.5 + random.uniform())):
                    raise
                continue
        return HeldClaim(state, clock, random, settings, row, before_sec + settings.lease_sec - settings.skew_sec)


def _key(row: Checkpoint) -> tuple[str, str]:
    return row.instance_id, row.log_file_name


@contextmanager
def claim(state: StateStore, clock: Clock, random: Random, settings: Settings, initial: Checkpoint,
          worker: str) -> Iterator[HeldClaim]:
    """Take the file's claim, hand it out, release it at the end, whatever the end is. Raises: ClaimHeld."""
    held = _take(state, clock, random, settings, initial, f"{worker}/{random.nonce()}")
    telemetry.file_claimed(held.checkpoint)
    try:
        if held.checkpoint.resource_id not in ("", initial.resource_id):
            held.adopt(initial)
        held.forget_letters()  # a way back may have been cut off before it
        yield held
    except AuroraLogsError:
        _let_go(held)
        raise
    held.release()  # W9: what follows on the tracking row counts only when this write proved the claim


def _let_go(held: HeldClaim) -> None:
    try:
        held.release()
    except (EpochMoved, Transient, StateAnswerLost) as error:  # the lease ends by itself
        telemetry.release_failed(held.checkpoint, error)
