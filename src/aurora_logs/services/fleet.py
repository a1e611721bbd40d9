"""The fleet: one replica a cycle describes a place's instances; the rows that it writes are what all replicas work from."""

from collections.abc import Mapping
from math import ceil

from msgspec.structs import replace

from aurora_logs import telemetry
from aurora_logs.errors import Transient
from aurora_logs.ports import Ports
from aurora_logs.records.fleet import Instance, TrackedFile, TrackedInstance
from aurora_logs.records.positions import is_of_wrong_clock
from aurora_logs.settings import Settings
from aurora_logs.stages.claim import claim
from aurora_logs.stages.discover import (
    DELETED,
    EXCLUDED,
    SILENT,
    Move,
    first_checkpoint,
    is_wanted,
    log_file,
    moves,
    selection_of,
)

EXPIRES_SEC = 7 * 86_400
ANEW_AFTER_SEC = 3600  # a row that does not change is written so often, so that nobody takes it for forgotten
DESCRIBE_AGAIN_SEC = 30.0  # after an error, where the cycle is longer


class Fleet:
    """Keeps instance rows as RDS describes them: new, changed, renamed and excluded ones. One a process; used by one thread a place."""

    def __init__(self, ports: Ports, settings: Settings, owner: str) -> None:
        self._ports, self._settings, self._owner = ports, settings, owner
        self._selection = selection_of(settings)
        self._due_sec: dict[str, float] = {}  # of places that this replica described last

    def rows(self, place: str) -> list[TrackedInstance]:
        """Return the rows of a place's instances; those of a row without a place belong to every place."""
        return [row for row in self._ports.state.instances() if row.instance.place in ("", place)]

    def describe(self, place: str, *, at_once: bool = False) -> bool:
        """Describe a place's instances and write what changed; False when that is not due, or another replica's turn.

        at_once: whoever's turn it is. Raises: as LogSource.instances and StateStore.
        """
        now_sec = self._now_sec()
        due_sec = self._due_sec.get(place, 0.0)
        if not at_once and (now_sec < due_sec or not self._lease(place, now_sec)):
            return False
        try:
            listed = self._ports.source.instances(place)
        except Transient:
            self._due_sec[place] = now_sec + min(DESCRIBE_AGAIN_SEC, self._settings.interval_sec)
            self._lease(place, now_sec, self._due_sec[place])
            raise
        self._due_sec[place] = now_sec + self._settings.interval_sec
        self._save(listed, place)
        return True

    def due_sec(self, place: str) -> float:
        """Return when the place may be described by this replica again, epoch seconds."""
        return self._due_sec.get(place, 0.0)

    def _lease(self, place: str, now_sec: float, until_sec: float = 0.0) -> bool:
        """Take the turn of this cycle; where another replica has it, look again when the cycle is over."""
        until_sec = until_sec or now_sec + self._settings.interval_sec
        is_mine = self._ports.state.lease_listing(f"#place#{place}", self._owner, now_sec=int(now_sec), until_sec=ceil(until_sec))
        if not is_mine:
            self._due_sec[place] = now_sec + self._settings.interval_sec / 2
        return is_mine

    def _save(self, listed: list[Instance], place: str) -> None:
        known = {row.instance.instance_id: row for row in self._ports.state.instances()}
        elsewhere = self._held_elsewhere(known, place)
        mine = [one for one in listed if one.resource_id not in elsewhere]
        known = self._renamed(known, mine, place)
        names = {row.instance.resource_id: name for name, row in known.items() if row.instance.resource_id}
        for one in mine:
            row = known.get(one.instance_id)
            is_anothers = row is not None and row.instance.resource_id not in ("", one.resource_id)
            if is_anothers or names.get(one.resource_id, one.instance_id) != one.instance_id:
                continue  # rows under this or its former name are still in a worker's hands: the next cycle moves them
            if not is_wanted(one, self._selection):
                if row is None:
                    continue
                one = replace(one, status=EXCLUDED)  # noqa: PLW2901 -- the very same instance
            self._save_one(one, row)

    def _save_one(self, instance: Instance, row: TrackedInstance | None) -> None:
        now_sec, described = int(self._now_sec()), replace(instance, tags={})
        if row is not None and row.instance.resource_id and row.instance.is_cluster_writer != instance.is_cluster_writer:
            telemetry.role_changed(instance.instance_id, "writer" if instance.is_cluster_writer else "reader")
        is_still = row is not None and row.instance == described
        rests = self._settings.interval_sec if instance.status in SILENT else ANEW_AFTER_SEC  # nothing else writes its row
        if row is None or not is_still or now_sec - row.updated_at >= rests:
            self._ports.state.save_instance(TrackedInstance(
                instance=described, updated_at=now_sec, expires_at=now_sec + EXPIRES_SEC))

    def _held_elsewhere(self, known: Mapping[str, TrackedInstance], place: str) -> set[str]:
        """Resources that another place of the settings collects: an account that two roles reach is collected once."""
        places = set(self._ports.source.places()) - {place, ""}
        return {row.instance.resource_id for row in known.values()
                if row.instance.place in places and row.instance.status not in (DELETED, EXCLUDED)}

    # names

    def _renamed(self, known: dict[str, TrackedInstance], listed: list[Instance], place: str) -> dict[str, TrackedInstance]:
        """Move rows to where RDS's names have gone; return all rows after that."""
        places = set(self._ports.source.places()) - {place}
        here = {name: row.instance.resource_id for name, row in known.items()
                if row.instance.resource_id and row.instance.place not in places}
        by_resource = {one.resource_id: one for one in listed}
        found = moves(here, {one.instance_id: one.resource_id for one in listed})
        for move in found:
            if not self._move(move, known[move.source], by_resource.get(move.resource_id)):
                break  # whatever follows may need the name that this one did not leave yet
            known[move.target] = replace(known.pop(move.source), lease_owner="", lease_until=0)
        return {row.instance.instance_id: row for row in self._ports.state.instances()} if found else known

    def _move(self, move: Move, row: TrackedInstance, now: Instance | None) -> bool:
        """Move one instance's rows; False while a worker holds one of its files. Twice is harmless (REL-67)."""
        state = self._ports.state
        tracked = [one for one in state.tracked(move.source) if one.resource_id in ("", move.resource_id)]
        families = {one.family for one in tracked}
        if any(self._is_held(name, family) for family in families for name in (move.source, move.target)):
            telemetry.rename_waits(move.source, move.target)
            return False
        is_listed = now is not None and now.instance_id == move.target
        instance = replace(now, tags={}) if now is not None and is_listed else replace(
            row.instance, instance_id=move.target, status=row.instance.status if now is not None else DELETED)
        for family in families:
            self._renew_checkpoint(instance, family, tracked)
        for one in tracked:
            status = "discovered" if one.status == "processing" else one.status
            state.see(replace(one, instance_id=move.target, resource_id=move.resource_id, status=status, queued_at=0))
        state.save_instance(TrackedInstance(instance=instance, updated_at=int(self._now_sec()),
                                            expires_at=int(self._now_sec()) + EXPIRES_SEC))
        for one in tracked:
            state.prune(move.source, one.log_file_name)
        state.forget_instance(move.source)
        telemetry.instance_renamed(move.source, move.target)
        return True

    def _renew_checkpoint(self, instance: Instance, family: str, tracked: list[TrackedFile]) -> None:
        """A checkpoint that stayed behind when the instance had this name before is older than its rows."""
        state = self._ports.state
        kept = state.checkpoint(instance.instance_id, family)
        rows = {one.log_file_name: one for one in [*state.tracked(instance.instance_id), *tracked]
                if one.family == family and one.resource_id == instance.resource_id}
        initial = first_checkpoint(log_file(instance, family, ""), rows.values())
        if kept is not None and kept.resource_id == instance.resource_id and kept.epoch < initial.epoch:
            with claim(state, self._ports.clock, self._ports.random, self._settings, initial, self._owner) as held:
                held.adopt(initial)

    def _is_held(self, instance_id: str, family: str) -> bool:
        now_ms = int(self._now_sec() * 1000)
        row = self._ports.state.checkpoint(instance_id, family)
        return row is not None and bool(row.lease_owner) and row.lease_until_ms > now_ms and not is_of_wrong_clock(
            row, now_ms, self._settings.lease_sec)

    def _now_sec(self) -> float:
        return self._ports.clock.now_us() / 1e6
