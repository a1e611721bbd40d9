"""The `console` blocks of README and docs: `$` lines are commands, the lines below each are what it must print.

`…` in a line stands for anything, a line of `…` alone for any lines; runs of blanks are one blank. `^C` below a command's
output stops it. `# exit 8` at the end of a command is the exit code it must have, else 0. Above a block may stand
`<!-- needs: demo -->`, where it runs, or `<!-- needs: server: why -->`, why it can't be run here.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.architecture.tree import ROOT, tracked_files

BLOCK = re.compile(r"(?:<!-- needs: (?P<needs>[a-z]+)(?:: (?P<why>[^\n]*?))? -->\n\s*)?```console\n(?P<body>.*?)```", re.DOTALL)
EXIT = re.compile(r"\s+# exit (\d+)$")
HERE, DEMO = "simulator", "demo"  # where blocks run; any other need is one that nobody has here
RUNS = (HERE, DEMO)


class Step(NamedTuple):
    """One command, what it must print, its exit code, and whether it is stopped when it has printed that."""

    command: str
    expected: list[str]
    code: int
    is_stopped: bool


class Block(NamedTuple):
    """One block. id: page and number of the block on it."""

    id: str
    needs: str
    why: str
    steps: list[Step]


def pages() -> list[Path]:
    """Every Markdown page of the repository, README first: what others show rests on its demo."""
    found = [path for path in tracked_files() if path.suffix == ".md"]
    return sorted(found, key=lambda path: (path.name != "README.md", path))


def blocks() -> list[Block]:
    """Every block, in the order of pages."""
    return [_block(page, number, found) for page in pages()
            for number, found in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1)]


def _block(page: Path, number: int, found: re.Match[str]) -> Block:
    return Block(f"{page.relative_to(ROOT)} {number}", found["needs"] or HERE, found["why"] or "", steps_of(found["body"]))


def steps_of(body: str) -> list[Step]:
    """Read a block's body. Raises: ValueError for output without a command."""
    steps: list[Step] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            code = EXIT.search(line)
            steps.append(Step(EXIT.sub("", line[2:]), [], int(code[1]) if code else 0, is_stopped=False))
        elif not steps:
            raise ValueError(f"output before any command: {line}")
        elif line == "^C":
            steps[-1] = steps[-1]._replace(is_stopped=True)
        else:
            steps[-1].expected.append(line)
    return steps


def fits(expected: list[str], printed: str) -> bool:
    """Tell whether a command printed what its block says."""
    return _matches(_runs(expected), printed.splitlines(), _line_fits) and (printed == "" or printed.endswith("\n"))


def _line_fits(expected: str, printed: str) -> bool:
    return _matches(list(map(list, " ".join(expected.split()).split("…"))), list(" ".join(printed.split())), str.__eq__)


def _runs(lines: list[str]) -> list[list[str]]:
    """Cut expected lines at those that stand for any lines."""
    runs: list[list[str]] = [[]]
    for line in lines:
        if line == "…":
            runs.append([])
        else:
            runs[-1].append(line)
    return runs


def _matches(runs: list[list[str]], text: list[str], same: Callable[[str, str], bool]) -> bool:
    """Match runs in order, anything between them: the first at the start, the last at the end, each other at its first place.

    Its first place is enough, so that the time stays linear in each run, whatever does not match.
    """
    def stands(run: list[str], at: int) -> bool:
        return len(text) - at >= len(run) and all(map(same, run, text[at:at + len(run)]))

    first, *others = runs
    if not others:
        return len(text) == len(first) and stands(first, 0)
    last = others.pop()
    at = len(first)
    is_there = stands(first, 0)
    for run in others:
        found = next((place for place in range(at, len(text) - len(run) + 1) if stands(run, place)), None) if is_there else None
        is_there, at = found is not None, (found or 0) + len(run)
    return is_there and len(text) - len(last) >= at and stands(last, len(text) - len(last))
