"""Replicas of the product as real processes, each under a name of its own as in Kubernetes: started, killed, paused, ended."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from tools.distributed.strangers import StandIn
from tools.servers.dynoxide import Dynoxide
from tools.servers.kafka import Broker
from tools.servers.processes import NotStarted, end_now, start

from aurora_logs.adapters.aws.dynamodb import DynamoDb
from aurora_logs.adapters.aws.state_store import DynamoDbStateStore
from aurora_logs.adapters.aws.tables import StateTables
from aurora_logs.adapters.embedded.system import SystemRandom
from aurora_logs.wiring import system_clock

PROGRAM = (sys.executable, "-m", "aurora_logs")
TABLES = {"INSTANCE_TABLE": "instances", "TRACKING_TABLE": "tracking", "CHECKPOINT_TABLE": "checkpoints",
          "DLQ_TABLE": "dead_letters"}
# What demos and kill tests run with; it passes the start-up check of reliability.md §5.8.
TIMES = {"POST_TIMEOUT_SEC": "2", "SKEW_SEC": "1", "SETTLE_SEC": "4", "LEASE_SEC": "6", "KAFKA_SESSION_SEC": "6"}
PACE = {"DISCOVERY_INTERVAL_SEC": "1.5", "RDS_API_RATE_LIMIT": "60", "BATCH_TIMEOUT_SEC": "1", "RETRY_BACKOFF_SEC": "0.2",
        "CIRCUIT_BREAKER_TIMEOUT_SEC": "2", "MAX_CONCURRENCY": "4", "LOG_LEVEL": "DEBUG",
        "METRICS_PORT": "0", "HEALTH_PORT": "0"}  # many replicas on one machine
KEYS = {"AWS_ACCESS_KEY_ID": "SIMULATOR", "AWS_SECRET_ACCESS_KEY": "simulator-secret", "AWS_REGION": "eu-central-1",
        "AWS_ACCOUNT_ID": "123456789012", "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1"}
END_WITHIN_SEC = 40.0
COORDINATOR_TRIES = 40
NO_COORDINATOR_YET = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)


class Engines(NamedTuple):
    """What the replicas share beside the log source."""

    broker: Broker
    dynamodb: Dynoxide
    sink: StandIn


class Replica:
    """One process of the product. name: its POD_NAME, with which the owner of each of its leases begins."""

    def __init__(self, role: str, name: str, environ: Mapping[str, str], folder: Path) -> None:
        self.role, self.name, self.log = role, name, folder / f"{name}.log"
        self._was_ended = False
        self._process = start([*PROGRAM, "run", role], self.log,
                              {**environ, "POD_NAME": name, "DATA_DIR": str(folder / name)})

    @property
    def is_alive(self) -> bool:
        """Tell whether the process runs (or is paused)."""
        return self._process.poll() is None

    @property
    def has_failed(self) -> bool:
        """Tell whether the process ended by itself."""
        return not self._was_ended and not self.is_alive

    def owns(self, lease_owner: str) -> bool:
        """Tell whether a lease is this replica's."""
        return lease_owner.startswith(f"{self.name}-")

    def kill(self) -> None:
        """SIGKILL."""
        self._was_ended = True
        end_now(self._process, signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> int:
        """SIGTERM, and the exit code."""
        self._was_ended = True
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(END_WITHIN_SEC)
        end_now(self._process, signal.SIGTERM)
        return code

    def events(self, *messages: str) -> Iterator[dict[str, Any]]:
        """Give its log lines with one of these messages, oldest first; a line that a kill cut is left out."""
        with self.log.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n") and any(f'"msg": "{one}"' in line for one in messages):
                    yield json.loads(line)


class Fleet:
    """All replicas of one world: one state, one queue, one sink; tables, group and logs are its own."""

    def __init__(self, folder: Path, engines: Engines, source: Mapping[str, str], **settings: str) -> None:
        """source: settings of where the log files come from. Makes tables and topics. Raises: CalledProcessError."""
        mark = uuid.uuid4().hex[:8]
        self.folder, self.engines = folder, engines
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENOBSERVE_", "KAFKA_"))}
        self.environ = {
            **kept, **KEYS, **TIMES, **PACE, **source, "QUEUE_BACKEND": "kafka", "KAFKA_BROKERS": engines.broker.address,
            "CONSUMER_GROUP": f"aurora-processor-{mark}", "STATE_BACKEND": "dynamodb",
            "AWS_ENDPOINT_URL_DYNAMODB": engines.dynamodb.url, "SINK_BACKEND": "openobserve", "OPENOBSERVE_URL": engines.sink.url,
            "OPENOBSERVE_USER": engines.sink.ready["user"], "OPENOBSERVE_PASS": engines.sink.ready["password"],
            "OPENOBSERVE_WINDOW_HOURS": "744", **{name: f"{kind}-{mark}" for name, kind in TABLES.items()}, **settings}
        self.group = self.environ["CONSUMER_GROUP"]
        self.replicas: list[Replica] = []
        self.command("provision", "all")

    @cached_property
    def client(self) -> Any:
        """A way to the tables for what an operator's hand does."""
        return boto3.client("dynamodb", endpoint_url=self.engines.dynamodb.url, region_name=KEYS["AWS_REGION"],
                            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
                            config=Config(retries={"total_max_attempts": 1}))

    @cached_property
    def state(self) -> DynamoDbStateStore:
        """The tables, as the product reads them."""
        tables = {role: self.environ[variable] for variable, role in TABLES.items()}
        return DynamoDbStateStore(DynamoDb(self.client, system_clock(), SystemRandom()), StateTables(**tables))

    @cached_property
    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.engines.broker.address})

    def command(self, *words: str, **environ: str) -> str:
        """Run a command of the product and return its output. Raises: CalledProcessError."""
        return subprocess.run([*PROGRAM, *words], env={**self.environ, "DATA_DIR": str(self.folder / "beside"), **environ}, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=120).stdout

    def start(self, role: str, **environ: str) -> Replica:
        """Start one more replica: `discovery`, `processor`."""
        number = sum(one.role == role for one in self.replicas) + 1
        replica = Replica(role, f"{role}-{number}", {**self.environ, **environ}, self.folder)
        self.replicas.append(replica)
        return replica

    def alive(self, role: str = "") -> list[Replica]:
        """Return the replicas that run."""
        return [one for one in self.replicas if one.is_alive and role in ("", one.role)]

    def members(self) -> set[str]:
        """Return the processors to which the group gives partitions, by name. Raises: KafkaException, NotStarted."""
        for _ in range(COORDINATOR_TRIES):
            try:
                group = self._admin.describe_consumer_groups([self.group])[self.group].result()
            except KafkaException as error:
                if error.args[0].code() not in NO_COORDINATOR_YET:
                    raise
                time.sleep(0.5)  # the broker looks for it
            else:
                return {one.client_id for one in group.members if one.assignment.topic_partitions}
        raise NotStarted(f"no coordinator of {self.group} was found")

    def events(self, *messages: str) -> Iterator[dict[str, Any]]:
        """Give the log lines of all replicas that have one of these messages."""
        for replica in self.replicas:
            yield from replica.events(*messages)

    def close(self) -> None:
        """End what still runs, in no good order."""
        for replica in self.alive():
            replica.kill()
