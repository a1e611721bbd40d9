"""Chapter "instances": which databases are known, and how far each one is collected."""

import datetime

import msgspec

from aurora_logs.ops.files import State, behind_bytes
from aurora_logs.ops.moments import from_ms, from_sec
from aurora_logs.records.fleet import TrackedInstance
from aurora_logs.stages.discover import GONE_AFTER


class InstanceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One instance. role: writer, reader, or "" outside a cluster; seen_at: when discovery looked at it last."""

    instance_id: str
    cluster_id: str
    role: str
    engine: str
    engine_version: str
    instance_class: str
    status: str
    files: int
    behind_bytes: int
    delivered_bytes: int
    records: int
    gap_bytes: int
    last_written: datetime.datetime | None
    seen_at: datetime.datetime | None
    aws_region: str
    account_id: str
    error: str


def instance_lines(state: State) -> list[InstanceLine]:
    """Return the known instances by name."""
    return [_line(state, known) for known in state.instances()]


def _line(state: State, known: TrackedInstance) -> InstanceLine:
    instance = known.instance
    rows = state.tracked(instance.instance_id)
    role = ("writer" if instance.is_cluster_writer else "reader") if instance.cluster_id else ""
    failed = [row.error for row in rows if row.status == "failed" and row.error]
    return InstanceLine(
        instance_id=instance.instance_id, cluster_id=instance.cluster_id, role=role, engine=instance.engine,
        engine_version=instance.engine_version, instance_class=instance.instance_class, status=instance.status,
        files=len(rows), behind_bytes=sum(behind_bytes(row) for row in rows if row.missing < GONE_AFTER),
        delivered_bytes=sum(row.delivered_bytes for row in rows), records=sum(row.records for row in rows),
        gap_bytes=sum(row.gap_bytes for row in rows),
        last_written=from_ms(max((row.last_written for row in rows), default=0)), seen_at=from_sec(known.updated_at),
        aws_region=instance.aws_region, account_id=instance.account_id, error=known.error or next(iter(failed), ""))
