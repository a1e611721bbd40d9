"""Adapters under contract: append a factory to a list, and the port's whole suite runs against it.

A factory takes a fresh folder, a clock and a way to a running engine by its name, yields the adapter's *bench* (what the
suite needs around the port) and cleans up. Only what two processes can see of each other stands in a bench.
"""

import contextlib
import uuid
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.contracts.openobserve_bench import VERSIONS, place
from tests.contracts.samples import CountedRandom, SteppedClock

from aurora_logs.adapters.aws.dynamodb import DynamoDb
from aurora_logs.adapters.aws.items import value_of
from aurora_logs.adapters.aws.provisioning import TableProvisioning
from aurora_logs.adapters.aws.state_store import DynamoDbStateStore
from aurora_logs.adapters.aws.tables import StateTables
from aurora_logs.adapters.embedded.compaction import compact
from aurora_logs.adapters.embedded.directory import DataDirectory, open_for_collecting
from aurora_logs.adapters.embedded.insights import DuckDbInsights
from aurora_logs.adapters.embedded.log_source import FolderLogSource
from aurora_logs.adapters.embedded.queue import SqliteQueue
from aurora_logs.adapters.embedded.sink import FileSink
from aurora_logs.adapters.embedded.state_store import SqliteStateStore
from aurora_logs.adapters.kafka.connection import BrokerAccess
from aurora_logs.adapters.kafka.queue import KafkaQueue
from aurora_logs.adapters.kafka.topics import TopicAdmin
from aurora_logs.names import TOPICS


@dataclass
class StateBench:
    """store: StateStore and StateAdmin. owner(name): a lease owner of the living process. attributes: see NAM-04.

    edit(table, key, attributes): what an operator's update-item does. delete(table, key): delete-item.
    attributes(table): names of the stored attributes with their types S, N, B, BOOL, M.
    """

    store: Any
    owner: Any
    edit: Any
    delete: Any
    attributes: Any


@dataclass
class QueueBench:
    """queue: Queue of the living process. again(): the same queue as another process sees it after the end of this one.

    soon_sec: how long a hint may be on its way. quiet_sec: when nothing came for so long, nothing comes.
    """

    queue: Any
    again: Any
    clock: SteppedClock
    soon_sec: float = 0.0
    quiet_sec: float = 0.0


@dataclass
class SinkBench:
    """sink: Sink. physical(log_type): every stored line, doubles included."""

    sink: Any
    physical: Any


@dataclass
class SourceBench:
    """source: LogSource. write(instance, name, content), append, rename, remove: what the server does to its files."""

    source: Any
    write: Any
    append: Any
    rename: Any
    remove: Any


@dataclass
class InsightsBench:
    """insights: Insights. ship(*batches): store them through the sink. compact(): whatever tidying the sink has.

    hides_copies: whether a person's own SQL sees each record once, too. slow(): return SQL that takes longer than 0.2 s.
    """

    insights: Any
    ship: Any
    compact: Any
    hides_copies: bool
    slow: Any


@contextlib.contextmanager
def embedded_state(folder, clock, _engine):
    with open_for_collecting(folder) as collecting:
        database = collecting.database

        def edit(table, key, attributes):
            row = key | attributes
            names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
            updates = ", ".join(f'"{name}" = excluded."{name}"' for name in attributes)
            database.change(f'INSERT INTO "{table}" ({names}) VALUES ({marks})'
                            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {updates}", list(row.values()))

        def delete(table, key):
            where = " AND ".join(f"{name} = ?" for name in key)
            database.change(f'DELETE FROM "{table}" WHERE {where}', list(key.values()))

        def attributes(table):
            kinds = {"TEXT": "S", "INTEGER": "N", "BLOB": "B", "BOOLEAN": "BOOL"}
            return {row[1]: "M" if row[1] == "intent" else kinds[row[2]]
                    for row in database.rows(f'PRAGMA table_info("{table}")')}

        yield StateBench(SqliteStateStore(database, "run1"), lambda name: f"run1/{name}", edit, delete, attributes)


def dynamodb_client(url):
    """A client as production has it (no retries of its own), for an engine on this machine."""
    return boto3.client("dynamodb", endpoint_url=url, region_name="eu-central-1", aws_access_key_id="local",
                        aws_secret_access_key="local",
                        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=32))


def own_tables():
    """Table names that no other test has, by role."""
    mark = uuid.uuid4().hex[:12]
    return StateTables(**{role: f"{name}-{mark}" for role, name in vars_of(StateTables()).items()})


def vars_of(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


@contextlib.contextmanager
def dynamodb_state(folder, clock, engine):
    client, tables = dynamodb_client(engine("dynamodb").url), own_tables()
    database = DynamoDb(client, clock, CountedRandom())
    provisioning = TableProvisioning(database, tables, clock)
    for name in provisioning.names():
        provisioning.make(name)
    actual = {name: getattr(tables, role) for role, name in vars_of(StateTables()).items()}

    def item(values):
        return {name: value_of(value) for name, value in values.items()}

    def edit(table, key, attributes):
        client.update_item(TableName=actual[table], Key=item(key), UpdateExpression="SET " + ", ".join(
            f"#{name} = :{name}" for name in attributes),
            ExpressionAttributeNames={f"#{name}": name for name in attributes},
            ExpressionAttributeValues=item({f":{name}": value for name, value in attributes.items()}))

    def attributes(table):
        found = {}
        for row in client.scan(TableName=actual[table])["Items"]:
            found |= {name: next(iter(value)) for name, value in row.items()}
        return found

    yield StateBench(DynamoDbStateStore(database, tables), lambda name: f"pod/{name}", edit,
                     lambda table, key: client.delete_item(TableName=actual[table], Key=item(key)), attributes)
    for name in provisioning.names():
        client.delete_table(TableName=name)
    client.close()


@contextlib.contextmanager
def embedded_queue(folder, clock, _engine):
    with open_for_collecting(folder) as collecting:
        runs = iter(range(2, 100))
        yield QueueBench(SqliteQueue(collecting.database, clock, "run1", visibility_sec=600),
                         lambda: SqliteQueue(collecting.database, clock, f"run{next(runs)}"), clock)


@contextlib.contextmanager
def kafka_queue(folder, clock, engine):
    access = BrokerAccess(brokers=engine("broker").address, client_id="pod-1")
    mark = uuid.uuid4().hex[:12]
    topics = {log_type: f"{topic}-{mark}" for log_type, topic in TOPICS.items()}
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(contextlib.closing(TopicAdmin(access)))
        admin.create([(name, 3) for name in topics.values()])

        def opened():
            queue = KafkaQueue(access, clock=clock, bury=refuse_poison, topics=topics, group=f"g-{mark}")
            stack.callback(queue.close)
            return queue

        def again():
            first.close()
            return opened()

        first = opened()
        yield QueueBench(first, again, clock, soon_sec=20.0, quiet_sec=0.4)


def refuse_poison(letter):
    raise AssertionError(f"no message of this suite is poison: {letter.error}")


@contextlib.contextmanager
def embedded_sink(folder, clock, _engine):
    with open_for_collecting(folder):
        directory = DataDirectory(folder)

        def physical(log_type):
            stream = directory.batches / f"aurora_{log_type}_logs"
            return [line for path in sorted(stream.glob("*.ndjson")) for line in path.read_bytes().splitlines(keepends=True)]

        yield SinkBench(FileSink(directory, CountedRandom()), physical)


@contextlib.contextmanager
def folder_source(folder, clock, _engine):
    folder.mkdir(exist_ok=True)

    def write(instance, name, content):
        path = folder / instance / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def append(instance, name, content):
        with (folder / instance / name).open("ab") as file:
            file.write(content)

    yield SourceBench(FolderLogSource(folder), write, append,
                      lambda instance, name, to: (folder / instance / name).rename(folder / instance / to),
                      lambda instance, name: (folder / instance / name).unlink())


@contextlib.contextmanager
def embedded_insights(folder, clock, _engine):
    with open_for_collecting(folder):
        directory = DataDirectory(folder)
        sink = FileSink(directory, CountedRandom())

        def ship(*batches):
            for batch in batches:
                sink.ship(batch, batch.lines)

        yield InsightsBench(DuckDbInsights(directory), ship,
                            lambda: compact(directory, after_bytes=0, older_than_sec=float("inf")), hides_copies=True,
                            slow=lambda: "SELECT count(*) FROM range(10000000000) a, range(1000) b WHERE a.range + b.range = -1")


def openobserve_sink(version):
    @contextlib.contextmanager
    def open_bench(folder, _clock, _engine):
        with place(folder, version) as found:
            yield SinkBench(found.sink(), found.physical)

    return open_bench


def openobserve_insights(version):
    @contextlib.contextmanager
    def open_bench(folder, _clock, _engine):
        with place(folder, version) as found:
            found.provision()
            sink = found.sink()

            def ship(*batches):
                for batch in batches:
                    sink.ship(batch, batch.lines)

            def slow():
                if found.world is None:
                    pytest.skip("a real server is not made slow")
                found.make_slow()
                return "SELECT count(*) AS c FROM aurora_slowquery_logs"

            yield InsightsBench(found.insights(), ship, lambda: None, hides_copies=False, slow=slow)

    return open_bench


STATE_STORES = {"embedded": embedded_state, "dynamodb": dynamodb_state}
QUEUES = {"embedded": embedded_queue, "kafka": kafka_queue}
SINKS = {"embedded": embedded_sink} | {version: openobserve_sink(version) for version in VERSIONS}
LOG_SOURCES = {"folder": folder_source}
INSIGHTS = {"embedded": embedded_insights} | {version: openobserve_insights(version) for version in VERSIONS}
ENGINES = {"dynamodb": "dynoxide", "kafka": "kafka"}
"""Adapter -> the engine that it needs."""
SLOW = (VERSIONS[0], VERSIONS[2])
"""One version of OpenObserve is in the quick run, the others too in the whole one."""


def adapters(table):
    """The names of a port's adapters as parameters, each marked with the engine that it needs."""
    return [pytest.param(name, marks=[*([pytest.mark.engine(ENGINES[name])] if name in ENGINES else []),
                                      *([pytest.mark.slow] if name in SLOW else [])]) for name in table]


@pytest.fixture
def clock():
    return SteppedClock()


@pytest.fixture(params=adapters(STATE_STORES))
def state(request, tmp_path, clock):
    with STATE_STORES[request.param](tmp_path / "state", clock, request.getfixturevalue) as bench:
        yield bench


@pytest.fixture(params=adapters(QUEUES))
def queue(request, tmp_path, clock):
    with QUEUES[request.param](tmp_path / "queue", clock, request.getfixturevalue) as bench:
        yield bench


@pytest.fixture(params=adapters(SINKS))
def sink(request, tmp_path, clock):
    with SINKS[request.param](tmp_path / "sink", clock, request.getfixturevalue) as bench:
        yield bench


@pytest.fixture(params=adapters(LOG_SOURCES))
def source(request, tmp_path, clock):
    with LOG_SOURCES[request.param](tmp_path / "source", clock, request.getfixturevalue) as bench:
        yield bench


@pytest.fixture(params=adapters(INSIGHTS))
def insights(request, tmp_path, clock):
    with INSIGHTS[request.param](tmp_path / "insights", clock, request.getfixturevalue) as bench:
        yield bench
