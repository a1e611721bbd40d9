"""The stand-in keeps up with a fast sender, and its memory does not grow with what it stores."""

import gzip
import json
import resource
import time

import pytest
from served_openobserve import NOW_US, STREAM, served

from aurora_logs_simulator.signing import Request

RECORD = {
    "log_type": "slowquery", "instance_id": "shop-1", "cluster_id": "shop", "log_file_name": "slowquery/mysql-slowquery.log",
    "log_segment": "2026-11-22.10", "log_file_offset": 123456, "log_record_bytes": 247, "event_name": "slow_query",
    "severity_number": 9, "parse_status": "ok", "ts_quality": "exact", "engine": "aurora-mysql", "db_system_name": "mysql",
    "cloud_region": "eu-central-1", "cloud_account_id": "123456789012", "db_query_fingerprint": "baf1e741847aa439",
    "db_query_summary": "SELECT orders", "db_operation_name": "SELECT", "db_namespace": "shop", "db_response_returned_rows": 10,
    "db_rows_examined": 3145718, "duration_sec": 2.475469, "lock_time_sec": 0.000287, "start_time": 1795342315335765,
    "user_name": "app", "client_address": "10.0.0.1", "thread_id": 14}
BATCHES, RECORDS = 200, 1000


def body_of(batch):
    rows = [{"_timestamp": NOW_US + number, "record_id": f"jvpbx4xuyn3en-{batch * RECORDS + number:010x}-c0a7b715", **RECORD,
             "db_query_text": f"SELECT id FROM orders WHERE customer_id = {number * 7919 % 100_003}"} for number in range(RECORDS)]
    return json.dumps(rows, separators=(",", ":")).encode()


@pytest.mark.slow
def test_it_takes_forty_megabytes_a_second_on_one_core_and_stays_small(tmp_path):
    """Records as the product sends them, gzip'd; CPU seconds count, so that neighbours on the machine do not."""
    with served(folder=tmp_path) as one:
        headers = {name.lower(): value for name, value in one.client.headers.items()} | {"content-encoding": "gzip"}
        bodies = [body_of(batch) for batch in range(4)]
        requests = [Request(method="POST", path=f"/api/default/{STREAM}/_json", query="", headers=headers, body=gzip.compress(body, 1))
                    for body in bodies]
        one.server.service.answer(requests[0])
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        for batch in range(BATCHES):
            assert b'"successful":1000' in one.server.service.answer(requests[batch % 4]).body
        cpu_sec = time.process_time() - began
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
        stored_mb = sum(map(len, bodies)) * BATCHES / 4 / 1e6
        print(f"{stored_mb:.0f} MB at {stored_mb / cpu_sec:.0f} MB/s, memory + {grown_mb:.0f} MB")

        assert stored_mb / cpu_sec >= 40
        assert grown_mb < 60
        assert one.world.streams()[STREAM].rows.count == (BATCHES + 1) * RECORDS
