"""Runs every "It is done when" line of an issue on a clean clone: `python -m tools.accept first-light [LINE…]`.

Prints id, figure, bound and verdict of each line, then `N passed, N failed`. The lines only call what the Makefile and
the tests offer; nothing is measured here that a person could not run by hand.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
DEMO_WITHIN_SEC = 60.0
TEST_WITHIN_SEC = 20 * 60.0
PIPELINE_LINES = 120
PLANTED = ("MUT-01", "MUT-02", "MUT-08", "MUT-09")


class Outcome(NamedTuple):
    """What one line came to: figure as printed, and whether the bound holds."""

    figure: str
    holds: bool


class Line(NamedTuple):
    """One "It is done when" line. bound: as the issue says it."""

    id: str
    bound: str
    run: Callable[[Path], Outcome]


class Ran(NamedTuple):
    """A command that has ended. took_sec: wall clock."""

    code: int
    output: str
    took_sec: float


def command(clone: Path, *words: str) -> Ran:
    """Run a command in the clone; keep what it says in build/accept.log."""
    started_sec = time.monotonic()
    answer = subprocess.run(words, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            stdin=subprocess.DEVNULL, check=False, errors="replace")
    log = clone / "build" / "accept.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("a", encoding="utf-8") as sink:
        sink.write(f"$ {' '.join(words)}\n{answer.stdout}\n[exit {answer.returncode}]\n")
    return Ran(answer.returncode, answer.stdout, time.monotonic() - started_sec)


def tests(*selection: str) -> Callable[[Path], Outcome]:
    """Make a line of pytest: it holds when something ran, all of it passed, and nothing was skipped."""

    def run(clone: Path) -> Outcome:
        ran = command(clone, ".venv/bin/python", "-m", "pytest", "-q", *selection)
        counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)", ran.output)}
        figure = ", ".join(f"{number} {word}" for word, number in counts.items()) or f"exit {ran.code}"
        return Outcome(figure, ran.code == 0 and counts.get("passed", 0) > 0 and not counts.get("skipped"))

    return run


def both(*parts: Callable[[Path], Outcome]) -> Callable[[Path], Outcome]:
    """Make a line of several: all of them run, and all must hold."""

    def run(clone: Path) -> Outcome:
        outcomes = [part(clone) for part in parts]
        return Outcome("; ".join(outcome.figure for outcome in outcomes), all(outcome.holds for outcome in outcomes))

    return run


def demo(clone: Path) -> Outcome:
    """The demo after set-up."""
    ran = command(clone, "make", "demo")
    return Outcome(f"exit {ran.code} in {ran.took_sec:.0f} s", ran.code == 0 and ran.took_sec <= DEMO_WITHIN_SEC)


def planted_demos(clone: Path) -> Outcome:
    """The demo on patched copies of the source: each must fail."""
    ran = command(clone, ".venv/bin/python", "-m", "pytest", "-q", "-s", "tests/mutations/test_demo.py")
    found = [mutation for mutation in PLANTED if re.search(rf"{mutation}\b.*exit [1-9]", ran.output)]
    return Outcome(f"demo fails with {', '.join(found) or 'none'}", ran.code == 0 and len(found) == len(PLANTED))


def whole_test(clone: Path) -> Outcome:
    """`make test`, its time and its closing line."""
    ran = command(clone, "make", "test")
    closing = (ran.output.splitlines() or [""])[-1]
    return Outcome(f"{closing} in {ran.took_sec / 60:.1f} min", ran.code == 0 and ran.took_sec <= TEST_WITHIN_SEC)


def bench(clone: Path) -> Outcome:
    """The benchmark checks its own bounds and says so by its exit code."""
    ran = command(clone, "make", "bench")
    ratios = re.findall(r"^.*\bratio\b.*$|^.*(?:gzip|pt-query-digest).*$", ran.output, re.MULTILINE)
    return Outcome(f"exit {ran.code}\n    " + "\n    ".join(line.strip() for line in ratios[-8:]), ran.code == 0)


def pipeline_length(clone: Path) -> Outcome:
    """The main path on a page."""
    lines = len((clone / "src/aurora_logs/pipeline.py").read_text(encoding="utf-8").splitlines())
    return Outcome(f"{lines} lines", lines <= PIPELINE_LINES)


FIRST_LIGHT = (
    Line("1", "exit 0 in <= 60 s; exit != 0 with MUT-01, 02, 08, 09", both(demo, planted_demos)),
    Line("2", "green in < 20 min", whole_test),
    Line("3", "AWS CLI and boto3 unmodified; each quirk with its client", tests("tests/simulator")),
    Line("4", "bounds of the benchmark table", bench),
    Line("5", "bytes add up, gaps 0, neighbours exact, <= 128 MiB", tests("tests/acceptance/test_hostile_input.py")),
    Line("6", "walls hold and break; a toy format by one file",
         tests("tests/architecture/test_walls.py", "tests/formats", "-k", "wall or toy")),
    Line("7", "records = prefixed parent lines; DETAIL, STATEMENT folded", tests("tests/acceptance/test_real_postgresql.py")),
    Line("8", "<= 120 lines; boxes in the tree, stages in order",
         both(pipeline_length, tests("tests/architecture/test_picture.py"))),
)
ISSUES: dict[str, tuple[Line, ...]] = {"first-light": FIRST_LIGHT}


def main() -> int:
    """Clone, run the lines, print the table; 0 when every line holds."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("name", choices=list(ISSUES))
    arguments.add_argument("lines", nargs="*", help="ids of lines; default: all")
    chosen = arguments.parse_args()
    lines = [line for line in ISSUES[chosen.name] if not chosen.lines or line.id in chosen.lines]
    results: list[bool] = []
    with tempfile.TemporaryDirectory(prefix="aurora-logs-accept-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "-c", "safe.directory=*", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        ready = command(clone, "tools/environment.sh", "dev")
        if ready.code != 0:
            print(ready.output)
            return 1
        for line in lines:
            outcome = line.run(clone)
            results.append(outcome.holds)
            print(f"{line.id:<4}{'pass' if outcome.holds else 'FAIL':<6}{outcome.figure}   (bound: {line.bound})", flush=True)
        if not all(results):
            kept = ROOT / "build" / "accept.log"
            kept.parent.mkdir(exist_ok=True)
            kept.write_text((clone / "build" / "accept.log").read_text(encoding="utf-8"), encoding="utf-8")
            print(f"what the commands said: {kept.relative_to(ROOT)}")
    print(f"\n{results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
