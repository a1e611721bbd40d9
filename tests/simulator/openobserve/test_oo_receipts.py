"""The response matrix of `_json`, `_multi` and `_bulk` (sheet 4.1, 4.3), seen by a plain HTTP client."""

import gzip
import json
import zlib

import pytest
import urllib3
from served_openobserve import NOW_US, STREAM, fault, record, records, served

from aurora_logs_simulator.clock import HOUR_US

OLD = record(7, _timestamp=NOW_US - 6 * HOUR_US)


class TestReceipts:
    def test_good_records_are_counted_and_stored_as_they_came(self):
        """OO-01: `error` is absent."""
        with served() as one:
            answer = one.client.post(records(3))

            assert answer.receipt() == (STREAM, 3, 0, None)
            assert answer.data == b'{"code":200,"status":[{"name":"aurora_slowquery_logs","successful":3,"failed":0}]}'
            assert one.stored() == records(3)

    def test_a_batch_sent_twice_is_there_twice(self):
        """Fact 7: no deduplication."""
        with served() as one:
            one.client.post(records(3))
            one.client.post(records(3))

            assert one.stored() == records(3) * 2
            assert one.client.hits(f"SELECT count(*) AS c, count(DISTINCT record_id) AS d FROM {STREAM}") == [{"c": 6, "d": 3}]

    def test_one_object_is_a_batch_of_one(self):
        with served() as one:
            assert one.client.post(record()).receipt() == (STREAM, 1, 0, None)

    def test_a_record_too_old_is_counted_with_the_hours_in_the_text(self):
        """OO-03, OO-14."""
        with served() as one:
            name, successful, failed, error = one.client.post([record(), OLD]).receipt()

            assert (name, successful, failed) == (STREAM, 1, 1)
            assert error.startswith("Too old data, only last 5 hours data can be ingested. Data discarded.")
            assert one.client.post([OLD] * 4).receipt()[1:3] == (0, 4)
            assert [row["n"] for row in one.stored()] == [0]

    def test_the_last_text_alone_is_told(self):
        with served() as one:
            rows = [record(1, _timestamp="yesterday"), record(2, _timestamp=NOW_US + 25 * HOUR_US)]

            assert one.client.post(rows).receipt()[3].startswith("Too far data, only future 24 hours")
            assert one.client.post(rows[::-1]).receipt()[3] == "Can't parse timestamp"

    @pytest.mark.parametrize(("kind", "body", "status", "text"), [
        ("_json", b'[{"a":1},', 400, "SerdeJsonError#"), ("_json", b"", 400, "SerdeJsonError#"),
        ("_json", b"[]", 200, '"successful":0,"failed":0'), ("_multi", b"", 200, '"successful":0,"failed":0'),
        ("_multi", b'{"a":1}\nnonsense\n', 400, "Error# Failed processing: JsonError("),
        ("_json", b'[{"a":1},5]', 400, "flatten value must be an object"),
        ("_multi", b'{"a":1}\n[1]\n', 400, "flatten value must be an object"),
        ("_json", b'[{"a":"\\ud800"}]', 400, "SerdeJsonError#"), ("_json", b'[{"a":"\xff"}]', 400, "SerdeJsonError#"),
    ])
    def test_what_is_no_batch_is_refused_as_a_whole(self, kind, body, status, text):
        """OO-44, and the rows of §1.1 for empty bodies."""
        with served() as one:
            answer = one.client.post(body, kind=kind)

            assert (answer.status, text in answer.data.decode()) == (status, True), answer.data
            assert one.stored() == []

    def test_lines_are_taken_and_blank_ones_skipped(self):
        with served() as one:
            body = b"\n".join(json.dumps(row).encode() for row in records(3)) + b"\n\n"

            assert one.client.post(body, kind="_multi").receipt() == (STREAM, 3, 0, None)
            assert one.stored() == records(3)

    def test_from_092_on_a_bad_element_is_counted_and_the_others_are_stored(self):
        """OO-45."""
        with served(profile="0.92") as one:
            assert one.client.post([record(1), 5, record(2)]).receipt() == (STREAM, 2, 1, "flatten value must be an object")
            assert [row["n"] for row in one.stored()] == [1, 2]

    def test_the_stream_s_name_is_formatted_in_the_answer(self):
        """OO-08."""
        with served() as one:
            assert one.client.post(records(1), "Aurora-Logs").receipt()[0] == "aurora_logs"
            assert one.stored("aurora_logs") == records(1)

    def test_an_id_that_is_no_text_ends_the_connection_and_leaves_its_column(self):
        """OO-136, §1.1."""
        with served() as one:
            with pytest.raises(urllib3.exceptions.ProtocolError):
                one.client.post([record(_id=7)])

            assert one.stored() == []
            assert one.client.columns()["_id"] == "Int64"

    def test_a_deleted_stream_refuses_for_seconds_and_is_new_then(self):
        """OO-23, §1.1."""
        with served() as one:
            one.client.post(records(1))
            assert one.client.api("DELETE", f"streams/{STREAM}?type=logs").status == 200
            refused = one.client.post(records(1))
            one.advance(6)

            assert (refused.status, refused.json()["message"]) == (400, f"stream [{STREAM}] is being deleted")
            assert one.client.post(records(2)).receipt()[1] == 2
            assert len(one.stored()) == 2


class TestOverload:
    @pytest.mark.parametrize(("profile", "status"), [("0.14", 400), ("0.15", 503), ("0.92", 503)])
    def test_overload_has_the_status_of_the_version(self, profile, status):
        """OO-19, OO-22."""
        with served(fault("overload", nth=1), profile=profile) as one:
            answer = one.client.post(records(1))

            assert (answer.status, answer.json()) == (status, {"code": status, "message": "Error# MemoryTableOverflowError"})
            assert one.stored() == []
            assert one.client.post(records(1)).status == 200

    def test_other_breakers_are_503(self):
        """OO-20."""
        with served(fault("overload_disk", nth=1), fault("overload_breaker", nth=1), profile="0.92") as one:
            texts = [one.client.post(records(1)).json()["message"] for _ in range(2)]

        assert texts == ["Error# DiskCircuitBreakerError", "Error# MemoryCircuitBreakerError"]

    def test_beyond_its_capacity_the_server_is_overloaded(self):
        """9.2.11: a bucket of bytes, in debt after a batch larger than what was left."""
        with served(capacity_bytes_per_sec=1000.0) as one:
            statuses = [one.client.post([record(n, body="x" * 3000)]).status for n in range(3)]

        assert statuses == [200, 503, 503]


class TestEncodings:
    def test_gzip_and_deflate_are_read(self):
        """OO-35."""
        with served() as one:
            one.client.post(records(2), encoding="gzip")
            one.client.post(zlib.compress(json.dumps(records(2)).encode()), encoding="deflate")

            assert one.stored() == records(2) * 2

    @pytest.mark.parametrize(("profile", "status"), [("0.14", 200), ("0.15", 200), ("0.92", 415)])
    def test_an_unknown_encoding_is_ignored_before_092(self, profile, status):
        """OO-34."""
        with served(profile=profile) as one:
            assert one.client.post(records(1), encoding="lzma").status == status
            assert len(one.stored()) == (1 if status == 200 else 0)

    def test_a_broken_gzip_body_is_400_as_text(self):
        with served() as one:
            body = gzip.compress(json.dumps(records(9)).encode())[:-9]
            answer = one.client.post(body, headers={"Content-Encoding": "gzip"})

            assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (400, "text/plain")
            assert answer.data.startswith(b"payload reached EOF before completing: ")

    @pytest.mark.parametrize("encoding", [None, "gzip"])
    @pytest.mark.parametrize(("profile", "text"), [("0.15", b"payload reached size limit"), ("0.92", b"length limit exceeded")])
    def test_a_body_over_the_limit_is_413_plain_or_only_once_decoded(self, encoding, profile, text):
        """OO-31."""
        with served(payload_limit_bytes=2000, profile=profile) as one:
            answer = one.client.post([record(body="x" * 3000)], encoding=encoding)

            assert (answer.status, answer.data) == (413, text)
            assert one.client.post([record(body="x" * 1000)], encoding=encoding).status == 200


class TestBulk:
    def test_each_record_has_its_own_status_failures_first(self):
        """4.3, §1.1."""
        lines = [{"index": {"_index": STREAM, "_id": "good"}}, record(1), {"create": {"_index": STREAM, "_id": "old"}}, OLD]
        with served() as one:
            answer = one.client.ask("POST", "/api/default/_bulk", b"\n".join(json.dumps(line).encode() for line in lines))
            value = answer.json()
            stored = one.stored()

        assert (answer.status, value["errors"]) == (200, True)
        assert [(item["index"]["_id"], item["index"]["status"]) for item in value["items"]] == [("old", 422), ("good", 200)]
        assert value["items"][0]["index"]["error"]["type"] == "timestamp_parsing_failed"
        assert value["items"][0]["index"]["originalRecord"]["n"] == 7
        assert [row["_id"] for row in stored] == ["good"], "the id becomes a stored column"

    def test_one_bad_line_refuses_all(self):
        with served() as one:
            body = b'{"index":{"_index":"s"}}\n{"a":1}\n{"index":{"_index":"s"}}\nnonsense\n'

            assert one.client.ask("POST", "/api/default/_bulk", body).status == 400
            assert one.stored("s") == []


class TestHealthAndPaths:
    def test_health_and_version_need_no_login(self):
        with served() as one:
            one.client.headers = {}
            health, head = one.client.ask("GET", "/healthz"), one.client.ask("HEAD", "/healthz")
            version = one.client.ask("GET", "/config").json()["version"]

        assert (health.status, health.json(), head.status, head.data) == (200, {"status": "ok"}, 200, b"")
        assert version == "v0.15.3"

    @pytest.mark.parametrize("path", ["/api/default/ingest/logs/_json", "/api/default/nothing", "/elsewhere"])
    def test_other_paths_are_404_with_an_empty_body(self, path):
        """§1.1; 3.1: `ingest/logs/_json` is a label in the code, no route."""
        with served() as one:
            answer = one.client.ask("POST", path, b"[]")

        assert (answer.status, answer.data) == (404, b"")

    def test_a_base_path_stands_before_every_path(self):
        """OO-40."""
        with served(base_uri="/o2") as one:
            assert one.client.ask("POST", f"/o2/api/default/{STREAM}/_json", records(1)).status == 200
            assert one.client.post(records(1)).status == 404
