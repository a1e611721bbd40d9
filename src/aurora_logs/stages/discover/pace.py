"""How often an instance is listed: each interval while its logs grow, more and more rarely while nothing happens. Pure."""

from math import ceil

from aurora_logs.records.fleet import TrackedFile, TrackedInstance
from aurora_logs.settings import Settings
from aurora_logs.stages.discover.listing import GONE_AFTER
from aurora_logs.stages.discover.statuses import ENDING, SILENT

ENDING_INTERVAL_SEC = 15.0
SWEEP_INTERVALS = 12  # rds-log-api.md §2.3: each hour, at the default interval, everything is listed


def is_due(row: TrackedInstance, now_sec: float, settings: Settings) -> bool:
    """Tell whether the instance may be listed now: nobody lists it, and its next listing is due."""
    if row.instance.status in SILENT:
        return False
    # No right clock can have written a later time (REL-137).
    is_of_wrong_clock = row.lease_until - now_sec > 2 * max(settings.idle_interval_sec, settings.lease_sec) + 1
    return row.lease_until <= now_sec or is_of_wrong_clock


def is_sweep_due(row: TrackedInstance, now_sec: float, settings: Settings) -> bool:
    """Tell whether all files are to be listed, not only those written lately."""
    return not 0 <= now_sec - row.swept_at < SWEEP_INTERVALS * settings.interval_sec


def is_busy(rows: list[TrackedFile]) -> bool:
    """Tell whether something grew, or waits for its delivery."""
    return any(row.status in ("discovered", "processing") and row.missing < GONE_AFTER for row in rows)


def due_sec(row: TrackedInstance, now_sec: float, settings: Settings, *, busy: bool, chance: float) -> int:
    """Return when the next listing is due, epoch seconds. row: as it was before this listing; chance: in [0, 1)."""
    shortest_sec = settings.interval_sec
    if row.instance.status in ENDING:
        wait_sec = min(shortest_sec, ENDING_INTERVAL_SEC)
    elif busy or not row.listed_at:
        wait_sec = shortest_sec
    else:
        last_sec = min(max(shortest_sec, row.lease_until - row.listed_at), settings.idle_interval_sec)
        # Jitter only downwards: the longest time is a promise.
        wait_sec = max(shortest_sec, min(2 * last_sec, settings.idle_interval_sec) * (0.8 + 0.2 * chance))
    return ceil(now_sec + wait_sec)
