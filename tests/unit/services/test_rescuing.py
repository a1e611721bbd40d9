"""Rescue, batch by batch: what is parked is no delivery, the audit waits for the export, and the ids stay the same."""

import pytest
from tests.contracts.samples import CountedRandom
from tests.unit.stages.stage_bench import FAMILY, MemorySource, entry, rotated

from aurora_logs.adapters.embedded.directory import DataDirectory
from aurora_logs.adapters.embedded.shelter import FileShelter, Parked
from aurora_logs.errors import BreakerOpen, DirectoryInUse, DiskFull, RecordTooOld, TimedOut, Unreachable
from aurora_logs.intake import open_intake
from aurora_logs.ops.export import Export, _batch
from aurora_logs.records.fleet import ListedFile
from aurora_logs.records.wire import record_id_of
from aurora_logs.services.auditing import Auditor
from aurora_logs.services.discovery import Discovery
from aurora_logs.services.processor import Processor
from aurora_logs.services.rescuing import Rescuer

OLD = rotated(6)
TEXT = b"".join(entry(number) for number in range(60))
HOUR_MS = 3_600_000


class Outage:
    """A rotated hour of 60 records that RDS deletes in one hour, a shelter, and a sink whose breaker is open."""

    def __init__(self, bench, folder, *, left_hours=1.0, most_bytes=10_000_000, error=BreakerOpen):
        self.source = MemorySource(**{FAMILY: b"", OLD: TEXT})
        self.bench = bench(self.source, batch_size=10, max_retries=3)
        now_ms = self.bench.clock.now_us() // 1000
        self.source.listed = [ListedFile(log_file_name=FAMILY, size_bytes=0, last_written_ms=now_ms),
                              ListedFile(log_file_name=OLD, size_bytes=len(TEXT),
                                         last_written_ms=now_ms - int((24 - left_hours) * HOUR_MS))]
        self.folder = folder
        self.shelter = FileShelter(DataDirectory(folder), self.bench.clock, CountedRandom(), most_bytes=most_bytes)
        self.bench.ports.shelter = self.shelter
        ports, settings = self.bench.ports, self.bench.settings
        self.discovery = Discovery(ports, settings, "run-1")
        self.processor = Processor(ports, settings, self.discovery.listing, "run-1")
        self.auditor = Auditor(ports, settings, self.discovery.listing, "run-1/a")
        self.rescuer = Rescuer(ports, settings, self.discovery.listing, "run-1/r", open_intake(ports, settings))
        self.bench.sink.script["ship"] = [error("planted")] * 400
        self.discovery.cycle()

    def letters(self):
        return self.bench.real_state.dead_letters()

    def row(self):
        return next(row for row in self.bench.state.tracked("db-1") if row.log_file_name == OLD)

    def export(self):
        self.bench.sink.script.clear()
        work = Export(self.bench.sink, self.bench.real_state, self.bench.clock, restamp=False)
        place, done = Parked(self.folder), []
        for one, exported in work.deliver(place.batches()):
            if exported.outcome == "delivered":
                place.remove(one)
            done.append(exported)
        return done


@pytest.fixture
def outage(bench, tmp_path):
    return lambda **changes: Outage(bench, tmp_path / "shelter", **changes)


@pytest.mark.parametrize("error", [BreakerOpen, Unreachable])
def test_what_is_near_its_deletion_is_parked_and_passed(outage, error):
    one = outage(error=error)
    one.processor.work_once(0.0)

    assert one.row().status == "completed"
    assert {letter.reason for letter in one.letters()} == {"rescued"}
    assert sum(letter.to_position - letter.from_position for letter in one.letters()) == len(TEXT)
    assert one.bench.stored_lines() == []


def test_what_has_time_waits_for_the_sink(outage):
    one = outage(left_hours=3.0)
    one.bench.sink.script["ship"] = [BreakerOpen("planted")] * 10
    one.processor.work_once(0.0)

    assert one.letters() == []
    assert len(one.bench.stored_lines()) == 60, "delivered when the sink was back"


def test_a_shelter_without_room_takes_nothing(outage):
    one = outage(most_bytes=10)
    one.bench.sink.script["ship"] = [BreakerOpen("planted")] * 10
    one.processor.work_once(0.0)

    assert one.letters() == []
    assert len(one.bench.stored_lines()) == 60


def test_a_search_that_fails_after_an_unknown_outcome_parks_the_batch_too(outage):
    """REL-120: what may be stored is looked for by the export."""
    from aurora_logs.errors import ReceiptMissing

    one = outage()
    one.bench.sink.script["ship"] = [ReceiptMissing("reset"), *[BreakerOpen("planted")] * 100]
    one.bench.sink.script["stored"] = [TimedOut("planted")] * 50
    one.processor.work_once(0.0)

    assert len({letter.message_id for letter in one.letters()}) == 6


def test_the_export_gives_the_same_ids_and_closes_the_letters(outage):
    one = outage()
    one.processor.work_once(0.0)
    done = one.export()
    ids = [record_id_of(line) for line in one.bench.stored_lines()]

    assert [(exported.sent, exported.outcome) for exported in done] == [(10, "delivered")] * 6
    assert len(ids) == len(set(ids)) == 60
    assert one.letters() == []
    assert one.export() == []


def test_an_export_that_was_cut_off_sends_only_the_rest(outage):
    one = outage()
    one.processor.work_once(0.0)
    one.bench.sink.script.clear()
    place = Parked(one.folder)
    work = Export(one.bench.sink, one.bench.real_state, one.bench.clock, restamp=False)
    next(iter(work.deliver(place.batches())))  # delivered, and killed before its file was removed

    assert [exported.sent for exported in one.export()] == [0, 10, 10, 10, 10, 10]
    assert len(one.bench.stored_lines()) == 60


def test_what_the_sink_refuses_stays_parked(outage):
    one = outage()
    one.processor.work_once(0.0)
    work = Export(one.bench.sink, one.bench.real_state, one.bench.clock, restamp=False)
    one.bench.sink.script["ship"] = [RecordTooOld("window 5 h")]
    outcomes = [exported.outcome for _, exported in work.deliver(Parked(one.folder).batches())]

    assert [("too old" in outcome or "age" in outcome) for outcome in outcomes] == [True, *[False] * 5]
    assert len(one.letters()) == 1


def test_the_audit_waits_for_the_export_and_then_passes_though_rds_has_deleted_the_file(outage):
    """Law 3: the records were counted when they were parked, so the sum is right once they are delivered."""
    one = outage()
    one.processor.work_once(0.0)
    one.bench.clock.sleep(100)
    one.bench.sink.script.clear()
    assert one.auditor.round() == 0
    assert one.row().audited_at == 0
    one.source.listed = one.source.listed[:1]
    del one.source.files[OLD]
    one.export()
    for _ in range(4):
        one.bench.clock.sleep(400)
        one.discovery.cycle()
    one.auditor.round()

    assert one.bench.real_state.dead_letters(gaps=True) == []
    rows = {row.log_file_name: row for row in one.bench.state.tracked("db-1")}
    assert OLD not in rows or rows[OLD].audited_at


def test_the_rescuer_reads_what_nobody_has_taken_while_the_sink_is_away(outage):
    one = outage()
    assert one.rescuer.round() == 0, "as long as nobody met a failing sink there is no outage"
    one.shelter.is_sink_away = True
    assert one.rescuer.round() == 1
    assert one.row().status == "completed"
    assert len(one.letters()) == 6


def test_only_one_export_at_a_time(outage):
    one = outage()
    with Parked(one.folder).alone(), pytest.raises(DirectoryInUse), Parked(one.folder).alone():
        pass


def test_two_workers_that_saw_the_same_room_do_not_both_take_it(outage):
    one = outage(most_bytes=10_000)
    one.processor.work_once(0.0)
    used = sum(path.stat().st_size for path in one.folder.glob("batches/*/*"))
    assert 0 < used == one.shelter.used_bytes <= 10_000
    batch = Parked(one.folder).batches()[0]
    lines = batch.path.read_bytes().splitlines(keepends=True) * 10
    with pytest.raises(DiskFull):
        one.shelter.park(_batch(batch, lines), lines)
    assert one.shelter.used_bytes == used
