"""dynoxide: a server that speaks DynamoDB, on SQLite; built once with cargo, started on loopback."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.servers.cache import ToolMissing, cache_dir, folder_for, program
from tools.servers.processes import end_now, free_ports, start, wait_for_port

CRATE, VERSION = "dynoxide-rs", "3.2.0"
LEAST_RUST = "1.88"
# Little optimisation: the tests wait for the build, hardly ever for the server.
BUILD_SETTINGS = {"CARGO_PROFILE_RELEASE_OPT_LEVEL": "1", "CARGO_PROFILE_RELEASE_LTO": "off",
                  "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16"}
BUILD = ("install", CRATE, "--version", VERSION, "--locked", "--no-default-features", "--features",
         "native-sqlite,http-server,cli")
START_WITHIN_SEC = 20.0


def folder() -> Path:
    """Return where the built program lies."""
    return folder_for("dynoxide", VERSION, [BUILD, BUILD_SETTINGS])


def present() -> bool:
    """Tell whether the server can be run on this machine."""
    return (folder() / "bin" / "dynoxide").exists()


def install(*, fresh: bool) -> str:
    """Build the server; return `fresh` or `cached` with its version. Raises: ToolMissing, CalledProcessError."""
    if present() and not fresh:
        return f"cached   {VERSION}"
    cargo = _cargo()
    cache_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dynoxide-", dir=cache_dir()) as name:
        root, target = Path(name) / "root", Path(name) / "target"
        built = subprocess.run([cargo, *BUILD, "--root", root], check=False, stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, env={**os.environ, **BUILD_SETTINGS, "CARGO_TARGET_DIR": str(target)})
        if built.returncode != 0:
            raise ToolMissing(f"cargo could not build it (it wants Rust {LEAST_RUST} or newer): "
                              f"{(built.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        shutil.rmtree(folder(), ignore_errors=True)
        root.rename(folder())
    return f"fresh    {VERSION}"


def _cargo() -> str:
    beside = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "bin" / "cargo"
    return str(beside) if beside.exists() else program("cargo", "cargo")


class Dynoxide:
    """One server of this machine; what it holds lies in one file and survives `kill`."""

    def __init__(self, data_file: Path) -> None:
        self.data_file = data_file
        self.port = free_ports(1)[0]
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """What goes into AWS_ENDPOINT_URL_DYNAMODB."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it answers; the port stays the same. Raises: NotStarted."""
        log = self.data_file.with_suffix(".log")
        self._process = start([folder() / "bin" / "dynoxide", "serve", "--host", "127.0.0.1", "--port", self.port,
                               "--db-path", self.data_file, "--log", "quiet"], log)
        wait_for_port(self._process, self.port, log, within_sec=START_WITHIN_SEC)

    def stop(self) -> None:
        """End it cleanly; nothing to do when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, with_signal: signal.Signals) -> None:
        if self._process is not None:
            end_now(self._process, with_signal)
            self._process = None


@contextlib.contextmanager
def running() -> Iterator[Dynoxide]:
    """Run a server with its data in a folder of its own; stop it and clear up."""
    with tempfile.TemporaryDirectory(prefix="dynoxide-") as name:
        server = Dynoxide(Path(name) / "data.sqlite3")
        server.start()
        try:
            yield server
        finally:
            server.stop()
