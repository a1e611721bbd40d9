"""Rows that lack deliveries become hints, those of the earliest deletion first."""

import datetime
from collections.abc import Iterable

from aurora_logs.ports import Clock, StateStore
from aurora_logs.records.fleet import Instance, TrackedFile
from aurora_logs.records.flow import Task
from aurora_logs.records.positions import is_of_wrong_clock
from aurora_logs.settings import Settings
from aurora_logs.stages.discover.forecast import deadline_ms
from aurora_logs.stages.discover.listing import GONE_AFTER, is_unanchored
from aurora_logs.stages.discover.statuses import ENDING


def hints(instance: Instance, rows: Iterable[TrackedFile], state: StateStore, clock: Clock,
          settings: Settings) -> list[tuple[Task, int, list[TrackedFile]]]:
    """Return what to queue: (task, deadline in epoch ms, rows to mark as queued), one a family.

    A file needs work when it is not completed; no hint while somebody holds it, nor while the last one is fresh (law 1).
    """
    now_us, rows = clock.now_us(), list(rows)
    families: dict[str, list[TrackedFile]] = {}
    unanchored = {row.family for row in rows if is_unanchored(row)}
    for row in rows:
        if row.resource_id == instance.resource_id and row.family not in unanchored and _needs_work(row, now_us // 1_000_000, settings):
            families.setdefault(row.family, []).append(row)
    found = []
    for family, members in families.items():
        claimed = state.checkpoint(instance.instance_id, family)
        if claimed is not None and claimed.lease_owner and claimed.lease_until_ms > now_us // 1000 and (
                not is_of_wrong_clock(claimed, now_us // 1000, settings.lease_sec)):
            continue
        oldest = min(members, key=lambda one: one.last_written)
        task = Task(
            instance_id=instance.instance_id, cluster_id=instance.cluster_id, engine=instance.engine,
            log_type=oldest.log_type, log_file_name=family, last_written=oldest.last_written,
            size=sum(one.file_size for one in members),
            timestamp=datetime.datetime.fromtimestamp(now_us / 1e6, datetime.UTC).isoformat().replace("+00:00", "Z"))
        deadline = now_us // 1000 if instance.status in ENDING else deadline_ms(
            instance.engine, oldest, rows, now_ms=now_us // 1000)
        found.append((task, deadline, members))
    return sorted(found, key=lambda one: one[1])


def _needs_work(row: TrackedFile, now_sec: int, settings: Settings) -> bool:
    if row.status == "completed" and row.missing < GONE_AFTER:
        return False
    if row.status == "completed" and row.delivered_bytes >= row.file_size:
        return False
    if row.status == "failed":
        return now_sec - row.updated_at >= 5 * settings.interval_sec
    return row.updated_at >= row.queued_at or now_sec - row.queued_at >= settings.interval_sec
