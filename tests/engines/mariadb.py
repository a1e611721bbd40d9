"""A real MariaDB server for tests: all four logs on, a workload that provokes what they tell, a crash at the end."""

import contextlib
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.servers import processes

START_WITHIN_SEC = 60.0
FAKE_ENTRY = (
    "a\n# Time: 261122 10:11:57\n# User@Host: x[x] @ localhost []\n"
    "# Query_time: 1.000000  Lock_time: 0.000000  Rows_sent: 0  Rows_examined: 0\nSET timestamp=1;\nfake"
)
SECRET = "planted-secret"
SET_CLOCK = "set timestamp=1700000000; select 'a clock that was set'; set timestamp=default"
STATEMENTS = (
    "create table t(id int primary key, a int, s text) engine=innodb",
    "insert into t values (1,1,'semi;colon'),(2,2,'back\\\\slash'),(3,3,'naïve')",
    f"select '{FAKE_ENTRY}'",
    "selec 'open quote",
    "select * from t order by s",
    f"create user w identified by '{SECRET}'",
    SET_CLOCK,
    "select sleep(0.2)",
)
CROSSED = "begin; update t set a=a+1 where id={0}; do sleep(1); update t set a=a+1 where id={1}; commit;"


class RealMariadb:
    """A running server; `folder` holds slow.log, general.log, audit.log and error.log."""

    def __init__(self, folder: Path) -> None:
        """Start it on a socket in the folder, without TCP. Raises: NotStarted."""
        self.folder = folder
        self._client = ["mariadb", "--no-defaults", "--default-character-set=utf8mb4", f"--socket={folder}/socket", "-uroot"]
        data = folder / "data"
        subprocess.run(["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", f"--datadir={data}",
                        "--user=root", "--skip-test-db"], check=True, capture_output=True)  # fmt: skip
        command = [
            "mariadbd", "--no-defaults", "--user=root", "--skip-networking", f"--datadir={data}", f"--socket={folder}/socket",
            f"--pid-file={folder}/pid", f"--log-error={folder}/error.log", "--log-warnings=2", "--innodb-print-all-deadlocks",
            "--innodb-buffer-pool-size=16M", "--general-log", f"--general-log-file={folder}/general.log", "--slow-query-log",
            "--long-query-time=0", "--log-slow-verbosity=query_plan,innodb,explain", f"--slow-query-log-file={folder}/slow.log",
            "--plugin-load-add=server_audit", "--server-audit-logging=1", f"--server-audit-file-path={folder}/audit.log",
        ]  # fmt: skip
        self._server = processes.start(command, folder / "stderr.log")
        try:
            waiting = ["mariadb-admin", *self._client[1:], f"--wait={int(START_WITHIN_SEC)}", "ping"]
            subprocess.run(waiting, check=True, capture_output=True, timeout=2 * START_WITHIN_SEC)
        except subprocess.SubprocessError as error:
            self.end(signal.SIGKILL)
            raise processes.NotStarted(str(error)) from error

    def run(self, sql: str, *, database: str = "") -> str:
        """Run statements by the server's own client, whatever some of them answer."""
        answer = subprocess.run([*self._client, "--force", "--comments", *([database] if database else [])], input=sql,
                                capture_output=True, text=True, check=False)  # fmt: skip
        return answer.stdout

    def work(self) -> None:
        """Statements of all kinds, a refused login, and a deadlock."""
        self.run("create database shop")
        for statement in STATEMENTS:
            self.run(f"{statement};", database="shop")
        subprocess.run([*self._client[:-1], "-unobody", "-pwrong", "-e", "select 1"], capture_output=True, check=False)
        both = [subprocess.Popen([*self._client, "--force", "shop"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                for _ in range(2)]  # fmt: skip
        for client, ids in zip(both, ((1, 2), (2, 1)), strict=True):
            assert client.stdin
            client.stdin.write(CROSSED.format(*ids))
            client.stdin.close()
        for client in both:
            client.wait(START_WITHIN_SEC)

    def counters(self, *names: str) -> dict[str, int]:
        """Give the server's own counts."""
        wanted = ",".join(f"'{name}'" for name in names)
        lines = self.run(f"show global status where variable_name in ({wanted})").splitlines()[1:]
        return {name: int(value) for name, value in (line.split("\t") for line in lines)}

    def end(self, with_signal: signal.Signals) -> None:
        """Send the signal and wait for the end."""
        processes.end_now(self._server, with_signal)


@contextlib.contextmanager
def running() -> Iterator[RealMariadb]:
    """Run a server in a folder of its own, whose name is short enough for a socket; ended and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="al-maria-") as folder:
        server = RealMariadb(Path(folder))
        try:
            yield server
        finally:
            server.end(signal.SIGKILL)
