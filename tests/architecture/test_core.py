"""GATE-12: the core has no clock, chance, socket, thread or process of its own; they are ports."""

import ast
from pathlib import Path

import pytest
from tests.architecture.tree import PRODUCT, imported_names, modules_under

CORE = ("pipeline.py", "stages", "formats", "sql", "resilience.py", "segments.py", "scope.py", "records", "text.py",
        "services/discovery.py", "services/processor.py", "services/auditing.py")
HIDDEN = {"time", "random", "socket", "threading", "queue", "subprocess", "uuid", "secrets", "select", "asyncio",
          "multiprocessing", "concurrent.futures", "signal", "os.urandom", "logging"}
# Reading the wall clock, or names whose order changes from run to run.
CALLS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "os.urandom", "os.getrandom", "id", "hash",
         "open", "print"}


def core_modules() -> list[Path]:
    return modules_under(*CORE)


def called_names(path: Path) -> set[str]:
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return {ast.unparse(call) for call in calls if isinstance(call, ast.Name | ast.Attribute)}


def hidden_things(path: Path) -> set[str]:
    imports = {name for name in imported_names(path) if name in HIDDEN or name.split(".")[0] in HIDDEN}
    calls = {name for name in called_names(path) if name in CALLS or name.removeprefix("datetime.") in CALLS}
    return imports | calls


@pytest.mark.parametrize("path", core_modules(), ids=lambda path: str(path.relative_to(PRODUCT)))
def test_the_core_reaches_the_world_only_through_ports(path):
    assert hidden_things(path) == set()


@pytest.mark.parametrize("planted", [
    "import time", "from time import monotonic", "def f():\n    import random", "import socket", "import threading",
    "import queue", "import subprocess", "from os import urandom", "import os\nos.urandom(4)", "from uuid import uuid4",
    "from datetime import datetime\ndatetime.now()", "import datetime\ndatetime.datetime.now()",
    "from concurrent.futures import ThreadPoolExecutor",
])
def test_a_planted_clock_or_die_is_found(planted, tmp_path):
    file = tmp_path / "planted.py"
    file.write_text(planted, encoding="utf-8")

    assert hidden_things(file) != set()


def test_dynamic_imports_are_in_one_place_only():
    """import-linter cannot see them, so there is one: the discovery of formats (house style 8)."""
    users = {str(path.relative_to(PRODUCT)) for path in PRODUCT.rglob("*.py")
             if {"importlib.import_module", "__import__"} & called_names(path)
             or "importlib.import_module" in imported_names(path)}

    assert users == {"formats/__init__.py"}


def test_the_main_path_fits_on_a_page():
    """H-03, H-06."""
    assert len((PRODUCT / "pipeline.py").read_text(encoding="utf-8").splitlines()) <= 120
