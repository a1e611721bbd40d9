"""`doctor` tries what collecting needs; `config` shows what is in force (UX-60..62, UX-66, UX-70)."""

import json
import os
import re
import resource
import time

import pytest
from tests.acceptance.cli_world import KEYS, Simulator, aurora_logs, collecting, environment, eventually
from tests.acceptance.test_cli_parse import SLOW


def verdicts(answer):
    return {row["name"]: row["verdict"] for row in answer.rows}


def test_with_everything_in_place_each_right_was_tried(simulator, tmp_path):
    answer = aurora_logs("doctor", "-o", "ndjson", env=simulator.env(tmp_path))

    assert answer.code == 0, answer.out
    found = verdicts(answer)
    assert {name: found[name] for name in ("rds:DescribeDBInstances", "rds:DescribeDBLogFiles shop-1", "data directory",
                                           "rds:DownloadDBLogFilePortion", "rds:DownloadCompleteDBLogFile")} == dict.fromkeys(
        ("rds:DescribeDBInstances", "rds:DescribeDBLogFiles shop-1", "data directory", "rds:DownloadDBLogFilePortion",
         "rds:DownloadCompleteDBLogFile"), "ok")
    assert "next: aurora-logs run --once" in answer.err
    assert list(tmp_path.iterdir()) == []  # it only reads


def test_with_nothing_configured_it_works_and_says_what_is_next(tmp_path):
    """UX-22."""
    answer = aurora_logs("doctor", env=environment(AWS_REGION="eu-central-1", DATA_DIR=str(tmp_path / "none"),
                                                   AWS_ENDPOINT_URL_RDS="http://127.0.0.1:9"))

    assert answer.code == 8
    assert "rds:DescribeDBInstances: " in answer.out
    assert "fix  set AWS_PROFILE" in answer.out
    assert "aurora-logs demo" in answer.err


def test_the_one_right_that_lacks_is_named_with_its_instance(simulator, tmp_path):
    """UX-53, RDS-15."""
    with simulator.with_fault("access_denied", instance="shop-2", operation="DescribeDBLogFiles"):
        answer = aurora_logs("doctor", "-o", "ndjson", env=simulator.env(tmp_path))

    assert answer.code == 8
    assert [name for name, verdict in verdicts(answer).items() if verdict == "failed"] == ["rds:DescribeDBLogFiles shop-2"]


def test_complete_files_that_are_refused_are_no_failure(simulator, tmp_path):
    """RDS-97: portions are used."""
    with simulator.with_fault("complete_forbidden"):
        answer = aurora_logs("doctor", "-o", "ndjson", env=simulator.env(tmp_path))

    assert answer.code == 0
    assert verdicts(answer)["rds:DownloadCompleteDBLogFile"] == "unknown"


def test_checks_run_side_by_side(simulator, tmp_path):
    """UX-22: a dozen answers that take two seconds each take four, not twenty-four."""
    with simulator.with_fault("slow", operation="DescribeDBLogFiles", value=2), \
            simulator.with_fault("slow", operation="DescribeDBParameters", value=2):
        begun_sec = time.monotonic()
        answer = aurora_logs("doctor", "-o", "ndjson", env=simulator.env(tmp_path))
        took_sec = time.monotonic() - begun_sec

    assert answer.code == 0, answer.out
    assert len(answer.rows) > 15
    assert took_sec < 8


def test_what_does_not_answer_in_time_is_told_as_not_known(simulator, tmp_path):
    """UX-22, UX-53: the limit is for all checks together; what was learned is shown."""
    with simulator.with_fault("slow", instance="shop-2", operation="DescribeDBLogFiles", value=60):
        begun_sec = time.monotonic()
        answer = aurora_logs("doctor", "--timeout", "3", "-o", "ndjson", env=simulator.env(tmp_path))
        took_sec = time.monotonic() - begun_sec

    found = {row["name"]: (row["verdict"], row["detail"]) for row in answer.rows}
    assert found["rds:DescribeDBLogFiles shop-2"] == ("unknown", "no answer within 3 s (--timeout)")
    assert found["rds:DescribeDBLogFiles shop-1"][0] == "ok"
    assert found["state"][0] == "ok"
    assert took_sec < 8


@pytest.mark.parametrize(("instance", "told", "verdict", "expected"), [
    ("billing", {"parameters": {"slow_query_log": "0", "log_output": "TABLE"}}, "failed", "slow_query_log=1 in billing-parameters"),
    ("billing", {"parameters": {"slow_query_log": "1"}}, "failed", "log_output=FILE"),
    ("reports", {"parameters": {"log_connections": "1"}}, "failed", "log_min_duration_statement=1000 in reports-parameters"),
    ("shop-1", {"log_exports": ["slowquery"]}, "unknown", "--cloudwatch-logs-export-configuration"),
])
def test_a_database_that_is_not_told_to_log_is_named_with_the_setting(simulator, tmp_path, instance, told, verdict, expected):
    """UX-67, rds-log-api.md §4.3: an empty feed although all is well."""
    before = simulator.tell("parameters", instance=instance)
    simulator.tell("parameters", instance=instance, **told)
    try:
        answer = aurora_logs("doctor", "-o", "ndjson", env=simulator.env(tmp_path))
    finally:
        simulator.tell("parameters", instance=instance, **before)

    assert answer.code == (8 if verdict == "failed" else 0)
    of_it = [row for row in answer.rows if row["name"] == f"settings of {instance}"]
    assert {row["verdict"] for row in of_it} == {verdict}
    assert any(expected in row["fix"] for row in of_it)
    assert [row["name"] for row in answer.rows if row["verdict"] == "failed"] == [row["name"] for row in of_it if verdict == "failed"]


def test_parameters_that_may_not_be_read_are_no_failure(simulator, tmp_path):
    """rds-log-api.md §12.3: the right is optional."""
    with simulator.with_fault("access_denied", operation="DescribeDBParameters"):
        answer = aurora_logs("doctor", "-o", "ndjson", env=simulator.env(tmp_path))

    assert answer.code == 0
    assert verdicts(answer)["settings of billing"] == "unknown"


def test_the_clock_of_the_other_side_is_compared(simulator, tmp_path):
    """UX-70."""
    answer = aurora_logs("doctor", "-o", "ndjson", env=simulator.env(tmp_path))

    assert re.fullmatch(r"RDS is \d s (ahead|behind)", {row["name"]: row["detail"] for row in answer.rows}["clock"])


def test_a_damaged_state_and_few_descriptors_are_failed_checks(simulator, tmp_path):
    """UX-70."""
    (tmp_path / "state.sqlite3").write_bytes(b"this is no database, and never was\n" * 200)

    answer = aurora_logs("doctor", "-o", "ndjson", env=simulator.env(tmp_path),
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)))

    assert answer.code == 8
    assert (verdicts(answer)["state"], verdicts(answer)["descriptors"]) == ("failed", "failed")


def test_instances_whose_engine_is_not_read_are_named(tmp_path):
    """UX-66: filtered out is said, not silent."""
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"region": "eu-central-1", "instances": [
        {"identifier": "orders", "engine": "mysql"}, {"identifier": "legacy", "engine": "oracle-ee"}]}))
    mixed = Simulator("--scenario", str(scenario), "--history-hours", "0.1")
    try:
        answer = aurora_logs("doctor", "-o", "ndjson", env=mixed.env(tmp_path / "data"))
    finally:
        mixed.close()

    found = {row["name"]: (row["verdict"], row["detail"]) for row in answer.rows}
    assert found["instance legacy"] == ("unknown", "oracle-ee is none that is read")
    assert found["rds:DescribeDBInstances"][1].startswith("1 instances (mysql)")


def test_mistakes_of_the_settings_are_a_failed_check():
    answer = aurora_logs("doctor", env=environment(BATCH_SIZE="0"))

    assert answer.code == 8
    assert "BATCH_SIZE" in answer.out


def test_the_collector_that_runs_is_named(simulator, tmp_path):
    env = simulator.env(tmp_path / "data")
    with collecting(env, tmp_path) as (process, log):
        assert eventually(lambda: '"Started"' in log.read_text())
        beside = aurora_logs("doctor", "-o", "ndjson", env=env)
    after = aurora_logs("doctor", "-o", "ndjson", env=env)

    told = {row["name"]: row["detail"] for row in beside.rows}
    assert told["collector"] == f"process {process.pid} collects into it"
    assert {row["name"]: row["detail"] for row in after.rows}["collector"] == "no process collects into it now"


def test_each_setting_has_its_value_and_origin(tmp_path):
    """UX-60, UX-61: flags, environment, file, default, in this order."""
    config = tmp_path / "my.toml"
    config.write_text('batch_size = 10\nzone = "Europe/Berlin"\n')
    env = environment(AURORA_LOGS_CONFIG=str(config), BATCH_SIZE="20")

    rows = {row["name"]: (row["value"], row["origin"]) for row in aurora_logs("config", "show", "-o", "ndjson", env=env).rows}
    changed = aurora_logs("config", "show", "--changed", "-o", "name", env=env).out.split()

    assert rows["BATCH_SIZE"] == (20, "environment")
    assert rows["ZONE"] == ("Europe/Berlin", f"file {config}:2")
    assert rows["LEASE_SEC"] == (60.0, "default")
    assert set(changed) == {"BATCH_SIZE", "ZONE"}
    assert aurora_logs("config", "check", env=env).code == 0


@pytest.mark.parametrize(("variable", "meant"), [("BATCH_SIZ", "BATCH_SIZE"), ("SHARD_ID", "leases share the work")])
def test_names_that_are_not_used_are_warned_of(variable, meant):
    """UX-62."""
    answer = aurora_logs("config", "check", env=environment(**{variable: "5"}))

    assert answer.code == 0
    assert meant in answer.err


def test_no_value_of_a_credential_is_ever_shown(simulator, tmp_path):
    """UX-46."""
    for words in (("config", "show"), ("doctor",), ("version", "-o", "json"), ("doctor", "-o", "json")):
        answer = aurora_logs(*words, env=simulator.env(tmp_path))

        assert KEYS["AWS_SECRET_ACCESS_KEY"] not in answer.out + answer.err
    assert os.environ.get("AWS_SECRET_ACCESS_KEY") is None


def test_a_folder_is_tried_as_one(tmp_path):
    """UX-66: nobody is told to grant a right that a folder does not need."""
    (tmp_path / "logs" / "db" / "slowquery").mkdir(parents=True)
    (tmp_path / "logs" / "db" / "slowquery" / "mysql-slowquery.log").write_text(SLOW)

    answer = aurora_logs("doctor", "--source-backend", "folder", "--source-dir", tmp_path / "logs", "-o", "ndjson",
                         env=environment(DATA_DIR=str(tmp_path / "data")))

    assert answer.code == 0
    assert {name: verdict for name, verdict in verdicts(answer).items() if "file" in name or "folder" in name} == {
        "folder": "ok", "log files of db": "ok", "a complete file": "ok"}
    assert "rds:" not in answer.out
