"""One account in one region: its instances and clusters, and what happens to them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from aurora_logs_simulator.answers import Item, instance_not_found
from aurora_logs_simulator.clock import DAY_US, HOUR_US
from aurora_logs_simulator.error_pair import ErrorPairFamily
from aurora_logs_simulator.family import ChainFamily, DatedFamily, Family, HourlyFamily, Owner, StripedFamily
from aurora_logs_simulator.instance import MYSQL_ENGINES, POSTGRES_ENGINES, Instance, Spec, tag_list
from aurora_logs_simulator.ledger import Ledger
from aurora_logs_simulator.logfile import Segment, utc

EVENTS_KEPT_US = 14 * DAY_US
SHRINK_BYTES = 4_096  # "a few KB" (sheet 8.1, live)

BASES = {
    "slowquery": "slowquery/mysql-slowquery.log",
    "general": "general/mysql-general.log",
    "error": "error/mysql-error-running.log",
    "postgresql": "error/postgresql.log",
    "audit": "audit/audit.log",
}

HeaderOf = Callable[[str, str, str], Callable[[int], bytes]]
Mark = Callable[["Instance", int], None]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One row of DescribeEvents."""

    at_us: int
    source: str
    source_type: str
    categories: tuple[str, ...]
    message: str


def no_header(log_type: str, engine: str, identifier: str) -> Callable[[int], bytes]:
    """Give fresh files no furniture."""
    del log_type, engine, identifier
    return lambda _now_us: b""


class Account:
    """Instances, clusters and events, moved on by `advance`; nothing in here knows a socket or a wall clock."""

    def __init__(
        self,
        *,
        now_us: int,
        region: str = "eu-central-1",
        account_id: str = "123456789012",
        header_of: HeaderOf = no_header,
    ) -> None:
        """Begin empty; `header_of(log type, engine, identifier)` gives the furniture of fresh files."""
        self.region = region
        self.account_id = account_id
        self.ledger = Ledger()
        self.instances: dict[str, Instance] = {}
        self.events: list[Event] = []
        self.after_restart: list[Mark] = []  # the load writes its start banner here
        self.header_of = header_of
        self._born_us = now_us

    def add(self, spec: Spec, now_us: int) -> Instance:
        """Create an instance with the files of its log types."""
        instance = Instance(spec, region=self.region, account_id=self.account_id, created_us=now_us)
        for log_type in () if spec.folder else (spec.log_types or _log_types(spec.engine)):
            instance.families[log_type] = self._family(instance, log_type, now_us)
        self.instances[spec.identifier] = instance
        if now_us > self._born_us:
            self._happened(instance, now_us, "creation", "DB instance created")
        return instance

    def advance(self, now_us: int) -> None:
        """Let every instance do what is due until `now_us`."""
        for instance in self.instances.values():
            instance.advance(now_us)
        while self.events and self.events[0].at_us + EVENTS_KEPT_US < now_us:
            self.events.pop(0)

    def instance(self, identifier: str) -> Instance:
        """Return an instance by its identifier.

        Raises: ApiError DBInstanceNotFound, also for a cluster's identifier.
        """
        found = self.instances.get(identifier)
        if found is None:
            raise instance_not_found(identifier)
        return found

    def clusters(self) -> list[dict[str, Item]]:
        """Return the members of DescribeDBClusters that readers use, one dict a cluster."""
        names = dict.fromkeys(i.cluster for i in self.instances.values() if i.cluster is not None)
        return [self._described_cluster(name) for name in names]

    def members(self, cluster: str) -> list[Instance]:
        """Return the instances of a cluster."""
        return [instance for instance in self.instances.values() if instance.cluster == cluster]

    def tags_of(self, arn: str) -> list[Item]:
        """Return the tags of an instance or cluster by its ARN."""
        for instance in self.instances.values():
            if instance.arn == arn:
                return tag_list(instance.spec.tags)
        if any(self._cluster_arn(str(c["DBClusterIdentifier"])) == arn for c in self.clusters()):
            return []
        raise instance_not_found(arn)

    def restart(
        self,
        identifier: str,
        now_us: int,
        *,
        shrink_bytes: int = SHRINK_BYTES,
        silent: bool = False,
        mid_entry: bool = False,
    ) -> None:
        """Reboot: every written file comes back shorter and is appended to from there (sheet 8.1).

        The cut falls on an entry's border at or before `shrink_bytes` from the end, so that each entry is there or not;
        with `mid_entry` on exactly that byte, and a lost entry's head stays behind. `silent` leaves the event out (RDS-80).
        """
        instance = self.instance(identifier)
        instance.advance(now_us)
        for family in instance.families.values():
            family.flush(now_us)
            for segment in family.live_segments():
                shrink(family, segment, shrink_bytes, now_us, mid_entry=mid_entry)
        if not silent:
            self._happened(instance, now_us, "availability", "DB instance shutdown")
            self._happened(instance, now_us, "availability", "DB instance restarted")
        for mark in self.after_restart:
            mark(instance, now_us)

    def fail_over(self, cluster: str, now_us: int, *, shrink_bytes: int = SHRINK_BYTES) -> str:
        """Swap writer and first reader of a cluster; both restart. Return the new writer's identifier."""
        members = self.members(cluster)
        writer = next(member for member in members if member.is_writer)
        reader = next(member for member in members if not member.is_writer)
        self._cluster_happened(cluster, now_us, f"Started cross AZ failover to DB instance: {reader.identifier}")
        for member in (writer, reader):
            self.restart(member.identifier, now_us, shrink_bytes=shrink_bytes)
        writer.is_writer, reader.is_writer = False, True
        self._cluster_happened(cluster, now_us, f"Completed failover to DB instance: {reader.identifier}")
        return reader.identifier

    def delete(self, identifier: str, now_us: int) -> None:
        """Delete an instance: all its logs are gone."""
        instance = self.instance(identifier)
        self.drop_logs(instance, "instance_deleted")
        del self.instances[identifier]
        self._happened(instance, now_us, "deletion", "DB instance deleted")

    def drop_logs(self, instance: Instance, cause: str) -> None:
        """Delete all files of an instance: deletion, stop of a t-class, change between classes (sheet 8.4)."""
        for family in instance.families.values():
            for segment in family.segments():
                family.purge(segment, cause)
        instance.families.clear()

    def rename(self, identifier: str, new_identifier: str, now_us: int) -> None:
        """Give an instance another identifier; its resource id stays (RDS-13). Two renames make a switch-over."""
        instance = self.instance(identifier)
        del self.instances[identifier]
        instance.identifier = new_identifier
        self.instances[new_identifier] = instance
        self._happened(instance, now_us, "configuration change", f"Renamed instance from {identifier}")

    def set_status(self, identifier: str, status: str) -> None:
        """Put an instance into a status such as `available`, `paused`, `stopping`, `deleting`."""
        self.instance(identifier).status = status

    def _family(self, instance: Instance, log_type: str, now_us: int) -> Family:
        spec = instance.spec
        base = BASES[log_type]
        owner = Owner(instance.identifier, instance.resource_id, instance.engine)
        header = self.header_of(log_type, spec.engine, spec.identifier)
        kept = None if spec.retention_hours is None else int(spec.retention_hours * HOUR_US)
        if log_type == "postgresql":
            return DatedFamily(
                base=base, log_type=log_type, owner=owner, ledger=self.ledger, header=header, now_us=now_us,
                with_minutes=spec.with_minutes, retention_us=kept or 3 * DAY_US,
            )  # fmt: skip
        if log_type == "audit" and spec.audit_chain:
            return ChainFamily(
                base="audit/server_audit.log", log_type=log_type, owner=owner, ledger=self.ledger, header=header,
                now_us=now_us,
            )  # fmt: skip
        if log_type == "audit":
            return StripedFamily(
                base=base, log_type=log_type, owner=owner, ledger=self.ledger, header=header, now_us=now_us,
                retention_us=kept or DAY_US,
            )  # fmt: skip
        kind = ErrorPairFamily if log_type == "error" and spec.error_pair else HourlyFamily
        return kind(
            base=base, log_type=log_type, owner=owner, ledger=self.ledger, header=header, now_us=now_us,
            retention_us=kept or hourly_retention_us(spec.engine, log_type), hour_digits=spec.hour_digits,
            reuses_names=spec.reuses_names, midnight_24=spec.midnight_24,
        )  # fmt: skip

    def _described_cluster(self, name: str) -> dict[str, Item]:
        members = self.members(name)
        return {
            "DBClusterIdentifier": name,
            "DBClusterArn": self._cluster_arn(name),
            "DbClusterResourceId": f"cluster-{members[0].resource_id[3:]}",
            "Status": "available",
            "Engine": members[0].engine,
            "EngineMode": "provisioned",
            "EngineVersion": str(members[0].described()["EngineVersion"]),
            "MultiAZ": len(members) > 1,
            "DBClusterParameterGroup": f"{name}-cluster-parameters",
            "TagList": tag_list(next((m.spec.cluster_tags for m in members if m.spec.cluster_tags), {})),
            "DBClusterMembers": [
                {"DBInstanceIdentifier": m.identifier, "IsClusterWriter": m.is_writer, "PromotionTier": 1}
                for m in members
            ],
        }

    def _cluster_arn(self, name: str) -> str:
        return f"arn:aws:rds:{self.region}:{self.account_id}:cluster:{name}"

    def _happened(self, instance: Instance, at_us: int, category: str, message: str) -> None:
        source = instance.identifier
        self.events.append(
            Event(at_us=at_us, source=source, source_type="db-instance", categories=(category,), message=message)
        )

    def _cluster_happened(self, cluster: str, at_us: int, message: str) -> None:
        self.events.append(
            Event(at_us=at_us, source=cluster, source_type="db-cluster", categories=("failover",), message=message)
        )

    def event_rows(self) -> list[dict[str, Item]]:
        """Return the events as AWS lists them, oldest first."""
        return [
            {
                "SourceIdentifier": event.source,
                "SourceType": event.source_type,
                "Message": event.message,
                "EventCategories": list(event.categories),
                "Date": f"{utc(event.at_us):%Y-%m-%dT%H:%M:%S}.{event.at_us // 1_000 % 1_000:03d}Z",
            }
            for event in self.events
        ]


def hourly_retention_us(engine: str, log_type: str) -> int:
    """Return how long hourly files live: Aurora 24 h and 30 days for errors, RDS MySQL 2 weeks, MariaDB 24 h."""
    if engine == "mysql":
        return 14 * DAY_US
    if engine == "aurora-mysql" and log_type == "error":
        return 30 * DAY_US
    return DAY_US


def shrink(family: Family, segment: Segment, shrink_bytes: int, now_us: int, *, mid_entry: bool = False) -> int:
    """Cut the end of a file off, at least `shrink_bytes` when entries are so long; return how much went."""
    book = family.book(segment)
    old_bytes = len(segment.content)
    target = max(0, old_bytes - shrink_bytes)
    alive = [entry for entry in book.entries if entry.lost is None]
    border = next((entry.start for entry in reversed(alive) if entry.start <= target), None)
    if border is None:
        border = alive[0].start if alive else old_bytes
    elif mid_entry:
        border = target
    segment.shrink_to(border, now_us)
    book.shrunk(border, old_bytes)
    return old_bytes - border


def _log_types(engine: str) -> tuple[str, ...]:
    if engine in POSTGRES_ENGINES:
        return ("postgresql",)
    if engine in MYSQL_ENGINES:
        return ("slowquery", "error")
    return ()
