"""GATE-16: a thousand hostile payloads, in every place that others write, through a real terminal and every table.

Cases: UX-80..89, SEC-28, SEC-30, SEC-31.
"""

import csv
import io
import subprocess

import msgspec
import pytest
from rich.cells import cell_len
from tests.acceptance.cli_world import aurora_logs, environment
from tests.acceptance.pseudo_terminal import OWN_ESCAPES, on_terminal, what_acts
from tests.hostile import payloads

from aurora_logs.adapters.embedded.directory import open_beside
from aurora_logs.adapters.embedded.state_store import SqliteStateStore
from aurora_logs.records.fleet import Instance, TrackedInstance
from aurora_logs.records.flow import DeadLetter

SLOW = b"""# Time: 2026-11-24T03:00:00.021059Z
# User@Host: %b[%b] @ %b [10.0.0.1]  Id:  7
# Query_time: 0.927049  Lock_time: 0.000274 Rows_sent: 1  Rows_examined: 10
SET timestamp=1795489199;
SELECT '%b' FROM t%d;
"""
PG = b"2026-11-24 03:00:00 UTC:10.0.0.1(5432):%b@shop:[7]:ERROR:  %b\n2026-11-24 03:00:00 UTC:10.0.0.1(5432):app@shop:[7]:DETAIL:  %b\n"
FIND = "SELECT instance_id, user_name, body, db_query_text, pg_detail, 7 AS n FROM aurora_{}_logs"
COMMANDS = [
    ("health", "-o", "wide"), ("instances", "list", "-o", "wide"), ("files", "list", "-o", "wide"),
    ("checkpoints", "list", "-o", "wide"), ("gaps", "list", "-o", "wide"), ("dlq", "list", "-o", "wide"),
    ("dlq", "show", "letter-0"), ("dlq", "replay", "--all", "--dry-run"), ("top", "queries", "--limit", "2000", "-o", "wide"),
    ("top", "queries", "--by", "instance"), ("search", "--limit", "5000", "-o", "wide"), ("search", "--limit", "5000", "-o", "csv"),
    ("search", "--limit", "5000", "-o", "json"), ("search", "--limit", "5000", "-o", "yaml"), ("search", "--limit", "5000", "-q"),
    ("query", FIND.format("slowquery").replace("pg_detail, ", ""), "--limit", "5000"),
    ("query", FIND.format("postgresql"), "--limit", "5000"),
    ("tail", "mysql", "--direct", "-n", "1000"), ("tail", "pg", "--direct", "-n", "1000", "--highlight", "."),
    ("tail", "mysql", "--direct", "-n", "1000", "-o", "json"), ("tail", "mysql", "--direct", "-n", "100", "-o", "extjson"),
    ("dump", "mysql", "slowquery/mysql-slowquery.log"), ("dump", "pg", "error/postgresql.log.2026-11-24-03"), ("doctor",),
]


def one_word(text):
    """A payload where a log line has one word; the file holds its bytes, lone surrogates too."""
    return text.replace("\n", "").replace("[", "").replace("@", "").replace(" ", "").encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Logs full of payloads, collected; and rows of the state that hold payloads as names and errors."""
    folder = tmp_path_factory.mktemp("hostile")
    texts = payloads()
    logs = {"mysql/slowquery/mysql-slowquery.log": b"".join(
        SLOW % (one_word(text), one_word(text), one_word(text), text.encode("utf-8", "surrogatepass"), number)
        for number, text in enumerate(texts)),
        "pg/error/postgresql.log.2026-11-24-03": b"".join(
        PG % (one_word(text), text.replace("\n", "\n\t").encode("utf-8", "surrogatepass"), one_word(text)) for text in texts)}
    for name, content in logs.items():
        path = folder / "logs" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    env = environment(SOURCE_BACKEND="folder", SOURCE_DIR=str(folder / "logs"), DATA_DIR=str(folder / "data"),
                      BATCH_TIMEOUT_SEC="0", NO_COLOR=None)
    done = aurora_logs("run", "--once", env=env)
    assert done.code == 0, done.err
    plant(folder / "data", texts)
    return env


def plant(data_dir, texts):
    """Write payloads where only discovery and processors write: names, errors, excerpts."""
    database = open_beside(data_dir)
    state = SqliteStateStore(database)
    for text in ("x; touch planted", "$(touch planted)", "`touch planted`", "x\ntouch planted", "'; touch planted; '"):
        state.save_instance(TrackedInstance(instance=Instance(instance_id=text, resource_id="r")))
    pg = next(row for row in state.tracked("pg"))
    for number, text in enumerate(texts[:200]):
        safe = text.encode("utf-8", "replace").decode()
        state.save_instance(TrackedInstance(instance=Instance(
            instance_id=f"{safe}{number}", resource_id="r", cluster_id=safe, engine="mysql", engine_version=safe), error=safe))
        state.see(msgspec.structs.replace(pg, instance_id=f"{safe}{number}", log_file_name=f"error/{safe}", error=safe, family=safe))
        state.bury(DeadLetter(
            message_id=f"letter-{number}", instance_id=f"{safe}{number}", log_file_name=safe, cluster_id="", log_type="error",
            resource_id="r", segment_id=safe, reason=safe, error=safe, failed_at=1, retry_count=0, from_position=0, to_position=9,
            excerpt=safe, original_message=safe, is_gap=number % 2 == 1))
    database.close()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_nothing_that_others_wrote_acts_on_the_terminal(hostile, words):
    """UX-80, UX-81, UX-83, UX-85, UX-89, SEC-30, SEC-31: no escape but our own, in colours as well."""
    code, seen = on_terminal(words, hostile, columns=100)

    assert code in (0, 8), seen
    assert what_acts(seen) == []
    assert len(seen) > 200


@pytest.mark.parametrize("stream", ["slowquery", "postgresql"])
def test_no_payload_shifts_a_column(hostile, stream):
    """UX-82, UX-89: the number in the last column ends at the same place of each line."""
    sql = FIND.format(stream) if stream == "postgresql" else FIND.format(stream).replace("pg_detail, ", "")

    _, seen = on_terminal(["query", sql, "--limit", "5000"], hostile, columns=200)

    lines = [OWN_ESCAPES.sub("", line) for line in seen.splitlines() if line.endswith("7")]
    assert len(lines) == 1_000
    assert len({cell_len(line) for line in lines}) == 1


def test_no_cell_of_a_csv_file_is_a_formula(hostile):
    """UX-86, SEC-28: in names as in text, and each field is quoted."""
    for words in (("search", "--limit", "5000"), ("instances", "list"), ("gaps", "list"), ("top", "queries", "--limit", "2000")):
        out = aurora_logs(*words, "-o", "csv", env=hostile).out

        rows = list(csv.reader(io.StringIO(out)))
        assert len(rows) > 90
        assert [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r")] == []
        assert all(line.startswith('"') and line.endswith('"') for line in out.splitlines())


def test_parse_and_its_errors_are_as_careful(hostile, tmp_path):
    """UX-80: a file's name is the text of others too."""
    name = tmp_path / "x\x1b[2J\u202e\x9b.log"
    name.write_bytes(SLOW % (b"\x1b[2J", b"a", b"b", b"\x1b]0;x\x07", 1) * 5)

    for words in (("parse", name), ("parse", name, "-o", "ndjson"), ("parse", f"{name}2"), ("parse", name, "--explain"),
                  ("files", "list", "--instance", "\x1b[2J"), ("query", "SELECT '\x1b[2J' FROM nowhere"), ("\x1b[2J",)):
        _, seen = on_terminal(words, hostile)

        assert what_acts(seen) == [], words


def test_who_pastes_the_next_command_of_a_hostile_name_runs_that_command_alone(hostile, tmp_path):
    """UX-50, UX-83: names are quoted for the shell."""
    told = aurora_logs("health", env=hostile).err

    steps = [line.removeprefix("  next    ") for line in told.splitlines() if line.startswith("  next    ")]
    named = [step for step in steps if "run --once --instance" in step]
    assert len(named) == 5
    assert "touch planted" not in {line.strip("' ") for line in told.splitlines()}
    for step in named:
        subprocess.run(["bash", "-c", step.replace("aurora-logs", "echo", 1)], cwd=tmp_path, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == []
