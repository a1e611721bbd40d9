"""Standalone: discovery, processors, auditor and compaction in one process, on the embedded adapters."""

import threading
from collections.abc import Callable

import msgspec

from aurora_logs import __version__, telemetry
from aurora_logs.errors import AuroraLogsError
from aurora_logs.intake import Intake, open_intake
from aurora_logs.ports import Ports
from aurora_logs.records.fleet import TrackedFile
from aurora_logs.services.auditing import Auditor
from aurora_logs.services.census import Census
from aurora_logs.services.compacting import Compactor
from aurora_logs.services.discovery import Cycle, Discovery
from aurora_logs.services.endpoints import sample_intake, watched
from aurora_logs.services.processor import Processor, workers
from aurora_logs.services.rescuing import Rescuer
from aurora_logs.settings import Settings
from aurora_logs.wiring import collecting

PORTION_MB = 1.05


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended: records and gap bytes delivered in it, files left behind, instances held with the reason.

    open_end_bytes: of live files, behind the last whole entry; they wait for the rest and are not left behind.
    """

    records: int
    gap_bytes: int
    files_behind: int
    bytes_behind: int
    open_end_bytes: int
    held: dict[str, str]


class Standalone:
    """One collecting process. `run` works until it is stopped; `run_once` until all that is listed is delivered."""

    def __init__(self, settings: Settings, stop: threading.Event, *, only: str = "",
                 on_backlog: Callable[[Cycle, float], None] | None = None) -> None:
        """only: collect this instance alone. on_backlog: told bytes behind and calls needed after the first listing."""
        self._settings, self._stop, self._only, self._on_backlog = settings, stop, only, on_backlog
        self._records = self._gap_bytes = 0

    def run(self) -> None:
        """Collect until stopped. Raises: DirectoryInUse, StateNewer, ConfigError."""
        with watched(self._settings, self._stop, "standalone") as (ports, run_id):
            discovery = Discovery(ports, self._settings, run_id, only=self._only)
            self._announce(ports, discovery)
            intake = open_intake(ports, self._settings, threading.Lock())
            sample_intake(intake)
            auditor = Auditor(ports, self._settings, discovery.listing, run_id, intake)
            rescuer = {"rescuer": Rescuer(ports, self._settings, discovery.listing, run_id, intake).run} if ports.shelter else {}
            ports.workers.run({
                **rescuer, "discovery": discovery.run, "auditor": auditor.run, "compaction": Compactor(ports, self._settings).run,
                "census": Census(ports, self._settings, run_id).run,
                **workers(ports, self._settings, discovery.listing, run_id, intake)})
        telemetry.service_stopped("standalone")

    def run_once(self) -> Outcome:
        """Deliver everything that is listed now, then return. Raises as `run`, and when the instances can't be listed."""
        with collecting(self._settings, self._stop) as (ports, run_id):
            discovery = Discovery(ports, self._settings, run_id, only=self._only)
            cycle = self._announce(ports, discovery, must_work=True)
            intake = open_intake(ports, self._settings, threading.Lock())
            ports.workers.run({f"worker-{number}": self._until_empty(ports, discovery, run_id, intake)
                               for number in range(self._settings.max_concurrency)})
            return self._outcome(ports, cycle)

    def _outcome(self, ports: Ports, cycle: Cycle | None) -> Outcome:
        files = bytes_behind = open_end_bytes = 0
        for row in self._rows(ports):
            left = row.file_size - row.delivered_bytes
            if left <= 0:
                continue
            checkpoint = ports.state.checkpoint(row.instance_id, row.family)
            if checkpoint is not None and checkpoint.quiet_end >= row.file_size and row.log_file_name == row.family:
                open_end_bytes += left
            else:
                files, bytes_behind = files + 1, bytes_behind + left
        return Outcome(records=self._records, gap_bytes=self._gap_bytes, files_behind=files, bytes_behind=bytes_behind,
                       open_end_bytes=open_end_bytes, held=cycle.held if cycle else {})

    def _until_empty(self, ports: Ports, discovery: Discovery, run_id: str, intake: Intake) -> Callable[[], None]:
        """Work until the queue has nothing that is due; an open end is waited for once, BATCH_TIMEOUT_SEC."""
        processor = Processor(ports, self._settings, discovery.listing, run_id, intake)

        def work() -> None:
            last_sec = ports.clock.monotonic_sec()
            patience_sec = self._settings.batch_timeout_sec + self._settings.retry_backoff_sec + 1
            while not ports.workers.stopping() and ports.clock.monotonic_sec() - last_sec < patience_sec:
                progress = processor.work_once(0.2)
                if progress is None and self._all_delivered(ports):
                    return
                if progress is not None:
                    self._records += progress.records
                    self._gap_bytes += progress.gap_bytes
                    if progress.records or progress.gap_bytes:
                        last_sec = ports.clock.monotonic_sec()

        return work

    def _all_delivered(self, ports: Ports) -> bool:
        return all(row.status == "completed" for row in self._rows(ports))

    def _rows(self, ports: Ports) -> list[TrackedFile]:
        return [row for known in ports.state.instances() for row in ports.state.tracked(known.instance.instance_id)
                if not self._only or known.instance.instance_id == self._only]

    def _announce(self, ports: Ports, discovery: Discovery, *, must_work: bool = False) -> Cycle | None:
        telemetry.service_started("standalone", __version__, data_dir=self._settings.data_dir)
        if self._settings.redaction == "off":
            telemetry.redaction_off()
        try:
            cycle = discovery.cycle()
        except AuroraLogsError as error:
            if must_work or not ports.state.instances():
                raise
            telemetry.discovery_delayed(error)
            return None
        if self._on_backlog is not None:
            self._on_backlog(cycle, cycle.bytes_behind / (PORTION_MB * 1e6))
        return cycle
