"""The simulation finds planted protocol bugs, by the invariant that names each of them.

The source itself does not hold in all schedules yet (tests/simulation/known_violations.json), so a bug counts as found
only when its invariant breaks in at least three times the share of schedules in which it breaks without the bug.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from planted import ROOT, environment, plant

SCHEDULES = int(os.environ.get("MUTATION_SCHEDULES", "150"))
KNOWN_IN = 2000  # schedules that the known violations were counted in
LEAST_SHARE = 0.05
FOUND_BY = {  # reliability.md §6.6; I3 sees a checkpoint that passed unconfirmed bytes before I1 sees the loss
    "MUT-01": ("I1", "I3"), "MUT-02": ("I3", "I1"), "MUT-03": ("I1", "I3"), "MUT-04": ("I4",), "MUT-05": ("I7",),
    "MUT-06": ("P1",), "MUT-07": ("P1",), "MUT-08": ("P1",), "MUT-09": ("I2",), "MUT-11": ("I7",), "MUT-12": ("I1",),
}
KNOWN = json.loads((ROOT / "tests" / "simulation" / "known_violations.json").read_text())
BASELINE = Counter(name for signs in KNOWN.values() for name in signs)


def simulate(source: Path) -> Counter[str]:
    done = subprocess.run([sys.executable, "-m", "tests.simulation", "--count", str(SCHEDULES)], cwd=ROOT,
                          env=environment(source), capture_output=True, text=True, timeout=1200, check=False)
    assert done.stdout, done.stderr
    violations = json.loads(done.stdout.splitlines()[-1])["violations"]
    return Counter(name for signs in violations.values() for name in signs)


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUND_BY)
def test_a_planted_bug_is_found_by_its_invariant(name: str, tmp_path: Path) -> None:
    found = simulate(plant(name, tmp_path))

    shares = {sign: found[sign] / SCHEDULES for sign in FOUND_BY[name]}
    print(f"{name}: {shares} of {SCHEDULES} schedules")
    assert any(share >= max(LEAST_SHARE, 3 * BASELINE[sign] / KNOWN_IN) for sign, share in shares.items())
