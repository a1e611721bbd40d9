"""Provisioning on Kafka: makes the topics of the contract, and tells what stands there in another shape."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from aurora_logs.adapters.kafka.connection import BrokerAccess, client_settings, translated
from aurora_logs.adapters.kafka.messages import MESSAGE_MAX_BYTES
from aurora_logs.errors import TimedOut
from aurora_logs.names import TOPICS
from aurora_logs.records.provision import Shape

PARTITIONS = 10
REPLICAS = 3  # where there are so many brokers
SETTINGS = {"retention.ms": str(24 * 3_600_000), "max.message.bytes": str(MESSAGE_MAX_BYTES), "cleanup.policy": "delete"}
"""24 h is enough: a hint is made again at the next listing."""
CALL_SEC = 10.0
LOOK_AGAIN_SEC = 0.05


class TopicAdmin:
    """The administrative calls that we need. Used by one thread. All raise: Transient, ConfigError."""

    def __init__(self, access: BrokerAccess) -> None:
        self._last_error: KafkaError | None = None
        self._client = AdminClient(client_settings(access, self._noticed))

    def close(self) -> None:
        """Close all sockets."""
        self._client.poll(0)

    def brokers(self) -> int:
        """Return how many brokers there are."""
        return len(self._metadata().brokers)

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return partitions and replicas of every topic."""
        return {name: (len(topic.partitions), min((len(one.replicas) for one in topic.partitions.values()), default=0))
                for name, topic in self._metadata().topics.items()}

    def settings(self, topic: str) -> dict[str, str]:
        """Return the settings of a topic, the broker's defaults included."""
        asked = ConfigResource(ResourceType.TOPIC, topic)
        found = self._result(topic, self._client.describe_configs([asked], request_timeout=CALL_SEC).values())
        return {name: str(entry.value) for name, entry in found.items()}

    def create(self, topics: Sequence[tuple[str, int]], replicas: int = 1, settings: Mapping[str, str] | None = None) -> None:
        """Make topics with so many partitions each; those that are there already stay as they are."""
        made = self._client.create_topics([NewTopic(name, partitions, replicas, config=dict(settings or {}))
                                           for name, partitions in topics], request_timeout=CALL_SEC)
        for name, future in made.items():
            try:
                future.result()
            except KafkaException as exc:
                if exc.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise self._translated(exc, name) from exc
        self._wait_for_leaders([name for name, _ in topics])

    def _wait_for_leaders(self, topics: Iterable[str]) -> None:
        """Return when every partition can be used: brokers hear of a new topic a moment after its creation."""
        ends_sec = time.monotonic() + CALL_SEC
        while True:
            found = self._metadata().topics
            if all(name in found and found[name].partitions and all(one.leader >= 0 for one in found[name].partitions.values())
                   for name in topics):
                return
            if time.monotonic() > ends_sec:
                raise TimedOut(f"Kafka, the new topics have no leaders after {CALL_SEC:.0f} s", hint="run the command again")
            time.sleep(LOOK_AGAIN_SEC)

    def _metadata(self) -> Any:
        try:
            return self._client.list_topics(timeout=CALL_SEC)
        except KafkaException as exc:
            raise self._translated(exc, "topics") from exc

    def _result(self, topic: str, futures: Iterable["Future[Any]"]) -> Any:
        try:
            return next(iter(futures)).result()
        except KafkaException as exc:
            raise self._translated(exc, topic) from exc

    def _translated(self, exc: KafkaException, about: str) -> Exception:
        return translated(exc.args[0], about, before=self._last_error)

    def _noticed(self, error: KafkaError) -> None:
        if error.name() not in ("_ALL_BROKERS_DOWN", "_TRANSPORT") or self._last_error is None:
            self._last_error = error


class TopicProvisioning:
    """Provisioning of the topics. Used by one thread."""

    def __init__(self, access: BrokerAccess, topics: Iterable[str] = TOPICS.values()) -> None:
        self._admin, self._topics = TopicAdmin(access), list(topics)

    def names(self) -> list[str]:
        """Names of the topics."""
        return self._topics

    def look(self, name: str) -> Shape:
        """Compare a topic with the contract. Raises: Transient, ConfigError."""
        replicas = self._replicas()
        shape = self._admin.shapes().get(name)
        if shape is None:
            return Shape(name=name, missing=(f"topic of {PARTITIONS} partitions, {replicas} replicas",))
        settings = self._admin.settings(name)
        found = {"partitions": str(shape[0]), "replicas": str(shape[1]), **{one: settings.get(one, "") for one in SETTINGS}}
        wanted = {"partitions": str(PARTITIONS), "replicas": str(replicas), **SETTINGS}
        return Shape(name=name, differences=tuple(f"{what}: found {found[what]}, wanted {wanted[what]}"
                                                  for what in wanted if found[what] != wanted[what]))

    def make(self, name: str) -> None:
        """Make a topic. Raises: Transient, ConfigError."""
        self._admin.create([(name, PARTITIONS)], self._replicas(), SETTINGS)

    def _replicas(self) -> int:
        return min(REPLICAS, self._admin.brokers())
