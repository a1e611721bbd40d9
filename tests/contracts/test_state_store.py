"""Contract of StateStore and StateAdmin: reliability.md §5.2, 5.5, 5.6, 4.5; names-and-runbook.md §2.8."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import asdict, replace
from tests.contracts.samples import (
    FILE,
    INSTANCE,
    a_full_checkpoint,
    a_letter,
    a_tracked,
    an_instance,
    claim,
)

from aurora_logs.errors import Conflict
from aurora_logs.records.fleet import Delivered

KEY = {"instance_id": INSTANCE, "log_file_name": FILE}


# instances


def test_an_instance_row_comes_back_as_it_was_saved(state):
    state.store.save_instance(an_instance())

    assert state.store.instances() == [an_instance()]


def test_saving_an_instance_leaves_what_its_listing_told_alone(state):
    owner = state.owner("a")
    state.store.save_instance(an_instance())
    state.store.lease_listing(INSTANCE, owner, now_sec=10, until_sec=20)
    told = an_instance(listed_at=11, swept_at=7, error="denied", at_risk_bytes=5, lease_owner=owner, lease_until=99)

    assert state.store.listing_done(told)
    state.store.save_instance(an_instance(listed_at=5, error="another"))
    assert state.store.instances() == [told]


def test_a_listing_that_took_longer_than_its_lease_tells_nothing(state):
    """REL-76: another replica lists the instance by now."""
    a, b = state.owner("a"), state.owner("b")
    state.store.save_instance(an_instance())
    state.store.lease_listing(INSTANCE, a, now_sec=10, until_sec=20)
    state.store.lease_listing(INSTANCE, b, now_sec=21, until_sec=30)

    assert not state.store.listing_done(an_instance(listed_at=11, lease_owner=a, lease_until=99))
    assert state.store.instances() == [an_instance(lease_owner=b, lease_until=30)]
    assert not state.store.listing_done(an_instance("nobody", lease_owner=a))


def test_a_forgotten_instance_is_gone_with_its_lease(state):
    state.store.save_instance(an_instance())
    state.store.lease_listing(INSTANCE, state.owner("a"), now_sec=10, until_sec=20)
    for _ in range(2):
        state.store.forget_instance(INSTANCE)

    assert state.store.instances() == []
    assert state.store.lease_listing(INSTANCE, state.owner("b"), now_sec=11, until_sec=20)


def test_a_lease_of_other_work_is_no_instance(state):
    """Keys that begin with # (names-and-runbook.md §2.8)."""
    a, b = state.owner("a"), state.owner("b")

    assert state.store.lease_listing("#place#eu-west-1", a, now_sec=10, until_sec=20)
    assert not state.store.lease_listing("#place#eu-west-1", b, now_sec=11, until_sec=20)
    assert state.store.instances() == []


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


HALF = Delivered(segment_id="seg", delivered_bytes=500, records=5, gap_bytes=1, raw_records=2, ids_crc=77,
                 tail_hash=b"\x01\x00" + b"\xff" * 16, resend_until=9, epoch=3)


def progress(state, delivered=HALF, **changes):
    return state.store.track_progress(INSTANCE, FILE, delivered, **{"status": "processing", "now_sec": 50} | changes)


def test_progress_writes_the_workers_half_of_the_row(state):
    """W13."""
    state.store.see(a_tracked(queued_at=3, audited_at=4))

    assert progress(state)
    assert state.store.tracked(INSTANCE) == [a_tracked(
        queued_at=3, status="processing", updated_at=50, **asdict(HALF))]


def test_progress_of_an_older_claim_is_refused(state):
    """Law 2 holds for the tracking row too: a worker that was paused beyond its lease takes nothing back."""
    state.store.see(a_tracked())
    assert progress(state)

    assert not progress(state, replace(HALF, epoch=2, delivered_bytes=0))
    assert progress(state, replace(HALF, epoch=4))
    assert state.store.tracked(INSTANCE)[0].epoch == 4


def test_a_finish_is_refused_when_the_file_grew_meanwhile(state):
    """W9: its second condition; without it the file would rest at `completed`."""
    state.store.see(a_tracked(file_size=1000))
    state.store.grow(INSTANCE, FILE, file_size=1100, last_written=1, now_sec=1)

    assert not progress(state, status="completed", as_listed=a_tracked(file_size=1000))
    assert not progress(state, status="completed", as_listed=a_tracked(file_size=1100, last_written=2))
    assert state.store.tracked(INSTANCE)[0].status == "discovered"
    assert progress(state, status="completed", as_listed=a_tracked(file_size=1100, last_written=1))


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
    state.store.listing_done(an_instance(listed_at=1, lease_owner=state.owner("a"), lease_until=2))
    state.store.see(a_tracked(queued_at=1, audited_at=1))
    claim(state, initial=a_full_checkpoint())
    state.store.bury(a_letter())
    kinds = state.attributes(table)

    wanted = {name: kind for kind, names in ATTRIBUTES[table].items() for name in names.split()}
    assert {name: kinds.get(name) for name in wanted} == wanted
