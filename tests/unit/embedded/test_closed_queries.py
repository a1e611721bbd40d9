"""A query touches the listed files and nothing else: no other file, no network, no setting, no variable of ours."""

import getpass
import http.server
import os
import subprocess
import sys
import threading

import duckdb
import pytest
from tests.contracts.samples import CountedRandom, a_batch

from aurora_logs.adapters.embedded import insights as module
from aurora_logs.adapters.embedded.batch_files import stream_files
from aurora_logs.adapters.embedded.compaction import compact
from aurora_logs.adapters.embedded.directory import open_for_collecting
from aurora_logs.adapters.embedded.insights import DuckDbInsights
from aurora_logs.adapters.embedded.sink import FileSink
from aurora_logs.errors import Permanent, Unreachable

SLOW = "aurora_slowquery_logs"


@pytest.fixture
def directory(tmp_path):
    with open_for_collecting(tmp_path / "data [a]*'?") as collecting:
        sink = FileSink(collecting.directory, CountedRandom())
        sink.ship(a_batch([0, 10]), a_batch([0, 10]).lines)
        compact(collecting.directory, after_bytes=0, older_than_sec=0)
        sink.ship(a_batch([20]), a_batch([20]).lines)
        yield collecting.directory


def ask(directory, sql, **limits):
    return DuckDbInsights(directory).query(sql, **{"limit_sec": 30, "max_rows": 100} | limits).rows


def test_a_data_directory_with_signs_of_patterns_in_its_name_is_read(directory):
    assert ask(directory, f"SELECT count(*) FROM {SLOW}") == [(3,)]


FORBIDDEN = {
    "read_csv": "SELECT * FROM read_csv('{secret}')",
    "a file as a table": "SELECT * FROM '{secret}'",
    "read_text": "SELECT * FROM read_text('{secret}')",
    "read_blob": "SELECT * FROM read_blob('{secret}')",
    "read_json": "SELECT * FROM read_json_objects('{secret}')",
    "read_parquet": "SELECT * FROM read_parquet('{secret}')",
    "sniff_csv": "SELECT * FROM sniff_csv('{secret}')",
    "glob": "SELECT * FROM glob('{folder}/*')",
    "a neighbour of our files": "SELECT * FROM read_text('{data}/state.sqlite3')",
    "up and down again": "SELECT * FROM read_text('{data}/batches/../../secret.csv')",
    "query inside a query": "SELECT * FROM query('SELECT * FROM read_csv(''{secret}'')')",
    "serialised": "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{secret}'')'))",
    "ATTACH": "ATTACH '{folder}/x.db'",
    "COPY TO": "COPY (SELECT 1) TO '{folder}/written.csv'",
    "COPY TO over a listed file": "COPY (SELECT 1) TO '{listed}' (FORMAT csv)",
    "EXPLAIN ANALYZE COPY": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/written.csv'",
    "EXPLAIN ANALYZE COPY over a listed file": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{listed}' (FORMAT csv)",
    "EXPLAIN ANALYZE COPY in place": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{listed}' (FORMAT csv, USE_TMP_FILE false)",
    "a comment before it": "/* x */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{listed}' (FORMAT csv, USE_TMP_FILE false)",
    "a comment inside it": "EXPLAIN -- x\n ANALYZE COPY (SELECT 1) TO '{listed}' (FORMAT csv, USE_TMP_FILE false)",
    "EXPLAIN with options": "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{listed}' (FORMAT csv, USE_TMP_FILE false)",
    "EXPLAIN in EXPLAIN": "EXPLAIN EXPLAIN ANALYZE COPY (SELECT 1) TO '{listed}' (FORMAT csv, USE_TMP_FILE false)",
    "EXPORT": "EXPORT DATABASE '{folder}/written'",
    "INSTALL": "INSTALL httpfs",
    "LOAD": "LOAD httpfs",
    "network": "SELECT * FROM read_csv('http://127.0.0.1:{port}/x.csv')",
    "getenv": "SELECT getenv('PATH')",
    "SET": "SET memory_limit = '100GB'",
    "PRAGMA": "PRAGMA enable_external_access = true",
    "RESET": "RESET enable_external_access",
    "CALL": "CALL enable_logging(storage_path = '{folder}/written')",
    "a secret": "CREATE SECRET s (TYPE s3)",
}


@pytest.mark.parametrize("way", FORBIDDEN)
def test_no_way_leads_out_of_the_streams(directory, tmp_path, way):
    secret = tmp_path / "secret.csv"
    secret.write_text("name,value\nplanted_secret,1\n")
    listed = next((directory.batches / SLOW).iterdir())
    before = listed.read_bytes()
    server, asked = _listening()
    names = {"secret": secret, "folder": tmp_path, "data": str(directory.path).replace("'", "''"),
             "listed": str(listed).replace("'", "''"), "port": server.server_port}
    files = {str(path) for path in tmp_path.rglob("*")}
    try:
        with pytest.raises(Permanent) as caught:
            ask(directory, FORBIDDEN[way].format(**names))
    finally:
        server.shutdown()
        server.server_close()

    assert "planted_secret" not in str(caught.value)
    assert asked == []
    assert {str(path) for path in tmp_path.rglob("*")} == files
    assert listed.read_bytes() == before
    assert ask(directory, f"SELECT count(*) FROM {SLOW}") == [(3,)]


def test_no_setting_of_a_closed_connection_can_be_changed(directory):
    with duckdb.connect() as connection:
        module._open_streams(connection, {"slowquery": stream_files(directory, SLOW)})
        for setting in ("memory_limit = '100GB'", "enable_external_access = true", "allowed_paths = ['/etc/passwd']"):
            with pytest.raises(duckdb.Error, match="Cannot change"):
                connection.execute(f"SET {setting}")


def _listening():
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 -- the name that http.server asks for

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server, asked


@pytest.mark.parametrize("sql", [
    f"SELECT * FROM {SLOW}", f"FROM {SLOW}", f"WITH a AS (SELECT * FROM {SLOW}) SELECT count(*) FROM a", "VALUES (1)",
    f"DESCRIBE {SLOW}", "SHOW TABLES", "SHOW ALL TABLES", f"SUMMARIZE SELECT duration_sec FROM {SLOW}",
    f"EXPLAIN SELECT * FROM {SLOW}", f"EXPLAIN ANALYZE SELECT * FROM {SLOW}", "SELECT 1;", "-- a comment\nSELECT 1"])
def test_everything_that_only_reads_is_answered(directory, sql):
    assert ask(directory, sql)


def test_times_with_a_zone_need_no_library(directory):
    rows = ask(directory, f'SELECT to_timestamp(_timestamp / 1e6) AS t, 1 AS "a""b" FROM {SLOW} ORDER BY 1 LIMIT 1;')

    assert rows[0][0].startswith("2026-11-22 ")


def test_no_file_is_left_behind(directory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {str(path) for path in tmp_path.rglob("*")}
    ask(directory, f"SELECT a.record_id, count(*) FROM {SLOW} a, range(100000) GROUP BY 1 ORDER BY 2")

    assert {str(path) for path in tmp_path.rglob("*")} == before


def test_a_file_that_compaction_removed_meanwhile_is_no_error(directory, monkeypatch):
    """Listed, then gone before it is read: the question is asked again over the new files."""
    original, looks = module.stream_files, []

    def listed_then_compacted(where, stream):
        files = original(where, stream)
        looks.append(stream)
        if looks.count(SLOW) == 1 and stream == SLOW:
            compact(directory, after_bytes=0, older_than_sec=0)
        return files

    monkeypatch.setattr(module, "stream_files", listed_then_compacted)

    assert ask(directory, f"SELECT count(*) FROM {SLOW}") == [(3,)]
    assert looks.count(SLOW) == 2


def test_files_that_never_hold_still_are_told(directory, monkeypatch):
    original = module.stream_files

    def with_a_ghost(where, stream):
        files = original(where, stream)
        files.batches.append(where.batches / SLOW / "ghost.ndjson")
        return files

    monkeypatch.setattr(module, "stream_files", with_a_ghost)
    with pytest.raises(Unreachable, match="changed too often"):
        ask(directory, f"SELECT count(*) FROM {SLOW}")


def test_the_collecting_process_does_not_load_duckdb():
    """Its memory is bounded at 128 MiB; DuckDB alone takes about 60."""
    code = ("import sys\nimport aurora_logs.adapters.embedded.sink, aurora_logs.adapters.embedded.compaction\n"
            "import aurora_logs.adapters.embedded.insights, aurora_logs.adapters.embedded.state_store\n"
            "sys.exit('duckdb' in sys.modules)")

    assert subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ}).returncode == 0


def test_a_message_of_duckdb_is_short_and_names_no_person(directory):
    with pytest.raises(Permanent) as caught:
        ask(directory, "INSTALL httpfs")

    assert len(str(caught.value)) < 600
    assert getpass.getuser() == "root" or getpass.getuser() not in str(caught.value)
