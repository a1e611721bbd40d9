"""Auditing: prove closed files against the sink, send again what is missing, replay dead letters."""

import sys
from collections.abc import Collection
from math import inf

from msgspec.structs import replace

from aurora_logs import telemetry
from aurora_logs.errors import AuroraLogsError, Conflict
from aurora_logs.formats import Format, format_of
from aurora_logs.intake import Intake, Turn, open_intake
from aurora_logs.ports import Ports
from aurora_logs.records.fleet import LogFile, TrackedFile, TrackedInstance
from aurora_logs.records.flow import Batch, DeadLetter, Progress
from aurora_logs.records.letters import RESCUED, range_letter
from aurora_logs.records.log_record import file_key_of
from aurora_logs.segments import is_size_a_hint
from aurora_logs.settings import Settings
from aurora_logs.stages.audit import Rereading, Span, cut_at, report, resend_missing, stored
from aurora_logs.stages.batch import batches
from aurora_logs.stages.claim import HeldClaim, claim
from aurora_logs.stages.discover import GONE_AFTER, FamilyFiles, Listing, first_checkpoint, log_file
from aurora_logs.stages.download import download
from aurora_logs.stages.parse import parse
from aurora_logs.stages.settle import settle
from aurora_logs.stages.ship import Shipper
from aurora_logs.stages.split import Tail, split

WHOLE = (0, sys.maxsize)  # of a file whose listed size is a hint
AUDIT_LEASE = "#audit#"
"""Key of an instance's audit lease, before its id: like each key that begins with # it is no instance."""
READ_AGAIN_DOUBLINGS = 8  # an unreadable range is tried again after 0, 1, 3, 7, … up to 255 listing intervals


class Auditor:
    """Audits what is closed, delivered and old enough. One per process; several share the instances by leases."""

    def __init__(self, ports: Ports, settings: Settings, listing: Listing, worker: str, intake: Intake | None = None, *,
                 shares: bool = True) -> None:
        """intake: of all files of the process; None: of what is audited alone. shares: leave to others what they have leased."""
        self._shares = shares
        self._ports, self._settings, self._listing, self._worker = ports, settings, listing, worker
        self._intake = intake or open_intake(ports, settings)

    def run(self) -> None:
        """Audit until the service stops; an error of one round is reported, the next one comes."""
        while not self._ports.workers.stopping():
            try:
                self.round()
            except AuroraLogsError as error:
                telemetry.audit_delayed(error)
            self._ports.clock.sleep(max(1.0, self._settings.interval_sec))

    def round(self) -> int:
        """Audit each file that is due of the instances whose audit lease is free; return how many passed.

        A failed search gives no verdict (REL-155). Before that, what could not be read of files that are closed by now is
        read again (RDS-73).
        """
        mine = [one for one in self._ports.state.instances() if self._leased(one.instance.instance_id)]
        self._read_again({one.instance.resource_id for one in mine})
        passed = 0
        parked = {(one.resource_id, one.segment_id) for one in self._ports.state.dead_letters() if one.reason == RESCUED}
        for known in mine:
            for row in self._ports.state.tracked(known.instance.instance_id):
                if self._ports.workers.stopping():
                    return passed
                if (row.resource_id, row.segment_id) in parked:  # proved once the export has delivered it
                    continue
                try:
                    passed += self._is_due(row) and self._leased(row.instance_id) and self._audit(known, row)
                except Conflict:
                    continue
                except AuroraLogsError as error:
                    telemetry.visit_ended(row.instance_id, row.log_file_name, error)
        return passed

    def _leased(self, instance_id: str) -> bool:
        """Take or keep the right to audit an instance, so that replicas do each audit once; safety does not rest on it."""
        if not self._shares:
            return True
        now_sec = self._now_sec()
        until_sec = now_sec + int(2 * max(self._settings.interval_sec, self._settings.lease_sec))
        return self._ports.state.lease_listing(f"{AUDIT_LEASE}{instance_id}", self._worker, now_sec=now_sec, until_sec=until_sec)

    def _read_again(self, resource_ids: Collection[str]) -> None:
        for letter in self._ports.state.dead_letters():
            pause_sec = self._settings.interval_sec * (2 ** min(letter.retry_count - 1, READ_AGAIN_DOUBLINGS) - 1)
            is_mine = letter.resource_id in resource_ids
            if is_mine and letter.reason == "unreadable" and self._now_sec() - letter.failed_at >= pause_sec:
                try:
                    self._replay(letter)
                except Conflict:
                    continue
                except AuroraLogsError as error:
                    telemetry.visit_ended(letter.instance_id, letter.log_file_name, error)
                    self._ports.state.bury(replace(letter, failed_at=self._now_sec()))

    def _replay(self, letter: DeadLetter) -> None:
        """Replay a letter of a closed file; one that is still unreadable waits longer each time."""
        state = self._ports.state
        instance = next((one.instance for one in state.instances() if one.instance.resource_id == letter.resource_id), None)
        rows = state.tracked(instance.instance_id) if instance else []
        row = next((one for one in rows if one.segment_id == letter.segment_id and one.status == "completed"), None)
        log_format = format_of(instance.engine, row.log_file_name) if instance and row else None
        if instance is None or row is None or log_format is None or row.missing:
            return
        files = FamilyFiles(self._listing, state, instance, row.family, self._ports.clock, self._settings)
        if not files.is_closed(row) or row.delivered_bytes < row.file_size:
            return
        with self._intake.turn(lasts_sec=inf) as turn:
            replay_letter(letter.message_id, log_file(instance, row.family, row.log_type), log_format, files, self._ports,
                          self._settings, self._worker, turn)
        if state.dead_letter(letter.message_id) is not None:
            state.bury(replace(letter, failed_at=self._now_sec()))

    def _is_due(self, row: TrackedFile) -> bool:
        if row.status != "completed" or row.audited_at or not row.records or row.delivered_bytes < row.file_size:
            return False
        return self._now_sec() - row.updated_at >= self._settings.audit_delay_sec

    def _audit(self, known: TrackedInstance, row: TrackedFile) -> bool:
        instance = known.instance
        files = FamilyFiles(self._listing, self._ports.state, instance, row.family, self._ports.clock, self._settings)
        log_format = format_of(instance.engine, row.log_file_name)
        if not files.is_closed(row) or log_format is None:
            return False
        file = log_file(instance, row.family, row.log_type)
        file_key = file_key_of(file.resource_id, file.log_type, row.segment_id)
        found = stored(self._ports.sink, file_key, row.log_type, max(row.file_size, row.delivered_bytes))
        missing = max(0, row.records - found.records)
        report(file, row.log_file_name, missing, row.records)
        if row.missing >= GONE_AFTER:  # REL-154: nobody can read it again
            if not found.is_all_of(row):
                self._ports.state.bury(range_letter(
                    file, row.segment_id, 0, row.file_size, "lost_at_sink" if missing else "in_doubt",
                    f"{found.records} of {row.records} records are stored{'' if missing else ', not the same ones'}",
                    self._now_sec()))
        elif not found.is_all_of(row):
            given_up = [(one.from_position, one.to_position) for one in self._ports.state.dead_letters()
                        if (one.resource_id, one.segment_id) == (row.resource_id, row.segment_id)]
            within = WHOLE if is_size_a_hint(row.log_file_name) else (0, row.delivered_bytes)
            with self._intake.turn(lasts_sec=inf) as turn:
                again = resend(file, log_format, files, row, within, self._ports, self._settings, self._worker, turn,
                               given_up=given_up)
            if again.records:
                files.delivered_again(row)  # proved once it is as old as any delivery must be
            if again.records or not again.complete or again.gap_bytes > row.gap_bytes:
                return False  # when nothing was sent, each record was found by its id
        self._settle(file, files)
        is_audited = self._ports.state.audited(row.instance_id, row.log_file_name, delivered_bytes=row.delivered_bytes,
                                               now_sec=self._now_sec())
        if is_audited and found.copies:  # once a file: what a paused worker or a late request stored again (fact 6)
            telemetry.duplicates_found(row.instance_id, row.log_file_name, found.copies)
        return is_audited

    def _settle(self, file: LogFile, files: FamilyFiles) -> None:
        """Settle what a dead auditor left open: nobody else visits a finished file."""
        checkpoint = self._ports.state.checkpoint(file.instance_id, file.log_file_name)
        if checkpoint is not None and checkpoint.intent is not None and checkpoint.intent.repair:
            with claim(self._ports.state, self._ports.clock, self._ports.random, self._settings,
                       first_checkpoint(file, files.segments()), self._worker) as held:
                settle(held, self._ports.sink)

    def _now_sec(self) -> int:
        return self._ports.clock.now_us() // 1_000_000


def resend(file: LogFile, log_format: Format, files: FamilyFiles, row: TrackedFile, within: Span, ports: Ports,
           settings: Settings, worker: str, turn: Turn | None = None, *, given_up: Collection[Span] = ()) -> Progress:
    """Read a closed segment again and send the records of `within` that the sink lacks; return how many, what could
    not be read, and whether the end of `within` was reached.

    Under the file's claim, each repair with its own intent; the checkpoint does not move. given_up: left out.
    """
    sent = unread_bytes = 0
    initial = first_checkpoint(file, files.segments())
    with claim(ports.state, ports.clock, ports.random, settings, initial, worker) as held:
        shipper = Shipper(ports.sink, held, file, ports.clock, ports.random, settings)
        files.claimed(held.checkpoint)
        settle(held, ports.sink)
        shadow, tail = Rereading(held, row, file.log_file_name), Tail()
        for portion in cut_at(download(ports.source, shadow, shadow, log_format, turn), within):
            if portion.gap is not None and portion.gap.to_position > within[0]:
                unread_bytes += portion.gap.size_bytes
            chunks = split(portion, tail, shadow, log_format)
            made = batches(parse(chunks, portion, file, shadow, log_format, settings), file, shadow)
            for repair in resend_missing(made, shadow, ports.sink, within, given_up):
                sent += _send(held, shipper, repair)
    is_read = shadow.is_at_its_end or shadow.checkpoint.byte_offset >= within[1]
    return Progress(records=sent, gap_bytes=unread_bytes, complete=is_read)


def _send(held: HeldClaim, shipper: Shipper, repair: Batch) -> int:
    """Send a repair; return how many of its records are stored: the others are dead letters again."""
    held.intend(repair)
    delivered = shipper.ship(repair)
    held.advance(repair, None)
    return delivered.count


def replay_letter(message_id: str, file: LogFile, log_format: Format, files: FamilyFiles, ports: Ports, settings: Settings,
                  worker: str, turn: Turn | None = None) -> int:
    """Deliver a dead letter's range and close it, but for what is refused again; return the records sent.

    An unknown id is nothing to do (NAM-23).
    """
    letter = ports.state.dead_letter(message_id)
    if letter is None:
        return 0
    row = next((one for one in files.segments() if one.segment_id == letter.segment_id), None)
    if row is None:
        return 0
    again = resend(file, log_format, files, row, (letter.from_position, letter.to_position), ports, settings, worker, turn)
    if again.records:
        files.delivered_again(row)
    is_buried_again = ports.state.dead_letter(message_id) != letter
    if again.complete and not again.gap_bytes and not is_buried_again:
        ports.state.delete_dead_letter(message_id)
    return again.records
