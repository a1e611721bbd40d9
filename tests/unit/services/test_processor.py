"""Processor: what each branch of the error tree leads to, for the hint, the row and the next try."""

import msgspec
import pytest
from msgspec.structs import replace
from tests.unit.stages.stage_bench import FAMILY, INSTANCE, MemorySource, checkpoint, entry, hour

from aurora_logs.errors import (
    AccessDenied,
    BinaryRefused,
    CompleteFileRefused,
    InstanceNotReady,
    LogFileGone,
    Throttled,
    Unreachable,
)
from aurora_logs.records.fleet import TrackedInstance
from aurora_logs.records.flow import Answer, Task
from aurora_logs.records.letters import range_letter
from aurora_logs.segments import CHECK_BYTES
from aurora_logs.services.discovery import Discovery
from aurora_logs.services.processor import Processor
from aurora_logs.stages.discover import log_file

TEXT = b"".join(entry(number) for number in range(20))


class Work:
    """A bench with discovery and a processor on a source in memory, whose reads a test can let fail."""

    def __init__(self, bench, **settings):
        self.source = MemorySource(**{FAMILY: TEXT})
        self.bench = bench(self.source, **settings)
        self.errors, read = [], self.source.read

        def failing(*arguments, **named):
            if self.errors:
                raise self.errors.pop(0)
            return read(*arguments, **named)

        self.source.read = failing
        ports = self.bench.ports
        self.discovery = Discovery(ports, self.bench.settings, "run-1")
        self.processor = Processor(ports, self.bench.settings, self.discovery.listing, "run-1")
        self.discovery.cycle()

    def row(self):
        (found,) = self.bench.state.tracked("db-1")
        return found

    def waiting(self):
        return self.bench.queue.waiting()


@pytest.fixture
def work(bench):
    return lambda **settings: Work(bench, **settings)


def test_a_file_brought_up_to_date_uses_the_hint_up(work):
    one = work()
    progress = one.processor.work_once(0.0)
    assert progress.records in (19, 20)
    for _ in range(4):  # the last entry is complete once nothing follows it
        one.bench.clock.sleep(1)
        one.processor.work_once(0.0)
    assert (one.waiting(), one.row().status, one.row().delivered_bytes, one.row().records) == (0, "completed", len(TEXT), 20)
    assert len(one.bench.stored_lines()) == 20


@pytest.mark.parametrize("error", [Throttled("rate", retry_after_sec=7.0), Unreachable("500"), InstanceNotReady("paused")])
def test_a_transient_error_keeps_the_hint_and_fails_nothing(work, error):
    """§12.1: the same marker again, later."""
    one = work()
    one.errors = [error]
    assert one.processor.work_once(0.0) is None
    assert (one.waiting(), one.row().status, one.row().error) == (1, "discovered", "")
    assert one.processor.work_once(0.0) is None, "not at once"
    one.bench.clock.sleep(error.retry_after_sec or 2)
    assert one.processor.work_once(0.0).records


@pytest.mark.parametrize("error", [AccessDenied("rds:DownloadDBLogFilePortion"), BinaryRefused("x")])
def test_what_will_not_work_this_way_is_said_on_the_row_and_left_to_discovery(work, error):
    one = work()
    one.source.complete_file = lambda *_: (_ for _ in ()).throw(AccessDenied("rds:DownloadCompleteDBLogFile"))
    one.errors = [error] * 50
    assert one.processor.work_once(0.0) is None
    assert (one.waiting(), one.row().status) == (0, "failed")
    assert one.row().error
    one.errors = []
    one.bench.clock.sleep(5 * 30 + 1)
    one.discovery.cycle()
    assert one.processor.work_once(0.0).records


def test_a_file_in_other_hands_is_left_to_them(work):
    """REL-116: the hint is acked; discovery notices if it was needed."""
    one = work()
    with one.bench.claim(checkpoint(segment_id=hour(7))):
        assert one.processor.work_once(0.0) is None
    assert one.waiting() == 0
    assert one.row().status == "discovered"


def test_a_replay_of_a_file_in_other_hands_comes_again(work):
    """RUN-52, NAM-23: nobody else queues a replay again, so its hint is not used up."""
    one = work()
    one.bench.queue.take(0.0).ack()
    letter = range_letter(log_file(INSTANCE, FAMILY, "slowquery"), one.row().segment_id, 0, len(entry(0)), "rejected", "no", now_sec=1)
    one.bench.real_state.bury(letter)
    one.bench.queue.put(msgspec.json.decode(letter.original_message, type=Task), deadline_ms=0)
    with one.bench.claim(checkpoint(segment_id=hour(7))):
        assert one.processor.work_once(0.0) is None
    assert one.waiting() == 1


def test_a_file_that_seems_gone_is_not_given_up_at_once(work):
    """RDS-39."""
    one = work()
    one.errors = [LogFileGone(f"db-1 {FAMILY}")]
    assert one.processor.work_once(0.0).records
    assert one.bench.real_state.dead_letters() == one.bench.real_state.dead_letters(gaps=True) == []


def test_hints_of_unknown_instances_and_unknown_files_are_used_up(work):
    """Law 1: an old hint is harmless."""
    one = work()
    while one.waiting():
        one.processor.work_once(0.0)
        one.bench.clock.sleep(1)
    for changes in ({"instance_id": "gone"}, {"log_file_name": "error/strange.txt"}):
        values = {"instance_id": "db-1", "cluster_id": "", "engine": "aurora-mysql", "log_type": "slowquery",
                  "log_file_name": FAMILY, "last_written": 1, "size": 1, "timestamp": ""}
        one.bench.queue.put(Task(**values | changes))
        assert one.processor.work_once(0.0) is None
    assert one.waiting() == 0


def test_a_doubled_hint_delivers_nothing_twice(work):
    one = work()
    one.processor.work_once(0.0)
    task = Task(instance_id="db-1", cluster_id="", engine="aurora-mysql", log_type="slowquery", log_file_name=FAMILY,
                last_written=1, size=1, timestamp="")
    for _ in range(3):
        one.bench.queue.put(task)
        one.bench.clock.sleep(1)
        one.processor.work_once(0.0)
    assert len(one.bench.stored_lines()) == 20


def test_an_open_end_is_looked_at_again_after_the_time_out_and_then_waits_for_growth(work):
    """FMT-04, RDS-112: no call every BATCH_TIMEOUT_SEC for ever."""
    one = work(batch_timeout_sec=10.0)
    one.source.files[FAMILY] = TEXT + b"# Time: 2026-10-10T06:1"
    one.bench.clock.sleep(31)
    one.discovery.cycle()
    visits = 0
    while one.waiting() and visits < 50:
        visits += 1
        one.processor.work_once(0.0)
        one.bench.clock.sleep(11)
    assert visits <= 5
    assert len(one.bench.stored_lines()) == 19, "what follows the 20th is no head yet"


def test_the_instance_of_a_task_is_what_discovery_knows(work):
    """Cluster, region and account of the records come from the last listing."""
    one = work()
    one.bench.real_state.save_instance(TrackedInstance(instance=replace(INSTANCE, cluster_id="shop")))
    one.processor.work_once(0.0)
    assert b'"cluster_id":"shop"' in one.bench.stored_lines()[0]


class CutInTheTail(MemorySource):
    """An answer that begins with the last bytes already given breaks off in its first line, as RDS cuts lines; no complete file."""

    given = 0

    def read(self, instance_id, log_file_name, marker, *, max_lines=0):
        answer = super().read(instance_id, log_file_name, marker, max_lines=max_lines)
        offset = int(marker.rpartition(":")[2] or 0)
        if offset != self.given - CHECK_BYTES:
            self.given = max(self.given, offset + len(answer.content))
            return answer
        cut = offset + len(answer.content.partition(b"\n")[0]) + 1
        return Answer(content=answer.content[:10] + b"\n [Your log message was truncated]\n", marker=f"{self.ordinal}:{cut}", more=True)

    def complete_file(self, instance_id, log_file_name):
        raise CompleteFileRefused("no")


def test_a_line_cut_inside_the_compared_bytes_moves_nothing_backward(bench):
    """REL-05, REL-10: the bytes before the position are only compared; no gap of a negative size, each record once."""
    source = CutInTheTail(**{FAMILY: b"".join(entry(number) for number in range(40))})
    source.portion_bytes = 1_000
    one = bench(source)
    discovery = Discovery(one.ports, one.settings, "run-1")
    processor = Processor(one.ports, one.settings, discovery.listing, "run-1")
    for _ in range(12):
        discovery.cycle()
        processor.work_once(0.0)
        one.clock.sleep(40)

    assert len(one.stored_lines()) == 40
    assert (one.row().gap_bytes, one.row().byte_offset) == (0, len(source.files[FAMILY]))


def test_an_old_hint_of_a_finished_file_costs_one_read_of_the_state(work):
    """REL-34, 36: no claim, no call to RDS, no request to the sink."""
    one = work()
    while one.waiting():
        one.processor.work_once(0.0)
        one.bench.clock.sleep(1)
    one.bench.queue.put(Task(instance_id="db-1", cluster_id="", engine="aurora-mysql", log_type="slowquery", log_file_name=FAMILY,
                             last_written=1, size=1, timestamp="2026-10-10T00:00:00Z"), deadline_ms=0)
    one.bench.state.calls.clear()
    one.bench.sink.calls.clear()
    reads = len(one.source.reads)

    one.processor.work_once(0.0)

    assert one.waiting() == 0
    assert (one.bench.state.calls, one.bench.sink.calls, len(one.source.reads)) == (["instances", "tracked"], [], reads)


def test_a_turn_that_is_over_leaves_the_rest_to_the_next_one(work):
    """A backlog of one file must not hold a worker for as long as it takes (fair between instances)."""
    one = work(inflight_max_bytes=4 << 20)
    one.source.files[FAMILY] = b"".join(entry(number, "SELECT '" + "x" * 9_000 + "'") for number in range(400))
    one.source.portion_bytes = 100_000
    one.source.complete_file = lambda *_: (_ for _ in ()).throw(CompleteFileRefused("no"))
    one.bench.clock.sleep(31)
    one.discovery.cycle()
    read = one.source.read

    def slow(*arguments, **named):
        one.bench.clock.sleep(5)
        return read(*arguments, **named)

    one.source.read = slow
    first = one.processor.work_once(0.0)
    assert not first.complete
    assert 0 < first.records < 100
    assert one.waiting() == 1
    again = one.processor.work_once(0.0)
    assert again.records, "at once, from where the first turn ended"
    while one.waiting():
        one.processor.work_once(0.0)
        one.bench.clock.sleep(1)
    assert len(one.bench.stored_lines()) == 400
