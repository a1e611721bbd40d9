"""CMP-01: engines are found or installed, cached by version and recipe, and need no root to be looked for."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.architecture.tree import ROOT
from tools import engines


def test_another_version_or_recipe_never_meets_old_files(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine = engines.ENGINES["pgbadger"]
    folders = {engines.folder_of(engine, "12.0-1"), engines.folder_of(engine, "12.0-2"),
               engines.folder_of(engine._replace(program="other"), "12.0-1")}

    assert len(folders) == 3
    assert {folder.parent for folder in folders} == {tmp_path / "aurora-logs" / "engines"}


def test_the_cache_lies_outside_the_clone():
    assert not engines.cache_dir().is_relative_to(ROOT)


def test_the_machine_is_asked_which_engines_it_has():
    answer = subprocess.run([sys.executable, ROOT / "tools" / "engines.py", "list"], capture_output=True, text=True,
                            check=True)

    assert {line.split()[0] for line in answer.stdout.splitlines()} == set(engines.ENGINES)


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="asks what apt would do: Debian and Ubuntu only")
def test_without_root_the_one_command_is_named():
    """A PATH without the engines, and a user who may not install: each engine with its apt command, exit 1."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        for program in ("apt-get", "apt-cache", "dpkg-query"):
            (path / program).symlink_to(str(shutil.which(program)))
        shutil.copy(ROOT / "tools" / "engines.py", path)
        nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        answer = subprocess.run([*nobody, "/usr/bin/python3", path / "engines.py", "install"], capture_output=True,
                                text=True, check=False, env={"PATH": name})

    assert answer.returncode == 1, answer.stderr
    assert "sudo apt-get install percona-toolkit" in answer.stdout
