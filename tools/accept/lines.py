"""What a line of acceptance is made of: a command in the clone, tests that must be among those that passed, several of both."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


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


def passing(*selection: str, must: tuple[str, ...], tells: str = "") -> Callable[[Path], Outcome]:
    """Make a line of pytest: it holds when all of it passed, nothing was skipped, and each of `must` was among it.

    must:  parts of test ids; a line proves nothing when the tests that it is about were renamed or left out.
    tells: pattern of the printed lines that are figures.
    """

    def run(clone: Path) -> Outcome:
        ran = command(clone, ".venv/bin/python", "-m", "pytest", "-q", "-rA", *selection)
        counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)", ran.output)}
        figure = ", ".join(f"{number} {word}" for word, number in counts.items()) or f"exit {ran.code}"
        told = [line for line in ran.output.splitlines() if tells and re.search(tells, line)]
        figure = "; ".join([figure, *dict.fromkeys(told)])
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
