"""Runs every "It is done when" line of an issue on a clean clone: `python -m tools.accept first-light [LINE…]`.

Prints id, figure, bound and verdict of each line, then `N passed, N failed`. The lines only call what the Makefile and
the tests offer; nothing is measured here that a person could not run by hand.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.accept.distributed import DISTRIBUTED
from tools.accept.first_light import FIRST_LIGHT
from tools.accept.lines import Line, command

ROOT = Path(__file__).resolve().parents[2]
ISSUES: dict[str, tuple[Line, ...]] = {"first-light": FIRST_LIGHT, "distributed": DISTRIBUTED}


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
