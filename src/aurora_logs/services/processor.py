"""Processor: take tasks, bring their files up to date, and decide by branch what an error leads to."""

from collections.abc import Callable
from math import inf

from aurora_logs import telemetry
from aurora_logs.errors import AuroraLogsError, ConfigError, Conflict, Permanent, Transient, Unknown
from aurora_logs.formats import Format, format_of
from aurora_logs.intake import TURN_SEC, Intake, Turn, open_intake
from aurora_logs.pipeline import bring_up_to_date
from aurora_logs.ports import Delivery, Ports
from aurora_logs.records.fleet import Instance, LogFile
from aurora_logs.records.flow import Progress, Task
from aurora_logs.services.auditing import replay_letter
from aurora_logs.settings import Settings
from aurora_logs.stages.discover import FamilyFiles, Listing, log_file

TAKE_WAIT_SEC = 1.0  # how long an idle worker waits for a task before it looks whether the service stops


class Processor:
    """Works off tasks; several run side by side with the same ports."""

    def __init__(self, ports: Ports, settings: Settings, listing: Listing, worker: str, intake: Intake | None = None) -> None:
        """intake: of all files of the process; None: of this worker's file alone."""
        self._ports, self._settings, self._listing, self._worker = ports, settings, listing, worker
        self._intake = intake or open_intake(ports, settings)

    def run(self) -> None:
        """Take and work off tasks until the service stops."""
        while not self._ports.workers.stopping():
            self.work_once(TAKE_WAIT_SEC)

    def work_once(self, wait_sec: float) -> Progress | None:
        """Take one task and bring its file up to date; None when there was no task or it ended early."""
        try:
            delivery = self._ports.queue.take(wait_sec)
        except Transient as error:
            telemetry.queue_delayed(error)
            self._ports.clock.sleep(self._settings.retry_backoff_sec * self._ports.random.uniform())
            return None
        if delivery is None:
            return None
        try:
            return self._work_off(delivery)
        except (Transient, Unknown) as error:  # ack, retry or the first look at the state failed: the hint comes again
            telemetry.visit_ended(delivery.task.instance_id, delivery.task.log_file_name, error)
            return None

    def _work_off(self, delivery: Delivery) -> Progress | None:
        task = delivery.task
        instance = self._instance(task)
        log_format = format_of(task.engine, task.log_file_name)
        if instance is None or log_format is None:  # an old hint, or one of an instance that was pruned
            delivery.ack()
            return None
        file = log_file(instance, task.log_file_name, log_format.log_type)
        files = FamilyFiles(self._listing, self._ports.state, instance, task.log_file_name, self._ports.clock,
                            self._settings)
        if not task.dead_letter_id and not files.has_work():
            delivery.ack()
            return None
        turn = self._intake.turn(lasts_sec=inf if task.dead_letter_id else TURN_SEC)  # a replay can't be gone on with
        try:
            with turn:
                progress = self._visit(task, file, log_format, files, turn)
        except Conflict:
            telemetry.claim_conflict(task.instance_id, task.log_file_name)
            if task.dead_letter_id:  # nobody else queues a replay again
                delivery.retry_later(self._pause_sec())
            else:
                delivery.ack()
            return None
        except AuroraLogsError as error:
            self._ended_early(delivery, files, error)
            return None
        if turn.is_cut:
            delivery.retry_later(0.0)
        elif progress.complete or not (progress.records or progress.gap_bytes or self._may_end_soon(task)):
            delivery.ack()
        else:  # an open end: look again when it may be complete, not only at the next listing
            delivery.retry_later(max(0.05, self._settings.batch_timeout_sec))
        return progress

    def _may_end_soon(self, task: Task) -> bool:
        """Tell whether an open end is still within BATCH_TIMEOUT_SEC; after that, and in a stall, the next listing decides."""
        row = self._ports.state.checkpoint(task.instance_id, task.log_file_name)
        if row is None or row.quiet_end < 0:
            return False
        return self._ports.clock.now_us() // 1_000_000 - row.quiet_since <= self._settings.batch_timeout_sec

    def _visit(self, task: Task, file: LogFile, log_format: Format, files: FamilyFiles, turn: Turn) -> Progress:
        if not task.dead_letter_id:
            return bring_up_to_date(file, log_format, files, self._ports, self._settings, self._worker, turn)
        replay_letter(task.dead_letter_id, file, log_format, files, self._ports, self._settings, self._worker, turn)
        return Progress(complete=True)

    def _ended_early(self, delivery: Delivery, files: FamilyFiles, error: AuroraLogsError) -> None:
        telemetry.visit_ended(delivery.task.instance_id, delivery.task.log_file_name, error)
        failed = isinstance(error, (Permanent, ConfigError))
        try:
            files.gave_up(str(error), failed=failed)
        except (Transient, Unknown, Conflict) as again:  # the row is only a hint; the next listing repairs it
            telemetry.queue_delayed(again)
        if failed:
            delivery.ack()
        else:
            after_sec = error.retry_after_sec if isinstance(error, Transient) else None
            delivery.retry_later(after_sec or self._pause_sec())

    def _pause_sec(self) -> float:
        return self._settings.retry_backoff_sec * (0.5 + self._ports.random.uniform())

    def _instance(self, task: Task) -> Instance | None:
        return next((row.instance for row in self._ports.state.instances()
                     if row.instance.instance_id == task.instance_id), None)


def workers(ports: Ports, settings: Settings, listing: Listing, worker: str, intake: Intake) -> dict[str, Callable[[], None]]:
    """Return the jobs that work off tasks: MAX_CONCURRENCY files at once."""
    return {f"worker-{number}": Processor(ports, settings, listing, worker, intake).run
            for number in range(settings.max_concurrency)}
