"""What the sink makes of each answer of OpenObserve: receipt, or the branch of the error tree (openobserve.md §6.1, 6.2)."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.openobserve.adapter_bench import HOUR_US, NOW_US, SERVICE, SLOW, RealTime, adapter, batch_of, events

from aurora_logs.errors import (
    AccessDenied,
    AuroraLogsError,
    BreakerOpen,
    ConfigError,
    ReceiptMissing,
    ReceiptPartial,
    RecordOfWrongType,
    RecordTooLarge,
    RecordTooOld,
    SinkBusy,
    SinkRejected,
    Unreachable,
)
from aurora_logs.secret import Secret


def outcome(one, batch=None):
    """The receipt's count, or the error."""
    try:
        return one.ship(batch or batch_of()).stored
    except AuroraLogsError as error:
        return error


class TestReceipt:
    def test_a_strict_receipt_is_delivered_and_the_bytes_are_ours(self, tmp_path):
        """OO-01, OO-35, OO-123: gzip, one POST, one stream, each record equal."""
        with adapter(tmp_path) as one:
            batch = batch_of()

            assert outcome(one, batch) == 4
            assert one.stored() == [json.loads(line) for line in batch.lines]
            (post,) = one.posts()
            assert (post.path, post.headers["content-encoding"], post.headers["content-type"]) == (
                f"/api/default/{SLOW}/_json", "gzip", "application/json")
            assert post.user == SERVICE

    def test_an_empty_batch_makes_no_request(self, tmp_path):
        """OO-11."""
        with adapter(tmp_path) as one:
            assert one.sink.ship(batch_of(), []).stored == 0
            assert list(one.world.journal.entries) == []

    @pytest.mark.parametrize(("fault", "expected"), [
        ("answer_without_failed", 4), ("answer_chunked", 4), ("slow_body", 4), ("lies", 4),
        ("counts_failed", ReceiptPartial), ("counts_nothing", ReceiptPartial), ("answer_one_more", ReceiptMissing),
        ("answer_code_503", ReceiptMissing), ("answer_two_entries", ReceiptMissing), ("answer_no_entry", ReceiptMissing),
        ("answer_other_stream", ReceiptMissing), ("answer_text_count", ReceiptMissing), ("answer_float_count", ReceiptMissing),
        ("answer_negative_count", ReceiptMissing), ("answer_cut", ReceiptMissing), ("answer_no_json", ReceiptMissing),
        ("answer_html", ReceiptMissing), ("answer_empty", ReceiptMissing), ("answer_huge", ReceiptMissing),
        ("answer_shorter_than_said", ReceiptMissing)])
    def test_everything_but_the_strict_receipt_is_no_delivery(self, tmp_path, fault, expected):
        """OO-02 to OO-07, OO-09, OO-10, OO-38."""
        with adapter(tmp_path) as one:
            one.plant(fault, value={"slow_body": 0.05, "answer_huge": 3e6}.get(fault))
            found = outcome(one)

            assert found == expected if expected == 4 else type(found) is expected
            assert len(one.posts()) == 1, "no silent retry (OO-18)"

    def test_the_fallback_stream_is_compared_after_formatting(self, tmp_path):
        """OO-08, OO-73."""
        with adapter(tmp_path, settings={"openobserve_stream": "My-Aurora Logs"}) as one:
            assert outcome(one, batch_of(log_type="new_kind")) == 4
            assert len(one.stored("my_aurora_logs")) == 4


OUTCOMES = {
    "reset_mid_request": ReceiptMissing, "reset_before_store": ReceiptMissing, "store_then_reset": ReceiptMissing,
    "store_then_close": ReceiptMissing, "close_on_accept": ReceiptMissing, "error_500": ReceiptMissing,
    "error_502": ReceiptMissing, "error_504": ReceiptMissing, "error_408": ReceiptMissing, "error_503_text": ReceiptMissing,
    "overload": SinkBusy, "overload_disk": SinkBusy, "overload_breaker": SinkBusy, "overload_in_receipt": SinkBusy,
    "refused_not_ingester": SinkBusy, "refused_quota": SinkBusy, "throttled": SinkBusy, "login_refused": AccessDenied,
    "not_allowed": AccessDenied, "organization_gone": ConfigError, "redirected": ConfigError, "too_large_html": RecordTooLarge}


class TestOutcomes:
    @pytest.mark.parametrize("version", ["0.14", "0.15", "0.92"])
    @pytest.mark.parametrize("fault", OUTCOMES)
    def test_each_outcome_is_its_branch(self, tmp_path, fault, version):
        """OO-16, OO-19 to OO-23, OO-25 to OO-27, OO-29, OO-30, OO-33; REL-101..110."""
        with adapter(tmp_path, profile=version) as one:
            one.plant(fault, value=10 if fault == "too_large_html" else None)
            error = outcome(one)

            assert isinstance(error, OUTCOMES[fault])
            assert len(one.posts()) <= 1
            assert "<" not in str(error), "HTML never reaches a message"
            assert one.settings.openobserve_pass.reveal() not in f"{error}{error.hint}{error.__context__}"

    def test_what_was_refused_before_a_byte_was_sent_is_surely_not_stored(self, tmp_path):
        """OO-15: refused and unresolved; TLS is in test_openobserve_connection."""
        for url in ("http://127.0.0.1:9", "http://no-such-host.invalid:5080"):
            with adapter(tmp_path / url[-3:], settings={"openobserve_url": url}) as one:
                error = outcome(one)

                assert type(error) is Unreachable, error

    @pytest.mark.parametrize(("fault", "value", "after_sec"), [
        ("throttled", 7, 7.0), ("throttled", 1e6, 300.0), ("throttled_until_date", 9, 9.0)])
    def test_the_wait_is_as_told_within_a_bound(self, tmp_path, fault, value, after_sec):
        """OO-24."""
        with adapter(tmp_path) as one:
            one.plant(fault, value=value)

            assert outcome(one).retry_after_sec == after_sec

    def test_without_a_word_the_wait_is_our_own(self, tmp_path):
        with adapter(tmp_path) as one:
            one.plant("throttled", value=0)

            assert 0 < outcome(one).retry_after_sec < 1

    def test_a_refused_login_names_account_right_and_next_step(self, tmp_path):
        """OO-26, OO-27, OO-89."""
        with adapter(tmp_path) as one:
            one.plant("not_allowed", operation="ingest")
            one.plant("search_denied")
            ingest = outcome(one)
            with pytest.raises(AccessDenied, match=f"{SERVICE} may not search in organisation default"):
                one.sink.stored("slowquery", "abcdefghijklm", 0, 10)

        assert f"{SERVICE} may not ingest in organisation default" in str(ingest)
        assert "OPENOBSERVE_PASS" in ingest.hint

    def test_an_unknown_organisation_is_named(self, tmp_path):
        """OO-29: a service account makes none."""
        with adapter(tmp_path, settings={"openobserve_org": "defualt"}) as one:
            error = outcome(one)

        assert type(error) is ConfigError
        assert "OPENOBSERVE_ORG 'defualt' is not known" in str(error)

    def test_a_password_file_is_read_again_when_it_changes(self, tmp_path):
        """OO-28."""
        file = tmp_path / "password"
        file.write_text("wrong\n")
        with adapter(tmp_path / "data", settings={"openobserve_pass": Secret(), "openobserve_pass_file": str(file)}) as one:
            before = outcome(one)
            file.write_text(one.world.access.accounts[SERVICE].password + "\n")

            assert type(before) is AccessDenied
            assert outcome(one) == 4

    def test_compression_that_is_refused_is_left_out_from_then_on(self, tmp_path):
        """OO-34."""
        with adapter(tmp_path) as one, events() as seen:
            one.plant("encoding_refused")
            counts = [outcome(one, batch_of(batch_id=str(number))) for number in range(3)]
            encodings = [post.headers.get("content-encoding") for post in one.posts()]

        assert counts == [4, 4, 4]
        assert encodings == ["gzip", None, None, None]
        assert [message for level, message, _ in seen if level == "WARN"] == ["Sink refuses compression, sending uncompressed"]

    def test_a_size_that_was_refused_is_not_posted_again_for_an_hour(self, tmp_path):
        """OO-31, OO-32."""
        with adapter(tmp_path, payload_limit_bytes=1500) as one:
            first, again = outcome(one), outcome(one)
            posts = len(one.posts())
            one.world.setup.payload_limit_bytes = 10**6
            still = outcome(one)
            one.clock.sleep(3601)

            assert [type(error) for error in (first, again, still)] == [RecordTooLarge] * 3
            assert (posts, first.reason) == (1, "too_large")
            assert outcome(one, batch_of(2)) == 2
            assert outcome(one) == 4

    def test_a_record_that_is_dropped_is_surely_not_stored(self, tmp_path):
        """OO-14, OO-59: all of a request failed, with a reason."""
        with adapter(tmp_path) as one:
            old, ahead = (outcome(one, batch_of(fields={"_timestamp": NOW_US + hours * HOUR_US})) for hours in (-6, 30))

            assert (type(old), old.reason) == (RecordTooOld, "too_old")
            assert (type(ahead), ahead.reason) == (SinkRejected, "rejected")
            assert "Too far data" in str(ahead)
            assert one.stored() == []

    @pytest.mark.parametrize("fields", [
        {"thread_id": "14"}, {"duration_sec": "x"}, {"thread_id": 2**63}, {"db_query_text": 5}, {"truncated": 1}, {"_id": 7},
        {"count": 5}, {"@timestamp": 5}, {"nested": {"a": 1}}])
    def test_a_value_of_another_type_than_its_column_never_leaves(self, tmp_path, fields):
        """OO-132, OO-136, OO-65, OO-50: refused before a byte is sent."""
        with adapter(tmp_path) as one:
            error = outcome(one, batch_of(fields=fields))

            assert (type(error), error.reason) == (RecordOfWrongType, "schema")
            assert list(one.world.journal.entries) == []

    def test_log_text_does_not_get_into_the_message_of_a_wrong_type(self, tmp_path):
        with adapter(tmp_path) as one:
            error = outcome(one, batch_of(fields={"thread_id": "secret 'text' of a customer"}))

        assert "secret" not in str(error)
        assert "thread_id" in str(error)


class TestHoldingBack:
    def test_the_breaker_opens_after_failures_in_a_row_and_one_real_batch_closes_it(self, tmp_path):
        """OO-42, OO-26: while it is open nothing is sent; /healthz is never asked."""
        with adapter(tmp_path) as one, events() as seen:
            one.plant("login_refused")
            errors = [outcome(one) for _ in range(8)]
            posts = len(one.posts())
            one.clock.sleep(31)
            probe = outcome(one)
            still = outcome(one)
            one.heal("login_refused")
            one.clock.sleep(31)
            healed = [outcome(one), outcome(one)]
            paths = {entry.path for entry in one.world.journal.entries}

        assert [type(error) for error in errors] == [AccessDenied] * 5 + [BreakerOpen] * 3
        assert "openobserve ingest" in str(errors[5])
        assert (posts, type(probe), type(still), healed) == (5, AccessDenied, BreakerOpen, [4, 4])
        assert [message for _, message, _ in seen if "circuit" in message] == [
            "circuit breaker opened", "circuit breaker half-open", "circuit breaker opened", "circuit breaker half-open",
            "circuit breaker closed"]
        assert paths == {f"/api/default/{SLOW}/_json"}

    def test_refused_batches_leave_the_breaker_closed(self, tmp_path):
        """OO-43."""
        with adapter(tmp_path) as one:
            refused = [outcome(one, batch_of(fields={"_timestamp": NOW_US + 30 * HOUR_US})) for _ in range(8)]

            assert {type(error) for error in refused} == {SinkRejected}
            assert outcome(one) == 4

    def test_a_search_that_is_away_does_not_stop_the_ingest(self, tmp_path):
        """OO-86: two dependencies, two breakers."""
        with adapter(tmp_path) as one:
            one.plant("search_503")
            for _ in range(6):
                with pytest.raises((Unreachable, BreakerOpen)):
                    one.sink.stored("slowquery", "abcdefghijklm", 0, 10)

            assert outcome(one) == 4
            one.plant("login_refused", operation="ingest")
            for _ in range(6):
                outcome(one)
            one.heal("search_503", "login_refused")
            one.clock.sleep(31)
            assert one.sink.stored("slowquery", "abcdefghijklm", 0, 10).keys() == set()
            assert one.sink._guard.breaker.state == "open", "only a batch closes it"

    def test_many_batches_use_few_connections(self, tmp_path):
        """OO-122."""
        with adapter(tmp_path, settings={"max_concurrency": 4}, clock=RealTime()) as one, ThreadPoolExecutor(16) as pool:
            counts = list(pool.map(lambda number: outcome(one, batch_of(batch_id=str(number))), range(200)))

            assert counts == [4] * 200
            assert one.sink._api._connections.opened <= 4
            assert threading.active_count() < 40

    def test_an_overload_halves_the_requests_in_flight(self, tmp_path):
        """OO-19, OO-121."""
        with adapter(tmp_path, settings={"max_concurrency": 8}) as one:
            one.plant("overload", 0.0, nth=1)
            busy = outcome(one)

            assert (type(busy), one.sink._in_flight.allowed) == (SinkBusy, 4)
            one.clock.sleep(1)
            for _ in range(30):
                outcome(one)
            assert one.sink._in_flight.allowed == 8

    def test_overloads_of_requests_that_were_under_way_together_are_one_failure(self, tmp_path):
        """§6.7: a full server answers all of them at once; that alone does not open the breaker."""
        with adapter(tmp_path, settings={"max_concurrency": 8}, clock=RealTime()) as one, ThreadPoolExecutor(8) as pool:
            one.plant("overload")
            one.plant("slow", value=0.3)
            errors = list(pool.map(lambda number: outcome(one, batch_of(batch_id=str(number))), range(8)))

            assert {isinstance(error, SinkBusy) for error in errors} == {True}
            assert (one.sink._guard.breaker.state, one.sink._in_flight.allowed) == ("closed", 4)

    @pytest.mark.slow
    def test_at_the_capacity_of_the_server_there_is_no_storm_of_retries(self, tmp_path):
        """OO-121: 5 workers against 5 MB/s; at least 90 % of it is used, with at most 1.1 requests a batch."""
        batches = [batch_of(300, batch_id=str(number), fields={"body": "x" * 400}) for number in range(5)]
        size_mb = sum(map(len, batches[0].lines)) / 1e6
        seconds = 20.0
        with adapter(tmp_path, settings={"max_concurrency": 5}, clock=RealTime(), capacity_bytes_per_sec=5e6) as one:
            until_sec = time.monotonic() + seconds

            def work(batch):
                shipped = 0
                while time.monotonic() < until_sec:
                    found = outcome(one, batch)
                    if found == 300:
                        shipped += 1
                    else:
                        assert isinstance(found, SinkBusy), found
                        time.sleep(found.retry_after_sec)
                return shipped

            with ThreadPoolExecutor(5) as pool:
                shipped = sum(pool.map(work, batches))
            posts = len(one.posts())

        print(f"{shipped * size_mb / seconds:.2f} MB/s of 5, {posts} requests for {shipped} batches")
        assert shipped * size_mb / seconds >= 0.9 * 5
        assert posts / shipped <= 1.1
