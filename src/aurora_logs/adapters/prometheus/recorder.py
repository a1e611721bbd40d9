"""The catalogue's metrics as Prometheus' collectors, with those of the process beside them."""

import threading
from collections.abc import Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from aurora_logs.metrics import SECONDS, Metric

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
Collector = Counter | Gauge | Histogram


class PrometheusRecorder:
    """Recorder. Called from many threads at once."""

    def __init__(self, catalogue: Sequence[Metric]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._collectors = {metric.name: [self._made(metric, name) for name in (metric.name, metric.twin) if name]
                            for metric in catalogue}
        self._lock = threading.Lock()  # around a renewal: nobody sees half of it
        self._series: dict[str, set[tuple[str, ...]]] = {}

    def record(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Add, set or observe."""
        for collector in self._collectors[metric.name]:
            child = collector.labels(*labels) if labels else collector
            if isinstance(child, Counter):
                child.inc(value)
            elif isinstance(child, Gauge):
                child.set(value)
            else:
                child.observe(value)

    def renew(self, metric: Metric, values: Mapping[tuple[str, ...], float]) -> None:
        """Set all series of a gauge, and end the others."""
        with self._lock:
            for labels in self._series.get(metric.name, set()) - values.keys():
                for collector in self._collectors[metric.name]:
                    collector.remove(*labels)
            for labels, value in values.items():
                self.record(metric, value, labels)
            self._series[metric.name] = set(values)

    def text(self) -> bytes:
        """Return everything in Prometheus' text form."""
        with self._lock:
            return generate_latest(self._registry)

    def _made(self, metric: Metric, name: str) -> Collector:
        made: Collector
        if metric.kind == "counter":
            made = Counter(name, metric.meaning, metric.labels, registry=self._registry)
        elif metric.kind == "gauge":
            made = Gauge(name, metric.meaning, metric.labels, registry=self._registry)
        else:
            made = Histogram(name, metric.meaning, metric.labels, registry=self._registry, buckets=SECONDS)
        for value in metric.known:
            made.labels(value)
        return made
