"""RDS-78 to RDS-92: restarts that cut files, failovers, instances that go away or sleep."""

import pytest
from tests.faults.bench import LISTING, PORTION, POSTGRES, SLOW, Spec, slow_entry
from tests.simulator.simulated import fault

CLUSTER = (Spec(identifier="db-1", engine="aurora-mysql", cluster="c", log_types=("slowquery",)),
           Spec(identifier="db-2", engine="aurora-mysql", cluster="c", is_writer=False, log_types=("slowquery",)))


@pytest.mark.parametrize("mid_entry", [False, True])
@pytest.mark.parametrize("seen", ["before regrowth", "after regrowth"])
@pytest.mark.parametrize("silent", [False, True])
def test_what_rds_kept_is_delivered_once_after_a_cut(bench, seen, silent, mid_entry):
    """RDS-78, 79, 80: 4 KB shorter, then growth; seen before it or only after it, with an event or without."""
    one = bench()
    one.write(100)
    one.cycle()
    one.write(100)
    one.cycle()
    one.restart_database(silent=silent, mid_entry=mid_entry)
    if seen == "before regrowth":
        one.cycle()
    one.write(60)
    one.cycle(2)
    one.write(10)
    one.catch_up()

    assert one.messages("File was cut, reading again")
    assert one.problems(cut_off=mid_entry) == []


@pytest.mark.parametrize("point", ["read", "before ship", "after ship"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_kill_in_the_rewind_changes_nothing(bench, point, nth):
    """RDS-81: killed at each read and each ship on the way back and forth."""
    one = bench(settings={"batch_size": 40})
    one.write(150)
    one.cycle()
    one.write(20)
    one.cycle()
    one.restart_database(shrink_bytes=6_000)
    one.write(90)
    one.cycle_killed(point, nth)
    one.cycle_killed(point, nth)
    one.catch_up()

    assert one.problems() == []


def test_a_first_read_that_fails_leaves_the_rewind_pending(bench):
    """RDS-82."""
    one = bench()
    one.write(100)
    one.cycle()
    one.restart_database()
    one.write(30)
    one.plant("error_503", times=4, operation=PORTION)
    one.catch_up()

    assert one.struck("error_503") == 4
    assert one.problems() == []


def test_a_new_entry_of_equal_length_at_the_place_of_a_lost_one_is_delivered(bench):
    """RDS-83: same offset, same length, other bytes: another record id."""
    one = bench()
    for number in range(30):
        one.put_slow(number)
    one.cycle()
    offset = one.family().live.content_bytes() - len(slow_entry(0)[0])
    one.restart_database(shrink_bytes=1, silent=True)
    with one.server.service.lock:  # the start's header goes, so that the offsets are equal
        live = one.family().live
        assert live.content_bytes() > offset
        del live.content[offset:]
    one.put_slow(99)
    one.put_slow(100)
    one.cycle(3)

    at_the_place = [record for record in one.records() if record["log_file_offset"] == offset]
    assert sorted(record["db_query_text"][-3:] for record in at_the_place) == ["01d", "063"]
    assert len({record["record_id"] for record in at_the_place}) == 2
    assert len(one.records()) == 32


def test_equal_entries_before_and_after_a_restart_are_each_delivered(bench):
    """RDS-84: an entry written twice is two records."""
    one = bench()
    for number in [1, 2, 3, 3, 4]:
        one.put_slow(number)
    one.cycle()
    one.restart_database(shrink_bytes=200)
    for number in [4, 4, 5]:
        one.put_slow(number)
    one.catch_up()

    tokens = [record["db_query_text"][-16:] for record in one.records()]
    assert sorted(tokens) == sorted(f"{number:016x}" for number in [1, 2, 3, 3, 4, 4, 4, 5])


def test_the_rewind_ends(bench):
    """RDS-85: what is read again is no second restart: a bounded number of calls, then none."""
    one = bench()
    one.write(200)
    one.cycle()
    one.restart_database()
    one.write(40)
    one.forget_calls()
    one.cycle(2)
    assert one.calls(PORTION) <= 16
    one.reads.clear()
    one.cycle(4)

    assert one.reads == []
    assert one.problems() == []


def test_idle_files_of_older_hours_are_not_touched_by_a_restart(bench):
    """RDS-86, 87: 0 calls for rotated hours, and no position of another segment is used."""
    one = bench()
    for _ in range(3):
        one.write(20)
        one.pass_hours(1)
        one.cycle()
    one.write(20)
    one.cycle()
    one.restart_database()
    one.write(5)
    one.reads.clear()
    one.catch_up()

    assert {name for name, _, _ in one.reads} == {SLOW}
    assert one.problems() == []


@pytest.mark.parametrize("first", ["restart", "rotation"])
def test_a_restart_right_at_the_rotation_leaves_both_hours_right(bench, first):
    """RDS-87, 88."""
    one = bench()
    one.write(60)
    one.cycle()
    one.write(20)
    if first == "restart":
        one.restart_database(shrink_bytes=30_000)
        one.pass_hours(1, entries_each=15)
    else:
        one.pass_hours(1, entries_each=15)
        one.restart_database()
    one.write(10)
    one.catch_up()

    assert one.problems() == []


@pytest.mark.parametrize("name", ["shrink_on_restart", "shrink_silent", "shrink_mid_entry", "fail_over"])
def test_restarts_again_and_again_lose_nothing_that_rds_kept(bench, name):
    """RDS-78..80, 8.1: at every fourth listing."""
    one = bench(*CLUSTER, faults=[fault(name, 0.25)])
    for _ in range(8):
        one.write(30)
        one.write(30, "db-2")
        one.cycle()
    one.heal(name)
    one.write(5)
    one.catch_up()

    assert one.struck(name)
    assert one.problems() == []


def test_a_dated_file_that_is_cut_is_noticed_too(bench):
    """RDS-80 on PostgreSQL: the file is the newest of its type, seen after regrowth, without an event."""
    one = bench(POSTGRES)
    one.write(80, "pg-1", "postgresql")
    one.cycle()
    one.restart_database("pg-1", silent=True)
    one.write(80, "pg-1", "postgresql")
    one.catch_up()
    assert one.problems() == []


def test_an_instance_deleted_in_mid_drain_ends_in_exact_gaps(bench):
    """RDS-89: what could be read is delivered; the rest is counted; no storm of calls."""
    one = bench()
    one.write(100)
    one.cycle()
    one.write(1_500)
    one.plant("instance_deleted", nth=2)
    one.cycle(6)
    one.forget_calls()
    one.cycle(3)

    assert one.struck("instance_deleted") == 1
    assert one.calls(PORTION) == 0
    assert one.calls(LISTING) <= 3
    found = [gap[:3] for gap in one.gaps()]
    (book,) = one.books()["files"]
    assert [(start, end) for _, start, end in found] == [(one.checkpoint().byte_offset - (found[0][2] - found[0][1]),
                                                          book["bytes_written"])]
    assert one.gaps()[0][3] == "instance_deleted"
    assert one.problems(gaps=found) == []


def test_a_paused_instance_is_no_failure(bench):
    """RDS-90: DBInstanceNotReady for 3 hours, then awake: no failed row, no letter, no gap, nothing lost."""
    one = bench()
    one.write(40)
    one.cycle()
    one.write(40)
    one.plant("instance_not_ready")
    for _ in range(6):
        one.pass_sec(1_800)
        one.cycle()
    assert {row.status for row in one.rows().values()} <= {"completed", "discovered"}
    assert one.gaps() == one.letters() == []
    one.heal("instance_not_ready")
    one.catch_up()

    assert one.problems() == one.uncounted() == []


def test_a_readers_and_a_writers_roles_may_swap(bench):
    """RDS-04: both members are collected before and after, and the records do not know the role."""
    one = bench(*CLUSTER)
    for instance in ("db-1", "db-2"):
        one.write(20, instance)
    one.cycle()
    with one.server.service.lock:
        one.world.api.account.fail_over("c", one.world.clock.now_us(), shrink_bytes=0)
    for instance in ("db-1", "db-2"):
        one.write(20, instance)
    one.catch_up()

    roles = {row.instance.instance_id: row.instance.is_cluster_writer for row in one.state.instances()}
    assert roles == {"db-1": False, "db-2": True}
    assert one.problems() == []


def test_scaling_lines_are_plain_records(bench):
    """RDS-92."""
    one = bench(Spec(identifier="db-1", engine="aurora-mysql", log_types=("error",)),
                faults=[fault("scaling_lines", 0.5)], entries_per_sec=1.0)
    one.pass_sec(120)
    one.world.load.stop()
    one.cycle(2)
    one.pass_hours(1)
    one.catch_up()

    assert one.struck("scaling_lines")
    assert one.problems() == []
