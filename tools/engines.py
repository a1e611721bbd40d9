"""Engines that tests and benchmarks use: which package each needs, how it is found and installed.

`make engines` runs `install`: everything is fetched once into ${XDG_CACHE_HOME:-~/.cache}/aurora-logs/engines, a
folder per version and recipe. Debian's packages are installed from there; servers of other registries run from there.
Standard library only: it runs before the environment exists.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from tools.servers import dynoxide, jars
from tools.servers.cache import APT_INSTALL, ToolMissing, folder_for


class Engine(NamedTuple):
    """package: Debian's and Ubuntu's name. program: what must exist afterwards, on PATH or by its whole path."""

    package: str
    program: str


ENGINES: dict[str, Engine] = {
    "pt-query-digest": Engine("percona-toolkit", "pt-query-digest"),
    "pgbadger": Engine("pgbadger", "pgbadger"),
    "mariadb": Engine("mariadb-server", "/usr/sbin/mariadbd"),
    "postgresql-15": Engine("postgresql-15", "/usr/lib/postgresql/15/bin/postgres"),
}
BUILT: dict[str, ModuleType] = {"kafka": jars, "dynoxide": dynoxide}
"""Servers that need no root: each module has `present()` and `install(fresh=...)`."""


def present(name: str) -> bool:
    """Tell whether the engine can be run on this machine."""
    if name in BUILT:
        return bool(BUILT[name].present())
    return shutil.which(ENGINES[name].program) is not None


def install_command() -> str:
    """Return what to type when an engine is missing."""
    return "sudo make engines"


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
    """Return the cache folder of a Debian package."""
    return folder_for(engine.package, version, [engine, APT_INSTALL])


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


def install_debian(*, fresh: bool) -> dict[str, str]:
    """Install Debian's packages; return what became of each."""
    if shutil.which("apt-get") is None:
        return {name: f"MISSING  no apt-get here; install {engine.package} by hand" for name, engine in ENGINES.items()}
    missing = [name for name in ENGINES if fresh or not present(name)]
    if missing and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True, stdin=subprocess.DEVNULL)
    outcomes = {}
    for name, engine in ENGINES.items():
        try:
            outcomes[name] = install(name, fresh=fresh)
        except PermissionError:
            outcomes[name] = f"MISSING  needs root: sudo apt-get install {engine.package}"
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            outcomes[name] = f"MISSING  {error}"
    return outcomes


def install_built(*, fresh: bool) -> dict[str, str]:
    """Fetch or build the servers of other registries; return what became of each."""
    outcomes = {}
    for name, engine in BUILT.items():
        try:
            outcomes[name] = engine.install(fresh=fresh)
        except (ToolMissing, OSError, subprocess.CalledProcessError) as error:
            outcomes[name] = f"MISSING  {error}"
    return outcomes


def install_all(*, fresh: bool) -> int:
    """Install all engines and say of each how it came; 1 when one is missing afterwards."""
    failed = False
    for step in (install_debian, install_built):
        for name, outcome in step(fresh=fresh).items():
            failed = failed or outcome.startswith("MISSING")
            print(f"{name:<18}{outcome}", flush=True)
    return 1 if failed else 0


def main() -> int:
    """Install the engines, or list what is there."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("action", choices=["install", "list", "path"],
                           help="path: the folder with kafka-topics.sh and its sisters, to put on PATH")
    arguments.add_argument("--fresh", action="store_true", help="fetch and install again")
    chosen = arguments.parse_args()
    if chosen.action == "install":
        return install_all(fresh=chosen.fresh)
    if chosen.action == "path":
        print(jars.tools_folder())
        return 0 if jars.present() else 1
    for name in [*ENGINES, *BUILT]:
        print(f"{name:<18}{'found' if present(name) else 'missing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
