"""Discovery: list what is due, keep the tracking rows, queue hints for what has grown.

Any number of replicas share the work: who describes a place or lists an instance holds its lease, until its next turn.
"""

from functools import partial
from math import ceil

import msgspec
from msgspec.structs import replace

from aurora_logs import telemetry
from aurora_logs.errors import AuroraLogsError, InstanceGone, InstanceNotReady, Transient, Unknown
from aurora_logs.ports import Ports
from aurora_logs.records.fleet import Instance, TrackedFile, TrackedInstance
from aurora_logs.services.fleet import EXPIRES_SEC, Fleet
from aurora_logs.services.forecasting import Forecasts
from aurora_logs.settings import Settings
from aurora_logs.stages.discover import (
    DELETED,
    ENDING,
    EXCLUDED,
    GONE_AFTER,
    SILENT,
    Listing,
    due_sec,
    hints,
    is_busy,
    is_due,
    is_sweep_due,
)

LEAST_PAUSE_SEC = 0.05


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """What a cycle found: instances known, how many of them were listed, hints queued, listed bytes not delivered yet.

    held: why accounts, regions or instances could not be listed, by their names.
    """

    instances: int
    listed: int
    hints: int
    bytes_behind: int
    held: dict[str, str]


class Discovery:
    """Lists what is due. One per process."""

    def __init__(self, ports: Ports, settings: Settings, owner: str, *, only: str = "") -> None:
        self._ports, self._settings, self._owner, self._only = ports, settings, owner, only
        self._fleet = Fleet(ports, settings, owner)
        self._listing = Listing(ports.source, ports.state, ports.clock, settings)
        self._forecasts = Forecasts()
        self._due_sec: dict[str, int] = {}  # of instances that this replica listed: the store's index may lag behind

    @property
    def listing(self) -> Listing:
        """Lists and remembers; processors use it when a read surprises them."""
        return self._listing

    def run(self) -> None:
        """List what is due until the service stops; each account and region side by side, so that none waits for another."""
        places = self._ports.source.places()
        if len(places) == 1:
            self._keep_listing(places[0])
        else:
            self._ports.workers.run({f"discovery {place}": partial(self._keep_listing, place) for place in places})

    def cycle(self) -> Cycle:
        """Describe and list everything now, whoever's turn it is, and queue what needs work.

        Raises: what describing raises, when there is no place that can be described; nothing for a single instance.
        """
        done, held = Cycle(instances=0, listed=0, hints=0, bytes_behind=0, held={}), 0
        places = self._ports.source.places()
        for place in places:
            try:
                self._fleet.describe(place, at_once=True)
            except AuroraLogsError as error:
                held += 1
                if held == len(places):
                    raise
                telemetry.discovery_delayed(error)
                done = replace(done, held=done.held | {place: str(error)})
            else:
                found = self._list(self._wanted(place))
                done = Cycle(instances=done.instances + found.instances, listed=done.listed + found.listed,
                             hints=done.hints + found.hints, bytes_behind=done.bytes_behind + found.bytes_behind,
                             held=done.held | found.held)
        return done

    def _keep_listing(self, place: str) -> None:
        while not self._ports.workers.stopping():
            try:
                self.look(place)
                pause_sec = self._pause_sec(place)
            except AuroraLogsError as error:
                telemetry.discovery_delayed(error)
                pause_sec = self._settings.interval_sec
            self._ports.clock.sleep(max(LEAST_PAUSE_SEC, pause_sec * (0.9 + 0.2 * self._ports.random.uniform())))

    def look(self, place: str) -> Cycle:
        """Describe a place if it is our turn, and list those of its instances that are due. Raises: as `cycle`."""
        try:
            self._fleet.describe(place)
        except Transient as error:  # what is known goes on being listed
            telemetry.discovery_delayed(error)
        now_sec = self._now_sec()
        return self._list([row for row in self._wanted(place) if self._is_due(row, now_sec)])

    def _wanted(self, place: str) -> list[TrackedInstance]:
        return [row for row in self._fleet.rows(place) if row.instance.instance_id == (self._only or row.instance.instance_id)
                and row.instance.status != EXCLUDED]

    def _is_due(self, row: TrackedInstance, now_sec: float) -> bool:
        return is_due(row, now_sec, self._settings) and self._due_sec.get(row.instance.instance_id, 0) <= now_sec

    def _pause_sec(self, place: str) -> float:
        """How long nothing is due."""
        now_sec = self._now_sec()
        due = [max(row.lease_until, self._due_sec.get(row.instance.instance_id, 0)) for row in self._wanted(place)
               if not is_due(row, now_sec, self._settings)]
        return min(max(0.0, min([self._fleet.due_sec(place), *due]) - now_sec), self._settings.interval_sec)

    def _list(self, rows: list[TrackedInstance]) -> Cycle:
        """List these instances, those that are about to go first. One bad instance never stops the others."""
        started_sec = self._ports.clock.monotonic_sec()
        listed, total, behind, held = 0, 0, 0, dict[str, str]()
        chance = {row.instance.instance_id: self._ports.random.uniform() for row in rows}  # replicas meet less often
        for row in sorted(rows, key=lambda one: (one.instance.status not in ENDING, chance[one.instance.instance_id])):
            instance_id = row.instance.instance_id
            if self._ports.workers.stopping():
                break
            try:
                if row.instance.status in SILENT or not self._lease(row):
                    continue
                queued, left = self._instance(row)
            except InstanceNotReady:  # paused or starting: not a failure of anything
                continue
            except AuroraLogsError as error:
                held[instance_id] = str(error)
                telemetry.instance_held(instance_id, error)
            else:
                listed, total, behind = listed + 1, total + queued, behind + left
        if rows:
            telemetry.cycle_done(len(rows), total, self._ports.clock.monotonic_sec() - started_sec)
        return Cycle(instances=len(rows), listed=listed, hints=total, bytes_behind=behind, held=held)

    def _lease(self, row: TrackedInstance) -> bool:
        """Take the right to list, as long as nobody took it since the row was read."""
        now_sec = self._now_sec()
        return self._ports.state.lease_listing(
            row.instance.instance_id, self._owner, now_sec=max(int(now_sec), row.lease_until),
            until_sec=ceil(now_sec + self._settings.lease_sec))

    def _instance(self, row: TrackedInstance) -> tuple[int, int]:
        """List one instance and queue what needs work; return hints and bytes behind."""
        instance, now_sec = row.instance, self._now_sec()
        whole = is_sweep_due(row, now_sec, self._settings)
        try:
            rows = self._rows(instance, whole=whole)
            found = hints(instance, rows, self._ports.state, self._ports.clock, self._settings)
            for task, deadline_ms, members in found:
                self._ports.queue.put(task, deadline_ms=deadline_ms)
                for one in members:  # W3: only after the queue has it
                    self._ports.state.queued(one.instance_id, one.log_file_name, int(now_sec))
            left = self._prune(rows)
        except AuroraLogsError as error:
            self._failed(row, now_sec, error)
            raise
        telemetry.instance_listed(instance.instance_id, len(rows), len(found))
        if not left and instance.status == DELETED:
            self._ports.state.forget_instance(instance.instance_id)
            self._forecasts.forget(instance.instance_id)
        else:
            self._done(replace(row, listed_at=int(now_sec), error="", swept_at=int(now_sec) if whole else row.swept_at,
                               at_risk_bytes=self._forecasts.of(instance, rows, now_sec)), row, now_sec, busy=is_busy(rows))
        return len(found), sum(max(0, one.file_size - one.delivered_bytes) for one in rows)

    def _rows(self, instance: Instance, *, whole: bool) -> list[TrackedFile]:
        if instance.status != DELETED:
            try:
                return self._listing.rows(instance, whole=whole)
            except InstanceGone:  # RDS-89: its files are accounted for when some listings lacked them
                now_sec = int(self._now_sec())
                self._ports.state.save_instance(TrackedInstance(
                    instance=replace(instance, status=DELETED), updated_at=now_sec, expires_at=now_sec + EXPIRES_SEC))
        for row in self._ports.state.tracked(instance.instance_id):
            if row.missing < GONE_AFTER:
                self._ports.state.missed(row.instance_id, row.log_file_name, row.missing + 1)
        return self._ports.state.tracked(instance.instance_id)

    def _prune(self, rows: list[TrackedFile]) -> int:
        """Delete rows of files that are gone and accounted for; return how many rows are left."""
        done = [row for row in rows if row.missing >= GONE_AFTER and row.audited_at and row.delivered_bytes >= row.file_size]
        for row in done:
            self._ports.state.prune(row.instance_id, row.log_file_name)
        return len(rows) - len(done)

    def _failed(self, row: TrackedInstance, now_sec: float, error: AuroraLogsError) -> None:
        """Say when it is tried again; a paused or denied instance more and more rarely."""
        is_passing = isinstance(error, Transient) and not isinstance(error, InstanceNotReady)
        text = row.error if isinstance(error, Transient) else str(error)
        try:
            self._done(replace(row, error=text), row, now_sec, busy=is_passing)
        except (Transient, Unknown) as again:  # the lease ends by itself
            telemetry.discovery_delayed(again)

    def _done(self, told: TrackedInstance, row: TrackedInstance, now_sec: float, *, busy: bool) -> None:
        """Write down what the listing told, and when the next one is due. row: as it was before."""
        until_sec = due_sec(row, now_sec, self._settings, busy=busy, chance=self._ports.random.uniform())
        self._due_sec[row.instance.instance_id] = until_sec
        self._ports.state.listing_done(replace(told, lease_owner=self._owner, lease_until=until_sec))

    def _now_sec(self) -> float:
        return self._ports.clock.now_us() / 1e6


__all__ = ["Cycle", "Discovery"]
