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
    """One run: its folder, how many rounds, the core of ours and the yardsticks, the fields that are not checked, its end."""

    folder: Path
    rounds: int
    core: int
    other_core: int
    skipped: tuple[str, ...]
    until_sec: float

    def cost_of(self, command: list[str], environment: dict[str, str] | None = None) -> Cost:
        """Run a command on our core. Raises: CommandFailed, also when the time of the whole run is over."""
        return cost_of(command, self.core, environment=environment, until_sec=self.until_sec)


def _workload(truth: dict[str, Any]) -> str:
    return f"{truth['kind']} {truth['bytes'] / 1e6:.0f} MB, {truth['bytes'] / truth['entries']:.0f} B an entry"


def _in_turn(bench: Bench, ours: list[str], yardsticks: dict[str, list[str]]) -> dict[str, Comparison]:
    """Run ours and every yardstick once a round; each pair is of one round."""
    mine: list[Cost] = []
    others: dict[str, list[Cost]] = {name: [] for name in yardsticks}
    for _ in range(bench.rounds):
        mine.append(bench.cost_of(ours))
        for name, command in yardsticks.items():
            others[name].append(bench.cost_of(command))
    return {name: paired(mine, costs) for name, costs in others.items()}


def parse_rows(bench: Bench, log: Path, truth: dict[str, Any], bounds: dict[str, Bounds]) -> list[Row]:
    """Log → typed NDJSON → gzip against `gzip -1` of the log and, where installed, the peer of that log.

    The output of the first run is checked; then that of ours goes to /dev/null like that of all the others.
    Raises: NotEqual when the NDJSON does not hold exactly the generator's entries.
    """
    out = bench.folder / f"{log.name}.ndjson.gz"
    bench.cost_of(commands.parse(log, out))
    told = differences(truth, read_back(records_of(out), truth["fields"]), bench.skipped)
    if told:
        raise NotEqual(f"parse of {log.name}: " + "; ".join(told))
    peer_name = commands.PEERS.get(truth["kind"])
    peer = commands.peer(truth["kind"], log) if peer_name else None
    yardsticks = {"gzip -1": commands.gzip_1(log)}
    if peer_name and peer:
        yardsticks[peer_name] = peer
    found = _in_turn(bench, commands.parse(log, Path(os.devnull)), yardsticks)
    rows = [Row("parse", _workload(truth), name, found[name], bounds.get(name, Bounds())) for name in found]
    if peer_name and not peer:
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


def _served(bench: Bench, log: Path) -> Path:
    """Lay the log out as the live file of one instance; give the folder that the simulator serves."""
    served = bench.folder / "served"
    live = served / commands.INSTANCE / commands.LIVE_NAME
    live.parent.mkdir(parents=True, exist_ok=True)
    live.unlink(missing_ok=True)
    os.link(log, live)
    return served


def ingest_rows(bench: Bench, log: Path, truth: dict[str, Any], ingest: Bounds, compact: Bounds) -> list[Row]:
    """`run --once` on the log by portions, then the compaction of what it stored; both against `gzip -1` of the log.

    Raises: NotEqual when `query` does not find exactly the generator's entries, after the run or after the compaction.
    """
    runs: list[Cost] = []
    compactions: list[Cost] = []
    gzips: list[Cost] = []
    data_dir = bench.folder / "data"
    with _simulator(bench, _served(bench, log)) as endpoint:
        for number in range(bench.rounds):
            shutil.rmtree(data_dir, ignore_errors=True)
            runs.append(bench.cost_of(commands.run_once(), commands.run_environment(endpoint, data_dir)))
            gzips.append(bench.cost_of(commands.gzip_1(log)))
            if number == 0:
                _check_stored(truth, _stored(endpoint, data_dir), "ingest")
            compactions.append(bench.cost_of(commands.compaction(data_dir)))
            if number == 0:
                _check_stored(truth, _stored(endpoint, data_dir), "compaction")
    shutil.rmtree(data_dir)
    return [
        Row("ingest", _workload(truth), "gzip -1", paired(runs, gzips), ingest),
        Row("compaction", _workload(truth), "gzip -1", paired(compactions, gzips), compact),
    ]


def memory_row(bench: Bench, log: Path, truth: dict[str, Any], bounds: Bounds) -> Row:
    """One `run --once` on a large log: what stays resident must not grow with the file. Raises: NotEqual."""
    data_dir = bench.folder / "data"
    shutil.rmtree(data_dir, ignore_errors=True)
    with _simulator(bench, _served(bench, log)) as endpoint:
        run = bench.cost_of(commands.run_once(), commands.run_environment(endpoint, data_dir))
        _check_stored(truth, _stored(endpoint, data_dir), "memory")
    shutil.rmtree(data_dir)
    return Row("ingest", _workload(truth), "gzip -1", paired([run], [bench.cost_of(commands.gzip_1(log))]), bounds, "one run")
