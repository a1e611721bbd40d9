"""discover: listings become rows, rows that lack deliveries become hints; nothing is believed on one listing's word."""

import pytest
from msgspec.structs import replace
from tests.unit.stages.stage_bench import FAMILY, FILE, INSTANCE, MemorySource, checkpoint, hour, rotated, row

from aurora_logs import telemetry
from aurora_logs.errors import Unreachable
from aurora_logs.records.fleet import Delivered, ListedFile
from aurora_logs.stages.discover import GONE_AFTER, FamilyFiles, Listing, deadline_ms, first_checkpoint, hints

PG = "error/postgresql.log.2026-10-10-06"


def listed(name=FAMILY, size=100, at=5_000):
    return ListedFile(log_file_name=name, size_bytes=size, last_written_ms=at)


class Account:
    """A bench, a source whose listing a test sets, and the listing stage on both."""

    def __init__(self, bench, **settings):
        self.source = MemorySource(**{FAMILY: b"x" * 100})
        self.bench = bench(self.source, **settings)
        self.state = self.bench.state
        self.listing = Listing(self.source, self.state, self.bench.clock, self.bench.settings)

    def lists(self, *files):
        self.source.listed = list(files)
        self.bench.clock.sleep(31)
        return {one.log_file_name: one for one in self.listing.rows(INSTANCE)}

    def hints(self):
        return hints(INSTANCE, self.state.tracked("db-1"), self.state, self.bench.clock, self.bench.settings)

    def files(self, family=FAMILY):
        return FamilyFiles(self.listing, self.state, INSTANCE, family, self.bench.clock, self.bench.settings)


@pytest.fixture
def account(bench):
    return lambda **settings: Account(bench, **settings)


def test_a_new_file_is_seen_and_hinted_once_until_the_hint_is_old(account):
    """W1, W3, law 1."""
    one = account()
    one.lists(listed())
    ((task, deadline, members),) = one.hints()
    assert (task.log_file_name, task.size, deadline) == (FAMILY, 100, 5_000 + 24 * 3_600_000)
    for member in members:
        one.state.queued("db-1", member.log_file_name, one.bench.clock.now_us() // 1_000_000 + 1)
    assert one.hints() == []
    one.bench.clock.sleep(40)
    assert len(one.hints()) == 1, "nobody came: again"


@pytest.mark.parametrize("changed", [{"size": 101}, {"at": 5_001}])
def test_size_or_time_alone_is_growth(account, changed):
    """RDS-09, 10."""
    one = account()
    one.lists(listed())
    one.state.track_progress("db-1", FAMILY, Delivered(segment_id=hour(7), delivered_bytes=100, records=1),
                             status="completed", now_sec=1)
    assert one.hints() == []
    assert one.lists(listed(**changed))[FAMILY].status == "discovered"
    assert len(one.hints()) == 1


def test_no_hint_while_somebody_holds_the_file(account):
    one = account()
    one.lists(listed())
    with one.bench.claim(checkpoint(segment_id=hour(7))):
        assert one.hints() == []
    assert len(one.hints()) == 1


def test_a_family_is_one_hint_and_the_nearest_deletion_comes_first(account):
    """§11 rule 2."""
    one = account()
    one.lists(listed(), listed(rotated(6), at=1_000), listed(rotated(7), at=2_000),
              listed("error/mysql-error-running.log", at=500))
    found = one.hints()
    assert [task.log_file_name for task, *_ in found] == [FAMILY, "error/mysql-error-running.log"]
    assert [deadline for _, deadline, _ in found] == sorted(deadline for _, deadline, _ in found)
    assert deadline_ms("aurora-mysql", row(log_type="error", last_written=0)) == 720 * 3_600_000


def test_storage_pressure_puts_another_file_first(account):
    """RDS-110: slow logs of this instance vanish after a few hours, so that they go before the error log does by its rule."""
    one = account()
    now_hour, error = one.bench.clock.now_us() // 3_600_000_000, "error/mysql-error-running.log"

    def aged(name, hours):
        return listed(name, at=(now_hour - hours) * 3_600_000)

    files = [aged(error, 716), aged(FAMILY, 0), aged(rotated(5), 2), aged(rotated(6), 3)]
    one.lists(*files)
    one.state.track_progress("db-1", rotated(6), Delivered(segment_id=hour(6), delivered_bytes=100), status="completed", now_sec=1)
    assert [task.log_file_name for task, *_ in one.hints()] == [error, FAMILY]
    one.lists(*files[:3])
    assert [task.log_file_name for task, *_ in one.hints()] == [FAMILY, error]


def test_an_empty_listing_marks_nothing_gone_at_once(account):
    """RDS-05: gone only after three whole listings; back in between counts from the start."""
    one = account()
    one.lists(listed(), listed(rotated(7)))
    for count in (1, 2):
        assert one.lists()[FAMILY].missing == count
    assert one.lists(listed(), listed(rotated(7)))[FAMILY].missing == 0
    for count in (1, 2, 3, 3):
        assert one.lists(listed())[rotated(7)].missing == min(count, GONE_AFTER)


def test_a_row_made_by_hand_of_a_file_that_no_listing_names_fails_with_a_word(account):
    """RUN-20, REL-48: of keys and a status alone; it waits for as many listings as a file that is gone."""
    one = account()
    one.state.see(row(log_file_name="slowquery/no-such.log", resource_id="", family=""))
    for _ in range(GONE_AFTER - 1):
        assert one.lists(listed())["slowquery/no-such.log"].status == "discovered"
    made = one.lists(listed())["slowquery/no-such.log"]
    assert (made.status, made.error) == ("failed", "unknown to RDS")


@pytest.mark.parametrize(("epoch", "in_doubt_until"), [(0, 0), (1, 100)])
def test_a_file_that_was_claimed_and_has_no_checkpoint_is_searched_for_what_it_sent(epoch, in_doubt_until):
    """RUN-68: the checkpoint was deleted in the first visit, before the tracking row said anything of it."""
    assert first_checkpoint(FILE, [row(file_size=100, delivered_bytes=0, epoch=epoch)]).resend_until == in_doubt_until


def test_a_listing_that_fails_changes_nothing(account):
    """RDS-06."""
    one = account()
    before = one.lists(listed(), listed(rotated(7)))
    one.source.log_files = lambda *_, **__: (_ for _ in ()).throw(Unreachable("page 2"))
    with pytest.raises(Unreachable):
        one.listing.rows(INSTANCE)
    assert {each.log_file_name: each for each in one.state.tracked("db-1")} == before


def test_what_no_format_knows_is_named_once(account):
    """RDS-16."""
    one = account()
    told = []
    telemetry.configure(lambda level, message, fields: told.append((message, fields.get("log_file_name"))))
    try:
        for _ in range(3):
            rows = one.lists(listed(), listed("error/strange.txt"), listed("external/mysql-external.log"))
    finally:
        telemetry.configure(lambda *_: None)
    assert set(rows) == {FAMILY}
    named = [name for message, name in told if message == "Log file not collected"]
    assert sorted(named) == ["error/strange.txt", "external/mysql-external.log"]


@pytest.mark.parametrize(("start_from", "waiting"), [
    ("beginning", {FAMILY, rotated(5), rotated(6)}), ("end", set()), ("90m", {FAMILY, rotated(6)})])
def test_start_from_is_for_the_first_listing_only(account, start_from, waiting):
    """RDS-57, 58: ages count from the newest time that the listing tells."""
    one = account(start_from=start_from)
    now = 100 * 3_600_000
    first = [listed(at=now), listed(rotated(6), at=now - 3_600_000), listed(rotated(5), at=now - 7_200_000)]
    rows = one.lists(*first)
    assert {name for name, each in rows.items() if each.status == "discovered"} == waiting
    assert one.lists(*first, listed(rotated(7), at=now + 1))[rotated(7)].status == "discovered"


def test_from_the_end_waits_until_the_hour_of_the_live_name_is_known(account):
    """RDS-58: until then nothing is read; a rotation meanwhile leaves the position with the hour that it belongs to."""
    one = account(start_from="end")
    read = one.source.read
    one.source.read = lambda *_, **__: (_ for _ in ()).throw(Unreachable("throttled"))
    one.lists(listed(size=100))
    rows = one.lists(listed(size=150, at=6_000))
    assert rows[FAMILY].segment_id == ""
    assert one.hints() == []

    rows = one.lists(listed(size=20, at=9_000), listed(rotated(7), size=160, at=8_000))
    assert (rows[rotated(7)].delivered_bytes, rows[rotated(7)].segment_id, rows[rotated(7)].status) == (
        100, hour(7), "discovered")
    assert (rows[FAMILY].delivered_bytes, rows[FAMILY].status) == (0, "discovered")
    assert first_checkpoint(FILE, one.state.tracked("db-1")).byte_offset == 100
    one.source.read = read
    assert len(one.hints()) == 1


def test_from_the_end_is_not_bound_to_an_hour_that_began_after_the_listing(account):
    """RDS-44, 58: the live name's answer ends before our position: it is another file by now."""
    one = account(start_from="end")
    one.source.files[FAMILY] = b"x" * 30
    rows = one.lists(listed(size=100))
    assert rows[FAMILY].segment_id == ""
    one.source.files[FAMILY] = b"x" * 120
    assert one.lists(listed(size=120))[FAMILY].segment_id == hour(7)


def test_another_instance_s_rows_under_the_same_name_are_not_taken(account):
    """RDS-14: rows belong to a resource id."""
    one = account()
    one.state.see(row(resource_id="db-OLD", status="discovered"))
    assert one.hints() == []
    assert one.files().segments() == []


def test_a_dated_file_is_closed_when_a_newer_one_stood_for_two_intervals(account):
    """§4.4."""
    one = account()
    newer = PG.replace("-06", "-07")
    for name, at in ((PG, 1_000), (newer, 2_000)):
        one.state.see(row(name, family=name, log_type="postgresql", last_written=at,
                          discovered_at=one.bench.clock.now_us() // 1_000_000))
    files = one.files(PG)
    assert not files.is_closed(files.segments()[0])
    one.bench.clock.sleep(61)
    assert files.is_closed(files.segments()[0])
    assert not one.files(newer).is_closed(one.files(newer).segments()[0])


def test_a_file_that_grew_in_the_moment_of_the_finish_is_not_completed(account):
    """W9's condition."""
    one = account()
    one.lists(listed(size=100))
    files = one.files()
    one.state.grow("db-1", FAMILY, file_size=130, last_written=7_000, now_sec=5)
    assert not files.finish(checkpoint(segment_id=hour(7), byte_offset=100))
    (found,) = one.state.tracked("db-1")
    assert (found.status, found.delivered_bytes, found.file_size) == ("discovered", 100, 130)


@pytest.mark.parametrize(("failed", "status", "error"), [(True, "failed", "no"), (False, "discovered", "")])
def test_a_visit_that_ended_early_leaves_its_mark(account, failed, status, error):
    """W10."""
    one = account()
    one.lists(listed())
    one.files().gave_up("no", failed=failed)
    (found,) = one.state.tracked("db-1")
    assert (found.status, found.error) == (status, error)


def test_a_failed_file_is_tried_again_after_a_longer_pause(account):
    one = account()
    one.lists(listed())
    one.files().gave_up("no", failed=True)
    assert one.hints() == []
    one.bench.clock.sleep(5 * 30 + 1)
    assert len(one.hints()) == 1


def test_a_lost_checkpoint_starts_at_the_delivered_position(account):
    """architecture.md §8: a row is re-created from tracking."""
    rows = [row(segment_id=hour(8), delivered_bytes=50, records=3),
            row(rotated(7), segment_id=hour(7), delivered_bytes=100, status="completed")]
    found = first_checkpoint(FILE, rows)
    assert (found.segment_id, found.byte_offset, found.record_count) == (hour(8), 50, 3)
    assert first_checkpoint(FILE, [row()]).segment_id == ""


def test_what_a_live_row_knows_of_the_hour_before_stays_until_that_hour_is_drained(account):
    """RDS-59: rotated in the middle of a visit to an older hour; the row of the new name knows nothing yet."""
    one = account()
    one.lists(listed(size=0), listed(rotated(7)), listed(rotated(6)))
    told = Delivered(segment_id=hour(7), delivered_bytes=80, records=3)
    one.state.track_progress("db-1", FAMILY, told, status="discovered", now_sec=5)

    one.files().finish(checkpoint(segment_id=hour(6), byte_offset=40))

    found = {row.log_file_name: row for row in one.state.tracked("db-1")}[FAMILY]
    assert (found.status, found.segment_id, found.delivered_bytes) == ("completed", hour(7), 80)


def test_a_checkpoint_lost_in_the_middle_of_a_visit_starts_over_and_searches_first(account):
    """RUN-68: the visit may have gone back behind the position that the row told last."""
    found = first_checkpoint(FILE, [row(segment_id=hour(8), delivered_bytes=50, status="processing")])

    assert (found.segment_id, found.byte_offset, found.resend_until) == (hour(8), 0, 100)


POSTGRESQL = replace(INSTANCE, engine="aurora-postgresql")


@pytest.mark.parametrize(
    ("listings", "collected"),
    [
        ([[PG, f"{PG}.csv"]], {PG}),
        ([[f"{PG}.csv", f"{PG}.json", PG]], {PG}),
        ([[f"{PG}.csv.gz", f"{PG}.gz"]], {f"{PG}.gz"}),
        ([[PG], [PG, f"{PG}.csv"], [f"{PG}.csv"]], {PG}),
        ([[f"{PG}.csv"]], {f"{PG}.csv"}),
        ([[f"{PG}.csv", f"{PG}.json"]], {f"{PG}.csv"}),
        ([[f"{PG}.csv"], [f"{PG}.csv", PG], [f"{PG}.csv", PG, f"{PG}0", f"{PG}0.csv"]], {f"{PG}.csv", f"{PG}0"}),
    ],
)
def test_of_logs_with_the_same_messages_one_is_collected(account, listings, collected):
    """RDS-18: stderr and its csv and json twins, in whatever order they are listed; what was begun is gone on with."""
    one = account()
    for names in listings:
        one.source.listed = [listed(name, size=100 + len(names)) for name in names]
        one.bench.clock.sleep(31)
        rows = one.listing.rows(POSTGRESQL)
    assert {row.log_file_name for row in rows} == collected
    assert all(row.missing == 0 for row in rows if row.log_file_name in listings[-1])


def test_a_listing_of_the_lately_written_files_alone_brings_no_twin_in(account):
    """RDS-18, RDS-08: the stderr log is known from an earlier listing."""
    one = account()
    for names, whole in (([PG], True), ([f"{PG}.csv"], False)):
        one.source.listed = [listed(name) for name in names]
        rows = one.listing.rows(POSTGRESQL, whole=whole)
    assert [row.log_file_name for row in rows] == [PG]
