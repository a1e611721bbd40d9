"""The queue on a real broker: groups, commits, rebalances, kills, TLS and SCRAM (reliability.md §4.3, names-and-runbook.md §2.6)."""

import contextlib
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from types import SimpleNamespace

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from msgspec.structs import replace
from tests.architecture.tree import ROOT
from tests.contracts.samples import a_task
from tools.servers import kafka

from aurora_logs.adapters.embedded.system import SystemClock
from aurora_logs.adapters.kafka import consumer as consumer_module
from aurora_logs.adapters.kafka import producer as producer_module
from aurora_logs.adapters.kafka import queue as queue_module
from aurora_logs.adapters.kafka.connection import BrokerAccess
from aurora_logs.adapters.kafka.consumer import GroupTimes
from aurora_logs.adapters.kafka.queue import KafkaQueue
from aurora_logs.adapters.kafka.topics import TopicAdmin
from aurora_logs.errors import AccessDenied, ConfigError, StateAnswerLost, Transient, Unreachable
from aurora_logs.names import LOG_TYPES

pytestmark = pytest.mark.engine("kafka")
SOON_SEC, QUIET_SEC = 20.0, 0.5
SHORT = GroupTimes(session_sec=3.0, poll_sec=4.0)


class Bench:
    """A topic and a group of its own on a broker; queues that are closed at the end."""

    def __init__(self, broker, stack, partitions=3):
        self.broker, self.stack = broker, stack
        mark = uuid.uuid4().hex[:10]
        self.topic, self.group = f"t-{mark}", f"g-{mark}"
        self.access = BrokerAccess(brokers=broker.address, client_id="pod-1")
        self.letters, self.bury_error = [], None
        with contextlib.closing(TopicAdmin(self.access)) as admin:
            admin.create([(self.topic, partitions)])

    def queue(self, pod="pod-1", times=SHORT, access=None):
        queue = KafkaQueue(access or replace(self.access, client_id=pod), clock=SystemClock(threading.Event()),
                           bury=self.bury, topics={"slowquery": self.topic}, group=self.group, times=times)
        self.stack.callback(queue.close)
        return queue

    def bury(self, letter):
        if self.bury_error:
            raise self.bury_error
        self.letters.append(letter)

    def send(self, *values, key=b"shop-1"):
        """What an operator or a stranger puts into the topic."""
        producer = Producer({"bootstrap.servers": self.broker.address, "partitioner": "murmur2_random",
                             "message.max.bytes": 4_000_000})
        for value in values:
            producer.produce(self.topic, value, key)
        assert producer.flush(20) == 0

    def committed(self):
        """The positions that the broker has, by partition; None where there is none."""
        reader = Consumer({"bootstrap.servers": self.broker.address, "group.id": self.group})
        with contextlib.closing(reader):
            found = reader.committed([TopicPartition(self.topic, number) for number in range(3)], 10)
        return {one.partition: one.offset if one.offset >= 0 else None for one in found}

    def ends(self):
        reader = Consumer({"bootstrap.servers": self.broker.address, "group.id": "reader"})
        ends_sec = time.monotonic() + SOON_SEC
        with contextlib.closing(reader):
            while True:
                try:
                    return {number: reader.get_watermark_offsets(TopicPartition(self.topic, number), 10)[1]
                            for number in range(3)}
                except KafkaException:  # a new topic: the broker is told that it leads a moment after it says so
                    if time.monotonic() > ends_sec:
                        raise
                    time.sleep(0.1)

    def describe(self):
        return self.broker.tool("kafka-consumer-groups.sh", "--describe", "--group", self.group)


@pytest.fixture
def bench(broker):
    with contextlib.ExitStack() as stack:
        yield Bench(broker, stack)


def eventually(condition, within_sec=SOON_SEC):
    """Wait for what another thread or process does; there is nothing to be woken by."""
    ends_sec = time.monotonic() + within_sec
    while not condition():
        assert time.monotonic() < ends_sec, "it did not come to pass"
        time.sleep(0.05)


def taken(queue):
    delivery = queue.take(SOON_SEC)
    assert delivery is not None
    return delivery


# commits


def test_an_offset_is_committed_after_its_ack_and_never_over_an_earlier_one(bench):
    queue = bench.queue()
    for name in ("a", "b", "c"):
        queue.put(a_task(name))
    partition = next(number for number, end in bench.ends().items() if end)
    first, second, third = taken(queue), taken(queue), taken(queue)
    second.ack()
    third.ack()
    assert queue.take(QUIET_SEC) is None
    assert bench.committed()[partition] == 0
    first.ack()

    eventually(lambda: bench.committed()[partition] == 3)


def test_lag_is_a_number_from_the_first_day_on(bench):
    """names-and-runbook.md §2.6: `-` would be no lag at all."""
    queue = bench.queue("processor-7f")
    assert queue.take(2.0) is None
    eventually(lambda: None not in bench.committed().values())
    lines = [line.split() for line in bench.describe().splitlines() if bench.topic in line]

    assert [(line[3], line[5]) for line in lines] == [("0", "0")] * 3
    assert {line[-1] for line in lines} == {"processor-7f"}, "operators see the pod"


def test_a_member_that_closes_leaves_at_once_and_its_group_can_be_reset(bench):
    """REL-36, names-and-runbook.md fact 6; the tool exits 0 whatever happens, so the effect counts."""
    queue = bench.queue(times=GroupTimes())
    queue.put(a_task())
    taken(queue).ack()
    queue.close()
    assert bench.committed() == bench.ends()
    said = bench.broker.tool("kafka-consumer-groups.sh", "--reset-offsets", "--group", bench.group, "--topic", bench.topic,
                             "--to-earliest", "--execute")
    assert "Error" not in said

    assert taken(bench.queue()).task == a_task()


def test_a_deleted_group_brings_every_hint_again(bench):
    """REL-37."""
    queue = bench.queue(times=GroupTimes())
    queue.put(a_task())
    taken(queue).ack()
    queue.close()
    assert "Error" not in bench.broker.tool("kafka-consumer-groups.sh", "--delete", "--group", bench.group)

    assert taken(bench.queue()).task == a_task()


# members


def test_work_may_take_longer_than_the_longest_pause_between_polls(bench):
    """REL-38: the thread that polls never works, so nobody else gets the file."""
    busy, idle = bench.queue("busy", GroupTimes(session_sec=3.0, poll_sec=3.0)), bench.queue("idle")
    busy.put(a_task())
    held = taken(busy)
    got = []
    other = threading.Thread(target=lambda: got.append(idle.take(8.0)))
    other.start()
    other.join()
    assert got == [None], "8 s of work against 3 s: no rebalance took the file away"
    held.ack()

    eventually(lambda: bench.committed() == bench.ends())


def test_hints_of_a_killed_member_come_to_another_one(bench):
    """A real process, a real SIGKILL: the group notices by its session time-out."""
    script = f"""
import threading
from tests.engines.test_kafka_queue import *
queue = KafkaQueue(BrokerAccess(brokers={bench.broker.address!r}, client_id="victim"), clock=SystemClock(threading.Event()),
                   bury=print, topics={{"slowquery": {bench.topic!r}}}, group={bench.group!r}, times=SHORT)
held = queue.take(20)
print(held.task.log_file_name, flush=True)
threading.Event().wait()
"""
    bench.queue().put(a_task("f"))
    victim = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert victim.stdout.readline().strip() == "f"
    victim.kill()
    victim.communicate()
    survivor = bench.queue("survivor")
    delivery = taken(survivor)
    delivery.ack()

    assert delivery.task == a_task("f")
    eventually(lambda: bench.committed() == bench.ends())


def test_members_that_come_and_go_all_the_time_lose_nothing(bench):
    """REL-39, REL-33: each hint is acked by somebody; a double is allowed, a hole is not."""
    steady, done, stop = bench.queue("steady"), set(), threading.Event()

    def work(queue):
        while not stop.is_set():
            with contextlib.suppress(Transient):
                delivery = queue.take(0.2)
                if delivery is not None:
                    done.add(delivery.task.log_file_name)
                    delivery.ack()

    worker = threading.Thread(target=work, args=(steady,))
    worker.start()
    names = {f"f{number}" for number in range(60)}
    for round_number in range(6):
        guest = bench.queue(f"guest-{round_number}")
        for number in range(10):
            name = f"f{round_number * 10 + number}"
            steady.put(a_task(name, instance_id=f"shop-{number}"))
        with contextlib.suppress(Transient):
            delivery = guest.take(1.0)
            if delivery is not None:
                done.add(delivery.task.log_file_name)
                delivery.ack()
        guest.close()
    eventually(lambda: done >= names and bench.committed() == bench.ends(), 60)
    stop.set()
    worker.join()


def test_a_newcomer_gets_its_share_and_what_was_in_hands_comes_again_at_most(bench):
    """REL-33: the partition may move in mid-work; the lease decides then, and the late ack changes nothing."""
    first = bench.queue("first")
    names = {f"f{number}" for number in range(30)}
    for number in range(30):
        first.put(a_task(f"f{number}", instance_id=f"shop-{number}"))
    held = taken(first)
    second = bench.queue("second")
    theirs = taken(second)
    held.ack()
    theirs.ack()
    done = {held.task.log_file_name, theirs.task.log_file_name}
    ends_sec = time.monotonic() + SOON_SEC
    while done < names and time.monotonic() < ends_sec:
        for queue in (first, second):
            if delivery := queue.take(0.1):
                done.add(delivery.task.log_file_name)
                delivery.ack()

    assert done == names
    eventually(lambda: bench.committed() == bench.ends())
    assert {line.split()[-1] for line in bench.describe().splitlines() if bench.topic in line} == {"first", "second"}


def test_each_topic_is_shared_evenly_between_members(broker):
    """One member a process would get every partition of the busy topic, and its neighbour those of the quiet ones."""
    with contextlib.ExitStack() as stack:
        bench = Bench(broker, stack)
        topics = {log_type: f"{bench.topic}-{log_type}" for log_type in LOG_TYPES}
        with contextlib.closing(TopicAdmin(bench.access)) as admin:
            admin.create([(topic, 10) for topic in topics.values()])
        stopping = threading.Event()
        for pod in ("pod-a", "pod-b"):
            queue = KafkaQueue(replace(bench.access, client_id=pod), clock=SystemClock(stopping), bury=bench.bury, topics=topics,
                               group=bench.group, times=SHORT)
            stack.callback(queue.close)
            assert queue.take(1.0) is None

        def shares():
            lines = [line.split() for line in bench.describe().splitlines() if bench.topic in line]
            return Counter((line[1], line[-1]) for line in lines)

        eventually(lambda: set(shares().values()) == {5} and len(shares()) == 10, 40)


# poison, floods


def test_poison_messages_become_dead_letters_before_their_offsets_are_committed(bench):
    """REL-35: not JSON, wrong types, 1 MB; good messages around them arrive."""
    queue = bench.queue()
    queue.put(a_task("good"))
    bench.send(b"{not json", b'{"size": "many"}', b"x" * 900_000)
    queue.put(a_task("good too"))
    bench.bury_error = StateAnswerLost("the state store is away")
    names, refused = set(), []
    ends_sec = time.monotonic() + SOON_SEC
    while len(names) < 2 and time.monotonic() < ends_sec:
        try:
            if delivery := queue.take(0.5):
                names.add(delivery.task.log_file_name)
                delivery.ack()
        except Unreachable as error:
            refused.append(error)
    assert names == {"good", "good too"}, "poison blocks nobody"
    assert refused
    partition = next(number for number, end in bench.ends().items() if end)
    assert queue_was_quiet(queue)
    assert bench.committed()[partition] == 1, "behind the first good one stands a message that is nowhere else"
    bench.bury_error = None
    eventually(lambda: queue_was_quiet(queue) and len(bench.letters) == 3)

    eventually(lambda: queue_was_quiet(queue) and bench.committed()[partition] == 5)
    assert [letter.kafka_offset for letter in bench.letters] == [1, 2, 3]
    assert {letter.reason for letter in bench.letters} == {"poison_message"}


def queue_was_quiet(queue):
    with contextlib.suppress(Unreachable):
        return queue.take(QUIET_SEC) is None
    return True


def test_a_flood_of_hints_is_fetched_as_workers_take_them(bench, monkeypatch):
    """Bounded everything: 300 hints, room for 20; all arrive in the end."""
    monkeypatch.setattr(queue_module, "DUE_MAX", 20)
    monkeypatch.setattr(consumer_module, "FETCH_MESSAGES", 10)
    queue = bench.queue()
    for number in range(300):
        queue.put(a_task(f"f{number}", instance_id=f"shop-{number % 7}"))
    names = set()
    most = 0
    while len(names) < 300:
        delivery = taken(queue)
        names.add(delivery.task.log_file_name)
        most = max(most, queue._room.counts(0.0)[1])
        delivery.ack()

    assert most <= 30 + 1
    assert len(names) == 300


def test_hints_that_wait_for_their_delay_do_not_stop_the_flow(bench, monkeypatch):
    monkeypatch.setattr(queue_module, "DUE_MAX", 5)
    queue = bench.queue()
    for number in range(15):
        queue.put(a_task(f"slow{number}"))
        taken(queue).retry_later(3600)
    queue.put(a_task("fresh"))

    assert taken(queue).task.log_file_name == "fresh"


# the broker away, put


def test_a_put_is_confirmed_or_fails_and_works_again_when_the_broker_is_back(monkeypatch):
    """REL-31, and what was confirmed survives the broker's kill."""
    monkeypatch.setattr(producer_module, "CONFIRMED_WITHIN_SEC", 2.0)
    monkeypatch.setattr(producer_module, "ANSWER_SEC", 1.0)
    with kafka.running() as broker, contextlib.ExitStack() as stack:
        bench = Bench(broker, stack)
        queue = bench.queue()
        queue.put(a_task("confirmed"))
        broker.kill()
        with pytest.raises(Transient):
            queue.put(a_task("refused"))
        with pytest.raises(Transient, match="Kafka"):
            queue.take(3.0)
        broker.start()
        monkeypatch.setattr(producer_module, "CONFIRMED_WITHIN_SEC", 10.0)
        eventually(lambda: can_put(queue, a_task("again")), 30)
        names, ends_sec = set(), time.monotonic() + 40
        while not names >= {"confirmed", "again"} and time.monotonic() < ends_sec:
            with contextlib.suppress(Transient):
                if delivery := queue.take(1.0):
                    names.add(delivery.task.log_file_name)
                    delivery.ack()

        assert names >= {"confirmed", "again"}


def can_put(queue, task):
    with contextlib.suppress(Transient):
        queue.put(task)
        return True
    return False


def test_a_message_of_an_operators_tool_lands_on_the_same_partition(bench):
    """names-and-runbook.md §2.6: the partitioner of Kafka's own tools."""
    queue, keys = bench.queue(), [f"shop-{number}" for number in range(12)]
    before = []
    for key in keys:
        start = bench.ends()
        queue.put(a_task(instance_id=key))
        before.append(next(number for number, end in bench.ends().items() if end > start[number]))
    after = []
    lines = "".join(f"{key}|{{}}\n" for key in keys)
    bench.broker.tool("kafka-console-producer.sh", "--topic", bench.topic, "--property", "parse.key=true", "--property",
                      "key.separator=|", stdin=lines)
    reader = Consumer({"bootstrap.servers": bench.broker.address, "group.id": f"r-{bench.group}", "auto.offset.reset": "earliest"})
    with contextlib.closing(reader):
        reader.subscribe([bench.topic])
        found = {}
        ends_sec = time.monotonic() + SOON_SEC
        while len(found) < 12 and time.monotonic() < ends_sec:
            for message in reader.consume(50, 0.5):
                if message.value() == b"{}":
                    found[message.key().decode()] = message.partition()
    after = [found[key] for key in keys]

    assert after == before
    assert len(set(before)) > 1


# TLS and login


def secured(bench, **changes):
    broker = bench.broker
    return BrokerAccess(**{
        "brokers": broker.secure_address, "client_id": "pod-1", "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512", "username": broker.username, "password": broker.password,
        "ca_file": str(broker.ca_file)} | changes)


def test_hints_pass_over_tls_with_an_own_authority_and_scram(bench):
    queue = bench.queue(access=secured(bench))
    queue.put(a_task())
    taken(queue).ack()

    eventually(lambda: bench.committed() == bench.ends())


@pytest.mark.parametrize(("changes", "error", "text"), [
    ({"password": "wrong"}, AccessDenied, "Authentication failed"),
    ({"username": "nobody"}, AccessDenied, "Authentication failed"),
    ({"ca_file": ""}, ConfigError, "certificate verify failed"),
    ({"security_protocol": "SSL", "sasl_mechanism": ""}, Transient, "Kafka"),
    ({"brokers": "127.0.0.1:9"}, Transient, "Connection refused"),
], ids=["a wrong password", "an unknown user", "an authority that nobody knows", "no login", "nobody there"])
def test_a_connection_that_can_not_be_says_why(bench, monkeypatch, changes, error, text):
    monkeypatch.setattr(producer_module, "CONFIRMED_WITHIN_SEC", 2.0)
    monkeypatch.setattr(producer_module, "ANSWER_SEC", 1.0)
    queue = bench.queue(access=secured(bench, **changes))

    with pytest.raises(error, match=text) as caught:
        queue.put(a_task())
    assert caught.value.hint
    assert bench.broker.password not in str(caught.value)
    with pytest.raises(Transient):
        queue.take(2.0)


def test_a_certificate_of_another_name_is_refused(bench, monkeypatch):
    """The server's certificate speaks for 127.0.0.1 and localhost, not for this loopback address."""
    monkeypatch.setattr(producer_module, "CONFIRMED_WITHIN_SEC", 2.0)
    monkeypatch.setattr(producer_module, "ANSWER_SEC", 1.0)
    port = int(bench.broker.secure_address.rsplit(":", 1)[1])
    with relayed("127.0.0.2", port) as address:
        queue = bench.queue(access=secured(bench, brokers=address))
        with pytest.raises(ConfigError, match="certificate verify failed"):
            queue.put(a_task())


@contextlib.contextmanager
def relayed(host, port):
    """Pass connections to `host` on to 127.0.0.1:port, unread."""
    import selectors
    import socket

    stopping = threading.Event()
    listener = socket.create_server((host, 0))
    listener.settimeout(0.1)

    def pump(left, right):
        with left, right, selectors.DefaultSelector() as selector:
            selector.register(left, selectors.EVENT_READ, right)
            selector.register(right, selectors.EVENT_READ, left)
            while not stopping.is_set():
                for key, _ in selector.select(0.1):
                    with contextlib.suppress(OSError):
                        content = key.fileobj.recv(65_536)
                        if not content:
                            return
                        key.data.sendall(content)

    def serve():
        pumps = []
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = listener.accept()
                pumps.append(threading.Thread(target=pump, args=(client, socket.create_connection(("127.0.0.1", port)))))
                pumps[-1].start()
        for one in pumps:
            one.join()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"{host}:{listener.getsockname()[1]}"
    finally:
        stopping.set()
        thread.join()
        listener.close()


def test_a_missing_file_of_the_authority_is_named_at_once(bench):
    with pytest.raises(ConfigError, match=r"there is no file /nowhere/ca\.pem"):
        bench.queue(access=secured(bench, ca_file="/nowhere/ca.pem")).put(a_task())


def test_a_missing_topic_says_what_to_do(bench):
    bench.topic = "nowhere"
    queue = bench.queue()
    with pytest.raises(ConfigError, match="no such topic") as caught:
        queue.put(a_task())

    assert caught.value.hint == "aurora-logs provision topics"
    with pytest.raises(Transient, match="no such topic"):
        queue.take(4.0)


def test_nothing_of_the_client_is_written_to_standard_error(bench, tmp_path):
    """Our log is one JSON object a line; the library would add lines of its own when the broker is away."""
    script = """
import threading, sys
from tests.engines.test_kafka_queue import *
queue = KafkaQueue(BrokerAccess(brokers="127.0.0.1:9", client_id="x"), clock=SystemClock(threading.Event()), bury=print)
try:
    queue.take(1.0)
except Transient:
    pass
queue.close()
"""
    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True,
                            env={**os.environ, "PYTHONPATH": str(ROOT)})

    assert (answer.stdout, answer.stderr) == ("", "")


def test_the_password_is_not_in_what_the_access_looks_like():
    broker = SimpleNamespace(secure_address="b:1", username="u", password="hunter2", ca_file="")

    assert "hunter2" not in repr(secured(SimpleNamespace(broker=broker)))
