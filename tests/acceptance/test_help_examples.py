"""Every example in every help runs as it stands there (UX-71); exit codes that a help names are those of the command."""

import os
import re
import shutil
import signal
import subprocess

import pytest
import typer.main
from tests.acceptance.cli_world import PROGRAM, WITHIN_SEC, aurora_logs
from tests.acceptance.test_cli_parse import SLOW

from aurora_logs.cli.app import build

FOR_EVER = ("aurora-logs run",)  # until Ctrl-C
ELSEWHERE = {
    "aurora-logs demo": "it is run once, by test_console_blocks.py",
    "aurora-logs demo --seed 7 --data-dir demo-data": "one demo is enough",
    **{f"aurora-logs provision {what}": "it needs Kafka and DynamoDB: tests/engines/test_provision.py runs it on both" for what in (
        "tables --dry-run", "tables -o json", "topics --dry-run", "topics", "all --dry-run", "all -o json")},
    **{f"aurora-logs {line}": f"it needs Kafka, OpenObserve or a service: {where} runs the command on them" for line, where in {
        "run processor": "tests/engines/test_services.py", "export --dry-run": "tests/engines/test_rescue.py",
        "export --from rescue --rescue-dir parked": "tests/engines/test_rescue.py", **dict.fromkeys((
            "consumers describe", "consumers describe --filter 'lag>0'", "topics describe", "topics describe -o json", "breaker show",
            "breaker show --url http://127.0.0.1:9090", "provision streams --dry-run", "provision streams",
        ), "tests/engines/test_operators.py")}.items()},
}
LETTER = "7f3a"  # stands for the id of a dead letter


def commands(command=None, path=()):
    command = command or typer.main.get_command(build())
    children = getattr(command, "commands", None)
    if not children:
        yield " ".join(("aurora-logs", *path)), command
        return
    for name, child in children.items():
        yield from commands(child, (*path, name))


def examples():
    return [line.strip() for _, command in commands() for line in command.epilog.split("\n\n")[0].splitlines()[2:]]


@pytest.fixture
def reader(tmp_path):
    """A folder with what the examples name."""
    (tmp_path / "logs").mkdir()
    for name in ("slow.log", "mysql-slowquery.log", "logs/mysql-slowquery.log", "old.log"):
        (tmp_path / name).write_text(SLOW)
    subprocess.run(["gzip", "old.log"], cwd=tmp_path, check=True)
    (tmp_path / "aurora-logs.toml").write_text("batch_size = 500\n")
    return tmp_path


def test_each_command_has_two_examples():
    """UX-71."""
    assert [name for name, command in commands() if len(command.epilog.split("\n\n")[0].splitlines()) < 4] == []


def test_what_is_run_elsewhere_is_still_an_example():
    assert set(ELSEWHERE) <= set(examples())


@pytest.mark.parametrize("line", [one for one in examples() if one not in ELSEWHERE])
def test_an_example_of_a_help_runs(line, reader, simulator, letters, collected):
    """UX-71."""
    env = letters if " dlq " in line else simulator.env(reader / "data" if line.startswith("aurora-logs run") else collected)
    if LETTER in line:
        line = line.replace(LETTER, aurora_logs("dlq", "list", "-q", env=env).out.split()[0][:8])
    env = env | {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    if line in FOR_EVER:
        process = subprocess.Popen(line.split(), cwd=reader, env=env, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        while '"Started"' not in (told := process.stderr.readline()):
            assert told, "it ended by itself"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WITHIN_SEC)
        assert process.returncode == 130
        return

    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=reader, env=env, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=WITHIN_SEC)

    assert done.returncode in ((0, 8) if " health" in line or " audit " in line else (0, 141) if "| head" in line else (0,)), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout or done.stderr


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_ends_with_2_for_an_unknown_option_and_with_0_for_its_help(name):
    """UX-47, UX-72."""
    words = name.split()[1:]

    wrong, told = aurora_logs(*words, "--no-such-option"), aurora_logs(*words, "-h")

    assert (wrong.code, told.code) == (2, 0)
    assert "next    " in wrong.err
    assert all(part in told.out for part in ("Examples:", "Exit codes:", "Page: docs/commands.md"))
    assert told.err == ""


@pytest.mark.parametrize("name", [name for name, command in commands() if " 4 not found" in command.epilog
                                  and any("--data-dir" in one.opts for one in command.params)])
def test_every_reading_command_ends_with_4_where_nothing_was_collected(name, tmp_path):
    """UX-47: the code, and how to collect."""
    words = {"query": ["SELECT 1"], "show": ["x", "y"] if "files" in name else ["x"],
             "replay": ["x", "y"] if "files" in name else ["--all"]}.get(name.split()[-1], [])

    answer = aurora_logs(*name.split()[1:], *words, "--data-dir", tmp_path / "none")

    assert answer.code == (4 if name != "aurora-logs run" else answer.code)
    assert "aurora-logs run" in answer.err or name == "aurora-logs run"


@pytest.mark.parametrize("name", [name for name, command in commands() if " 7 down" in command.epilog
                                  and name.split()[1] in ("run", "tail", "dump")])
def test_every_command_that_asks_rds_ends_with_7_where_nobody_answers(name, simulator, tmp_path):
    """UX-47: 7 is for a command whose own single dependency is down."""
    words = {"run": ["--once"], "tail": ["shop-1", "--direct"], "dump": ["shop-1", "error/x.log"]}[name.split()[1]]

    answer = aurora_logs(*name.split()[1:], *words, env=simulator.env(tmp_path) | {"AWS_ENDPOINT_URL_RDS": "http://127.0.0.1:9"})

    assert answer.code == 7
    assert "127.0.0.1:9" in answer.err


def test_programs_of_the_examples_are_there():
    """Examples with pipes need no more than every machine has."""
    programs = {word for line in examples() for word in re.findall(r"(?:^|\| )([a-z-]+)", line)}

    assert programs <= {"aurora-logs", "zcat", "head"}
    assert all(shutil.which(word) for word in programs - {"aurora-logs"})


def test_markup_in_a_help_is_shown_as_it_stands():
    """UX-72: typer's rich mode would swallow the brackets."""
    told = aurora_logs("dlq", "replay", "--help").out

    assert "[ID...]" in told
    assert "[env var: DATA_DIR]" in told
