"""Writes the generated parts of docs/: `python -m tools.docs`; with --check it only compares and names what is stale.

A page keeps its hand-written text; what stands between `<!-- generated: NAME -->` and `<!-- end -->` is replaced.
"""

import argparse
import difflib
import re
import sys
from collections.abc import Callable

from tools import reference
from tools.picture import ROOT, picture

BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)

PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "docs/architecture.md": {"picture": picture},
    "docs/configuration.md": {"settings": reference.configuration},
    "docs/commands.md": {"exits": reference.codes, "commands": reference.commands},
    "docs/output.md": {"kinds": reference.output},
    "docs/telemetry.md": {"events": reference.telemetry},
    "docs/metrics.md": {"metrics": reference.metrics},
    "docs/formats.md": {"formats": reference.formats},
    "docs/errors.md": {"errors": reference.errors},
    "docs/simulator.md": {"faults": reference.faults, "openobserve": lambda: reference.faults("openobserve")},
}


def renewed(page: str) -> tuple[str, str]:
    """Return a page as it is and as it should be. Raises ValueError when a block is missing or unknown."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = PAGES[page]
    if found := {match["name"] for match in BLOCK.finditer(text)} ^ set(blocks):
        raise ValueError(f"{page}: generated blocks that do not fit: {', '.join(sorted(found))}")
    return text, BLOCK.sub(lambda match: f"{match[1]}{blocks[match['name']]()}{match[3]}", text)


def main() -> int:
    """Write the pages, or say which are stale (exit 1)."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare only")
    check = arguments.parse_args().check
    stale = []
    for page in PAGES:
        before, after = renewed(page)
        if before == after:
            continue
        stale.append(page)
        if check:
            sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), page, "make docs"))
        else:
            (ROOT / page).write_text(after, encoding="utf-8")
            print(f"written: {page}")
    if check and stale:
        print(f"stale: {', '.join(stale)}; make docs")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
