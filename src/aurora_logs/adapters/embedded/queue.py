"""The queue on SQLite: hints from discovery to workers of one collecting process; state is not kept here."""

import threading
import time

import msgspec

from aurora_logs.adapters.embedded.database import Database
from aurora_logs.adapters.embedded.tables import QUEUE
from aurora_logs.ports import Clock
from aurora_logs.records.flow import Task

# ruff: noqa: S608 -- the table's name is a constant; values are always bound

LOOK_AGAIN_SEC = 0.2  # how late a hint of another process (dlq replay) may be noticed
NO_DEADLINE_MS = (1 << 63) - 1
_WAITING = "taken_by = '' AND visible_at_ms <= ?"
# A file in hands is not handed out twice: the second worker would only meet the claim, and the hint would be gone.
_IN_HANDS = (f"EXISTS (SELECT 1 FROM {QUEUE} AS held WHERE held.taken_by != '' AND held.instance_id = waiting.instance_id"
             " AND held.log_file_name = waiting.log_file_name AND held.dead_letter_id = waiting.dead_letter_id)")
_NEXT = f"SELECT id FROM {QUEUE} AS waiting WHERE {_WAITING} AND NOT {_IN_HANDS} ORDER BY deadline_ms, id LIMIT 1"


class SqliteQueue:
    """Queue. Put from any process; taken only by the process that holds the directory's lock.

    run_id: of that process; tasks that another run had taken are handed out again. "": this process only puts.
    visibility_sec: after this a task taken and neither acked nor retried is handed out again.
    """

    def __init__(self, database: Database, clock: Clock, run_id: str = "", *, visibility_sec: float = 3600.0) -> None:
        self._db, self._clock, self._run_id = database, clock, run_id
        self._visibility_ms = int(visibility_sec * 1000)
        self._arrived = threading.Condition()
        self._puts = 0
        if run_id:
            self._hand_out_again("taken_by != ?", run_id)

    def look(self) -> None:
        """A hint is a row beside the state: whoever reads that reads this."""

    def put(self, task: Task, *, deadline_ms: int = 0) -> None:
        """Add a hint, or refresh the one that waits for the same file; a delay asked for by retry_later stands."""
        self._db.change(
            f"INSERT INTO {QUEUE} (instance_id, log_file_name, dead_letter_id, task, deadline_ms, visible_at_ms)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (instance_id, log_file_name, dead_letter_id) WHERE taken_by = ''"
            " DO UPDATE SET task = excluded.task, deadline_ms = min(deadline_ms, excluded.deadline_ms)",
            (task.instance_id, task.log_file_name, task.dead_letter_id, msgspec.json.encode(task),
             deadline_ms or NO_DEADLINE_MS, self._now_ms()))
        self._announce()

    def take(self, wait_sec: float) -> "SqliteDelivery | None":
        """Take the task with the earliest deadline, then the oldest."""
        # The process's own clock measures this wait, since a put of another thread must end it at once.
        end = time.monotonic() + wait_sec
        while True:
            with self._arrived:
                seen = self._puts
            delivery = self._take_now()
            left = end - time.monotonic()
            if delivery or left <= 0:
                return delivery
            with self._arrived:
                if self._puts == seen:
                    self._arrived.wait(min(left, LOOK_AGAIN_SEC))

    def waiting(self) -> int:
        """Return how many tasks are not in hands."""
        return int(self._db.rows(f"SELECT count(*) FROM {QUEUE} WHERE taken_by = ''")[0][0])

    def close(self) -> None:
        """Nothing is held open here; the database is closed by who opened it."""

    def ack(self, task_id: int) -> None:
        """Forget a task that was taken; silent when it was handed out again meanwhile and acked there."""
        self._db.change(f"DELETE FROM {QUEUE} WHERE id = ? AND taken_by = ?", (task_id, self._run_id))
        self._announce()

    def retry_later(self, task_id: int, delay_sec: float) -> None:
        """Hand a taken task out again after a delay, as one with a hint for the same file that came meanwhile."""
        self._hand_out_again("taken_by = ? AND id = ?", self._run_id, task_id, delay_ms=int(delay_sec * 1000))
        self._announce()

    def _take_now(self) -> "SqliteDelivery | None":
        now_ms = self._now_ms()
        if self._db.rows(f"SELECT 1 FROM {QUEUE} WHERE taken_by != '' AND visible_at_ms <= ? LIMIT 1", (now_ms,)):
            self._hand_out_again("taken_by != '' AND visible_at_ms <= ?", now_ms)
        if not self._db.rows(_NEXT, (now_ms,)):
            return None  # a look costs no write lock
        with self._db.transaction() as connection:
            rows = connection.execute(
                f"UPDATE {QUEUE} SET taken_by = ?, visible_at_ms = ? WHERE id = ({_NEXT}) RETURNING id, task",
                (self._run_id, now_ms + self._visibility_ms, now_ms)).fetchall()
        return SqliteDelivery(self, rows[0][0], msgspec.json.decode(rows[0][1], type=Task)) if rows else None

    def _hand_out_again(self, condition: str, *values: object, delay_ms: int = 0) -> None:
        visible_at_ms = self._now_ms() + delay_ms
        with self._db.transaction() as connection:
            rows = connection.execute(
                f"SELECT id, instance_id, log_file_name, dead_letter_id FROM {QUEUE} WHERE taken_by != '' AND {condition}",
                values).fetchall()
            for task_id, *key in rows:
                merged = connection.execute(
                    f"UPDATE {QUEUE} SET visible_at_ms = max(visible_at_ms, ?) WHERE taken_by = '' AND instance_id = ?"
                    " AND log_file_name = ? AND dead_letter_id = ?", (visible_at_ms, *key)).rowcount
                connection.execute(
                    f"DELETE FROM {QUEUE} WHERE id = ?" if merged else
                    f"UPDATE {QUEUE} SET taken_by = '', visible_at_ms = ? WHERE id = ?",
                    (task_id,) if merged else (visible_at_ms, task_id))

    def _announce(self) -> None:
        with self._arrived:
            self._puts += 1
            self._arrived.notify()

    def _now_ms(self) -> int:
        return self._clock.now_us() // 1000


class SqliteDelivery:
    """A task in hands."""

    def __init__(self, queue: SqliteQueue, task_id: int, task: Task) -> None:
        self._queue, self._task_id, self._task = queue, task_id, task

    @property
    def task(self) -> Task:
        """The hint."""
        return self._task

    def ack(self) -> None:
        """The hint is used up."""
        self._queue.ack(self._task_id)

    def retry_later(self, delay_sec: float) -> None:
        """Hand the task out again after `delay_sec` seconds."""
        self._queue.retry_later(self._task_id, delay_sec)
