"""How RDS databases are told to log: user-set values of their parameter groups, each group asked once; for `doctor` alone."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from aurora_logs.adapters.aws.refusals import Call
from aurora_logs.records.fleet import LogSettings

Pages = Callable[[Call, str, str, Mapping[str, object]], list[dict[str, Any]]]
GROUP_ROWS = 100  # RDS's maximum a page


class ParameterGroups:
    """Reads the groups of instances that were described. Called from several threads at once."""

    def __init__(self, pages: Pages) -> None:
        """pages: collects all pages of a describe operation."""
        self._pages = pages
        self._instances: dict[str, Mapping[str, Any]] = {}
        self._cluster_groups: dict[str, str] = {}
        self._known: dict[str, dict[str, str]] = {}
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def describe(self, instances: list[dict[str, Any]], clusters: list[dict[str, Any]]) -> None:
        """Remember which groups belong to whom."""
        self._instances = {row["DBInstanceIdentifier"]: row for row in instances}
        self._cluster_groups = {row["DBClusterIdentifier"]: row.get("DBClusterParameterGroup") or "" for row in clusters}

    def of(self, instance_id: str) -> LogSettings | None:
        """Return how a described instance is told to log. Raises as a describe call."""
        row = self._instances.get(instance_id)
        if row is None:
            return None
        groups = [group["DBParameterGroupName"] for group in row.get("DBParameterGroups") or []]
        cluster_group = self._cluster_groups.get(row.get("DBClusterIdentifier") or "", "")
        parameters = self._set("Cluster", cluster_group, instance_id) if cluster_group else {}
        for name in groups:
            parameters = parameters | self._set("", name, instance_id)
        return LogSettings(parameters=parameters, groups=[*groups, *([cluster_group] if cluster_group else [])],
                           exports=list(row.get("EnabledCloudwatchLogsExports") or []))

    def _set(self, whose: str, group: str, instance_id: str) -> dict[str, str]:
        operation = f"DescribeDB{whose}Parameters"
        with self._asking[group]:  # one question a group, however many instances share it
            if group not in self._known:
                rows = self._pages(Call(operation=operation, instance_id=instance_id),
                                   f"describe_db_{'cluster_' if whose else ''}parameters", "Parameters",
                                   {f"DB{whose}ParameterGroupName": group, "Source": "user", "MaxRecords": GROUP_ROWS})
                self._known[group] = {row["ParameterName"]: row.get("ParameterValue") or "" for row in rows}
            return self._known[group]
