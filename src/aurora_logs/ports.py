"""What the product needs from outside: protocols at domain height, each with its contract.

Every method is a switch point of the deterministic simulation: no lock of ours is held across a call. Methods raise
only the error tree of `errors.py`; which leaf for which situation stands at the method. Called from many threads at
once unless a method says otherwise. Clocks, chance and threads are ports too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from aurora_logs.records.budget import ApiBudget
from aurora_logs.records.fleet import (
    Delivered,
    Instance,
    ListedFile,
    LogFile,
    LogSettings,
    TrackedFile,
    TrackedInstance,
)
from aurora_logs.records.flow import Answer, Batch, Checkpoint, DeadLetter, Intent, Receipt, Task
from aurora_logs.records.insight import Statement, Table, Volume
from aurora_logs.records.provision import Shape
from aurora_logs.records.queue import GroupLags, TopicShape

T = TypeVar("T")


class Clock(Protocol):
    """Time. The wall clock labels and decides how soon somebody tries; safety never rests on it."""

    def now_us(self) -> int:
        """Microseconds since 1970, UTC."""

    def monotonic_sec(self) -> float:
        """Seconds that never jump: all durations are measured with it."""

    def sleep(self, sec: float) -> None:
        """Wait `sec` seconds; returns early when the service is stopping."""


class Random(Protocol):
    """Chance: jitter and nonces."""

    def uniform(self) -> float:
        """Return a number in [0, 1)."""

    def nonce(self) -> str:
        """Return 16 hex digits that nobody else draws."""


class Workers(Protocol):
    """Side by side: runs jobs and tells them when to stop."""

    def run(self, jobs: Mapping[str, Callable[[], None]]) -> None:
        """Run all jobs side by side until each returned; the first error stops the others and is raised."""

    def stopping(self) -> bool:
        """Tell whether the service was asked to stop; long loops look at it."""

    def stop(self) -> None:
        """Ask all jobs to stop."""


class LogSource(Protocol):
    """Where log files come from: the RDS API, or a folder. Never judges bytes; the download stage does.

    Every call counts against the source's own API budget and waits for it. Vendor retries are off.
    """

    def places(self) -> list[str]:
        """Return the names of the accounts and regions that are listed apart; one without a name where there are none.

        What fails in one leaves the others alone. No call is made. The first one's instances have their bare names.
        """

    def instances(self, place: str = "") -> list[Instance]:
        """List the instances of a place ("": of all) that have log files we understand.

        Raises: Throttled, Unreachable, TimedOut, AccessDenied, ConfigError.
        """

    def log_files(self, instance_id: str, *, written_since_ms: int = 0, name_contains: str = "") -> list[ListedFile]:
        """List an instance's files, whole or not at all (RDS-06).

        Raises: Throttled, Unreachable, TimedOut, AccessDenied, InstanceGone, InstanceNotReady.
        """

    def read(self, instance_id: str, log_file_name: str, marker: str, *, max_lines: int = 0) -> Answer:
        """Read behind `marker` ("0": from the start; "": the last `max_lines` lines, to learn the end marker).

        max_lines: 0 = as many as the source gives (RDS: 10,000 and about 1 MiB).
        Raises: Throttled, Unreachable, TimedOut, AccessDenied, InstanceGone, InstanceNotReady, LogFileGone,
        BinaryRefused, MarkerRefused.
        """

    def complete_file(self, instance_id: str, log_file_name: str) -> AbstractContextManager[Iterator[bytes]]:
        """Open the whole file as a stream of pieces of at most 1 MiB, one call of the budget.

        A stream that breaks raises Unreachable or TimedOut from the iterator. Raises also: Throttled, AccessDenied,
        InstanceGone, LogFileGone, CompleteFileRefused.
        """


class Inspected(LogSource, Protocol):
    """A source as `doctor` looks at it: also at what the databases are told, and at the other side's clock."""

    def log_settings(self, instance_id: str) -> LogSettings | None:
        """Return how an instance of the last `instances()` is told to log; None where nobody can tell (a folder).

        Raises: Throttled, Unreachable, TimedOut, AccessDenied.
        """

    def skew_sec(self) -> float | None:
        """Return by how much the other side's clock was ahead of ours in its last answer; None before any."""


class Delivery(Protocol):
    """A task handed to a worker, to be acked or retried later."""

    @property
    def task(self) -> Task: ...

    def ack(self) -> None:
        """The hint is used up."""

    def retry_later(self, delay_sec: float) -> None:
        """Hand the task out again after `delay_sec` seconds."""


class Queue(Protocol):
    """Carries hints from discovery to processors. May lose, double and delay them: the state store is the truth."""

    def put(self, task: Task, *, deadline_ms: int = 0) -> None:
        """Add a hint; returns when it is durable. Twice the same file before a take is one delivery (embedded).

        deadline_ms: epoch ms when the source deletes the file; earlier deadlines are handed out first. 0: unknown.
        Raises: Transient; of a distributed queue also ConfigError (no such topic, no access) and Permanent (too large).
        """

    def take(self, wait_sec: float) -> Delivery | None:
        """Take the most urgent task; None when there was none for `wait_sec` seconds.

        Raises: Transient, with the reason why nothing can come now; a worker outlives it.
        """

    def look(self) -> None:
        """Ask whether hints can be carried now; for /readyz. Raises: Transient, ConfigError."""


class StateStore(Protocol):
    """What survives a kill. Each method is one conditional write or one consistent read (reliability.md §5.2).

    A Conflict means that the condition failed; whether by somebody else or by our own lost answer is found out by
    `checkpoint()`: see stages/claim.py. Raises everywhere: Transient (not applied), StateAnswerLost (may be applied).
    """

    # instances (discovery)
    def save_instance(self, row: TrackedInstance) -> None:
        """Insert or update what RDS tells of an instance, and when; leaves what its listings told and their lease alone."""

    def instances(self) -> list[TrackedInstance]:
        """Return all instance rows."""

    def lease_listing(self, instance_id: str, owner: str, *, now_sec: int, until_sec: int) -> bool:
        """Take the right to list this instance until `until_sec`; False when another owner's lease is live.

        A key that begins with # is the lease of other work that replicas share, and no instance.
        """

    def listing_done(self, row: TrackedInstance) -> bool:
        """Write what a listing told, and in `lease_until` when the next one is due; until then nobody lists the instance.

        Only while the lease is still `row.lease_owner`'s; False else.
        """

    def forget_instance(self, instance_id: str) -> None:
        """Delete an instance's row, with its lease; silent when absent."""

    # tracking rows (discovery: W1-W3, W12; worker: W9, W10, W11, W13)
    def see(self, row: TrackedFile) -> bool:
        """W1: insert; False when the row exists (it is left as it is)."""

    def grow(self, instance_id: str, log_file_name: str, *, file_size: int, last_written: int, now_sec: int) -> None:
        """W2: new size and time; status `discovered`. Missing row: Conflict. Resets `missing`."""

    def queued(self, instance_id: str, log_file_name: str, now_sec: int) -> None:
        """W3: the queue confirmed the hint."""

    def missed(self, instance_id: str, log_file_name: str, missing: int) -> None:
        """The file lacked in `missing` whole listings in a row."""

    def tracked(self, instance_id: str) -> list[TrackedFile]:
        """Return all rows of an instance."""

    def track_progress(self, instance_id: str, log_file_name: str, delivered: Delivered, *, status: str, now_sec: int,
                       error: str = "", as_listed: TrackedFile | None = None) -> bool:
        """W9, W10, W13: the worker's half of the row; it is not audited any more.

        Only while no claim of a later epoch has written it and, `as_listed` given, the row still has that size and
        last-written time (False else).
        """

    def audited(self, instance_id: str, log_file_name: str, *, delivered_bytes: int, now_sec: int) -> bool:
        """W11: only while status is `completed` and delivered_bytes unchanged; False else."""

    def prune(self, instance_id: str, log_file_name: str) -> None:
        """W12: delete the tracking row."""

    # checkpoints
    def checkpoint(self, instance_id: str, log_file_name: str) -> Checkpoint | None:
        """Read the row consistently."""

    def take_claim(self, initial: Checkpoint, *, owner: str, now_ms: int, until_ms: int) -> Checkpoint:
        """W4: take lease and raise epoch when free or over; a missing row starts as `initial`. Raises: ClaimHeld."""

    def renew(self, claimed: Checkpoint, *, until_ms: int) -> None:
        """W5. Condition: lease_owner and epoch of `claimed`. Raises: EpochMoved."""

    def intend(self, claimed: Checkpoint, intent: Intent, *, until_ms: int) -> None:
        """W6. Condition: mine, no intent, byte_offset == claimed.byte_offset. Raises: EpochMoved."""

    def advance(self, claimed: Checkpoint, intent_id: str, moved: Checkpoint) -> None:
        """W7: replace the row by `moved` (which may hold the following intent). Condition: mine, `intent.id` == intent_id
        ("": no intent open). Raises: EpochMoved."""

    def release(self, claimed: Checkpoint, *, withdraw_intent: bool) -> None:
        """W9, W10: end the lease; keep the intent unless it was surely never sent. Condition: mine. Raises: EpochMoved."""

    # dead letters
    def bury(self, letter: DeadLetter) -> None:
        """W8: insert, or raise retry_count and failed_at of the same message_id. Durable when it returns."""

    def dead_letter(self, message_id: str) -> DeadLetter | None:
        """Read one."""

    def dead_letters(self, *, gaps: bool = False) -> list[DeadLetter]:
        """Return the open dead letters, or the gaps, oldest failure first."""

    def delete_dead_letter(self, message_id: str) -> None:
        """Remove one whose range was delivered; silent when absent."""


class StateAdmin(Protocol):
    """What operators see and repair; the same adapters as StateStore."""

    def all_tracked(self) -> list[TrackedFile]: ...

    def checkpoints(self) -> list[Checkpoint]: ...

    def dead_letters(self, *, gaps: bool = False) -> list[DeadLetter]:
        """Return the open dead letters, or the gaps."""


class BudgetStore(Protocol):
    """The shared API budget, a row of the state store; the same adapters as StateStore.

    Raises everywhere: Transient (not applied), StateAnswerLost (may be applied), ConfigError.
    """

    def api_budget(self, budget_id: str) -> ApiBudget | None:
        """Read the row consistently."""

    def save_api_budget(self, budget: ApiBudget, *, seen: int) -> bool:
        """Write the row if its version still is `seen` (0: there is no row); False else. `budget.version` is seen + 1."""


class QueueAdmin(Protocol):
    """What operators see of a distributed queue. Used by one thread. All raise: Transient, ConfigError."""

    def lags(self) -> GroupLags:
        """Return how many hints wait in each partition, and who reads it."""

    def topics(self) -> list[TopicShape]:
        """Return the topics as they are."""


class Provisioning(Protocol):
    """What must exist at the other side before services run (tables, topics); one adapter each. Used by one thread."""

    def names(self) -> list[str]:
        """Names of all things of the contract, in the order of their making."""

    def look(self, name: str) -> Shape:
        """Compare one thing with the contract; changes nothing. Raises: Transient, ConfigError."""

    def make(self, name: str) -> None:
        """Make what is missing of one thing; returns when it can be used. Twice is harmless. Raises: Transient, ConfigError."""


class Sink(Protocol):
    """Where records go. A batch counts as delivered only on a strict receipt (law 3)."""

    settle_sec: float
    """How long after an unknown outcome a search proves absence: 0 for files, > POST_TIMEOUT_SEC + search lag for OpenObserve."""

    def oldest_us(self) -> int:
        """Return the `_timestamp` below which records would be refused now, microseconds since 1970; 0: none would.

        It moves with the time and is learned from refusals: ask before each `ship`.
        """

    def ship(self, batch: Batch, lines: Sequence[bytes]) -> Receipt:
        """Store `lines` (all or the missing ones of `batch`); returns only when all are stored.

        Raises: Unreachable, TimedOut, SinkBusy, DiskFull, BreakerOpen (surely not stored), SinkRejected and its leaves
        (surely not stored, permanent for some record), ReceiptMissing and ReceiptPartial (unknown), AccessDenied,
        ConfigError.
        """

    def stored(self, log_type: str, file_key: str, from_offset: int, to_offset: int, *,
               span_us: tuple[int, int] | None = None) -> Mapping[bytes, int]:
        """Return how often each record id of this file key with an entry offset in [from_offset, to_offset) is stored.

        span_us: lowest and highest `_timestamp` of the records that are looked for, where the caller knows them: a sink
        that sorts by time looks around there only. None: at all times.
        A partial or failing search raises (Unreachable, TimedOut, SinkBusy, BreakerOpen, AccessDenied, ConfigError) and
        is never read as "nothing found".
        """

    def break_off(self) -> None:
        """End requests under way (Unknown; a search: Transient), take no later ones. Called once, late in a stop; raises nothing."""


class Shelter(Protocol):
    """Where records of files that RDS deletes soon are parked while the sink is away (RESCUE_DIR)."""

    is_sink_away: bool
    """What the last request to the sink told; set by whoever ships."""

    def has_room(self, size_bytes: int) -> bool:
        """Tell whether RESCUE_MAX_BYTES allow so many more."""

    def park(self, batch: Batch, lines: Sequence[bytes]) -> None:
        """Keep `lines` of the batch; durable when it returns. Raises: DiskFull, Unreachable, AccessDenied."""


class Insights(Protocol):
    """Questions about delivered records. In the answers of `search`, `volumes` and `fold_statements` each record stands once."""

    def query(self, sql: str, *, limit_sec: float, max_rows: int) -> Table:
        """Answer one reading statement over the streams as tables, in the SQL of the sink.

        Raises: Permanent (not one reading statement, or the sink refuses it), TimedOut, Unreachable, AccessDenied.
        """

    def search(self, text: str, *, log_types: tuple[str, ...] = (), instance_id: str = "", user_name: str = "",
               since_us: int = 0, until_us: int = 1 << 62, limit: int = 100) -> Table:
        """Find records whose text contains `text` (any case), newest first; all common columns. Raises as `query`.

        since_us, until_us: lowest and highest `_timestamp`.
        """

    def volumes(self) -> list[Volume]:
        """Return what is stored, by instance and log type, in this order. Raises as `query`."""

    def newest(self, instance_id: str) -> dict[str, int]:
        """Return the time of an instance's newest record by log type, microseconds since 1970. Raises as `query`."""

    def fold_statements(self, start: Callable[[], T], add: Callable[[T, list[Statement]], None], *,
                        instance_id: str = "", since_us: int = 0, until_us: int = 1 << 62, limit_sec: float = 60.0) -> T:
        """Pass all statements with a duration to `add`, in lists of some thousand, and return what `start` made.

        start: makes an empty total; called again when the reading has to begin anew. Raises as `query`.
        """


class Ports:
    """All ports of one process, made by wiring. A process that only discovers has no sink. shelter: None where rescue is off."""

    __slots__ = ("clock", "queue", "random", "shelter", "sink", "source", "state", "workers")
    sink: Sink

    def __init__(self, *, source: LogSource, queue: Queue, state: StateStore, clock: Clock, random: Random, workers: Workers,
                 sink: Sink | None = None, shelter: Shelter | None = None) -> None:
        self.source, self.queue, self.state = source, queue, state
        self.clock, self.random, self.workers, self.shelter = clock, random, workers, shelter
        if sink is not None:
            self.sink = sink


__all__ = [
    "BudgetStore", "Clock", "Delivery", "Insights", "Inspected", "LogFile", "LogSource", "Ports", "Provisioning", "Queue", "QueueAdmin", "Random",
    "Shelter", "Sink", "StateAdmin", "StateStore", "Workers",
]
