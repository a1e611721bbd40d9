"""A real Kafka broker (KRaft, one node) for tests: a plain listener, and one with TLS and SCRAM; loopback only."""

import base64
import contextlib
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.servers import jars
from tools.servers.certificates import make_certificates
from tools.servers.processes import NotStarted, end_now, free_ports, start, wait_for_line

USERNAME = "collector"
START_WITHIN_SEC = 90.0
HEAP = "-Xmx256m"
SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAIN://127.0.0.1:{plain},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAIN://127.0.0.1:{plain},SECURE://127.0.0.1:{secure}
listener.security.protocol.map=PLAIN:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAIN
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={server_file}
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# one broker: one replica and few partitions of every internal topic
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=2
# after a kill the old registration must expire before the broker may register again
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
# the cleaner's default buffer alone is 128 MiB
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.io.buffer.size=131072
num.network.threads=2
num.io.threads=4
background.threads=2
"""


class Broker:
    """One broker; ports, data and certificates stay the same over `kill` and `start`."""

    def __init__(self, folder: Path, jvm: Sequence[str] = ()) -> None:
        self._folder, self._jvm = folder, jvm
        self._log = folder / "server.log"
        self._process: subprocess.Popen[str] | None = None
        certificates = make_certificates(folder / "certificates")
        self.ca_file, self.username, self.password = certificates.ca_file, USERNAME, secrets.token_urlsafe(12)
        plain, secure, controller = free_ports(3)
        self.address, self.secure_address = f"127.0.0.1:{plain}", f"127.0.0.1:{secure}"
        self._settings = folder / "server.properties"
        self._settings.write_text(SETTINGS.format(plain=plain, secure=secure, controller=controller, data=folder / "data",
                                                  server_file=certificates.server_file), encoding="utf-8")
        self._format()

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it serves. Raises: NotStarted."""
        self._process = start([*jars.java_command("broker", HEAP, "-XX:+ExitOnOutOfMemoryError", *self._jvm), "kafka.Kafka",
                               self._settings], self._log)
        wait_for_line(self._process, "Kafka Server started", self._log, within_sec=START_WITHIN_SEC)

    def stop(self) -> None:
        """End it cleanly; nothing to do when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def tool(self, name: str, *arguments: str, stdin: str = "") -> str:
        """Run one of Kafka's own tools and return all it printed; they exit 0 even on errors, so read it."""
        path = f"{jars.tools_folder()}:{os.environ.get('PATH', '')}"
        answer = subprocess.run([name, "--bootstrap-server", self.address, *arguments], input=stdin, capture_output=True,
                                text=True, check=True, env={**os.environ, "PATH": path})
        return answer.stdout + answer.stderr

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "a", 1)
        answer = subprocess.run(
            [*jars.java_command("tool", "-Xmx128m"), "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c",
             str(self._settings), "--add-scram", f"SCRAM-SHA-512=[name={self.username},password={self.password}]"],
            check=False, capture_output=True, text=True)
        if answer.returncode != 0:
            raise NotStarted(f"the storage tool refused: {answer.stdout}{answer.stderr}")

    def _end(self, with_signal: signal.Signals) -> None:
        if self._process is not None:
            end_now(self._process, with_signal)
            self._process = None


@contextlib.contextmanager
def running(jvm: Sequence[str] = ()) -> Iterator[Broker]:
    """Run a broker with all that it keeps in a folder of its own; stop it and clear up."""
    with tempfile.TemporaryDirectory(prefix="kafka-") as name:
        broker = Broker(Path(name), jvm)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()
