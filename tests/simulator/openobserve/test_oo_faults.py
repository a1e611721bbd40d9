"""Faults F1 to F15 (sheet 9.3): each leaves its mark in the journal, and does to the rows what its name says."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time

import pytest
import urllib3
from served_openobserve import NOW_US, STREAM, Client, record, records, served

from aurora_logs_simulator.openobserve.catalogue import ALL, BY_NAME

ROWS = records(4)
COUNT = f"SELECT count(*) AS c FROM {STREAM}"
GOOD = (200, 4)


def outcome(one, action):
    """Status of the answer, or how the connection failed."""
    try:
        return action().status
    except (urllib3.exceptions.HTTPError, OSError) as exc:
        return re.search(r"ConnectionReset|RemoteDisconnected|IncompleteRead|ReadTimeout", repr(exc))[0]


def post(one):
    return outcome(one, lambda: one.client.post(ROWS, timeout_sec=2))


def search(one):
    one.client.post(ROWS)
    return outcome(one, lambda: one.client.search(COUNT, NOW_US, NOW_US + 10))


# fault: (value, what is done, how it ends, lines that are stored afterwards); None: not looked at
CHECKED = {
    "close_on_accept": (None, post, "(ConnectionReset|RemoteDisconnected)", 0),
    "reset_mid_request": (None, post, "ConnectionReset", 0), "backlog_full": (0.2, post, 200, 4),
    "keep_alive_closed": (None, post, 200, 4),
    "overload": (None, post, 503, 0), "overload_disk": (None, post, 503, 0), "overload_breaker": (None, post, 503, 0),
    "overload_in_receipt": (None, post, 503, 0), "throttled": (7, post, 429, 0), "throttled_until_date": (7, post, 429, 0),
    "error_500": (None, post, 500, 0), "error_502": (None, post, 502, 0), "error_504": (None, post, 504, 0),
    "error_503_text": (None, post, 503, 0), "error_408": (None, post, 408, 0), "refused_not_ingester": (None, post, 400, 0),
    "refused_quota": (None, post, 400, 0), "login_refused": (None, post, 401, 0), "not_allowed": (None, post, 403, 0),
    "organization_gone": (None, post, 404, 0), "too_large_html": (10, post, 413, 0),
    "encoding_refused": (None, lambda one: outcome(one, lambda: one.client.post(ROWS, encoding="gzip")), 415, 0),
    "redirected": (None, post, 301, 0), "reset_before_store": (None, post, "ConnectionReset", 0),
    "slow": (0.1, post, 200, 4), "slow_body": (0.1, post, 200, 4), "trickle": (0.001, post, 200, 4),
    "hang": (0.2, post, "RemoteDisconnected", 0),
    "store_then_reset": (None, post, "ConnectionReset", 4), "store_then_close": (None, post, "RemoteDisconnected", 4),
    "store_part_then_reset": (0.5, post, "ConnectionReset", 2), "store_late": (0.2, post, "RemoteDisconnected", 0),
    "lies": (None, post, 200, 0), "lies_part": (0.5, post, 200, 2), "counts_nothing": (None, post, 200, 0),
    "counts_failed": (1, post, 200, 3), "pipeline_drops": (1, post, 200, 0),
    "stream_deleted": (None, lambda one: [post(one), post(one)][1], 400, None),
    "column_widened": (None, lambda one: [post(one), post(one)][1], 200, 8), "window_shrinks": (1, post, 200, 4),
    "clock_off": (600, post, 200, 4),
    "answer_cut": (None, post, 200, 4), "answer_shorter_than_said": (None, post, "IncompleteRead", 4),
    "answer_no_json": (None, post, 200, 4), "answer_html": (None, post, 200, 4), "answer_empty": (None, post, 200, 4),
    "answer_huge": (2e6, post, 200, 4), "answer_chunked": (None, post, 200, 4), "answer_other_stream": (None, post, 200, 4),
    "answer_two_entries": (None, post, 200, 4), "answer_no_entry": (None, post, 200, 4), "answer_code_503": (None, post, 200, 4),
    "answer_one_more": (None, post, 200, 4), "answer_text_count": (None, post, 200, 4),
    "answer_float_count": (None, post, 200, 4), "answer_negative_count": (None, post, 200, 4),
    "answer_without_failed": (None, post, 200, 4),
    "tail_lost": (100, post, 200, 2), "keeps_newest": (0.25, post, 200, 1), "killed": (None, post, 200, 0),
    "search_lags": (5, search, 200, 4), "search_partial": (None, search, 200, 4), "search_warns": (None, search, 200, 4),
    "search_shortened": (None, search, 200, 4), "search_408": (None, search, 408, 4), "search_503": (None, search, 503, 4),
    "search_500": (None, search, 500, 4), "search_narrow_empty": (60, search, 200, 4), "search_cut": (0, search, 200, 4),
    "search_denied": (None, search, 403, 4)}
SOCKET = {fault.name for fault in ALL if fault.where == "socket"}


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_each_fault_strikes_does_what_it_says_and_leaves_its_mark(name):
    """OO-125."""
    value, action, ends, stored = CHECKED[name]
    with served() as one:
        one.plant(name, value=value)
        ended = action(one)
        lines = len(one.stored())
        marks = [fault for entry in one.world.journal.entries for fault in entry.faults]

        assert ended == ends if isinstance(ends, int) else re.fullmatch(ends, ended), ended
        assert stored in (None, lines)
        assert one.world.faults.struck[name] >= 1
        assert name in SOCKET or name in marks
        assert one.world.journal.counts["stored"] == (stored if name not in ("tail_lost", "keeps_newest", "killed") else 4) \
            or stored is None


def test_every_fault_is_checked():
    assert set(CHECKED) == set(BY_NAME)


def test_a_fault_may_strike_the_n_th_request_of_one_stream():
    with served() as one:
        one.plant("error_502", 0.0, nth=2, stream="audit")
        statuses = [one.client.post(ROWS, stream).status for stream in ("aurora_audit_logs", STREAM) * 3]

    assert statuses == [200, 200, 502, 200, 200, 200]


def test_the_same_seed_strikes_the_same_requests():
    def statuses():
        with served() as one:
            one.plant("error_500", 0.3)
            return [one.client.post(ROWS).status for _ in range(30)]

    first = statuses()
    assert first == statuses()
    assert 3 < first.count(500) < 20


class TestAnswers:
    @pytest.mark.parametrize(("name", "change"), [
        ("answer_one_more", {"successful": 5}), ("answer_text_count", {"successful": "4"}),
        ("answer_float_count", {"successful": 4.0}), ("answer_negative_count", {"successful": -4}),
        ("answer_other_stream", {"name": "another_stream"}), ("answer_without_failed", {"failed": None}),
        ("counts_failed", {"successful": 3, "failed": 1, "error": "record was dropped"}),
        ("counts_nothing", {"successful": 0}), ("lies", {})])
    def test_a_receipt_is_changed_as_named(self, name, change):
        """F7, F8, F9; OO-02, OO-05, OO-07, OO-10, OO-12."""
        with served() as one:
            one.plant(name)
            entry = one.client.post(ROWS).json()["status"][0]

        expected = {"name": STREAM, "successful": 4, "failed": 0} | change
        assert entry == {key: value for key, value in expected.items() if value is not None}
        assert type(entry.get("successful")) is type(expected["successful"])

    @pytest.mark.parametrize(("name", "header"), [("throttled", "7"), ("throttled_until_date", "Sat, 10 Oct 2026 06:10:07 GMT")])
    def test_retry_after_is_seconds_or_a_date(self, name, header):
        """OO-24."""
        with served() as one:
            one.plant(name, value=7)

            assert one.client.post(ROWS).headers["Retry-After"] == header

    def test_a_redirect_points_elsewhere_and_stores_nothing(self):
        """OO-30."""
        with served() as one:
            one.plant("redirected")
            answer = one.client.post(ROWS)

        assert answer.headers["Location"].endswith("/elsewhere")

    @pytest.mark.parametrize(("name", "part"), [
        ("search_partial", {"is_partial": True, "hits": []}), ("search_shortened", {"new_start_time": NOW_US + 1}),
        ("search_warns", {"function_error": ["results are capped to meet default limit"], "hits": [{"c": 4}]}),
        ("search_narrow_empty", {"hits": [], "is_partial": False}), ("search_lags", {"hits": [{"c": 0}]})])
    def test_a_search_answer_is_changed_as_named(self, name, part):
        """F11; OO-82, OO-84, OO-85."""
        with served() as one:
            one.client.post(ROWS)
            one.plant(name, value={"search_narrow_empty": 60, "search_lags": 5}.get(name))
            value = one.client.search(COUNT, NOW_US, NOW_US + 10).json()
            wide = one.client.search(COUNT).json()["hits"]

        assert {key: value.get(key) for key in part} == part
        assert name != "search_narrow_empty" or wide == [{"c": 4}]


class TestLateAndGone:
    def test_a_late_request_is_applied_once_its_time_has_come(self):
        """F6, OO-17."""
        with served() as one:
            one.plant("store_late", value=0.3)
            assert post(one) == "RemoteDisconnected"
            one.world.faults.remove("store_late")
            before = one.client.count() if one.stored() else 0
            one.advance(1)

            assert (before, one.client.count()) == (0, 4)
            assert one.world.journal.counts["stored"] == 4

    def test_a_client_that_gives_up_ends_the_silence(self):
        with served() as one:
            one.plant("hang", value=600)
            started = time.monotonic()
            assert outcome(one, lambda: one.client.post(ROWS, timeout_sec=0.2)) == "ReadTimeout"
            one.client.pool.clear()

            assert time.monotonic() - started < 5

    def test_without_fsync_a_kill_takes_the_buffer_of_the_log(self):
        """§1.1: 800 records in 40 batches, the last part of them lost; one batch of 5: lost."""
        with served() as one:
            one.client.post(records(5))
            assert one.kill() == 5
            for number in range(40):
                one.client.post([record(number * 20 + n, body=os.urandom(100).hex()) for n in range(20)], encoding="gzip")
            lost = one.kill()
            left = one.client.count()

        assert 0 < lost < 300
        assert left == 800 - lost

    @pytest.mark.parametrize("setup", [{"fsync": True}, {"profile": "0.14"}], ids=str)
    def test_with_fsync_and_before_015_a_kill_takes_nothing(self, setup):
        """§1.1, 9.1."""
        with served(**setup) as one:
            one.client.post(records(5))

            assert one.kill() == 0
            assert one.client.count() == 5

    def test_connections_end_with_the_kill_and_the_server_is_there_again(self):
        """OO-120."""
        with served() as one:
            one.client.post(ROWS)
            one.kill()

            assert one.client.post(ROWS).status == 200
            assert one.world.restarts == 1


@pytest.fixture
def process(tmp_path):
    """Start the command; gives a function that starts it again on the same folder."""
    running = []

    def start(*options):
        command = [sys.executable, "-m", "aurora_logs_simulator", "openobserve", "--dir", str(tmp_path / "data"), *options]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(child)
        ready = json.loads(child.stdout.readline())
        client = Client(ready["endpoint"], (ready["user"], ready["password"]))
        return child, client, ready

    yield start
    for child in running:
        child.kill()
        child.wait()
        child.stdout.close()


def now_records(count):
    now_us = time.time_ns() // 1000
    return [record(number, _timestamp=now_us) for number in range(count)]


class TestProcess:
    @pytest.mark.parametrize(("options", "number", "left"), [((), signal.SIGKILL, 0), (("--fsync",), signal.SIGKILL, 5),
                                                             ((), signal.SIGTERM, 5)])
    def test_a_kill_loses_what_was_not_synced_and_a_good_end_does_not(self, process, options, number, left):
        """OO-94, OO-130, F15."""
        child, client, _ = process(*options)
        client.post(now_records(5))
        client.pool.clear()
        child.send_signal(number)
        child.wait(10)
        _, client, ready = process()
        count = client.search(COUNT, 0, 2**62).json()["hits"][0]["c"]
        client.pool.clear()

        assert (count, ready["lost_at_start"]) == (left, 5 - left)

    def test_the_control_surface_shows_and_steers(self, process):
        _, client, _ = process("--fault", "error_502=0")
        client.post(now_records(5) * 2)
        control = client.endpoint + "/_simulator/"
        doubles = client.ask("GET", "/_simulator/streams?doubles=1").json()[f"default/{STREAM}"]
        lines = client.ask("GET", f"/_simulator/lines?stream={STREAM}").json()
        client.ask("POST", "/_simulator/faults", {"fault": "overload", "nth": 1})
        status = client.post(now_records(1)).status
        struck = client.ask("GET", "/_simulator/faults").json()["struck"]
        counts = client.ask("GET", "/_simulator/counts").json()
        journal = client.ask("GET", "/_simulator/journal?after=1").json()
        bad = [client.ask("POST", "/_simulator/faults", {"fault": "nothing"}).status,
               client.ask("POST", "/_simulator/advance", {"sec": 1}).status, client.ask("GET", "/_simulator/nothing").status]
        account = client.ask("POST", "/_simulator/account", {"email": "s@x", "is_service": True, "may_search": False}).json()
        token = Client(client.endpoint, ("s@x", account["password"]))
        rights = token.post(now_records(1)).status, token.search("SELECT 1").status
        client.ask("POST", "/_simulator/shutdown")
        client.pool.clear()
        token.pool.clear()

        assert control.startswith("http://127.0.0.1:")
        assert (doubles["lines"], doubles["doubles"], len(lines)) == (10, 5, 10)
        assert (status, struck, counts["restarts"]) == (503, {"overload": 1}, 0)
        assert [entry["faults"] for entry in journal] == [["overload"]]
        assert (bad, rights) == ([400, 400, 404], (200, 403))

    def test_a_mistake_on_the_command_line_is_told_in_a_line(self):
        answer = subprocess.run([sys.executable, "-m", "aurora_logs_simulator", "openobserve", "--fault", "nothing"],
                                capture_output=True, text=True, check=False)

        assert answer.returncode == 2
        assert answer.stderr.startswith("simulator: unknown fault 'nothing'")

    def test_it_is_ready_at_once(self, process):
        """9: start below 0.3 s, of which Python's own start and imports are the most; told, not asserted tightly."""
        started = time.monotonic()
        process()
        took_sec = time.monotonic() - started
        print(f"ready after {took_sec:.2f} s")

        assert took_sec < 5


def test_an_idle_connection_waits_for_the_next_request():
    with served() as one:
        one.client.post(ROWS)
        pool = one.client.pool.connection_from_url(one.server.endpoint)
        connection = pool._get_conn()

        assert select.select([connection.sock], [], [], 0.05)[0] == []
        pool._put_conn(connection)
