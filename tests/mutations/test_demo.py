"""The demo is a proof: with a protocol bug planted it must not end well."""

import subprocess
import sys
from pathlib import Path

import pytest
from planted import environment, plant

NAMES = ("MUT-01", "MUT-02", "MUT-08", "MUT-09")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_demo_fails_with_a_planted_bug(name: str, tmp_path: Path) -> None:
    source = plant(name, tmp_path)

    done = subprocess.run([sys.executable, "-m", "aurora_logs", "demo", "--data-dir", str(tmp_path / "data")], cwd=tmp_path,
                          env=environment(source), capture_output=True, text=True, timeout=300, check=False)

    said = [line for line in (done.stdout + done.stderr).splitlines() if "lost" in line or "doubled" in line or "kills" in line]
    print(f"{name} exit {done.returncode}: {said[-1:]}")
    assert done.returncode == 8, done.stdout + done.stderr
    assert str(source) not in done.stdout
