"""Compacting: batch files of the embedded sink become Parquet now and then, in a short-lived process of their own."""

from aurora_logs import telemetry
from aurora_logs.errors import Transient
from aurora_logs.ports import Ports
from aurora_logs.settings import Settings
from aurora_logs.wiring import compact

EVERY_SEC = 60.0


class Compactor:
    """Looks once a minute whether there is enough to compact. One per process with an embedded sink."""

    def __init__(self, ports: Ports, settings: Settings) -> None:
        self._ports, self._settings = ports, settings

    def run(self) -> None:
        """Compact until the service stops."""
        while not self._ports.workers.stopping():
            self._ports.clock.sleep(EVERY_SEC)
            if not self._ports.workers.stopping():
                self.round()

    def round(self) -> None:
        """Compact what is due; what can't be compacted now stays in batch files."""
        started_sec = self._ports.clock.monotonic_sec()
        try:
            totals = compact(self._settings, self._ports.clock)
        except Transient as error:
            telemetry.compaction_ended(str(error))
            return
        if totals is not None and totals.runs:
            telemetry.compaction_done(totals.records, totals.batch_bytes, self._ports.clock.monotonic_sec() - started_sec)
