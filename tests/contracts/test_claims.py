"""Contract of StateStore, the fence: claims, intents, advances (reliability.md §5.2 W4 to W7, W9, W10; §5.5, §5.6)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace
from tests.contracts.samples import FILE, INSTANCE, LEASE_MS, NOW_MS, a_full_checkpoint, an_intent, claim

from aurora_logs.errors import ClaimHeld, EpochMoved, StateNewer

KEY = {"instance_id": INSTANCE, "log_file_name": FILE}


# claims


def test_a_first_claim_starts_the_row_as_given(state):
    initial = a_full_checkpoint(intent=None)
    claimed = claim(state, initial=initial)

    assert claimed == replace(initial, lease_owner=state.owner("pod-a"), epoch=1, lease_until_ms=NOW_MS + LEASE_MS)
    assert state.store.checkpoint(INSTANCE, FILE) == claimed
    assert state.store.checkpoints() == [claimed]
    assert state.store.checkpoint(INSTANCE, "other") is None


def test_a_later_claim_gets_the_row_that_is_there_with_its_intent(state):
    first = claim(state)
    moved = replace(a_full_checkpoint(), lease_owner=first.lease_owner, epoch=first.epoch,
                    lease_until_ms=first.lease_until_ms)
    state.store.advance(first, "", moved)
    later = claim(state, "pod-b", now_ms=NOW_MS + LEASE_MS)

    assert later == replace(moved, lease_owner=state.owner("pod-b"), epoch=2, lease_until_ms=NOW_MS + 2 * LEASE_MS)


def test_sixteen_workers_claim_one_free_file_and_one_wins(state):
    """REL-133."""
    def attempt(number):
        try:
            return claim(state, str(number))
        except ClaimHeld:
            return None

    with ThreadPoolExecutor(16) as pool:
        won = [row for row in pool.map(attempt, range(16)) if row]

    assert len(won) == 1
    assert state.store.checkpoint(INSTANCE, FILE) == won[0]
    assert won[0].epoch == 1


def test_a_live_lease_holds_until_its_last_millisecond(state):
    held = claim(state)

    with pytest.raises(ClaimHeld):
        claim(state, "pod-b", now_ms=NOW_MS + LEASE_MS - 1)
    assert state.store.checkpoint(INSTANCE, FILE) == held
    assert claim(state, "pod-b", now_ms=NOW_MS + LEASE_MS).epoch == 2


def test_a_renewed_lease_holds_longer(state):
    """W5."""
    held = claim(state)
    state.store.renew(held, until_ms=NOW_MS + 2 * LEASE_MS)

    with pytest.raises(ClaimHeld):
        claim(state, "pod-b", now_ms=NOW_MS + 2 * LEASE_MS - 1)


WRITES_OF_AN_OWNER = {
    "renew": lambda store, mine: store.renew(mine, until_ms=NOW_MS * 2),
    "intend": lambda store, mine: store.intend(mine, an_intent("late"), until_ms=NOW_MS * 2),
    "advance": lambda store, mine: store.advance(mine, "", replace(mine, byte_offset=999)),
    "release": lambda store, mine: store.release(mine, withdraw_intent=False),
    "release and withdraw": lambda store, mine: store.release(mine, withdraw_intent=True),
}


@pytest.mark.parametrize("write", WRITES_OF_AN_OWNER)
def test_every_write_of_an_old_owner_is_refused(state, write):
    """REL-134: after a take-over; the row is unchanged."""
    old = claim(state)
    claim(state, "pod-b", now_ms=NOW_MS + LEASE_MS)
    before = state.store.checkpoint(INSTANCE, FILE)

    with pytest.raises(EpochMoved):
        WRITES_OF_AN_OWNER[write](state.store, old)
    assert state.store.checkpoint(INSTANCE, FILE) == before


@pytest.mark.parametrize("write", WRITES_OF_AN_OWNER)
def test_a_late_write_of_an_earlier_claim_is_refused(state, write):
    """REL-135: claim, release, claim of one pod; each claim has an owner of its own."""
    first = claim(state, "pod-a-1")
    state.store.release(first, withdraw_intent=False)
    second = claim(state, "pod-a-2")

    with pytest.raises(EpochMoved):
        WRITES_OF_AN_OWNER[write](state.store, first)
    assert state.store.checkpoint(INSTANCE, FILE) == second


@pytest.mark.parametrize("write", WRITES_OF_AN_OWNER)
def test_an_owner_that_uses_its_name_again_is_told_apart_by_the_epoch(state, write):
    """Mine is lease_owner *and* epoch (§5.2): a nonce drawn twice must not open the fence."""
    first = claim(state)
    state.store.release(first, withdraw_intent=False)
    second = claim(state)

    with pytest.raises(EpochMoved):
        WRITES_OF_AN_OWNER[write](state.store, first)
    assert state.store.checkpoint(INSTANCE, FILE) == second


@pytest.mark.parametrize("write", WRITES_OF_AN_OWNER)
def test_a_write_after_release_is_refused(state, write):
    held = claim(state)
    state.store.release(held, withdraw_intent=False)

    for row in (held, replace(held, lease_owner="")):
        with pytest.raises(EpochMoved):
            WRITES_OF_AN_OWNER[write](state.store, row)


@pytest.mark.parametrize("write", WRITES_OF_AN_OWNER)
def test_a_row_deleted_under_a_live_lease_refuses_its_old_owner(state, write):
    """REL-136, REL-47: the epoch may be equal, the owner is not."""
    old = claim(state, "pod-a-1")
    state.delete("aurora-log-checkpoints", KEY)

    with pytest.raises(EpochMoved):
        WRITES_OF_AN_OWNER[write](state.store, old)
    assert state.store.checkpoint(INSTANCE, FILE) is None
    fresh = claim(state, "pod-a-2")
    assert fresh.epoch == old.epoch
    with pytest.raises(EpochMoved):
        WRITES_OF_AN_OWNER[write](state.store, old)
    assert state.store.checkpoint(INSTANCE, FILE) == fresh


# intent and advance


def test_an_intent_is_written_down_with_all_its_parts(state):
    """W6."""
    held = claim(state)
    intent = an_intent(repair=True)
    state.store.intend(held, intent, until_ms=NOW_MS + 7)

    assert state.store.checkpoint(INSTANCE, FILE) == replace(held, intent=intent, lease_until_ms=NOW_MS + 7)


def test_a_second_intent_is_refused(state):
    held = claim(state)
    state.store.intend(held, an_intent("b1"), until_ms=NOW_MS)

    with pytest.raises(EpochMoved):
        state.store.intend(held, an_intent("b2"), until_ms=NOW_MS)
    assert state.store.checkpoint(INSTANCE, FILE).intent.id == "b1"


def test_an_intent_from_another_position_is_refused(state):
    held = claim(state)

    with pytest.raises(EpochMoved):
        state.store.intend(replace(held, byte_offset=50), an_intent(), until_ms=NOW_MS)
    assert state.store.checkpoint(INSTANCE, FILE).intent is None


def test_an_advance_moves_the_row_and_intends_the_next_batch_in_one_write(state):
    """W7."""
    held = claim(state)
    state.store.intend(held, an_intent("b1"), until_ms=NOW_MS + LEASE_MS)
    moved = replace(held, byte_offset=100, record_count=2, intent=an_intent("b2", 100, 200))
    state.store.advance(held, "b1", moved)

    assert state.store.checkpoint(INSTANCE, FILE) == moved


def test_an_advance_past_another_intent_is_refused(state):
    """REL-143: also its own repeat after a lost answer; the re-read tells which it was."""
    held = claim(state)
    state.store.intend(held, an_intent("b1"), until_ms=NOW_MS + LEASE_MS)
    moved = replace(held, byte_offset=100)

    for other in ("", "b0"):
        with pytest.raises(EpochMoved):
            state.store.advance(held, other, moved)
    state.store.advance(held, "b1", moved)
    with pytest.raises(EpochMoved):
        state.store.advance(held, "b1", moved)
    assert state.store.checkpoint(INSTANCE, FILE) == moved


def test_a_release_keeps_the_intent_unless_it_is_withdrawn(state):
    """W10."""
    for withdraw, left in ((False, an_intent("b1")), (True, None)):
        held = claim(state)
        if held.intent is None:
            state.store.intend(held, an_intent("b1"), until_ms=NOW_MS + LEASE_MS)
        state.store.release(held, withdraw_intent=withdraw)
        row = state.store.checkpoint(INSTANCE, FILE)
        assert (row.intent, row.lease_owner, row.lease_until_ms, row.epoch) == (left, "", 0, held.epoch)


def test_a_lost_answer_of_a_claim_is_told_by_its_owner(state):
    """REL-141, REL-150: the own success is found by the re-read, and the repeat is a Conflict."""
    applied = claim(state, "nonce-1")

    with pytest.raises(ClaimHeld):
        claim(state, "nonce-1")
    assert state.store.checkpoint(INSTANCE, FILE).lease_owner == applied.lease_owner


def test_lost_answers_of_renewals_may_be_repeated(state):
    """REL-142."""
    held = claim(state)
    state.store.renew(held, until_ms=NOW_MS + 1)
    state.store.renew(held, until_ms=NOW_MS + 2)

    assert state.store.checkpoint(INSTANCE, FILE).lease_until_ms == NOW_MS + 2


def test_a_row_of_a_newer_version_is_refused_unchanged(state):
    """REL-51."""
    claimed = claim(state)
    state.store.release(claimed, withdraw_intent=False)
    state.edit("aurora-log-checkpoints", KEY, {"schema_version": 2, "marker": "from the future"})

    with pytest.raises(StateNewer, match="schema version 2"):
        claim(state, "pod-b")
    with pytest.raises(StateNewer):
        state.store.checkpoint(INSTANCE, FILE)
    state.edit("aurora-log-checkpoints", KEY, {"schema_version": 1})
    assert state.store.checkpoint(INSTANCE, FILE).epoch == claimed.epoch
