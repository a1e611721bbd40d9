"""Contract of StateStore and StateAdmin: reliability.md §5.2, 5.5, 5.6, 4.5; names-and-runbook.md §2.8."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace
from tests.contracts.samples import (
    FILE,
    INSTANCE,
    a_checkpoint,
    a_full_checkpoint,
    a_letter,
    a_tracked,
    an_instance,
    an_intent,
)

from aurora_logs.errors import ClaimHeld, Conflict, EpochMoved, StateNewer

NOW_MS = 1_795_342_317_000
LEASE_MS = 60_000
KEY = {"instance_id": INSTANCE, "log_file_name": FILE}


def claim(state, name="pod-a", *, now_ms=NOW_MS, initial=None):
    return state.store.take_claim(initial or a_checkpoint(), owner=state.owner(name), now_ms=now_ms,
                                  until_ms=now_ms + LEASE_MS)


# instances


def test_an_instance_row_comes_back_as_it_was_saved(state):
    state.store.save_instance(an_instance())

    assert state.store.instances() == [an_instance()]


def test_saving_an_instance_leaves_the_listing_lease_alone(state):
    owner = state.owner("a")
    state.store.lease_listing(INSTANCE, owner, now_sec=10, until_sec=20)
    state.store.save_instance(an_instance(error="listing failed"))

    assert state.store.instances() == [an_instance(error="listing failed", lease_owner=owner, lease_until=20)]


def test_one_owner_lists_an_instance_until_its_lease_is_over(state):
    a, b = state.owner("a"), state.owner("b")

    assert state.store.lease_listing(INSTANCE, a, now_sec=10, until_sec=20)
    assert not state.store.lease_listing(INSTANCE, b, now_sec=19, until_sec=30)
    assert state.store.lease_listing(INSTANCE, a, now_sec=19, until_sec=25), "the owner itself may go on"
    assert state.store.lease_listing(INSTANCE, b, now_sec=25, until_sec=30)


def test_sixteen_replicas_ask_to_list_and_one_may(state):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(
            lambda number: state.store.lease_listing(INSTANCE, state.owner(str(number)), now_sec=10, until_sec=20), range(16)))

    assert sorted(answers) == [False] * 15 + [True]


# tracking rows


def test_a_file_is_seen_once(state):
    """W1, REL-146: the repeat changes nothing."""
    assert state.store.see(a_tracked())
    assert not state.store.see(a_tracked(file_size=5, status="completed"))

    assert state.store.tracked(INSTANCE) == [a_tracked()]


def test_a_tracking_row_keeps_every_attribute(state):
    row = a_tracked(delivered_bytes=1, records=2, gap_bytes=3, queued_at=4, error="e", audited_at=5, segment_id="s",
                    missing=6, raw_records=7)
    state.store.see(row)

    assert state.store.tracked(INSTANCE) == state.store.all_tracked() == [row]


def test_rows_of_other_instances_stay_apart(state):
    state.store.see(a_tracked())
    state.store.see(a_tracked(instance_id="shop-10"))

    assert state.store.tracked(INSTANCE) == [a_tracked()]
    assert len(state.store.all_tracked()) == 2


def test_a_file_that_grew_is_discovered_again(state):
    """W2."""
    state.store.see(a_tracked(status="completed", missing=2))
    for _ in range(2):  # REL-146: a repeat is harmless
        state.store.grow(INSTANCE, FILE, file_size=2000, last_written=77, now_sec=99)

    assert state.store.tracked(INSTANCE) == [a_tracked(file_size=2000, last_written=77, updated_at=99)]


def test_queued_and_missed_are_noted(state):
    """W3."""
    state.store.see(a_tracked())
    state.store.queued(INSTANCE, FILE, 99)
    state.store.missed(INSTANCE, FILE, 3)

    assert state.store.tracked(INSTANCE) == [a_tracked(queued_at=99, missing=3)]


def test_what_is_noted_of_an_unknown_file_is_a_conflict_and_makes_no_row(state):
    for write in (
        lambda: state.store.grow(INSTANCE, FILE, file_size=1, last_written=1, now_sec=1),
        lambda: state.store.queued(INSTANCE, FILE, 1),
        lambda: state.store.missed(INSTANCE, FILE, 1),
    ):
        with pytest.raises(Conflict):
            write()

    assert state.store.all_tracked() == []


def progress(state, **changes):
    return state.store.track_progress(INSTANCE, FILE, **{
        "status": "processing", "segment_id": "seg", "delivered_bytes": 500, "records": 5, "gap_bytes": 1,
        "raw_records": 2, "error": "", "now_sec": 50} | changes)


def test_progress_writes_the_workers_half_of_the_row(state):
    """W13."""
    state.store.see(a_tracked(queued_at=3))

    assert progress(state)
    assert state.store.tracked(INSTANCE) == [a_tracked(
        queued_at=3, status="processing", segment_id="seg", delivered_bytes=500, records=5, gap_bytes=1, raw_records=2,
        updated_at=50)]


def test_a_finish_is_refused_when_the_file_grew_meanwhile(state):
    """W9: its second condition; without it the file would rest at `completed`."""
    state.store.see(a_tracked(file_size=1000))
    state.store.grow(INSTANCE, FILE, file_size=1100, last_written=1, now_sec=1)

    assert not progress(state, status="completed", file_size=1000)
    assert state.store.tracked(INSTANCE)[0].status == "discovered"
    assert progress(state, status="completed", file_size=1100)


def test_progress_of_an_unknown_file_makes_no_row(state):
    assert not progress(state)
    assert state.store.all_tracked() == []


def test_an_audit_counts_only_for_what_it_looked_at(state):
    """W11."""
    state.store.see(a_tracked(status="completed", delivered_bytes=1000))

    assert not state.store.audited(INSTANCE, FILE, delivered_bytes=999, now_sec=9)
    assert state.store.audited(INSTANCE, FILE, delivered_bytes=1000, now_sec=9)
    assert state.store.tracked(INSTANCE)[0].audited_at == 9
    state.store.grow(INSTANCE, FILE, file_size=2000, last_written=1, now_sec=1)
    assert not state.store.audited(INSTANCE, FILE, delivered_bytes=1000, now_sec=10)


def test_pruning_removes_one_row_and_may_be_repeated(state):
    """W12."""
    state.store.see(a_tracked())
    state.store.see(a_tracked("error/mysql-error-running.log"))
    state.store.prune(INSTANCE, FILE)
    state.store.prune(INSTANCE, FILE)

    assert [row.log_file_name for row in state.store.tracked(INSTANCE)] == ["error/mysql-error-running.log"]


def test_a_bare_row_made_by_an_operator_is_read(state):
    """REL-48: update-item on a key that never existed."""
    state.edit("aurora-log-file-tracking", KEY, {"status": "discovered"})

    assert state.store.tracked(INSTANCE) == [a_tracked(
        log_type="", cluster_id="", resource_id="", last_written=0, file_size=0, discovered_at=0, updated_at=0)]
    state.store.grow(INSTANCE, FILE, file_size=10, last_written=1, now_sec=2)
    assert state.store.tracked(INSTANCE)[0].file_size == 10


def test_a_status_set_by_hand_is_what_discovery_reads(state):
    state.store.see(a_tracked(status="completed", delivered_bytes=5))
    state.edit("aurora-log-file-tracking", KEY, {"status": "discovered"})

    assert state.store.tracked(INSTANCE) == [a_tracked(delivered_bytes=5)]


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


# dead letters


def test_a_dead_letter_keeps_every_attribute(state):
    """W8."""
    state.store.bury(a_letter())

    assert state.store.dead_letter("m1") == a_letter()
    assert state.store.dead_letter("m2") is None


def test_the_same_range_buried_again_is_one_letter_counted_twice(state):
    """REL-144: present with this retry_count or more."""
    state.store.bury(a_letter())
    state.store.bury(a_letter(failed_at=500, error="again", retry_count=2))

    assert state.store.dead_letters() == [a_letter(failed_at=500, error="again", retry_count=2)]


def test_gaps_and_dead_letters_are_listed_apart_oldest_first(state):
    state.store.bury(a_letter("late", failed_at=300))
    state.store.bury(a_letter("early", failed_at=200))
    state.store.bury(a_letter("gap", is_gap=True, reason="purged"))

    assert [letter.message_id for letter in state.store.dead_letters()] == ["early", "late"]
    assert [letter.message_id for letter in state.store.dead_letters(gaps=True)] == ["gap"]


def test_a_delivered_letter_is_deleted_and_may_be_deleted_again(state):
    state.store.bury(a_letter())
    state.store.delete_dead_letter("m1")
    state.store.delete_dead_letter("m1")

    assert state.store.dead_letter("m1") is None


# names


ATTRIBUTES = {
    "aurora-instance-metadata": {
        "S": "instance_id cluster_id engine engine_version instance_class status resource_id account_id aws_region"
             " lease_owner",
        "BOOL": "is_cluster_writer", "N": "listed_at updated_at expires_at lease_until"},
    "aurora-log-file-tracking": {
        "S": "instance_id log_file_name status cluster_id log_type error resource_id segment_id",
        "N": "updated_at last_written file_size discovered_at queued_at delivered_bytes records gap_bytes audited_at"
             " schema_version"},
    "aurora-log-checkpoints": {
        "S": "instance_id log_file_name marker lease_owner resource_id segment_id", "B": "tail tail_hash", "M": "intent",
        "N": "byte_offset line_count record_count epoch lease_until updated_at expires_at schema_version"},
    "aurora-log-dlq": {
        "S": "message_id instance_id log_file_name error log_type cluster_id reason original_message excerpt resource_id"
             " segment_id",
        "N": "failed_at retry_count from_position to_position purge_at schema_version"},
}


@pytest.mark.parametrize("table", ATTRIBUTES)
def test_tables_have_the_attributes_that_operators_know(state, table):
    """NAM-04: names and types of names-and-runbook.md §2.8 (`inexact` and `kafka_*` have no writer yet)."""
    state.store.save_instance(an_instance())
    state.store.lease_listing(INSTANCE, state.owner("a"), now_sec=1, until_sec=2)
    state.store.see(a_tracked(queued_at=1, audited_at=1))
    claim(state, initial=a_full_checkpoint())
    state.store.bury(a_letter())
    kinds = state.attributes(table)

    wanted = {name: kind for kind, names in ATTRIBUTES[table].items() for name in names.split()}
    assert {name: kinds.get(name) for name in wanted} == wanted
