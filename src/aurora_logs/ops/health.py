"""Chapter "health": is anything missing, late or about to be deleted? Conditions of reliability.md §9.3, worst first.

Bytes behind and age come first; what could not be read is unknown, and unknown is not healthy (UX-48).
"""

import datetime
from collections.abc import Iterable

import msgspec

from aurora_logs.errors import AuroraLogsError
from aurora_logs.ops.files import State, behind_bytes
from aurora_logs.ops.moments import from_ms, from_sec
from aurora_logs.ops.steps import step
from aurora_logs.records.fleet import TrackedFile, TrackedInstance
from aurora_logs.records.flow import DeadLetter
from aurora_logs.records.letters import RESCUED
from aurora_logs.settings import Settings
from aurora_logs.stages.discover import GONE_AFTER, deadline_ms

STALE_CRITICAL_SEC = 3600
STALE_INTERVALS = 3
LOSS_WINDOW_SEC = 600
DELETION_CRITICAL_SEC, DELETION_WARNING_SEC = 2 * 3600, 6 * 3600
RAW_SHARE = 0.001
LETTER_AGE_SEC = 86_400
DISK_WARNING, DISK_CRITICAL = 0.10, 0.05
ORDER = ("unknown", "critical", "warning", "ok")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One condition that holds. level: critical, warning, or unknown (could not be read)."""

    level: str
    alert: str
    about: str
    text: str
    next: str


class InstanceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One instance's line. oldest_sec: age of the oldest undelivered file's last write; None when nothing is behind.

    delete_at: when RDS deletes undelivered bytes at the earliest. at_risk_bytes: of them, what is deleted before it is
    delivered, by the forecast of the last listing.
    """

    instance_id: str
    health: str
    behind_bytes: int
    files_behind: int
    oldest_sec: float | None
    delete_at: datetime.datetime | None
    at_risk_bytes: int
    gap_bytes: int
    failed_files: int
    dead_letters: int
    last_written: datetime.datetime | None
    reasons: list[str]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The whole verdict. is_healthy: no critical condition holds and everything could be read."""

    instances: list[InstanceHealth]
    findings: list[Finding]
    unknown: list[Finding]
    collector_pid: int | None

    @property
    def is_healthy(self) -> bool:
        """Exit code 0 or 8."""
        return not self.unknown and not any(one.level == "critical" for one in self.findings)


def health(state: State, settings: Settings, *, now_sec: int, collector_pid: int | None,
           free_share: float | None) -> Health:
    """Judge everything that the state tells. free_share: of the disk under DATA_DIR, None when it can't be read."""
    unknown: list[Finding] = []
    letters, gaps = _letters(state, unknown)
    lines, findings = [], _disk(free_share, settings, unknown)
    try:
        known = state.instances()
    except AuroraLogsError as error:
        known = []
        unknown.append(_unread("the instances", error))
    for one in known:
        name = one.instance.instance_id
        try:
            rows = state.tracked(name)
        except AuroraLogsError as error:
            unknown.append(_unread(name, error))
            continue
        line, found = _instance(one, rows, [letter for letter in letters if letter.instance_id == name],
                                [gap for gap in gaps if gap.instance_id == name], settings, now_sec)
        lines.append(line)
        findings += [finding for finding in found if finding.level != "unknown"]
        unknown += [finding for finding in found if finding.level == "unknown"]
    findings += _collecting(known, settings, now_sec, collector_pid)
    findings.sort(key=lambda finding: ORDER.index(finding.level))
    lines.sort(key=lambda line: (ORDER.index(line.health), -line.behind_bytes, line.instance_id))
    return Health(instances=lines, findings=findings, unknown=unknown, collector_pid=collector_pid)


def _letters(state: State, unknown: list[Finding]) -> tuple[list[DeadLetter], list[DeadLetter]]:
    try:
        return state.dead_letters(), state.dead_letters(gaps=True)
    except AuroraLogsError as error:
        unknown.append(_unread("dead letters and gaps", error))
        return [], []


def _instance(known: TrackedInstance, rows: list[TrackedFile], letters: list[DeadLetter], gaps: list[DeadLetter],
              settings: Settings, now_sec: int) -> tuple[InstanceHealth, list[Finding]]:
    name = known.instance.instance_id
    late = [row for row in rows if behind_bytes(row) and row.missing < GONE_AFTER]
    oldest_sec = max((now_sec - row.last_written / 1000 for row in late), default=None)
    delete_ms = min((deadline_ms(known.instance.engine, row, rows, now_ms=now_sec * 1000) for row in late),
                    default=0) if known.instance.engine else 0
    found = [*_unlisted(known, rows), *_failed(name, rows), *_stale(name, oldest_sec, settings, now_sec),
             *_deletion(known, delete_ms, now_sec), *_lost(name, gaps, now_sec), *_buried(name, letters, now_sec),
             *_raw(name, rows)]
    worst = min((finding.level for finding in found), key=ORDER.index, default="ok")
    return InstanceHealth(
        instance_id=name, health=worst, behind_bytes=sum(map(behind_bytes, late)) + _parked_bytes(letters), files_behind=len(late),
        oldest_sec=oldest_sec, delete_at=from_ms(delete_ms), at_risk_bytes=known.at_risk_bytes,
        gap_bytes=sum(gap.to_position - gap.from_position for gap in gaps),
        failed_files=sum(row.status == "failed" for row in rows), dead_letters=len(letters),
        last_written=from_ms(max((row.last_written for row in rows), default=0)),
        reasons=[finding.alert for finding in found]), found


def _parked_bytes(letters: Iterable[DeadLetter]) -> int:
    """Bytes that were read in an outage of the sink and lie in RESCUE_DIR: behind until the export delivered them."""
    return sum(one.to_position - one.from_position for one in letters if one.reason == RESCUED)


def _unlisted(known: TrackedInstance, rows: list[TrackedFile]) -> Iterable[Finding]:
    """An instance of which no file is known was never listed: nobody can say that nothing is missing."""
    name = known.instance.instance_id
    if known.error:
        yield Finding(level="unknown", alert="AuroraLogsStale", about=name, text=known.error, next="aurora-logs doctor")
    elif not rows:
        yield Finding(level="unknown", alert="AuroraLogsStale", about=name,
                      text="its log files were never listed: denied, not ready, or it has none",
                      next=step("run", "--once", "--instance", name))


def _failed(name: str, rows: list[TrackedFile]) -> Iterable[Finding]:
    for row in rows:
        if row.status == "failed":
            yield Finding(level="unknown", alert="AuroraLogsStale", about=f"{name} {row.log_file_name}",
                          text=row.error or "it could not be read", next=step("files", "show", name, row.log_file_name))


def _stale(name: str, oldest_sec: float | None, settings: Settings, now_sec: int) -> Iterable[Finding]:
    del now_sec
    if oldest_sec is not None and oldest_sec > STALE_INTERVALS * settings.interval_sec:
        level = "critical" if oldest_sec > STALE_CRITICAL_SEC else "warning"
        yield Finding(level=level, alert="AuroraLogsStale", about=name,
                      text=f"undelivered bytes are {oldest_sec / 60:.0f} min old", next=step("files", "list", "--instance", name))


def _deletion(known: TrackedInstance, delete_ms: int, now_sec: int) -> Iterable[Finding]:
    name = known.instance.instance_id
    left_sec = delete_ms / 1000 - now_sec
    if delete_ms and left_sec < DELETION_WARNING_SEC:
        level = "critical" if left_sec < DELETION_CRITICAL_SEC or known.at_risk_bytes else "warning"
        forecast = f", {known.at_risk_bytes:,} of them before they are delivered at the present speed" if known.at_risk_bytes else ""
        yield Finding(level=level, alert="AuroraLogsDeletionRisk", about=name,
                      text=f"RDS may delete undelivered bytes in {max(0.0, left_sec) / 3600:.1f} h{forecast}",
                      next=step("run", "--once", "--instance", name))


def _lost(name: str, gaps: list[DeadLetter], now_sec: int) -> Iterable[Finding]:
    fresh = [gap for gap in gaps if now_sec - gap.failed_at < LOSS_WINDOW_SEC]
    if fresh:
        lost_bytes = sum(gap.to_position - gap.from_position for gap in fresh)
        yield Finding(level="critical", alert="AuroraLogsLoss", about=name,
                      text=f"{lost_bytes:,} bytes were lost in the last 10 min: {', '.join(sorted({gap.reason for gap in fresh}))}",
                      next="aurora-logs gaps list")


def _buried(name: str, letters: list[DeadLetter], now_sec: int) -> Iterable[Finding]:
    if letters:
        oldest_sec = now_sec - min(letter.failed_at for letter in letters)
        age = ", the oldest over a day old" if oldest_sec > LETTER_AGE_SEC else ""
        yield Finding(level="warning", alert="AuroraLogsDeadLetters", about=name,
                      text=f"{len(letters)} dead letters{age}", next="aurora-logs dlq list")


def _raw(name: str, rows: list[TrackedFile]) -> Iterable[Finding]:
    records, raw = sum(row.records for row in rows), sum(row.raw_records for row in rows)
    if records and raw / records > RAW_SHARE:
        yield Finding(level="warning", alert="AuroraLogsRawRecords", about=name,
                      text=f"{raw / records:.2%} of the entries are not understood",
                      next=step("search", "--instance", name))


def _collecting(known: list[TrackedInstance], settings: Settings, now_sec: int, collector_pid: int | None) -> list[Finding]:
    seen_sec = max((one.updated_at for one in known), default=0)
    if known and now_sec - seen_sec > STALE_INTERVALS * settings.interval_sec:
        since = from_sec(seen_sec)
        running = f"process {collector_pid} runs" if collector_pid else "no collector runs"
        return [Finding(level="critical", alert="AuroraLogsDiscoveryStuck", about="discovery",
                        text=f"instances were last looked at {since:%Y-%m-%d %H:%M:%SZ}; {running}" if since else running,
                        next="aurora-logs run")]
    if not known:
        return [Finding(level="critical", alert="AuroraLogsDiscoveryStuck", about="discovery",
                        text="no instance was ever found", next="aurora-logs doctor")]
    return []


def _disk(free_share: float | None, settings: Settings, unknown: list[Finding]) -> list[Finding]:
    if free_share is None:
        unknown.append(Finding(level="unknown", alert="AuroraLogsDiskSpace", about=settings.data_dir,
                               text="the free space can't be read", next="aurora-logs doctor"))
    elif free_share < DISK_WARNING:
        level = "critical" if free_share < DISK_CRITICAL else "warning"
        return [Finding(level=level, alert="AuroraLogsDiskSpace", about=settings.data_dir,
                        text=f"{free_share:.1%} of the disk is free", next="free space in DATA_DIR")]
    return []


def _unread(what: str, error: AuroraLogsError) -> Finding:
    return Finding(level="unknown", alert="AuroraLogsAbsent", about=what, text=str(error), next=error.hint)
