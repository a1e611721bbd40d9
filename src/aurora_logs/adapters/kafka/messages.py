"""Tasks as Kafka messages (names-and-runbook.md §2.6), and what is no task: poison. No calls are made here."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import msgspec

from aurora_logs.adapters.kafka.positions import Place
from aurora_logs.names import LOG_TYPES
from aurora_logs.records.flow import DeadLetter, Task
from aurora_logs.sql.redaction import redact_message

MESSAGE_MAX_BYTES = 65_536
NAME_MAX_CHARS = 1_024
EXCERPT_BYTES = 1_000
DEADLINE_HEADER = "deadline_ms"
"""Ours, beside the message: when the source deletes the file; a message without it is valid."""


class NoTask(Exception):
    """A message that is no task of ours; the text says why, without its content."""


def encoded(task: Task) -> tuple[bytes, bytes]:
    """Return key and value."""
    return task.instance_id.encode(), msgspec.json.encode(task)


def decoded(value: bytes | None) -> Task:
    """Read a message's value. Raises: NoTask."""
    if value is None:
        raise NoTask("the message is empty")
    if len(value) > MESSAGE_MAX_BYTES:
        raise NoTask(f"the message has {len(value)} bytes, at most {MESSAGE_MAX_BYTES} are taken")
    try:
        task = msgspec.json.decode(value, type=Task)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NoTask(f"the message is no task: {error}") from error
    for name, text in (("instance_id", task.instance_id), ("log_file_name", task.log_file_name)):
        if not 0 < len(text) <= NAME_MAX_CHARS:
            raise NoTask(f"the message's {name} has {len(text)} characters")
    if task.log_type not in LOG_TYPES:
        raise NoTask(f"the message's log_type is none of {', '.join(LOG_TYPES)}")
    return task


def deadline_of(headers: Mapping[str, str | bytes | None] | Iterable[tuple[str, str | bytes | None]] | None) -> int:
    """Return the deadline in epoch ms; 0 when there is none, or no number."""
    text = dict(headers or ()).get(DEADLINE_HEADER) or b""
    return int(text) if text.isdigit() and len(text) < 20 else 0


def poison_letter(place: Place, value: bytes | None, reason: NoTask, now_sec: int) -> DeadLetter:
    """Return the dead letter of a message that is no task; the same message gives the same letter."""
    (topic, partition), offset = place.partition, place.offset
    content = value or b""
    text = content.decode("utf-8", "replace") if len(content) <= MESSAGE_MAX_BYTES else ""
    return DeadLetter(
        message_id=blake2b(f"{topic}-{partition}-{offset}".encode(), digest_size=10).hexdigest(), instance_id="",
        log_file_name="", cluster_id="", log_type="", resource_id="", segment_id="", reason="poison_message",
        error=f"{topic} partition {partition} offset {offset}: {reason}", failed_at=now_sec, retry_count=1,
        from_position=0, to_position=len(content), original_message=text,
        excerpt=redact_message(content[:EXCERPT_BYTES], "mysql")[0].decode("utf-8", "replace"),
        kafka_topic=topic, kafka_partition=partition, kafka_offset=offset)
