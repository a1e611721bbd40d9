"""The `console` blocks of README and docs: `$` lines are commands, the lines below each are what it must print.

`…` in a line stands for anything, a line of `…` alone for any lines; runs of blanks are one blank. `^C` below a command's
output stops it. `# exit 8` at the end of a command is the exit code it must have, else 0. Above a block may stand
`<!-- needs: demo -->`, where it runs, or `<!-- needs: aws: why -->`, why it can't be run here.
"""

import re
from pathlib import Path
from typing import NamedTuple

from tests.architecture.tree import ROOT, tracked_files

BLOCK = re.compile(r"(?:<!-- needs: (?P<needs>[a-z]+)(?:: (?P<why>[^\n]*?))? -->\n\s*)?```console\n(?P<body>.*?)```", re.DOTALL)
EXIT = re.compile(r"\s+# exit (\d+)$")
ANY_LINES = "(?:[^\n]*\n)*?"
HERE, DEMO, AWS = "simulator", "demo", "aws"  # where blocks run; the last one nowhere
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
    return re.fullmatch("".join(map(_pattern, expected)), printed) is not None


def _pattern(line: str) -> str:
    if line == "…":
        return ANY_LINES
    parts = [re.escape(part) for part in re.split("…", re.sub(r"\s+", " ", line.strip()))]
    return r"[ \t]*" + "[^\n]*".join(parts).replace(r"\ ", r"[ \t]+") + "[ \t]*\n"
