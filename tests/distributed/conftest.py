"""Each test has a world of its own on the run's broker and DynamoDB engine."""

import contextlib

import pytest
from tools.distributed.world import world


@pytest.fixture
def make_world(broker, dynamodb, tmp_path):
    """Make worlds that end with the test: `make_world(databases=…, load={…}, SETTING="…")`."""
    with contextlib.ExitStack() as opened:
        made = []

        def make(**options):
            made.append(1)
            return opened.enter_context(world(tmp_path / f"world-{len(made)}", broker, dynamodb, **options))

        yield make
