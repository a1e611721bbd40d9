"""The conventions of the command line, by their ids: each is cited by a test that shows it, or stands here with its reason."""

import ast
import re

from tests.architecture.tree import ROOT, tracked_files

IDS = {*range(1, 19), *range(20, 29), *range(30, 76), *range(80, 104), *range(110, 151)}
HABITS = "a habit of another tool; what of it applies here is asked by the rules from UX-20 on"
CONSOLE = "there is no console yet"
DISTRIBUTED = "embedded mode has no such part"
NOT_YET: dict[int, str] = {
    **dict.fromkeys((*range(1, 11), 12, *range(14, 19)), HABITS),
    24: "no dashboards and no monitor yet", 25: "no deployment yet", 27: "the next command is told (test_cli_first_minutes.py), but the "
    "demo's load has no deadlock and no planted gap yet", 35: "there is no `cost` yet",
    64: "limits are fixed at the start; a SIGHUP ends the process as the system has it", 65: "there is no `config schema` yet",
    68: DISTRIBUTED, 69: DISTRIBUTED, 73: "there is no `completion` yet", 75: DISTRIBUTED,
    **dict.fromkeys(range(90, 98), CONSOLE), **dict.fromkeys((*range(99, 104), *range(110, 141)), CONSOLE),
    141: "no dashboards yet", 142: "no dashboards yet", 143: "no dashboards yet",
    145: "a tutorial and the reference are there; how-to and runbook pages are not", 146: "no runbook pages yet",
    149: "figures of pages come from the benchmarks", 150: "no such pages yet",
}
BOTH = {27}  # shown in part


def cited() -> dict[int, set[str]]:
    """The ids that stand in the docstrings of tests, with the tests."""
    found: dict[int, set[str]] = {}
    for path in tracked_files():
        if path.suffix == ".py" and path.is_relative_to(ROOT / "tests"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                    for number in re.findall(r"UX-(\d+)", ast.get_docstring(node) or ""):
                        found.setdefault(int(number), set()).add(node.name)
    return found


def test_every_convention_is_shown_by_a_test_or_has_its_reason():
    shown = set(cited())

    assert IDS - shown - set(NOT_YET) == set()
    assert shown & set(NOT_YET) <= BOTH, "they are shown: take them off the list"
    assert (shown | set(NOT_YET)) <= IDS
    assert all(NOT_YET.values())
