"""ship and settle: what each outcome of a request leads to (REL-101..108, 121..124), on the file sink with scripted answers."""

# ruff: noqa: PT012 -- the claim is a context of its own, and the error comes from inside it

import json

import pytest
from msgspec.structs import replace
from tests.contracts.samples import a_batch
from tests.unit.stages.stage_bench import FILE, After, checkpoint, hour

from aurora_logs.errors import (
    AccessDenied,
    EpochMoved,
    ReceiptMissing,
    RecordOfWrongType,
    RecordTooLarge,
    RecordTooOld,
    SinkBusy,
    SinkRejected,
    TimedOut,
    Unreachable,
)
from aurora_logs.records.flow import Gap, Receipt
from aurora_logs.records.wire import timestamp_us_of
from aurora_logs.stages.settle import settle
from aurora_logs.stages.ship import Shipper

HERE = checkpoint(segment_id=hour(7))
MISSING = ReceiptMissing("no answer")


def batch(count=4):
    return a_batch([10 * number for number in range(count)], segment_id=hour(7), batch_id="b")


def shipped(one, made, script):
    one.sink.script["ship"] = list(script)
    with one.claim(HERE) as held:
        held.intend(made)
        delivered = Shipper(one.sink, held, FILE, one.clock, one.random, one.settings).ship(made)
        held.advance(delivered, None)
    return delivered


def only_first(sink):
    """A request of which one record lands, and whose answer is lost."""
    def ship(made, lines):
        sink.real.ship(made, lines[:1])
        raise MISSING
    return ship


def partial_receipt(sink):
    def ship(made, lines):
        sink.real.ship(made, lines[:2])
        return Receipt(stored=2)
    return ship


@pytest.mark.parametrize("name", ["ok", "busy", "away", "missing, not stored", "missing, stored", "missing, a part", "partial",
                                  "twice unknown"])
def test_every_record_is_stored_once_whatever_the_receipt(bench, name):
    """REL-101, 102, 103, 106, 107, 108, 121, 122, 123."""
    one = bench()
    script = {"ok": [None], "busy": [SinkBusy("429", retry_after_sec=2.0), None], "away": [Unreachable("refused")] * 20,
              "missing, not stored": [MISSING], "missing, stored": [After(MISSING)],
              "missing, a part": [only_first(one.sink)], "partial": [partial_receipt(one.sink)],
              "twice unknown": [MISSING, After(MISSING)]}[name]
    made = batch()
    assert shipped(one, made, script).count == 4
    assert sorted(one.stored_lines()) == sorted(made.lines)
    assert one.row().record_count == 4


def test_an_outage_is_waited_out_with_renewals_and_pauses_that_grow(bench):
    """REL-102: no attempt is counted, the lease lives on."""
    one = bench()
    begun_sec = one.clock.monotonic_sec()
    shipped(one, batch(), [Unreachable("refused")] * 12)
    assert 60 < one.clock.monotonic_sec() - begun_sec < 12 * 30
    assert one.state.calls.count("renew") >= 3


def test_a_search_that_fails_is_never_read_as_nothing_found(bench):
    """REL-61, 155."""
    one = bench()
    one.sink.script["stored"] = [TimedOut("search"), Unreachable("search"), None]
    made = batch()
    shipped(one, made, [After(MISSING)])
    assert sorted(one.stored_lines()) == sorted(made.lines)


def test_a_careful_batch_is_searched_for_first(bench):
    """§5.4 step 4 and 5: only the missing records are sent."""
    one = bench()
    made = batch()
    one.sink.real.ship(made, made.lines[1:3])
    shipped(one, replace(made, careful=True), [None])
    assert sorted(one.stored_lines()) == sorted(made.lines)


def test_a_batch_with_a_bad_record_is_halved_until_it_stands_alone(bench):
    """REL-104: the others are stored, the bad one is a dead letter of its exact range, and is not counted as delivered."""
    one = bench()
    made = batch(9)
    bad = made.lines[4]

    def ship(the_batch, lines):
        if bad in lines:
            raise SinkRejected("field too long")
        return one.sink.real.ship(the_batch, lines)

    delivered = shipped(one, made, [ship] * 30)
    assert sorted(one.stored_lines()) == sorted(line for line in made.lines if line != bad)
    (letter,) = one.real_state.dead_letters()
    assert (letter.reason, letter.from_position, letter.to_position, letter.is_gap) == ("rejected", 40, 50, False)
    assert "field too long" in letter.error
    assert (delivered.count, one.row().record_count, one.row().byte_offset) == (8, 8, 90)


def test_all_bad_is_all_letters(bench):
    one = bench()
    made = batch(3)
    delivered = shipped(one, made, [SinkRejected("no")] * 30)
    assert one.stored_lines() == []
    ranges = [(letter.from_position, letter.to_position) for letter in one.real_state.dead_letters()]
    assert sorted(ranges) == [(0, 10), (10, 20), (20, 30)]
    assert delivered.count == 0


def aged(made, places, by_us=6 * 3_600_000_000):
    """The batch with some records older than the others."""
    lines = [line.replace(b'{"_timestamp":%d' % timestamp_us_of(line), b'{"_timestamp":%d' % (timestamp_us_of(line) - by_us))
             if place in places else line for place, line in enumerate(made.lines)]
    return replace(made, lines=lines)


def old_window(one, made):
    """A sink that takes records from the youngest one of the batch's hour on."""
    border_us = max(map(timestamp_us_of, made.lines)) - 3_600_000_000
    one.sink.script["oldest_us"] = [lambda: border_us] * 50


def test_what_is_too_old_is_parked_by_ranges_before_anything_is_sent(bench):
    """OO-58, architecture.md §9: one letter a range, the rest is delivered."""
    one = bench()
    made = aged(batch(9), {0, 1, 2, 5, 8})
    old_window(one, made)
    delivered = shipped(one, made, [])

    letters = sorted((letter.reason, letter.from_position, letter.to_position, letter.is_gap) for letter in one.real_state.dead_letters())
    assert letters == [("too_old", 0, 30, False), ("too_old", 50, 60, False), ("too_old", 80, 90, False)]
    assert sorted(one.stored_lines()) == [made.lines[place] for place in (3, 4, 6, 7)]
    assert (delivered.count, one.row().byte_offset) == (4, 90)


def test_a_batch_that_is_too_old_as_a_whole_passes_without_a_request(bench):
    one = bench()
    made = aged(batch(3), {0, 1, 2})
    one.sink.script["oldest_us"] = [lambda: 1 << 60] * 50
    shipped(one, made, [])

    assert "ship" not in one.sink.calls
    assert [letter.reason for letter in one.real_state.dead_letters()] == ["too_old"]


def test_a_request_that_stood_still_before_it_went_out_is_waited_for_from_its_answer_on(bench):
    """REL-69: a process frozen between its last look at the clock and the socket."""
    one = bench(lease_sec=60)
    made, one.sink.settle_sec = batch(), 5

    def stood_still(sent, lines):
        one.clock.sleep(4)
        return one.sink.real.ship(sent, lines)

    one.sink.script["ship"] = [stood_still]
    with one.claim(HERE) as held:
        shipper = Shipper(one.sink, held, FILE, one.clock, one.random, one.settings)
        shipper.ship(made)
        answered_sec = one.clock.monotonic_sec()
        shipper.ship(replace(made, careful=True))

    assert one.clock.monotonic_sec() >= answered_sec + 5


def test_restamped_records_carry_the_arrival_their_true_time_and_their_own_id(bench):
    """OO-57, REC-14: LATE_RECORDS=restamp; a resend of the same range finds them and sends nothing."""
    one = bench(late_records="restamp")
    made = aged(batch(4), {1, 2})
    old_window(one, made)
    shipped(one, made, [])
    rows = {row["log_file_offset"]: row for row in map(json.loads, one.stored_lines())}
    again = replace(made, careful=True)
    with one.claim(HERE) as held:
        Shipper(one.sink, held, FILE, one.clock, one.random, one.settings).ship(again)

    assert sorted(row["record_id"].encode() for row in rows.values()) == sorted(made.ids)
    assert [rows[offset].get("event_time") for offset in (0, 10, 20, 30)] == [
        None, timestamp_us_of(made.lines[1]), timestamp_us_of(made.lines[2]), None]
    assert rows[10]["_timestamp"] > timestamp_us_of(made.lines[1])
    assert list(rows[10])[list(rows[10]).index("event_time") + 1] == "engine", "the order of the wire"
    assert len(one.stored_lines()) == 4
    assert one.real_state.dead_letters() == []


def test_an_answer_twice_with_nothing_stored_is_halved_to_letters(bench):
    """OO-04: 200 with 0/0, for good."""
    one = bench()
    delivered = shipped(one, batch(2), [lambda *_: Receipt(stored=0)] * 10)

    assert (delivered.count, [letter.reason for letter in one.real_state.dead_letters()]) == (0, ["rejected"] * 2)


@pytest.mark.parametrize(("error", "reason"), [(RecordTooLarge("413"), "too_large"), (RecordTooOld("hours"), "too_old"),
                                               (RecordOfWrongType("thread_id"), "schema"), (SinkRejected("400"), "rejected")])
def test_a_letter_tells_why_the_record_was_refused(bench, error, reason):
    """OO-32, OO-132."""
    one = bench()
    shipped(one, batch(1), [error])

    assert [letter.reason for letter in one.real_state.dead_letters()] == [reason]


def test_a_gap_is_on_record_before_the_position_passes_it(bench):
    one = bench()
    gap = Gap(segment_id=hour(7), from_position=0, to_position=40, reason="purged")
    shipped(one, replace(batch(4), lines=[], ids=[], gap=gap), [])
    (found,) = one.real_state.dead_letters(gaps=True)
    assert (found.from_position, found.to_position, found.reason) == (0, 40, "purged")
    assert one.row().gap_bytes == 40


def test_a_refused_configuration_keeps_the_intent_and_buries_nothing(bench):
    """REL-109."""
    one = bench()
    with pytest.raises(AccessDenied):
        shipped(one, batch(), [AccessDenied("401")])
    assert one.row().intent.id == "b"
    assert one.real_state.dead_letters() == []


def test_a_claim_lost_in_the_outage_stops_before_the_next_request(bench):
    """REL-113: no request after the lease is somebody else's."""
    one = bench()

    def taken_over(*_):
        one.clock.sleep(30)
        one.real_state.take_claim(HERE, owner="heir/1", now_ms=10**15, until_ms=2 * 10**15)
        raise Unreachable("refused")

    with pytest.raises(EpochMoved):
        shipped(one, batch(), [Unreachable("refused")] * 3 + [taken_over])
    assert one.stored_lines() == []


def test_settle_waits_out_a_dead_worker_s_request_and_makes_its_range_careful(bench):
    """REL-121..124, 126."""
    one = bench()
    with pytest.raises(Unreachable), one.claim(HERE) as held:
        held.intend(batch())
        raise Unreachable("dies here")
    with one.claim(HERE) as held:
        begun_sec = one.clock.monotonic_sec()
        settle(held, one.sink)
        assert one.clock.monotonic_sec() - begun_sec >= one.sink.settle_sec
        assert (held.checkpoint.intent, held.checkpoint.resend_until) == (None, 40)
        settle(held, one.sink)
