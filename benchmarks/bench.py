"""`make bench`: paired CPU ratios of the product against yardsticks, equality first.

What is measured, each row at least 5 times in turn with its yardsticks on one core:
  parse       log -> NDJSON -> gzip against gzip -1 and pt-query-digest (slow log), pgBadger (PostgreSQL log)
  ingest      `run --once` by portions from the simulator in another process; then the compaction of what it stored
  memory      the same with a log of 1 GB, once: how much stays resident

It takes about ten minutes on two cores, one without peers, and ends after --minutes in any case.

Exit codes: 0 all bounds hold; 1 a bound is broken; 3 records differ from the log (no figure of that row);
4 the machine is too noisy; 5 a measured command failed, or the time is over.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import commands
from generate import KINDS, generate
from paired import LEAST_PAIRS, NOISE_LIMIT, CommandFailed, compare, is_quiet
from report import Bounds, Row, save, table
from rows import Bench, NotEqual, ingest_rows, memory_row, parse_rows

QUICK_MB = 20.0
FULL_MB = 200.0
MEMORY_MB = 1000.0
LEVELS = ("parse", "ingest", "memory")


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    quick = f"logs of {QUICK_MB:g} MB and no memory row; start-up weighs more, so bounds are shown, not judged"
    add("--quick", action="store_true", help=quick)
    add("--mb", type=float, help=f"size of each log in MB, instead of {FULL_MB:g} or {QUICK_MB:g}")
    add("--memory-mb", type=float, default=MEMORY_MB, help="size of the log of the memory row")
    add("--seed", default="1", help="seed of the generated logs")
    add("--pairs", type=int, default=LEAST_PAIRS, help=f"rounds, at least {LEAST_PAIRS}")
    add("--minutes", type=float, default=30.0, help="end of the whole run (default 30)")
    add("--only", choices=LEVELS, action="append", help="measure only this; may be repeated")
    add("--kinds", nargs="+", choices=KINDS, default=["slow", "postgresql"], help="logs of the parse rows")
    folder = "where logs and outputs lie and are found again (default: a folder in the temporary one)"
    add("--folder", type=Path, help=folder)
    add("--core", type=int, default=max(os.sched_getaffinity(0)), help="core of ours and the yardsticks")
    skip = "leave a record field out of the equality check"
    add("--skip-field", action="append", default=[], metavar="FIELD", help=skip)
    add("--save", metavar="NAME", help="store the result as benchmarks/results/<date>-NAME.json")
    add("--noise-limit", type=float, default=NOISE_LIMIT, help="gzip -1 against itself may differ from 1 by this")
    add("--parse-gzip", type=float, default=1.6, help="bound: parse / gzip -1, CPU, slow log")
    add("--parse-peer", type=float, default=9.0, help="bound: pt-query-digest / parse, CPU, at least")
    add("--postgresql-peer", type=float, default=10.0, help="bound: pgBadger / parse, CPU, at least")
    add("--parse-rss", type=float, default=64.0, help="bound: resident MiB of parse")
    add("--ingest-gzip", type=float, default=2.2, help="bound: ingest / gzip -1, CPU")
    add("--ingest-rss", type=float, default=128.0, help="bound: resident MiB of ingest, also with the log of 1 GB")
    add("--compact-gzip", type=float, default=1.5, help="bound: compaction / gzip -1, CPU")
    add("--compact-rss", type=float, default=256.0, help="bound: resident MiB of compaction")
    return parser.parse_args(arguments)


def _parse_bounds(asked: argparse.Namespace, kind: str) -> dict[str, Bounds]:
    return {
        "slow": {"gzip -1": Bounds(asked.parse_gzip, asked.parse_rss), commands.PEERS["slow"]: Bounds(1 / asked.parse_peer)},
        "postgresql": {"gzip -1": Bounds(None, asked.parse_rss), commands.PEERS["postgresql"]: Bounds(1 / asked.postgresql_peer)},
    }.get(kind, {})  # fmt: skip


def _generated(asked: argparse.Namespace, bench: Bench, kind: str, mb: float) -> tuple[Path, dict[str, object]]:
    log = bench.folder / f"{kind}-{mb:g}mb-{asked.seed}.log"
    return log, generate(kind, mb, asked.seed, log)


def _measured(asked: argparse.Namespace, bench: Bench, mb: float, level: str) -> list[Row]:
    """Measure one level. Raises: NotEqual, CommandFailed."""
    if level == "parse":
        rows = []
        for kind in asked.kinds:
            rows += parse_rows(bench, *_generated(asked, bench, kind, mb), _parse_bounds(asked, kind))
        return rows
    if level == "memory":
        return [memory_row(bench, *_generated(asked, bench, "slow", asked.memory_mb), Bounds(None, asked.ingest_rss))]
    bounds = Bounds(asked.ingest_gzip, asked.ingest_rss), Bounds(asked.compact_gzip, asked.compact_rss)
    return ingest_rows(bench, *_generated(asked, bench, "slow", mb), *bounds)


def _exit_code(rows: list[Row], failures: list[RuntimeError]) -> int:
    if any(isinstance(failure, NotEqual) for failure in failures):
        return 3
    if failures:
        return 5
    return 1 if any(row.broken for row in rows) else 0


def main(arguments: list[str]) -> int:
    """Run the command line."""
    asked = _arguments(arguments)
    until_sec = time.monotonic() + 60 * asked.minutes
    mb = asked.mb or (QUICK_MB if asked.quick else FULL_MB)
    folder = asked.folder or Path(tempfile.gettempdir()) / "aurora-logs-bench"
    folder.mkdir(parents=True, exist_ok=True)
    cores = sorted(os.sched_getaffinity(0))
    other = next((core for core in cores if core != asked.core), asked.core)
    bench = Bench(folder, max(asked.pairs, LEAST_PAIRS), asked.core, other, tuple(asked.skip_field), until_sec)
    gzip = commands.gzip_1(_generated(asked, bench, "slow", mb)[0])
    noise = compare(gzip, gzip, pairs=LEAST_PAIRS, core=asked.core)
    print(f"gzip -1 against itself: {noise.ratio:.3f}")
    if not is_quiet(noise, asked.noise_limit):
        print("too noisy: no figure is given; wait for a quieter machine", file=sys.stderr)
        return 4
    rows: list[Row] = []
    failures: list[RuntimeError] = []
    levels = asked.only or (LEVELS[:2] if asked.quick else LEVELS)
    for level in levels:  # a level that fails is told, and the others go on
        try:
            rows += _measured(asked, bench, mb, level)
        except (NotEqual, CommandFailed) as failed:
            failures.append(failed)
    if asked.quick:
        rows = [row._replace(bounds=Bounds()) for row in rows]
    print(table(rows))
    for failure in failures:
        print(f"{type(failure).__name__}: {failure}", file=sys.stderr)
    if asked.save and rows and not failures:
        print(f"stored: {save(rows, asked.save)}")
    return _exit_code(rows, failures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
