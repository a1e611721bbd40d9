"""The catalogue of metrics as Prometheus reads it, and the signs of life behind /livez and /readyz."""

import re
import threading
import urllib.error
import urllib.request

import pytest
from tests.contracts.samples import a_tracked

from aurora_logs import metrics, telemetry
from aurora_logs.adapters.prometheus.recorder import PrometheusRecorder
from aurora_logs.errors import Unreachable
from aurora_logs.records.fleet import LogFile
from aurora_logs.records.flow import Batch, Segment
from aurora_logs.services import endpoints
from aurora_logs.settings import Settings
from aurora_logs.signs import SILENT_SEC, Pulse, Readiness

CONTRACT = [  # names-and-runbook.md §2.10: dashboards and alerts of old know them
    "logs_processed_total", "processor_logs_processed_total", "log_processing_duration_seconds",
    "processor_processing_duration_seconds", "log_processing_errors_total", "processor_errors_total", "kafka_consumer_lag",
    "kafka_messages_consumed_total", "kafka_consumer_records_consumed_total", "openobserve_records_written_total",
    "discovery_duration_seconds", "discovery_errors_total", "clusters_discovered"]


@pytest.fixture
def recorder(monkeypatch):
    made = PrometheusRecorder(metrics.CATALOGUE)
    monkeypatch.setattr(metrics, "_recorder", made)
    return made


def value(recorder, series):
    found = re.search(rf"^{re.escape(series)} (\S+)$", recorder.text().decode(), re.MULTILINE)
    return float(found[1]) if found else None


@pytest.mark.parametrize("name", CONTRACT)
def test_every_promised_name_is_there_from_the_start(recorder, name):
    assert f"# HELP {name} " in recorder.text().decode()


def test_names_are_those_of_the_catalogue_and_each_stands_there_once():
    names = [metric.name for metric in metrics.CATALOGUE]
    assert len(names) == len(set(names))
    assert all(metric.name.endswith("_total") == (metric.kind == "counter") for metric in metrics.CATALOGUE)
    assert all(metric.name in CONTRACT or metric.name.startswith("aurora_logs_") for metric in metrics.CATALOGUE)


def test_labels_are_bounded():
    """§9.1: never a file, a user, a fingerprint, a text."""
    known = {"log_type", "error", "topic", "partition", "stream", "instance_id", "state", "status", "engine_version", "reason", "way",
             "result", "encoding", "engine", "outcome", "cause", "write", "stage", "op", "dependency", "to", "loop", "volume", "version"}
    assert {label for metric in metrics.CATALOGUE for label in metric.labels} <= known


def test_an_older_name_has_the_same_value(recorder):
    batch = Batch(batch_id="b", log_type="error", file_key="k", segment=Segment(
        segment_id="s", log_file_name="f", ordinal=None, size_bytes=1, last_written_ms=1, closed=True), from_offset=0, to_offset=1,
        lines=[b"{}"] * 7, ids=[b"x"] * 7, ids_hash="", context=b"", raw_records=2)
    file = LogFile(instance_id="i", resource_id="r", cluster_id="", engine="mysql", log_type="error", log_file_name="f")
    telemetry.batch_shipped(batch, file, took_sec=0.3, since_sec=0.4)

    assert value(recorder, 'logs_processed_total{log_type="error"}') == 7
    assert value(recorder, 'processor_logs_processed_total{log_type="error"}') == 7
    assert value(recorder, "processor_processing_duration_seconds_count") == 1
    assert value(recorder, 'aurora_logs_raw_records_total{engine="mysql",log_type="error"}') == 2


def test_losses_and_answers_are_series_before_the_first_of_them(recorder):
    """An alert on their increase must see the first one."""
    assert value(recorder, 'aurora_logs_gap_bytes_total{reason="purged"}') == 0
    assert value(recorder, 'aurora_logs_batches_total{outcome="unknown"}') == 0


def test_a_series_that_is_not_named_any_more_ends(recorder):
    """The instance's lease moved to another replica."""
    metrics.BEHIND.renew({("shop-1", "error"): 5.0, ("shop-2", "error"): 6.0})
    metrics.BEHIND.renew({("shop-2", "error"): 7.0})

    assert value(recorder, 'aurora_logs_behind_bytes{instance_id="shop-1",log_type="error"}') is None
    assert value(recorder, 'aurora_logs_behind_bytes{instance_id="shop-2",log_type="error"}') == 7


def test_a_breaker_shows_its_state_and_each_change(recorder):
    telemetry.breaker_ready("openobserve ingest")
    telemetry.breaker_changed("openobserve ingest", "opened", 5)
    telemetry.breaker_changed("openobserve ingest", "half-open", 5)

    assert value(recorder, 'aurora_logs_breaker_state{dependency="openobserve ingest"}') == 1
    assert value(recorder, 'aurora_logs_breaker_changes_total{dependency="openobserve ingest",to="opened"}') == 1


def test_nothing_is_kept_before_a_recorder_is_named():
    metrics.LOGS_PROCESSED.add(5, "error")
    assert value(PrometheusRecorder(metrics.CATALOGUE), 'logs_processed_total{log_type="error"}') is None


class Clock:
    def __init__(self, monkeypatch):
        self.now_sec = 1_000.0
        monkeypatch.setattr("aurora_logs.signs.time.monotonic", lambda: self.now_sec)


def test_a_loop_is_silent_when_it_says_nothing_for_longer_than_any_call_takes(monkeypatch):
    clock, pulse = Clock(monkeypatch), Pulse()
    pulse.beat()
    clock.now_sec += SILENT_SEC
    assert pulse.silent() == []
    clock.now_sec += 1
    assert pulse.silent() == [threading.current_thread().name]
    pulse.beat(idle_sec=300)
    clock.now_sec += SILENT_SEC + 299
    assert pulse.silent() == [], "it sleeps on purpose"
    pulse.ended()
    clock.now_sec += 10_000
    assert pulse.silent() == []


def test_dependencies_are_asked_at_most_every_five_seconds(monkeypatch):
    clock, asked = Clock(monkeypatch), []

    def away():
        asked.append(1)
        raise Unreachable("no")

    ready = Readiness({"queue": away}, lambda: False)
    assert set(ready.missing()) == set(ready.missing()) == {"queue"}
    clock.now_sec += 5
    ready.missing()
    assert len(asked) == 2
    assert set(Readiness({}, lambda: True).missing()) == {"service"}


class TestEndpoints:
    def get(self, port, path, method="GET"):
        try:
            with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method), timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    @pytest.fixture
    def ports(self):
        from tools.servers.processes import free_ports

        return free_ports(2)

    def serving(self, ports, recorder, *, pulse=None, ready=None):
        settings = Settings(data_dir="", metrics_port=ports[0], health_port=ports[1])
        return endpoints.serving(settings, pulse or Pulse(), ready or Readiness({}, lambda: False),
                                 lambda: (200, "text/plain", recorder.text()))

    def test_every_spelling_answers_on_loopback(self, ports, recorder):
        """§2.3: both spellings were promised to operators."""
        with self.serving(ports, recorder):
            for path in ("/livez", "/healthz", "/health", "/readyz", "/ready"):
                assert self.get(ports[1], path) == (200, b'{"status": "ok"}')
                assert self.get(ports[1], path, "HEAD") == (200, b"")
            status, body = self.get(ports[0], "/metrics")
            assert status == 200
            assert b"process_resident_memory_bytes" in body
            assert self.get(ports[0], "/livez")[0] == self.get(ports[1], "/debug")[0] == 404

    def test_a_missing_dependency_is_named_and_takes_readiness_alone(self, ports, recorder):
        def away():
            raise Unreachable("Kafka does not answer")

        with self.serving(ports, recorder, ready=Readiness({"queue": away}, lambda: False)):
            status, body = self.get(ports[1], "/readyz")
            assert (status, b"Kafka does not answer" in body) == (503, True)
            assert self.get(ports[1], "/livez")[0] == 200

    def test_a_port_that_is_taken_is_told_and_the_work_goes_on(self, ports, recorder, monkeypatch):
        told = []
        monkeypatch.setattr(telemetry, "_emit", lambda level, message, fields: told.append((level, message, fields["setting"])))
        with self.serving(ports, recorder), self.serving(ports, recorder):
            assert self.get(ports[0], "/metrics")[0] == 200
        assert told == [("WARN", "Endpoint not served", "METRICS_PORT"), ("WARN", "Endpoint not served", "HEALTH_PORT")]


def test_a_census_counts_what_is_listed_delivered_and_left(recorder):
    from aurora_logs.records.fleet import Instance, TrackedInstance
    from aurora_logs.services.census import _files

    one = TrackedInstance(instance=Instance(instance_id="shop-1", resource_id="r", engine="aurora-mysql", engine_version="8"),
                          at_risk_bytes=7)
    rows = [a_tracked("error/a.log", log_type="error", status="completed", file_size=100, delivered_bytes=100, records=4, raw_records=1,
                      last_written=900_000, updated_at=950),
            a_tracked("error/b.log", log_type="error", status="discovered", file_size=80, delivered_bytes=30, last_written=990_000,
                      updated_at=940)]
    _files([one], {"shop-1": rows}, [], 1_000.0)

    labels = '{instance_id="shop-1",log_type="error"}'
    assert [value(recorder, f"aurora_logs_{name}{labels}") for name in (
        "listed_bytes", "delivered_bytes", "confirmed_bytes", "behind_bytes", "oldest_undelivered_seconds", "freshness_seconds")] == [
            180, 130, 0, 50, 10, 60]
    assert value(recorder, "aurora_logs_audit_backlog_files") == 1
    assert value(recorder, 'aurora_logs_time_to_deletion_seconds{instance_id="shop-1"}') > 0
    assert value(recorder, 'aurora_logs_at_risk_bytes{instance_id="shop-1"}') == 7
    assert value(recorder, 'aurora_logs_raw_ratio{engine_version="8",instance_id="shop-1",log_type="error"}') == 0.25
