"""claim: one writer; an answer that was lost is looked up before it is believed (REL-133..150); leases end early for us."""

# ruff: noqa: PT012 -- the claim is a context of its own, and the error comes from inside it

import pytest
from tests.contracts.samples import a_batch, a_letter
from tests.unit.stages.stage_bench import FAMILY, After, checkpoint, hour

from aurora_logs.errors import ClaimHeld, EpochMoved, StateAnswerLost, Transient, Unreachable
from aurora_logs.records.fleet import Delivered
from aurora_logs.records.flow import Kept
from aurora_logs.stages.claim import KEPT_POSITIONS

HERE = checkpoint(segment_id=hour(7))
LOST = StateAnswerLost("the answer")


def batch(first, count=1, **how):
    return a_batch(list(range(first, first + 10 * count, 10)), segment_id=hour(7), batch_id=f"b{first}", **how)


def test_a_claim_takes_lease_and_epoch_and_gives_the_lease_back(bench):
    one = bench()
    for epoch in (1, 2):
        with one.claim(HERE) as held:
            assert held.checkpoint.epoch == epoch
            assert one.row().lease_owner.startswith("run-1/")
        assert one.row().lease_owner == ""


def test_a_second_claim_is_refused_while_the_first_lives(bench):
    """REL-133, 135: also by the same worker: each claim has a nonce of its own."""
    one = bench()
    with one.claim(HERE), pytest.raises(ClaimHeld), one.claim(HERE):
        pass


@pytest.mark.parametrize("lost", [LOST, After(LOST), ClaimHeld("refused by its own retry")], ids=["unapplied", "applied", "held"])
def test_a_lost_answer_to_the_claim_is_looked_up(bench, lost):
    """REL-141, 150."""
    one = bench()
    one.state.script["take_claim"] = [After(lost) if isinstance(lost, ClaimHeld) else lost]
    with one.claim(HERE) as held:
        assert held.checkpoint.epoch == 1


@pytest.mark.parametrize("lost", [LOST, After(LOST), After(EpochMoved("by its own retry")), Unreachable("away")])
@pytest.mark.parametrize("write", ["renew", "intend", "advance", "release"])
def test_a_lost_answer_to_a_write_is_looked_up_and_the_write_stands_once(bench, write, lost):
    """REL-142, 143, 145, 150: applied or not, the row ends the same."""
    one = bench()
    with one.claim(HERE) as held:
        one.state.script[write] = [lost]
        if write == "renew":
            one.clock.sleep(30)
            held.keep()
        held.intend(batch(0))
        held.advance(batch(0), batch(10))
        held.advance(batch(10), None)
        one.state.script.setdefault("release", [lost] if write == "release" else [])
    row = one.row()
    assert (row.byte_offset, row.record_count, row.intent, row.lease_owner, row.epoch) == (20, 2, None, "", 1)


@pytest.mark.parametrize("write", ["keep", "intend", "advance", "settled", "move_on", "bury", "rewind", "note_end"])
def test_whoever_lost_the_claim_can_write_nothing_more(bench, write):
    """REL-113, 134: the row was taken over; each write is refused and the heir's row is unchanged."""
    one = bench()
    with pytest.raises(EpochMoved), one.claim(HERE) as held:
        held.intend(batch(0))
        one.clock.sleep(40)
        heir = one.real_state.take_claim(HERE, owner="heir/1", now_ms=one.clock.now_us() // 1000 + 10**6,
                                         until_ms=one.clock.now_us() // 1000 + 2 * 10**6)
        {"keep": held.keep, "intend": lambda: held.intend(batch(10)), "advance": lambda: held.advance(batch(0), None),
         "settled": held.settled, "move_on": lambda: held.move_on(Delivered(segment_id=hour(8))), "bury": lambda: held.bury(a_letter()),
         "rewind": lambda: held.rewind(None), "note_end": lambda: held.note_end(5)}[write]()
    assert one.row() == heir
    assert one.real_state.dead_letters() == []


def test_a_lease_is_over_for_its_owner_before_it_is_for_others(bench):
    """REL-114, 115: measured from before the call, and SKEW_SEC early; then nothing is written."""
    one = bench()
    with pytest.raises(EpochMoved), one.claim(HERE) as held:
        one.clock.sleep(55)
        held.intend(batch(0))
    assert one.row().intent is None

    with pytest.raises(ClaimHeld), one.claim(HERE, worker="run-1"):
        pass
    one.clock.sleep(5 + 5)
    with one.claim(HERE, worker="run-1") as held:
        assert held.checkpoint.epoch == 2


def test_a_store_that_stays_away_ends_the_claim_at_the_lease_s_end(bench):
    """REL-114: tried again until then, not longer, and no later."""
    one = bench()
    with pytest.raises(EpochMoved), one.claim(HERE) as held:
        begun_sec = one.clock.monotonic_sec()
        one.state.script["intend"] = [Unreachable("away")] * 10_000
        held.intend(batch(0))
    assert 50 <= one.clock.monotonic_sec() - begun_sec <= 56


def test_a_long_wait_renews_the_lease_every_third(bench):
    """REL-126: nobody else can claim meanwhile."""
    one = bench()
    with one.claim(HERE) as held:
        before = one.state.calls.count("renew")
        held.wait(200)
        assert 9 <= one.state.calls.count("renew") - before <= 12
        with pytest.raises(ClaimHeld), one.claim(HERE, worker="run-1"):
            pass
        held.intend(batch(0))


def test_one_write_ends_a_batch_and_intends_the_next(bench):
    """W7: a batch is one state write; the first intends itself."""
    one = bench()
    with one.claim(HERE) as held:
        one.state.calls.clear()
        for first in (0, 10, 20):
            held.intend(batch(first))
            held.advance(batch(first), batch(first + 10) if first < 20 else None)
        assert [name for name in one.state.calls if name in ("intend", "advance")] == ["intend"] + ["advance"] * 3


def test_an_error_in_the_visit_releases_the_claim_and_leaves_the_intent(bench):
    """W10: it may have been posted."""
    one = bench()
    with pytest.raises(Transient), one.claim(HERE) as held:
        held.intend(batch(0))
        raise Unreachable("the sink")
    assert (one.row().lease_owner, one.row().intent.id) == ("", "b0")


def test_a_settled_intent_makes_its_range_careful(bench):
    one = bench()
    with pytest.raises(Transient), one.claim(HERE) as held:
        held.intend(batch(0, 3))
        raise Unreachable("dies here")
    with one.claim(HERE) as held:
        held.settled()
        assert (held.checkpoint.intent, held.checkpoint.resend_until) == (None, 30)
        held.settled()  # nothing more to do


def test_a_rewind_goes_back_to_a_kept_position_with_its_counts(bench):
    """rds-log-api.md §8.3."""
    one = bench()
    with one.claim(HERE) as held:
        for first in range(0, 60, 10):
            one.clock.sleep(20)
            held.keep()
            held.intend(batch(first))
            held.advance(batch(first), None)
        kept = held.checkpoint.kept[0]
        held.rewind(kept)
        row = one.row()
        assert (row.byte_offset, row.record_count, row.resend_until) == (kept.byte_offset, kept.record_count, 60)
        assert all(one_kept.byte_offset <= kept.byte_offset for one_kept in row.kept)
        held.rewind(None)
        assert (one.row().byte_offset, one.row().record_count, one.row().resend_until) == (0, 0, 60)


def test_only_the_last_positions_are_kept(bench):
    one = bench()
    with one.claim(HERE) as held:
        for first in range(0, 400, 10):
            one.clock.sleep(30)
            held.keep()
            held.intend(batch(first))
            held.advance(batch(first), None)
        kept = held.checkpoint.kept
    assert len(kept) == KEPT_POSITIONS
    assert isinstance(kept[-1], Kept)
    assert [one_kept.byte_offset for one_kept in kept] == sorted(one_kept.byte_offset for one_kept in kept)


def test_another_segment_begins_at_zero_and_forgets_the_old_one(bench):
    one = bench()
    with one.claim(HERE) as held:
        held.intend(batch(0))
        held.advance(batch(0), None)
        held.move_on(Delivered(segment_id=hour(8)), resend_until=70)
    row = one.row()
    assert (row.segment_id, row.byte_offset, row.record_count, row.kept, row.tail_hash, row.resend_until) == (
        hour(8), 0, 0, (), b"", 70)


def test_an_end_is_quiet_once_it_stood_for_the_time_out(bench):
    """FMT-04."""
    one = bench(batch_timeout_sec=10.0)
    with one.claim(HERE) as held:
        assert not held.note_end(50)
        one.clock.sleep(9)
        assert not held.note_end(50)
        one.clock.sleep(1)
        assert held.note_end(50)
        assert not held.note_end(60), "it grew"


def test_a_letter_is_durable_before_anything_passes_it(bench):
    """REL-77, 144: refused, then lost, then taken."""
    one = bench()
    one.state.script["bury"] = [Unreachable("away"), LOST, After(LOST), None]
    with one.claim(HERE) as held:
        held.bury(a_letter("m1", instance_id="db-1", log_file_name=FAMILY))
    (letter,) = one.real_state.dead_letters()
    assert letter.message_id == "m1"


def test_a_rewind_forgets_what_was_given_up_behind_it(bench):
    """Other bytes may stand there now; what lies before, and other segments' letters, stay."""
    one = bench()
    before, behind, elsewhere = (
        a_letter(message_id=name, resource_id="db-R", segment_id=segment, from_position=at, to_position=at + 5)
        for name, segment, at in (("before", hour(7), 5), ("behind", hour(7), 25), ("elsewhere", hour(8), 25)))
    with one.claim(HERE) as held:
        for first in (0, 20):
            one.clock.sleep(30)
            held.keep()
            held.intend(batch(first, 2))
            held.advance(batch(first, 2), None)
        for letter in (before, behind, elsewhere):
            held.bury(letter)
        held.rewind(held.checkpoint.kept[0])
    assert {letter.message_id for letter in one.real_state.dead_letters()} == {"before", "elsewhere"}


def test_a_lease_of_a_wrong_clock_is_over_when_it_stood_still_for_a_lease(bench):
    """REL-137: it ends an hour from now, and nobody renews it."""
    one = bench()
    far_ms = one.clock.now_us() // 1000 + 3_600_000
    one.real_state.take_claim(HERE, owner="run-1/other", now_ms=0, until_ms=far_ms)
    before_sec = one.clock.monotonic_sec()
    with one.claim(HERE) as held:
        assert held.checkpoint.epoch == 2
    assert one.clock.monotonic_sec() - before_sec >= one.settings.lease_sec


def test_a_lease_of_a_wrong_clock_is_live_as_long_as_somebody_renews_it(bench):
    """REL-137."""
    one = bench()
    far_ms = one.clock.now_us() // 1000 + 3_600_000
    taken = one.real_state.take_claim(HERE, owner="run-1/other", now_ms=0, until_ms=far_ms)
    one.state.script["checkpoint"] = [None, lambda *key: one.real_state.renew(taken, until_ms=far_ms + 1) or
                                      one.real_state.checkpoint(*key)]
    with pytest.raises(ClaimHeld), one.claim(HERE):
        pass
