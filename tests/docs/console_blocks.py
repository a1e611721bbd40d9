"""The `console` blocks of README and docs: `$` lines are commands, the lines below each are what it must print.

`…` in a line stands for anything, a line of `…` alone for any lines; runs of blanks are one blank. `^C` below a command's
output stops it. `# exit 8` at the end of a command is the exit code it must have, else 0. Above a block may stand
`<!-- needs: demo -->`, where it runs, or `<!-- needs: server: why -->`, why it can't be run here.
"""

import re
from collections.abc import Callable, Sequence
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
    return _glob(expected, printed.splitlines(), "…", _line_fits) and (printed == "" or printed.endswith("\n"))


def _line_fits(expected: str, printed: str) -> bool:
    """Compare one line; `…` between blanks may stand for nothing at all."""
    pattern = re.sub(r"\s*…\s*", "…", " ".join(expected.split()))
    return _glob(re.split("(…)", pattern), " ".join(printed.split()), "…", None)


def _glob(pattern: Sequence[str], text: Sequence[str] | str, anything: str, same: Callable[[str, str], bool] | None) -> bool:
    """Match parts in order, `anything` between them; each part at its first place, which is enough and takes linear time."""
    runs: list[list[str]] = [[]]
    for part in pattern:
        if part == anything:
            runs.append([])
        elif part:
            runs[-1].append(part)
    pieces = runs if same else ["".join(run) for run in runs]
    first, *between = pieces
    if not between:
        return len(text) == len(first) and _stands(first, text, 0, same)
    last = between.pop()
    if not _stands(first, text, 0, same):
        return False
    at = len(first)
    for piece in between:
        found = next((place for place in range(at, len(text) - len(piece) + 1) if _stands(piece, text, place, same)), None)
        if found is None:
            return False
        at = found + len(piece)
    return len(text) - len(last) >= at and _stands(last, text, len(text) - len(last), same)


def _stands(piece: Sequence[str], text: Sequence[str] | str, at: int, same: Callable[[str, str], bool] | None) -> bool:
    here = text[at:at + len(piece)]
    if same is None:
        return here == piece
    return len(here) == len(piece) and all(map(same, piece, here))
