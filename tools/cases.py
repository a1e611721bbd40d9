"""Which tests cover the numbered cases: each id with the tests that cite it; of records' cases input and asserted fields too.

A test covers a case when its docstring or its class's names the id (`RDS-35`; `FMT-46 to FMT-51` and `FP-01..47` name all
between), or when a text in it begins with the id, as the names of parametrized cases do. Input and fields are read from the test's own source: the text that it gives, the record's fields that its
assertions name. Ids are those of tools/cases.txt; one without a test is listed as such. Nothing is run here, except with
`--raw`: tests of records' cases are run against formats that understand nothing, and those that pass do not count.
"""

import argparse
import ast
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
IDS = ROOT / "tools" / "cases.txt"
OF_RECORDS = ("FMT", "REC")  # families whose cases have an input and fields
INPUT_CHARACTERS = 70
_ID = re.compile(r"\b([A-Z]{2,4})-([A-Z]?)(\d+)(?:\s*(?:to|\.\.|-)\s*(?:\1-)?\2(\d+))?\b")


class Test(NamedTuple):
    """A test that cites cases. given: the longest text in it; fields: record fields named in its assertions."""

    node: str
    ids: frozenset[str]
    given: str
    fields: tuple[str, ...]


def cited(text: str) -> frozenset[str]:
    """Return the ids that a text names, ranges too."""
    found = set()
    for family, letter, first, last in _ID.findall(text):
        end = int(last or first)
        found |= {f"{family}-{letter}{number:0{len(first)}d}" for number in range(int(first), min(end, int(first) + 200) + 1)}
    return frozenset(found)


def known_fields() -> frozenset[str]:
    """Return the names of all fields of records, typed and on the wire."""
    import msgspec  # noqa: PLC0415 - the listing of other families needs no product

    from aurora_logs.records.log_record import RECORD_TYPES  # noqa: PLC0415

    fields = [field for record in RECORD_TYPES.values() for field in msgspec.structs.fields(record)]
    return frozenset(name for field in fields for name in (field.name, field.encode_name))


def tests_of(path: Path, fields: frozenset[str]) -> Iterator[Test]:
    """Yield the tests of a file that cite something."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = path.relative_to(ROOT).as_posix()
    for node, outer in _functions(tree):
        ids = cited(ast.get_docstring(node) or "") | cited(outer) | _labels(node)
        if ids:
            yield Test(f"{name}::{node.name}", ids, _given(node), _asserted(node, fields))


def _functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node, ""
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and (inner.name.startswith("test_") or _is_rule(inner)):
                    yield inner, ast.get_docstring(node) or ""


def _labels(node: ast.FunctionDef) -> frozenset[str]:
    texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return frozenset().union(*(cited(text.partition(":")[0]) for text in texts if _ID.match(text)))


def _is_rule(node: ast.FunctionDef) -> bool:
    return any("rule" in ast.unparse(one) or "invariant" in ast.unparse(one) for one in node.decorator_list)


def _given(node: ast.FunctionDef) -> str:
    """Return the longest text of the test but its docstring: what it gives to be read."""
    docstring = node.body[0].value if ast.get_docstring(node) is not None and isinstance(node.body[0], ast.Expr) else None
    texts = [one.value for part in (*node.decorator_list, *node.body) for one in ast.walk(part)
             if isinstance(one, ast.Constant) and isinstance(one.value, str | bytes) and one is not docstring]
    longest = max(texts, key=len, default="")
    if len(longest) > 8:
        shown = ascii(longest)
        return shown if len(shown) <= INPUT_CHARACTERS else f"{shown[: INPUT_CHARACTERS - 1]}…"
    return ", ".join(argument.arg for argument in node.args.args) or "-"


def _asserted(node: ast.FunctionDef, fields: frozenset[str]) -> tuple[str, ...]:
    found = set()
    for statement in ast.walk(node):
        if isinstance(statement, ast.Assert):
            for one in ast.walk(statement):
                word = one.attr if isinstance(one, ast.Attribute) else one.value if isinstance(one, ast.Constant) else None
                found |= {word} & fields if isinstance(word, str) else set()
    return tuple(sorted(found))


def all_tests() -> list[Test]:
    """Return every test of the tree that cites something, file by file."""
    fields = known_fields()
    return [test for path in sorted((ROOT / "tests").rglob("test_*.py")) for test in tests_of(path, fields)]


def all_ids() -> list[str]:
    """Return the ids in their order."""
    return IDS.read_text(encoding="utf-8").split()


def passing_on_raw(tests: list[Test]) -> frozenset[str]:
    """Run the tests of records' cases against formats that give raw records alone; return those that pass all the same."""
    nodes = [test.node for test in tests if test.node.startswith("tests/formats/") and any(_is_of_records(one) for one in test.ids)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tools.raw_only", "-p", "no:cacheprovider", "--no-header", *nodes]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    outcomes = {outcome: {found.partition("[")[0] for found in re.findall(rf"^raw {outcome} (\S+)", done.stdout, re.MULTILINE)}
                for outcome in ("passed", "failed")}
    if not outcomes["failed"]:
        raise SystemExit(f"no test failed on raw records: they were not run\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return frozenset(outcomes["passed"] - outcomes["failed"])


def _is_of_records(one: str) -> bool:
    return one.startswith(OF_RECORDS)


def lines_of(one: str, tests: list[Test], raw: frozenset[str]) -> Iterator[str]:
    """Yield the lines of one case."""
    covering = [test for test in tests if one in test.ids]
    if not covering:
        yield f"{one:<9}no test"
    for number, test in enumerate(covering):
        said = f"  input {test.given}; asserts {', '.join(test.fields) or 'no field by name'}" if _is_of_records(one) else ""
        doubt = "  (passes on raw records: does not count)" if test.node in raw else ""
        yield f"{one if number == 0 else '':<9}{test.node}{said}{doubt}"


def summary(ids: list[str], tests: list[Test], raw: frozenset[str]) -> Iterator[str]:
    """Yield how many cases of each family have a test."""
    covered = {one for test in tests if test.node not in raw for one in test.ids}
    yield f"\n{'family':<8}{'cases':>7}{'with a test':>13}{'without':>9}"
    for family in dict.fromkeys(one.partition("-")[0] for one in ids):
        of_family = [one for one in ids if one.startswith(f"{family}-")]
        with_test = sum(one in covered for one in of_family)
        yield f"{family:<8}{len(of_family):>7}{with_test:>13}{len(of_family) - with_test:>9}"


def main() -> int:
    """Print the list; 1 when a test cites an id of a listed family that does not exist."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--family", default="", help="cases of this family alone: FMT")
    arguments.add_argument("--missing", action="store_true", help="cases without a test alone")
    arguments.add_argument("--raw", action="store_true", help="tests that pass on raw records do not count (runs them)")
    chosen = arguments.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `make cases | head`
    ids, tests = [one for one in all_ids() if one.startswith(chosen.family)], all_tests()
    raw = passing_on_raw(tests) if chosen.raw else frozenset()
    covered = {one for test in tests if test.node not in raw for one in test.ids}
    for one in ids:
        if not (chosen.missing and one in covered):
            print("\n".join(lines_of(one, tests, raw)))
    print("\n".join(summary(ids, tests, raw)))
    return report_unknown(tests)


def report_unknown(tests: list[Test]) -> int:
    """Print citations of cases that do not exist."""
    known = set(all_ids())
    families = {one.partition("-")[0] for one in known}
    unknown = [(one, test.node) for test in tests for one in sorted(test.ids) if one.partition("-")[0] in families and one not in known]
    for one, node in unknown:
        print(f"{one} is cited by {node}, and does not exist", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
