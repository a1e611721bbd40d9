"""The bench of the stages' unit tests."""

import contextlib

import pytest
from tests.unit.stages.stage_bench import Bench


@pytest.fixture
def bench(tmp_path):
    """Open a bench: `bench(source=…, **settings)`."""
    with contextlib.ExitStack() as open_ones:
        def open_one(source=None, **settings):
            made = Bench(tmp_path, source, **settings)
            open_ones.callback(made.held.close)
            return made

        yield open_one
