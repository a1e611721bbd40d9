"""RdsPlaces: one LogSource over several accounts and regions; what fails in one of them leaves the others alone."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import msgspec

from aurora_logs.adapters.aws.log_source import RdsLogSource
from aurora_logs.errors import InstanceGone
from aurora_logs.records.fleet import Instance, ListedFile, LogSettings
from aurora_logs.records.flow import Answer
from aurora_logs.scope import Role


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An account in a region. role: None for the account of the credentials. suffix: of its instance ids; "" for the first."""

    name: str
    region: str
    role: Role | None
    suffix: str


def places_of(regions: Sequence[str], roles: Sequence[Role], *, home_region: str, own_account: bool) -> list[Place]:
    """Return all places, the own account first. Only what lies in it and in `home_region` has bare instance ids."""
    accounts: list[Role | None] = [*([None] if own_account else []), *roles]
    found = []
    for role in accounts:
        for region in regions:
            name = f"{region}.{role.account_id}" if role else region
            is_home = role is None and region == home_region
            found.append(Place(name=name, region=region, role=role, suffix="" if is_home else f"@{name}"))
    return found


class RdsPlaces:
    """LogSource over the sources of several places, each opened when it is needed first. Called from many threads."""

    def __init__(self, places: Sequence[Place], open_source: Callable[[Place], RdsLogSource]) -> None:
        """open_source: opens one place; what it raises is the error of the call that needs it."""
        self._places = {place.name: place for place in places}
        self._open_source = open_source
        self._opened: dict[str, RdsLogSource] = {}
        self._opening = {place.name: threading.Lock() for place in places}  # whoever can't open one place holds up no other

    @property
    def calls(self) -> Mapping[tuple[str, str], int]:
        """Calls so far by operation and result."""
        total: dict[tuple[str, str], int] = {}
        for source in list(self._opened.values()):
            for key, count in source.calls.items():
                total[key] = total.get(key, 0) + count
        return total

    def close(self) -> None:
        """Close all sockets."""
        for source in self._opened.values():
            source.close()

    def places(self) -> list[str]:
        """Return the accounts and regions. See LogSource."""
        return list(self._places)

    def instances(self, place: str = "") -> list[Instance]:
        """List the instances of one place, or of all. See LogSource."""
        return [one for name in ([place] if place else self._places) for one in self._source(name).instances()]

    def log_files(self, instance_id: str, *, written_since_ms: int = 0, name_contains: str = "") -> list[ListedFile]:
        """List an instance's files. See LogSource."""
        return self._of(instance_id).log_files(instance_id, written_since_ms=written_since_ms, name_contains=name_contains)

    def read(self, instance_id: str, log_file_name: str, marker: str, *, max_lines: int = 0) -> Answer:
        """Read one portion. See LogSource."""
        return self._of(instance_id).read(instance_id, log_file_name, marker, max_lines=max_lines)

    def complete_file(self, instance_id: str, log_file_name: str) -> AbstractContextManager[Iterator[bytes]]:
        """Open a whole file. See LogSource."""
        return self._of(instance_id).complete_file(instance_id, log_file_name)

    def log_settings(self, instance_id: str) -> LogSettings | None:
        """Return how an instance is told to log. See Inspected."""
        return self._of(instance_id).log_settings(instance_id)

    def skew_sec(self) -> float | None:
        """Return by how much RDS's clock is ahead of ours, of the places that answered the worst. See Inspected."""
        known = [skew for source in list(self._opened.values()) if (skew := source.skew_sec()) is not None]
        return max(known, key=abs, default=None)

    def _of(self, instance_id: str) -> RdsLogSource:
        suffix = instance_id[instance_id.find("@"):] if "@" in instance_id else ""
        for place in self._places.values():
            if place.suffix == suffix:
                return self._source(place.name)
        raise InstanceGone(instance_id)

    def _source(self, name: str) -> RdsLogSource:
        with self._opening[name]:
            if name not in self._opened:
                self._opened[name] = self._open_source(self._places[name])
            return self._opened[name]
