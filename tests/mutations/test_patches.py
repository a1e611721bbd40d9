"""Each planted bug still applies and still changes what runs."""

import ast
from pathlib import Path

import pytest
from planted import ROOT, patches, plant


@pytest.mark.parametrize("name", patches())
def test_a_planted_bug_changes_the_code_and_leaves_it_valid(name: str, tmp_path: Path) -> None:
    mutated = plant(name, tmp_path)

    changed = 0
    for path in sorted((ROOT / "src" / "aurora_logs").rglob("*.py")):
        before, after = (ast.dump(ast.parse(one.read_text())) for one in (path, mutated / path.relative_to(ROOT / "src")))
        changed += before != after
    assert changed >= 1
