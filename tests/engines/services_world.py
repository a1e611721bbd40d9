"""Discovery and processors as real processes over Kafka, DynamoDB and the OpenObserve stand-in; a folder is the source."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter

from tests.engines.test_distributed import PROGRAM, Fleet

from aurora_logs.adapters.aws.dynamodb import DynamoDb
from aurora_logs.adapters.aws.state_store import DynamoDbStateStore
from aurora_logs.adapters.aws.tables import StateTables
from aurora_logs.adapters.embedded.system import SystemRandom
from aurora_logs.wiring import system_clock

TOKEN = re.compile(r"tok_[0-9a-f]{16}")
PASSWORD_OF_SINK = "OPENOBSERVE_PASS"


class StandIn:
    """The OpenObserve stand-in in a process of its own; `stop` and `start` again keep rows and port."""

    def __init__(self, folder):
        self.folder, self._port = folder, "0"
        self.start()
        self.url = self.ready["endpoint"]
        self._port = self.url.rpartition(":")[2]

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aurora_logs_simulator", "openobserve", "--dir", str(self.folder), "--port", self._port,
             "--window-hours", "7440", "--fsync"], stdout=subprocess.PIPE, text=True)
        self.ready = json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()

    def ask(self, name, values=None):
        body = None if values is None else json.dumps(values).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{name}", body, method="GET" if values is None else "POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def stored(self):
        return Counter(token for line in self.ask("lines?stream=aurora_slowquery_logs") for token in set(TOKEN.findall(line)))


class Services(Fleet):
    """Processes by their pod names. `lines(pod)`: what each said so far."""

    def __init__(self, broker, dynamodb, folder):
        super().__init__(broker, dynamodb, folder)
        self.sink = StandIn(folder / "sink")
        account = self.sink.ask("account", {"email": "logs@example.com", "is_service": True})
        self.env |= {"SINK_BACKEND": "openobserve", "OPENOBSERVE_URL": self.sink.url, "OPENOBSERVE_USER": "logs@example.com",
                     PASSWORD_OF_SINK: account["password"], "POST_TIMEOUT_SEC": "1", "SETTLE_SEC": "1.5", "SKEW_SEC": "0.2",
                     "LEASE_SEC": "3", "CIRCUIT_BREAKER_TIMEOUT_SEC": "0.5", "HOME": str(folder / "home")}
        self.pods = {}

    def run(self, service, pod, *words, **env):
        with (self.folder / f"{pod}.log").open("a") as log:
            process = subprocess.Popen([PROGRAM, "run", service, *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                       env={**self.env, "POD_NAME": pod, **env})
        self.running.append(process)
        self.pods[pod] = process
        return process

    def checkpoints(self):
        """All checkpoint rows, as the product reads them."""
        return DynamoDbStateStore(DynamoDb(self.client, system_clock(), SystemRandom()), StateTables(**self.tables)).checkpoints()

    def lines(self, pod):
        text = (self.folder / f"{pod}.log").read_text().splitlines()
        return [json.loads(line) for line in text if line.startswith("{")]

    def end(self, *pods, within_sec=30):
        """SIGTERM all, then wait for each; return the seconds that the slowest took."""
        started_sec = time.monotonic()
        for pod in pods:
            self.pods[pod].send_signal(signal.SIGTERM)
        for pod in pods:
            assert self.pods[pod].wait(within_sec) == 128 + signal.SIGTERM, (self.folder / f"{pod}.log").read_text()[-2000:]
        return time.monotonic() - started_sec

    def clear_up(self):
        super().clear_up()
        self.sink.stop()
