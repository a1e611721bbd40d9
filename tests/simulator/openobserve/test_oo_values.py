"""Times, names and types: what becomes of a record on its way into a stream (sheet 5, 1.1)."""

import json
import urllib.parse

import pytest
from served_openobserve import NOW_US, STREAM, record, records, served

from aurora_logs_simulator.clock import HOUR_US, SECOND_US

MOMENT = NOW_US // SECOND_US * SECOND_US
MINUTE_US = 60 * SECOND_US


def stored_time(one, value):
    """Post one record with this `_timestamp`; return what was stored, or the text of the failure."""
    failed, error = one.client.post([record(_timestamp=value)], "times").receipt()[2:]
    return error if failed else one.stored("times")[-1]["_timestamp"]


@pytest.mark.parametrize(("sent", "stored"), [
    (NOW_US, NOW_US), (NOW_US * 1000, NOW_US), (NOW_US // 1000, NOW_US), (NOW_US // SECOND_US, MOMENT),
    (NOW_US / SECOND_US + 0.75, MOMENT), (0, NOW_US), (str(NOW_US), NOW_US), ("nan", NOW_US), ("", "Can't parse timestamp"),
    ("2026-10-10 06:10:00", MOMENT), ("2026-10-10T06:10:00", MOMENT), ("2026-10-10T06:10:00.123", MOMENT + 123_000),
    ("2026-10-10T06:10:00.123456", MOMENT + 123_456), ("2026-10-10T06:10:00.123456Z", MOMENT + 123_456),
    ("2026-10-10T08:10:00+02:00", MOMENT), ("Sat, 10 Oct 2026 06:10:00 +0000", MOMENT),
    ("2026-10-10T06:10:00.12Z", "Can't parse timestamp"), ("2026-10-10 06:10:00.123 UTC", "Can't parse timestamp"),
    (None, "Can't parse timestamp"), (True, "Can't parse timestamp"), ("yesterday", "Can't parse timestamp")])
def test_each_form_of_a_timestamp_becomes_what_the_sheet_says(sent, stored):
    """OO-67, OO-66."""
    with served() as one:
        assert stored_time(one, sent) == stored


def test_a_record_without_a_time_or_with_null_from_092_on_is_of_now():
    with served(profile="0.92") as one:
        assert stored_time(one, None) == NOW_US
        one.client.post([{"n": 1}], "times")
        assert one.stored("times")[-1] == {"n": 1, "_timestamp": NOW_US}


def test_numbers_of_1970_are_taken_for_seconds():
    with served(window_back_hours=10**6, window_ahead_hours=10**8) as one:
        assert stored_time(one, 86_400 * 365 * 1000) == 86_400 * 365 * 1000 * SECOND_US


@pytest.mark.parametrize(("ago_us", "is_taken"), [
    (5 * HOUR_US - MINUTE_US, True), (5 * HOUR_US, True), (5 * HOUR_US + 1, False), (5 * HOUR_US + MINUTE_US, False),
    (-24 * HOUR_US, True), (-24 * HOUR_US - 1, False)])
def test_the_borders_of_the_window_are_inside(ago_us, is_taken):
    """OO-53, OO-61; the quick way through the ingest has the same borders."""
    with served() as one:
        one.client.post(records(2))

        assert one.client.post([record(5, _timestamp=NOW_US - ago_us)]).receipt()[1] == int(is_taken)


def test_the_window_follows_the_server_s_setting_while_it_runs():
    """OO-55, OO-56."""
    with served() as one:
        row = record(1, _timestamp=NOW_US - 30 * 24 * HOUR_US)
        before = one.client.post([row]).receipt()[1]
        one.client.ask("POST", "/_simulator/setup", {"window_back_hours": 744})
        after = one.client.post([row, record(2, _timestamp=NOW_US - 32 * 24 * HOUR_US)]).receipt()

    assert (before, after[1:3]) == (0, (1, 1))
    assert "only last 744 hours" in after[3]


class TestNames:
    def test_field_names_are_rewritten_and_of_two_equal_ones_the_later_wins(self):
        """OO-64, 5.1."""
        with served() as one:
            one.client.post([{"Query_time": 1.5, "user@host": "a", "a.b": 1, "Größe": 2, "名": 3, "USER@HOST": "b"}])
            row = one.stored()[0]

        assert row == {"query_time": 1.5, "user_host": "b", "a_b": 1, "größe": 2, "_": 3, "_timestamp": NOW_US}

    def test_an_at_timestamp_overwrites_the_time(self):
        """OO-65."""
        with served() as one:
            one.client.post([{"_timestamp": NOW_US, "@timestamp": NOW_US - HOUR_US}])

            assert one.stored() == [{"_timestamp": NOW_US - HOUR_US}]

    def test_nested_values_are_joined_down_to_level_three_and_empty_ones_vanish(self):
        with served() as one:
            one.client.post([{"_timestamp": NOW_US, "a": {"b": {"c": {"d": 1}}, "n": None}, "l": [1, {"x": 2}], "e": [], "o": {}}])

            assert one.stored() == [{"_timestamp": NOW_US, "a_b_c": '{"d":1}', "l": '[1,{"x":2}]'}]

    def test_a_null_of_a_flat_record_is_absent(self):
        """OO-72."""
        with served() as one:
            one.client.post([record(x=None)])

            assert "x" not in one.stored()[0]
            assert "x" not in one.client.columns()

    def test_more_columns_than_the_limit_are_dropped_in_silence(self):
        """OO-71, OO-04: 200 with 0/0."""
        with served() as one:
            wide = {f"f{number}": number for number in range(1100)} | record()

            assert one.client.post([wide]).receipt() == (STREAM, 0, 0, None)
            assert one.stored() == []

    @pytest.mark.parametrize("text", ["a\0b", "\u2028line\u2029", "😀 𝕏", '"quoted" \\ back', "tab\tnew\nline", "Grüße"])
    def test_hard_text_is_stored_and_found_as_it_was(self, text):
        """OO-49."""
        with served() as one:
            one.client.post([record(db_query_text=text)])

            assert one.stored()[0]["db_query_text"] == text
            assert one.client.hits(f"SELECT db_query_text FROM {STREAM}") == [{"db_query_text": text}]

    def test_an_organisation_with_odd_characters_has_a_place_of_its_own(self):
        """OO-110."""
        with served() as one:
            one.client.organization = urllib.parse.quote("team a/b?c", safe="")
            one.client.post(records(2))

            assert one.client.count() == 2
            assert one.stored() == [], "the default organisation has none of it"
            assert len(list(one.world.lines(STREAM, "team a/b?c"))) == 2


def column_after(one, first, second, later_us=1):
    """The type of a column, and the values found, after two batches of one record each."""
    one.client.post([record(0, v=first)])
    receipt = one.client.post([record(later_us, v=second)]).receipt()
    return receipt[1:3], one.client.columns()["v"], [row["v"] for row in one.client.hits(f"SELECT v FROM {STREAM}")][::-1]


class TestTypes:
    @pytest.mark.parametrize(("first", "second", "kind", "values"), [
        (1, 2.5, "Float64", [1.0, 2.5]), (1, 2.0, "Float64", [1.0, 2.0]), (1, 1e300, "Float64", [1.0, 1e300]),
        (1, "x", "Utf8", ["1", "x"]), (1, True, "Int64", [1, 1]), (1, 2**64 - 1, "UInt64", [1, 2**64 - 1]),
        (1.5, 2, "Float64", [1.5, 2.0]), (1.5, "x", "Utf8", ["1.5", "x"]), (True, 5, "Boolean", [True, True]),
        (True, 0, "Boolean", [True, False]), (True, "x", "Utf8", ["true", "x"]), ("x", 5, "Utf8", ["x", "5"]),
        ("x", 1.5, "Utf8", ["x", "1.5"]), ("x", True, "Utf8", ["x", "true"])])
    def test_a_column_widens_as_measured(self, first, second, kind, values):
        """5.4, §1.1, OO-68."""
        with served() as one:
            assert column_after(one, first, second) == ((1, 0), kind, values)

    @pytest.mark.parametrize(("values", "kind"), [
        ([1, 2.5], "Float64"), ([1, "x"], "Utf8"), ([2.5, True], "Float64"), ([True, 2], "Int64"), ([True, "x"], "Utf8")])
    def test_one_batch_decides_together(self, values, kind):
        with served() as one:
            one.client.post([record(number, v=value) for number, value in enumerate(values)])

            assert one.client.columns()["v"] == kind

    def test_a_text_of_a_stranger_breaks_the_sums_of_a_column(self):
        """OO-69."""
        with served() as one:
            one.client.post([record(1, v=1.5)])
            good = one.client.search(f"SELECT sum(v) AS s FROM {STREAM}")
            one.client.post([record(2, v="x")])
            bad = one.client.search(f"SELECT sum(v) AS s FROM {STREAM}")

        assert good.json()["hits"] == [{"s": 1.5}]
        assert bad.status == 500

    def test_a_type_change_at_the_start_of_the_schema_drops_the_batch_in_silence(self):
        """OO-131, §1.1: a later one is accepted and widens."""
        with served() as one:
            assert column_after(one, 1, "x", later_us=0) == ((0, 0), "Int64", [1])
            assert one.client.post([record(1, v="x")]).receipt()[1:3] == (1, 0)
            assert one.client.columns()["v"] == "Utf8"

    def test_an_old_record_of_another_type_poisons_the_column_for_every_reader(self):
        """OO-129, §1.1: 200, no hits, is_partial and a text; count(*) still counts it."""
        with served() as one:
            made = one.client.api("POST", "streams/typed?type=logs", {"fields": [{"name": "v", "type": "Int64"}], "settings": {}})
            taken = one.client.post([record(v="x", _timestamp=NOW_US - HOUR_US)], "typed").receipt()
            answer = one.client.search("SELECT v FROM typed").json()
            count = one.client.count("typed")

        assert (made.status, taken[1:3], count) == (200, (1, 0), 1)
        assert (answer["hits"], answer["is_partial"]) == ([], True)
        assert answer["function_error"] == ["Cannot cast string 'x' to value of Int64 type"]
        assert one.client.endpoint

    def test_an_old_float_is_cut_to_the_integer_of_its_column(self):
        with served() as one:
            one.client.api("POST", "streams/typed?type=logs", {"fields": [{"name": "v", "type": "Int64"}], "settings": {}})
            one.client.post([record(v=2.75, _timestamp=NOW_US - HOUR_US)], "typed")

            assert one.client.hits("SELECT v FROM typed") == [{"v": 2}]
            assert one.client.columns("typed")["v"] == "Int64"

    def test_old_records_of_the_right_types_are_stored_and_found(self):
        with served() as one:
            one.client.api("POST", "streams/typed?type=logs", {"fields": [{"name": "v", "type": "Int64"}], "settings": {}})
            one.client.post([record(v=5, _timestamp=NOW_US - HOUR_US)], "typed")

            assert one.client.hits("SELECT v FROM typed") == [{"v": 5}]

    @pytest.mark.parametrize("text", ["true", "007", "1e5"])
    def test_text_that_looks_like_a_value_stays_text(self, text):
        """OO-74."""
        with served() as one:
            one.client.post([record(v=text)])

            assert one.client.hits(f"SELECT v FROM {STREAM}") == [{"v": text}]
            assert one.client.columns()["v"] == "Utf8"

    def test_the_quick_way_and_the_slow_one_store_the_same(self):
        """Records whose shape is known go the quick way; each row that must be changed goes the slow one."""
        rows = [record(1, v=1.5, t="x"), record(2, v=2.5, t="y"), record(3, v=3, t="z"), record(4, v=4.5, t=7),
                record(5, v=0.5, t="\n", _timestamp=NOW_US // 1000), record(6, v=2**63, t="big")]
        with served() as together, served() as apart:
            together.client.post(rows[:1])
            together.client.post(rows)
            for row in rows[:1] + rows:
                apart.client.post(json.dumps([row], indent=1).encode())
            found = [one.client.hits(f"SELECT * FROM {STREAM} ORDER BY n") for one in (together, apart)]

        assert found[0] == found[1]
        assert len(found[0]) == 7
