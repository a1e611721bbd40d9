"""The demo's processes: the simulator over HTTP, and the collecting process that is killed and started again."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from aurora_logs.adapters.embedded.database import Database
from aurora_logs.adapters.embedded.directory import DataDirectory, open_beside
from aurora_logs.adapters.embedded.state_store import SqliteStateStore
from aurora_logs.errors import Unreachable

ACCESS_KEY, SECRET_KEY = "AKIDEMODEMODEMODEMO1", "demo/demo/demo/demo/demo/demo/demo/demo1"  # the simulator's own login
START_SEC = 20.0  # longest start of the simulator
HOLD_SEC = 0.5  # how long checkpoints are held up while a batch is on its way
LOOK_SEC = 0.002  # pause between two looks in that time


class Simulator:
    """The simulator process and its control surface."""

    def __init__(self, options: list[str], log_file: Path) -> None:
        command = [sys.executable, "-m", "aurora_logs_simulator", "serve", "--port", "0", "--access-key", ACCESS_KEY,
                   "--secret", SECRET_KEY, *options]
        self._log = log_file.open("w")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        if not first:
            raise Unreachable(f"the simulator did not start; see {log_file}")
        self.endpoint: str = json.loads(first)["endpoint"]

    def get(self, name: str) -> Any:  # JSON of the simulator's control surface
        """Read one control resource, e.g. `ledger?entries=1`."""
        with urllib.request.urlopen(f"{self.endpoint}/_simulator/{name}", timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def post(self, name: str, values: Mapping[str, object]) -> Any:
        """Do one control action."""
        body = json.dumps(dict(values)).encode()
        request = urllib.request.Request(f"{self.endpoint}/_simulator/{name}", data=body, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Collector:
    """The collecting process on its data directory; survives kills by being started again."""

    def __init__(self, endpoint: str, data_dir: Path, settings: Mapping[str, str], log_file: Path) -> None:
        self._data_dir, self._log_file = data_dir, log_file
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL_RDS": endpoint, "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1", **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it (again)."""
        with self._log_file.open("ab") as log:
            command = [sys.executable, "-m", "aurora_logs", "run", "--data-dir", str(self._data_dir)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environ)

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def take_sink_away(self, sec: float) -> bool:
        """Move the slow queries' stream folder aside for `sec` seconds; True when a ship failed meanwhile."""
        stream = DataDirectory(self._data_dir).batches / "aurora_slowquery_logs"
        aside = stream.with_name("aside")
        if not stream.is_dir():
            return False
        before = self._log_file.read_bytes().count(b"Sink unavailable")
        stream.rename(aside)
        time.sleep(sec)
        aside.rename(stream)
        return self._log_file.read_bytes().count(b"Sink unavailable") > before

    def kill_between_ship_and_advance(self, deadline_sec: float) -> bool:
        """SIGKILL at a moment when a batch is stored and its checkpoint has not moved.

        When none comes in time: SIGKILL all the same, and False.

        Once an intent is open, the state's write lock is taken, as a command beside a collector may take it: the ship goes
        on, its checkpoint waits. So the moment is hardly missed, and the product needs no switch.
        """
        assert self._process is not None
        database = open_beside(self._data_dir)
        try:
            while time.monotonic() < deadline_sec:
                if self._intended(database):
                    with database.transaction():
                        until_sec = time.monotonic() + HOLD_SEC
                        while self._intended(database) and time.monotonic() < until_sec:
                            if self._is_between(database):
                                self._kill()
                                return True
                            time.sleep(LOOK_SEC)
                time.sleep(LOOK_SEC)
        finally:
            database.close()
        self._kill()
        return False

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _intended(self, database: Database) -> list[str]:
        """Return the ids of batches whose intent is open."""
        return [row.intent.id for row in SqliteStateStore(database).checkpoints() if row.intent]

    def _is_between(self, database: Database) -> bool:
        """Tell whether a batch file lies there whose intent is still open."""
        batches = DataDirectory(self._data_dir).batches
        return any(next(batches.glob(f"*/*-{one}-*.ndjson"), None) is not None for one in self._intended(database))
