"""A folder of log files as the source: rotated hours beside a live one, by the real command."""

import pytest
from tests.acceptance.cli_world import aurora_logs, environment

from aurora_logs_simulator.workload import writer

FAMILY = "slowquery/mysql-slowquery.log"
HOUR_US = 3_600_000_000


@pytest.fixture
def folder(tmp_path):
    """Three rotated hours and the live one, 50 entries each."""
    for hour in range(4):
        name = FAMILY + (f".2026-11-22.{9 + hour}" if hour < 3 else "")
        path = tmp_path / "source" / "shop-1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made, start_us = writer("slowquery", "mysql", f"shop-1/{name}"), 1_795_338_715_000_000 + hour * HOUR_US
        entries = [made.entry(start_us + number * 1_000_000) for number in range(50)]
        path.write_bytes(made.file_header(start_us) + b"".join(one.content for one in entries))
    return tmp_path


def test_one_run_brings_rotated_hours_and_the_live_one_to_their_ends(folder):
    env = environment(SOURCE_BACKEND="folder", SOURCE_DIR=str(folder / "source"), DATA_DIR=str(folder / "data"),
                      BATCH_TIMEOUT_SEC="0.1", DISCOVERY_INTERVAL_SEC="0.5")

    done = aurora_logs("run", "--once", env=env)
    files = aurora_logs("files", "list", "-o", "json", env=env).items

    assert done.code == 0, done.err
    assert "delivered 200 records; gaps 0 B; behind 0 B" in done.err
    assert [(one["status"], one["records"]) for one in files] == [("completed", 50)] * 4
