"""The catalogue of everything the product reports: one function = one log line, and what it adds to the metrics (metrics.py).

No other module touches a logger.

Silent until `configure` is called (commands and tests that need no log lines pay nothing). Lines are one JSON object:
time, level, msg, then fields; never text of a database's log, never a secret.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from aurora_logs import metrics

if TYPE_CHECKING:
    from aurora_logs.records.fleet import LogFile
    from aurora_logs.records.flow import Batch, Checkpoint, DeadLetter, Gap

Emit = Callable[[str, str, dict[str, object]], None]
LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")


def _silent(_level: str, _message: str, _fields: dict[str, object]) -> None:
    """Report nothing."""


_emit: Emit = _silent


def configure(emit: Emit) -> None:
    """Send every event to `emit(level, message, fields)`. Called once, by the command that runs a service."""
    global _emit  # noqa: PLW0603  # one place for the whole process, set before threads start
    _emit = emit


def json_lines(level: str) -> Emit:
    """Return an emitter that writes JSON lines of at least `level` to standard error (structlog)."""
    import sys  # noqa: PLC0415

    import structlog  # noqa: PLC0415  # 0.24 s: only services pay it

    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
                    structlog.processors.EventRenamer("msg"), structlog.processors.JSONRenderer()])
    least = LEVELS.index(level)

    def emit(line_level: str, message: str, fields: dict[str, object]) -> None:
        if LEVELS.index(line_level) >= least:
            logger.msg(message, level=line_level, **fields)

    return emit


def _file(row: "Checkpoint") -> dict[str, object]:
    return {"instance_id": row.instance_id, "log_file_name": row.log_file_name}


# discovery

def instance_listed(instance_id: str, files: int, hints: int) -> None:
    """One instance was listed; `hints` files need work. Once an instance and cycle."""
    _emit("DEBUG", "Instance listed", {"instance_id": instance_id, "files": files, "hints": hints})


def instance_held(instance_id: str, error: Exception) -> None:
    """An instance could not be listed or read; the others go on. Once a cycle."""
    metrics.DISCOVERY_ERRORS.add(1, type(error).__name__)
    _emit("WARN", "Instance held", {"instance_id": instance_id, "error": str(error), "hint": getattr(error, "hint", "")})


def loss_forecast(instance_id: str, log_file_name: str, lost_bytes: int, delete_ms: int) -> None:
    """At the present speed RDS deletes so many bytes of a file, at `delete_ms`, before they are delivered. Once a file."""
    _emit("WARN", "Loss forecast", {"instance_id": instance_id, "log_file_name": log_file_name, "lost_bytes": lost_bytes,
                                    "delete_ms": delete_ms, "hint": "raise RDS_API_RATE_LIMIT, or add processors"})


def role_changed(instance_id: str, role: str) -> None:
    """A cluster's member has another role than at the last look: `writer` or `reader`."""
    _emit("INFO", "Role changed", {"instance_id": instance_id, "role": role})


def instance_renamed(instance_id: str, new_instance_id: str) -> None:
    """The rows of an instance go on under its new name; identity is the resource id."""
    _emit("INFO", "Instance renamed", {"instance_id": instance_id, "new_instance_id": new_instance_id})


def rename_waits(instance_id: str, new_instance_id: str) -> None:
    """An instance has a new name, but a worker still holds a file under the old one. Once a cycle."""
    _emit("INFO", "Rename waits for a worker", {"instance_id": instance_id, "new_instance_id": new_instance_id})


def engine_not_supported(instance_id: str, engine: str) -> None:
    """An instance has an engine whose logs we don't read. Once an instance and process."""
    _emit("INFO", "Engine not supported", {"instance_id": instance_id, "engine": engine})


def file_not_collected(instance_id: str, log_file_name: str) -> None:
    """A listed file has no format of ours (RDS-16), or tells what another file does (RDS-18). Once a file and process."""
    _emit("INFO", "Log file not collected", {"instance_id": instance_id, "log_file_name": log_file_name})


def cycle_done(instances: int, hints: int, took_sec: float) -> None:
    """A discovery cycle ended."""
    metrics.DISCOVERY.observe(took_sec)
    _emit("DEBUG", "Discovery cycle done", {"instances": instances, "hints": hints, "took_sec": round(took_sec, 3)})


def discovery_delayed(error: Exception) -> None:
    """A cycle could not be finished; the next one comes. Once a cycle."""
    metrics.DISCOVERY_ERRORS.add(1, type(error).__name__)
    _emit("WARN", "Discovery delayed", {"error": str(error), "hint": getattr(error, "hint", "")})


# the queue

def queue_delayed(error: Exception) -> None:
    """No hint could be taken, or a tracking row could not be written; both come again."""
    _emit("WARN", "Queue delayed", {"error": str(error), "hint": getattr(error, "hint", "")})


def hints_taken(topic: str, count: int) -> None:
    """Messages came in. A metric alone."""
    metrics.CONSUMED.add(count, topic)


def partitions_assigned(topic: str, partitions: int) -> None:
    """The group gave this process other partitions of a topic."""
    metrics.REBALANCES.add()
    _emit("INFO", "Partitions assigned", {"topic": topic, "partitions": partitions})


# the sink

def compression_refused(dependency: str) -> None:
    """The sink takes no compressed bodies; they go uncompressed from now on. Once a process."""
    _emit("WARN", "Sink refuses compression, sending uncompressed", {"dependency": dependency})


def window_learned(dependency: str, hours: float, *, told: bool) -> None:
    """The sink refused old records; told: its answer named the hours, else the smallest known window is assumed."""
    _emit("INFO" if told else "WARN", "Time window of the sink learned", {"dependency": dependency, "hours": hours, "told": told})


def password_in_clear(url: str) -> None:
    """The password goes over plain HTTP to another machine. Once a process."""
    _emit("INFO", "Password goes over plain HTTP", {"url": url, "setting": "OPENOBSERVE_URL"})


# one file

def file_claimed(row: "Checkpoint") -> None:
    """A claim was taken."""
    if row.byte_offset:
        _emit("INFO", "Resuming from checkpoint", {**_file(row), "byte_offset": row.byte_offset, "epoch": row.epoch})


def file_settled(row: "Checkpoint") -> None:
    """A claim found the intent of a dead worker and waited until its request could not land any more."""
    _emit("INFO", "Intent settled", {**_file(row), "byte_offset": row.byte_offset, "resend_until": row.resend_until})


def portion_downloaded(row: "Checkpoint", size_bytes: int, *, way: str, again: bool) -> None:
    """Bytes were read and placed, before they are parsed. again: a second time, for an audit or a replay."""
    metrics.READ.add(size_bytes, way, "again" if again else "ok")
    metrics.PORTIONS.add(1, way, "again" if again else "ok")
    _emit("DEBUG", "Portion downloaded", {**_file(row), "size_bytes": size_bytes})


def overlap_dropped(row: "Checkpoint", size_bytes: int) -> None:
    """The source repeated bytes before the marker; they were dropped (RDS-28)."""
    _emit("INFO", "Overlap dropped", {**_file(row), "size_bytes": size_bytes})


def file_rewound(row: "Checkpoint", to_offset: int) -> None:
    """The file was cut or replaced (restart, failover): read again from an earlier position."""
    _emit("WARN", "File was cut, reading again", {**_file(row), "from_offset": row.byte_offset, "to_offset": to_offset})


def file_stalled(row: "Checkpoint", size_bytes: int) -> None:
    """The file is listed larger than what can be read; the next visit looks again (rds-log-api.md §5.5)."""
    _emit("INFO", "File stalled", {**_file(row), "byte_offset": row.byte_offset, "size_bytes": size_bytes})


def complete_file_refused(row: "Checkpoint", error: Exception) -> None:
    """The complete file is not handed out; portions only."""
    _emit("WARN", "Complete file refused", {**_file(row), "error": str(error), "hint": getattr(error, "hint", "")})


def gap_found(row: "Checkpoint", gap: "Gap") -> None:
    """Bytes are lost: reported, counted and passed."""
    _emit("ERROR", "Gap found", {**_file(row), "segment_id": gap.segment_id, "from_position": gap.from_position,
                                 "to_position": gap.to_position, "reason": gap.reason})


def batch_shipped(batch: "Batch", file: "LogFile", took_sec: float, since_sec: float) -> None:
    """All of a batch is stored, or on record as a dead letter; before the checkpoint moves. since_sec: from the batch before."""
    metrics.LOGS_PROCESSED.add(batch.count, batch.log_type)
    metrics.PROCESSING.observe(since_sec)
    metrics.STAGE.observe(took_sec, "ship")
    if batch.raw_records:
        metrics.RAW_RECORDS.add(batch.raw_records, batch.log_type, file.engine)
    _emit("DEBUG", "Batch shipped", {"log_type": batch.log_type, "records": batch.count, "took_sec": round(took_sec, 4)})


def checkpoint_saved(row: "Checkpoint") -> None:
    """The checkpoint passed a batch."""
    _emit("DEBUG", "Checkpoint saved", {**_file(row), "byte_offset": row.byte_offset})


def sink_answered(outcome: str) -> None:
    """The sink's answer to a batch: stored, busy, refused, partial, unknown, denied. A metric alone."""
    metrics.BATCHES.add(1, outcome)


def batch_rescued(batch: "Batch", file: "LogFile", records: int) -> None:
    """The sink is away and RDS deletes the file soon: the batch is parked in RESCUE_DIR, with a dead letter `rescued`."""
    metrics.RESCUED.add(records, batch.log_type)
    _emit("WARN", "Batch rescued", {"instance_id": file.instance_id, "log_file_name": file.log_file_name, "records": records,
                                    "from_position": batch.from_offset, "to_position": batch.to_offset, "next": "aurora-logs export"})


def rescue_off() -> None:
    """No RESCUE_DIR: while the sink is away, files may be deleted before they are read. Once, at the start."""
    _emit("WARN", "Rescue is off: files that RDS deletes while the sink is away are lost", {"setting": "RESCUE_DIR"})


def rescue_full(used_bytes: int) -> None:
    """RESCUE_MAX_BYTES are parked: nothing more is rescued until they are delivered. At most once a minute."""
    _emit("ERROR", "No room to rescue", {"used_bytes": used_bytes, "setting": "RESCUE_MAX_BYTES", "next": "aurora-logs export"})


def records_stored(stream: str, records: int, log_type: str, plain_bytes: int, wire_bytes: int, took_sec: float) -> None:
    """OpenObserve confirmed all records of a request. A metric alone."""
    metrics.RECORDS_WRITTEN.add(records, stream)
    metrics.SHIPPED.add(plain_bytes, log_type, "plain")
    metrics.SHIPPED.add(wire_bytes, log_type, "gzip")
    metrics.SINK_POST.observe(took_sec)


def outcome_settled(cause: str, took_sec: float) -> None:
    """What is stored of an unknown outcome is known now. cause: the error, or `intent` of a dead worker. A metric alone."""
    metrics.SETTLES.add(1, cause)
    metrics.SETTLE.observe(took_sec)


def outcome_unknown(batch: "Batch", error: Exception) -> None:
    """A request may have been stored: settle and search."""
    _emit("WARN", "Outcome unknown, settling", {"log_type": batch.log_type, "records": batch.count, "error": str(error)})


def sink_unavailable(file: object, error: Exception) -> None:
    """The sink did not take or find records now; tried again with growing pauses."""
    metrics.RETRIES.add(1, "sink")
    _emit("WARN", "Sink unavailable", {"instance_id": getattr(file, "instance_id", ""), "error": str(error),
                                       "hint": getattr(error, "hint", "")})


def file_buried(letter: "DeadLetter") -> None:
    """A byte range is on record as dead letter or gap."""
    if letter.is_gap:
        metrics.GAP.add(letter.to_position - letter.from_position, letter.reason)
    _emit("ERROR", "Failed to process log after retries" if not letter.is_gap else "Gap recorded",
          {"instance_id": letter.instance_id, "log_file_name": letter.log_file_name, "message_id": letter.message_id,
           "reason": letter.reason, "from_position": letter.from_position, "to_position": letter.to_position})


def bury_refused(letter: "DeadLetter", error: Exception) -> None:
    """A dead letter could not be written; the position stays, tried again."""
    _emit("ERROR", "Failed to send to DLQ", {"message_id": letter.message_id, "error": str(error)})


def release_failed(row: "Checkpoint", error: Exception) -> None:
    """A lease could not be given back; it ends by itself."""
    _emit("INFO", "Lease left to run out", {**_file(row), "error": str(error)})


def visit_ended(instance_id: str, log_file_name: str, error: Exception) -> None:
    """A visit to a file ended early; what happens next depends on the branch of the error."""
    metrics.PROCESSING_ERRORS.add(1, type(error).__name__)
    _emit("WARN", "Visit ended early", {"instance_id": instance_id, "log_file_name": log_file_name, "error": str(error),
                                        "hint": getattr(error, "hint", "")})


def claim_conflict(instance_id: str, log_file_name: str) -> None:
    """Somebody else works on the file; the hint is used up."""
    _emit("DEBUG", "File is in other hands", {"instance_id": instance_id, "log_file_name": log_file_name})


# audit, breaker, services

def audit_passed(instance_id: str, log_file_name: str, records: int) -> None:
    """A closed file's stored distinct ids equal what was delivered."""
    metrics.AUDITS.add(1, "passed")
    _emit("DEBUG", "Audit passed", {"instance_id": instance_id, "log_file_name": log_file_name, "records": records})


def audit_missing(instance_id: str, log_file_name: str, missing: int) -> None:
    """Records that were receipted are not stored; they are sent again."""
    metrics.AUDITS.add(1, "missing")
    metrics.AUDIT_MISSING.add(missing)
    _emit("ERROR", "Audit found missing records", {"instance_id": instance_id, "log_file_name": log_file_name,
                                                   "missing": missing})


def duplicates_found(instance_id: str, log_file_name: str, duplicates: int) -> None:
    """A file that passed its audit has physical copies in the sink; every view counts a record once. Once a file."""
    metrics.DUPLICATES.add(duplicates)
    _emit("WARN", "Audit found duplicates", {"instance_id": instance_id, "log_file_name": log_file_name,
                                             "duplicates": duplicates})


def audit_delayed(error: Exception) -> None:
    """A round of audits could not be finished; the next one comes. Once a round."""
    metrics.AUDITS.add(1, "inconclusive")
    _emit("WARN", "Audit delayed", {"error": str(error), "hint": getattr(error, "hint", "")})


def breaker_ready(dependency: str) -> None:
    """A circuit breaker stands before a dependency, closed. A metric alone."""
    metrics.BREAKER.set(0, dependency)


def breaker_changed(dependency: str, change: str, failures: int) -> None:
    """A circuit breaker changed its state: `opened`, `half-open`, `closed`."""
    metrics.BREAKER_CHANGES.add(1, dependency, change)
    metrics.BREAKER.set({"closed": 0, "half-open": 1}.get(change, 2), dependency)
    _emit("WARN" if change == "opened" else "INFO", f"circuit breaker {change}",
          {"dependency": dependency, "failures": failures})


def service_started(service: str, version: str, **facts: object) -> None:
    """A service begins its work."""
    metrics.BUILD.set(1, version)
    _emit("INFO", "Started", {"service": service, "version": version, **facts})


def service_stopped(service: str) -> None:
    """A service ended its work."""
    _emit("INFO", "Stopped", {"service": service})


def drain_cut_short(after_sec: float, waiting: list[str]) -> None:
    """A service that was asked to stop did not end in time: it ends as by a kill, its leases run out, others settle."""
    _emit("WARN", "Ended without waiting any longer", {"after_sec": after_sec, "waiting": waiting, "setting": "SHUTDOWN_TIMEOUT_SEC"})


def dependency_away(name: str, error: Exception) -> None:
    """Something that the service needs does not answer at the start; it is waited for."""
    _emit("WARN", "Dependency does not answer", {"dependency": name, "error": str(error), "hint": getattr(error, "hint", "")})


def endpoint_closed(address: str, error: Exception, setting: str) -> None:
    """Metrics or health are not served, since their port can't be had; the work goes on."""
    _emit("WARN", "Endpoint not served", {"address": address, "error": str(error), "setting": setting})


def rds_call(op: str, result: str) -> None:
    """A call to the RDS API ended. result: ok, throttled, error. A metric alone."""
    metrics.API_CALLS.add(1, op, result)


def state_request(op: str, result: str, took_sec: float) -> None:
    """A request to the state store ended. result: ok, throttled, conflict, error. A metric alone."""
    metrics.STATE_REQUESTS.add(1, op, result)
    metrics.STAGE.observe(took_sec, "state")
    if result == "conflict":
        metrics.CONFLICTS.add(1, op)


def redaction_off() -> None:
    """Redaction is switched off: said loudly at every start (SEC-17)."""
    _emit("WARN", "Redaction is off: log text leaves the parser as it is", {"setting": "REDACTION"})


def setting_warning(text: str) -> None:
    """A setting is not used, or looks like a misspelt one."""
    _emit("WARN", "Setting", {"text": text})


def compaction_done(records: int, size_bytes: int, took_sec: float) -> None:
    """Batch files were compacted to Parquet."""
    _emit("DEBUG", "Compaction done", {"records": records, "size_bytes": size_bytes, "took_sec": round(took_sec, 3)})


def compaction_ended(error: str) -> None:
    """Compaction did not work this time; batch files stay as they are."""
    _emit("WARN", "Compaction ended early", {"error": error})
