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
from tools.servers import cache, dynoxide, jars


def test_another_version_or_recipe_never_meets_old_files(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine = engines.ENGINES["pgbadger"]
    folders = {engines.folder_of(engine, "12.0-1"), engines.folder_of(engine, "12.0-2"),
               engines.folder_of(engine._replace(program="other"), "12.0-1")}

    assert len(folders) == 3
    assert {folder.parent for folder in folders} == {tmp_path / "aurora-logs" / "engines"}


@pytest.mark.parametrize(("server", "constant", "other"), [
    (jars, "VERSION", "4.3.2"), (jars, "LOG4J", ""), (dynoxide, "VERSION", "3.2.1"), (dynoxide, "BUILD_SETTINGS", {}),
], ids=["a version of Kafka", "a recipe of Kafka", "a version of dynoxide", "a recipe of dynoxide"])
def test_another_server_has_another_folder(monkeypatch, tmp_path, server, constant, other):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = server.folder()
    monkeypatch.setattr(server, constant, other)

    assert server.folder() != before
    assert {before.parent, server.folder().parent} == {tmp_path / "aurora-logs" / "engines"}
    assert not server.present()


def test_the_cache_lies_outside_the_clone():
    assert not cache.cache_dir().is_relative_to(ROOT)


def test_the_machine_is_asked_which_engines_it_has():
    answer = subprocess.run([sys.executable, "-m", "tools.engines", "list"], cwd=ROOT, capture_output=True, text=True,
                            check=True)

    assert {line.split()[0] for line in answer.stdout.splitlines()} == {*engines.ENGINES, *engines.BUILT}


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="asks what apt would do: Debian and Ubuntu only")
def test_without_root_the_one_command_is_named():
    """A PATH without the engines, and a user who may not install: each engine with its apt command, exit 1."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        for program in ("apt-get", "apt-cache", "dpkg-query"):
            (path / program).symlink_to(str(shutil.which(program)))
        shutil.copytree(ROOT / "tools", path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        answer = subprocess.run([*nobody, "/usr/bin/python3", "-m", "tools.engines", "install"],
                                cwd=path, capture_output=True, text=True, check=False,
                                env={"PATH": name, "HOME": name})

    assert answer.returncode == 1, answer.stderr
    outcomes = {line.split()[0]: line for line in answer.stdout.splitlines()}
    assert "sudo apt-get install percona-toolkit" in outcomes["pt-query-digest"]
    assert "MISSING  needs" in outcomes["kafka"]
    assert "sudo apt-get install cargo" in outcomes["dynoxide"]
