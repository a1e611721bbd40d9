"""RDS-63 to RDS-77: cut lines, long lines, binary data and broken answers."""

import pytest
from tests.faults.bench import COMPLETE, LISTING, PORTION, SLOW, Spec, slow_entry
from tests.simulator.simulated import fault


def long_entry(number, size):
    return slow_entry(number, f"SELECT 'tok_{number:016x} " + "x" * size + "'")


def put_all(bench, entries):
    for content, token in entries:
        bench.put(content, token=token)


def test_a_file_of_long_lines_costs_little_more_than_its_size(bench):
    """RDS-65: lines of 300 KB, 9 MB, live: at most 1.3 calls a MiB after learning."""
    one = bench()
    put_all(one, [long_entry(number, 300_000) for number in range(30)])
    one.cycle()
    mib = one.rows()[SLOW].file_size / (1 << 20)

    assert one.calls(COMPLETE) == 0
    assert one.calls(PORTION) <= 1.3 * mib + 4
    assert one.problems() == one.uncounted() == []


@pytest.mark.parametrize("closed", [False, True])
def test_one_line_over_the_cap_is_recovered_whole_by_the_complete_file(bench, closed):
    """RDS-66: 3 MB among short ones."""
    one = bench()
    put_all(one, [slow_entry(1), slow_entry(2), long_entry(3, 3_000_000), slow_entry(4), slow_entry(5)])
    if closed:
        one.pass_hours(1)
    one.cycle(3)

    assert one.problems() == one.uncounted() == []
    assert [record["log_record_bytes"] for record in one.records()][2] > 3_000_000


def test_without_the_complete_file_the_line_is_cut_and_the_rest_is_an_exact_gap(bench):
    """RDS-66: `truncated`, gap bytes exact, the neighbours right."""
    one = bench(faults=[fault("complete_forbidden")])
    put_all(one, [slow_entry(1), slow_entry(2)])
    content, token = long_entry(3, 3_000_000)
    segment, entry = one.put(content, token=token)
    put_all(one, [slow_entry(4), slow_entry(5)])
    one.cycle(3)

    records = sorted(one.records(), key=lambda record: record["log_file_offset"])
    assert len(records) == 5
    assert [record.get("truncated") for record in records].count(True) == 1
    (gap,) = one.gaps()
    assert gap[0].endswith(segment.segment_id.partition("@")[2])
    assert entry.start < gap[1] < gap[2] <= entry.end
    assert sum(record["log_record_bytes"] for record in records) + gap[2] - gap[1] + one.checkpoint().furniture_bytes == (
        one.checkpoint().byte_offset)
    assert gap[3] == "truncated"
    assert one.letters() == []


@pytest.mark.parametrize("place", ["middle", "end of line", "very end"])
def test_the_notice_as_the_log_s_own_text_is_data(bench, place):
    """RDS-67: inside SQL, at a line's end, and at the very end of an answer whose length agrees; no loop."""
    notice = "[Your log message was truncated]"
    text = {"middle": f"SELECT '{notice}'", "end of line": f"SELECT 1 /* x\n {notice}\n*/",
            "very end": f"SELECT 1 -- x\n {notice}\n --"}[place]
    one = bench()
    put_all(one, [slow_entry(1), slow_entry(2, text), slow_entry(3)])
    if place == "very end":
        with one.server.service.lock:
            live = one.family().live
            live.append(f"# Time: 2026-10-10T06:11:00.000000Z\n# User@Host: a[a] @  [10.0.0.1]  Id:     7\n# Query_time: 1 "
                        f" Lock_time: 0 Rows_sent: 1  Rows_examined: 1\nSELECT 9\n {notice}\n".encode(),
                        one.world.clock.now_us())
    one.cycle()
    assert one.calls(PORTION) <= 12
    one.pass_hours(1)
    one.cycle(2)

    assert one.problems() == one.uncounted() == []
    if place == "middle":  # elsewhere FMT-08 takes the text for RDS's own: the formats can't know better
        assert notice in str(one.records())


def test_answers_truncated_again_and_again_end_in_the_complete_file_or_with_bounded_calls(bench):
    """RDS-68: each place of the file is cut, at every call."""
    one = bench(faults=[fault("line_truncated")])
    one.write(1_000)
    one.cycle()

    assert one.struck("line_truncated") > 6
    assert one.calls(PORTION) + one.calls(COMPLETE) <= 150
    assert one.problems() == one.uncounted() == []


def test_control_bytes_cost_one_call_and_are_flagged(bench):
    """RDS-71: NUL, ESC, 0x01, U+FFFE, latin-1, cut UTF-8 raw in the XML."""
    one = bench()
    content, token = slow_entry(2)
    hard = b"nul \x00 esc \x1b soh \x01 nonchar \xef\xbf\xbe latin-1 caf\xe9 cut \xe2\x82"
    put_all(one, [slow_entry(1), (content.replace(b"SELECT 1", b"SELECT '" + hard + b"'"), token), slow_entry(3)])
    one.cycle()

    assert one.calls(PORTION) <= 3
    assert one.calls(COMPLETE) == 0
    assert one.problems() == one.uncounted() == []
    record = next(record for record in one.records() if "nul " in record["db_query_text"])
    assert "caf" in record["db_query_text"]
    assert len(record["db_query_text"]) > 40


def test_binary_refused_on_a_closed_file_means_the_complete_file(bench):
    """RDS-72: same records, no dead letter."""
    one = bench()
    one.write(30)
    one.cycle()
    one.write(200)
    one.plant("binary_line", nth=1)
    one.pass_hours(1)
    one.cycle(2)

    assert one.struck("binary_line") == 1
    assert one.calls(COMPLETE) == 1
    assert one.problems() == one.uncounted() == []


def test_one_refused_line_on_a_live_file_costs_few_calls_and_comes_when_the_file_closes(bench):
    """RDS-73: one bad line in 2,000, no complete file while it lives: a dead letter of whole entries, then replayed.

    The refused line may belong to the entry before it, so that one waits with it; all others are delivered at once.
    """
    one = bench()
    for number in range(400):
        one.put_slow(number)
    one.plant("binary_line", nth=2)
    one.plant("complete_not_found")
    one.cycle()
    assert one.struck("binary_line") == 1

    assert one.calls(PORTION) <= 40
    assert len(one.records()) >= 398
    assert [(letter.reason, letter.is_gap) for letter in one.letters()] == [("unreadable", False)]
    assert one.gaps() == []
    one.heal("complete_not_found", "binary_line")
    one.pass_hours(1)
    one.catch_up()
    one.auditor.round()
    assert one.letters() == []
    assert one.problems() == []


def test_a_range_refused_for_hours_costs_few_calls_and_hurts_nobody_else(bench):
    """RDS-74: the whole range of one file, no complete file; the instance's other log goes on."""
    one = bench(Spec(identifier="db-1", engine="aurora-mysql", log_types=("slowquery", "error")))
    one.write(30)
    one.write(5, log_type="error")
    one.cycle()
    one.write(30)
    one.plant("binary_refused", file="slowquery")
    one.plant("complete_not_found")
    one.forget_calls()
    for _ in range(5):
        one.write(2, log_type="error")
        one.cycle()

    assert one.calls(PORTION) <= 5 * 60
    assert one.calls(LISTING) <= 5 * 4
    assert not one.behind() or {name for name, *_ in one.behind()} == {SLOW}
    one.heal("binary_refused", "complete_not_found")
    one.pass_hours(1)
    one.catch_up()
    one.auditor.round()
    assert one.letters() == []
    assert one.problems() == []


def test_question_marks_for_letters_are_taken_as_they_are(bench):
    """RDS-75: the length agrees, so nothing is asked again."""
    one = bench(faults=[fault("lossy_question_marks"), fault("multi_byte", 0.5)], entries_per_sec=2.0)
    one.pass_sec(60)
    one.world.load.stop()
    one.cycle(2)
    one.pass_hours(1)
    one.cycle(2)

    assert one.struck("lossy_question_marks")
    assert one.calls(PORTION) <= 16
    assert one.problems() == one.uncounted() == []
    assert "????" in str(one.records())


@pytest.mark.parametrize("name", ["html_answer", "empty_body", "cut_xml", "reset_mid_body"])
def test_a_broken_answer_ships_nothing_and_is_asked_for_again_from_the_same_marker(bench, name):
    """RDS-77."""
    one = bench()
    one.write(30)
    one.cycle()
    one.write(30)
    one.plant(name, nth=1, operation=PORTION)
    one.reads.clear()
    one.cycle()

    assert one.struck(name) == 1
    assert one.reads[0] == one.reads[1]
    assert one.problems() == one.uncounted() == []
