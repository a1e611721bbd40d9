"""BAN-T02: what decides about a commit can't hide red."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from tests.architecture.tree import ROOT


def planted_tree(tmp_path, test_source):
    """A tree with the real tools and one test file as its whole simulation part."""
    for name in ("tools", "pyproject.toml"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    folder = tmp_path / "tests" / "simulation"
    folder.mkdir(parents=True)
    if test_source:
        (folder / "test_planted.py").write_text(test_source, encoding="utf-8")
    return tmp_path


def run_part(root):
    # the outer run's pytest-xdist variables are none of the inner run's business
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run([sys.executable, "-m", "tools.parts", "run", "simulation"], cwd=root, capture_output=True,
                          text=True, check=False, env=clean)


@pytest.mark.parametrize(("source", "code", "closing"), [
    ("def test_good(): pass\n", 0, "1 passed, 0 failed"),
    ("def test_good(): pass\ndef test_bad(): assert False\n", 1, "1 passed, 1 failed"),
    ("import a_module_that_is_not_there\n", 1, "0 passed, 1 failed"),
    ("import os, signal\ndef test_dies(): os.kill(os.getpid(), signal.SIGKILL)\n", 1, "0 passed, 1 failed"),
    ("", 1, "0 passed, 1 failed"),
], ids=["green", "a failing test", "a test that cannot be read", "a test that kills its runner", "no test at all"])
def test_a_planted_failing_test_makes_a_part_red(tmp_path, source, code, closing):
    answer = run_part(planted_tree(tmp_path, source))

    assert (answer.returncode, answer.stdout.splitlines()[-1]) == (code, closing), answer.stdout + answer.stderr


def test_a_part_that_hangs_is_stopped_and_is_red(tmp_path):
    """Its budget is made 2 s here; the processes that it started go with it."""
    root = planted_tree(tmp_path, "import time\ndef test_hangs(): time.sleep(600)\n")
    parts = root / "tools" / "parts.py"
    shortened = parts.read_text(encoding="utf-8").replace('"simulation": Part(6,', '"simulation": Part(2 / 60 / HANG_FACTOR,')
    assert "HANG_FACTOR, (" in shortened
    parts.write_text(shortened, encoding="utf-8")

    answer = run_part(root)

    assert (answer.returncode, answer.stdout.splitlines()[-1]) == (1, "0 passed, 1 failed")


def run_ci(tmp_path, *, failing):
    """Run the real .ci/run over a Makefile whose targets do nothing, except one that fails."""
    for name in (".ci", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name)
    targets = ["engines", "check", "test", "test-long"]
    # `check` leaves a green result, so that the closing table has something to add up
    result = '{"part": "check", "minutes": 0.0, "passed": 1, "failed": 0, "skipped": 0}'
    lines = [f".PHONY: {' '.join(targets)}", "check: written",
             f"written:\n\t@mkdir -p build/parts && echo '{result}' > build/parts/check.json"]
    lines += [f"{target}:\n\t@{'false' if target == failing else 'true'}" for target in targets]
    (tmp_path / "Makefile").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return subprocess.run([tmp_path / ".ci" / "run"], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("failing", ["engines", "check", "test", "test-long"])
def test_a_failing_target_makes_ci_red(tmp_path, failing):
    assert run_ci(tmp_path, failing=failing).returncode != 0


def test_ci_is_green_when_all_targets_are_and_closes_with_the_sum(tmp_path):
    answer = run_ci(tmp_path, failing=None)

    assert (answer.returncode, answer.stdout.splitlines()[-1]) == (0, "1 passed, 0 failed"), answer.stderr


def test_no_script_swallows_an_exit_code():
    scripts = [ROOT / ".ci" / "run", ROOT / "Makefile", *(ROOT / "tools").glob("*.sh")]
    swallowing = re.compile(r"\|\|\s*(true|:)(\s|$)|^\t-[a-z@$]|set \+e", re.MULTILINE)

    assert [str(script) for script in scripts if swallowing.search(script.read_text(encoding="utf-8"))] == []


def test_a_missing_engine_is_a_skip_at_home_and_a_failure_in_ci(tmp_path):
    """CMP-02."""
    root = planted_tree(tmp_path, "import pytest\n@pytest.mark.engine('nowhere')\ndef test_needs_it(): pass\n")
    shutil.copy(ROOT / "tests" / "conftest.py", root / "tests")
    table = (root / "tools" / "engines.py").read_text(encoding="utf-8")
    (root / "tools" / "engines.py").write_text(
        table.replace("ENGINES: dict[str, Engine] = {", 'ENGINES: dict[str, Engine] = {\n    "nowhere": Engine("no", "no-x"),'),
        encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name != "CI"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    at_home, in_ci = (subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env=environment)
                      for environment in (clean, {**clean, "CI": "true"}))

    assert at_home.returncode == 0
    assert "sudo make engines" in at_home.stdout
    assert in_ci.returncode == 1
    assert "nowhere" in in_ci.stdout
