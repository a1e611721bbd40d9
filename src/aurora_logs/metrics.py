"""The catalogue of metrics: names that operators, alerts and dashboards know (reliability.md §9.1, names-and-runbook.md §2.10).

`telemetry` and what samples the state record here; nothing happens until `configure` names a recorder. Labels are
bounded: never a file, a user, a text. Where dashboards of old know a second name it is exported too, with the same value.
"""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import msgspec

Kind = Literal["counter", "gauge", "histogram"]
SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Recorder(Protocol):
    """What keeps the values until they are asked for. Called from many threads at once."""

    def record(self, metric: "Metric", value: float, labels: tuple[str, ...]) -> None:
        """Add to a counter, set a gauge, observe in a histogram."""

    def renew(self, metric: "Metric", values: Mapping[tuple[str, ...], float]) -> None:
        """Set all series of a gauge at once; those that are not named end."""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric. twin: the same under an older name. known: values of the only label, present from the start with 0."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    twin: str = ""
    known: tuple[str, ...] = ()

    def add(self, value: float = 1, *labels: str) -> None:
        """Count `value` more."""
        _recorder.record(self, value, labels)

    def set(self, value: float, *labels: str) -> None:
        """Set the gauge."""
        _recorder.record(self, value, labels)

    def observe(self, value: float, *labels: str) -> None:
        """Add one observation, in seconds."""
        _recorder.record(self, value, labels)

    def renew(self, values: Mapping[tuple[str, ...], float]) -> None:
        """Set all series of the gauge; a series that is not named ends."""
        _recorder.renew(self, values)


class _Silent:
    def record(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Keep nothing."""

    def renew(self, metric: Metric, values: Mapping[tuple[str, ...], float]) -> None:
        """Keep nothing."""


_recorder: Recorder = _Silent()
CATALOGUE: list[Metric] = []
_samplers: list[Callable[[], None]] = []


def configure(recorder: Recorder) -> None:
    """Record from now on. Called once, before threads start."""
    global _recorder  # noqa: PLW0603  # one place for the whole process
    _recorder = recorder


def sampled(sample: Callable[[], None]) -> None:
    """Call `sample` each time the values are asked for: it sets gauges of what has a value at any time."""
    _samplers.append(sample)


def sample_all() -> None:
    """Bring sampled gauges up to date."""
    for sample in _samplers:
        sample()


def _one(kind: Kind, name: str, meaning: str, *labels: str, twin: str = "", known: tuple[str, ...] = ()) -> Metric:
    metric = Metric(name=name, kind=kind, meaning=meaning, labels=labels, twin=twin, known=known)
    CATALOGUE.append(metric)
    return metric


def _ours(kind: Kind, name: str, meaning: str, *labels: str, known: tuple[str, ...] = ()) -> Metric:
    return _one(kind, f"aurora_logs_{name}", meaning, *labels, known=known)


# names of the contract

LOGS_PROCESSED = _one("counter", "logs_processed_total", "records delivered", "log_type", twin="processor_logs_processed_total")
PROCESSING = _one("histogram", "log_processing_duration_seconds", "one batch, from the end of the one before it to its receipt",
                  twin="processor_processing_duration_seconds")
PROCESSING_ERRORS = _one("counter", "log_processing_errors_total", "visits to a file that ended early, by class of error", "error",
                         twin="processor_errors_total")
CONSUMER_LAG = _one("gauge", "kafka_consumer_lag", "hints that wait, of the partitions that this process reads", "topic", "partition")
CONSUMED = _one("counter", "kafka_messages_consumed_total", "hints taken", "topic", twin="kafka_consumer_records_consumed_total")
RECORDS_WRITTEN = _one("counter", "openobserve_records_written_total", "records confirmed by a strict receipt", "stream")
DISCOVERY = _one("histogram", "discovery_duration_seconds", "one cycle")
DISCOVERY_ERRORS = _one("counter", "discovery_errors_total", "cycles and instances that could not be listed", "error")
CLUSTERS = _one("gauge", "clusters_discovered", "clusters of the instances that are known")

# what lies where: of the instances whose listing this discovery has leased

LISTED = _ours("gauge", "listed_bytes", "bytes of the files that RDS lists now", "instance_id", "log_type")
DELIVERED = _ours("gauge", "delivered_bytes", "bytes of them that are delivered", "instance_id", "log_type")
CONFIRMED = _ours("gauge", "confirmed_bytes", "bytes of them that an audit has proved", "instance_id", "log_type")
BEHIND = _ours("gauge", "behind_bytes", "listed minus delivered bytes, never negative; the number to scale on", "instance_id", "log_type")
FRESHNESS = _ours("gauge", "freshness_seconds", "age of what was delivered last, by the file's last write; grows on an idle instance too",
                  "instance_id", "log_type")
OLDEST = _ours("gauge", "oldest_undelivered_seconds", "since when the oldest undelivered byte has been listed; 0 when none is",
               "instance_id", "log_type")
DELETION = _ours("gauge", "time_to_deletion_seconds", "until RDS deletes the first file that is not delivered; absent when none is",
                 "instance_id")
AT_RISK = _ours("gauge", "at_risk_bytes", "bytes that RDS deletes within six hours before they are delivered, at the speed measured",
                "instance_id")
INSTANCES = _ours("gauge", "instances", "instances, by RDS's own status", "state")
FILES = _ours("gauge", "files", "listed files, by status of the tracking row", "status")
RAW_RATIO = _ours("gauge", "raw_ratio", "share of records that no rule understood", "instance_id", "log_type", "engine_version")
AUDIT_BACKLOG = _ours("gauge", "audit_backlog_files", "files that are delivered and not audited yet")
DEAD_LETTERS = _ours("gauge", "dead_letters", "open dead letters", "reason")
DEAD_LETTER_BYTES = _ours("gauge", "dead_letter_bytes", "bytes of their ranges", "reason")
OLDEST_DEAD_LETTER = _ours("gauge", "oldest_dead_letter_seconds", "age of the oldest open one", "reason")

# the way of a log line

READ = _ours("counter", "read_bytes_total", "bytes fetched; `again`: read a second time for an audit or a replay", "way", "result")
PORTIONS = _ours("counter", "portions_total", "portions and pieces of complete files", "way", "result")
SHIPPED = _ours("counter", "shipped_bytes_total", "bytes of delivered batches, before compression and on the wire", "log_type", "encoding")
GAP = _ours("counter", "gap_bytes_total", "bytes lost and reported", "reason", known=(
    "purged", "instance_deleted", "server_lost", "unreadable", "truncated", "not_served", "in_doubt", "lost_at_sink",
    "discarded_by_operator"))
RAW_RECORDS = _ours("counter", "raw_records_total", "records that no rule understood", "log_type", "engine")
BATCHES = _ours("counter", "batches_total", "answers of the sink to a batch", "outcome", known=(
    "stored", "busy", "refused", "partial", "unknown", "denied"))
SINK_POST = _ours("histogram", "sink_post_seconds", "from a batch's request to its answer")
REFUSED = _ours("counter", "sink_refused_records_total", "records that the sink does not take", "reason")
SETTLES = _ours("counter", "settles_total", "unknown outcomes that were settled", "cause")
SETTLE = _ours("histogram", "settle_seconds", "how long that took")
DUPLICATES = _ours("counter", "duplicates_total", "physical copies found by audits; no view shows them")
AUDITS = _ours("counter", "audits_total", "audits of closed files", "result", known=("passed", "missing", "inconclusive"))
AUDIT_MISSING = _ours("counter", "audit_missing_total", "records that were receipted and are not stored")
CONFLICTS = _ours("counter", "conflicts_total", "refused conditional writes", "write")
STAGE = _ours("histogram", "stage_seconds", "where the time goes", "stage")
INFLIGHT = _ours("gauge", "inflight_bytes", "bytes read and not delivered yet; at most INFLIGHT_MAX_BYTES")
INFLIGHT_FILES = _ours("gauge", "inflight_files", "files that hold them")

RESCUED = _ours("counter", "rescued_records_total", "records parked in RESCUE_DIR while the sink was away", "log_type")
RESCUE_ENABLED = _ours("gauge", "rescue_enabled", "0 where RESCUE_DIR is not set: files deleted in an outage of the sink are lost")
RESCUE_BYTES = _ours("gauge", "rescue_bytes", "bytes that lie in RESCUE_DIR; at most RESCUE_MAX_BYTES")

# other sides

API_CALLS = _ours("counter", "api_calls_total", "RDS calls, downloads included", "op", "result")
API_LIMIT = _ours("gauge", "api_limit_per_second", "calls a second that this process may make now")
STATE_REQUESTS = _ours("counter", "state_requests_total", "requests to the state store", "op", "result")
BREAKER = _ours("gauge", "breaker_state", "0 closed, 1 half-open, 2 open", "dependency")
BREAKER_CHANGES = _ours("counter", "breaker_changes_total", "changes of a breaker's state", "dependency", "to")
RETRIES = _ours("counter", "retries_total", "tries after the first", "dependency")
REBALANCES = _ours("counter", "rebalances_total", "times that Kafka's group gave this process other partitions")

# the process

HEARTBEAT = _ours("gauge", "loop_heartbeat_timestamp_seconds", "when each loop was last seen alive", "loop")
DISK_FREE = _ours("gauge", "disk_free_ratio", "free share of the disk", "volume")
BUILD = _ours("gauge", "build_info", "1, with the version", "version")
REDACTION = _ours("gauge", "redaction_enabled", "0 while REDACTION=off")
