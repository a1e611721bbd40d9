"""Rescuing: while the sink is away, read what RDS deletes within two hours; the shipper parks it (architecture.md, Rescue)."""

from aurora_logs import telemetry
from aurora_logs.errors import AuroraLogsError, Conflict
from aurora_logs.formats import format_of
from aurora_logs.intake import Intake
from aurora_logs.pipeline import RESCUE_WITHIN_MS, bring_up_to_date
from aurora_logs.ports import Ports
from aurora_logs.records.fleet import Instance
from aurora_logs.settings import Settings
from aurora_logs.stages.discover import GONE_AFTER, FamilyFiles, Listing, deadline_ms, log_file

LOOK_EVERY_SEC = 10.0


class Rescuer:
    """A worker beside the others: these may all wait for the sink with files that have time."""

    def __init__(self, ports: Ports, settings: Settings, listing: Listing, worker: str, intake: Intake) -> None:
        """The ports have a shelter."""
        self._ports, self._settings, self._listing, self._worker, self._intake = ports, settings, listing, worker, intake

    def run(self) -> None:
        """Look for such files until the service stops; an error of one round is reported, the next one comes."""
        while not self._ports.workers.stopping():
            try:
                self.round()
            except AuroraLogsError as error:
                telemetry.queue_delayed(error)
            self._ports.clock.sleep(min(LOOK_EVERY_SEC, max(1.0, self._settings.interval_sec)))

    def round(self) -> int:
        """Read each file that is near its deletion, the nearest first; return how many. Nothing while the sink answers."""
        read = 0
        if not self._is_needed():
            return read
        for _, family, log_type, instance in sorted(self._urgent(), key=lambda one: one[:2]):
            if not self._is_needed() or self._ports.workers.stopping():
                break
            read += self._read(instance, family, log_type)
        return read

    def _is_needed(self) -> bool:
        return self._ports.shelter is not None and self._ports.shelter.is_sink_away

    def _urgent(self) -> list[tuple[int, str, str, Instance]]:
        """Return deadline, family, log type and instance of each; a family once, by its most urgent file."""
        now_ms = self._ports.clock.now_us() // 1000
        found: dict[tuple[str, str], tuple[int, str, str, Instance]] = {}
        for known in self._ports.state.instances():
            instance = known.instance
            rows = self._ports.state.tracked(instance.instance_id)
            for row in rows:
                at_ms = deadline_ms(instance.engine, row, rows, now_ms=now_ms)
                key = instance.instance_id, row.family
                is_left = row.delivered_bytes < row.file_size and row.missing < GONE_AFTER
                if is_left and at_ms - now_ms < RESCUE_WITHIN_MS and at_ms < found.get(key, (at_ms + 1,))[0]:
                    found[key] = at_ms, row.family, row.log_type, instance
        return list(found.values())

    def _read(self, instance: Instance, family: str, log_type: str) -> bool:
        log_format = format_of(instance.engine, family)
        if log_format is None:
            return False
        files = FamilyFiles(self._listing, self._ports.state, instance, family, self._ports.clock, self._settings)
        is_cut = True
        while is_cut:
            with self._intake.turn() as turn:
                try:
                    bring_up_to_date(log_file(instance, family, log_type), log_format, files, self._ports, self._settings,
                                     self._worker, turn)
                except Conflict:
                    return False
                except AuroraLogsError as error:
                    telemetry.visit_ended(instance.instance_id, family, error)
                    return False
                is_cut = turn.is_cut and not self._ports.workers.stopping()
        return True
