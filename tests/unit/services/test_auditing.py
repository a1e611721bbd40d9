"""Auditing: closed files are proved against the sink, what is missing is found and sent again, letters are replayed."""

import pytest
from tests.unit.stages.stage_bench import FAMILY, FORMAT, INSTANCE, MemorySource, entry, hour, rotated

from aurora_logs.errors import BinaryRefused, ClaimHeld, CompleteFileRefused, SinkRejected, TimedOut
from aurora_logs.records.fleet import TrackedInstance, delivered_of
from aurora_logs.records.letters import range_letter
from aurora_logs.records.wire import record_id_of
from aurora_logs.services.auditing import Auditor, replay_letter
from aurora_logs.services.discovery import Discovery
from aurora_logs.services.processor import Processor
from aurora_logs.stages.discover import FamilyFiles, log_file

OLD = rotated(6)
TEXT = b"".join(entry(number, f"SELECT '{'x' * (number % 40)}'") for number in range(200))


class Audited:
    """One drained rotated hour of 200 records in the sink's files, and an auditor."""

    def __init__(self, bench):
        self.source = MemorySource(**{FAMILY: b"", OLD: TEXT})
        self.bench = bench(self.source, batch_size=50)
        ports, settings = self.bench.ports, self.bench.settings
        self.discovery = Discovery(ports, settings, "run-1")
        self.processor = Processor(ports, settings, self.discovery.listing, "run-1")
        self.auditor = Auditor(ports, settings, self.discovery.listing, "run-1/a")
        self.discovery.cycle()
        while self.bench.queue.waiting():
            self.processor.work_once(0.0)
            self.bench.clock.sleep(1)
        self.delivered = sorted(self.bench.stored_lines())
        assert len(self.delivered) == 200

    def row(self):
        return next(row for row in self.bench.state.tracked("db-1") if row.log_file_name == OLD)

    def files(self):
        return sorted(self.bench.held.directory.batches.glob("*/*.ndjson"))

    def with_another_id(self):
        """Give a stored record another offset in its id; return the line as it was."""
        path = self.files()[1]
        line, *others = path.read_bytes().splitlines(keepends=True)
        record_id = record_id_of(line)
        offset = record_id.split(b"-")[1]
        other = record_id.replace(offset, b"%0*x" % (len(offset), int(offset, 16) + 1))
        path.write_bytes(b"".join([line.replace(record_id, other), *others]))
        return line

    def bury(self, begin, end, reason="unreadable"):
        file = log_file(INSTANCE, FAMILY, "slowquery")
        letter = range_letter(file, hour(6), begin, end, reason, "planted", self.bench.clock.now_us() // 1_000_000)
        self.bench.real_state.bury(letter)
        return letter

    def replay(self, letter):
        file = log_file(INSTANCE, FAMILY, "slowquery")
        files = FamilyFiles(self.discovery.listing, self.bench.state, INSTANCE, FAMILY, self.bench.clock,
                            self.bench.settings)
        return replay_letter(letter.message_id, file, FORMAT, files, self.bench.ports, self.bench.settings, "run-1")


@pytest.fixture
def audited(bench):
    return Audited(bench)


def test_a_complete_file_is_marked_once(audited):
    """W11: the second round has nothing to do."""
    assert audited.auditor.round() == 1
    assert audited.row().audited_at
    searches = audited.bench.sink.calls.count("stored")
    assert audited.auditor.round() == 0
    assert audited.bench.sink.calls.count("stored") == searches


def test_replicas_do_an_audit_once_and_the_next_one_goes_on_when_the_first_is_gone(audited):
    """Each instance's audits are leased; a lease that nobody renews ends."""
    bench = audited.bench
    second = Auditor(bench.ports, bench.settings, audited.discovery.listing, "run-1/b")
    assert audited.auditor.round() == 1
    searches = bench.sink.calls.count("stored")
    bench.state.track_progress("db-1", OLD, delivered_of(audited.row()), status="completed", now_sec=1)
    assert second.round() == 0
    assert bench.sink.calls.count("stored") == searches
    bench.clock.sleep(2 * max(bench.settings.interval_sec, bench.settings.lease_sec) + 1)

    assert second.round() == 1
    assert audited.auditor.round() == 0


def test_what_the_sink_lost_is_found_and_sent_again_exactly(audited):
    """REL-151, 152: one batch of four never was there; the next round proves the file."""
    audited.files()[2].unlink()
    before = audited.bench.row()
    assert audited.auditor.round() == 0
    assert sorted(audited.bench.stored_lines()) == audited.delivered
    assert audited.auditor.round() == 1
    after = audited.bench.row()
    assert (after.segment_id, after.byte_offset, after.record_count) == (before.segment_id, before.byte_offset,
                                                                        before.record_count)


def test_a_search_that_fails_gives_no_verdict(audited):
    """REL-155."""
    audited.bench.sink.script["stored"] = [TimedOut("search")]
    assert audited.auditor.round() == 0
    assert not audited.row().audited_at
    assert audited.auditor.round() == 1


def test_a_file_in_work_is_audited_later(audited):
    audited.files()[0].unlink()
    audited.bench.state.script["take_claim"] = [ClaimHeld("somebody")]
    assert audited.auditor.round() == 0
    audited.auditor.round()
    assert audited.auditor.round() == 1
    assert sorted(audited.bench.stored_lines()) == audited.delivered


def test_a_live_file_is_not_audited(audited):
    audited.source.files[FAMILY] = entry(1) + entry(2)
    audited.bench.clock.sleep(31)
    audited.discovery.cycle()
    for _ in range(4):
        audited.processor.work_once(0.0)
        audited.bench.clock.sleep(1)
    audited.auditor.round()
    live = next(row for row in audited.bench.state.tracked("db-1") if row.log_file_name == FAMILY)
    assert (live.records, live.audited_at) == (2, 0)


def test_a_file_that_is_gone_from_rds_and_lacks_records_is_a_gap(audited):
    """REL-154."""
    audited.files()[1].unlink()
    for missing in (1, 2, 3):
        audited.bench.real_state.missed("db-1", OLD, missing)
    audited.auditor.round()
    (gap,) = audited.bench.real_state.dead_letters(gaps=True)
    assert gap.reason == "lost_at_sink"
    assert "150 of 200" in gap.error
    assert audited.row().audited_at


def test_a_replay_that_is_refused_again_stays_a_dead_letter(audited):
    """OO-98, BAN-L: what the sink still does not take is not forgotten; of a wider range each record has its own letter."""
    three_bytes = sum(len(entry(number, f"SELECT '{'x' * number}'")) for number in range(3))
    letter = audited.bury(0, three_bytes, reason="rejected")
    for path in audited.files():
        path.unlink()
    audited.bench.sink.script["ship"] = [SinkRejected("still")] * 50
    assert audited.replay(letter) == 0
    again = sorted(audited.bench.real_state.dead_letters(), key=lambda one: one.from_position)
    assert (len(again), again[0].from_position, again[-1].to_position) == (3, 0, three_bytes)

    assert audited.replay(again[1]) == 0
    kept = audited.bench.real_state.dead_letter(again[1].message_id)
    assert kept.retry_count == again[1].retry_count + 1

    audited.bench.sink.script["ship"] = []
    assert [audited.replay(one) for one in again] == [1, 1, 1]
    assert audited.bench.real_state.dead_letters() == []


def test_a_replay_sends_what_its_range_lacks_and_nothing_else(audited):
    """NAM-23: an unknown id is nothing to do; a second replay neither."""
    lines = audited.delivered
    first = len(b"".join(entry(number, f"SELECT '{'x' * (number % 40)}'") for number in range(50)))
    for path in audited.files()[:2]:
        path.unlink()
    letter = audited.bury(0, first, "rejected")
    assert audited.replay(letter) == 50
    assert audited.bench.real_state.dead_letters() == []
    assert audited.replay(letter) == 0
    stored = sorted(audited.bench.stored_lines())
    assert len(stored) == 150
    assert set(stored) < set(lines)


def test_unreadable_ranges_of_closed_files_are_read_again_by_themselves(audited):
    """RDS-73."""
    audited.files()[0].unlink()
    first = len(b"".join(entry(number, f"SELECT '{'x' * (number % 40)}'") for number in range(50)))
    audited.bury(0, first)
    audited.auditor.round()
    assert audited.bench.real_state.dead_letters() == []
    assert sorted(audited.bench.stored_lines()) == audited.delivered


def test_a_range_that_stays_unreadable_is_asked_for_less_and_less(audited):
    """RDS-74: the pause doubles; the letter stays open."""
    tries = []

    def refused(instance_id, log_file_name, marker, **_):
        tries.append(marker)
        raise BinaryRefused("still")

    audited.source.read = refused
    audited.source.complete_file = refused_file
    audited.bury(0, 500)
    for _ in range(40):
        audited.auditor.round()
        audited.bench.clock.sleep(30)
    assert len(audited.bench.real_state.dead_letters()) == 1
    assert audited.bench.real_state.dead_letters()[0].retry_count <= 8
    assert sorted(audited.bench.stored_lines()) == audited.delivered
    assert tries


def refused_file(*_):
    raise CompleteFileRefused("no")


def test_letters_of_unknown_instances_are_left_alone(audited):
    audited.bury(0, 500)
    other = TrackedInstance(instance=INSTANCE.__class__(instance_id="db-1", resource_id="db-OTHER", engine="aurora-mysql"))
    audited.bench.real_state.save_instance(other)
    audited.auditor.round()
    assert len(audited.bench.real_state.dead_letters()) == 1


def test_as_many_records_as_were_delivered_are_no_proof_when_they_are_others(audited):
    """The ids are compared: one is missing, and one is there that no delivery wrote."""
    replaced = audited.with_another_id()

    assert audited.auditor.round() == 0
    assert replaced in audited.bench.stored_lines()
    assert not audited.row().audited_at


def test_other_records_of_a_file_that_is_gone_are_in_doubt(audited):
    """As many as were delivered, but not the same ones, and nobody can read the file again."""
    audited.with_another_id()
    for missing in (1, 2, 3):
        audited.bench.real_state.missed("db-1", OLD, missing)

    audited.auditor.round()

    letters = [*audited.bench.real_state.dead_letters(), *audited.bench.real_state.dead_letters(gaps=True)]
    assert [letter.reason for letter in letters] == ["in_doubt"]
