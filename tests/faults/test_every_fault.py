"""Each fault of the simulator alone, at every third chance and never healed: the same records, in bounded calls.

RDS-20 to RDS-39, 44 to 46, 63 to 68, 71 to 77, 90, 95 to 98; cases with a promise of their own have a test of their own.
"""

import pytest
from tests.simulator.simulated import fault

ANSWERS = [
    "data_missing", "data_empty_element", "marker_missing", "marker_missing_no_data", "pending_missing", "marker_zero",
    "marker_stuck", "ends_early", ("overlap", 2), ("overlap", 300), ("overlap", 70_000), "hole", "opaque_marker",
    "built_marker_refused", "cap_cuts_bytes", "line_truncated", "line_truncated_at_cap", "file_not_found_once",
    "rotate_between_portions", "live_ordinal_on_rotated", "marker_refused", "cdata", "entities_named", "entities_decimal",
    "entities_hex", "binary_refused",
]
CALLS = ["throttle", "error_500", "error_503", ("slow", 0.01), "reset", "reset_mid_body", "html_answer", "empty_body",
         "cut_xml", "credentials_expired", "instance_not_ready"]
LISTINGS = ["listing_empty", "listing_lags", "listing_stale", "listing_reversed", "instance_missing",
            "hostile_names", "unknown_names", "rotate_between_list_and_download"]
COMPLETES = ["complete_forbidden", ("complete_cut", 0.3), ("complete_cut", 0.999), "complete_gzip_transfer",
             "complete_not_found", "complete_file_rotates"]
TEXTS = ["carriage_returns", "control_bytes", "multi_byte", "notice_in_text", ("long_line", 60_000), "repeated_header"]


RARE = {*(one if isinstance(one, str) else one[0] for one in COMPLETES), "live_ordinal_on_rotated", "hostile_names",
        "unknown_names", "entities_named", "built_marker_refused"}  # few chances in this course: the first one strikes


def _named(one):
    name, value = one if isinstance(one, tuple) else (one, None)
    return fault(name, 0.0, nth=1, value=value) if name in RARE else fault(name, 0.3, value=value)


@pytest.mark.parametrize("one", ANSWERS + CALLS + LISTINGS + COMPLETES, ids=str)
def test_the_same_records_arrive_whatever_the_answers_look_like(bench, one):
    """A live file of several portions, growth, an unread rotated tail, a rotated hour unread from its start, and a live one."""
    rule = _named(one)
    under_test = bench(faults=[rule])
    under_test.write(1_300)
    under_test.cycle(2)
    under_test.write(400)
    under_test.cycle()
    under_test.write(40)
    under_test.pass_hours(1, entries_each=2_600)
    under_test.pass_hours(1, entries_each=30)
    under_test.cycle()
    under_test.write(20)
    under_test.catch_up()

    assert under_test.struck(rule.fault), "the fault never struck: this proves nothing"
    assert under_test.problems() == []
    assert under_test.uncounted() == []


@pytest.mark.parametrize("one", TEXTS, ids=str)
def test_the_same_records_arrive_whatever_stands_in_the_log(bench, one):
    """RDS-33, 34, 67, 71: hard text in every third entry, plain text elsewhere; every byte is counted."""
    rule = _named(one)
    under_test = bench(faults=[rule], entries_per_sec=5.0)
    under_test.pass_sec(60)
    under_test.cycle(2)
    under_test.pass_sec(60)
    under_test.cycle(2)
    under_test.world.load.stop()
    under_test.pass_hours(1)  # an end without a terminator is complete when the file is closed
    under_test.catch_up()

    assert under_test.struck(rule.fault), "the fault never struck: this proves nothing"
    assert under_test.problems() == []
    assert under_test.uncounted() == []
