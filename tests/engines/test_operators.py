"""What operators ask of the distributed product: lag, members, breakers, proofs and replays, on real engines."""

import json
import subprocess
from collections import Counter

import pytest
from tests.engines.services_world import Services
from tests.engines.test_distributed import PROGRAM, wait_until
from tools.servers.processes import free_ports

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]


@pytest.fixture
def services(broker, dynamodb, tmp_path):
    made = Services(broker, dynamodb, tmp_path)
    made.env |= {"OPENOBSERVE_USER": made.sink.ready["user"], "OPENOBSERVE_PASS": made.sink.ready["password"]}
    made.write_logs("prod-1", "prod-2")
    yield made
    made.clear_up()


def items(services, *words, code=0):
    return json.loads(services.command(*words, "-o", "json", code=code).stdout)["items"]


def is_answered(services, *words):
    return subprocess.run([PROGRAM, *words], env={**services.env, "DATA_DIR": str(services.folder / "a")}, check=False,
                          capture_output=True, timeout=60).returncode == 0


def test_a_group_that_never_existed_is_told_in_a_word_and_a_lag_is_a_number_once_it_does(services):
    """NAM-20, RUN-04, RUN-30: the same numbers as Kafka's own tool."""
    wait_until(lambda: is_answered(services, "consumers", "describe"))  # a new broker needs a moment for its first coordinator
    first = items(services, "consumers", "describe")
    assert {(one["committed"], one["lag"], one["member"]) for one in first} == {(None, None, "")}
    assert {one["hints"] for one in items(services, "lag")} == {None}

    services.run("discovery", "discovery-a")
    services.run("processor", "processor-a")
    wait_until(lambda: len(services.sink.stored()) >= len(services.tokens))
    wait_until(lambda: services.lags() == {"0"})
    told = {one["log_type"]: one for one in items(services, "lag")}["slowquery"]
    ours = {one["partition"]: (str(one["committed"]), str(one["end"]), str(one["lag"]))
            for one in items(services, "consumers", "describe") if one["topic"] == "aurora-logs-slowquery"}
    theirs = {int(line.split()[2]): tuple(line.split()[3:6])
              for line in services.describe().splitlines() if "aurora-logs-slowquery" in line}

    assert (told["hints"], told["members"], told["behind_bytes"], told["unset"]) == (0, ["processor-a"], 0, 0)
    assert len(ours) == 10
    assert ours == theirs


def test_topics_are_described_with_what_differs(services):
    found = {one["topic"]: one for one in items(services, "topics", "describe")}
    error = found["aurora-logs-error"]
    assert (error["partitions"], error["leaderless"], error["short"], error["differences"]) == (10, 0, 0, [])


def test_the_breaker_of_a_running_process_is_shown(services):
    """RUN-41, RUN-44."""
    (port,) = free_ports(1)
    services.run("discovery", "discovery-a")
    services.run("processor", "processor-a", METRICS_PORT=str(port), CIRCUIT_BREAKER_TIMEOUT_SEC="2")
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: len(services.sink.stored()) >= len(services.tokens))
    assert {one["state"] for one in items(services, "breaker", "show", "--url", url)} == {"closed"}
    services.sink.stop()
    services.write_logs("prod-3")
    wait_until(lambda: any(line["msg"] == "circuit breaker opened" for line in services.lines("processor-a")))
    wait_until(lambda: services.command("breaker", "show", "--url", url, code=8).returncode == 8)
    services.sink.start()
    wait_until(lambda: len(services.sink.stored()) >= len(services.tokens))
    services.end("processor-a")
    assert services.command("breaker", "show", "--url", url, code=7).stderr


def test_a_replay_sends_what_the_sink_lacks_and_nothing_twice(services):
    services.run("discovery", "discovery-a")
    services.run("processor", "processor-a", AUDIT_DELAY_SEC="3600")
    wait_until(lambda: len(services.sink.stored()) >= len(services.tokens))
    wait_until(lambda: services.lags() == {"0"})
    name = "slowquery/mysql-slowquery.log.2026-11-22.10"
    plan = services.command("files", "replay", "prod-1", name, "--dry-run")
    assert "no record will be shown twice" in plan.stderr
    services.command("files", "replay", "prod-1", name, "--yes")
    wait_until(lambda: not items(services, "dlq", "list"))

    assert services.sink.stored() == Counter(services.tokens)
    assert services.command("files", "replay", "prod-1", "nothing.log", "--yes", code=4).stderr


def test_the_ledger_is_whole_and_an_audit_proves_it(services):
    services.run("discovery", "discovery-a")
    services.run("processor", "processor-a", AUDIT_DELAY_SEC="3600")
    wait_until(lambda: len(services.sink.stored()) >= len(services.tokens))
    wait_until(lambda: {one["status"] for one in items(services, "files", "list")} == {"completed"})
    before = items(services, "audit", "report")
    size_bytes = sum(path.stat().st_size for path in services.source.rglob("*") if path.is_file())
    assert sum(one["listed_bytes"] for one in before) == sum(one["delivered_bytes"] for one in before) == size_bytes
    assert sum(one["confirmed_bytes"] for one in before) == 0
    services.command("audit", "run", "--now", code=8)  # the live files are not closed
    after = {one["key"]: one for one in items(services, "audit", "report", "--by", "file")}
    proved = {key for key, one in after.items() if one["confirmed_bytes"] == one["listed_bytes"]}
    assert {key for key in after if ".log." in key} <= proved


def test_doctor_tries_what_the_services_need(services):
    services.command("provision", "all")
    checks = {one["name"]: one for one in items(services, "doctor")}
    assert checks["tables"]["verdict"] == checks["topics"]["verdict"] == checks["streams"]["verdict"] == "ok"
    assert checks["rescue"]["verdict"] == checks["fsync"]["verdict"] == "unknown"
    wrong = items(services, "doctor", "--openobserve-user", "nobody@example.com", "--tracking-table", "missing-table", code=8)
    failed = {one["name"]: one for one in wrong if one["verdict"] == "failed"}
    assert "table missing-table" in failed
    assert "streams" in failed
    assert failed["table missing-table"]["fix"] == "aurora-logs provision tables"


def test_streams_are_made_once_and_told(services):
    first = {one["name"]: one["outcome"] for one in items(services, "provision", "streams")}
    again = {one["name"]: one["outcome"] for one in items(services, "provision", "streams")}
    assert set(first.values()) == {"created"}
    assert set(again.values()) == {"exists"}
