"""The polling thread of a topic: fetches hints, commits what is used up, pauses when too much waits; never works on a file.

So a file may take hours without the group noticing (REL-38): the poll goes on. Membership is dynamic and rebalances are
cooperative; offsets are committed by this thread alone, in order, after the work or the dead letter is durable.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from aurora_logs.adapters.kafka.connection import BrokerAccess, client_settings, translated
from aurora_logs.adapters.kafka.positions import Partition
from aurora_logs.errors import AuroraLogsError

POLL_SEC = 0.1
FETCH_MESSAGES = 200
CALL_SEC = 10.0  # one blocking call of the polling thread
AGAIN_SEC = 0.5
LAGS_EVERY_SEC = 5.0
TELL_AFTER = 10  # failures in a row
NO_OFFSET_BELOW = 0  # negative offsets mean "none"


class GroupTimes(msgspec.Struct, frozen=True, kw_only=True):
    """session_sec: after this a member that fell silent loses its partitions. poll_sec: longest pause between two polls.

    A member that is taken for dead too early costs a rebalance and no more, since leases decide who works on a file; one
    that is taken for alive too long keeps its files waiting. Hence less than the usual 45 s.
    """

    session_sec: float = 15.0
    poll_sec: float = 300.0


class Inbox(msgspec.Struct, kw_only=True):
    """What the polling thread tells and asks; all of it is called from that thread, quickly and without raising.

    assigned, revoked: our partitions change. arrived: messages. is_full: fetch no more for now.
    to_commit: a topic's positions that moved; committed: the broker has them. trouble: for the next worker that finds nothing.
    """

    assigned: Callable[[list[Partition]], None]
    revoked: Callable[[list[Partition]], None]
    arrived: Callable[[Sequence[Message]], None]
    is_full: Callable[[], bool]
    to_commit: Callable[[str], dict[Partition, int]]
    committed: Callable[[dict[Partition, int]], None]
    trouble: Callable[[AuroraLogsError], None]


class Polling:
    """Runs one consumer."""

    def __init__(self, access: BrokerAccess, topic: str, group: str, times: GroupTimes, inbox: Inbox) -> None:
        """Start the thread. Raises: ConfigError."""
        self._topic, self._group, self._inbox = topic, group, inbox
        self._settings = client_settings(access, self._noticed) | {
            "group.id": group, "partition.assignment.strategy": "cooperative-sticky", "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "session.timeout.ms": int(times.session_sec * 1000),
            "heartbeat.interval.ms": int(times.session_sec * 1000 / 15), "max.poll.interval.ms": int(times.poll_sec * 1000),
            "queued.max.messages.kbytes": 4096,
        }
        self._stopping = threading.Event()
        self._mine: set[Partition] = set()
        self._new: list[TopicPartition] = []
        self._begin_at_sec, self._begin_failures = float("-inf"), 0
        self._is_paused = False
        self._lags_at_sec = float("-inf")
        self._committed: dict[Partition, int] = {}
        self.lags: dict[Partition, int] = {}
        self._last_error: KafkaError | None = None
        self.failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"poll {topic}", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Ask the thread to commit what is used up, to leave the group and to end."""
        self._stopping.set()

    def wait_for_end(self) -> None:
        """Return when it did."""
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._serve(Consumer(self._settings))
        except BaseException as exc:  # noqa: BLE001 -- told to the next worker: without this thread nothing arrives
            self.failed = exc

    def _serve(self, consumer: Consumer) -> None:
        """Poll until told to stop, or until this client is beyond use."""
        self._is_paused = False
        try:
            consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)
            while not self._stopping.is_set():
                if not self._poll(consumer):
                    return
        finally:
            self._leave(consumer)

    def _poll(self, consumer: Consumer) -> bool:
        answers = consumer.consume(FETCH_MESSAGES, POLL_SEC)
        if messages := [one for one in answers if one.error() is None]:
            self._inbox.arrived(messages)
        errors = [error for one in answers if (error := one.error()) is not None]
        for error in errors:
            self._inbox.trouble(translated(error, f"group {self._group}", before=self._last_error))
        if any(error.fatal() for error in errors):
            return False
        self._begin_positions(consumer)
        self._commit(consumer)
        self._pause_or_resume(consumer)
        self._note_lags(consumer)
        return True

    def _note_lags(self, consumer: Consumer) -> None:
        """Compare what is committed with where the partitions end, as the last fetch told: no call is made."""
        if time.monotonic() < self._lags_at_sec + LAGS_EVERY_SEC:
            return
        self._lags_at_sec, lags = time.monotonic(), {}
        for (topic, number), offset in self._committed.items():
            if (topic, number) in self._mine:
                _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
                lags[topic, number] = max(0, end - offset)
        self.lags = lags

    def _begin_positions(self, consumer: Consumer) -> None:
        """Commit where we start in partitions without a commit, so that lag is a number from the first day on."""
        if not self._new or time.monotonic() < self._begin_at_sec:
            return
        new, self._new = self._new, []
        try:
            found = [one for one in consumer.committed(new, CALL_SEC) if one.error is None]
            unset = [one for one in found if one.offset < NO_OFFSET_BELOW]
            begins = [TopicPartition(one.topic, one.partition, consumer.get_watermark_offsets(one, CALL_SEC)[0])
                      for one in unset]
            if begins:
                consumer.commit(offsets=begins, asynchronous=False)
            self._committed |= {(one.topic, one.partition): one.offset for one in [*found, *begins] if one.offset >= NO_OFFSET_BELOW}
        except KafkaException as exc:  # a new topic's leaders may not be known yet; the group works without
            self._new, self._begin_at_sec = new + self._new, time.monotonic() + AGAIN_SEC
            self._begin_failures += 1
            if self._begin_failures % TELL_AFTER == 0:
                self._inbox.trouble(translated(exc.args[0], f"group {self._group}, first positions", before=self._last_error))
        else:
            self._begin_failures = 0

    def _commit(self, consumer: Consumer) -> None:
        """Commit what moved; when that fails the positions stay to be committed (REL-40, REL-148)."""
        positions = self._inbox.to_commit(self._topic)
        if not positions:
            return
        try:
            answers = consumer.commit(offsets=[TopicPartition(topic, number, offset)
                                               for (topic, number), offset in positions.items()], asynchronous=False)
        except KafkaException as exc:
            self._inbox.trouble(translated(exc.args[0], f"group {self._group}, commit", before=self._last_error))
            return
        refused = {(one.topic, one.partition) for one in answers or () if one.error is not None}
        done = {where: offset for where, offset in positions.items() if where not in refused}
        self._committed |= done
        self._inbox.committed(done)

    def _pause_or_resume(self, consumer: Consumer) -> None:
        if self._inbox.is_full():
            consumer.pause(consumer.assignment())  # each time: a rebalance brings partitions that are not paused
            self._is_paused = True
        elif self._is_paused:
            consumer.resume(consumer.assignment())
            self._is_paused = False

    def _leave(self, consumer: Consumer) -> None:
        try:
            self._commit(consumer)
            consumer.close()
        except KafkaException as exc:  # the broker is away: its session time-out ends the membership
            self._inbox.trouble(translated(exc.args[0], f"group {self._group}, leaving", before=self._last_error))
        self._gone(self._mine)

    def _on_assign(self, _consumer: Consumer, partitions: Iterable[TopicPartition]) -> None:
        new = list(partitions)
        self._new += new
        self._mine |= {(one.topic, one.partition) for one in new}
        self._inbox.assigned([(one.topic, one.partition) for one in new])

    def _on_revoke(self, consumer: Consumer, partitions: Iterable[TopicPartition]) -> None:
        self._commit(consumer)
        self._on_lost(consumer, partitions)

    def _on_lost(self, _consumer: Consumer, partitions: Iterable[TopicPartition]) -> None:
        self._gone({(one.topic, one.partition) for one in partitions})

    def _gone(self, partitions: AbstractSet[Partition]) -> None:
        self._new = [one for one in self._new if (one.topic, one.partition) not in partitions]
        self._mine = self._mine - partitions
        self._inbox.revoked(sorted(partitions))

    def _noticed(self, error: KafkaError) -> None:
        if error.name() not in ("_ALL_BROKERS_DOWN", "_TRANSPORT") or self._last_error is None:
            self._last_error = error
        self._inbox.trouble(translated(error, f"group {self._group}", before=self._last_error))
