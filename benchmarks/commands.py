"""Every command line that the benchmarks call, and its environment; nothing else knows how a program is started.

`AURORA_LOGS_BENCH_PRODUCT` names another `aurora-logs` to measure, e.g. one of another checkout.
"""

import os
import shutil
import sys
from pathlib import Path

PYTHON = sys.executable
PRODUCT = os.environ.get("AURORA_LOGS_BENCH_PRODUCT") or str(Path(PYTHON).with_name("aurora-logs"))
INSTANCE = "bench-1"
LIVE_NAME = "slowquery/mysql-slowquery.log"
REGION = "eu-central-1"
RDS_PREFIX = "%t:%r:%u@%d:[%p]:"
PEERS = {
    "slow": "pt-query-digest --no-report",
    "slow_extra": "pt-query-digest --no-report",
    "postgresql": "pgbadger -j1",
}


def parse(log: Path, out: Path) -> list[str]:
    """Log → NDJSON → gzip in one process."""
    return [PRODUCT, "parse", str(log), "-o", "ndjson", "--gzip", "--to", str(out)]


def gzip_1(log: Path) -> list[str]:
    """The yardstick that every machine has; its output goes to /dev/null."""
    return ["gzip", "-1", "-c", str(log)]


def peer(kind: str, log: Path) -> list[str] | None:
    """The peer of a kind of log: without its report, or with a text report where it can't do without; None: not installed."""
    program, *options = {
        "pt-query-digest --no-report": ["pt-query-digest", "--no-report", "--no-version-check", "--type", "slowlog"],
        "pgbadger -j1": ["pgbadger", "-q", "-j", "1", "-f", "stderr", "-p", RDS_PREFIX, "-x", "text", "-o", "-"],
    }[PEERS[kind]]
    found = shutil.which(program)
    return [found, *options, str(log)] if found else None


def simulator(folder: Path) -> list[str]:
    """Serve `<folder>/<instance>/<log file name>` by the RDS API on 127.0.0.1; no throttling, so that only CPU counts.

    Its first line of output is JSON and names the `endpoint`.
    """
    files = ["--files", str(folder), "--files-engine", "mysql"]
    return [PYTHON, "-m", "aurora_logs_simulator", "serve", "--region", REGION, "--calls-per-sec", "0", *files]


def run_once() -> list[str]:
    """Bring every file up to date, then end."""
    return [PRODUCT, "run", "--once"]


def run_environment(endpoint: str, data_dir: Path) -> dict[str, str]:
    """Embedded mode against the simulator. Compaction is measured apart, so nothing is large enough for it here."""
    return {
        "SOURCE_BACKEND": "rds",
        "DATA_DIR": str(data_dir),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "SIMULATOR",
        "AWS_SECRET_ACCESS_KEY": "simulator-secret",  # the simulator's own default, opens nothing else
        "RDS_API_RATE_LIMIT": "1000",
        "BATCH_TIMEOUT_SEC": "0",
        "COMPACT_AFTER_MB": "100000",
    }


def query(sql: str) -> list[str]:
    """Ask the data directory of the environment."""
    return [PRODUCT, "query", sql, "-o", "ndjson"]


def compaction(data_dir: Path) -> list[str]:
    """Batch files → Parquet, the child process that the product starts itself."""
    return [PYTHON, "-m", "aurora_logs.adapters.embedded.compaction", str(data_dir)]
