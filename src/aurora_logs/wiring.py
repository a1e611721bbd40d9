"""Settings become adapters: the only module that names both. Vendor libraries load inside the function that needs them."""

import platform
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_logs import metrics, telemetry
from aurora_logs.adapters.embedded.directory import DataDirectory, open_beside, open_for_collecting
from aurora_logs.adapters.embedded.metered import metered
from aurora_logs.adapters.embedded.system import SystemClock, SystemRandom, Threads
from aurora_logs.errors import ConfigError
from aurora_logs.ports import BudgetStore, Clock, Insights, Inspected, Ports, Provisioning, QueueAdmin, Random, Sink
from aurora_logs.resilience import Priority
from aurora_logs.settings import Service, Settings, uses_data_dir
from aurora_logs.signs import Pulse

if TYPE_CHECKING:
    from aurora_logs.adapters.aws.connection import CallMade
    from aurora_logs.adapters.aws.dynamodb import DynamoDb
    from aurora_logs.adapters.aws.opening import ApiLimits
    from aurora_logs.adapters.aws.state_store import DynamoDbStateStore
    from aurora_logs.adapters.aws.tables import StateTables
    from aurora_logs.adapters.embedded.compaction import Totals
    from aurora_logs.adapters.embedded.database import Database
    from aurora_logs.adapters.embedded.queue import SqliteQueue
    from aurora_logs.adapters.embedded.shelter import FileShelter, Parked
    from aurora_logs.adapters.embedded.state_store import SqliteStateStore
    from aurora_logs.adapters.kafka.connection import BrokerAccess
    from aurora_logs.adapters.kafka.queue import KafkaQueue

DRAIN_SHARE = 0.7  # of SHUTDOWN_TIMEOUT_SEC: then requests to the sink are broken off, so that leases are given back in time


def log_source(settings: Settings, clock: Clock, *, interactive: bool = False,
               on_call: "Callable[[CallMade], None] | None" = None, limits: "ApiLimits | None" = None,
               on_unsupported: Callable[[str, str], None] = telemetry.engine_not_supported) -> Inspected:
    """Open the log source. Raises: ConfigError, Transient.

    interactive: an operator waits. on_call: told every call. limits: of the process's RDS calls; None: makes them.
    on_unsupported: told instance and engine that are left out.
    """
    if settings.source_backend == "folder":
        from aurora_logs.adapters.embedded.log_source import FolderLogSource  # noqa: PLC0415

        return FolderLogSource(Path(settings.source_dir))
    from aurora_logs.adapters.aws.opening import open_source  # noqa: PLC0415

    if limits is None:
        store = _dynamodb_state(settings, clock) if settings.state_backend == "dynamodb" else None
        limits = api_limits(settings, clock, store, priority="interactive" if interactive else "read")
    return open_source(settings, clock, limits, interactive=interactive, on_call=on_call, on_unsupported=on_unsupported)


def sink(settings: Settings, directory: DataDirectory | None, clock: Clock, random: Random) -> Sink:
    """Open the sink; `directory` holds the batch files of the embedded one. Raises: ConfigError."""
    if settings.sink_backend == "openobserve":
        from aurora_logs.adapters.openobserve.opening import open_sink  # noqa: PLC0415

        return open_sink(settings, clock, random)
    from aurora_logs.adapters.embedded.sink import FileSink  # noqa: PLC0415

    assert directory is not None
    return FileSink(directory, random)


def api_limits(settings: Settings, clock: Clock, store: BudgetStore | None, *, priority: Priority = "read") -> "ApiLimits":
    """Make the limits of RDS calls: of this process alone, or its shares of what all have (`store`)."""
    from aurora_logs.adapters.aws.opening import ApiLimits  # noqa: PLC0415

    return ApiLimits(settings, clock, SystemRandom(), store, priority=priority)


@contextmanager
def collecting(settings: Settings, stop: threading.Event, service: Service = "standalone",
               pulse: Pulse | None = None) -> Iterator[tuple[Ports, str]]:
    """Open everything that one process of a service needs; yields the ports and the run's id.

    pulse: told of each sign of life. Raises: DirectoryInUse, StateNewer, ConfigError, Transient.
    """
    clock, random = SystemClock(stop, pulse), SystemRandom()
    with ExitStack() as opened:
        held = opened.enter_context(open_for_collecting(Path(settings.data_dir))) if uses_data_dir(settings, service) else None
        database = held.database if held else None
        run_id = f"{pod_name(settings, service)}-{random.nonce()}"
        state = _state(settings, clock, database, run_id)
        queue = _queue(settings, clock, state, database, run_id)
        opened.callback(queue.close)
        limits = api_limits(settings, clock, state if settings.state_backend == "dynamodb" else None,
                            priority="list" if service == "discovery" else "read")
        opened.callback(limits.give_back)
        target = None if service == "discovery" else sink(settings, held.directory if held else None, clock, random)
        workers = Threads(stop, drain_sec=settings.shutdown_timeout_sec * DRAIN_SHARE,
                          break_off=target.break_off if target is not None else None, pulse=pulse)
        source = log_source(settings, clock, limits=limits, on_call=_counted)
        shelter = None if service == "discovery" else _shelter(settings, clock, random)
        if pulse is not None:
            _sample(settings, service, queue, limits)
            metrics.sampled(lambda: metrics.RESCUE_BYTES.set(shelter.used_bytes if shelter else 0))
        yield Ports(source=source, queue=queue, state=metered(state, pulse) if pulse is not None else state, sink=target,
                    clock=clock, random=random, workers=workers, shelter=shelter), run_id


def _shelter(settings: Settings, clock: Clock, random: Random) -> "FileShelter | None":
    metrics.RESCUE_ENABLED.set(bool(settings.rescue_dir))
    if not settings.rescue_dir:
        return None
    from aurora_logs.adapters.embedded.shelter import FileShelter  # noqa: PLC0415

    return FileShelter(DataDirectory(Path(settings.rescue_dir)), clock, random, most_bytes=settings.rescue_max_bytes)


def parked(path: str) -> "Parked":
    """Open a directory of batch files for the export. Raises: NotFound."""
    from aurora_logs.adapters.embedded.shelter import Parked  # noqa: PLC0415

    return Parked(Path(path))


def export_sink(settings: Settings, clock: Clock) -> Sink:
    """Open OpenObserve for the export. Raises: ConfigError."""
    from aurora_logs.adapters.openobserve.opening import open_sink  # noqa: PLC0415

    return open_sink(settings, clock, SystemRandom())


def _counted(call: "CallMade") -> None:
    """Count a call to RDS; the rest of a stream belongs to the call that opened it."""
    if not call.operation.endswith(".stream"):
        results = {"ok": "ok", "empty": "ok", "Throttled": "throttled"}
        telemetry.rds_call(call.operation, results.get(call.result, "error"))


def _sample(settings: Settings, service: Service, queue: "SqliteQueue | KafkaQueue", limits: "ApiLimits") -> None:
    """Set gauges of what has a value at any time, each time somebody asks."""
    lags = getattr(queue, "lags", dict)
    volumes = {"data": settings.data_dir} if uses_data_dir(settings, service) else {}

    def sample() -> None:
        metrics.CONSUMER_LAG.renew({(topic, str(number)): lag for (topic, number), lag in lags().items()})
        if settings.source_backend == "rds":
            metrics.API_LIMIT.set(limits.rate_per_sec)
        for volume, path in volumes.items():
            disk = shutil.disk_usage(path)
            metrics.DISK_FREE.set(disk.free / disk.total, volume)

    metrics.REDACTION.set(settings.redaction != "off")
    metrics.sampled(sample)


def exposition() -> Callable[[], tuple[int, str, bytes]]:
    """Begin to keep metrics; return what prints them as Prometheus reads them: status, content type, text."""
    from aurora_logs.adapters.prometheus.recorder import CONTENT_TYPE, PrometheusRecorder  # noqa: PLC0415

    recorder = PrometheusRecorder(metrics.CATALOGUE)
    metrics.configure(recorder)
    return lambda: (200, CONTENT_TYPE, recorder.text())


def pod_name(settings: Settings, service: Service = "standalone") -> str:
    """Return how this process is called in leases, in Kafka's group and in log lines: a pod's machine has its name."""
    return settings.pod_name or ("embedded" if service == "standalone" else platform.node())


def _state(settings: Settings, clock: Clock, database: "Database | None",
           run_id: str = "") -> "SqliteStateStore | DynamoDbStateStore":
    if settings.state_backend == "dynamodb":
        return _dynamodb_state(settings, clock)
    from aurora_logs.adapters.embedded.state_store import SqliteStateStore  # noqa: PLC0415

    assert database is not None
    return SqliteStateStore(database, run_id)


def _queue(settings: Settings, clock: Clock, state: "SqliteStateStore | DynamoDbStateStore", database: "Database | None",
           run_id: str = "") -> "SqliteQueue | KafkaQueue":
    if settings.queue_backend == "kafka":
        from aurora_logs.adapters.kafka.consumer import GroupTimes  # noqa: PLC0415
        from aurora_logs.adapters.kafka.queue import KafkaQueue  # noqa: PLC0415

        return KafkaQueue(_broker_access(settings), clock=clock, bury=state.bury, group=settings.consumer_group,
                          times=GroupTimes(session_sec=settings.kafka_session_sec))
    from aurora_logs.adapters.embedded.queue import SqliteQueue  # noqa: PLC0415

    assert database is not None
    return SqliteQueue(database, clock, run_id)


def _dynamodb(settings: Settings, clock: Clock) -> "tuple[DynamoDb, StateTables]":
    from aurora_logs.adapters.aws.dynamodb import open_dynamodb  # noqa: PLC0415
    from aurora_logs.adapters.aws.tables import StateTables  # noqa: PLC0415

    return open_dynamodb(clock=clock, random=SystemRandom(), region=settings.aws_region or None,
                         connections=settings.max_concurrency + 4), StateTables(
        instances=settings.instance_table, tracking=settings.tracking_table, checkpoints=settings.checkpoint_table,
        dead_letters=settings.dlq_table)


def _dynamodb_state(settings: Settings, clock: Clock) -> "DynamoDbStateStore":
    from aurora_logs.adapters.aws.state_store import DynamoDbStateStore  # noqa: PLC0415

    return DynamoDbStateStore(*_dynamodb(settings, clock))


def _broker_access(settings: Settings) -> "BrokerAccess":
    from aurora_logs.adapters.kafka.connection import BrokerAccess  # noqa: PLC0415

    return BrokerAccess(
        brokers=settings.kafka_brokers, client_id=settings.pod_name or platform.node(), aws_region=settings.aws_region,
        security_protocol=settings.kafka_security_protocol, sasl_mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username, password=settings.kafka_password.reveal(), ca_file=settings.kafka_ca_file)


def tables(settings: Settings) -> Provisioning:
    """Open the state tables for `provision`. Raises: ConfigError."""
    from aurora_logs.adapters.aws.provisioning import TableProvisioning  # noqa: PLC0415

    clock = system_clock()
    return TableProvisioning(*_dynamodb(settings, clock), clock)


def topics(settings: Settings) -> Provisioning:
    """Open the topics for `provision`. Raises: ConfigError."""
    from aurora_logs.adapters.kafka.topics import TopicProvisioning  # noqa: PLC0415

    return TopicProvisioning(_broker_access(settings))


def streams(settings: Settings) -> Provisioning:
    """Open the streams for `provision`. Raises: ConfigError."""
    from aurora_logs.adapters.openobserve.opening import open_streams  # noqa: PLC0415
    from aurora_logs.adapters.openobserve.provisioning import StreamProvisioning  # noqa: PLC0415

    return StreamProvisioning(open_streams(settings, system_clock()))


def queue_admin(settings: Settings) -> QueueAdmin:
    """Open what the queue tells of itself. Raises: ConfigError where there is no Kafka."""
    if settings.queue_backend != "kafka":
        raise ConfigError("there is no Kafka here: the queue is a table of DATA_DIR", hint="QUEUE_BACKEND=kafka; what is behind: aurora-logs lag")
    from aurora_logs.adapters.kafka.group import KafkaAdmin  # noqa: PLC0415

    return KafkaAdmin(_broker_access(settings), settings.consumer_group)


def compact(settings: Settings, clock: Clock) -> "Totals | None":
    """Compact batch files in a short-lived child where that is due. Raises: DiskFull, Unreachable; nothing is lost."""
    from aurora_logs.adapters.embedded.compaction import compact_in_child  # noqa: PLC0415

    return compact_in_child(DataDirectory(Path(settings.data_dir)), now_sec=clock.now_us() / 1e6,
                            after_bytes=int(settings.compact_after_mb * 1e6),
                            older_than_sec=settings.compact_after_hours * 3600)


class Beside:
    """What commands beside a running collector use: the state, the queue to put tasks into, and the insights."""

    def __init__(self, settings: Settings) -> None:
        """Open DATA_DIR without its lock, where anything lies in it. Raises: NotFound, StateNewer, ConfigError."""
        self._settings, self._clock = settings, system_clock()
        is_embedded = "embedded" in (settings.state_backend, settings.queue_backend)
        self._database = open_beside(Path(settings.data_dir)) if is_embedded else None

    @cached_property
    def state(self) -> "SqliteStateStore | DynamoDbStateStore":
        """Rows of all tables."""
        return _state(self._settings, self._clock, self._database)

    @cached_property
    def queue(self) -> "SqliteQueue | KafkaQueue":
        """The queue, to put tasks into."""
        return _queue(self._settings, self._clock, self.state, self._database)

    @property
    def insights(self) -> Insights:
        """The delivered records."""
        return insights(self._settings)

    def damage(self) -> str:
        """Return what a quick check of the state file complains about; "" for a sound file, or none."""
        return self._database.damage() if self._database else ""

    def close(self) -> None:
        """Close what was opened."""
        if "queue" in self.__dict__:
            self.queue.close()
        if self._database is not None:
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
