"""The endpoints of real processes: what Prometheus reads, and when probes see a pod as alive and ready."""

import json
import re
import urllib.error
import urllib.request
from collections import Counter

import pytest
from tests.engines.fault_proxy import in_front_of
from tests.engines.services_world import Services
from tests.engines.test_distributed import wait_until
from tools.servers.processes import free_ports

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]


@pytest.fixture
def services(broker, dynamodb, tmp_path):
    made = Services(broker, dynamodb, tmp_path)
    made.write_logs("prod-1", "prod-2", "prod-3")
    yield made
    made.clear_up()


class Pod:
    """A process with ports of its own."""

    def __init__(self, services, service, name, **env):
        self.metrics_port, self.health_port = free_ports(2)
        services.run(service, name, METRICS_PORT=str(self.metrics_port), HEALTH_PORT=str(self.health_port), **env)

    def get(self, port, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def health(self, path):
        return self.get(self.health_port, path)

    def series(self):
        """All values by series."""
        text = self.get(self.metrics_port, "/metrics")[1]
        return {name: float(number) for name, number in re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)}


def total(series, name):
    return sum(number for one, number in series.items() if one.partition("{")[0] == name)


def test_the_metrics_of_both_services_agree_with_what_was_written(services):
    discovery, processor = Pod(services, "discovery", "discovery-a"), Pod(services, "processor", "processor-a")
    wait_until(lambda: len(services.sink.stored()) >= len(services.tokens))
    wait_until(lambda: services.lags() == {"0"})
    wait_until(lambda: total(discovery.series(), "aurora_logs_delivered_bytes") > 0
               and total(discovery.series(), "aurora_logs_behind_bytes") == 0)
    told, work = discovery.series(), processor.series()
    written = len(services.tokens)
    size_bytes = sum(path.stat().st_size for path in services.source.rglob("*") if path.is_file())
    print(f"{written} records, {size_bytes:,} bytes, {len(told)} and {len(work)} series")

    assert services.sink.stored() == Counter(services.tokens)
    assert total(work, "logs_processed_total") == total(work, "processor_logs_processed_total") == written
    assert work['openobserve_records_written_total{stream="aurora_slowquery_logs"}'] == written
    assert total(told, "aurora_logs_listed_bytes") == total(told, "aurora_logs_delivered_bytes") == size_bytes
    assert total(work, "aurora_logs_read_bytes_total") >= size_bytes
    assert total(work, "kafka_messages_consumed_total") >= 3
    assert total(work, "aurora_logs_batches_total") == total(work, "log_processing_duration_seconds_count")
    wait_until(lambda: any(one.startswith("kafka_consumer_lag{") for one in processor.series()))
    assert total(processor.series(), "kafka_consumer_lag") == 0
    assert told["discovery_duration_seconds_count"] > 0
    assert told['aurora_logs_instances{state="available"}'] == 3
    assert work["aurora_logs_inflight_bytes"] == 0
    assert work['aurora_logs_breaker_state{dependency="openobserve ingest"}'] == 0
    assert total(work, "aurora_logs_state_requests_total") > 10
    assert 0 < work["process_resident_memory_bytes"] < 200e6


def test_readiness_follows_state_and_queue_and_liveness_neither_of_them(services, dynamodb):
    """§2.3: not the sink, else its outage takes every pod away."""
    with in_front_of(dynamodb.url) as proxy:
        pod = Pod(services, "processor", "processor-a", AWS_ENDPOINT_URL_DYNAMODB=proxy.url)
        wait_until(lambda: pod.health("/readyz")[0] == 200)
        services.sink.stop()
        assert pod.health("/readyz")[0] == 200
        proxy.always = "ThrottlingException"
        wait_until(lambda: pod.health("/readyz")[0] == 503)
        status, body = pod.health("/ready")
        assert (status, list(json.loads(body)["reasons"])) == (503, ["state store"])
        assert pod.health("/livez")[0] == pod.health("/healthz")[0] == 200
        proxy.always = None
        wait_until(lambda: pod.health("/readyz")[0] == 200)
        services.sink.start()
        services.end("processor-a")


def test_a_pod_without_brokers_is_alive_and_not_ready(services):
    pod = Pod(services, "processor", "processor-a", KAFKA_BROKERS="127.0.0.1:9")
    wait_until(lambda: pod.health("/livez")[0] == 200)
    status, body = pod.health("/readyz")

    assert (status, list(json.loads(body)["reasons"])) == (503, ["queue"])
    services.end("processor-a")
