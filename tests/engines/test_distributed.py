"""The whole product on Kafka and DynamoDB: real processes, kills, two collectors, resets; every entry lies there once."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest
from tests.contracts.conftest import dynamodb_client, own_tables, vars_of
from tests.engines.test_provision import TABLE_SETTINGS

from aurora_logs.adapters.embedded.directory import DataDirectory
from aurora_logs.adapters.embedded.physical import stored_lines
from aurora_logs.errors import Unreachable
from aurora_logs_simulator.workload import writer

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
PROGRAM = Path(sys.executable).with_name("aurora-logs")
TOKEN = re.compile(rb"tok_[0-9a-f]{16}")
START_US = 1_795_342_315_000_000
KILLS = 3


class Fleet:
    """Collectors on one state and one queue, each with a data directory of its own; a folder of log files as the source."""

    def __init__(self, broker, dynamodb, folder):
        self.broker, self.folder, self.source = broker, folder, folder / "source"
        self.tables, self.group = vars_of(own_tables()), f"g-{uuid.uuid4().hex[:10]}"
        self.client = dynamodb_client(dynamodb.url)
        self.env = {
            **os.environ, "SOURCE_BACKEND": "folder", "SOURCE_DIR": str(self.source), "QUEUE_BACKEND": "kafka",
            "STATE_BACKEND": "dynamodb", "KAFKA_BROKERS": broker.address, "CONSUMER_GROUP": self.group,
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local", "BATCH_TIMEOUT_SEC": "0.2", "BATCH_SIZE": "20", "RETRY_BACKOFF_SEC": "0.1",
            "LEASE_SEC": "2", "SKEW_SEC": "0.2", "DISCOVERY_INTERVAL_SEC": "0.5", "LOG_LEVEL": "DEBUG",
            "METRICS_PORT": "0", "HEALTH_PORT": "0",
            **{TABLE_SETTINGS[role]: name for role, name in self.tables.items()}}
        self.running = []
        self.tokens = set()
        self.source.mkdir()
        self.command("provision", "all")

    def write_logs(self, *instances):
        for instance in instances:
            for hour in range(4):
                name = "slowquery/mysql-slowquery.log" + (f".2026-11-22.{10 + hour}" if hour < 3 else "")
                path = self.source / instance / name
                path.parent.mkdir(parents=True, exist_ok=True)
                made = writer("slowquery", "mysql", f"{instance}/{name}")
                start_us = START_US + hour * 3_600_000_000
                entries = [made.entry(start_us + second * 1_000_000) for second in range(120)]
                path.write_bytes(made.file_header(start_us) + b"".join(one.content for one in entries))
                self.tokens |= {one.token for one in entries}

    def command(self, *words, data="a", code=0, **env):
        done = subprocess.run([PROGRAM, *words], env={**self.env, "DATA_DIR": str(self.folder / data), **env},
                              capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL)
        assert done.returncode == code, done.stderr
        return done

    def run_once(self):
        """The patience of a single run grows with RETRY_BACKOFF_SEC; the first group of a new broker takes seconds to join."""
        return self.command("run", "--once", RETRY_BACKOFF_SEC="15")

    def items(self, *words):
        return json.loads(self.command(*words, "-o", "json").stdout)["items"]

    def start(self, data="a", *words):
        with (self.folder / f"{data}.log").open("a") as log:
            process = subprocess.Popen([PROGRAM, "run", *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                       env={**self.env, "DATA_DIR": str(self.folder / data), "POD_NAME": data})
        self.running.append(process)
        return process

    def clear_up(self):
        for process in self.running:
            process.kill()
            process.wait()

    def stored(self, *datas):
        counts = Counter()
        for data in datas:
            with contextlib.suppress(Unreachable):  # the directory is only just being made
                for line in stored_lines(DataDirectory(self.folder / data)):
                    counts.update({token.decode() for token in TOKEN.findall(line)})
        return counts

    def describe(self):
        return self.broker.tool("kafka-consumer-groups.sh", "--describe", "--group", self.group)

    def lags(self):
        """Of each partition; "-" where nothing was ever committed."""
        return {line.split()[5] for line in self.describe().splitlines() if "aurora-logs-slowquery" in line}


@pytest.fixture
def fleet(broker, dynamodb, tmp_path):
    made = Fleet(broker, dynamodb, tmp_path)
    made.write_logs("prod-1", "prod-2", "prod-3")
    yield made
    made.clear_up()


def end(process):
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM


def wait_until(condition, within_sec=60.0):
    """Wait for what other processes do."""
    ends_sec = time.monotonic() + within_sec
    while not condition():
        assert time.monotonic() < ends_sec, "it did not come to pass"
        time.sleep(0.1)


def test_a_run_delivers_every_entry_once_and_its_commands_read_the_tables(fleet):
    fleet.run_once()

    assert fleet.stored("a") == Counter(fleet.tokens)
    assert {one["status"] for one in fleet.items("files", "list")} == {"completed"}
    assert len(fleet.items("files", "list")) == 12
    assert {one["instance_id"] for one in fleet.items("instances", "list")} == {"prod-1", "prod-2", "prod-3"}
    assert sum(one["byte_offset"] > 0 for one in fleet.items("checkpoints", "list")) == 3
    assert fleet.lags() == {"0"}


def test_the_offsets_at_earliest_and_a_deleted_group_cost_nothing_but_reads(fleet):
    """REL-36, REL-37, RUN-34, RUN-49."""
    fleet.run_once()
    for words in (("--reset-offsets", "--all-topics", "--to-earliest", "--execute"), ("--delete",)):
        assert "Error" not in fleet.broker.tool("kafka-consumer-groups.sh", "--group", fleet.group, *words)
        running = fleet.start()
        wait_until(lambda: fleet.lags() == {"0"})
        end(running)

    assert fleet.stored("a") == Counter(fleet.tokens)


def test_kills_at_any_moment_lose_nothing_and_double_nothing(fleet):
    """REL-43, REL-45, GATE-04 on real engines: SIGKILL, the lease runs out, the next run settles and goes on."""
    chance = random.Random(3)
    struck = 0
    for _ in range(KILLS):
        victim = fleet.start()
        before = sum(fleet.stored("a").values())
        ends_sec = time.monotonic() + 20
        while victim.poll() is None and sum(fleet.stored("a").values()) <= before and time.monotonic() < ends_sec:
            time.sleep(0.02)
        time.sleep(chance.random() * 0.2)
        victim.kill()
        victim.wait()
        struck += sum(fleet.stored("a").values()) < len(fleet.tokens)
    last = fleet.start()
    wait_until(lambda: sum(fleet.stored("a").values()) >= len(fleet.tokens), 120)
    end(last)

    assert fleet.stored("a") == Counter(fleet.tokens)
    print(f"{struck} of {KILLS} kills struck while something was left to deliver")
    assert struck


def test_two_collectors_share_the_work_and_double_nothing(fleet):
    """REL-33, REL-45: one state, one queue, two processes, no lock between them."""
    first, second = fleet.start("a"), fleet.start("b")
    wait_until(lambda: {"a", "b"} <= {line.split()[-1] for line in fleet.describe().splitlines() if line.strip()})
    fleet.write_logs(*(f"more-{number}" for number in range(12)))
    wait_until(lambda: sum(fleet.stored("a", "b").values()) >= len(fleet.tokens))
    end(first)
    end(second)
    shares = [sum(fleet.stored(data).values()) for data in ("a", "b")]
    print("records of each:", shares)

    assert fleet.stored("a", "b") == Counter(fleet.tokens)
    assert min(shares) > 0


@pytest.fixture
def poisoned_topic(broker):
    """The topic's name; it goes afterwards, since the groups of later tests would meet what stays in it."""
    yield "aurora-logs-slowquery"
    broker.tool("kafka-topics.sh", "--delete", "--topic", "aurora-logs-slowquery")


def test_a_poison_message_is_a_dead_letter_that_operators_see(fleet, poisoned_topic):
    """REL-35, RUN-50: sent by Kafka's own tool, listed by our command."""
    fleet.broker.tool("kafka-console-producer.sh", "--topic", poisoned_topic, stdin="certainly no task\n")
    fleet.run_once()
    letters = [one for one in fleet.items("dlq", "list") if one["reason"] == "poison_message"]
    shown = json.loads(fleet.command("dlq", "show", letters[0]["message_id"], "-o", "json").stdout)

    assert len(letters) == 1
    assert "certainly no task" in json.dumps(shown)
    assert fleet.lags() == {"0"}
    assert fleet.stored("a") == Counter(fleet.tokens)


def test_a_service_starts_before_its_brokers_and_tables_and_says_what_it_waits_for(fleet):
    running = subprocess.Popen(
        [PROGRAM, "run"], env={**fleet.env, "DATA_DIR": str(fleet.folder / "a"), "KAFKA_BROKERS": "127.0.0.1:9"},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    lines = []
    for line in running.stderr:
        lines.append(json.loads(line))
        if "Kafka" in lines[-1].get("error", ""):
            break
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)

    assert "check KAFKA_BROKERS" in lines[-1]["hint"]
    assert running.returncode == 128 + signal.SIGTERM
