"""Discover what has grown: listings become tracking rows, rows that lack deliveries become hints.

Size and last-written time decide together, never our own clock (rds-log-api.md §2.3). A listing is believed whole or
not at all; a file is gone only after several whole listings without it.
"""

import datetime
from collections.abc import Iterable, Mapping

from msgspec.structs import asdict, replace

from aurora_logs import telemetry
from aurora_logs.errors import Transient
from aurora_logs.formats import format_of
from aurora_logs.ports import Clock, LogSource, StateStore
from aurora_logs.records.fleet import Delivered, Instance, ListedFile, LogFile, TrackedFile, delivered_of
from aurora_logs.records.flow import Checkpoint, Task
from aurora_logs.records.positions import begin, is_of_wrong_clock
from aurora_logs.segments import (
    family_of,
    is_earlier,
    is_hourly,
    normal_ordinal,
    ordinal_of,
    ordinal_order,
    parse_marker,
    segment_id,
)
from aurora_logs.settings import Settings, parse_age_sec

DELETED = "deleted"  # our own status of an instance that RDS does not know any more
GONE_AFTER = 3  # rds-log-api.md §8.4: whole listings in a row without the file
HOUR_MS = 3_600_000
# rds-log-api.md §4.1: hours that RDS keeps a log, by engine family and log type; the least where storage decides
RETENTION_HOURS = {("aurora-mysql", "error"): 720, ("aurora-mysql", ""): 24, ("mysql", ""): 336, ("mariadb", ""): 24,
                   ("aurora-postgresql", ""): 72, ("postgres", ""): 72}


class Listing:
    """Lists instances' files and keeps their tracking rows. Used by one thread at a time."""

    def __init__(self, source: LogSource, state: StateStore, clock: Clock, settings: Settings) -> None:
        self._source, self._state, self._clock, self._settings = source, state, clock, settings
        self._named: set[tuple[str, str]] = set()

    def rows(self, instance: Instance, *, family: str = "") -> list[TrackedFile]:
        """List an instance's files (of one family), save what changed, and return its rows. Raises as log_files."""
        before = {row.log_file_name: row for row in self._state.tracked(instance.instance_id)}
        listed = self._source.log_files(instance.instance_id, name_contains=family)
        now_sec = self._clock.now_us() // 1_000_000
        seen = set()
        for one in sorted(listed, key=_age):  # oldest first: a kill in between leaves no unseen file behind seen ones
            log_format = format_of(instance.engine, one.log_file_name)
            if log_format is None:
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
            if name not in seen and (not family or row.family == family) and row.missing < GONE_AFTER:
                self._state.missed(row.instance_id, name, row.missing + 1)
        rows = self._state.tracked(instance.instance_id)
        return self._state.tracked(instance.instance_id) if self._anchor(rows) else rows

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


class FamilyFiles:
    """The files of one claimed family; the download stage's `Files`. Used by one thread."""

    def __init__(self, listing: Listing, state: StateStore, instance: Instance, family: str, clock: Clock,
                 settings: Settings) -> None:
        self._listing, self._state, self._instance, self._family = listing, state, instance, family
        self._clock, self._settings = clock, settings
        self._epoch = 0
        self._rows: list[TrackedFile] = []
        self._others: list[TrackedFile] = []
        self._take(state.tracked(instance.instance_id))

    def segments(self) -> list[TrackedFile]:
        """Rows of this family, as last listed."""
        return self._rows

    def is_closed(self, row: TrackedFile) -> bool:
        """Gone; or a newer file of the type has been known for two listing intervals, and this one not written since."""
        if row.missing >= GONE_AFTER:
            return True
        if is_hourly(row.log_file_name):
            return row.log_file_name != self._family
        known_sec = self._clock.now_us() // 1_000_000 - 2 * self._settings.interval_sec
        return any(other.log_file_name > row.log_file_name and other.discovered_at <= known_sec
                   and other.last_written >= row.last_written for other in self._others if other.log_type == row.log_type)

    def list_again(self) -> None:
        """List this family at the source and take the rows anew."""
        self._take(self._listing.rows(self._instance, family=self._family))

    def loss_reason(self) -> str:
        """Why files vanish: with their instance, or by retention."""
        return "instance_deleted" if self._instance.status == DELETED else "purged"

    def claimed(self, checkpoint: Checkpoint) -> None:
        """Take the rows anew: what others had done until then stands in them only from here on."""
        self._epoch = checkpoint.epoch
        self._take(self._state.tracked(self._instance.instance_id))

    def began(self, checkpoint: Checkpoint) -> None:
        """W13: a worker holds the file now."""
        self.claimed(checkpoint)
        row = self._current(checkpoint)
        if row is not None and row.status != "processing":
            self._track(row, _delivered_at(checkpoint, row), "processing")

    def left(self, checkpoint: Checkpoint) -> None:
        """The work turns to an older segment: its row keeps what is known of this one."""
        row = self._current(checkpoint)
        if checkpoint.segment_id and row is not None and row.status != "completed":
            self._track(row, _delivered_at(checkpoint, row), row.status)

    def drained(self, row: TrackedFile, checkpoint: Checkpoint | None) -> bool:
        """All of a closed segment is delivered or accounted for; False when it is listed with another size by now.

        checkpoint: at its end; None when it was delivered at another time, as the row tells.
        """
        delivered = _delivered_at(checkpoint, row) if checkpoint else delivered_of(row)
        return self._track(row, replace(delivered, delivered_bytes=row.file_size), "completed", only_as_listed=True)

    def finish(self, checkpoint: Checkpoint) -> bool:
        """W9 after the lease is given back: completed when all that was listed is delivered; False when more is left."""
        self._leave_empty(checkpoint)
        row = self._current(checkpoint)
        if row is None:
            return False
        if row.status == "completed" and row.delivered_bytes >= row.file_size:
            return True
        delivered = _delivered_at(checkpoint, row)
        complete = delivered.delivered_bytes >= row.file_size
        unchanged = self._track(row, delivered, "completed" if complete else "discovered",
                                only_as_listed=complete)
        if complete and not unchanged:  # it grew in that moment: leave it to the next listing's hint
            self._track(row, delivered, "discovered")
        return complete and unchanged

    def has_work(self) -> bool:
        """Tell whether anything that is listed is not delivered yet; False for an old hint (REL-34)."""
        return not self._rows or any(row.status != "completed" or row.delivered_bytes < row.file_size for row in self._rows)

    def delivered_again(self, row: TrackedFile) -> None:
        """Records of a finished file were sent again: its audit has to wait until they are old enough."""
        self._track(row, delivered_of(row), "completed", only_as_listed=True)

    def _leave_empty(self, checkpoint: Checkpoint) -> None:
        """A live name without a byte, of an hour that nobody has begun, waits for its growth and not for a visit."""
        for row in self._rows:
            if row.log_file_name == self._family and not row.file_size and row.status != "completed" and (
                    self._current(checkpoint) is not row):
                self._track(row, Delivered(), "completed", only_as_listed=True)

    def gave_up(self, error: str, *, failed: bool) -> None:
        """W10: the visit ended early; `failed` keeps the error on the row for people to see."""
        for row in self._rows:
            if row.status != "completed":
                self._track(row, delivered_of(row), "failed" if failed else "discovered", error=error if failed else "")

    def _take(self, rows: list[TrackedFile]) -> None:
        self._others = [row for row in rows if row.resource_id == self._instance.resource_id]
        self._rows = [row for row in self._others if row.family == self._family]

    def _current(self, checkpoint: Checkpoint) -> TrackedFile | None:
        """The row by which the checkpoint's segment is listed now: its rotated name, else the live one; None when gone."""
        here = checkpoint.segment_id
        named = [row for row in self._rows if row.segment_id == here and row.log_file_name != self._family]
        if not named and is_hourly(self._family):
            named = [] if self._is_past(here) else [row for row in self._rows if row.log_file_name == self._family]
        elif not named:
            named = self._rows
        return next((row for row in named if row.missing < GONE_AFTER), None)

    def _is_past(self, identity: str) -> bool:
        """Tell whether a later hour is known, so that the live name can't stand for this one."""
        hour = identity.partition("@")[2]
        others = {row.segment_id.partition("@")[2] for row in self._rows}
        return any(is_earlier(hour, other) for other in others)

    def _track(self, row: TrackedFile, delivered: Delivered, status: str, *, error: str = "",
               only_as_listed: bool = False) -> bool:
        delivered = replace(delivered, epoch=self._epoch)
        applied = self._state.track_progress(row.instance_id, row.log_file_name, delivered, status=status, error=error,
                                             now_sec=self._clock.now_us() // 1_000_000, as_listed=row if only_as_listed else None)
        if applied:
            self._take([replace(one, status=status, **asdict(delivered)) if one.log_file_name == row.log_file_name else one
                        for one in self._others])
        return applied


def _delivered_at(checkpoint: Checkpoint, row: TrackedFile) -> Delivered:
    return Delivered(
        segment_id=checkpoint.segment_id or row.segment_id, delivered_bytes=checkpoint.byte_offset,
        records=checkpoint.record_count, gap_bytes=checkpoint.gap_bytes, raw_records=checkpoint.raw_records,
        ids_crc=checkpoint.ids_crc, tail_hash=checkpoint.tail_hash, resend_until=checkpoint.resend_until, epoch=checkpoint.epoch)


def hints(instance: Instance, rows: Iterable[TrackedFile], state: StateStore, clock: Clock,
          settings: Settings) -> list[tuple[Task, int, list[TrackedFile]]]:
    """Return what to queue: (task, deadline in epoch ms, rows to mark as queued), one a family.

    A file needs work when it is not completed; no hint while somebody holds it, nor while the last one is fresh (law 1).
    """
    now_us = clock.now_us()
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
        found.append((task, deadline_ms(instance.engine, oldest), members))
    return sorted(found, key=lambda one: one[1])


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


def _needs_work(row: TrackedFile, now_sec: int, settings: Settings) -> bool:
    if row.status == "completed" and row.missing < GONE_AFTER:
        return False
    if row.status == "completed" and row.delivered_bytes >= row.file_size:
        return False
    if row.status == "failed":
        return now_sec - row.updated_at >= 5 * settings.interval_sec
    return row.updated_at >= row.queued_at or now_sec - row.queued_at >= settings.interval_sec


def deadline_ms(engine: str, row: TrackedFile) -> int:
    """Return when RDS deletes the file at the latest, by its last-written time (rds-log-api.md §4.1), epoch ms."""
    hours = RETENTION_HOURS.get((engine, row.log_type)) or RETENTION_HOURS.get((engine, ""), 24)
    return row.last_written + hours * HOUR_MS


def log_file(instance: Instance, family: str, log_type: str) -> LogFile:
    """Return the unit of work for a family of an instance."""
    return LogFile(instance_id=instance.instance_id, resource_id=instance.resource_id, cluster_id=instance.cluster_id,
                   engine=instance.engine, log_type=log_type, log_file_name=family, aws_region=instance.aws_region,
                   account_id=instance.account_id)


def first_checkpoint(file: LogFile, rows: Iterable[TrackedFile]) -> Checkpoint:
    """Return where a file without a checkpoint starts: at the delivered position of its oldest unfinished segment."""
    rows = list(rows)
    begun = [row for row in rows if row.delivered_bytes and row.segment_id]
    unfinished = [row for row in begun if row.status != "completed" or row.delivered_bytes < row.file_size]
    live = [row for row in begun if row.log_file_name == row.family]
    start = next(iter(sorted(unfinished, key=lambda one: one.last_written) or live), None)
    epoch = max((row.epoch for row in rows), default=0)  # a row that was deleted by hand goes on counting
    first = Checkpoint(instance_id=file.instance_id, log_file_name=file.log_file_name, resource_id=file.resource_id, epoch=epoch)
    return begin(first, delivered_of(start), resend_until=max(start.file_size, start.resend_until)) if start else first  # RUN-68: the row may lag


__all__ = ["FamilyFiles", "Listing", "deadline_ms", "first_checkpoint", "hints", "log_file"]
