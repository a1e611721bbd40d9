"""`make bench`: paired CPU ratios of the product against yardsticks, equality first. See --help for what is measured.

Exit codes: 0 all bounds hold; 1 a bound is broken; 3 records differ from the log (no figure of that row);
4 the machine is too noisy; 5 a measured command failed.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import commands
from generate import KINDS, generate
from paired import LEAST_PAIRS, NOISE_LIMIT, compare, is_quiet
from report import Bounds, Row, save, table
from rows import Bench, NotEqual, ingest_rows, parse_rows

QUICK_MB = 20.0
FULL_MB = 200.0
LEVELS = ("parse", "ingest")


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add(
        "--quick",
        action="store_true",
        help="20 MB instead of 200; start-up weighs more, so bounds are shown, not judged",
    )
    add("--mb", type=float, help="size of each log in MB, instead of 200 or 20")
    add("--seed", default="1", help="seed of the generated logs")
    add("--pairs", type=int, default=LEAST_PAIRS, help="rounds, at least 5")
    add("--only", choices=LEVELS, action="append", help="measure only this; may be repeated")
    add("--kinds", nargs="+", choices=KINDS, default=["slow"], help="logs of the parse rows (default: slow)")
    add(
        "--ingest-mb",
        type=float,
        help="size of the ingested log, e.g. 1000 for the memory bound; default: as the others",
    )
    add(
        "--folder",
        type=Path,
        help="where logs and outputs lie and are found again (default: a folder in the temporary one)",
    )
    add("--core", type=int, default=max(os.sched_getaffinity(0)), help="core of ours and the yardsticks")
    add(
        "--skip-field",
        action="append",
        default=[],
        metavar="FIELD",
        help="leave a record field out of the equality check",
    )
    add("--save", metavar="NAME", help="store the result as benchmarks/results/<date>-NAME.json")
    add("--noise-limit", type=float, default=NOISE_LIMIT, help="gzip -1 against itself may differ from 1 by this")
    add("--parse-gzip", type=float, default=1.6, help="bound: parse ÷ gzip -1, CPU")
    add("--parse-peer", type=float, default=9.0, help="bound: pt-query-digest ÷ parse, CPU, at least")
    add("--parse-rss", type=float, default=64.0, help="bound: resident MiB of parse")
    add("--ingest-gzip", type=float, default=2.2, help="bound: ingest ÷ gzip -1, CPU")
    add("--ingest-rss", type=float, default=128.0, help="bound: resident MiB of ingest")
    add("--compact-gzip", type=float, default=1.5, help="bound: compaction ÷ gzip -1, CPU")
    add("--compact-rss", type=float, default=256.0, help="bound: resident MiB of compaction")
    return parser.parse_args(arguments)


def _parse_bounds(asked: argparse.Namespace, kind: str, *, judged: bool) -> dict[str, Bounds]:
    """The bounds that the issue names are for the slow log; other kinds are shown only."""
    if not judged or kind != "slow":
        return {}
    return {
        "gzip -1": Bounds(asked.parse_gzip, asked.parse_rss),
        "pt-query-digest --no-report": Bounds(1 / asked.parse_peer),
    }


def _log(folder: Path, kind: str, mb: float, seed: str) -> Path:
    return folder / f"{kind}-{mb:g}mb-{seed}.log"


def _measured(asked: argparse.Namespace, bench: Bench, mb: float, *, judged: bool) -> tuple[list[Row], list[str]]:
    """Measure everything that was asked; a part that fails is told, and the others go on."""
    rows: list[Row] = []
    failures: list[str] = []
    wanted = asked.only or LEVELS
    for kind in asked.kinds if "parse" in wanted else []:
        log = _log(bench.folder, kind, mb, asked.seed)
        truth = generate(kind, mb, asked.seed, log)
        try:
            rows += parse_rows(bench, log, truth, _parse_bounds(asked, kind, judged=judged))
        except RuntimeError as failed:
            failures.append(f"{type(failed).__name__}: {failed}")
    if "ingest" in wanted:
        ingest_mb = asked.ingest_mb or mb
        log = _log(bench.folder, "slow", ingest_mb, asked.seed)
        truth = generate("slow", ingest_mb, asked.seed, log)
        bounds = (Bounds(asked.ingest_gzip, asked.ingest_rss), Bounds(asked.compact_gzip, asked.compact_rss))
        try:
            rows += ingest_rows(bench, log, truth, *(bounds if judged else (Bounds(), Bounds())))
        except RuntimeError as failed:
            failures.append(f"{type(failed).__name__}: {failed}")
    return rows, failures


def _exit_code(rows: list[Row], failures: list[str]) -> int:
    if any(failure.startswith(NotEqual.__name__) for failure in failures):
        return 3
    if failures:
        return 5
    return 1 if any(row.broken for row in rows) else 0


def main(arguments: list[str]) -> int:
    """Run the command line."""
    asked = _arguments(arguments)
    mb = asked.mb or (QUICK_MB if asked.quick else FULL_MB)
    folder = asked.folder or Path(tempfile.gettempdir()) / "aurora-logs-bench"
    folder.mkdir(parents=True, exist_ok=True)
    cores = sorted(os.sched_getaffinity(0))
    other = next((core for core in cores if core != asked.core), asked.core)
    bench = Bench(folder, max(asked.pairs, LEAST_PAIRS), asked.core, other, tuple(asked.skip_field))
    yardstick_log = _log(folder, "slow", mb, asked.seed)
    generate("slow", mb, asked.seed, yardstick_log)
    gzip = commands.gzip_1(yardstick_log)
    noise = compare(gzip, gzip, pairs=LEAST_PAIRS, core=asked.core)
    print(f"gzip -1 against itself: {noise.ratio:.3f}")
    if not is_quiet(noise, asked.noise_limit):
        print("too noisy: no figure is given; wait for a quieter machine", file=sys.stderr)
        return 4
    rows, failures = _measured(asked, bench, mb, judged=not asked.quick)
    print(table(rows))
    for failure in failures:
        print(failure, file=sys.stderr)
    if asked.save and rows and not failures:
        print(f"stored: {save(rows, asked.save)}")
    return _exit_code(rows, failures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
