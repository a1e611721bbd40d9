"""Which files RDS deletes before we reach them: when each goes, and how much is delivered until then. Pure."""

from collections.abc import Callable, Iterable
from itertools import takewhile

import msgspec

from aurora_logs.records.fleet import TrackedFile
from aurora_logs.segments import is_hourly
from aurora_logs.stages.discover.listing import GONE_AFTER

HOUR_MS = 3_600_000
# rds-log-api.md §4.1: hours that RDS keeps a log, by engine family and log type; the least where storage decides
RETENTION_HOURS = {("aurora-mysql", "error"): 720, ("aurora-mysql", ""): 24, ("mysql", ""): 336, ("mariadb", ""): 24,
                   ("aurora-postgresql", ""): 72, ("postgres", ""): 72}
HORIZON_SEC = 6 * 3600  # rds-log-api.md §11, rule 2: what goes later may still be caught up with
SPEED_OVER_SEC = 1800.0


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast: so many bytes of a file will be gone before they are delivered. delete_ms: when, epoch ms."""

    log_file_name: str
    lost_bytes: int
    delete_ms: int


def deadline_ms(engine: str, row: TrackedFile, rows: Iterable[TrackedFile] = (), *, now_ms: int = 0) -> int:
    """Return when RDS deletes the file at the latest, by its last-written time (rds-log-api.md §4.1, §11), epoch ms.

    rows: of its instance; where files went earlier than the rule says, storage decides, and the next ones go as early.
    """
    by_rule_ms = deletion_ms(engine, row.log_type, row.last_written)
    return min([by_rule_ms, *(row.last_written + age_ms for age_ms in _seen_to_vanish_ms(row, rows, now_ms))])


def deletion_ms(engine: str, log_type: str, last_written_ms: int) -> int:
    """Return when RDS deletes a file of this engine and log type by its rule, epoch ms."""
    hours = RETENTION_HOURS.get((engine, log_type)) or RETENTION_HOURS.get((engine, ""), 24)
    return last_written_ms + hours * HOUR_MS


def _seen_to_vanish_ms(row: TrackedFile, rows: Iterable[TrackedFile], now_ms: int) -> Iterable[int]:
    """The age of the youngest file that is gone while a younger one is there; what older ones lack is one listing's hole."""
    closed = sorted((one for one in rows if one.log_type == row.log_type and not _is_live_name(one)),
                    key=lambda one: one.last_written)
    gone = list(takewhile(lambda one: one.missing, closed))
    if gone and len(gone) < len(closed):
        yield max(HOUR_MS, now_ms - gone[-1].last_written)


def _is_live_name(row: TrackedFile) -> bool:
    return row.log_file_name == row.family and is_hourly(row.log_file_name)


class Speed:
    """How fast the files of one instance are delivered, over the last SPEED_OVER_SEC in which something waited."""

    def __init__(self) -> None:
        self._delivered: dict[str, int] = {}
        self._at_sec = 0.0
        self._spans: list[tuple[float, int]] = []  # seconds, bytes

    def note(self, rows: Iterable[TrackedFile], now_sec: float, *, waited: bool) -> None:
        """Take in what a listing tells. waited: something was to be delivered since the last one."""
        delivered = {row.log_file_name: row.delivered_bytes for row in rows}
        took_sec = now_sec - self._at_sec
        if self._at_sec and waited and took_sec > 0:
            count = sum(max(0, end - self._delivered.get(name, 0)) for name, end in delivered.items())
            self._spans.append((took_sec, count))
            while sum(sec for sec, _ in self._spans[1:]) >= SPEED_OVER_SEC:
                self._spans.pop(0)
        self._delivered, self._at_sec = delivered, now_sec

    @property
    def bytes_per_sec(self) -> float | None:
        """None as long as nobody has seen anything wait."""
        took_sec = sum(sec for sec, _ in self._spans)
        return sum(count for _, count in self._spans) / took_sec if took_sec else None


def losses(rows: Iterable[TrackedFile], deadline_of: Callable[[TrackedFile], int], bytes_per_sec: float, now_ms: int) -> list[Loss]:
    """Return what will be lost of an instance's files within HORIZON_SEC, when the next to go is always the next to be read."""
    late = [row for row in rows if row.missing < GONE_AFTER and row.delivered_bytes < row.file_size]
    found, before_bytes = [], 0.0
    for row in sorted(late, key=deadline_of):
        delete_ms, left_bytes = deadline_of(row), row.file_size - row.delivered_bytes
        reached = max(0.0, min(left_bytes, max(0, delete_ms - now_ms) / 1000 * bytes_per_sec - before_bytes))
        before_bytes += reached
        lost_bytes = round(left_bytes - reached)
        if lost_bytes > 0 and delete_ms - now_ms < HORIZON_SEC * 1000:
            found.append(Loss(log_file_name=row.log_file_name, lost_bytes=lost_bytes, delete_ms=delete_ms))
    return found
