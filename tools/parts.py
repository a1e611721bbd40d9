"""The parts of the test run: what each part starts, its budget in minutes, and the table of what came out.

`python -m tools.parts run PART…` runs parts and fails when one of their steps failed; `table` adds up all parts that
ran since build/parts was last emptied. Standard library only: `table` runs outside the virtual environment.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

RESULTS = Path("build/parts")
# A step that runs this many times longer than its part's budget hangs, and is stopped.
HANG_FACTOR = 4

PYTEST = ("-m", "pytest", "-q")
TWO_PROCESSES = ("-n", "2")


class Part(NamedTuple):
    """budget_min: minutes that the part should take on 2 cores. steps: arguments of this Python, or a program."""

    budget_min: float
    steps: tuple[tuple[str, ...], ...]


class Result(NamedTuple):
    """What a part's steps came to; a step that is no pytest run counts as one test."""

    part: str
    minutes: float
    passed: int
    failed: int
    skipped: int


PARTS: dict[str, Part] = {
    "check": Part(2, (
        ("-m", "ruff", "check", "."),
        ("-m", "mypy"),
        ("lint-imports", "--no-cache", "--no-logo"),
        ("-m", "tools.docs", "--check"),
        (*PYTEST, "tests/architecture", "tests/docs"),
    )),
    "unit": Part(6, (
        (*PYTEST, *TWO_PROCESSES, "-m", "not engine", "tests/unit", "tests/formats", "tests/contracts", "tests/simulator"),
    )),
    # SEC-18: 100,000 statements a dialect, and as many log entries through the whole product
    "secrets": Part(2, ((*PYTEST, *TWO_PROCESSES, "--dist=loadfile", "tests/secrets"),)),
    "fuzz": Part(2, ((*PYTEST, *TWO_PROCESSES, "tests/fuzz"),)),
    "faults": Part(4, ((*PYTEST, *TWO_PROCESSES, "tests/faults"),)),
    "simulation": Part(6, ((*PYTEST, *TWO_PROCESSES, "tests/simulation"),)),
    "mutations": Part(4, ((*PYTEST, *TWO_PROCESSES, "tests/mutations"),)),
    "demo": Part(5, (
        # The demo, as the front page shows it, and every other console block; alone, since its kills want a quiet machine.
        (*PYTEST, "tests/acceptance/test_console_blocks.py"),
        # A file's tests share a simulator: one process has them all.
        (*PYTEST, *TWO_PROCESSES, "--dist=loadfile", "tests/acceptance", "--ignore=tests/acceptance/test_kills.py",
         "--ignore=tests/acceptance/test_real_postgresql.py", "--ignore=tests/acceptance/test_console_blocks.py"),
    )),
    "kills": Part(6, ((*PYTEST, "tests/acceptance/test_kills.py"),)),
    "servers": Part(10, (
        (*PYTEST, "tests/acceptance/test_real_postgresql.py"),
        (*PYTEST, *TWO_PROCESSES, "--dist=loadfile", "tests/engines"),  # a broker and tables each
        (*PYTEST, "-m", "engine", "tests/contracts"),
    )),
    "distributed": Part(10, (
        # Kills and the demo want a quiet machine; the others mostly wait for leases, sessions and operators' tools.
        (*PYTEST, "tests/distributed/test_demo.py", "tests/distributed/test_random_kills.py"),
        (*PYTEST, *TWO_PROCESSES, "tests/distributed", "--ignore=tests/distributed/test_demo.py",
         "--ignore=tests/distributed/test_random_kills.py"),
    )),
    "quick": Part(3, (
        (*PYTEST, *TWO_PROCESSES, "-m", "not slow and not engine", "tests/unit", "tests/formats", "tests/contracts",
         "tests/simulator", "tests/architecture", "tests/docs"),
    )),
}


def command_of(step: tuple[str, ...], junit: Path) -> list[str]:
    """Return what to execute: a module of this Python, or a program that lies beside it."""
    if step[0] != "-m":
        return [str(Path(sys.executable).parent / step[0]), *step[1:]]
    wants_junit = step[1] == "pytest"
    # what a test prints is a figure of the run: kept beside its outcome (tools/accept.py reads it)
    return [sys.executable, *step, *([f"--junitxml={junit}", "-o", "junit_logging=system-out"] if wants_junit else [])]


def counts_of(junit: Path) -> tuple[int, int, int]:
    """Return passed, failed, skipped of a JUnit file; nothing of a file that is missing or broken off."""
    try:
        suites = list(ET.parse(junit).getroot().iter("testsuite"))  # noqa: S314  # written by our own pytest
    except (OSError, ET.ParseError):
        return 0, 0, 0
    total, failed, skipped = (sum(int(suite.get(key, 0)) for suite in suites for key in keys)
                              for keys in (("tests",), ("failures", "errors"), ("skipped",)))
    return total - failed - skipped, failed, skipped


def run_step(part: str, number: int, step: tuple[str, ...], *, is_bounded: bool) -> tuple[int, int, int]:
    """Run one step with its output on ours; return passed, failed, skipped. Never passes when the step did not.

    is_bounded: a step that hangs is stopped.
    """
    junit = RESULTS / f"{part}-{number}.xml"
    junit.unlink(missing_ok=True)
    command = command_of(step, junit)
    print(f"--- {part}: {' '.join(step)}", flush=True)
    # A group of its own, so that a hanging step takes the processes that it started with it.
    process = subprocess.Popen(command, start_new_session=True)  # commands of the table above
    try:
        code = process.wait(timeout=PARTS[part].budget_min * 60 * HANG_FACTOR if is_bounded else None)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        print(f"--- {part}: stopped, it ran {HANG_FACTOR} times its budget", flush=True)
        code = -signal.SIGKILL
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGTERM)
        raise
    passed, failed, skipped = counts_of(junit)
    if not junit.exists() and code == 0:
        return 1, 0, 0
    if code != 0 and failed == 0:
        failed = 1
        print(f"--- {part}: failed with exit code {code}", flush=True)
    return passed, failed, skipped


def run_part(part: str, *, is_bounded: bool) -> Result:
    """Run all steps of a part, the later ones too when one failed, and keep the result for `table`."""
    started_sec = time.monotonic()
    counts = [run_step(part, number, step, is_bounded=is_bounded) for number, step in enumerate(PARTS[part].steps)]
    passed, failed, skipped = (sum(column) for column in zip(*counts, strict=True))
    result = Result(part, (time.monotonic() - started_sec) / 60, passed, failed, skipped)
    (RESULTS / f"{part}.json").write_text(json.dumps(result._asdict()), encoding="utf-8")
    return result


def print_table(results: list[Result]) -> bool:
    """Print minutes against budget and the closing line; tell whether all passed, and there was something."""
    print(f"\n{'part':<12}{'minutes':>9}{'budget':>9}{'passed':>9}{'failed':>9}{'skipped':>9}")
    for result in results:
        budget_min = PARTS[result.part].budget_min
        late = "  over its budget" if result.minutes > budget_min else ""
        print(f"{result.part:<12}{result.minutes:>9.1f}{budget_min:>9.0f}{result.passed:>9}{result.failed:>9}"
              f"{result.skipped:>9}{late}")
    passed, failed = (sum(getattr(result, key) for result in results) for key in ("passed", "failed"))
    print(f"\n{passed} passed, {failed} failed", flush=True)
    return passed > 0 and failed == 0


def main() -> int:
    """Run or add up parts; 0 only when every step of every part passed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("action", choices=["run", "table"])
    arguments.add_argument("--unbounded", action="store_true", help="stop no step for the time it takes: counts of a release claim")
    arguments.add_argument("parts", nargs="*", help=" ".join(PARTS))
    chosen = arguments.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        arguments.error(f"unknown part: {' '.join(sorted(unknown))}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    if chosen.action == "run":
        results = [run_part(part, is_bounded=not chosen.unbounded) for part in chosen.parts]
    else:
        files = [RESULTS / f"{part}.json" for part in PARTS]
        results = [Result(**json.loads(file.read_text(encoding="utf-8"))) for file in files if file.exists()]
    return 0 if print_table(results) else 1


if __name__ == "__main__":
    sys.exit(main())
