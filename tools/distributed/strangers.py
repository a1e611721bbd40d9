"""The simulator's servers as processes: RDS with its ledger, and the stand-in for OpenObserve that can be killed."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.servers.processes import NotStarted, end_now, free_ports, last_words, start

CONTROL_TIMEOUT_SEC = 60.0  # the ledger of a long run is large
STREAMS = ("aurora_slowquery_logs", "aurora_error_logs", "aurora_postgresql_logs")


class Stranger:
    """One server of the simulator; its port stays the same over `stop`, `kill` and `start`."""

    def __init__(self, command: str, options: Sequence[str], log: Path) -> None:
        """command: of `python -m aurora_logs_simulator`. Starts it. Raises: NotStarted."""
        self._words, self._log = [sys.executable, "-m", "aurora_logs_simulator", command, *options], log
        self._port = free_ports(1)[0]
        self._process: subprocess.Popen[str] | None = None
        self.ready: dict[str, Any] = {}
        self.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_running(self) -> bool:
        """Tell whether it was started and not ended."""
        return self._process is not None

    def start(self) -> None:
        """Start it (again), and wait until it answers. Raises: NotStarted."""
        self._process = start([*self._words, "--port", str(self._port)], self._log)
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        if not first:
            raise NotStarted(f"the simulator ended at once:\n{last_words(self._log)}")
        self.ready = json.loads(first)

    def get(self, name: str) -> Any:
        """Read one control resource, e.g. `ledger?entries=1`."""
        with urllib.request.urlopen(f"{self.url}/_simulator/{name}", timeout=CONTROL_TIMEOUT_SEC) as answer:  # noqa: S310
            return json.load(answer)

    def post(self, name: str, **values: object) -> Any:
        """Do one control action."""
        request = urllib.request.Request(f"{self.url}/_simulator/{name}", json.dumps(values).encode(), method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=CONTROL_TIMEOUT_SEC) as answer:  # noqa: S310
            return json.load(answer)

    def stop(self) -> None:
        """End it in good order: nothing that it keeps is lost."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would: what was not durable is gone."""
        self._end(signal.SIGKILL)

    def _end(self, with_signal: signal.Signals) -> None:
        if self._process is not None:
            end_now(self._process, with_signal)
            self._process = None


class StandIn(Stranger):
    """OpenObserve's stand-in; its root account is there again after a restart, others live in its memory alone."""

    def rows(self) -> list[str]:
        """Return every physical row of our streams, copies included."""
        return [row for stream in STREAMS for row in self.get(f"lines?stream={stream}")]
