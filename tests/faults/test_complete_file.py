"""RDS-93 to RDS-102: the complete file for closed segments, and what happens when that path fails."""

import pytest
from tests.faults.bench import COMPLETE, LISTING, PORTION, SLOW, Spec, slow_entry
from tests.simulator.simulated import fault


def big(number):
    return slow_entry(number, f"SELECT 'tok_{number:016x} " + "x" * 20_000 + "'")


def put_big(bench, count, first=0):
    for number in range(first, first + count):
        content, token = big(number)
        bench.put(content, token=token)


def test_a_closed_file_is_one_download(bench):
    """RDS-93: 6 MB, nothing of it read yet: one call for it, and the ids are those of portions."""
    one = bench()
    put_big(one, 300)
    one.pass_hours(1, entries_each=3)
    one.cycle()

    assert one.calls(COMPLETE) == 1
    assert one.calls(PORTION) <= 4, "the new live file only"
    assert one.problems() == one.uncounted() == []


def test_the_ids_are_the_same_on_both_paths(bench, tmp_path):
    """RDS-32, 93: the same bytes by portions, by the complete file, and in portions of another size."""
    ids = []
    for name, faults in (("whole", ()), ("portions", (fault("complete_forbidden"),)),
                         ("bytes", (fault("complete_forbidden"), fault("cap_cuts_bytes", 0.5)))):
        one = bench(faults=faults, folder=tmp_path / name)
        put_big(one, 150)
        one.pass_hours(1)
        one.cycle(2)
        ids.append(sorted(record["record_id"] for record in one.records()))
        assert one.problems() == one.uncounted() == []
    assert ids[0] == ids[1] == ids[2]


def test_the_rest_of_a_file_that_was_begun_by_portions_is_taken_whole_without_a_double(bench):
    """RDS-94: 60 % delivered; the first part of the stream is skipped."""
    one = bench()
    put_big(one, 190)
    one.cycle()
    put_big(one, 120, first=190)
    one.forget_calls()
    one.pass_hours(1)
    one.cycle()

    assert one.calls(COMPLETE) == 1
    assert one.problems() == one.uncounted() == []


@pytest.mark.parametrize("share", [0.3, 0.999, 1.0])
@pytest.mark.parametrize("kill", [False, True])
def test_a_stream_that_breaks_is_no_file(bench, share, kill):
    """RDS-95: at 30 %, 99.9 % and the last byte, each time but the third: it goes on from the checkpoint."""
    one = bench(faults=[fault("complete_cut", value=share, times=2)])
    put_big(one, 200)
    one.pass_hours(1)
    if kill:
        one.cycle_killed("after ship", 1)
    one.catch_up()

    assert one.struck("complete_cut") >= 1
    assert one.problems() == one.uncounted() == []


def test_a_refused_complete_path_is_said_and_portions_do_it(bench):
    """RDS-97: a WARN with the action's name."""
    one = bench(faults=[fault("complete_forbidden")])
    put_big(one, 150)
    one.pass_hours(1)
    one.cycle(2)

    said = one.messages("Complete file refused")
    assert said
    assert "DownloadCompleteDBLogFile" in str(said[0])
    assert one.problems() == one.uncounted() == []


@pytest.mark.parametrize("name", ["complete_gzip_transfer", "complete_not_found", "complete_file_rotates"])
def test_odd_ends_of_the_complete_path_change_no_record(bench, name):
    """RDS-96, 98, §9."""
    one = bench(faults=[fault(name)])
    put_big(one, 150)
    one.pass_hours(1, entries_each=4)
    one.cycle(2)
    one.heal(name)
    one.catch_up()

    assert one.struck(name)
    assert one.problems() == one.uncounted() == []


def test_hostile_names_are_named_once_and_never_fetched(bench):
    """RDS-16, 102: `../`, `%2f`, blank, newline, `?x=` among the files: no call for any of them, nothing written."""
    one = bench(faults=[fault("hostile_names"), fault("unknown_names")])
    one.write(20)
    one.cycle(3)
    one.start_again()
    one.cycle()

    assert {name for name, _, _ in one.reads} == {SLOW}
    assert set(one.rows()) == {SLOW}
    named = [fields["log_file_name"] for fields in one.messages("Log file not collected")]
    assert named
    assert max(named.count(name) for name in named) <= 2, "once a process"
    assert one.problems() == one.uncounted() == []


def test_a_listing_of_many_pages_that_changes_meanwhile_is_believed_whole_or_not_at_all(bench):
    """RDS-06, 07: 120 files, a page fails, a file stands on two pages."""
    one = bench(Spec(identifier="db-1", engine="mysql", log_types=("slowquery",)),
                faults=[fault("listing_repeats", 0.5), fault("listing_page_fails", 0.0, nth=2)])
    for _ in range(110):
        one.pass_hours(1)
    one.write(5)
    one.cycle(3)

    assert one.calls(LISTING) >= 3
    assert one.gaps() == []
    assert one.problems() == []
