"""One API budget for all processes, end to end: two collectors against the simulator's RDS, counted by the simulator."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.acceptance.cli_world import Simulator
from tests.contracts.conftest import dynamodb_client, own_tables, vars_of
from tests.contracts.samples import CountedRandom, SteppedClock
from tests.engines.test_provision import TABLE_SETTINGS

from aurora_logs.adapters.aws.dynamodb import DynamoDb
from aurora_logs.adapters.aws.state_store import DynamoDbStateStore
from aurora_logs.api_budget import budget_id

pytestmark = [pytest.mark.engine("dynoxide"), pytest.mark.slow]
PROGRAM = Path(sys.executable).with_name("aurora-logs")
LIMIT = 8
KEY = budget_id("123456789012", "eu-central-1")


def test_two_collectors_keep_one_limit_and_give_their_shares_back(dynamodb, tmp_path):
    """rds-log-api.md §10, rules 1 and 2; RDS_API_RATE_LIMIT is over all processes."""
    tables = own_tables()
    store = DynamoDbStateStore(DynamoDb(dynamodb_client(dynamodb.url), SteppedClock(), CountedRandom()), tables)
    simulator = Simulator("--instances", "demo", "--history-hours", "1")
    env = {**simulator.env(tmp_path), "RDS_API_RATE_LIMIT": str(LIMIT), "STATE_BACKEND": "dynamodb", "MAX_CONCURRENCY": "4",
           "AWS_ACCOUNT_ID": "123456789012", "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url, "DISCOVERY_INTERVAL_SEC": "1",
           **{TABLE_SETTINGS[role]: name for role, name in vars_of(tables).items()}}
    subprocess.run([PROGRAM, "provision", "tables"], env=env, check=True, capture_output=True)
    logs = [(tmp_path / f"{pod}.log").open("w") for pod in ("a", "b")]
    running = [subprocess.Popen([PROGRAM, "run"], env={**env, "DATA_DIR": str(tmp_path / pod), "POD_NAME": pod}, stderr=log)
               for pod, log in zip(("a", "b"), logs, strict=True)]
    try:
        owners, ends_sec = set(), time.monotonic() + 20
        while time.monotonic() < ends_sec:
            row = store.api_budget(KEY)
            if row is not None:
                owners |= {lease.owner[0] for lease in row.leases if lease.calls_per_sec}
                assert sum(lease.calls_per_sec for lease in row.leases) <= LIMIT + 1e-6
            time.sleep(0.2)
        seconds = [sum(one.values()) for one in simulator.ask("calls")["by_second"].values()]
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(60) for process in running]
        for log in logs:
            log.close()
        simulator.close()
    print("calls in each second:", seconds)

    assert owners == {"a", "b"}, "both had a share at some time"
    assert max(seconds) <= LIMIT + 2, "each process may round its share up by one call"
    assert codes == [128 + signal.SIGTERM] * 2
    assert store.api_budget(KEY).leases == (), "the shares are given back"
