"""Engines that tests and benchmarks compare with: which Debian package each needs, how it is found and installed.

`make engines` runs `install`: packages are fetched once into ${XDG_CACHE_HOME:-~/.cache}/aurora-logs/engines, a
folder per version and recipe, and installed from there. Standard library only: it runs before the environment exists.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Engine(NamedTuple):
    """package: Debian's and Ubuntu's name. program: what must exist afterwards, on PATH or by its whole path."""

    package: str
    program: str


ENGINES: dict[str, Engine] = {
    "pt-query-digest": Engine("percona-toolkit", "pt-query-digest"),
    "pgbadger": Engine("pgbadger", "pgbadger"),
    "postgresql-15": Engine("postgresql-15", "/usr/lib/postgresql/15/bin/postgres"),
}
APT_INSTALL = ("apt-get", "install", "-y", "-qq", "--no-install-recommends")


def present(name: str) -> bool:
    """Tell whether the engine's program can be run on this machine."""
    return shutil.which(ENGINES[name].program) is not None


def install_command() -> str:
    """Return what to type when an engine is missing."""
    return "sudo make engines"


def cache_dir() -> Path:
    """Return the folder outside the clone that survives a fresh checkout."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "aurora-logs" / "engines"


def candidate_version(package: str) -> str:
    """Return the version that apt would install; empty when it knows none."""
    answer = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=True).stdout
    versions = [line.split(":", 1)[1].strip() for line in answer.splitlines() if "Candidate:" in line]
    return versions[0] if versions and versions[0] != "(none)" else ""


def installed_version(package: str) -> str:
    """Return the version that dpkg knows as installed; empty when there is none."""
    answer = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", package],
                            capture_output=True, text=True, check=False)
    return answer.stdout[2:].strip() if answer.returncode == 0 and answer.stdout.startswith("ii") else ""


def folder_of(engine: Engine, version: str) -> Path:
    """Return the engine's cache folder: version and recipe decide, so that a changed recipe never meets old files."""
    recipe = hashlib.sha256(json.dumps([engine, APT_INSTALL]).encode()).hexdigest()[:8]
    return cache_dir() / f"{engine.package}-{version.replace(':', '_')}-{recipe}"


def install(name: str, *, fresh: bool) -> str:
    """Install one engine; return `fresh` or `cached`. Raises CalledProcessError, FileNotFoundError, PermissionError."""
    engine = ENGINES[name]
    version = installed_version(engine.package)
    if version and not fresh and present(name):
        return f"cached   {version} (installed)"
    if os.geteuid() != 0:
        raise PermissionError(engine.package)
    version = candidate_version(engine.package)
    folder = folder_of(engine, version)
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    had_packages = any(folder.glob("*.deb"))
    # apt wants this sub-folder to exist in its archive directory
    (folder / "partial").mkdir(parents=True, exist_ok=True)
    again = ["--reinstall"] if fresh else []
    # the cache lies in a home folder, which apt's own user may not enter
    answer = subprocess.run([*APT_INSTALL, *again, "-o", f"Dir::Cache::archives={folder}",
                             "-o", "APT::Keep-Downloaded-Packages=true", "-o", "APT::Sandbox::User=root", engine.package],
                            check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if answer.returncode != 0:
        print(answer.stdout)
        answer.check_returncode()
    if not present(name):
        raise FileNotFoundError(engine.program)
    return f"{'cached' if had_packages else 'fresh'}    {installed_version(engine.package)}"


def install_all(*, fresh: bool) -> int:
    """Install all engines and say of each how it came; 1 when one is missing afterwards."""
    if shutil.which("apt-get") is None:
        print("no apt-get here; install by hand: " + " ".join(engine.package for engine in ENGINES.values()))
        return 1
    missing = [name for name in ENGINES if fresh or not present(name)]
    if missing and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True, stdin=subprocess.DEVNULL)
    failed = False
    for name, engine in ENGINES.items():
        try:
            outcome = install(name, fresh=fresh)
        except PermissionError:
            failed, outcome = True, f"MISSING  needs root: sudo apt-get install {engine.package}"
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            failed, outcome = True, f"MISSING  {error}"
        print(f"{name:<18}{outcome}", flush=True)
    return 1 if failed else 0


def main() -> int:
    """Install the engines, or list what is there."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("action", choices=["install", "list"])
    arguments.add_argument("--fresh", action="store_true", help="fetch and install again")
    chosen = arguments.parse_args()
    if chosen.action == "install":
        return install_all(fresh=chosen.fresh)
    for name in ENGINES:
        print(f"{name:<18}{'found' if present(name) else 'missing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
