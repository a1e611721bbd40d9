"""Listings become tracking rows. A listing is believed whole or not at all; a file is gone only after several without it."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from aurora_logs import telemetry
from aurora_logs.errors import Transient
from aurora_logs.formats import format_of
from aurora_logs.ports import Clock, LogSource, StateStore
from aurora_logs.records.fleet import Delivered, Instance, ListedFile, TrackedFile
from aurora_logs.segments import (
    family_of,
    is_hourly,
    normal_ordinal,
    ordinal_of,
    ordinal_order,
    parse_marker,
    segment_id,
    told_twice,
)
from aurora_logs.settings import Settings, parse_age_sec

GONE_AFTER = 3  # rds-log-api.md §8.4: whole listings in a row without the file
OVERLAP_INTERVALS, OVERLAP_LEAST_SEC = 2, 600  # rds-log-api.md §2.3: times in a listing may lag behind


UNKNOWN = "unknown to RDS"
"""Error of a row that somebody made by hand for a file that no listing names (REL-48)."""


class Listing:
    """Lists instances' files and keeps their tracking rows. Used by one thread at a time."""

    def __init__(self, source: LogSource, state: StateStore, clock: Clock, settings: Settings) -> None:
        self._source, self._state, self._clock, self._settings = source, state, clock, settings
        self._named: set[tuple[str, str]] = set()

    def rows(self, instance: Instance, *, family: str = "", whole: bool = True) -> list[TrackedFile]:
        """List an instance's files (of one family), save what changed, and return its rows. Raises as log_files.

        whole: False for the files alone that were written lately (RDS-08); what such a listing lacks is not missing.
        """
        before = {row.log_file_name: row for row in self._state.tracked(instance.instance_id)}
        since_ms = 0 if whole else self._since_ms(before.values())
        listed = self._source.log_files(instance.instance_id, written_since_ms=since_ms, name_contains=family)
        now_sec = self._clock.now_us() // 1_000_000
        seen = set()
        held = [name for name, row in before.items() if row.resource_id == instance.resource_id]
        twins = told_twice((one.log_file_name for one in listed), held)
        for one in sorted(listed, key=_age):  # oldest first: a kill in between leaves no unseen file behind seen ones
            log_format = format_of(instance.engine, one.log_file_name)
            if log_format is None or one.log_file_name in twins:
                self._name_once(instance, one.log_file_name)
                continue
            if family and family_of(one.log_file_name) != family:
                continue
            seen.add(one.log_file_name)
            row = before.get(one.log_file_name)
            if row is None or row.resource_id != instance.resource_id:
                self._see(instance, one, log_format.log_type, listed, before=before, now_sec=now_sec)
            elif (row.missing or (row.file_size, row.last_written) != (one.size_bytes, one.last_written_ms)) and (
                    not _is_stale(one, row)):
                self._state.grow(row.instance_id, row.log_file_name, file_size=one.size_bytes,
                                 last_written=one.last_written_ms, now_sec=now_sec)
        for name, row in before.items():
            if not since_ms and name not in seen and (not family or row.family == family) and row.missing < GONE_AFTER:
                self._state.missed(row.instance_id, name, row.missing + 1)
                if not row.resource_id and row.missing + 1 >= GONE_AFTER:
                    self._state.track_progress(row.instance_id, name, Delivered(), status="failed", error=UNKNOWN, now_sec=now_sec)
        rows = self._state.tracked(instance.instance_id)
        return self._state.tracked(instance.instance_id) if self._anchor(rows) else rows

    def _since_ms(self, rows: Iterable[TrackedFile]) -> int:
        """Two intervals before the newest time that a listing ever told: by the database's clock, never by ours."""
        overlap_sec = max(OVERLAP_INTERVALS * self._settings.idle_interval_sec, OVERLAP_LEAST_SEC)
        return max(0, max((row.last_written for row in rows), default=0) - int(overlap_sec * 1000))

    def _see(self, instance: Instance, one: ListedFile, log_type: str, listed: Iterable[ListedFile], *,
             before: Mapping[str, TrackedFile], now_sec: int) -> None:
        ordinal = one.ordinal if one.ordinal is not None else ordinal_of(one.log_file_name)
        row = TrackedFile(
            instance_id=instance.instance_id, log_file_name=one.log_file_name, status="discovered", log_type=log_type,
            cluster_id=instance.cluster_id, resource_id=instance.resource_id, family=family_of(one.log_file_name),
            last_written=one.last_written_ms, file_size=one.size_bytes, discovered_at=now_sec, updated_at=now_sec,
            segment_id=segment_id(family_of(one.log_file_name), ordinal) if ordinal else "")
        if not before and self._is_before_start(one, listed):
            dated = "" if is_hourly(one.log_file_name) else family_of(one.log_file_name)
            row = replace(row, status="completed", delivered_bytes=one.size_bytes, segment_id=row.segment_id or dated)
        self._state.see(row)

    def _is_before_start(self, one: ListedFile, listed: Iterable[ListedFile]) -> bool:
        """START_FROM: ages count back from the newest time in the listing, since clocks differ."""
        if self._settings.start_from == "beginning":
            return False
        age_sec = parse_age_sec(self._settings.start_from)
        newest_ms = max(other.last_written_ms for other in listed)
        return age_sec is None or one.last_written_ms < newest_ms - age_sec * 1000

    def _anchor(self, rows: list[TrackedFile]) -> bool:
        """Bind "from the end" to the hour that a live name stood for in the first listing (RDS-58); True if a row changed.

        Until that is known nothing of the family is read. When the file was rotated away meanwhile, the oldest rotated
        name that came since is it.
        """
        changed = False
        for row in filter(is_unanchored, rows):
            since = [one for one in rows if one.family == row.family and one.log_file_name != row.family
                     and one.discovered_at > row.discovered_at]
            if since:
                oldest = min(since, key=lambda one: ordinal_order(ordinal_of(one.log_file_name) or ""))
                self._start(replace(oldest, delivered_bytes=min(row.delivered_bytes, oldest.file_size)), "discovered")
                self._start(replace(row, delivered_bytes=0), "discovered")
            elif hour := self._live_hour(row):
                self._start(replace(row, segment_id=segment_id(row.family, hour)), row.status)
            else:
                continue
            changed = True
        return changed

    def _live_hour(self, row: TrackedFile) -> str:
        """Ask which hour the live name stands for; "" when that is not known, or may be another one by now."""
        try:
            answer = self._source.read(row.instance_id, row.log_file_name, "", max_lines=1)
        except Transient as error:
            telemetry.discovery_delayed(error)
            return ""
        marker = parse_marker(answer.marker or "")
        return normal_ordinal(marker.ordinal) if marker and marker.offset >= row.delivered_bytes else ""

    def _start(self, row: TrackedFile, status: str) -> None:
        start = Delivered(segment_id=row.segment_id, delivered_bytes=row.delivered_bytes)
        self._state.track_progress(row.instance_id, row.log_file_name, start, status=status,
                                   now_sec=self._clock.now_us() // 1_000_000)

    def _name_once(self, instance: Instance, log_file_name: str) -> None:
        key = (instance.instance_id, family_of(log_file_name))
        if key not in self._named:
            self._named.add(key)
            telemetry.file_not_collected(instance.instance_id, log_file_name)


def is_unanchored(row: TrackedFile) -> bool:
    """Tell whether it is still open which hour the start position of a live file belongs to."""
    return bool(row.delivered_bytes) and not row.segment_id and is_hourly(row.log_file_name)


def _is_stale(one: ListedFile, row: TrackedFile) -> bool:
    """Tell whether a listing shows less than an earlier one did, of an earlier time (REL-18); a cut file has a new time."""
    return one.last_written_ms < row.last_written and one.size_bytes < row.file_size


def _age(one: ListedFile) -> tuple[int, tuple[str, int]]:
    return one.last_written_ms, _name_order(one.log_file_name)


def _name_order(log_file_name: str) -> tuple[str, int]:
    """Sort key of a type's names: hours as numbers, dated names as text, a live name behind them all."""
    if not is_hourly(log_file_name):
        return log_file_name, 0
    ordinal = ordinal_of(log_file_name)
    return ordinal_order(ordinal) if ordinal else ("~", 0)
