"""Paired timing: A B A B … on one core, user + system CPU of the finished child, median of the pairwise ratios.

    python benchmarks/paired.py --pairs 5 --a "gzip -1 -c FILE" --b "md5sum FILE"

Absolute times of a shared machine move by a quarter from run to run; the ratio of neighbours does not
(performance.md §11.2).
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

LEAST_PAIRS = 5
NOISE_LIMIT = 0.05  # A against A must lie within 1 ± this (PERF-46)
_MEASURE = Path(__file__).with_name("measure.py")


class CommandFailed(RuntimeError):
    """A measured command did not end with exit code 0."""


class Cost(NamedTuple):
    """What one run of a command cost. `cpu_sec` is user + system of the process and of the children it waited for."""

    cpu_sec: float
    max_rss_mib: float


class Comparison(NamedTuple):
    """A against B: the pairwise ratios A ÷ B of CPU time, and the costs behind them."""

    ratios: list[float]
    a: list[Cost]
    b: list[Cost]

    @property
    def ratio(self) -> float:
        """Median of the pairwise ratios."""
        return median(self.ratios)


def cost_of(
    command: Sequence[str], core: int, *, environment: Mapping[str, str] | None = None, until_sec: float | None = None
) -> Cost:
    """Run `command` on `core` to its end; its standard output goes nowhere.

    until_sec: the monotonic second at which it is stopped. Raises: CommandFailed with the end of its standard error.
    """
    launcher = [sys.executable, "-I", "-S", str(_MEASURE), str(core), os.devnull, *command]
    # what an installed program finds at its start: modules compiled by an earlier one
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        launcher, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**kept, **(environment or {})},
        start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=None if until_sec is None else max(until_sec - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"{shlex.join(command)}: stopped, the time of the whole run is over") from late
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    printed = out.split()
    if process.returncode or len(printed) != 4 or printed[3] != "0":
        code = printed[3] if len(printed) == 4 else process.returncode
        raise CommandFailed(f"{shlex.join(command)}: exit {code}: {err.strip()[-600:]}")
    return Cost(float(printed[0]) + float(printed[1]), int(printed[2]) / 1024)


def compare(a: Sequence[str], b: Sequence[str], *, pairs: int, core: int) -> Comparison:
    """Run A and B in turn, `pairs` times, at least LEAST_PAIRS, and pair neighbours."""
    costs_a, costs_b = [], []
    for _ in range(max(pairs, LEAST_PAIRS)):
        costs_a.append(cost_of(a, core))
        costs_b.append(cost_of(b, core))
    return paired(costs_a, costs_b)


def paired(costs_a: list[Cost], costs_b: list[Cost]) -> Comparison:
    """Pair the runs of the same rounds."""
    ratios = [one.cpu_sec / other.cpu_sec for one, other in zip(costs_a, costs_b, strict=True)]
    return Comparison(ratios, costs_a, costs_b)


def is_quiet(noise: Comparison, limit: float = NOISE_LIMIT) -> bool:
    """Tell if A against A came out as 1, within `limit`."""
    return abs(noise.ratio - 1) <= limit


def main(arguments: list[str]) -> int:
    """Run the command line: exit 0 with a ratio, 4 when the machine is too noisy for one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--a", required=True, help="command A, as one shell word list (no shell is used)")
    parser.add_argument("--b", required=True, help="command B")
    parser.add_argument("--pairs", type=int, default=LEAST_PAIRS, help=f"pairs, at least {LEAST_PAIRS}")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="the core that both run on")
    parser.add_argument("--noise-limit", type=float, default=NOISE_LIMIT, help="B against B may differ from 1 by this")
    asked = parser.parse_args(arguments)
    a, b = shlex.split(asked.a), shlex.split(asked.b)
    noise = compare(b, b, pairs=asked.pairs, core=asked.core)
    quiet = is_quiet(noise, asked.noise_limit)
    print(f"B against B: {noise.ratio:.3f} ({'quiet' if quiet else 'too noisy'})")
    if not quiet:
        return 4
    result = compare(a, b, pairs=asked.pairs, core=asked.core)
    print(f"A against B: {result.ratio:.3f} (lowest {min(result.ratios):.3f}, highest {max(result.ratios):.3f})")
    for name, costs in (("A", result.a), ("B", result.b)):
        cpu_sec, resident = median(cost.cpu_sec for cost in costs), max(cost.max_rss_mib for cost in costs)
        print(f"{name}: {cpu_sec:.2f} s CPU, {resident:.0f} MiB resident")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CommandFailed as failed:
        sys.exit(f"no figure: {failed}")
