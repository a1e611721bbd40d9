"""RDS-40 to RDS-62: rotated hours are drained by their own names, each once, and what RDS deleted is an exact gap."""

from datetime import UTC, datetime

import pytest
from tests.faults.bench import LISTING, PORTION, POSTGRES, SLOW
from tests.simulator.simulated import fault

from aurora_logs_simulator.clock import SECOND_US
from aurora_logs_simulator.instance import Spec


def test_the_unread_tail_of_the_old_hour_is_read_by_its_rotated_name(bench):
    """RDS-40, 48: the live file is smaller after the rotation; that is no truncation and nothing is read again."""
    one = bench()
    one.write(300)
    one.cycle()
    at = one.checkpoint().byte_offset
    one.write(40)
    one.pass_hours(1, entries_each=10)
    one.reads.clear()
    one.cycle()

    old = [marker for name, marker, _ in one.reads if name != SLOW]
    assert all(int(marker.rpartition(":")[2]) >= at - 256 for marker in old), "from the offset on"
    assert [marker for name, marker, _ in one.reads if name == SLOW and marker == "0"], "the live file from its start"
    assert one.problems() == one.uncounted() == []


@pytest.mark.parametrize("hours", [2, 30])
def test_hours_that_passed_while_we_were_down_are_each_read_once(bench, hours):
    """RDS-41, 42: retained hours are complete; the purged ones are gaps with the bytes that were known."""
    one = bench()
    one.write(50)
    one.cycle()
    known = one.checkpoint()
    one.write(5)
    one.pass_hours(hours, entries_each=6)
    one.catch_up()

    purged = [] if hours < 24 else [(known.segment_id, known.byte_offset, known.byte_offset)]
    assert [gap[:3] for gap in one.gaps()] == purged
    assert one.problems() == one.uncounted() == []


def test_a_purged_hour_is_a_gap_of_what_was_listed_and_the_live_file_is_read_from_its_start(bench):
    """RDS-43: listed with 60 entries, 50 of them delivered, then deleted; its offset is not used for the live file."""
    one = bench()
    one.write(50)
    one.cycle()
    one.write(10)
    one.plant("purge_unread", nth=1)
    one.pass_hours(1, entries_each=200)
    one.catch_up()

    assert one.struck("purge_unread") == 1
    assert [gap[:3] for gap in one.gaps()] == one.spans("purged")
    assert [gap[3] for gap in one.gaps()] == ["purged"]
    assert one.problems(gaps=one.spans("purged")) == one.uncounted() == []


def test_a_live_answer_on_a_rotated_name_is_no_reason_to_stop(bench):
    """RDS-46: the offset counts, the ordinal does not; no loop."""
    one = bench(faults=[fault("live_ordinal_on_rotated")])
    one.write(20)
    one.cycle()
    one.write(20)
    one.pass_hours(2, entries_each=20)
    one.forget_calls()
    one.catch_up()

    assert one.struck("live_ordinal_on_rotated") >= 2
    assert one.calls(PORTION) <= 10
    assert one.problems() == one.uncounted() == []


@pytest.mark.parametrize("name", ["rotate_between_list_and_download", "rotate_between_portions"])
def test_a_rotation_in_the_middle_of_a_visit_leaves_both_hours_complete(bench, name):
    """RDS-44, 45: an answer of another hour is dropped; the cost is some calls."""
    one = bench()
    one.write(1_300)
    one.plant(name, nth=2)
    one.cycle()
    one.write(20)
    one.forget_calls()
    one.catch_up()

    assert one.struck(name) == 1
    assert one.calls(PORTION) <= 12
    assert one.problems() == one.uncounted() == []


def test_hours_that_were_drained_are_not_called_for_again(bench):
    """RDS-47, 86: 24 rotated files listed, a steady state, then growth: calls for the live file only."""
    one = bench()
    for _ in range(22):
        one.pass_hours(1, entries_each=3)
        one.cycle()
    one.catch_up()
    assert len(one.rows()) == 23
    one.reads.clear()
    one.cycle(5)
    assert one.reads == [], "nothing grew: no call at all"
    one.write(3)
    one.cycle()
    assert {name for name, _, _ in one.reads} == {SLOW}
    assert one.problems() == []


@pytest.mark.parametrize("spec", [{"hour_digits": 1}, {"hour_digits": 2}, {"midnight_24": True}], ids=str)
@pytest.mark.parametrize("day", ["2026-10-10", "2026-12-31"])
def test_suffixes_of_one_and_two_digits_midnight_and_new_year_keep_their_order(bench, spec, day):
    """RDS-49: hours are ordered as numbers, whatever midnight is called."""
    one = bench(Spec(identifier="db-1", engine="aurora-mysql", log_types=("slowquery",), **spec))
    target_us = int(datetime.fromisoformat(f"{day}T21:10:00").replace(tzinfo=UTC).timestamp() * SECOND_US)
    one.pass_sec((target_us - one.world.clock.now_us()) / SECOND_US)
    one.write(4)
    one.cycle()
    for _ in range(3):  # 22, 23, midnight one by one
        one.write(2)
        one.pass_hours(1, entries_each=4)
        one.cycle()
    one.pass_hours(10, entries_each=2)  # through .9 and .10 at once
    one.catch_up()

    assert one.problems() == one.uncounted() == []
    times = [record["log_segment"] for record in sorted(one.records(), key=lambda each: each["record_id"])]
    assert len(set(times)) == 14


def test_an_entry_that_straddles_a_rotation_is_delivered_in_two_parts_to_the_right_hours(bench):
    """RDS-62: its head in the old hour, its rest in the new one; neither is glued to a stranger."""
    one = bench(faults=[fault("straddle_rotation", 0.0, nth=20)], entries_per_sec=1.0)
    one.pass_sec(60)
    one.cycle()
    one.pass_sec(60)
    one.world.load.stop()
    one.pass_hours(1)
    one.catch_up()

    assert one.struck("straddle_rotation") == 1
    assert one.problems() == one.uncounted() == []


def test_from_the_end_is_anchored_at_the_first_listing(bench):
    """RDS-58: the first call comes 10 minutes later; what was written meanwhile is delivered, the rest is not."""
    one = bench(settings={"start_from": "end"})
    one.write(30)
    one.plant("throttle", operation=PORTION)
    one.cycle()
    one.write(7)
    one.pass_sec(600)
    one.cycle()
    one.heal("throttle")
    one.catch_up()

    assert len(one.records()) == 7
    assert one.gaps() == []


@pytest.mark.parametrize(("start_from", "expected"), [("end", 3), ("90m", 13), ("beginning", 23)])
def test_start_from_says_which_old_files_are_read(bench, start_from, expected):
    """START_FROM counts ages by the listing's own times; whatever comes after the first listing is read."""
    one = bench(settings={"start_from": start_from})
    one.write(10)
    one.pass_hours(3)
    one.write(10)
    one.cycle()
    one.pass_hours(1, entries_each=3)
    one.catch_up()

    assert len(one.records()) == expected


def test_a_dated_file_that_appeared_while_we_were_down_is_read_from_its_first_byte(bench):
    """RDS-57: start policy "end" is for the first listing of an instance only."""
    one = bench(POSTGRES, settings={"start_from": "end"})
    one.write(20, "pg-1", "postgresql")
    one.cycle()
    one.pass_hours(2, entries_each=5, instance="pg-1", log_type="postgresql")
    one.start_again()
    one.catch_up()
    assert len({name for record in one.records() if (name := record["log_file_name"])}) == 2
    tokens = [entry["token"] for book in one.books()["files"][1:] for entry in book["entries"]]
    stored = str(one.records())
    assert [token for token in tokens if token not in stored] == []


def test_dated_files_are_complete_over_rotation_compression_and_a_kill(bench):
    """RDS-54, 57: `.log` becomes `.log.gz` while it is read: one segment, no second read."""
    one = bench(POSTGRES, faults=[fault("compress_between_portions", 0.3), fault("compress_closed", 0.3)])
    for _ in range(5):
        one.write(40, "pg-1", "postgresql")
        one.cycle()
        one.write(40, "pg-1", "postgresql")
        one.pass_hours(1)
        one.cycle_killed("before ship", 1)
    one.catch_up()
    assert one.struck("compress_between_portions") + one.struck("compress_closed")
    assert one.problems() == []


def test_a_filtered_error_log_is_done_without_a_gap_and_without_a_storm(bench):
    """RDS-56: 19 KB are listed more than anybody gets."""
    one = bench(Spec(identifier="db-1", engine="aurora-mysql", log_types=("error",)), faults=[fault("error_log_filtered")])
    one.write(10, log_type="error")
    one.cycle(3)
    one.pass_hours(2, entries_each=5, log_type="error")
    one.cycle(4)
    one.forget_calls()
    one.cycle(3)

    assert one.calls(PORTION) <= 3 * 4, "the live file only, and few calls"
    assert one.problems() == []
    assert [gap for gap in one.gaps() if gap[2] > gap[1]] == []
    assert one.calls(LISTING) <= 6


def test_an_empty_live_file_costs_no_call(bench):
    """RDS-47, planner row 8: an error log is often empty for hours after its rotation."""
    one = bench(Spec(identifier="db-1", engine="aurora-mysql", log_types=("error",)))
    one.write(5, log_type="error")
    one.cycle()
    one.pass_hours(1)
    one.catch_up()
    one.reads.clear()
    one.cycle(4)

    assert one.reads == []
    one.write(2, log_type="error")
    one.cycle()
    assert one.problems() == one.uncounted() == []
