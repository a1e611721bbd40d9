"""The import contracts hold, and break when somebody plants a breach (H-05, CMP-08)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.architecture.tree import ROOT, copy_of_source


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run([program, "--no-cache", "--no-logo"], cwd=root, capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(root / "src")})


def broken_contracts(answer: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.rstrip().removesuffix(" BROKEN") for line in answer.stdout.splitlines()
            if line.rstrip().endswith(" BROKEN")]


def test_the_walls_stand():
    answer = lint_imports(ROOT)

    assert answer.returncode == 0, answer.stdout[-3000:]


BREACHES = {
    "a vendor library in a stage":
        ("aurora_logs/stages/ship.py", "import boto3", "Vendor libraries live in adapters"),
    "a vendor library inside a function of a stage":
        ("aurora_logs/stages/split.py", "def late():\n    import duckdb", "Vendor libraries live in adapters"),
    "a stage that knows another stage":
        ("aurora_logs/stages/parse.py", "from aurora_logs.stages import ship", "Stages meet only in the pipeline"),
    "a stage that knows an adapter":
        ("aurora_logs/stages/parse.py", "import aurora_logs.adapters.embedded",
         "A floor uses only the floors below it"),
    "a format that knows another format":
        ("aurora_logs/formats/mysql_slow.py", "import aurora_logs.formats.mysql_error",
         "A format never imports another"),
    "an adapter family that knows another":
        ("aurora_logs/adapters/aws/planted.py", "import aurora_logs.adapters.embedded",
         "Adapter families do not know each other"),
    "a product that knows its simulator":
        ("aurora_logs/pipeline.py", "import aurora_logs_simulator", "The simulator is a stranger"),
    "a module that nobody placed":
        ("aurora_logs/utils.py", '"""A drawer."""', "A floor uses only the floors below it"),
    "a log line past the telemetry":
        ("aurora_logs/stages/ship.py", "import structlog",
         "Only commands draw on the terminal, only telemetry writes logs"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_planted_breach_breaks_a_wall(breach, tmp_path):
    place, line, contract = BREACHES[breach]
    file = copy_of_source(tmp_path) / "src" / place
    if place.startswith("aurora_logs/formats/") and not file.exists():
        # a format may be a folder of one format's parts
        file = file.with_suffix("") / "__init__.py"
    planted = file.exists() or "utils" in place or "planted" in place
    file.write_text((file.read_text(encoding="utf-8") if file.exists() else "") + f"\n{line}\n", encoding="utf-8")

    answer = lint_imports(tmp_path)

    assert planted, f"{place} is not there any more"
    assert answer.returncode != 0
    assert contract in broken_contracts(answer), answer.stdout[-2000:]


def test_a_toy_format_of_one_file_passes_the_walls(tmp_path):
    """H-10: a lawful new format needs no edit of any contract."""
    root = copy_of_source(tmp_path)
    (root / "src" / "aurora_logs" / "formats" / "toy.py").write_text(
        '"""A toy."""\nfrom aurora_logs.records.flow import Chunk\n', encoding="utf-8")

    answer = lint_imports(root)

    assert answer.returncode == 0, answer.stdout[-3000:]
