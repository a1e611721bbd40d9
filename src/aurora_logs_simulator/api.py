"""The RDS log API as a pure state machine: typed operations on an account, without sockets, threads or wall clocks.

The product's simulation calls it directly in one thread; the HTTP server calls it under a lock.
"""

from __future__ import annotations

from aurora_logs_simulator.account import Account
from aurora_logs_simulator.answers import ApiError, CompleteFile, Item, ListedFile, Page, Portion
from aurora_logs_simulator.clock import SECOND_US, Clock
from aurora_logs_simulator.downloads import Downloads
from aurora_logs_simulator.faults import Faults
from aurora_logs_simulator.gate import Gate
from aurora_logs_simulator.instance import Instance
from aurora_logs_simulator.life_faults import strike_life
from aurora_logs_simulator.listings import PAGE_ROWS, any_page, file_row, matching, numbered_page, page, page_marker
from aurora_logs_simulator.logfile import LogFile, Segment, utc
from aurora_logs_simulator.throttle import Throttle

INSTANCE_FILTERS = {
    "db-instance-id": "DBInstanceIdentifier",
    "db-cluster-id": "DBClusterIdentifier",
    "dbi-resource-id": "DbiResourceId",
    "engine": "Engine",
}
CLUSTER_FILTERS = {
    "db-cluster-id": "DBClusterIdentifier",
    "db-cluster-resource-id": "DbClusterResourceId",
    "engine": "Engine",
}
HOSTILE_NAMES = ("../../etc/passwd", "error/a%2fb.log", "error/a b.log", "error/a\nb.log", "error/a.log?x=1")
UNKNOWN_NAMES = ("error/strange.txt", "external/mysql-external.log", "upgrade-prechecks.log")


class RdsLogApi:
    """All operations of the simulated service, each counted, throttled and open to planted faults."""

    def __init__(
        self, account: Account, *, clock: Clock, faults: Faults | None = None, throttle: Throttle | None = None
    ) -> None:
        """Serve an account; without faults and with AWS's call budget when nothing else is given."""
        self.account = account
        self.clock = clock
        self.faults = faults if faults is not None else Faults(seed="0")
        self.throttle = throttle if throttle is not None else Throttle()
        self.gate = Gate(account, clock, self.faults, self.throttle)
        self._downloads = Downloads(account, self.faults)
        self._last_listings: dict[str, dict[str, ListedFile]] = {}

    def describe_db_instances(
        self,
        *,
        identifier: str | None = None,
        filters: dict[str, list[str]] | None = None,
        marker: str | None = None,
        max_records: int | None = None,
    ) -> Page:
        """List instances, 20 to 100 a page.

        Raises: ApiError, Broken.
        """
        operation = "DescribeDBInstances"
        self.gate.enter(operation, identifier or "")
        wanted = [self.account.instance(identifier)] if identifier else list(self.account.instances.values())
        rows = [
            instance.described()
            for instance in wanted
            if not self.faults.strike("instance_missing", operation=operation, instance=instance.identifier)
        ]
        rows = matching(rows, filters or {}, INSTANCE_FILTERS)
        answer = page(rows, "DBInstanceIdentifier", marker=marker, max_records=max_records)
        self.gate.leave(operation, identifier or "", "", answer)
        return answer

    def describe_db_clusters(
        self,
        *,
        identifier: str | None = None,
        filters: dict[str, list[str]] | None = None,
        marker: str | None = None,
        max_records: int | None = None,
    ) -> Page:
        """List clusters with their members and roles, 20 to 100 a page.

        Raises: ApiError, Broken.
        """
        operation = "DescribeDBClusters"
        self.gate.enter(operation)
        rows = [row for row in self.account.clusters() if identifier in (None, row["DBClusterIdentifier"])]
        if identifier and not rows:
            raise ApiError("DBClusterNotFoundFault", 404, f"DBCluster {identifier} not found.")
        rows = matching(rows, filters or {}, CLUSTER_FILTERS)
        answer = page(rows, "DBClusterIdentifier", marker=marker, max_records=max_records)
        self.gate.leave(operation, "", "", answer)
        return answer

    def describe_db_parameters(self, group: str, *, of_cluster: bool = False, marker: str | None = None,
                               max_records: int | None = None) -> Page:
        """List what users set in a parameter group, as `Source=user` does: engine defaults are not known here.

        Raises: ApiError, Broken.
        """
        operation = "DescribeDBClusterParameters" if of_cluster else "DescribeDBParameters"
        self.gate.enter(operation)
        rows: list[dict[str, Item]] = [
            {"ParameterName": name, "ParameterValue": value, "Source": "user", "ApplyType": "dynamic"}
            for name, value in self._parameters(group, of_cluster=of_cluster).items()]
        answer = page(rows, "ParameterName", marker=marker, max_records=max_records)
        self.gate.leave(operation, "", "", answer)
        return answer

    def _parameters(self, group: str, *, of_cluster: bool) -> dict[str, str]:
        if of_cluster:
            known = {str(row["DBClusterParameterGroup"]): dict[str, str]() for row in self.account.clusters()}
        else:
            known = {one.parameter_group: one.parameters for one in self.account.instances.values()}
        if group not in known:
            raise ApiError("DBParameterGroupNotFound", 404, f"DBParameterGroup not found: {group}")
        return known[group]

    def describe_db_log_files(
        self,
        instance: str,
        *,
        contains: str | None = None,
        written_since_ms: int | None = None,
        larger_than_bytes: int | None = None,
        marker: str | None = None,
        max_records: int | None = None,
    ) -> Page:
        """List an instance's log files; times in milliseconds, sizes in bytes.

        Raises: ApiError, Broken.
        """
        operation = "DescribeDBLogFiles"
        now_us = self.gate.enter(operation, instance)
        found = self.account.instance(instance)
        listed = self._listed(found, operation)
        rows = [
            file_row(file)
            for file in listed
            if (contains is None or contains in file.log_file_name)
            and (written_since_ms is None or file.last_written_ms >= written_since_ms)
            and (larger_than_bytes is None or file.size_bytes > larger_than_bytes)
        ]
        answer = self._disturbed_page(rows, instance, marker, max_records or PAGE_ROWS)
        strike_life(self.account, self.faults, found, now_us)
        self.gate.leave(operation, instance, "", answer)
        return answer

    def download_db_log_file_portion(
        self, instance: str, name: str, *, marker: str | None = None, lines: int | None = None
    ) -> Portion:
        """Give the next part of a log file.

        Raises: ApiError, Broken.
        """
        operation = "DownloadDBLogFilePortion"
        now_us = self.gate.enter(operation, instance, name)
        answer = self._downloads.portion(instance, name, marker=marker, lines=lines, now_us=now_us)
        self.gate.leave(operation, instance, name, answer)
        return answer

    def download_complete_log_file(self, instance: str, name: str) -> CompleteFile:
        """Give a whole log file.

        Raises: ApiError, Broken.
        """
        now_us = self.gate.enter("DownloadCompleteDBLogFile", instance, name)
        return self._downloads.complete(instance, name, now_us)

    def describe_events(
        self,
        *,
        source: str | None = None,
        source_type: str | None = None,
        start: str | None = None,
        end: str | None = None,
        duration_min: int | None = None,
        categories: list[str] | None = None,
        marker: str | None = None,
        max_records: int | None = None,
    ) -> Page:
        """List what happened, oldest first: the last hour, or `duration_min`, or from `start` to `end` (ISO 8601).

        Raises: ApiError, Broken.
        """
        operation = "DescribeEvents"
        now_us = self.gate.enter(operation, source or "")
        minutes = 60 if duration_min is None else duration_min
        first = start or f"{utc(now_us - minutes * 60 * SECOND_US):%Y-%m-%dT%H:%M:%S}"
        rows = [
            row
            for row in self.account.event_rows()
            if str(row["Date"])[:19] >= first[:19]
            and (end is None or str(row["Date"])[:19] <= end[:19])
            and source in (None, row["SourceIdentifier"])
            and source_type in (None, row["SourceType"])
            and (not categories or any(category in categories for category in _texts(row["EventCategories"])))
        ]
        answer = numbered_page(rows, marker=marker, max_records=max_records)
        self.gate.leave(operation, source or "", "", answer)
        return answer

    def list_tags_for_resource(self, arn: str) -> Page:
        """Return the tags of an instance or cluster.

        Raises: ApiError, Broken.
        """
        self.gate.enter("ListTagsForResource")
        rows: list[dict[str, Item]] = [tag for tag in self.account.tags_of(arn) if isinstance(tag, dict)]
        answer = Page(items=rows)
        self.gate.leave("ListTagsForResource", "", "", answer)
        return answer

    def ledger_report(self, *, with_entries: bool = False, with_fields: bool = False) -> dict[str, object]:
        """Return the truth; ranges are unreadable only where the complete-file path is closed for good."""
        for book in self.account.ledger.books:
            book.complete_is_open = not any(
                rule.probability >= 1.0 and rule.times is None and rule.instance in (None, book.instance_id) and rule.file is None
                for rule in self.faults.rules()
                if rule.fault == "complete_forbidden"
            )
        return self.account.ledger.report(with_entries=with_entries, with_fields=with_fields)

    def _listed(self, instance: Instance, operation: str) -> list[ListedFile]:
        place = {"operation": operation, "instance": instance.identifier}
        if self.faults.strike("listing_empty", **place):
            return []
        last = self._last_listings.get(instance.identifier)
        if last is not None and self.faults.strike("listing_stale", **place):
            return list(last.values())
        lag = self.faults.strike("listing_lags", **place)
        lag_us = 0 if lag is None else int(lag.amount() * SECOND_US)
        filtered = self.faults.strike("error_log_filtered", **place)
        for fault, names in (("hostile_names", HOSTILE_NAMES), ("unknown_names", UNKNOWN_NAMES)):
            if not any(file.name in names for file in instance.strays) and self.faults.strike(fault, **place):
                instance.strays += [_stray(name, self.clock.now_us()) for name in names]
        listed = []
        for file in instance.files():
            if filtered is not None and isinstance(file, Segment) and file.name.startswith("error/mysql-error"):
                file.filtered_bytes = int(filtered.amount())
            listed.append(_row_of(file, lag_us))
        self._last_listings[instance.identifier] = {file.log_file_name: file for file in listed}
        return listed

    def _disturbed_page(self, rows: list[dict[str, Item]], instance: str, marker: str | None, size: int) -> Page:
        place = {"operation": "DescribeDBLogFiles", "instance": instance}
        if marker is not None and self.faults.strike("listing_page_fails", **place):
            raise ApiError("InternalFailure", 500, "An internal error has occurred")
        answer = any_page(rows, "LogFileName", marker=marker, size=size)
        if answer.marker is not None and len(answer.items) > 1 and self.faults.strike("listing_repeats", **place):
            answer = Page(items=answer.items, marker=page_marker(str(answer.items[-2]["LogFileName"])))
        if self.faults.strike("listing_reversed", **place):
            answer = Page(items=answer.items[::-1], marker=answer.marker)
        return answer


def _row_of(file: LogFile, lag_us: int) -> ListedFile:
    return ListedFile(
        log_file_name=file.name, last_written_ms=(file.last_written_us - lag_us) // 1_000, size_bytes=file.listed_bytes
    )


def _stray(name: str, now_us: int) -> Segment:
    """Return a small file of an odd name: it is there and can be read, so a reader's mistake with the name shows."""
    segment = Segment(segment_id=name, name=name, created_us=now_us)
    segment.append(b"nothing that a format knows\n" * 4, now_us)
    return segment


def _texts(value: Item) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
