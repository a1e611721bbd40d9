"""Gauges of what lies where, from the rows of the instances whose listing this process has leased (reliability.md §9.1)."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

from aurora_logs import metrics, telemetry
from aurora_logs.errors import AuroraLogsError
from aurora_logs.ports import Ports
from aurora_logs.records.fleet import TrackedFile, TrackedInstance
from aurora_logs.records.flow import DeadLetter
from aurora_logs.records.letters import RESCUED
from aurora_logs.settings import Settings
from aurora_logs.stages.discover import GONE_AFTER, deadline_ms

Sums: TypeAlias = defaultdict[tuple[str, ...], float]
LEAST_SEC, MOST_SEC = 5.0, 60.0  # between two counts: one query an instance


class Census:
    """Counts in rounds. One per process that discovers; series of instances that went to another process end here."""

    def __init__(self, ports: Ports, settings: Settings, owner: str) -> None:
        self._ports, self._settings, self._owner = ports, settings, owner

    def run(self) -> None:
        """Count until the service stops; an error of one round is reported, the next one comes."""
        while not self._ports.workers.stopping():
            try:
                self.round()
            except AuroraLogsError as error:
                telemetry.discovery_delayed(error)
            self._ports.clock.sleep(min(MOST_SEC, max(LEAST_SEC, self._settings.interval_sec)))

    def round(self) -> None:
        """Count once."""
        known = self._ports.state.instances()
        mine = [one for one in known if one.lease_owner == self._owner]
        files = {one.instance.instance_id: self._ports.state.tracked(one.instance.instance_id) for one in mine}
        now_sec = self._ports.clock.now_us() / 1e6
        _instances(known)
        letters = self._ports.state.dead_letters()
        _files(mine, files, letters, now_sec)
        _letters(letters, now_sec)


def _instances(known: Iterable[TrackedInstance]) -> None:
    states: Sums = defaultdict(float)
    for one in known:
        states[one.instance.status,] += 1
    metrics.INSTANCES.renew(states)
    metrics.CLUSTERS.set(len({one.instance.cluster_id for one in known if one.instance.cluster_id}))


def _files(mine: Iterable[TrackedInstance], files: dict[str, list[TrackedFile]], letters: Iterable[DeadLetter], now_sec: float) -> None:
    sums: list[Sums] = [defaultdict(float) for _ in range(5)]
    listed, delivered, confirmed, behind, statuses = sums
    series: tuple[str, ...]
    backlog = 0
    freshness: dict[tuple[str, ...], float] = {}
    oldest: dict[tuple[str, ...], float] = {}
    deletion: dict[tuple[str, ...], float] = {}
    raw: dict[tuple[str, ...], float] = {}
    for one in mine:
        name = one.instance.instance_id
        rows = [row for row in files[name] if row.missing < GONE_AFTER]
        for row in rows:
            series = name, row.log_type
            left = max(0, row.file_size - row.delivered_bytes)
            listed[series] += row.file_size
            delivered[series] += min(row.delivered_bytes, row.file_size)
            confirmed[series] += row.file_size if row.audited_at else 0
            behind[series] += left
            statuses[row.status,] += 1
            backlog += row.status == "completed" and not row.audited_at and row.records > 0
            written_sec = row.last_written / 1000
            oldest[series] = max(oldest.get(series, 0.0), now_sec - written_sec if left else 0.0)
            if row.delivered_bytes:
                age_sec = now_sec - (min(written_sec, row.updated_at) if left else written_sec)
                freshness[series] = min(freshness.get(series, age_sec), age_sec)
        ends_ms = [deadline_ms(one.instance.engine, row, files[name], now_ms=int(now_sec * 1000)) for row in rows
                   if row.file_size > row.delivered_bytes]
        if ends_ms:
            deletion[name,] = min(ends_ms) / 1000 - now_sec
        for log_type in {row.log_type for row in rows}:
            records, unread = (sum(getattr(row, field) for row in rows if row.log_type == log_type) for field in ("records", "raw_records"))
            raw[name, log_type, one.instance.engine_version] = unread / records if records else 0.0
    for letter in letters:
        series = letter.instance_id, letter.log_type
        if letter.reason == RESCUED and series in listed:  # read and parked: behind until the export delivered it
            behind[series] += letter.to_position - letter.from_position
            delivered[series] -= letter.to_position - letter.from_position
    for gauge, totals in zip((metrics.LISTED, metrics.DELIVERED, metrics.CONFIRMED, metrics.BEHIND, metrics.FILES), sums, strict=True):
        gauge.renew(totals)
    for gauge, values in ((metrics.FRESHNESS, freshness), (metrics.OLDEST, oldest), (metrics.DELETION, deletion),
                          (metrics.RAW_RATIO, raw)):
        gauge.renew(values)
    metrics.AUDIT_BACKLOG.set(backlog)
    metrics.AT_RISK.renew({(one.instance.instance_id,): float(one.at_risk_bytes) for one in mine if one.at_risk_bytes})


def _letters(letters: Iterable[DeadLetter], now_sec: float) -> None:
    counts: Sums = defaultdict(float)
    sizes: Sums = defaultdict(float)
    ages: dict[tuple[str, ...], float] = {}
    for letter in letters:
        reason: tuple[str, ...] = (letter.reason,)
        counts[reason] += 1
        sizes[reason] += letter.to_position - letter.from_position
        ages[reason] = max(ages.get(reason, 0.0), now_sec - letter.failed_at)
    metrics.DEAD_LETTERS.renew(counts)
    metrics.DEAD_LETTER_BYTES.renew(sizes)
    metrics.OLDEST_DEAD_LETTER.renew(ages)
