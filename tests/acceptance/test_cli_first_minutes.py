"""The first five minutes: value before set-up, progress with numbers, every end names the next command (UX-20..28, 54, 55)."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.acceptance.cli_world import PROGRAM, WITHIN_SEC, aurora_logs, environment
from tests.acceptance.pseudo_terminal import on_terminal
from tests.acceptance.test_cli_parse import ENTRY, SLOW

from aurora_logs.cli.run import _note
from aurora_logs.records.fleet import TrackedFile
from aurora_logs.settings import Settings

MANY = "".join(ENTRY.format(number % 10) for number in range(1_000)) * 300  # more than half a second of work


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    path = tmp_path_factory.mktemp("many") / "slow.log"
    path.write_text(MANY)
    return path


def cpu_sec_of(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_parse_prints_at_once_while_it_still_reads(many):
    """UX-21: the first record costs less than a second of CPU, however long the file is; memory of a second look is not asked for."""
    process = subprocess.Popen([PROGRAM, "parse", many, "-o", "ndjson"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    first = process.stdout.readline()
    took_sec = cpu_sec_of(process.pid)
    is_reading = process.poll() is None
    process.stdout.close()
    process.wait(WITHIN_SEC)

    assert first.startswith(b'{"_timestamp"')
    assert is_reading
    assert took_sec < 1


def test_parse_needs_nothing_and_leaves_nothing(tmp_path):
    """UX-13, UX-21, UX-26: no account, no directory, no setting; the format and what was not understood are told."""
    (tmp_path / "slow.log").write_text(SLOW)
    env = environment(HOME=str(tmp_path / "home"), DATA_DIR=str(tmp_path / "data"), AWS_REGION=None)

    answer = aurora_logs("parse", tmp_path / "slow.log", env=env)

    assert answer.code == 0
    assert "mysql_slow, by its content" in answer.err
    assert "all understood" in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slow.log"]


def test_a_run_tells_what_lies_behind_what_it_read_and_what_is_next(simulator, tmp_path):
    """UX-23, UX-27."""
    env = simulator.env(tmp_path)

    first = aurora_logs("run", "--once", "--instance", "shop-1", env=env)
    second = aurora_logs("run", "--once", "--instance", "shop-1", env=env)

    assert re.match(r"\d+ kB behind in 1 instance: about \d+ calls?, \d+\w+ at 500 calls a second\n", first.err)
    assert re.search(r"read \d+ kB, delivered [\d,]+ records; gaps 0 B; behind 0 B in 0 files\n", first.err)
    assert second.err.startswith("nothing is behind in 1 instance\n")
    assert "read 0 B, delivered 0 records" in second.err
    assert [answer.err.splitlines()[-1] for answer in (first, second)] == ["next: aurora-logs top queries"] * 2


@pytest.mark.parametrize(("service", "said"), [
    ("discovery", "QUEUE_BACKEND=kafka is required"), ("processor", "QUEUE_BACKEND=kafka is required"), ("standalon", "did you mean standalone?"),
])
def test_a_service_that_embedded_mode_does_not_have_is_refused(service, said):
    """UX-30: it says so and exits 2."""
    answer = aurora_logs("run", service)

    assert answer.code == 2
    assert said in answer.err


def test_progress_has_numbers_on_a_terminal_and_none_in_a_pipe(many):
    """UX-54: bytes, rate and time left; a short work in a pipe says nothing in between."""
    _, seen = on_terminal(["parse", many], environment())
    piped = aurora_logs("parse", many)

    assert re.search(r"reading \S+slow\.log  [\d.]+ [kM]B of \d+ MB  [\d.]+ [kM]B/s", seen)
    assert len(piped.err.splitlines()) == 4  # format, entries, groups, next


def test_a_wait_is_explained(simulator, tmp_path):
    """UX-55: what is waited for, and how long at most."""
    env = simulator.env(tmp_path) | {"BATCH_TIMEOUT_SEC": "4"}

    _, seen = on_terminal(["run", "--once"], env)

    assert "the last entry of a live file waits up to 4 s for its end" in " ".join(seen.split())


def test_the_note_of_a_run_names_the_file_that_is_most_behind():
    """UX-23: progress by file."""
    def row(name, size, delivered):
        return TrackedFile(instance_id="db", log_file_name=name, status="processing", log_type="error", cluster_id="", resource_id="r",
                           family=name, last_written=0, file_size=size, discovered_at=0, updated_at=0, delivered_bytes=delivered)

    rows = [row("a", 10, 10), row("b", 10, 5), row("c", 100, 5)]

    assert _note(rows, Settings(), is_still=False) == "1 of 3 files; db c"
    assert _note(rows[:1], Settings(), is_still=True) == "1 of 1 files"
