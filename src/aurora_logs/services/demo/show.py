"""The course of the demo: load, faults, two kills, the end of the load, and the proof."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from aurora_logs.adapters.embedded.directory import DataDirectory, open_beside
from aurora_logs.adapters.embedded.state_store import SqliteStateStore
from aurora_logs.errors import AuroraLogsError
from aurora_logs.services.demo.proof import Proof, compare, physical_tokens
from aurora_logs.services.demo.world import Collector, Simulator

ENTRIES = 52_000  # a little more than the promise of 50,000, so that losses by the server don't end the demo
LEAST_ENTRIES, LEAST_BYTES, LEAST_ROTATIONS = 50_000, 20_000_000, 2
SPEED = 360  # log seconds a real second: an hour in ten
START_LOG_TIME_MINUTE = 20
ENTRIES_PER_SEC = 290  # of each of the six instances: the load takes about 30 s
KILL_AT = (0.3, 0.65)  # share of the load that is written when each kill strikes
KILL_WAIT_SEC = 8.0  # how long a kill waits for its moment
FAIL_OVER_AT = 0.5
SINK_AWAY_AT, SINK_AWAY_SEC = (0.1, 0.2, 0.4, 0.45, 0.75, 0.8), 0.7  # tried until a ship met it
WHOLE_SEC = 120.0  # the demo gives up after this; it should end in less than 60
# --fault NAME=PROBABILITY of the simulator; the failover is asked for once
FAULTS = {"throttle": 0.03, "line_truncated": 0.05, "ends_early": 0.25}
SETTINGS = {
    "DISCOVERY_INTERVAL_SEC": "1.5", "RDS_API_RATE_LIMIT": "40", "BATCH_TIMEOUT_SEC": "1", "RETRY_BACKOFF_SEC": "0.2",
    "MAX_CONCURRENCY": "4", "LOG_LEVEL": "INFO",
}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo showed. `problems`: why it is not a proof; empty when all held."""

    proof: Proof
    problems: list[str]
    kills: int
    rotations: int
    struck: dict[str, int]
    calls: dict[str, int]
    bytes_written: int
    took_sec: float
    data_dir: str


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Where the demo stands, for its progress display."""

    written: int
    of_entries: int
    delivered: int
    kills: int
    doing: str


def show(data_dir: Path, seed: str, on_moment: Callable[[Moment], None]) -> Result:
    """Run the demo and compare. Raises: Unreachable when a process can't be started."""
    data_dir.mkdir(parents=True, exist_ok=True)
    started_sec = time.monotonic()
    options = ["--instances", "demo", "--speed", str(SPEED), "--seed", seed, "--entries-per-sec", str(ENTRIES_PER_SEC),
               "--most-entries", str(ENTRIES), "--calls-per-sec", "45", "--start", _start(),
               *(word for name, chance in FAULTS.items() for word in ("--fault", f"{name}={chance}"))]
    with Simulator(options, data_dir / "simulator.log") as simulator:
        collector = Collector(simulator.endpoint, data_dir, SETTINGS, data_dir / "collector.log")
        collector.start()
        try:
            kills, is_sink_struck = _course(simulator, collector, data_dir, started_sec, on_moment)
            problems = [] if is_sink_struck else ["the sink's outage met no ship"]
            problems += _wait_until_delivered(simulator, collector, data_dir, started_sec, kills, on_moment)
        finally:
            collector.stop()
        return _result(simulator, data_dir, kills, problems, started_sec)


def _start() -> str:
    """Log time of the start: today, some minutes past the hour, so that rotations come at known times."""
    now = time.gmtime()
    return f"{now.tm_year:04}-{now.tm_mon:02}-{now.tm_mday:02}T06:{START_LOG_TIME_MINUTE:02}:00+00:00"


def _course(simulator: Simulator, collector: Collector, data_dir: Path, started_sec: float,
            on_moment: Callable[[Moment], None]) -> tuple[int, bool]:
    """Drive load and faults until the load ends; return the kills, and whether the sink's outage met a ship."""
    kills, tried, has_failed_over, is_sink_struck = 0, 0, False, False
    outages = list(SINK_AWAY_AT)
    while time.monotonic() - started_sec < WHOLE_SEC:
        load = simulator.get("load")
        share = load["entries"] / ENTRIES
        if not has_failed_over and share >= FAIL_OVER_AT:
            simulator.post("failover", {"cluster": "shop"})
            has_failed_over = True
        if not is_sink_struck and outages and share >= outages[0]:
            outages.pop(0)
            is_sink_struck = collector.take_sink_away(SINK_AWAY_SEC)
        if tried < len(KILL_AT) and share >= KILL_AT[tried] and collector.is_alive():
            kills += collector.kill_between_ship_and_advance(time.monotonic() + KILL_WAIT_SEC)
            tried += 1
            collector.start()
        on_moment(Moment(written=load["entries"], of_entries=ENTRIES, delivered=_delivered(data_dir), kills=kills,
                         doing="collecting under load"))
        if not load["is_writing"]:
            break
        time.sleep(0.25)
    return kills, is_sink_struck


def _wait_until_delivered(simulator: Simulator, collector: Collector, data_dir: Path, started_sec: float, kills: int,
                          on_moment: Callable[[Moment], None]) -> list[str]:
    """Wait until every listed byte is delivered; time stands nearly still, so that no file rotates any more."""
    simulator.post("clock", {"speed": 1})
    behind: list[str] = []
    while time.monotonic() - started_sec < WHOLE_SEC:
        if not collector.is_alive():
            return [f"the collecting process ended by itself; see {data_dir / 'collector.log'}"]
        behind = _behind(simulator, data_dir)
        if not behind:
            return []
        on_moment(Moment(written=ENTRIES, of_entries=ENTRIES, delivered=_delivered(data_dir), kills=kills,
                         doing=f"{len(behind)} files behind"))
        time.sleep(0.25)
    return [f"not delivered in {WHOLE_SEC:.0f} s: {', '.join(behind[:5])}"]


def _behind(simulator: Simulator, data_dir: Path) -> list[str]:
    listed = {(one["identifier"], name): size for one in simulator.get("instances") for name, size in one["files"].items()}
    done = {(row.instance_id, row.log_file_name): row.delivered_bytes if row.status == "completed" else -1
            for row in _rows(data_dir)}
    return [f"{key[0]} {key[1]}" for key, size in listed.items()
            if size and not key[1].startswith("error/mysql-error.log") and done.get(key, -1) < size]


def _rows(data_dir: Path) -> list[Any]:
    try:
        database = open_beside(data_dir)
    except AuroraLogsError:
        return []
    try:
        return SqliteStateStore(database).all_tracked()
    finally:
        database.close()


def _delivered(data_dir: Path) -> int:
    return sum(row.records for row in _rows(data_dir))


def _result(simulator: Simulator, data_dir: Path, kills: int, problems: list[str], started_sec: float) -> Result:
    ledger = simulator.get("ledger?entries=1")
    counts, records = physical_tokens(DataDirectory(data_dir))
    database = open_beside(data_dir)
    try:
        state = SqliteStateStore(database)
        proof = compare(ledger, counts, records, state.dead_letters(gaps=True), state.dead_letters())
    finally:
        database.close()
    report, faults = simulator.get("calls"), simulator.get("faults")["struck"]
    rotations = _rotations(ledger)
    return Result(proof=proof, problems=[*problems, *proof.problems, *_load_problems(ledger, rotations, faults, report, kills)],
                  kills=kills, rotations=rotations, struck=faults, calls=_calls(report),
                  bytes_written=ledger["totals"]["bytes_written"], took_sec=time.monotonic() - started_sec,
                  data_dir=str(data_dir))


def _rotations(ledger: Mapping[str, Any]) -> int:
    """The least number of rotations that a live file saw."""
    segments: dict[tuple[str, str], int] = {}
    for book in ledger["files"]:
        key = book["instance"], book["log_type"]
        segments[key] = segments.get(key, 0) + 1
    return min(segments.values(), default=1) - 1


def _calls(report: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(count) for name, count in report["calls"].items()}


def _load_problems(ledger: Mapping[str, Any], rotations: int, struck: Mapping[str, int], report: Mapping[str, Any],
                   kills: int) -> list[str]:
    """The load is part of the promise: without it the proof would mean little."""
    del report
    totals = ledger["totals"]
    problems = []
    if totals["entries_written"] < LEAST_ENTRIES or totals["bytes_written"] < LEAST_BYTES:
        problems.append(f"too little load: {totals['entries_written']:,} entries, {totals['bytes_written']:,} bytes")
    if rotations < LEAST_ROTATIONS:
        problems.append(f"too few rotations: {rotations}")
    problems += [f"the fault {name} never struck" for name in FAULTS if not struck.get(name)]
    if kills < len(KILL_AT):
        problems.append(f"only {kills} of {len(KILL_AT)} kills struck between a ship and its advance")
    return problems


def own_directory() -> Path:
    """Return a fresh directory for one demo, below the temporary directory of this machine."""
    import tempfile  # noqa: PLC0415

    return Path(tempfile.mkdtemp(prefix="aurora-logs-demo-", dir=os.environ.get("TMPDIR")))
