"""The cache of engines outside the clone, and tools that fetching an engine needs; standard library only."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

APT_INSTALL = ("apt-get", "install", "-y", "-qq", "--no-install-recommends")


class ToolMissing(Exception):
    """A program that an engine needs is not here; the text says how to get it."""


def cache_dir() -> Path:
    """Return the folder outside the clone that survives a fresh checkout."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "aurora-logs" / "engines"


def folder_for(name: str, version: str, recipe: object) -> Path:
    """Return an engine's cache folder: version and recipe decide, so that a changed recipe never meets old files."""
    digest = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:8]
    return cache_dir() / f"{name}-{version.replace(':', '_')}-{digest}"


def program(name: str, package: str) -> str:
    """Return the path of a program, installed from Debian's package where that is allowed. Raises: ToolMissing."""
    found = shutil.which(name)
    if found is not None:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ToolMissing(f"needs {name}: sudo apt-get install {package}")
    for command in (("apt-get", "update", "-qq"), (*APT_INSTALL, package)):
        answer = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    found = shutil.which(name)
    if found is None:
        reason = (answer.stderr.strip().splitlines() or ["it brought no such program"])[-1]
        raise ToolMissing(f"apt-get install {package}: {reason}")
    return found
