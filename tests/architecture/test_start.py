"""H-25, PERF-26, CMP-06: the commands that need nothing load nothing."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ["boto3", "botocore", "duckdb", "structlog", "msgspec", "rich", "yaml", "confluent_kafka", "pydantic", "urllib3", "aurora_logs_simulator"]
LIMIT_CPU_SEC = 0.2
PROBE = """
import json, sys
sys.argv = ["aurora-logs", *json.loads(sys.argv[1])]
from aurora_logs.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
else:
    code = 0
sys.stderr.write("\\n" + json.dumps({"code": code, "loaded": sorted(sys.modules)}))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["version"]], ids=" ".join)
def test_a_command_that_needs_no_vendor_library_loads_none(arguments):
    answer = subprocess.run([sys.executable, "-c", PROBE, json.dumps(arguments)], capture_output=True, text=True,
                            check=False)
    seen = json.loads(answer.stderr.splitlines()[-1])

    assert seen["code"] in (0, None)
    assert [name for name in HEAVY if name in seen["loaded"]] == []


@pytest.mark.parametrize(("arguments", "absent"), [
    (["config", "show"], ["boto3", "confluent_kafka", "duckdb"]),
    (["run", "--once"], ["boto3", "confluent_kafka"]),
], ids=" ".join)
def test_the_embedded_mode_loads_no_library_of_the_distributed_one(tmp_path, arguments, absent):
    """CMP-06, CMP-07."""
    log = tmp_path / "source" / "prod-1" / "slowquery" / "mysql-slowquery.log"
    log.parent.mkdir(parents=True)
    log.touch()
    environment = {**os.environ, "SOURCE_BACKEND": "folder", "SOURCE_DIR": str(tmp_path / "source"),
                   "DATA_DIR": str(tmp_path / "data")}
    answer = subprocess.run([sys.executable, "-c", PROBE, json.dumps(arguments)], capture_output=True, text=True,
                            check=False, env=environment)
    seen = json.loads(answer.stderr.splitlines()[-1])

    assert seen["code"] in (0, None), answer.stderr
    assert set(absent) & set(seen["loaded"]) == set()


def cpu_sec(arguments: list[str]) -> float:
    """CPU of one run of the real command, user and system, seconds."""
    program = Path(sys.executable).parent / "aurora-logs"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program, *arguments], check=True, capture_output=True, env=dict(os.environ))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("arguments", [["--help"], ["version"]], ids=" ".join)
def test_help_and_version_answer_at_once(arguments):
    """The least of seven runs: other work on the machine only ever adds CPU (caches, frequency)."""
    least = min(cpu_sec(arguments) for _ in range(7))
    print(f"aurora-logs {' '.join(arguments)}: {least:.3f} s CPU, bound {LIMIT_CPU_SEC} s")

    assert least <= LIMIT_CPU_SEC
