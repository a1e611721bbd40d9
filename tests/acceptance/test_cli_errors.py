"""What goes wrong is told: what, where, why, the next step; one bad instance stops no other; never a traceback.

Cases: issue "Errors", UX-47..53, REL-49..51, RDS-15.
"""

import contextlib
import ctypes
import json
import os
import resource
import sqlite3
import subprocess

import pytest
from tests.acceptance.cli_world import KEYS, PROGRAM, Simulator, aurora_logs, collecting, environment, eventually

from aurora_logs.adapters.embedded.database import SCHEMA_VERSION, USER_VERSION_POSITION

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, linux/capability.h
SLOW_ENTRY = """# Time: 2026-11-24T03:00:00.021059Z
# User@Host: app[app] @  [10.0.0.1]  Id:  7
# Query_time: 0.927049  Lock_time: 0.000274 Rows_sent: 1  Rows_examined: 10
SET timestamp=1795489199;
SELECT 1 FROM t WHERE id = 2;
"""


def test_without_credentials_the_settings_that_are_missing_are_named(tmp_path):
    env = environment(AWS_REGION="eu-central-1", DATA_DIR=str(tmp_path), AWS_ENDPOINT_URL_RDS="http://127.0.0.1:9")

    answer = aurora_logs("run", "--once", env=env)

    assert answer.code == 2
    assert "No usable AWS credentials" in answer.err
    assert "next    set AWS_PROFILE" in answer.err


def test_without_a_region_the_variable_is_named(tmp_path):
    answer = aurora_logs("run", "--once", env=environment(**{**KEYS, "AWS_REGION": None}, DATA_DIR=str(tmp_path)))

    assert answer.code == 2
    assert "AWS_REGION" in answer.err


def test_wrong_keys_are_no_access(simulator, tmp_path):
    answer = aurora_logs("run", "--once", env=simulator.env(tmp_path) | {"AWS_SECRET_ACCESS_KEY": "wrong"})

    assert answer.code == 6
    assert "next    " in answer.err


def test_an_account_without_instances_is_told_with_the_next_step(tmp_path):
    empty = Simulator("--instances", "none")
    try:
        answer = aurora_logs("run", "--once", env=empty.env(tmp_path))
    finally:
        empty.close()

    assert answer.code == 4
    assert "has no instance whose logs can be read" in answer.err
    assert "aurora-logs doctor" in answer.err


def test_an_unknown_instance_is_answered_with_the_nearest_name(simulator, tmp_path):
    answer = aurora_logs("run", "--once", "--instance", "shop-11", env=simulator.env(tmp_path))

    assert answer.code == 4
    assert "no instance 'shop-11'; did you mean shop-1?" in answer.err


def test_permission_denied_on_one_instance_stops_no_other(simulator, tmp_path):
    """RDS-15: the others are delivered whole, the denied one is named with its action."""
    env = simulator.env(tmp_path)

    with simulator.with_fault("access_denied", instance="shop-2"):
        answer = aurora_logs("run", "--once", env=env)
        health = aurora_logs("health", "-o", "json", env=env)

    assert answer.code == 3
    assert "error: shop-2 is held" in answer.err
    assert "rds:DescribeDBLogFiles on db:shop-2" in answer.err
    assert "next    " in answer.err
    delivered = {row["instance_id"]: row for row in aurora_logs("instances", "list", "-o", "ndjson", env=env).rows}
    assert sorted(name for name, row in delivered.items() if row["records"]) == [
        "billing", "ledger-1", "ledger-2", "reports", "shop-1"]
    assert all(row["behind_bytes"] == 0 for row in delivered.values())
    assert health.code == 8


def test_a_denied_download_names_file_and_reason_and_stops_no_other(simulator, tmp_path):
    env = simulator.env(tmp_path)

    with simulator.with_fault("access_denied", instance="shop-1", operation="DownloadDBLogFilePortion"), \
            simulator.with_fault("complete_forbidden", instance="shop-1"):
        answer = aurora_logs("run", "--once", env=env)
        health = aurora_logs("health", "-o", "json", env=env)

    assert answer.code == 3
    assert "error: a file could not be read" in answer.err
    assert "where   shop-1  slowquery/mysql-slowquery.log" in answer.err
    assert "rds:DownloadDBLogFilePortion" in answer.err
    others = aurora_logs("instances", "list", "-o", "ndjson", env=env).rows
    assert all(row["behind_bytes"] == 0 for row in others if row["instance_id"] != "shop-1")
    assert health.code == 8
    assert any(one["what"].startswith("shop-1 ") for one in json.loads(health.out)["unknown"])


@pytest.mark.parametrize(("words", "named"), [
    (("files", "show", "shop-1", "slowquery/mysql-slow"), "slowquery/mysql-slowquery.log"),
    (("files", "show", "shop-9", "x"), "shop-"), (("files", "list", "--instance", "billin"), "billing"),
    (("dlq", "show", "abc"), "aurora-logs dlq list"), (("dlq", "replay", "abc", "--yes"), "aurora-logs dlq list"),
    (("dump", "shop-1", "slowquery/mysql-slow"), "slowquery/mysql-slowquery.log"),
    (("tail", "shop-9", "--direct"), "shop-"),
])
def test_what_is_not_there_is_answered_with_the_nearest(simulator, collected, words, named):
    answer = aurora_logs(*words, env=simulator.env(collected))

    assert answer.code == 4
    assert named in answer.err
    assert answer.out == ""


def test_a_data_directory_that_cannot_be_made_is_named(simulator):
    """/sys refuses even root."""
    answer = aurora_logs("run", "--once", "--data-dir", "/sys/aurora-logs", env=simulator.env("/sys/aurora-logs"))

    assert answer.code == 6
    assert "/sys/aurora-logs cannot be written" in answer.err
    assert "--data-dir" in answer.err


def test_a_file_in_the_place_of_the_data_directory_is_named(simulator, tmp_path):
    (tmp_path / "file").write_text("x")

    answer = aurora_logs("run", "--once", env=simulator.env(tmp_path / "file" / "data"))

    assert answer.code == 2
    assert f"{tmp_path}/file/data cannot be used as DATA_DIR" in answer.err


def test_a_source_folder_that_is_not_there_is_named(tmp_path):
    answer = aurora_logs("run", "--once", env=environment(SOURCE_BACKEND="folder", SOURCE_DIR=str(tmp_path / "none"),
                                                          DATA_DIR=str(tmp_path / "data")))

    assert answer.code == 2
    assert str(tmp_path / "none") in answer.err


def without_root_rights():
    """Root reads everything; a process whose bounding set lacks these two capabilities asks the mode bits as others do."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def test_an_unreadable_directory_is_named_and_stops_no_other(tmp_path):
    """One instance's folder can't be read: it is held with its path, the other one is delivered."""
    for name in ("open", "closed"):
        (tmp_path / "logs" / name / "slowquery").mkdir(parents=True)
        (tmp_path / "logs" / name / "slowquery" / "mysql-slowquery.log").write_text(SLOW_ENTRY)
    (tmp_path / "logs" / "closed" / "slowquery").chmod(0)
    env = environment(SOURCE_BACKEND="folder", SOURCE_DIR=str(tmp_path / "logs"), DATA_DIR=str(tmp_path / "data"),
                      BATCH_TIMEOUT_SEC="0", RETRY_BACKOFF_SEC="0.1")

    answer = aurora_logs("run", "--once", env=env, preexec_fn=without_root_rights)
    (tmp_path / "logs" / "closed" / "slowquery").chmod(0o700)

    assert answer.code == 3
    assert "error: closed is held" in answer.err
    assert str(tmp_path / "logs" / "closed" / "slowquery") in answer.err
    assert [row["n"] for row in aurora_logs("query", "SELECT count(*) AS n FROM aurora_slowquery_logs WHERE instance_id"
                                            " = 'open'", "-o", "ndjson", env=env).rows] == [1]


def test_a_directory_without_data_is_answered_with_how_to_collect(tmp_path):
    for words in (("health",), ("query", "SELECT 1"), ("files", "list"), ("top", "queries"), ("search", "x")):
        answer = aurora_logs(*words, "--data-dir", tmp_path / "nothing")

        assert answer.code == 4
        assert "next    collect first: aurora-logs run" in answer.err


def test_a_full_disk_stops_intake_and_recovers_by_itself(tmp_path):
    """REL-50: a limit on the size of files stands for a disk without room; it is taken away while the collector waits."""
    folder = tmp_path / "logs" / "db" / "slowquery"
    folder.mkdir(parents=True)
    long_entry = SLOW_ENTRY.replace("= 2", f"= '{'x' * 3_000}'")
    (folder / "mysql-slowquery.log").write_text(long_entry * 1_200)  # a batch holds what one portion gives: 1 MB
    env = environment(SOURCE_BACKEND="folder", SOURCE_DIR=str(tmp_path / "logs"), DATA_DIR=str(tmp_path / "data"),
                      BATCH_TIMEOUT_SEC="0", RETRY_BACKOFF_SEC="0.1")
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [PROGRAM, "run", "--once"], env=env, stdout=output, stderr=output,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, resource.RLIM_INFINITY)))  # noqa: PLW1509 - no thread of ours runs before
        told = eventually(lambda: "The disk is full" in log.read_text(), within_sec=20)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        code = process.wait(60)

    assert told, log.read_text()
    assert "free space in DATA_DIR" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert code == 0, log.read_text()
    assert aurora_logs("query", "SELECT count(*) AS n FROM aurora_slowquery_logs", "-o", "ndjson", env=env).rows == [
        {"n": 1_200}]


@pytest.mark.parametrize("words", [("run", "--once"), ("files", "list"), ("health",)], ids=" ".join)
def test_a_damaged_state_file_is_named_with_the_cure(simulator, tmp_path, words):
    """REL-49."""
    (tmp_path / "state.sqlite3").write_bytes(b"this is no database, and never was\n" * 200)

    answer = aurora_logs(*words, env=simulator.env(tmp_path))

    assert answer.code == 2
    assert "state.sqlite3" in answer.err
    assert "restore" in answer.err


def test_a_row_that_was_spoilt_by_hand_is_named_with_the_cure(simulator, tmp_path):
    """REL-49: not a bug of ours, and health says that it could not read it."""
    env = simulator.env(tmp_path)
    aurora_logs("run", "--once", "--instance", "reports", env=env)
    with contextlib.closing(sqlite3.connect(tmp_path / "state.sqlite3")) as state, state:
        state.execute("""UPDATE "aurora-log-checkpoints" SET intent = '{"id": 5'""")
        state.execute("""UPDATE "aurora-log-file-tracking" SET file_size = 'much'""")
        state.execute("""UPDATE "aurora-instance-metadata" SET updated_at = 'soon' WHERE instance_id = 'reports'""")

    for words in (("checkpoints", "list"), ("files", "list"), ("instances", "list")):
        answer = aurora_logs(*words, env=env)
        assert answer.code == 2
        assert "the row of reports" in answer.err
        assert "restore the state file" in answer.err
    assert aurora_logs("health", env=env).code == 8


def test_a_newer_state_is_refused_unchanged(simulator, tmp_path):
    """REL-51."""
    state = tmp_path / "state.sqlite3"
    aurora_logs("run", "--once", "--instance", "billing", env=simulator.env(tmp_path))
    content = bytearray(state.read_bytes())
    content[USER_VERSION_POSITION:USER_VERSION_POSITION + 4] = (SCHEMA_VERSION + 1).to_bytes(4, "big")
    state.write_bytes(content)

    for words in (("run", "--once"), ("health",), ("query", "SELECT 1")):
        answer = aurora_logs(*words, env=simulator.env(tmp_path))

        assert answer.code == 2
        assert "newer version" in answer.err
        assert "next    " in answer.err
    assert state.read_bytes() == content


def test_a_second_collector_is_refused_and_the_first_one_named(simulator, tmp_path):
    env = simulator.env(tmp_path)
    with collecting(env, tmp_path) as (first, log):
        assert eventually(lambda: '"Started"' in log.read_text())

        answer = aurora_logs("run", "--once", env=env)

        assert answer.code == 5
        assert f"is used by process {first.pid}" in answer.err
        assert "--data-dir" in answer.err
        assert first.poll() is None


def test_all_mistakes_of_the_settings_are_told_at_once(tmp_path):
    """UX-52: name, value, origin, what is allowed; the nearest name for an unknown one."""
    config = tmp_path / "my.toml"
    config.write_text('batch_sise = 10\nmax_concurrency = 1000\nredaction = "maybe"\n')
    env = environment(LEASE_SEC="soon")

    answer = aurora_logs("--config", config, "config", "check", env=env)

    assert answer.code == 2
    assert f"unknown setting 'batch_sise' (file {config}:1); did you mean batch_size?" in answer.err
    assert "MAX_CONCURRENCY = 1000" in answer.err
    assert "<= 64" in answer.err
    assert "REDACTION = 'maybe'" in answer.err
    assert "LEASE_SEC = 'soon' (environment)" in answer.err


def test_a_configuration_file_that_is_not_there_is_named(tmp_path):
    answer = aurora_logs("config", "show", "--config", tmp_path / "none.toml")

    assert answer.code == 2
    assert "none.toml" in answer.err


@pytest.mark.parametrize(("words", "meant"), [
    (("status",), "health"), (("ls",), "files list"), (("logs",), "tail"), (("requeue",), "dlq replay"),
    (("querry", "x"), "query"), (("files", "lst"), "list"), (("dlq", "rpelay"), "replay"),
])
def test_a_word_that_is_no_command_is_answered_with_the_one_that_is_meant(words, meant):
    """UX-31."""
    answer = aurora_logs(*words)

    assert answer.code == 2
    assert f"did you mean {meant}?" in answer.err


@pytest.mark.parametrize("words", [
    ("query",), ("files", "list", "-o", "xml"), ("files", "list", "--nothing"), ("run", "standalon"),
    ("search", "--since", "yesterday-ish"), ("top", "queries", "--limit", "0"), ("tail", "x"),
    ("files", "list", "--type", "slow"), ("parse", "-o", "table", "--gzip", "x"), ("dlq", "replay"),
], ids=" ".join)
def test_a_command_that_is_used_wrongly_ends_with_2_and_its_help(words):
    answer = aurora_logs(*words)

    assert answer.code == 2
    assert "error: " in answer.err
    assert "--help" in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("words", [(), ("files",), ("dlq",), ("config",), ("top",)], ids=" ".join)
def test_no_command_prints_the_help_and_ends_with_2(words):
    """UX-72."""
    answer = aurora_logs(*words)

    assert answer.code == 2
    assert "Commands:" in answer.err
    assert aurora_logs(*words, "-h").code == 0


def test_errors_of_json_output_are_json(tmp_path):
    """UX-50: the same as an object."""
    answer = aurora_logs("health", "-o", "json", "--data-dir", tmp_path / "none")

    told = json.loads(answer.err)
    assert told["kind"] == "NotFound"
    assert told["next"].startswith("collect first")
    assert answer.code == 4


def test_a_traceback_is_shown_when_it_is_asked_for(tmp_path):
    done = subprocess.run([PROGRAM, "health", "--debug", "--data-dir", tmp_path / "none"], capture_output=True, text=True,
                          env=dict(os.environ), check=False)

    assert "Traceback" in done.stderr
    assert done.returncode == 4


def test_redaction_off_is_loud():
    """SEC-17."""
    answer = aurora_logs("config", "show", "--changed", env=environment(REDACTION="off"))

    assert "REDACTION is off" in answer.err


@pytest.mark.parametrize("content", [b'{"_timestamp": 1, "cut', bytes(range(256)) * 8, b""], ids=["cut", "noise", "empty"])
def test_a_damaged_file_of_records_is_named_with_the_cure(tmp_path, content):
    """REL-49: no statement was wrong, and no table was misspelt; an empty file is one without records."""
    folder = tmp_path / "logs" / "db" / "slowquery"
    folder.mkdir(parents=True)
    (folder / "mysql-slowquery.log.2026-11-24.3").write_text(SLOW_ENTRY)
    env = environment(SOURCE_BACKEND="folder", SOURCE_DIR=str(tmp_path / "logs"), DATA_DIR=str(tmp_path / "data"))
    assert aurora_logs("run", "--once", env=env).code == 0
    (stored,) = (tmp_path / "data" / "batches").rglob("*.ndjson")
    stored.write_bytes(content)

    for words in (("query", "SELECT count(*) FROM aurora_slowquery_logs"), ("top", "queries"), ("search", "x")):
        answer = aurora_logs(*words, env=env)

        assert answer.code == (2 if content else 0), answer.err
        assert not content or (str(stored) in answer.err and "restore it from a copy" in answer.err)
