"""One DB instance: what describe calls tell of it, and the log files it has."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from aurora_logs_simulator.answers import Item
from aurora_logs_simulator.family import Family
from aurora_logs_simulator.logfile import DiskFile, LogFile, Segment, utc

MYSQL_ENGINES = ("aurora-mysql", "mysql", "mariadb")
POSTGRES_ENGINES = ("aurora-postgresql", "postgres")
NO_LOGS_STATUSES = ("creating", "rebooting", "upgrading", "failed", "storage-full", "stopped", "paused")

# What a database must be told so that it writes the logs that the simulator writes.
LOGGING_PARAMETERS = {
    **{engine: {"slow_query_log": "1", "log_output": "FILE", "long_query_time": "0.1"} for engine in MYSQL_ENGINES},
    **{engine: {"log_min_duration_statement": "0"} for engine in POSTGRES_ENGINES},
}

VERSIONS = {
    "aurora-mysql": "8.0.mysql_aurora.3.08.0",
    "mysql": "8.0.40",
    "mariadb": "10.11.9",
    "aurora-postgresql": "16.6",
    "postgres": "16.6",
}


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario says of an instance.

    identifier:  DBInstanceIdentifier; `engine` as AWS names it; `cluster`: DBClusterIdentifier of Aurora members.
    log_types:   which logs it writes: `slowquery`, `error`, `general`, `audit`, `postgresql`; all the engine's when empty.
    hour_digits: 1 or 2 digits in the suffix of hourly names; `reuses_names`: the old `.0` to `.23` suffixes.
    midnight_24: the last hour of a day is `….24`, not the next day's `.0` (RDS-49: unknown which, so both exist).
    with_minutes: the `-%H%M` names of Aurora PostgreSQL; `error_pair`: `mysql-error.log` is copied every 5 minutes.
    entries_per_sec: written by the load in a real second over all its logs; None: the scenario's figure.
    folder:      serve the files of this directory and write none.
    parameters:  user-set values of its parameter group; what makes its engine log, when empty.
    log_exports: log types that are exported to CloudWatch Logs as well.
    cluster_tags: of its cluster; those of the first member that has any.
    """

    identifier: str
    engine: str
    cluster: str | None = None
    is_writer: bool = True
    instance_class: str = "db.r6g.large"
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    log_types: tuple[str, ...] = ()
    hour_digits: int = 2
    reuses_names: bool = False
    midnight_24: bool = False
    with_minutes: bool = False
    error_pair: bool = False
    audit_chain: bool = False
    retention_hours: float | None = None
    entries_per_sec: float | None = None
    folder: str | None = None
    resource_id: str | None = None
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    log_exports: tuple[str, ...] = ()
    cluster_tags: dict[str, str] = msgspec.field(default_factory=dict)


class Instance:
    """One DB instance with its families of files."""

    def __init__(self, spec: Spec, *, region: str, account_id: str, created_us: int) -> None:
        """Begin available and without files."""
        self.spec = spec
        self.identifier = spec.identifier
        self.engine = spec.engine
        self.cluster = spec.cluster
        self.is_writer = spec.is_writer
        self.status = "available"
        self.parameters = spec.parameters or dict(LOGGING_PARAMETERS.get(spec.engine, {}))
        self.log_exports = spec.log_exports
        self.created_us = created_us
        digest = hashlib.sha256(f"{account_id}/{region}/{spec.identifier}".encode()).hexdigest()
        self.resource_id = spec.resource_id or f"db-{digest[:26].upper()}"
        self.families: dict[str, Family] = {}
        self.strays: list[LogFile] = []  # listed files that belong to no family: unknown and hostile names
        self._region = region
        self._account_id = account_id

    @property
    def arn(self) -> str:
        """DBInstanceArn."""
        return f"arn:aws:rds:{self._region}:{self._account_id}:db:{self.identifier}"

    @property
    def parameter_group(self) -> str:
        """Its own parameter group."""
        return f"{self.identifier}-parameters"

    @property
    def answers_log_calls(self) -> bool:
        """Whether log calls work in the present status."""
        return self.status not in NO_LOGS_STATUSES

    def advance(self, now_us: int) -> None:
        """Let every family do what is due until `now_us`."""
        for family in self.families.values():
            family.advance(now_us)

    def files(self) -> list[LogFile]:
        """Return every file that a listing shows now."""
        files: list[LogFile] = [segment for family in self.families.values() for segment in family.segments()]
        files += self.strays
        if self.spec.folder is not None:
            files += folder_files(Path(self.spec.folder))
        return files

    def find(self, name: str) -> LogFile | None:
        """Return the file that has this name now."""
        return next((file for file in self.files() if file.name == name), None)

    def family_of(self, file: LogFile) -> Family | None:
        """Return the family of a segment; None for strays and real files."""
        if not isinstance(file, Segment):
            return None
        return next((family for family in self.families.values() if file in family.segments()), None)

    def described(self) -> dict[str, Item]:
        """Return the members of DescribeDBInstances that readers use."""
        described: dict[str, Item] = {
            "DBInstanceIdentifier": self.identifier,
            "DBInstanceClass": self.spec.instance_class,
            "Engine": self.engine,
            "DBInstanceStatus": self.status,
            "AllocatedStorage": 100,
            "InstanceCreateTime": f"{utc(self.created_us):%Y-%m-%dT%H:%M:%S.000Z}",
            "DBParameterGroups": [
                {"DBParameterGroupName": self.parameter_group, "ParameterApplyStatus": "in-sync"}
            ],
            "AvailabilityZone": f"{self._region}{'a' if self.is_writer else 'b'}",
            "MultiAZ": self.cluster is None,
            "EngineVersion": VERSIONS.get(self.engine, "1.0"),
            "DBInstanceArn": self.arn,
            "DbiResourceId": self.resource_id,
            "TagList": tag_list(self.spec.tags),
            "EnabledCloudwatchLogsExports": list(self.log_exports),
        }
        if self.cluster is not None:
            described["DBClusterIdentifier"] = self.cluster
            described["PromotionTier"] = 1
        return described


def tag_list(tags: dict[str, str]) -> list[Item]:
    """Return tags as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def folder_files(folder: Path) -> list[LogFile]:
    """Return the files of a real directory: `<folder>/<name>` of PostgreSQL, or `<folder>/<log type>/<name>`."""
    files: list[LogFile] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        relative = path.relative_to(folder).as_posix()
        name = relative if "/" in relative else f"error/{relative}"
        try:
            files.append(DiskFile(path, name))
        except FileNotFoundError:
            continue  # the database server deleted it between the look at the directory and ours at the file
    return files
