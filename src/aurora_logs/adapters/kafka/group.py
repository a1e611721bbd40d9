"""What the brokers tell of the consumer group: positions, ends and members; a group that nobody made yet is one without positions."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from aurora_logs.adapters.kafka.connection import BrokerAccess, client_settings, translated
from aurora_logs.adapters.kafka.topics import TopicProvisioning
from aurora_logs.names import TOPICS
from aurora_logs.records.queue import GroupLags, PartitionLag, TopicShape

CALL_SEC = 10.0
UNKNOWN_GROUP = ("GROUP_ID_NOT_FOUND", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR")


class KafkaAdmin:
    """QueueAdmin. Used by one thread. All raise: Transient, ConfigError (no topics, refused)."""

    def __init__(self, access: BrokerAccess, group: str, topics: Iterable[str] = TOPICS.values()) -> None:
        self._access, self._group, self._topics = access, group, list(topics)
        self._last_error: KafkaError | None = None
        self._client = AdminClient(client_settings(access, self._noticed))

    def lags(self) -> GroupLags:
        """Return each partition of our topics."""
        partitions = [(name, number) for name, topic in self._metadata().items() for number in sorted(topic.partitions)]
        state, members = self._members()
        committed = self._committed() if partitions else {}
        ends = self._ends(partitions)
        rows = []
        for where in partitions:
            offset = committed.get(where)
            member, host = members.get(where, ("", ""))
            rows.append(PartitionLag(topic=where[0], partition=where[1], committed=offset, end=ends[where],
                                     lag=None if offset is None else max(0, ends[where] - offset), member=member, member_host=host))
        return GroupLags(group=self._group, state=state, partitions=rows)

    def topics(self) -> list[TopicShape]:
        """Return our topics as they are; one that is missing has no partitions."""
        contract, found = TopicProvisioning(self._access, self._topics), self._metadata()
        shapes = []
        for name in self._topics:
            partitions = list(found[name].partitions.values()) if name in found else []
            shapes.append(TopicShape(
                topic=name, partitions=len(partitions), replicas=min((len(one.replicas) for one in partitions), default=0),
                leaderless=sum(one.leader < 0 for one in partitions),
                short=sum(len(one.isrs) < len(one.replicas) for one in partitions),
                differences=contract.look(name).differences if partitions else ("missing: aurora-logs provision topics",)))
        return shapes

    def _metadata(self) -> Mapping[str, Any]:
        found = self._call(lambda: self._client.list_topics(timeout=CALL_SEC), "topics").topics
        return {name: found[name] for name in self._topics if name in found and found[name].error is None}

    def _members(self) -> tuple[str, dict[tuple[str, int], tuple[str, str]]]:
        try:
            group = _only(self._client.describe_consumer_groups([self._group], request_timeout=CALL_SEC))
        except KafkaException as exc:
            if exc.args[0].name() in UNKNOWN_GROUP:
                return "unknown", {}
            raise translated(exc.args[0], f"group {self._group}", before=self._last_error) from exc
        held = {(one.topic, one.partition): (member.client_id, member.host.lstrip("/"))
                for member in group.members if member.assignment for one in member.assignment.topic_partitions}
        return str(group.state.name).lower(), held

    def _committed(self) -> dict[tuple[str, int], int]:
        try:
            found = _only(self._client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(self._group)], request_timeout=CALL_SEC))
        except KafkaException as exc:
            if exc.args[0].name() in UNKNOWN_GROUP:
                return {}
            raise translated(exc.args[0], f"group {self._group}", before=self._last_error) from exc
        return {(one.topic, one.partition): one.offset for one in found.topic_partitions if one.offset >= 0}

    def _ends(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        asked = {TopicPartition(topic, number): latest for topic, number in partitions}
        if not asked:
            return {}
        answers = self._client.list_offsets(asked, request_timeout=CALL_SEC)
        return {(one.topic, one.partition): int(self._call(future.result, one.topic).offset) for one, future in answers.items()}

    def _call(self, call: Callable[[], Any], about: str) -> Any:
        try:
            return call()
        except KafkaException as exc:
            raise translated(exc.args[0], about, before=self._last_error) from exc

    def _noticed(self, error: KafkaError) -> None:
        if error.name() not in ("_ALL_BROKERS_DOWN", "_TRANSPORT") or self._last_error is None:
            self._last_error = error


def _only(answers: Mapping[Any, "Future[Any]"]) -> Any:
    """Return the one answer. Raises: KafkaException."""
    return next(iter(answers.values())).result()
