"""Publishes hints: each is confirmed by the brokers before the call returns."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from aurora_logs.adapters.kafka.connection import BrokerAccess, client_settings, translated
from aurora_logs.adapters.kafka.messages import DEADLINE_HEADER, encoded
from aurora_logs.errors import ConfigError, Permanent, TimedOut, Unreachable
from aurora_logs.records.flow import Task

CONFIRMED_WITHIN_SEC = 10.0
ANSWER_SEC = 5.0  # of one request to one broker
SLACK_SEC = 3.0  # librdkafka looks at its time-outs about once a second; without an end even then we stop waiting
POLL_SEC = 0.05
CLOSE_SEC = 1.0


class Publisher:
    """One producer of the process, made at the first hint. Called from many threads."""

    def __init__(self, access: BrokerAccess, topics: Mapping[str, str]) -> None:
        self._access, self._topics = access, topics
        self._lock = threading.Lock()
        self._producer: Producer | None = None
        self._last_error: KafkaError | None = None

    def publish(self, task: Task, deadline_ms: int) -> None:
        """Send a hint and wait for its confirmation. Raises: Transient, Permanent, ConfigError."""
        topic = self._topics.get(task.log_type)
        if topic is None:
            raise Permanent(f"there is no topic for log type {task.log_type!r}")
        key, value = encoded(task)
        headers: list[tuple[str, str | bytes | None]] = [(DEADLINE_HEADER, str(deadline_ms))] if deadline_ms else []
        ends: list[KafkaError | None] = []

        def on_end(error: KafkaError | None, _message: Message) -> None:
            ends.append(error)

        producer = self._open()
        about = f"topic {topic}"
        try:
            producer.produce(topic, value, key, headers=headers, on_delivery=on_end)
        except BufferError as exc:
            raise Unreachable(f"Kafka, {about}: too many hints wait for the brokers") from exc
        except KafkaException as exc:
            raise translated(exc.args[0], about, before=self._last_error) from exc
        until_sec = time.monotonic() + CONFIRMED_WITHIN_SEC + ANSWER_SEC + SLACK_SEC
        while not ends:
            producer.poll(POLL_SEC)  # serves other threads' confirmations too
            if time.monotonic() > until_sec:
                raise TimedOut(f"Kafka, {about}: no confirmation")
        if ends[0] is not None:
            if ends[0].fatal():
                self._discard(producer)
            raise translated(ends[0], about, before=self._last_error)
        self._last_error = None

    def look(self) -> None:
        """Ask the brokers for our topics. Raises: Transient, ConfigError (a topic is missing)."""
        try:
            found = self._open().list_topics(timeout=ANSWER_SEC).topics
        except KafkaException as exc:
            raise translated(exc.args[0], "brokers", before=self._last_error) from exc
        missing = [topic for topic in self._topics.values() if topic not in found]
        if missing:
            raise ConfigError(f"Kafka has no topic {', '.join(missing)}", hint="aurora-logs provision topics")

    def close(self) -> None:
        """Close the producer; nothing is under way, since each call waits for its end."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.flush(CLOSE_SEC)

    def _open(self) -> Producer:
        settings: dict[str, Any] = client_settings(self._access, self._noticed) | {
            # the partitioner of Kafka's own tools: a message that an operator sends again lands where discovery's did
            "partitioner": "murmur2_random", "acks": "all", "enable.idempotence": True, "compression.type": "lz4",
            "linger.ms": 0, "delivery.timeout.ms": int(CONFIRMED_WITHIN_SEC * 1000),
            "request.timeout.ms": int(ANSWER_SEC * 1000),
        }
        with self._lock:
            if self._producer is None:
                self._producer = Producer(settings)
            return self._producer

    def _discard(self, producer: Producer) -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None

    def _noticed(self, error: KafkaError) -> None:
        if error.name() not in ("_ALL_BROKERS_DOWN", "_TRANSPORT") or self._last_error is None:
            self._last_error = error
