"""`parse` and `top --file`: a file and nothing else (UX-13, UX-21, UX-26)."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.acceptance.cli_world import PROGRAM, aurora_logs, environment

MEASURE = Path(__file__).parents[2] / "benchmarks" / "measure.py"
ENTRY = """# Time: 2026-11-24T03:00:0{0}.021059Z
# User@Host: app[app] @  [10.0.0.1]  Id:  7
# Query_time: 0.9{0}7049  Lock_time: 0.000274 Rows_sent: 1  Rows_examined: 10
SET timestamp=179548919{0};
SELECT * FROM t WHERE id = {0};
"""
SLOW = "".join(ENTRY.format(number) for number in range(9))
PG = '2026-11-24 03:00:00 UTC:10.0.0.1(5432):app@shop:[7]:ERROR:  relation "nowhere" does not exist at character 15\n'


@pytest.fixture
def slow(tmp_path):
    (tmp_path / "slow.log").write_text(SLOW)
    return tmp_path / "slow.log"


def test_the_format_is_found_and_named_and_the_statements_are_ranked(slow):
    answer = aurora_logs("parse", slow)

    assert answer.code == 0
    assert answer.err.splitlines()[:2] == [f"{slow}: mysql_slow, by its content, 95% sure", f"{slow}: 9 entries, 1.9 kB, all understood"]
    head, line = answer.out.splitlines()
    assert head.split()[:3] == ["FINGERPRINT", "COUNT", "TOTAL"]
    assert line.split()[:2] == ["456beb5025043f5d", "9"]
    assert answer.err.splitlines()[-1] == f"next: aurora-logs parse {slow} -o ndjson"


def test_records_are_printed_as_they_would_be_delivered(slow):
    rows = aurora_logs("parse", slow, "-o", "ndjson", "--instance", "db-7").rows

    assert [row["db_query_text"] for row in rows] == [f"SELECT * FROM t WHERE id = {number}" for number in range(9)]
    assert {row["instance_id"] for row in rows} == {"db-7"}
    assert sum(row["log_record_bytes"] for row in rows) == len(SLOW)


def test_all_doors_give_the_same_records(slow, tmp_path):
    """A file, standard input, gzip, a folder, and a compressed output."""
    whole = aurora_logs("parse", slow, "-o", "ndjson").out
    packed = tmp_path / "logs" / "slowquery" / "mysql-slowquery.log.gz"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(gzip.compress(SLOW.encode()))
    out = tmp_path / "out.gz"

    def unnamed(text):
        return [{name: value for name, value in json.loads(line).items() if name not in ("log_file_name", "record_id")}
                for line in text.splitlines()]

    assert unnamed(aurora_logs("parse", "-", "-o", "ndjson", stdin=SLOW).out) == unnamed(whole)
    assert unnamed(aurora_logs("parse", packed, "-o", "ndjson").out) == unnamed(whole)
    assert unnamed(aurora_logs("parse", tmp_path / "logs", "-o", "ndjson").out) == unnamed(whole)
    assert aurora_logs("parse", slow, "-o", "ndjson", "--gzip", "--to", out).out == ""
    assert gzip.decompress(out.read_bytes()).decode() == whole
    assert out.read_bytes()[4:8] == bytes(4)  # no time: same input, same bytes


def test_several_files_are_read_and_one_that_is_none_stops_no_other(slow, tmp_path):
    (tmp_path / "binary").write_bytes(bytes(range(32)) * 300)
    (tmp_path / "error.txt").write_text(PG * 3)

    answer = aurora_logs("parse", slow, tmp_path / "binary", tmp_path / "missing", tmp_path / "error.txt")

    assert answer.code == 3
    assert f"error: {tmp_path}/binary is a binary file" in answer.err
    assert f"error: no file {tmp_path}/missing" in answer.err
    assert "456beb5025043f5d" in answer.out
    assert "ERROR" in answer.out


@pytest.mark.parametrize("content", [bytes(range(32)) * 300, b"\x7fELF" + bytes(1000)], ids=["control bytes", "program"])
def test_a_binary_file_is_told_as_one(tmp_path, content):
    (tmp_path / "thing").write_bytes(content)

    answer = aurora_logs("parse", tmp_path / "thing")

    assert answer.code == 2
    assert "is a binary file" in answer.err
    assert "--format" in answer.err
    assert answer.out == ""


def test_a_damaged_gzip_file_is_told_and_what_was_read_is_shown(tmp_path):
    path = tmp_path / "mysql-slowquery.log.gz"
    path.write_bytes(gzip.compress(SLOW.encode() * 500)[:-20])

    answer = aurora_logs("parse", path)

    assert answer.code == 7
    assert "damaged or not complete" in answer.err


def test_why_a_file_has_its_format_is_explained(slow):
    answer = aurora_logs("parse", slow, "--explain", "-o", "json")

    first = answer.items[0]
    assert (first["format"], first["chosen"], first["by_name"]) == ("mysql_slow", True, False)


def test_credentials_do_not_leave_the_parser(tmp_path):
    """SEC-12."""
    (tmp_path / "slow.log").write_text(SLOW.replace("SELECT * FROM t WHERE id = 3", "CREATE USER u IDENTIFIED BY 'hunter2'"))

    for words in (("-o", "ndjson"), (), ("-o", "json"), ("-o", "csv")):
        assert "hunter2" not in aurora_logs("parse", tmp_path / "slow.log", *words).out
    assert "hunter2" in aurora_logs("parse", tmp_path / "slow.log", "-o", "ndjson", "--redaction", "off").out


def test_top_queries_of_a_file_needs_no_state(slow, tmp_path):
    """UX-34."""
    answer = aurora_logs("top", "queries", "--file", slow, "-o", "ndjson", env=environment(DATA_DIR=str(tmp_path / "none")))

    assert [(row["group"], row["count"]) for row in answer.rows] == [("456beb5025043f5d", 9)]
    assert not (tmp_path / "none").exists()


def test_memory_stays_bounded_whatever_the_file_holds(tmp_path):
    """A line of 50 MB: at most 128 MiB resident (issue, "done" 5)."""
    path = tmp_path / "slow.log"
    path.write_text(SLOW + ENTRY.format(1).replace("id = 1", f"id = '{'x' * 50_000_000}'") + SLOW)
    out = tmp_path / "out"

    # a small process starts it: Linux counts the pages of whoever forks as the child's first resident size
    cost = subprocess.run([sys.executable, "-I", "-S", MEASURE, str(min(os.sched_getaffinity(0))), out, PROGRAM, "parse", path,
                           "-o", "ndjson"], capture_output=True, text=True, env=environment(), check=True).stdout.split()

    records = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert cost[3] == "0"
    assert len(records) == 19
    assert sum(record["log_record_bytes"] for record in records) == path.stat().st_size
    assert records[9]["truncated"] is True
    assert int(cost[2]) <= 128 * 1024, f"{cost[2]} KiB resident"
