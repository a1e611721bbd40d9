"""The reading commands and `dlq replay` beside a running collector; forms of output; what a terminal gets.

Cases: UX-36..46, UX-80..86, SEC-28, issue "CLI" and "Embedded".
"""

import csv
import io
import json
import re
import subprocess

import pytest
from tests.acceptance.cli_world import PROGRAM, WITHIN_SEC, aurora_logs, collecting, eventually
from tests.acceptance.pseudo_terminal import on_terminal, what_acts

LISTS = [("health",), ("instances", "list"), ("files", "list"), ("checkpoints", "list"), ("gaps", "list"), ("dlq", "list"),
         ("top", "queries"), ("search", "--limit", "5"), ("config", "show")]
OTHERS = [("query", "SELECT count(*) AS n FROM aurora_slowquery_logs"), ("doctor",),
          ("files", "show", "billing", "slowquery/mysql-slowquery.log"),
          ("tail", "shop-1", "--direct", "-n", "2"), ("dump", "billing", "error/mysql-error-running.log"),
          ("dlq", "replay", "--all", "--yes")]
RFC3339_Z = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.mark.parametrize("words", [*LISTS, *OTHERS], ids=" ".join)
def test_every_reading_command_works_beside_a_running_collector(world, words):
    env, process = world

    answer = aurora_logs(*words, env=env)

    assert answer.code in ((0, 8) if words == ("health",) else (0,)), answer.err
    assert process.poll() is None


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_json_is_one_envelope_and_ndjson_its_items(world, words):
    """UX-39, UX-40."""
    env, _ = world

    whole = json.loads(aurora_logs(*words, "-o", "json", env=env).out)
    rows = aurora_logs(*words, "-o", "ndjson", env=env).rows

    assert list(whole)[:4] == ["schema_version", "kind", "items", "unknown"]
    assert whole["schema_version"] == 1
    assert [set(item) for item in whole["items"]] == [set(row) for row in rows]
    for row in rows:
        times = [value for name, value in row.items() if name.endswith("_at") or name in ("last_written", "time", "first_seen")]
        assert all(value is None or RFC3339_Z.fullmatch(value) for value in times), row


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_tables_and_names_and_csv_have_the_same_lines(world, words):
    """UX-38: piped tables are never cut, so that every name stands whole in its line."""
    env, _ = world

    names = aurora_logs(*words, "-o", "name", env=env).out.splitlines()
    table = aurora_logs(*words, env=env).out.splitlines()
    wide = aurora_logs(*words, "-o", "wide", env=env).out.splitlines()
    rows = list(csv.reader(io.StringIO(aurora_logs(*words, "-o", "csv", env=env).out)))

    assert len(rows) == len(names) + 1
    if names:
        assert len(table) == len(wide) == len(names) + 1
        assert "…" not in "\n".join(table)
        if words[0] not in ("search", "files"):
            assert [line.split("  ")[0] for line in wide[1:]] == [name.split(" ")[0] for name in names]


def test_what_dead_letters_cover_is_delivered_after_a_replay(simulator, tmp_path):
    """RUN-52, RUN-53, NAM-23: the range alone is read again; the letter closes only after delivery; twice is harmless."""
    env = simulator.env(tmp_path, DISCOVERY_INTERVAL_SEC="1")
    with simulator.with_two_lines_refused("billing"):
        aurora_logs("run", "--once", "--instance", "billing", env=env)
    count = "SELECT count(*) AS n, count(DISTINCT record_id) AS ids FROM aurora_slowquery_logs"
    letters = aurora_logs("dlq", "list", "-o", "ndjson", env=env).rows
    before = aurora_logs("query", count, "-o", "ndjson", env=env).rows[0]
    shown = json.loads(aurora_logs("dlq", "show", letters[0]["message_id"][:6], "-o", "json", env=env).out)["items"][0]
    plan = aurora_logs("dlq", "replay", "--all", "--dry-run", env=env)

    with collecting(env, tmp_path, "--instance", "billing"):
        done = aurora_logs("dlq", "replay", *(one["message_id"] for one in letters), "--yes", "--reason", "cured",
                           "-o", "ndjson", env=env)
        twice = aurora_logs("dlq", "replay", "--all", "--yes", env=env)
        closed = eventually(lambda: not aurora_logs("dlq", "list", "-o", "name", env=env).out)

    after = aurora_logs("query", count, "-o", "ndjson", env=env).rows[0]
    assert len(letters) == 2
    assert {one["reason"] for one in letters} == {"unreadable"}
    assert shown["message_id"] == letters[0]["message_id"]
    assert json.loads(shown["original_message"])["instance_id"] == "billing"
    assert plan.code == 0
    assert "no record will be shown twice" in plan.err
    assert [row["outcome"] for row in done.rows] == ["queued", "queued"]
    assert twice.code == 0
    assert closed
    assert after["n"] == after["ids"]
    assert after["n"] >= before["n"]
    journal = [json.loads(line) for line in (tmp_path / "operations.ndjson").read_text().splitlines()]
    assert journal[0]["reason"] == "cured"


def test_a_replay_that_nobody_confirms_is_refused(simulator, world):
    """UX-56."""
    env, _ = world
    answer = aurora_logs("dlq", "replay", "--all", env=env)

    assert answer.code in (0, 2)  # 0: all letters were replayed by now
    assert "--yes" in answer.err or "already done" in answer.err


def test_the_delivered_records_are_found_by_text_type_and_user(world):
    """UX-33."""
    env, _ = world
    one = aurora_logs("query", "SELECT user_name, db_query_text FROM aurora_slowquery_logs WHERE length(db_query_text) > 30"
                      " LIMIT 1", "-o", "ndjson", env=env).rows[0]

    found = aurora_logs("search", one["db_query_text"][5:25], "--type", "slowquery", "--user", one["user_name"],
                        "--since", "7d", "-o", "ndjson", env=env)

    assert found.code == 0
    assert one["db_query_text"] in [row["text"] for row in found.rows]
    assert {row["user_name"] for row in found.rows} == {one["user_name"]}
    assert aurora_logs("search", "it's not there \" ' -- ;", env=env).err == "nothing found\n"


def test_the_ranking_is_that_of_the_stored_statements(world):
    env, _ = world
    truth = aurora_logs("query", "SELECT count(*) AS n, sum(duration_sec) AS total FROM aurora_slowquery_logs WHERE"
                        " db_query_text IS NOT NULL AND instance_id = 'billing'", "-o", "ndjson", env=env).rows[0]

    for by in ("statement", "instance", "database"):
        rows = aurora_logs("top", "queries", "--instance", "billing", "--by", by, "--limit", "100000", "-o", "ndjson",
                           env=env).rows

        assert sum(row["count"] for row in rows) == truth["n"]
        assert abs(sum(row["total_sec"] for row in rows) - truth["total"]) < 1e-3
        assert [row["total_sec"] for row in rows] == sorted((row["total_sec"] for row in rows), reverse=True)
        assert all(row["p50_sec"] <= row["p95_sec"] <= row["p99_sec"] <= row["max_sec"] for row in rows)


def test_a_dump_of_raw_bytes_is_the_file(simulator, world):
    """By both doors; billing has lines that portions can't carry."""
    env, _ = world
    name = "error/mysql-error-running.log"
    listed = aurora_logs("files", "show", "shop-1", name, "-o", "json", env=env).items[0]

    done = subprocess.run([PROGRAM, "dump", "shop-1", name, "-o", "raw"], capture_output=True, env=env, check=True)
    with simulator.with_fault("complete_forbidden", instance="shop-1"):
        portions = subprocess.run([PROGRAM, "dump", "shop-1", name, "-o", "raw"], capture_output=True, env=env, check=True)

    assert len(done.stdout) == listed["file_size"]
    assert portions.stdout == done.stdout


def test_a_query_cannot_touch_anything_else(world):
    """UX-33: no other file, no network, no extension, one statement that reads."""
    env, _ = world
    for sql in ("SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "SELECT * FROM glob('/*')",
                "SELECT * FROM read_text('state.sqlite3')", "SELECT * FROM 'http://127.0.0.1:9/x.parquet'", "LOAD httpfs",
                "SET enable_external_access = true", "PRAGMA version", "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'", "EXPORT DATABASE 'x'", "COPY (SELECT 1) TO 'x.csv'", "ATTACH 'x.db'", "INSTALL httpfs",
                "CREATE TABLE t (a INT)", "SELECT getenv('HOME')", "SELECT 1; SELECT 2"):
        answer = aurora_logs("query", sql, env=env)

        assert answer.code == 2, sql
        assert answer.out == ""


def test_a_query_beyond_its_time_ends_with_7(world):
    env, _ = world
    answer = aurora_logs("query", "SELECT count(*) FROM range(100000000000) a, range(1000) b", "--timeout", "0.3", env=env)

    assert answer.code == 7
    assert "longer than 0.3 s" in answer.err


def test_rows_beyond_the_limit_are_told(world):
    env, _ = world
    answer = aurora_logs("query", "SELECT * FROM range(10)", "--limit", "3", "-o", "ndjson", env=env)

    assert len(answer.rows) == 3
    assert "more than 3 rows" in answer.err


def test_a_reader_that_goes_away_ends_a_command_in_silence(world):
    """UX-45."""
    env, _ = world
    process = subprocess.Popen([PROGRAM, "query", "SELECT * FROM range(300000)", "-o", "ndjson"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=env)
    assert process.stdout.readline()
    process.stdout.close()

    assert process.wait(WITHIN_SEC) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


HOSTILE = "chr(27) || ']52;c;x' || chr(7) || chr(155) || '2J' || chr(8238) || 'abc' || chr(8203) || chr(13) || '=1+1'"


@pytest.mark.parametrize("form", ["table", "wide", "json", "ndjson", "yaml", "csv", "name"])
def test_nothing_of_a_record_acts_on_a_terminal(world, form):
    """UX-81, UX-85, UX-89: through a real terminal, no escape, no C1, no bidi control of the data's."""
    env, _ = world

    code, seen = on_terminal(["query", f"SELECT {HOSTILE} AS text", "-o", form], env)

    assert code == 0
    assert "abc" in seen
    assert what_acts(seen) == []


@pytest.mark.parametrize("words", [("dump", "billing", "error/mysql-error-running.log"), ("tail", "billing", "--direct")],
                         ids=" ".join)
def test_raw_bytes_refuse_a_terminal(world, words):
    """UX-84."""
    env, _ = world

    code, seen = on_terminal([*words, "-o", "raw"], env)

    assert code == 2
    assert "| less" in seen
