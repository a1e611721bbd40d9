"""Discovery: list instances and their files, keep the tracking rows, queue hints for what has grown."""

import msgspec
from msgspec.structs import replace

from aurora_logs import telemetry
from aurora_logs.errors import AuroraLogsError, InstanceGone, InstanceNotReady
from aurora_logs.ports import Ports
from aurora_logs.records.fleet import Instance, TrackedFile, TrackedInstance
from aurora_logs.settings import Settings
from aurora_logs.stages.discover import DELETED, GONE_AFTER, Listing, hints

EXPIRES_SEC = 7 * 86_400


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """What a cycle found: instances listed, hints queued, listed bytes not delivered yet, errors by instance."""

    instances: int
    hints: int
    bytes_behind: int
    held: dict[str, str]


class Discovery:
    """Runs cycles. One per process; several processes share the instances by their listing leases."""

    def __init__(self, ports: Ports, settings: Settings, owner: str, *, only: str = "") -> None:
        self._ports, self._settings, self._owner, self._only = ports, settings, owner, only
        self._listing = Listing(ports.source, ports.state, ports.clock, settings)

    @property
    def listing(self) -> Listing:
        """Lists and remembers; processors use it when a read surprises them."""
        return self._listing

    def run(self) -> None:
        """Run cycles until the service stops; an error of one cycle is reported, the next one comes."""
        while not self._ports.workers.stopping():
            try:
                self.cycle()
            except AuroraLogsError as error:
                telemetry.discovery_delayed(error)
            jitter = 0.9 + 0.2 * self._ports.random.uniform()
            self._ports.clock.sleep(self._settings.interval_sec * jitter)

    def cycle(self) -> Cycle:
        """List every instance whose lease is free, and queue what needs work. One bad instance never stops the others.

        Raises: what listing the instances raises; nothing for a single instance.
        """
        started_sec = self._ports.clock.monotonic_sec()
        listed = [one for one in self._ports.source.instances() if not self._only or one.instance_id == self._only]
        total, behind, held = 0, 0, {}
        for instance in [*listed, *self._vanished(listed)]:
            if self._ports.workers.stopping():
                break
            try:
                queued, left = self._instance(instance)
                total, behind = total + queued, behind + left
            except InstanceNotReady:  # paused or starting: not a failure of anything
                continue
            except AuroraLogsError as error:
                held[instance.instance_id] = str(error)
                telemetry.instance_held(instance.instance_id, error)
        telemetry.cycle_done(len(listed), total, self._ports.clock.monotonic_sec() - started_sec)
        return Cycle(instances=len(listed), hints=total, bytes_behind=behind, held=held)

    def _instance(self, instance: Instance) -> tuple[int, int]:
        state, now_sec = self._ports.state, self._ports.clock.now_us() // 1_000_000
        until_sec = now_sec + int(max(self._settings.interval_sec, self._settings.lease_sec))
        state.save_instance(TrackedInstance(instance=instance, updated_at=now_sec, expires_at=now_sec + EXPIRES_SEC))
        if not state.lease_listing(instance.instance_id, self._owner, now_sec=now_sec, until_sec=until_sec):
            return 0, 0
        try:
            rows = self._listing.rows(instance)
        except InstanceGone:
            state.save_instance(TrackedInstance(instance=replace(instance, status=DELETED), updated_at=now_sec,
                                                expires_at=now_sec + EXPIRES_SEC))
            rows = self._count_missing(instance)
        found = hints(instance, rows, state, self._ports.clock, self._settings)
        for task, deadline_ms, members in found:
            self._ports.queue.put(task, deadline_ms=deadline_ms)
            for row in members:  # W3: only after the queue has it
                state.queued(row.instance_id, row.log_file_name, now_sec)
        self._prune(rows)
        telemetry.instance_listed(instance.instance_id, len(rows), len(found))
        return len(found), sum(max(0, row.file_size - row.delivered_bytes) for row in rows)

    def _vanished(self, listed: list[Instance]) -> list[Instance]:
        """Instances that we know, with files to account for, that RDS does not list any more (RDS-89)."""
        names = {one.instance_id for one in listed}
        known = [row.instance for row in self._ports.state.instances()]
        return [one for one in known if one.instance_id not in names and (not self._only or one.instance_id == self._only)]

    def _count_missing(self, instance: Instance) -> list[TrackedFile]:
        for row in self._ports.state.tracked(instance.instance_id):
            if row.missing < GONE_AFTER:
                self._ports.state.missed(row.instance_id, row.log_file_name, row.missing + 1)
        return self._ports.state.tracked(instance.instance_id)

    def _prune(self, rows: list[TrackedFile]) -> None:
        for row in rows:
            if row.missing >= GONE_AFTER and row.audited_at and row.delivered_bytes >= row.file_size:
                self._ports.state.prune(row.instance_id, row.log_file_name)


__all__ = ["Cycle", "Discovery"]
