"""The bench of this folder's tests."""

import contextlib

import pytest
from tests.faults.bench import Bench


@pytest.fixture
def bench(tmp_path):
    """Open benches of this test: `bench(*specs, faults=…, settings=…)`; closed at its end."""
    with contextlib.ExitStack() as open_ones:
        def open_one(*specs, folder=tmp_path, **how):
            return open_ones.enter_context(Bench(folder, *specs, **how).open())

        yield open_one
