"""RDS-20 to RDS-39 where a case promises more than the records: calls, markers, held-back ends, answers that stay bad."""

import pytest
from tests.faults.bench import COMPLETE, LISTING, MYSQL, PORTION, POSTGRES, SLOW, slow_entry
from tests.simulator.simulated import fault


def test_a_file_is_read_from_its_start_by_as_many_calls_as_it_has_portions(bench):
    """RDS-20: marker "0" first; one call is thrown away to learn the hour, one looks at the end again."""
    one = bench()
    one.write(5_000)
    one.cycle()
    mib = one.rows()[SLOW].file_size / (1 << 20)

    assert one.reads[0][1] == "0"
    assert one.calls(PORTION) <= int(mib) + 3
    assert one.problems() == one.uncounted() == []


def test_the_cap_of_lines_costs_no_line(bench):
    """RDS-21: 25,000 lines in less than 3 MB are 3 calls."""
    one = bench()
    for number in range(5_000):
        one.put_slow(number)
    one.cycle()

    assert one.calls(PORTION) <= 3 + 2
    assert one.problems() == one.uncounted() == []


@pytest.mark.parametrize("name", ["data_missing", "data_empty_element", "marker_missing_no_data", "marker_stuck"])
def test_an_answer_without_data_never_moves_the_position_nor_makes_a_hot_loop(bench, name):
    """RDS-22, 23, 26: every answer is like that; then RDS is well again."""
    one = bench()
    one.write(20)
    one.cycle()
    before = one.checkpoint().byte_offset
    one.write(20)
    one.plant(name)
    one.forget_calls()
    one.cycle(3)

    assert one.checkpoint().byte_offset == before
    assert one.calls(PORTION) <= 3 * 8 * 3, "no more than some calls a visit, some visits a cycle"
    assert one.messages("File stalled"), "it is said"
    one.heal(name)
    one.catch_up()
    assert one.problems() == one.uncounted() == []


@pytest.mark.parametrize(("name", "value"), [
    ("pending_missing", None), ("ends_early", None), ("marker_zero", None), ("marker_missing", None), ("overlap", 300),
    ("overlap", 70_000), ("built_marker_refused", None), ("cdata", None),
    ("cap_cuts_bytes", None), ("line_truncated", None), ("line_truncated_at_cap", None)])
def test_what_every_answer_does_is_lived_with(bench, name, value):
    """RDS-23, 24, 25, 27, 28, 31, 34, 63, 64, 76 on each call of a segment that is known, and through a kill."""
    one = bench()
    one.write(100)
    one.cycle(2)
    one.plant(name, value=value)
    one.write(1_200)
    one.cycle_killed("before ship", 1)
    one.write(30)
    one.cycle(2)
    assert one.behind() == [], "while it lasts"
    assert one.struck(name)
    one.write(30)
    one.pass_hours(1, entries_each=50)
    one.heal(name)
    one.catch_up()

    assert one.problems() == one.uncounted() == []


def test_half_an_entry_is_held_back_until_it_is_whole_and_comes_once(bench):
    """RDS-35, FMT-05: half of the last entry, no growth for an hour, then the file closes."""
    one = bench()
    one.write(3)
    content, token = slow_entry(1)
    one.put(content[:90], token=token)
    one.cycle(4)
    assert len(one.records()) == 3, "the half is no record yet"
    one.forget_calls()
    one.cycle(2)
    assert one.calls(PORTION) <= 8, "waiting costs few calls"

    one.pass_hours(1)
    one.catch_up()
    assert len(one.records()) == 4
    assert one.gaps() == []
    assert one.letters() == []
    assert one.uncounted() == []


def test_an_entry_that_comes_in_halves_is_one_record(bench):
    """RDS-35, 36: the second half comes with the next entry, at every third entry."""
    one = bench(faults=[fault("half_entry", 0.3)], entries_per_sec=2.0)
    for _ in range(12):
        one.pass_sec(10)
        one.cycle()
    one.world.load.stop()
    one.catch_up()

    assert one.struck("half_entry") > 3
    assert one.problems() == one.uncounted() == []


def test_a_file_replaced_under_its_name_is_noticed_before_a_byte_is_used(bench):
    """RDS-37: the same name and hour, other bytes: the tail check differs, the new bytes are delivered from the start."""
    one = bench()
    for number in range(40):
        one.put_slow(number)
    one.cycle()
    with one.server.service.lock:
        live = one.family().live
        live.content[:] = b"".join(slow_entry(1000 + number, "SELECT 22")[0] for number in range(50))
        live.last_written_us += 1
    one.catch_up()

    tokens = sorted(record["db_query_text"][-16:] for record in one.records())
    assert tokens == sorted(f"{number:016x}" for number in [*range(40), *range(1000, 1050)])
    assert one.gaps() == []


def test_a_refused_marker_is_learnt_again(bench):
    """RDS-38: one call for the last line tells a good prefix; then it goes on from the offset."""
    one = bench()
    one.write(50)
    one.cycle()
    one.write(50)
    one.plant("marker_refused", nth=1)
    one.forget_calls()
    one.cycle()

    assert one.struck("marker_refused") == 1
    assert one.calls(PORTION) <= 4
    assert one.problems() == one.uncounted() == []


def test_a_file_that_seems_gone_once_is_listed_again_and_read_on(bench):
    """RDS-39: no dead letter, no gap."""
    one = bench()
    one.write(50)
    one.cycle()
    one.write(50)
    one.plant("file_not_found_once", nth=1)
    one.forget_calls()
    one.cycle(2)

    assert one.struck("file_not_found_once") == 1
    assert one.calls(LISTING) >= 3
    assert one.problems() == one.uncounted() == []


def test_a_start_between_any_two_batches_makes_the_same_records(bench):
    """RDS-30, 32: BATCH_SIZE 7 and a kill after each third batch: the ids are those of one go, each once."""
    one = bench(settings={"batch_size": 7})
    one.write(100)
    kills = 0
    for _ in range(5):
        kills += one.cycle_killed("after ship", 3)
    one.catch_up()
    assert kills == 5
    assert one.problems() == one.uncounted() == []
    assert one.calls(COMPLETE) == 0


@pytest.mark.parametrize("names", [("built_marker_refused",), ("opaque_marker",), ("built_marker_refused", "opaque_marker")],
                         ids=" and ".join)
@pytest.mark.parametrize("spec", [MYSQL, POSTGRES], ids=["hourly", "dated"])
def test_markers_that_can_t_be_built_or_read_change_no_id(bench, spec, names):
    """RDS-31: real markers are followed from the start; what is delivered is skipped, through a kill and a rotation.

    A live hour whose markers don't tell which hour it is waits for its rotated name.
    """
    instance, log_type = spec.identifier, (spec.log_types or ("postgresql",))[0]
    one = bench(spec, faults=[fault(name) for name in names])
    one.write(1_300, instance, log_type)
    one.cycle()
    one.write(40, instance, log_type)
    one.cycle_killed("before ship", 1)
    one.cycle()
    if spec is POSTGRES or "opaque_marker" not in names:
        assert one.behind() == []
    one.pass_hours(1, entries_each=30, instance=instance, log_type=log_type)
    one.cycle(2)
    one.pass_hours(1, instance=instance, log_type=log_type)
    one.cycle(4)

    assert one.struck(names[-1])
    assert one.problems() == []
    assert one.calls(PORTION) <= 120


def test_holes_in_every_answer_end_in_the_complete_file(bench):
    """RDS-29: asked again with fewer lines, at most five times, then whole; no thousand small calls."""
    one = bench()
    one.write(50)
    one.cycle()
    one.write(400)
    one.plant("hole")
    one.forget_calls()
    one.cycle()

    assert one.struck("hole") >= 5
    assert one.calls(PORTION) + one.calls(COMPLETE) <= 30
    one.heal("hole")
    one.catch_up()
    assert one.problems() == one.uncounted() == []
