"""Real processes: RDS simulator, `aurora-logs run` with SIGKILLs, OpenObserve stand-in with faults; ledger against rows."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter

import pytest

from aurora_logs.adapters.embedded.directory import open_beside
from aurora_logs.adapters.embedded.state_store import SqliteStateStore
from aurora_logs.services.demo.proof import compare

TOKEN = re.compile(r"tok_[0-9a-f]{16}")
ENTRIES, KILLS = 6_000, 4
STREAMS = ("aurora_slowquery_logs", "aurora_error_logs", "aurora_postgresql_logs")
FAULTS = {"store_then_reset": 0.05, "reset_before_store": 0.03, "error_502": 0.05, "overload": 0.05, "store_part_then_reset": 0.05,
          "answer_cut": 0.03, "counts_nothing": 0.02, "search_503": 0.1, "search_partial": 0.1, "keep_alive_closed": 0.05}
WITHIN_SEC = 120.0


class Simulator:
    """One of the simulator's servers in a process of its own."""

    def __init__(self, *options):
        self.process = subprocess.Popen([sys.executable, "-m", "aurora_logs_simulator", *options], stdout=subprocess.PIPE, text=True)
        self.ready = json.loads(self.process.stdout.readline())
        self.url = self.ready["endpoint"]

    def ask(self, name, values=None):
        body = None if values is None else json.dumps(values).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{name}", body, method="GET" if values is None else "POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture
def start(request):
    """Start a server of the simulator; it ends with the test."""
    with contextlib.ExitStack() as stack:
        def one(*options):
            made = Simulator(*options)
            stack.callback(made.close)
            return made

        yield one


def environment(rds, sink, **more):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENOBSERVE_"))}
    account = sink.ask("account", {"email": "logs@example.com", "is_service": True})
    return clean | {
        "AWS_ACCESS_KEY_ID": "SIMULATOR", "AWS_SECRET_ACCESS_KEY": "simulator-secret", "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_RDS": rds.url, "AWS_EC2_METADATA_DISABLED": "true", "SINK_BACKEND": "openobserve", "OPENOBSERVE_URL": sink.url,
        "OPENOBSERVE_USER": "logs@example.com", "OPENOBSERVE_PASS": account["password"], "POST_TIMEOUT_SEC": "1", "SKEW_SEC": "0",
        "SETTLE_SEC": "1.5", "LEASE_SEC": "3", "BATCH_SIZE": "100", "BATCH_TIMEOUT_SEC": "0.5", "RETRY_BACKOFF_SEC": "0.1",
        "DISCOVERY_INTERVAL_SEC": "0.5", "RDS_API_RATE_LIMIT": "500", "CIRCUIT_BREAKER_TIMEOUT_SEC": "0.5"} | more


def wait_for(what, until_sec):
    while not what():
        assert time.monotonic() < until_sec
        time.sleep(0.02)


def lines_of(sink):
    return [line for stream in STREAMS for line in sink.ask(f"lines?stream={stream}")]


@pytest.mark.slow
def test_kills_and_faults_lose_nothing_and_double_nothing(start, tmp_path):
    """OO-16, OO-18, OO-75 to OO-77, OO-90, OO-113, OO-118: each entry of the ledger lies once in the sink."""
    rds = start("serve", "--instances", "demo", "--calls-per-sec", "0", "--entries-per-sec", "150", "--most-entries", str(ENTRIES),
                "--seed", "5")
    faults = [part for name, share in FAULTS.items() for part in ("--fault", f"{name}={share}")]
    sink = start("openobserve", "--dir", str(tmp_path / "sink"), "--window-hours", "744", "--seed", "5", *faults)
    environ, data, log = environment(rds, sink), tmp_path / "data", tmp_path / "log"
    until_sec = time.monotonic() + WITHIN_SEC
    chance = random.Random(5)
    for kill in range(KILLS):
        with log.open("ab") as output:
            process = subprocess.Popen([sys.executable, "-m", "aurora_logs", "run", "--data-dir", str(data)], stdout=output,
                                       stderr=output, env=environ)
        goal = ENTRIES * (kill + 1) // (KILLS + 1)
        wait_for(lambda goal=goal: sink.ask("counts").get("stored", 0) >= goal, until_sec)
        time.sleep(chance.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for(lambda: not rds.ask("load")["is_writing"] or rds.ask("load")["entries"] >= ENTRIES, until_sec)
    for fault in FAULTS:
        sink.ask("faults", {"off": fault})
    with log.open("ab") as output:
        last = subprocess.run([sys.executable, "-m", "aurora_logs", "run", "--once", "--data-dir", str(data)], stdout=output,
                              stderr=output, env=environ, check=False, timeout=WITHIN_SEC)

    lines = lines_of(sink)
    counts = Counter(token for line in lines for token in set(TOKEN.findall(line)))
    database = open_beside(data)
    state = SqliteStateStore(database)
    proof = compare(rds.ask("ledger?entries=1"), counts, len(lines), state.dead_letters(gaps=True), state.dead_letters())
    database.close()
    counted = sink.ask("counts")
    struck = sink.ask("faults")["struck"]
    text = log.read_text()
    print(f"{counted['records']} records in {counted['requests']} requests, faults {struck}")

    assert last.returncode == 0, text[-2000:]
    assert proof.problems == []
    assert proof.written >= ENTRIES
    ids = [json.loads(line)["record_id"] for line in lines]
    assert len(ids) == len(set(ids))
    assert sum(struck.values()) > 10
    assert environ["OPENOBSERVE_PASS"] not in text
    assert set(sink.ask("streams")) <= {f"default/{stream}" for stream in STREAMS}


@pytest.mark.slow
def test_commands_read_from_openobserve(start, tmp_path):
    """`search`, `query` and `top` ask the sink that the records are in."""
    rds = start("serve", "--instances", "demo", "--calls-per-sec", "0", "--entries-per-sec", "1000", "--most-entries", "900")
    sink = start("openobserve", "--dir", str(tmp_path / "sink"), "--window-hours", "744")
    environ = environment(rds, sink)
    wait_for(lambda: rds.ask("load")["entries"] >= 900, time.monotonic() + 30)

    def run(*arguments):
        answer = subprocess.run([sys.executable, "-m", "aurora_logs", *arguments, "--data-dir", str(tmp_path / "data")],
                                capture_output=True, text=True, env=environ, check=False, timeout=60)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    run("run", "--once")
    rows = json.loads(run("query", "SELECT instance_id, count(DISTINCT record_id) AS n FROM aurora_slowquery_logs GROUP BY instance_id "
                          "ORDER BY instance_id", "-o", "json"))
    top = run("top", "queries", "-o", "json")
    found = run("search", "SELECT", "--limit", "3", "-o", "json")

    assert [row["instance_id"] for row in rows["items"]] == ["billing", "shop-1", "shop-2"]
    assert json.loads(top)["items"]
    assert len(json.loads(found)["items"]) == 3
