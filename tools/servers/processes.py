"""Child processes of tests: servers that die with us, on free ports of loopback, ready when they say so."""

import contextlib
import random
import selectors
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PORTS = range(20_000, 30_000)  # below the ephemeral range: no outgoing connection takes one meanwhile
STOP_WITHIN_SEC = 30.0
LOOK_AGAIN_SEC = 0.02


class NotStarted(Exception):
    """A server did not come up; the text holds its last words."""


def free_ports(count: int) -> list[int]:
    """Return TCP ports of loopback that nobody listens on now."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port not in found:
                    found.append(port)
    return found


def start(command: Sequence[object], log: Path, environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a server in a process group of its own; its standard error goes to `log`, its output is ours to read.

    The kernel kills it when the thread that started it ends, so that a killed test run leaves no server behind.
    """
    tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    with log.open("ab") as sink:
        return subprocess.Popen([*tied, *map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=sink, text=True, start_new_session=True, env=environ)


def wait_for_line(process: subprocess.Popen[str], text: str, log: Path, *, within_sec: float) -> None:
    """Read the server's output until a line holds `text`. Raises: NotStarted when it ends or takes too long."""
    assert process.stdout is not None
    ends_sec = time.monotonic() + within_sec
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, ends_sec - time.monotonic())):
            line = process.stdout.readline()
            if text in line:
                return
            if not line:
                break
    end_now(process, signal.SIGKILL)
    raise NotStarted(f"{process.args!r} did not say {text!r} within {within_sec:.0f} s:\n{last_words(log)}")


def wait_for_port(process: subprocess.Popen[str], port: int, log: Path, *, within_sec: float) -> None:
    """Try to connect until the server answers. Raises: NotStarted when it ends or takes too long."""
    ends_sec = time.monotonic() + within_sec
    while process.poll() is None and time.monotonic() < ends_sec:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(LOOK_AGAIN_SEC)  # nothing to wait on: the other process opens the port when it likes
    end_now(process, signal.SIGKILL)
    raise NotStarted(f"{process.args!r} did not listen on {port} within {within_sec:.0f} s:\n{last_words(log)}")


def end_now(process: subprocess.Popen[str], with_signal: signal.Signals) -> None:
    """Send the signal, wait for the exit; a server that ignores SIGTERM for too long is killed."""
    if process.poll() is None:
        process.send_signal(with_signal)
        try:
            process.wait(STOP_WITHIN_SEC)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def last_words(log: Path, lines: int = 20) -> str:
    """Return the end of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]) if log.exists() else ""
