"""What the work costs: memory at full concurrency, and requests to the state store a batch and a visit."""

import time
from collections import Counter

import pytest
from tests.engines.fault_proxy import in_front_of
from tests.engines.services_world import Services
from tests.engines.test_distributed import START_US, wait_until
from tests.engines.test_endpoints import Pod, total

from aurora_logs_simulator.workload import writer

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
FILES, ENTRIES = 8, 6_000
MEMORY_MAX_BYTES = 128 << 20
WRITES = ("UpdateItem", "PutItem", "DeleteItem")


@pytest.fixture
def services(broker, dynamodb, tmp_path):
    made = Services(broker, dynamodb, tmp_path)
    yield made
    made.clear_up()


def write_large_logs(services):
    """One closed file of several MB an instance."""
    size_bytes = 0
    for number in range(FILES):
        name = "slowquery/mysql-slowquery.log.2026-11-22.10"
        path = services.source / f"prod-{number}" / name
        path.parent.mkdir(parents=True)
        made = writer("slowquery", "mysql", f"prod-{number}/{name}")
        entries = [made.entry(START_US + second * 100_000) for second in range(ENTRIES)]
        content = made.file_header(START_US) + b"".join(one.content for one in entries)
        path.write_bytes(content)
        services.tokens |= {one.token for one in entries}
        size_bytes += len(content)
    return size_bytes


def test_five_files_at_once_stay_within_the_memory_and_the_state_writes(services, dynamodb):
    """At most 128 MiB resident; one state write a batch and one a portion, and a few a file."""
    size_bytes = write_large_logs(services)
    services.env |= {"BATCH_SIZE": "1000", "DISCOVERY_INTERVAL_SEC": "30", "LEASE_SEC": "60", "SKEW_SEC": "5"}
    services.env |= {"POST_TIMEOUT_SEC": "20", "SETTLE_SEC": "30"}
    with in_front_of(dynamodb.url) as proxy:
        services.run("discovery", "discovery-a")
        pod = Pod(services, "processor", "processor-a", AWS_ENDPOINT_URL_DYNAMODB=proxy.url, MAX_CONCURRENCY="5")
        wait_until(lambda: pod.health("/readyz")[0] == 200)
        idle_bytes = pod.series()["process_resident_memory_bytes"]
        began_sec, most_bytes = time.monotonic(), 0.0
        while len(services.sink.stored()) < len(services.tokens):
            series = pod.series()
            most_bytes = max(most_bytes, series.get("process_resident_memory_bytes", 0.0))
            assert time.monotonic() - began_sec < 180, "it does not end"
            assert series.get("aurora_logs_inflight_bytes", 0.0) <= 33_554_432
        wait_until(lambda: services.lags() == {"0"})
        series, seen = pod.series(), Counter(one.operation for one in proxy.seen)
        took_sec, cpu_sec = time.monotonic() - began_sec, series["process_cpu_seconds_total"]
        services.end("processor-a")
    batches, portions = total(series, "aurora_logs_batches_total"), total(series, "aurora_logs_portions_total")
    writes = sum(seen[one] for one in WRITES)
    print(f"{size_bytes / 1e6:.1f} MB, {len(services.tokens):,} records, {batches:.0f} batches of {portions:.0f} portions in {took_sec:.0f} s, {cpu_sec:.1f} s CPU: "
          f"{idle_bytes / (1 << 20):.0f} MiB at rest, {most_bytes / (1 << 20):.0f} at most; {writes} state writes, {dict(seen)}")

    assert services.sink.stored() == Counter(services.tokens)
    assert 0 < most_bytes <= MEMORY_MAX_BYTES
    assert writes <= batches + portions + 7 * FILES, "a portion's first batch is intended by a write of its own"
