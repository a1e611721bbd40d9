"""Discovery, processor and auditor with OpenObserve as the sink: what it acknowledged and does not have is found and sent again."""

import contextlib

import pytest
from tests.unit.openobserve.adapter_bench import SLOW, adapter, events
from tests.unit.stages.stage_bench import FAMILY, Bench, MemorySource, entry, rotated

from aurora_logs.services.auditing import Auditor
from aurora_logs.services.discovery import Discovery
from aurora_logs.services.processor import Processor

OLD = rotated(6)
COUNT = 200
TEXT = b"".join(entry(number, f"SELECT '{'x' * (number % 40)}'") for number in range(COUNT))
WINDOW_HOURS = 2000  # the entries are six weeks older than the stand-in's clock


class Collected:
    """One drained rotated hour of 200 records in OpenObserve, and an auditor."""

    def __init__(self, one, folder, **changes):
        self.one, self.bench = one, Bench(folder, MemorySource(**{FAMILY: b"", OLD: TEXT}), batch_size=50, **changes)
        ports, settings = self.bench.ports, self.bench.settings
        ports.sink, ports.clock = one.sink, one.clock
        self.discovery = Discovery(ports, settings, "run-1")
        self.processor = Processor(ports, settings, self.discovery.listing, "run-1")
        self.auditor = Auditor(ports, settings, self.discovery.listing, "run-1")

    def collect(self):
        self.discovery.cycle()
        while self.bench.queue.waiting():
            self.processor.work_once(0.0)
            self.one.clock.sleep(1)
            self.bench.clock.sleep(1)

    def audits(self, rounds=4):
        """Rounds of the auditor until one passes; what each proved."""
        proved = []
        for _ in range(rounds):
            self.one.clock.sleep(60)
            proved.append(self.auditor.round())
        return proved

    def row(self):
        return next(row for row in self.bench.state.tracked("db-1") if row.log_file_name == OLD)

    def ids(self):
        return [row["record_id"] for row in self.one.stored()]


@pytest.fixture
def collecting(tmp_path):
    """Make one; keyword arguments are settings of the stand-in, `settings` those of the product."""
    with contextlib.ExitStack() as stack:
        def make(settings=None, bench=None, **setup):
            one = stack.enter_context(adapter(tmp_path / "server", settings=settings, **{"window_back_hours": WINDOW_HOURS} | setup))
            made = Collected(one, tmp_path / "state", **(bench or {}))
            stack.callback(made.bench.held.close)
            return made

        yield make


def test_a_closed_file_is_proved_once(collecting):
    """OO-91, OO-100: no statistics are asked."""
    one = collecting()
    one.collect()

    assert one.audits(2) == [1, 0]
    assert one.row().audited_at > 0
    assert len(one.ids()) == len(set(one.ids())) == COUNT


@pytest.mark.parametrize(("fault", "more", "missing"), [
    ("lies", {"nth": 2}, 50), ("lies_part", {"nth": 3, "value": 0.5}, 25), ("pipeline_drops", {"value": 0.05}, None),
    ("tail_lost", {"nth": 4, "value": 30_000}, None), ("keeps_newest", {"nth": 4, "value": 0.2}, 160), ("killed", {"nth": 4}, 200)])
def test_what_was_acknowledged_and_is_not_there_is_found_and_sent_again(collecting, fault, more, missing):
    """OO-12, OO-13, OO-92, OO-93, OO-94, REL-58, REL-62, REL-151, REL-152: exactly the missing ones, none twice."""
    one = collecting()
    one.one.plant(fault, 0.0 if "nth" in more else 1.0, **more)
    one.collect()
    one.one.heal(fault)
    before = COUNT - len(one.ids())
    proved = one.audits()

    assert missing in (None, before)
    assert before > 0
    assert len(one.ids()) == len(set(one.ids())) == COUNT
    assert sum(proved) == 1, "the second audit is clean"


def test_copies_in_the_sink_are_no_failure_of_the_audit(collecting):
    """OO-97, REL-153: they are counted once, when the file is proved."""
    one = collecting()
    one.collect()
    stream = one.one.world.streams()[SLOW]
    lines = list(stream.rows.lines())
    stream.rows.append(lines[:70], 0, 1 << 60, wal_bytes=1, now_us=one.one.world.now_us(), fsync=True)

    with events() as seen:
        proved = one.audits(2)

    assert proved == [1, 0]
    assert len(one.ids()) == COUNT + 70
    assert [fields["duplicates"] for _, message, fields in seen if message == "Audit found duplicates"] == [70]


def test_a_search_that_answers_in_part_gives_no_verdict(collecting):
    """OO-129, REL-155: nothing is marked, nothing is sent again."""
    one = collecting()
    one.collect()
    posts = len(one.one.posts())
    one.one.plant("search_partial")
    proved = one.audits(2)
    one.one.heal("search_partial")

    assert (proved, one.row().audited_at, len(one.one.posts())) == ([0, 0], 0, posts)
    one.one.clock.sleep(60)
    assert sum(one.audits(2)) == 1


def test_records_too_old_wait_as_letters_until_the_window_is_raised(collecting):
    """OO-54, OO-55, OO-98, BAN-L01: the file is not stuck, and a replay delivers the range once."""
    one = collecting(window_back_hours=5)
    one.collect()
    letters = sorted(one.bench.state.dead_letters(), key=lambda letter: letter.from_position)
    borders = [letters[0].from_position, *(letter.to_position for letter in letters)]
    assert ({letter.reason for letter in letters}, one.ids()) == ({"too_old"}, [])
    assert [letter.from_position for letter in letters] == borders[:-1], "range by range, without a hole"
    assert (borders[0], borders[-1], one.row().status) == (0, len(TEXT), "completed")

    one.one.world.setup.window_back_hours = WINDOW_HOURS
    one.one.clock.sleep(3601)
    replayed = sum(replay(one, letter) for letter in letters)
    again = sum(replay(one, letter) for letter in letters)

    assert (replayed, again) == (COUNT, 0)
    assert len(one.ids()) == len(set(one.ids())) == COUNT
    assert one.bench.state.dead_letters() == []


def replay(one, letter):
    from tests.unit.stages.stage_bench import FORMAT, INSTANCE

    from aurora_logs.services.auditing import replay_letter
    from aurora_logs.stages.discover import FamilyFiles, log_file

    files = FamilyFiles(one.discovery.listing, one.bench.state, INSTANCE, FAMILY, one.one.clock, one.bench.settings)
    return replay_letter(letter.message_id, log_file(INSTANCE, FAMILY, "slowquery"), FORMAT, files, one.bench.ports,
                         one.bench.settings, "run-1")


def test_restamped_records_are_delivered_proved_and_not_doubled(collecting):
    """OO-57, REL-132: the search covers both times."""
    one = collecting(window_back_hours=5, bench={"late_records": "restamp"})
    one.collect()
    proved = one.audits(2)
    rows = one.one.stored()

    assert len(rows) == len({row["record_id"] for row in rows}) == COUNT
    assert all(row["event_time"] < row["_timestamp"] for row in rows)
    assert sum(proved) == 1
    assert one.bench.state.dead_letters() == []


def test_restamped_records_are_looked_for_at_all_times_before_any_is_sent_again(collecting):
    """OO-57: the reread records have their own time, the stored ones that of their arrival."""
    one = collecting(window_back_hours=5, bench={"late_records": "restamp"})
    one.collect()
    lost = one.one.world.streams()[SLOW].rows.lose_tail(20_000)
    proved = one.audits()

    assert 0 < lost < COUNT
    assert len(one.ids()) == len(set(one.ids())) == COUNT
    assert sum(proved) == 1


def test_a_sink_that_is_away_for_hours_leaves_no_letter_and_loses_nothing(collecting):
    """OO-41, OO-26: the breaker is open, the file waits; then all is delivered."""
    one = collecting()
    one.one.plant("login_refused")
    for _ in range(20):
        one.discovery.cycle()
        for _ in range(3):
            one.processor.work_once(0.0)
        one.one.clock.sleep(1800)
        one.bench.clock.sleep(1800)
    posts = len([entry for entry in one.one.world.journal.entries if entry.status == 401])
    one.one.heal("login_refused")
    for _ in range(5):
        one.collect()
        one.one.clock.sleep(1800)
        one.bench.clock.sleep(1800)

    assert one.bench.state.dead_letters() == []
    assert len(one.ids()) == len(set(one.ids())) == COUNT
    assert posts <= 60, "tries are slow"
