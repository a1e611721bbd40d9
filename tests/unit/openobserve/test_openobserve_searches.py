"""Which ids are stored: only a whole answer counts (openobserve.md §6.3); and the time window (§6.5)."""

import json

import pytest
from tests.unit.openobserve.adapter_bench import HOUR_US, NOW_US, SLOW, adapter, batch_of, events

from aurora_logs.adapters.openobserve import sink as sink_module
from aurora_logs.adapters.openobserve.queries import quoted
from aurora_logs.errors import AuroraLogsError, ConfigError, ReceiptPartial, RecordTooOld, TimedOut, Unreachable
from aurora_logs.records.wire import span_us_of


def ids(one, batch, **span):
    return one.sink.stored("slowquery", batch.file_key, 0, 10**6, **span).keys()


class TestStored:
    def test_the_url_asks_past_the_cache_and_the_size_is_given(self, tmp_path):
        """OO-79, OO-80, OO-100: no statistics are asked."""
        with adapter(tmp_path) as one:
            one.ship(batch_of())
            ids(one, batch_of())
            (search,) = one.world.journal.searches()

        assert search.query == "type=logs&use_cache=false"
        assert not [entry for entry in one.world.journal.entries if "streams" in entry.path]

    def test_thousands_of_ids_come_in_pages_and_none_is_cut(self, tmp_path, monkeypatch):
        """OO-80."""
        monkeypatch.setattr(sink_module, "PAGE_IDS", 700)
        with adapter(tmp_path) as one:
            batch = batch_of(5000)
            one.ship(batch)

            assert ids(one, batch) == set(batch.ids)
            assert len(one.world.journal.searches()) == 8

    def test_the_record_at_the_highest_time_is_found(self, tmp_path):
        """OO-83, OO-134: the end of a search is not part of it."""
        with adapter(tmp_path) as one:
            batch = batch_of()
            one.ship(batch)

            assert ids(one, batch, span_us=span_us_of(batch.lines)) == set(batch.ids)

    def test_copies_are_found_once_and_counted(self, tmp_path):
        """OO-81, OO-97."""
        with adapter(tmp_path) as one:
            batch = batch_of()
            one.ship(batch)
            one.sink.ship(batch, batch.lines[:3])

            counts = one.sink.stored("slowquery", batch.file_key, 0, 10**6)
        assert counts == dict.fromkeys(batch.ids, 1) | dict.fromkeys(batch.ids[:3], 2)

    @pytest.mark.parametrize("fault", ["search_partial", "search_warns", "search_shortened", "search_408", "search_503", "search_500",
                                       "answer_cut", "error_502", "error_503_text", "answer_shorter_than_said"])
    def test_a_part_of_an_answer_is_never_nothing_found(self, tmp_path, fault):
        """OO-82, OO-129, REL-61, REL-155."""
        with adapter(tmp_path) as one:
            one.ship(batch_of())
            one.plant(fault, operation="search", value=None)

            with pytest.raises((Unreachable, TimedOut)):
                ids(one, batch_of())

    def test_a_narrow_range_that_finds_nothing_is_widened_once(self, tmp_path):
        """OO-84, openobserve#12742."""
        with adapter(tmp_path) as one:
            batch = batch_of()
            one.ship(batch)
            one.plant("search_narrow_empty", value=3600)

            assert ids(one, batch, span_us=span_us_of(batch.lines)) == set(batch.ids)
            assert len(one.world.journal.searches()) == 2

    def test_a_stream_that_the_list_lacks_too_holds_nothing(self, tmp_path):
        """OO-88, OO-135."""
        with adapter(tmp_path) as one:
            assert ids(one, batch_of()) == set()
            assert any(entry.path.endswith("/streams") for entry in one.world.journal.entries)

    def test_a_stream_that_is_unknown_to_the_search_alone_gives_no_verdict(self, tmp_path):
        """OO-88: the list knows it."""
        with adapter(tmp_path) as one:
            one.ship(batch_of())
            one.sink._streams.is_listed = lambda _name: True
            one.world.organizations["default"].forget(SLOW)

            with pytest.raises(Unreachable, match="Stream not found"):
                ids(one, batch_of())

    def test_a_stream_without_our_columns_holds_none_of_our_records(self, tmp_path):
        """§6.3: an unknown column, settled by a look at the schema."""
        with adapter(tmp_path) as one:
            one.world.organizations["default"].for_ingest(SLOW, NOW_US)

            assert ids(one, batch_of()) == set()

    def test_a_column_that_a_stranger_poisoned_gives_no_verdict(self, tmp_path):
        """OO-129."""
        with adapter(tmp_path) as one:
            one.ship(batch_of())
            stream = one.world.streams()[SLOW]
            stream.schema.columns["record_id"] = "Int64"

            with pytest.raises(Unreachable, match="not complete"):
                ids(one, batch_of())

    def test_a_stream_that_allows_short_ranges_is_read_piece_by_piece(self, tmp_path):
        """OO-96."""
        with adapter(tmp_path, window_back_hours=100) as one:
            batches = [batch_of(2, fields={"_timestamp": NOW_US - hours * HOUR_US}) for hours in (0, 30, 60)]
            for made in batches:
                one.ship(made)
            one.world.streams()[SLOW].schema.settings.max_query_range = 24

            assert ids(one, batches[0], span_us=(NOW_US - 60 * HOUR_US, NOW_US)) == set(batches[0].ids)
            assert len(one.world.journal.searches()) == 4
            assert ids(one, batches[0]) == set(batches[0].ids)

    @pytest.mark.parametrize("text", ["'", '"', ";", "--", "\n", "a' OR '1'='1", "\\'", "{after}", "ä😀"])
    def test_text_of_people_is_quoted(self, tmp_path, text):
        """OO-111."""
        with adapter(tmp_path) as one:
            one.ship(batch_of(1, fields={"db_query_text": f"x{text}y"}))
            one.ship(batch_of(1, instance_id="other"))

            assert len(one.insights.search(f"x{text}y").rows) == 1
            assert one.insights.newest(text) == {}
        assert quoted("a\0b\x1b") == "'ab'"


class TestWindow:
    def test_nothing_is_known_before_the_first_refusal(self, tmp_path):
        """§6.5: only a try can tell."""
        with adapter(tmp_path) as one:
            assert one.sink.oldest_us() == 0

    def test_the_setting_counts_with_a_margin(self, tmp_path):
        """OO-53, OO-60: 10 minutes for the way there and for clocks."""
        with adapter(tmp_path, settings={"openobserve_window_hours": 744.0}) as one:
            assert one.sink.oldest_us() == NOW_US - 744 * HOUR_US + 600_000_000

    def test_the_hours_of_a_refusal_are_learned_for_an_hour(self, tmp_path):
        """OO-54, OO-55."""
        with adapter(tmp_path, window_back_hours=7) as one, events() as seen:
            with pytest.raises(RecordTooOld):
                one.ship(batch_of(fields={"_timestamp": NOW_US - 8 * HOUR_US}))
            learned_us = one.sink.oldest_us()
            one.clock.sleep(3601)

            assert learned_us == NOW_US - 7 * HOUR_US + 600_000_000
            assert one.sink.oldest_us() == 0, "tried again, so that a raised setting is noticed"
        assert seen == [("INFO", "Time window of the sink learned", {"dependency": "openobserve ingest", "hours": 7.0, "told": True})]

    def test_a_part_that_is_too_old_teaches_as_well(self, tmp_path):
        """OO-03."""
        with adapter(tmp_path) as one:
            fresh, old = batch_of(2), batch_of(2, fields={"_timestamp": NOW_US - 8 * HOUR_US})
            with pytest.raises(ReceiptPartial):
                one.sink.ship(fresh, [fresh.lines[0], old.lines[1]])

            assert one.sink.oldest_us() > 0

    def test_a_server_that_takes_less_than_its_setting_said_wins(self, tmp_path):
        """OO-56."""
        with adapter(tmp_path, settings={"openobserve_window_hours": 744.0}) as one:
            one.plant("window_shrinks", value=2)
            with pytest.raises(RecordTooOld):
                one.ship(batch_of(fields={"_timestamp": NOW_US - 8 * HOUR_US}))

            assert one.sink.oldest_us() == NOW_US - 2 * HOUR_US + 600_000_000

    def test_a_text_without_a_number_means_the_default(self, tmp_path):
        """OO-62."""
        with adapter(tmp_path) as one, events() as seen:
            one.sink._window.learn("Too old data, sorry")

            assert one.sink.oldest_us() == NOW_US - 5 * HOUR_US + 600_000_000
        assert [level for level, *_ in seen] == ["WARN"]

    @pytest.mark.parametrize("off_sec", [-600, 600])
    def test_the_server_s_clock_counts_not_ours(self, tmp_path, off_sec):
        """OO-60: its Date header tells how far it is off."""
        with adapter(tmp_path, settings={"openobserve_window_hours": 5.0}) as one:
            one.clock.server.advance_us(off_sec * 1_000_000)
            one.ship(batch_of(fields={"_timestamp": NOW_US}))

            assert one.sink._window.clock_ahead_us == off_sec * 1_000_000
            assert one.sink.oldest_us() == NOW_US + off_sec * 1_000_000 - 5 * HOUR_US + 600_000_000


class TestStreams:
    def test_streams_are_made_with_all_columns_and_types_before_the_first_record(self, tmp_path):
        """OO-64, OO-70, OO-101: no dummy record; the names are fixed points of the server's formatting."""
        from aurora_logs.adapters.openobserve.columns import stream_columns
        from aurora_logs.records.log_record import STREAMS
        from aurora_logs_simulator.openobserve.naming import format_field, format_stream

        with adapter(tmp_path) as one:
            for log_type, name in STREAMS.items():
                made = one.streams.make(log_type)
                stream = one.world.streams()[name]

                assert (made.created, made.differences) == (True, [])
                assert stream.schema.columns == stream_columns(log_type)
                assert stream.rows.count == 0
                assert [format_field(column) for column in stream.schema.columns] == list(stream.schema.columns)
                assert format_stream(name) == name
                assert {"_id", "_o2_id", "_original", "_all", "_all_values", "count"} & set(stream.schema.columns) == set()

    def test_a_second_time_changes_nothing(self, tmp_path):
        """OO-102: the server would append doubles to its lists."""
        with adapter(tmp_path) as one:
            one.streams.make("slowquery")
            before = json.dumps(one.world.streams()[SLOW].schema.settings.full_text_search_keys)
            made = one.streams.make("slowquery")

            assert (made.created, made.columns, made.settings, made.differences) == (False, [], [], [])
            assert json.dumps(one.world.streams()[SLOW].schema.settings.full_text_search_keys) == before == '["body", "db_query_text"]'
            assert one.world.streams()[SLOW].schema.settings.index_fields == [
                "instance_id", "cluster_id", "event_name", "user_name", "db_namespace"]

    def test_a_half_made_stream_is_completed(self, tmp_path):
        """OO-104, OO-133."""
        with adapter(tmp_path) as one:
            one.world.organizations["default"].for_ingest(SLOW, NOW_US)
            made = one.streams.make("slowquery")

            assert not made.created
            assert "record_id" in made.columns
            assert made.settings == ["bloom_filter_fields", "full_text_search_keys", "index_fields"]
            assert one.world.streams()[SLOW].schema.columns["duration_sec"] == "Float64"

    def test_another_type_is_shown_and_left_alone(self, tmp_path):
        """OO-69, OO-103."""
        with adapter(tmp_path) as one:
            one.streams.make("slowquery")
            one.world.streams()[SLOW].schema.columns["thread_id"] = "Utf8"
            made = one.streams.make("slowquery")

            assert [(one_of.column, one_of.type, one_of.wanted) for one_of in made.differences] == [("thread_id", "Utf8", "Int64")]
            assert one.world.streams()[SLOW].schema.columns["thread_id"] == "Utf8"

    def test_stored_types_are_ours_after_ten_thousand_mixed_records(self, tmp_path):
        """OO-68, OO-70, with and without provisioning."""
        with adapter(tmp_path) as one:
            for number in range(10):
                fields = {"duration_sec": float(number), "db_rows_examined": number * 10**12, "lock_time_sec": 1e-9}
                one.ship(batch_of(1000, batch_id=str(number), fields=fields))
            kinds = one.world.streams()[SLOW].schema.columns

        assert {name: kinds[name] for name in ("duration_sec", "lock_time_sec", "db_rows_examined", "_timestamp")} == {
            "duration_sec": "Float64", "lock_time_sec": "Float64", "db_rows_examined": "Int64", "_timestamp": "Int64"}

    @pytest.mark.parametrize(("fault", "kind"), [("not_allowed", AuroraLogsError), ("error_502", Unreachable), ("overload", Unreachable)])
    def test_a_refusal_is_an_error_of_the_tree(self, tmp_path, fault, kind):
        with adapter(tmp_path) as one:
            one.plant(fault)

            with pytest.raises(kind):
                one.streams.make("slowquery")

    def test_a_name_that_the_server_refuses_is_told(self, tmp_path):
        with adapter(tmp_path) as one:
            one.plant("refused_quota", operation="streams", nth=3)

            with pytest.raises((ConfigError, AuroraLogsError)) as caught:
                one.streams.make("slowquery")
            assert "Quota exceeded" in str(caught.value)
            assert one.streams.make("slowquery").differences == []
