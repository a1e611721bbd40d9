"""The measured rows: parse, ingest, compaction, each after its equality check. Drawing and judging is `report`'s."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import commands
from paired import CommandFailed, Comparison, Cost, cost_of, paired
from report import Bounds, Row
from truth import SQL_BYTES, differences, read_back, records_of

_SUMS = (
    "SELECT count(*) AS entries, count(DISTINCT record_id) AS ids, sum(db_rows_examined) AS db_rows_examined,"
    " sum(thread_id) AS thread_id, sum(CAST(round(duration_sec * 1e6) AS HUGEINT)) AS duration_sec,"
    " sum(strlen(db_query_text)) AS sql_bytes FROM aurora_slowquery_logs"
)


class NotEqual(RuntimeError):
    """The records are not the log's: no figure is given (PERF-43)."""


class Bench(NamedTuple):
    """One run: its folder, how many rounds, the core of ours and the yardsticks, the fields that are not checked."""

    folder: Path
    rounds: int
    core: int
    other_core: int
    skipped: tuple[str, ...]


def _workload(truth: dict[str, Any]) -> str:
    return f"{truth['kind']} {truth['bytes'] / 1e6:.0f} MB, {truth['bytes'] / truth['entries']:.0f} B an entry"


def _in_turn(bench: Bench, ours: list[str], yardsticks: dict[str, list[str]]) -> dict[str, Comparison]:
    """Run ours and every yardstick once a round; each pair is of one round."""
    mine: list[Cost] = []
    others: dict[str, list[Cost]] = {name: [] for name in yardsticks}
    for _ in range(bench.rounds):
        mine.append(cost_of(ours, bench.core))
        for name, command in yardsticks.items():
            others[name].append(cost_of(command, bench.core))
    return {name: paired(mine, costs) for name, costs in others.items()}


def parse_rows(bench: Bench, log: Path, truth: dict[str, Any], bounds: dict[str, Bounds]) -> list[Row]:
    """Log → typed NDJSON → gzip against `gzip -1` of the log and, where installed, the peer of that log.

    Raises: NotEqual when the NDJSON does not hold exactly the generator's entries.
    """
    out = bench.folder / f"{log.name}.ndjson.gz"
    ours = commands.parse(log, out)
    cost_of(ours, bench.core)
    told = differences(truth, read_back(records_of(out), truth["fields"]), bench.skipped)
    if told:
        raise NotEqual(f"parse of {log.name}: " + "; ".join(told))
    peer_name = "pgbadger -j1" if truth["kind"] == "postgresql" else "pt-query-digest --no-report"
    peer = {"slow": commands.pt_query_digest, "slow_extra": commands.pt_query_digest, "postgresql": commands.pgbadger}
    peer_command = peer[truth["kind"]](log) if truth["kind"] in peer else None
    yardsticks = {"gzip -1": commands.gzip_1(log)}
    if peer_command:
        yardsticks[peer_name] = peer_command
    found = _in_turn(bench, ours, yardsticks)
    rows = [Row("parse", _workload(truth), name, found[name], bounds.get(name, Bounds())) for name in found]
    if truth["kind"] in peer and not peer_command:
        rows.append(Row("parse", _workload(truth), peer_name, None, Bounds(), "not installed"))
    return rows


@contextmanager
def _simulator(bench: Bench, served: Path) -> Iterator[str]:
    """The simulator in a process of its own, on the other core; gives its endpoint."""
    said = bench.folder / "simulator.log"
    with said.open("wb") as sink:
        process = subprocess.Popen(commands.simulator(served), stdout=subprocess.PIPE, stderr=sink)
    assert process.stdout is not None
    try:
        os.sched_setaffinity(process.pid, {bench.other_core})
        ready = process.stdout.readline()  # a process that dies closes its output, so this ends in any case
        if not ready:
            raise CommandFailed(f"the simulator does not start: {said.read_text()[-600:]}")
        yield str(json.loads(ready)["endpoint"])
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def _stored(endpoint: str, data_dir: Path) -> dict[str, Any]:
    """Count what the data directory holds through `query`: views, batch files and Parquet are all in the check."""
    environment = {**os.environ, **commands.run_environment(endpoint, data_dir)}
    asked = subprocess.run(commands.query(_SUMS), env=environment, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise CommandFailed(f"query: exit {asked.returncode}: {asked.stderr.strip()[-600:]}")
    found: dict[str, Any] = json.loads(asked.stdout)
    return found


def _check_stored(truth: dict[str, Any], found: dict[str, Any], where: str) -> None:
    wanted = {name: truth["fields"][name][1] for name in ("db_rows_examined", "thread_id", "duration_sec", SQL_BYTES)}
    wanted |= {"entries": truth["entries"], "ids": truth["entries"]}
    told = [
        f"{name}: {value} written, {found.get(name)} stored"
        for name, value in wanted.items()
        if int(found.get(name) or 0) != value
    ]
    if told:
        raise NotEqual(f"{where}: " + "; ".join(told))


def ingest_rows(bench: Bench, log: Path, truth: dict[str, Any], ingest: Bounds, compact: Bounds) -> list[Row]:
    """`run --once` on the log by portions, then the compaction of what it stored; both against `gzip -1` of the log.

    Raises: NotEqual when `query` does not find exactly the generator's entries, after the run or after the compaction.
    """
    served = bench.folder / "served"
    live = served / commands.INSTANCE / commands.LIVE_NAME
    live.parent.mkdir(parents=True, exist_ok=True)
    live.unlink(missing_ok=True)
    os.link(log, live)
    runs: list[Cost] = []
    compactions: list[Cost] = []
    gzips: list[Cost] = []
    with _simulator(bench, served) as endpoint:
        for number in range(bench.rounds):
            data_dir = bench.folder / "data"
            shutil.rmtree(data_dir, ignore_errors=True)
            runs.append(
                cost_of(commands.run_once(), bench.core, environment=commands.run_environment(endpoint, data_dir))
            )
            gzips.append(cost_of(commands.gzip_1(log), bench.core))
            if number == 0:
                _check_stored(truth, _stored(endpoint, data_dir), "ingest")
            compactions.append(cost_of(commands.compaction(data_dir), bench.core))
            if number == 0:
                _check_stored(truth, _stored(endpoint, data_dir), "compaction")
    return [
        Row("ingest", _workload(truth), "gzip -1", paired(runs, gzips), ingest),
        Row("compaction", _workload(truth), "gzip -1", paired(compactions, gzips), compact),
    ]
