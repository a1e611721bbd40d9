"""StateStore against a model: any order of claims, late writes, deletions and clock jumps keeps the fence."""

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace
from tests.contracts.conftest import STATE_STORES, adapters
from tests.contracts.samples import INSTANCE, SteppedClock, a_checkpoint, an_intent

from aurora_logs.errors import ClaimHeld, EpochMoved

KEY = {"instance_id": INSTANCE, "log_file_name": "f"}


class FenceModel(RuleBasedStateMachine):
    """The model is one row and the list of all claims ever won; any of them may write at any time."""

    factory = staticmethod(STATE_STORES["embedded"])
    engine = None

    @initialize()
    def begin(self):
        self.stack = contextlib.ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.bench = self.stack.enter_context(self.factory(folder / "state", SteppedClock(), self.engine))
        self.row = None
        self.now_ms = 1000
        self.claims = []
        self.intents = 0

    def teardown(self):
        if hasattr(self, "stack"):
            self.stack.close()

    def holds(self, held):
        return self.row is not None and (self.row.lease_owner, self.row.epoch) == (held.lease_owner, held.epoch)

    def attempt(self, write, allowed, after):
        """Do a write that the model allows or refuses; the row must agree."""
        if allowed:
            write()
            self.row = after()
        else:
            with pytest.raises(EpochMoved):
                write()

    @rule(lease_ms=st.integers(1, 50))
    def take_claim(self, lease_ms):
        owner = self.bench.owner(f"claim-{len(self.claims)}")
        initial = a_checkpoint("f")
        free = self.row is None or not self.row.lease_owner or self.row.lease_until_ms <= self.now_ms

        def take():
            return self.bench.store.take_claim(initial, owner=owner, now_ms=self.now_ms, until_ms=self.now_ms + lease_ms)

        if not free:
            with pytest.raises(ClaimHeld):
                take()
            return
        before = self.row or initial
        self.row = replace(before, lease_owner=owner, epoch=before.epoch + 1, lease_until_ms=self.now_ms + lease_ms)
        assert take() == self.row
        self.claims.append(self.row)

    @rule(delta_ms=st.integers(-30, 60))
    def time_passes_or_jumps(self, delta_ms):
        self.now_ms = max(1, self.now_ms + delta_ms)

    @rule(pick=st.randoms(use_true_random=False), lease_ms=st.integers(1, 50))
    def renew(self, pick, lease_ms):
        if self.claims:
            held, until_ms = pick.choice(self.claims), self.now_ms + lease_ms
            self.attempt(lambda: self.bench.store.renew(held, until_ms=until_ms), self.holds(held),
                         lambda: replace(self.row, lease_until_ms=until_ms))

    @rule(pick=st.randoms(use_true_random=False), at_row=st.booleans())
    def intend(self, pick, at_row):
        if self.claims:
            held = pick.choice(self.claims)
            if at_row and self.row:
                held = replace(held, byte_offset=self.row.byte_offset)
            self.intents += 1
            intent, until_ms = an_intent(f"i{self.intents}"), self.now_ms + 20
            allowed = self.holds(held) and self.row.intent is None and self.row.byte_offset == held.byte_offset
            self.attempt(lambda: self.bench.store.intend(held, intent, until_ms=until_ms), allowed,
                         lambda: replace(self.row, intent=intent, lease_until_ms=until_ms))

    @rule(pick=st.randoms(use_true_random=False), right=st.booleans(), chain=st.booleans(), step=st.integers(0, 9))
    def advance(self, pick, right, chain, step):
        if self.claims:
            held = pick.choice(self.claims)
            here = self.row.intent.id if self.row and self.row.intent else ""
            intent_id = here if right else "another"
            self.intents += 1
            moved = replace(held, byte_offset=held.byte_offset + step, tail=bytes([step]),
                            intent=an_intent(f"i{self.intents}") if chain else None)
            self.attempt(lambda: self.bench.store.advance(held, intent_id, moved), self.holds(held) and right,
                         lambda: moved)

    @rule(pick=st.randoms(use_true_random=False), withdraw=st.booleans())
    def release(self, pick, withdraw):
        if self.claims:
            held = pick.choice(self.claims)
            self.attempt(lambda: self.bench.store.release(held, withdraw_intent=withdraw), self.holds(held),
                         lambda: replace(self.row, lease_owner="", lease_until_ms=0,
                                         intent=None if withdraw else self.row.intent))

    @rule()
    def delete_by_hand(self):
        self.bench.delete("aurora-log-checkpoints", KEY)
        self.row = None

    @invariant()
    def the_row_is_the_models(self):
        if hasattr(self, "bench"):
            assert self.bench.store.checkpoint(INSTANCE, "f") == self.row


@pytest.mark.parametrize("adapter", adapters(STATE_STORES))
def test_any_order_of_writes_keeps_the_fence(adapter, request):
    machine = type("Machine", (FenceModel,), {"factory": staticmethod(STATE_STORES[adapter]),
                                              "engine": staticmethod(request.getfixturevalue)})
    case = machine.TestCase
    case.settings = settings(max_examples=40, stateful_step_count=30, deadline=None,
                             suppress_health_check=list(HealthCheck))
    case("runTest").runTest()
