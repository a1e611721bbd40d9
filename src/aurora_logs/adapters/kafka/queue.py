"""The queue on Kafka: hints from discovery to a group of processors. The state store is the truth, so nothing here is."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aurora_logs import telemetry
from aurora_logs.adapters.kafka.connection import BrokerAccess
from aurora_logs.adapters.kafka.consumer import GroupTimes, Inbox, Polling
from aurora_logs.adapters.kafka.messages import NoTask, deadline_of, decoded, poison_letter
from aurora_logs.adapters.kafka.positions import Partition, Place, Positions
from aurora_logs.adapters.kafka.producer import Publisher
from aurora_logs.adapters.kafka.waiting_room import Hint, WaitingRoom
from aurora_logs.errors import AuroraLogsError, Transient, Unknown, Unreachable
from aurora_logs.names import CONSUMER_GROUP, TOPICS
from aurora_logs.ports import Clock
from aurora_logs.records.flow import DeadLetter, Task

if TYPE_CHECKING:
    from confluent_kafka import Message

DUE_MAX = 1_000  # hints of about 300 bytes that wait for a worker; beyond, the partitions are paused
HELD_MAX = 20_000  # all hints in this process, those that wait for a delay too
LOOK_AGAIN_SEC = 0.2  # the clock that delays are measured with is a port: it can't wake a sleeping worker
BURY_AGAIN_SEC = 1.0


class KafkaQueue:
    """Queue. Called from many threads; the group is joined at the first take, so that a process that only puts stays out.

    bury: writes a dead letter durably (the state store's); poison messages go there before their offset is committed.
    """

    def __init__(self, access: BrokerAccess, *, clock: Clock, bury: Callable[[DeadLetter], None],
                 topics: Mapping[str, str] = TOPICS, group: str = CONSUMER_GROUP, times: GroupTimes | None = None) -> None:
        self._access, self._clock, self._bury = access, clock, bury
        self._topics, self._group, self._times = topics, group, times or GroupTimes()
        self._publisher = Publisher(access, topics)
        self._changed = threading.Condition()  # around all below, never held across a call to the broker
        self._positions = Positions()
        self._room = WaitingRoom(self._positions.used_up)
        self._poison: deque[tuple[Place, bytes | None, NoTask]] = deque()
        self._poison_due_sec = float("-inf")
        self._trouble: AuroraLogsError | None = None
        self._polling: list[Polling] = []
        self._is_closed = False

    def put(self, task: Task, *, deadline_ms: int = 0) -> None:
        """Publish a hint; returns when all in-sync replicas have it. Raises: Transient, Permanent, ConfigError."""
        self._publisher.publish(task, deadline_ms)

    def take(self, wait_sec: float) -> "KafkaDelivery | None":
        """Take the due hint with the earliest deadline, then the oldest. Raises: Transient, when nothing came and why."""
        # The process's own clock measures this wait, since a message that arrives must end it at once.
        ends_sec = time.monotonic() + wait_sec
        while True:
            self._bury_poison()
            with self._changed:
                self._join()
                hint = self._room.take(self._clock.monotonic_sec())
                if hint is not None:
                    return KafkaDelivery(self, hint)
                left_sec = ends_sec - time.monotonic()
                if left_sec <= 0:
                    trouble, self._trouble = self._trouble, None
                    break
                self._changed.wait(min(left_sec, LOOK_AGAIN_SEC))
        if trouble is not None:
            raise _outlived(trouble) from trouble
        return None

    def look(self) -> None:
        """Ask the brokers anything. Raises: Transient, ConfigError when they do not answer."""
        self._publisher.look()

    def lags(self) -> dict[Partition, int]:
        """How many messages wait, by partition that this process reads and has a position in."""
        return {where: lag for one in self._polling for where, lag in one.lags.items()}

    def close(self) -> None:
        """Commit what is used up, leave the group and close all sockets; what is in hands comes again elsewhere."""
        with self._changed:
            polling, self._polling, self._is_closed = self._polling, [], True
        for one in polling:
            one.ask_to_stop()
        for one in polling:
            one.wait_for_end()
        self._publisher.close()

    def ack(self, hint: Hint) -> None:
        """The hint is used up: its offset is committed with the next poll."""
        with self._changed:
            self._room.ack(hint)
            self._changed.notify_all()

    def retry_later(self, hint: Hint, delay_sec: float) -> None:
        """Keep the hint here for a while; its offset stays uncommitted, other files go on."""
        due_sec = self._clock.monotonic_sec() + delay_sec
        with self._changed:
            self._room.retry_at(hint, due_sec, is_ours=self._positions.is_ours)
            self._changed.notify_all()

    def _join(self) -> None:
        if self._is_closed:
            raise Unreachable("the queue of this process is closed")
        if not self._polling:
            inbox = Inbox(assigned=self._assigned, revoked=self._revoked, arrived=self._arrived, is_full=self._is_full,
                          to_commit=self._to_commit, committed=self._committed, trouble=self._in_trouble)
            # A member for each topic: the cooperative assignor balances all partitions of a member, so that one member
            # for all topics can get every partition of the busy one, while its neighbour idles.
            self._polling = [Polling(self._access, topic, self._group, self._times, inbox) for topic in self._topics.values()]
        for one in self._polling:
            if one.failed is not None:
                raise one.failed

    def _bury_poison(self) -> None:
        """Write poison messages down (REL-35); one that can't be written now keeps its offset from being committed."""
        while True:
            with self._changed:
                if not self._poison or self._clock.monotonic_sec() < self._poison_due_sec:
                    return
                place, value, reason = self._poison.popleft()
            try:
                self._bury(poison_letter(place, value, reason, self._clock.now_us() // 1_000_000))
            except (Transient, Unknown) as error:
                with self._changed:
                    self._poison.appendleft((place, value, reason))
                    self._poison_due_sec = self._clock.monotonic_sec() + BURY_AGAIN_SEC
                raise _outlived(error) from error
            with self._changed:
                self._positions.used_up(place)

    # told by the polling thread

    def _arrived(self, messages: "Sequence[Message]") -> None:
        telemetry.hints_taken(str(messages[0].topic()), len(messages))
        with self._changed:
            self._trouble = None
            for message in messages:
                self._take_in(message)
            self._changed.notify_all()

    def _take_in(self, message: "Message") -> None:
        place = self._positions.taken((str(message.topic()), int(message.partition() or 0)), int(message.offset() or 0))
        if place is None:
            return
        value: Any = message.value()
        try:
            task = decoded(value)
        except NoTask as reason:
            self._poison.append((place, value, reason))
        else:
            self._room.arrived(task, deadline_of(message.headers()), place)

    def _assigned(self, partitions: list[Partition]) -> None:
        for topic in {topic for topic, _ in partitions}:
            telemetry.partitions_assigned(topic, len(partitions))
        with self._changed:
            self._positions.assigned(partitions)

    def _revoked(self, partitions: list[Partition]) -> None:
        with self._changed:
            self._positions.revoked(partitions)
            self._room.forget(lambda place: not self._positions.is_ours(place))
            self._poison = deque(one for one in self._poison if self._positions.is_ours(one[0]))

    def _is_full(self) -> bool:
        now_sec = self._clock.monotonic_sec()
        with self._changed:
            due, held = self._room.counts(now_sec)
            return due + len(self._poison) >= DUE_MAX or held >= HELD_MAX

    def _to_commit(self, topic: str) -> dict[Partition, int]:
        with self._changed:
            return self._positions.to_commit(topic)

    def _committed(self, positions: dict[Partition, int]) -> None:
        with self._changed:
            self._positions.committed(positions)

    def _in_trouble(self, error: AuroraLogsError) -> None:
        with self._changed:
            self._trouble = error


def _outlived(error: AuroraLogsError) -> Transient:
    """Return what a worker is told: it goes on whatever the matter is, and somebody reads the reason in its log line."""
    return error if isinstance(error, Transient) else Unreachable(error.detail, hint=error.hint)


class KafkaDelivery:
    """A task in hands."""

    def __init__(self, queue: KafkaQueue, hint: Hint) -> None:
        self._queue, self._hint = queue, hint

    @property
    def task(self) -> Task:
        """The hint."""
        return self._hint.task

    def ack(self) -> None:
        """The hint is used up."""
        self._queue.ack(self._hint)

    def retry_later(self, delay_sec: float) -> None:
        """Hand the task out again after `delay_sec` seconds."""
        self._queue.retry_later(self._hint, delay_sec)
