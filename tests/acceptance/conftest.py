"""One simulator, one collected directory and one running collector for all acceptance tests of the command line."""

import pytest
from tests.acceptance.cli_world import Simulator, aurora_logs, collecting, eventually


@pytest.fixture(scope="session")
def simulator():
    """Six instances with some minutes of history, and nobody who writes any more."""
    started = Simulator("--instances", "demo", "--history-hours", "0.2", "--entries-per-sec", "1")
    started.tell("stop-writing")
    yield started
    started.close()


@pytest.fixture(scope="session")
def collected(simulator, tmp_path_factory):
    """A data directory into which everything was collected once."""
    folder = tmp_path_factory.mktemp("collected")
    answer = aurora_logs("run", "--once", env=simulator.env(folder))
    assert answer.code == 0, answer.err
    return folder


@pytest.fixture(scope="session")
def letters(simulator, tmp_path_factory):
    """The environment of a directory with two open dead letters; nobody collects there, so they stay."""
    env = simulator.env(tmp_path_factory.mktemp("letters"))
    with simulator.with_two_lines_refused("billing"):
        assert aurora_logs("run", "--once", "--instance", "billing", env=env).code == 0
    return env


@pytest.fixture(scope="session")
def world(simulator, tmp_path_factory):
    """Two ranges could not be read, then a collector runs on: (environment, its process)."""
    folder = tmp_path_factory.mktemp("world")
    env = simulator.env(folder / "data", DISCOVERY_INTERVAL_SEC="1")
    with simulator.with_two_lines_refused("billing"):
        once = aurora_logs("run", "--once", env=env)
    assert once.code == 0, once.err
    assert "next: aurora-logs top queries" in once.err
    with collecting(env, folder) as (process, log):
        assert eventually(lambda: '"Started"' in log.read_text())
        yield env, process
