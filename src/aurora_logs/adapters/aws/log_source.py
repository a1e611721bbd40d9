"""RdsLogSource: instances, log files, portions and complete files from the RDS API; never judges the bytes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aurora_logs.adapters.aws.complete_stream import file_bytes
from aurora_logs.adapters.aws.log_settings import ParameterGroups
from aurora_logs.adapters.aws.portion_body import read_portion
from aurora_logs.adapters.aws.refusals import COMPLETE_FILE, Call
from aurora_logs.errors import CompleteFileRefused, ConfigError, InstanceGone, Unreachable
from aurora_logs.ports import Clock
from aurora_logs.records.fleet import Instance, ListedFile, LogSettings
from aurora_logs.records.flow import Answer
from aurora_logs.resilience import Priority, RateLimit
from aurora_logs.scope import Role
from aurora_logs.segments import ordinal_of

if TYPE_CHECKING:  # boto3 costs 0.2 s of CPU to load: only when a source is opened
    from aurora_logs.adapters.aws.connection import CallMade, RdsApi

ENGINES = {
    "aurora": "aurora-mysql",  # Aurora MySQL 5.6
    "aurora-mysql": "aurora-mysql", "aurora-postgresql": "aurora-postgresql",
    "mysql": "mysql", "mariadb": "mariadb", "postgres": "postgres",
}
PAGE_RECORDS = 100  # RDS's maximum for instances and clusters
PAGES_MAX = 1_000  # a listing that does not end is a fault of the other side
EMPTY_ASKED_AGAIN = 3  # RDS sometimes lists nothing for an instance that has files (RDS-05)
EMPTY_PAUSE_SEC = 1.0
COMPLETE_PATH = "/v13/downloadCompleteLogFile"
FILE_NAME_MAX_CHARS = 512


class RdsLogSource:
    """LogSource over the RDS API of one account and region. Every call waits for the API budget and is counted."""

    def __init__(self, api: "RdsApi", *, place: str = "", suffix: str = "",
                 on_unsupported: Callable[[str, str], None] | None = None, interactive: bool = False) -> None:
        """Read through `api`.

        place:          what account and region are called; "": as the region is.
        suffix:         what stands behind the identifiers of instances and clusters, so that they differ from other places'.
        on_unsupported: gets instance id and engine of each instance whose logs we cannot read, once (RDS-02).
        interactive:    an operator waits for every call: it takes the budget's interactive share.
        """
        self._api, self._place, self._suffix = api, place or api.region, suffix
        self._on_unsupported = on_unsupported
        self._reading: Priority = "interactive" if interactive else "read"
        self._listing: Priority = "interactive" if interactive else "list"
        self._unsupported: frozenset[str] = frozenset()
        self._members: dict[str, list[str]] = {}
        self._had_files: dict[str, bool] = {}
        self._groups = ParameterGroups(self._pages)

    @property
    def calls(self) -> Mapping[tuple[str, str], int]:
        """Calls so far by operation and result (`ok`, `empty`, or the error's class name)."""
        return self._api.calls

    def close(self) -> None:
        """Close all sockets."""
        self._api.close()

    def places(self) -> list[str]:
        """Return this account and region. See LogSource."""
        return [self._place]

    def instances(self, place: str = "") -> list[Instance]:
        """List all instances that have log files we understand; roles from their clusters. See LogSource."""
        del place
        rows = self._pages(Call(operation="DescribeDBInstances"), "describe_db_instances", "DBInstances",
                           {"MaxRecords": PAGE_RECORDS})
        clusters: list[dict[str, Any]] = []
        if any(row.get("DBClusterIdentifier") for row in rows):
            clusters = self._pages(Call(operation="DescribeDBClusters"), "describe_db_clusters", "DBClusters",
                                   {"MaxRecords": PAGE_RECORDS})
        self._groups.describe(rows, clusters)
        writers = {member["DBInstanceIdentifier"] for cluster in clusters for member in cluster.get("DBClusterMembers", [])
                   if member.get("IsClusterWriter")}
        self._members = {cluster["DBClusterIdentifier"]: [member["DBInstanceIdentifier"] for member in
                                                          cluster.get("DBClusterMembers", [])] for cluster in clusters}
        tags = {cluster["DBClusterIdentifier"]: _tags(cluster) for cluster in clusters}
        found = [self._instance(row, writers, tags.get(row.get("DBClusterIdentifier") or "", {})) for row in rows if _supported(row)]
        self._name_unsupported([row for row in rows if not _supported(row)])
        return found

    def log_files(self, instance_id: str, *, written_since_ms: int = 0, name_contains: str = "") -> list[ListedFile]:
        """List an instance's files, whole or not at all. See LogSource.

        A whole listing that is empty although the instance had files before is asked for again, up to 3 times.
        """
        wanted: dict[str, object] = {"DBInstanceIdentifier": self._identifier(instance_id)}
        if written_since_ms:
            wanted["FileLastWritten"] = written_since_ms
        if name_contains:
            wanted["FilenameContains"] = name_contains
        files = self._listed(instance_id, wanted)
        if written_since_ms or name_contains:
            return files
        for _ in range(EMPTY_ASKED_AGAIN if self._had_files.get(instance_id) else 0):
            if files:
                break
            self._api.clock.sleep(EMPTY_PAUSE_SEC)
            files = self._listed(instance_id, wanted)
        self._had_files[instance_id] = bool(files)
        return files

    def read(self, instance_id: str, log_file_name: str, marker: str, *, max_lines: int = 0) -> Answer:
        """Read one portion behind `marker`. See LogSource."""
        call = Call(operation="DownloadDBLogFilePortion", instance_id=instance_id, log_file_name=log_file_name)
        wanted = {"DBInstanceIdentifier": self._identifier(instance_id), "LogFileName": log_file_name}
        if marker:
            wanted["Marker"] = marker
        if max_lines:
            wanted["NumberOfLines"] = str(max_lines)

        def read_body(body: bytes) -> Answer:
            try:
                return read_portion(body)
            except Unreachable as exc:
                raise Unreachable(f"{call.subject}: {exc.detail}") from exc

        with self._naming_clusters(instance_id):
            return self._api.post(call, wanted, self._reading, read_body)

    @contextmanager
    def complete_file(self, instance_id: str, log_file_name: str) -> Iterator[Iterator[bytes]]:
        """Open the whole file as a stream of pieces of at most 1 MiB. See LogSource.

        Raises also: CompleteFileRefused for a name that would not stay a name in a URL (RDS-102), and from the iterator
        when the file unpacks to absurd size (RDS-99).
        """
        call = Call(operation=COMPLETE_FILE, instance_id=instance_id, log_file_name=log_file_name)
        path = complete_path(self._identifier(instance_id), log_file_name)
        with self._naming_clusters(instance_id), self._api.get(call, path, self._reading) as (headers, wire):
            gzip_transfer = "gzip" in headers.get("content-encoding", "").lower()
            yield file_bytes(wire, log_file_name, gzip_transfer=gzip_transfer)

    def log_settings(self, instance_id: str) -> LogSettings | None:
        """Return how an instance is told to log. See Inspected."""
        return self._groups.of(self._identifier(instance_id))

    def skew_sec(self) -> float | None:
        """Return by how much RDS's clock is ahead of ours. See Inspected."""
        return self._api.skew_sec

    def _identifier(self, instance_id: str) -> str:
        """Return what RDS calls the instance. Raises: InstanceGone for one whose name is another's by now, or of another place."""
        identifier = instance_id.removesuffix(self._suffix)
        if "@" in identifier:
            raise InstanceGone(instance_id)
        return identifier

    def _instance(self, row: Mapping[str, Any], writers: set[str], cluster_tags: Mapping[str, str]) -> Instance:
        arn = (row.get("DBInstanceArn") or "").split(":")
        cluster = row.get("DBClusterIdentifier") or ""
        return Instance(
            instance_id=row["DBInstanceIdentifier"] + self._suffix, resource_id=row["DbiResourceId"],
            cluster_id=cluster and cluster + self._suffix, engine=ENGINES[row["Engine"]],
            engine_version=row.get("EngineVersion") or "", instance_class=row.get("DBInstanceClass") or "",
            status=row.get("DBInstanceStatus") or "", is_cluster_writer=row["DBInstanceIdentifier"] in writers,
            aws_region=arn[3] if len(arn) > 4 else self._api.region, account_id=arn[4] if len(arn) > 4 else "",
            place=self._place, tags={**cluster_tags, **_tags(row)},
        )

    def _listed(self, instance_id: str, wanted: Mapping[str, object]) -> list[ListedFile]:
        call = Call(operation="DescribeDBLogFiles", instance_id=instance_id)
        with self._naming_clusters(instance_id):
            rows = self._pages(call, "describe_db_log_files", "DescribeDBLogFiles", wanted)
        by_name: dict[str, ListedFile] = {}
        for row in rows:
            listed = ListedFile(log_file_name=row["LogFileName"], size_bytes=row.get("Size", 0),
                                last_written_ms=row.get("LastWritten", 0), ordinal=ordinal_of(row["LogFileName"]))
            known = by_name.get(listed.log_file_name)  # on two pages when a rotation lies between them (RDS-07)
            if known is None or _order(listed) > _order(known):
                by_name[listed.log_file_name] = listed
        return list(by_name.values())

    def _pages(self, call: Call, method: str, key: str, wanted: Mapping[str, object]) -> list[dict[str, Any]]:
        """Collect all pages; any that fails voids the listing (RDS-06). boto3's paginator would hide calls from us."""
        rows: list[dict[str, Any]] = []
        markers: set[str] = set()
        parameters = dict(wanted)
        while True:
            page = self._api.describe(call, method, key, parameters, self._listing)
            rows += page.get(key) or []
            marker = page.get("Marker")
            if not marker:
                return rows
            if marker in markers or len(markers) >= PAGES_MAX:
                raise Unreachable(f"{call.operation} {call.subject}: the pages do not end.")
            markers.add(marker)
            parameters["Marker"] = marker

    def _name_unsupported(self, rows: list[dict[str, Any]]) -> None:
        unknown = {row["DBInstanceIdentifier"]: row for row in rows}
        fresh = sorted(unknown.keys() - self._unsupported)
        self._unsupported |= unknown.keys()
        if self._on_unsupported is None:
            return
        for instance_id in fresh:
            engine = unknown[instance_id].get("Engine") or ""
            has_identity = bool(unknown[instance_id].get("DbiResourceId"))
            self._on_unsupported(instance_id + self._suffix, engine if has_identity else f"{engine} (no DbiResourceId)")

    @contextmanager
    def _naming_clusters(self, instance_id: str) -> Iterator[None]:
        """Say it when the unknown instance is a cluster (RDS-03): its members have the logs."""
        try:
            yield
        except InstanceGone as exc:
            members = self._members.get(self._identifier(instance_id))
            if members is None:
                raise
            raise ConfigError(f"{instance_id} is a cluster; logs belong to its instances: {', '.join(members) or 'none'}.",
                              hint="name an instance") from exc


def open_rds_source(*, clock: Clock, limit: RateLimit, region: str | None = None, role: Role | None = None,
                    session_name: str = "aurora-logs", place: str = "", suffix: str = "", connections: int = 32,
                    interactive: bool = False, on_call: "Callable[[CallMade], None] | None" = None,
                    on_unsupported: Callable[[str, str], None] | None = None) -> RdsLogSource:
    """Open the source of one account and region. Makes no RDS call.

    role, session_name: see RdsApi. place, suffix: see RdsLogSource.
    connections: sockets kept open; at least the number of threads that read.
    Raises: ConfigError (no region, unknown profile).
    """
    from aurora_logs.adapters.aws.connection import RdsApi  # noqa: PLC0415 - loads boto3

    api = RdsApi(clock=clock, limit=limit, region=region, role=role, session_name=session_name, connections=connections,
                 on_call=on_call)
    return RdsLogSource(api, place=place, suffix=suffix, on_unsupported=on_unsupported, interactive=interactive)


def complete_path(instance_id: str, log_file_name: str) -> str:
    """Return the percent-encoded path of a complete file; slashes of the name stay slashes (rds-log-api.md §9).

    Raises: CompleteFileRefused for names that a server or proxy could read as another path (RDS-102).
    """
    names = [instance_id, *log_file_name.split("/")]
    if (len(log_file_name) > FILE_NAME_MAX_CHARS or not log_file_name.isprintable() or "\\" in log_file_name
            or any(name in ("", ".", "..") for name in names) or "/" in instance_id):
        raise CompleteFileRefused(f"The file name {log_file_name[:80]!a} of {instance_id} is not safe in a URL.",
                                  hint="portions are used")
    return "/".join([COMPLETE_PATH, *(quote(name, safe="") for name in names)])


def _supported(row: Mapping[str, Any]) -> bool:
    return row.get("Engine") in ENGINES and bool(row.get("DbiResourceId"))


def _tags(row: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value") or "" for tag in row.get("TagList") or []}


def _order(listed: ListedFile) -> tuple[int, int]:
    return listed.last_written_ms, listed.size_bytes
