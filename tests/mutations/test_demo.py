"""The demo is a proof: with a protocol bug planted it must not end well."""

import subprocess
import sys
from pathlib import Path

import pytest
from planted import environment, plant

# what the demo must say: entries lost or doubled, or no kill that met the moment between a ship and its advance
SEEN_AS = {"MUT-01": "entries lost", "MUT-02": "kills struck between a ship and its advance", "MUT-08": "entries doubled",
           "MUT-09": "entries doubled"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEN_AS)
def test_the_demo_fails_with_a_planted_bug(name: str, tmp_path: Path) -> None:
    source = plant(name, tmp_path)

    problems: list[str] = []
    for attempt in range(2):  # on a busy machine no kill may meet its moment; then the demo proves nothing, and says so
        done = subprocess.run([sys.executable, "-m", "aurora_logs", "demo", "--data-dir", str(tmp_path / f"data{attempt}")],
                              cwd=tmp_path, env=environment(source), capture_output=True, text=True, timeout=300, check=False)
        problems = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("problem: ")]
        print(f"{name} exit {done.returncode}: {problems[:1]}")
        assert done.returncode == 8, done.stdout + done.stderr
        assert "ended by itself" not in done.stdout + done.stderr
        if any(SEEN_AS[name] in line for line in problems):
            return
    raise AssertionError(problems)
