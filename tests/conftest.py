"""What holds for every test: a scrubbed environment, sockets to loopback only, engines that are there or named."""

import atexit
import ipaddress
import os
import shutil
import signal
import socket
import tempfile

import pytest
from tools import engines
from tools.servers import dynoxide, kafka

from aurora_logs.settings import Settings


def _scrub_environment() -> None:
    """Nothing of the person who runs the tests decides their outcome: no account, no settings, no home folder."""
    ours = {name.upper() for name in Settings.__struct_fields__}
    for name in list(os.environ):
        # PYTHONUNBUFFERED and the like: commands are started as a person would start them
        if name in ours or name.startswith(("AWS_", "BOTO_", "AURORA_LOGS_CONFIG", "PYTHON")):
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="aurora-logs-tests-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ |= {
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "XDG_DATA_HOME": f"{home}/data", "XDG_CONFIG_HOME": f"{home}/config", "TZ": "UTC", "NO_COLOR": "1",
        "COLUMNS": "120",
    }


def _answer_to_interrupts() -> None:
    """A test run in the background of a shell ignores SIGINT, and so would every process that it starts."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_scrub_environment()
_answer_to_interrupts()


class NotLoopback(AssertionError):
    """A test tried to reach another machine."""


def _is_loopback(address: object) -> bool:
    """Unix sockets and 127.0.0.0/8, ::1 are here; names other than localhost are not."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def _only_loopback():
    """Refuse connections and datagrams of this process to anywhere but this machine."""
    patch = pytest.MonkeyPatch()

    def guarded(method):
        original = getattr(socket.socket, method)

        def call(self, *arguments):
            # sendto: the address is the last argument
            if not _is_loopback(arguments[-1]):
                raise NotLoopback(f"{method} to {arguments[-1]}")
            return original(self, *arguments)

        patch.setattr(socket.socket, method, call)

    for method in ("connect", "connect_ex", "sendto"):
        guarded(method)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def broker():
    """One Kafka broker for all tests of a run; each test takes topics and groups of its own."""
    with kafka.running() as running:
        yield running


@pytest.fixture(scope="session")
def dynamodb():
    """One DynamoDB engine for all tests of a run; each test takes tables of its own."""
    with dynoxide.running() as running:
        yield running


def pytest_runtest_setup(item):
    """A test whose engine is missing is skipped with the command that installs it; with CI=true it fails."""
    missing = [name for marker in item.iter_markers("engine") for name in marker.args if not engines.present(name)]
    if not missing:
        return
    reason = f"{', '.join(missing)}: not installed; {engines.install_command()}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"an engine is missing in CI: {reason}", pytrace=False)
    pytest.skip(reason)
