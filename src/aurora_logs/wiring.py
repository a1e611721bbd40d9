"""Settings become adapters: the only module that names both. Vendor libraries load inside the function that needs them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_logs import telemetry
from aurora_logs.adapters.embedded.directory import DataDirectory, open_beside, open_for_collecting
from aurora_logs.adapters.embedded.system import SystemClock, SystemRandom, Threads
from aurora_logs.ports import Clock, Insights, Inspected, Ports, Random, Sink
from aurora_logs.settings import Settings

if TYPE_CHECKING:
    from aurora_logs.adapters.aws.connection import CallMade
    from aurora_logs.adapters.embedded.compaction import Totals
    from aurora_logs.adapters.embedded.queue import SqliteQueue
    from aurora_logs.adapters.embedded.state_store import SqliteStateStore


def log_source(settings: Settings, clock: Clock, *, interactive: bool = False,
               on_call: "Callable[[CallMade], None] | None" = None,
               on_unsupported: Callable[[str, str], None] = telemetry.engine_not_supported) -> Inspected:
    """Open the log source. Raises: ConfigError.

    interactive: an operator waits. on_call: told every call. on_unsupported: told instance and engine that are left out.
    """
    if settings.source_backend == "folder":
        from aurora_logs.adapters.embedded.log_source import FolderLogSource  # noqa: PLC0415

        return FolderLogSource(Path(settings.source_dir))
    from aurora_logs.adapters.aws.log_source import open_rds_source  # noqa: PLC0415
    from aurora_logs.resilience import RateLimit  # noqa: PLC0415

    limit = RateLimit(clock=clock, ceiling_per_sec=settings.rds_api_rate_limit, lock=threading.Lock(),
                      patience_sec=settings.lease_sec / 3)
    return open_rds_source(clock=clock, limit=limit, region=settings.aws_region or None,
                           connections=settings.max_concurrency + 2, interactive=interactive, on_call=on_call,
                           on_unsupported=on_unsupported)


def sink(settings: Settings, directory: DataDirectory, clock: Clock, random: Random) -> Sink:
    """Open the sink; `directory` holds the batch files of the embedded one. Raises: ConfigError."""
    if settings.sink_backend == "openobserve":
        from aurora_logs.adapters.openobserve.opening import open_sink  # noqa: PLC0415

        return open_sink(settings, clock, random)
    from aurora_logs.adapters.embedded.sink import FileSink  # noqa: PLC0415

    return FileSink(directory, random)


@contextmanager
def collecting(settings: Settings, stop: threading.Event) -> Iterator[tuple[Ports, str]]:
    """Open everything for the one process that collects into DATA_DIR; yields the ports and the run's id.

    Raises: DirectoryInUse, StateNewer, ConfigError.
    """
    from aurora_logs.adapters.embedded.queue import SqliteQueue  # noqa: PLC0415
    from aurora_logs.adapters.embedded.state_store import SqliteStateStore  # noqa: PLC0415

    clock, random = SystemClock(stop), SystemRandom()
    with open_for_collecting(Path(settings.data_dir)) as held:
        run_id = f"{settings.pod_name or 'embedded'}-{random.nonce()}"
        yield Ports(source=log_source(settings, clock), queue=SqliteQueue(held.database, clock, run_id),
                    state=SqliteStateStore(held.database, run_id), sink=sink(settings, held.directory, clock, random),
                    clock=clock, random=random, workers=Threads(stop)), run_id


def compact(settings: Settings, clock: Clock) -> "Totals | None":
    """Compact batch files in a short-lived child where that is due. Raises: DiskFull, Unreachable; nothing is lost."""
    from aurora_logs.adapters.embedded.compaction import compact_in_child  # noqa: PLC0415

    return compact_in_child(DataDirectory(Path(settings.data_dir)), now_sec=clock.now_us() / 1e6,
                            after_bytes=int(settings.compact_after_mb * 1e6),
                            older_than_sec=settings.compact_after_hours * 3600)


class Beside:
    """What commands beside a running collector use: the state, the queue to put tasks into, and the insights."""

    def __init__(self, settings: Settings) -> None:
        """Open DATA_DIR without its lock. Raises: NotFound, StateNewer, ConfigError."""
        self._settings = settings
        self._database = open_beside(Path(settings.data_dir))

    @property
    def state(self) -> "SqliteStateStore":
        """Rows of all tables."""
        from aurora_logs.adapters.embedded.state_store import SqliteStateStore  # noqa: PLC0415

        return SqliteStateStore(self._database)

    @property
    def queue(self) -> "SqliteQueue":
        """The queue, to put tasks into."""
        from aurora_logs.adapters.embedded.queue import SqliteQueue  # noqa: PLC0415

        return SqliteQueue(self._database, SystemClock(threading.Event()))

    @property
    def insights(self) -> Insights:
        """The delivered records."""
        return insights(self._settings)

    def damage(self) -> str:
        """Return what a quick check of the state file complains about; "" for a sound file."""
        return self._database.damage()

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def insights(settings: Settings) -> Insights:
    """Open the delivered records for queries. Raises: NotFound (nothing was ever collected), ConfigError."""
    if settings.sink_backend == "openobserve":
        from aurora_logs.adapters.openobserve.opening import open_insights  # noqa: PLC0415

        return open_insights(settings, system_clock())
    from aurora_logs.adapters.embedded.insights import DuckDbInsights  # noqa: PLC0415

    return DuckDbInsights(DataDirectory(Path(settings.data_dir)))


def system_clock() -> SystemClock:
    """Return the machine's clock for a command that nobody stops."""
    return SystemClock(threading.Event())
