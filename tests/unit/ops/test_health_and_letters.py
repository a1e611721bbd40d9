"""The verdict of `health` (reliability.md §9.3, UX-48), and dead letters: found, chosen, queued."""

import pytest
from msgspec.structs import replace

from aurora_logs.adapters.embedded.directory import open_for_collecting
from aurora_logs.adapters.embedded.state_store import SqliteStateStore
from aurora_logs.errors import NotFound, Permanent, Unreachable
from aurora_logs.ops.dead_letters import chosen, find_letter, replay
from aurora_logs.ops.files import file_detail, file_lines
from aurora_logs.ops.gaps import gap_lines
from aurora_logs.ops.health import health
from aurora_logs.ops.instances import instance_lines
from aurora_logs.records.fleet import Instance, LogFile, TrackedFile, TrackedInstance
from aurora_logs.records.letters import range_letter
from aurora_logs.settings import Settings

NOW_SEC = 1_795_489_200
NAME = "slowquery/mysql-slowquery.log"
FILE = LogFile(instance_id="db-1", resource_id="res", cluster_id="", engine="mysql", log_type="slowquery", log_file_name=NAME)


@pytest.fixture
def state(tmp_path):
    with open_for_collecting(tmp_path) as held:
        yield SqliteStateStore(held.database)


def an_instance(state, name="db-1", **changes):
    instance = Instance(instance_id=name, resource_id="res", engine="mysql")
    state.save_instance(TrackedInstance(instance=instance, updated_at=NOW_SEC, **changes))


def a_file(state, name="db-1", **changes):
    row = TrackedFile(instance_id=name, log_file_name=NAME, status="completed", log_type="slowquery", cluster_id="",
                      resource_id="res", family=NAME, last_written=NOW_SEC * 1000, file_size=100, delivered_bytes=100,
                      discovered_at=NOW_SEC, updated_at=NOW_SEC, records=10_000, segment_id=NAME)
    state.see(replace(row, **changes))


def verdict(state, now_sec=NOW_SEC, free_share=0.5):
    return health(state, Settings(), now_sec=now_sec, collector_pid=None, free_share=free_share)


def test_all_delivered_is_healthy(state):
    an_instance(state)
    a_file(state)

    assert verdict(state).is_healthy
    assert verdict(state).instances[0].health == "ok"


@pytest.mark.parametrize(("changes", "level", "alert"), [
    ({"delivered_bytes": 50, "last_written": (NOW_SEC - 1_000) * 1000}, "warning", "AuroraLogsStale"),
    ({"delivered_bytes": 50, "last_written": (NOW_SEC - 3_700) * 1000}, "critical", "AuroraLogsStale"),
    ({"delivered_bytes": 50, "last_written": (NOW_SEC - 335 * 3600) * 1000}, "critical", "AuroraLogsDeletionRisk"),
    ({"status": "failed", "error": "denied"}, "unknown", "AuroraLogsStale"),
    ({"raw_records": 50}, "warning", "AuroraLogsRawRecords"),
])
def test_a_file_that_is_late_failed_or_not_understood_is_told(state, changes, level, alert):
    an_instance(state)
    a_file(state, **changes)

    found = verdict(state)

    assert (level, alert) in [(one.level, one.alert) for one in [*found.findings, *found.unknown]]
    assert found.is_healthy == (level == "warning")


def test_an_instance_of_which_nothing_is_known_is_unknown_and_not_healthy(state):
    """UX-48: never fine with an unread part."""
    an_instance(state)

    assert not verdict(state).is_healthy
    assert verdict(state).unknown[0].about == "db-1"


def test_a_state_that_cannot_be_read_is_unknown_and_not_healthy(state):
    an_instance(state)
    a_file(state)

    class Broken:
        """The state store, but one table does not answer."""

        def __getattr__(self, name):
            return getattr(state, name)

        def dead_letters(self, *, gaps=False):
            raise Unreachable("dead letters")

    found = verdict(Broken())

    assert [one.about for one in found.unknown] == ["dead letters and gaps"]
    assert not found.is_healthy
    assert [line.health for line in found.instances] == ["ok"]


def test_the_worst_instance_stands_first(state):
    for name, behind in (("a", 0), ("b", 50), ("c", 90)):
        an_instance(state, name)
        a_file(state, name, delivered_bytes=100 - behind, last_written=(NOW_SEC - 4_000) * 1000 if name == "b" else NOW_SEC * 1000)

    assert [line.instance_id for line in verdict(state).instances] == ["b", "c", "a"]


def test_no_collector_for_three_intervals_is_critical(state):
    an_instance(state)
    a_file(state)

    assert [one.alert for one in verdict(state, NOW_SEC + 901).findings] == ["AuroraLogsDiscoveryStuck"]
    assert verdict(state, NOW_SEC + 899).is_healthy


@pytest.mark.parametrize(("free", "level"), [(0.09, "warning"), (0.04, "critical")])
def test_little_free_space_is_told(state, free, level):
    an_instance(state)
    a_file(state)

    assert [one.level for one in verdict(state, free_share=free).findings] == [level]


def test_fresh_losses_are_critical_and_old_ones_are_shown(state):
    an_instance(state)
    a_file(state)
    state.bury(range_letter(FILE, NAME, 10, 30, "purged", "gone", NOW_SEC))

    assert [one.alert for one in verdict(state).findings] == ["AuroraLogsLoss"]
    assert verdict(state, NOW_SEC + 700).is_healthy
    assert verdict(state, NOW_SEC + 700).instances[0].gap_bytes == 20
    assert gap_lines(state)[0].size_bytes == 20


def test_dead_letters_are_found_by_the_beginning_of_their_id(state):
    letters = [range_letter(FILE, NAME, start, start + 5, "unreadable", "binary", NOW_SEC) for start in range(0, 500, 5)]
    for letter in letters:
        state.bury(letter)

    assert find_letter(state, letters[0].message_id).from_position == 0
    assert find_letter(state, letters[7].message_id[:15]) == letters[7]
    with pytest.raises(NotFound, match="begins several"):
        find_letter(state, letters[0].message_id[:1] if sum(
            one.message_id[0] == letters[0].message_id[0] for one in letters) > 1 else "")
    with pytest.raises(NotFound, match="delivered, or never there"):
        find_letter(state, "zz")


def test_a_gap_cannot_be_replayed(state):
    gap = range_letter(FILE, NAME, 10, 30, "purged", "gone", NOW_SEC)
    state.bury(gap)

    with pytest.raises(Permanent, match="is a gap"):
        chosen(state, [gap.message_id], every=False)
    assert chosen(state, [], every=True) == []


def test_one_letter_that_cannot_be_queued_stops_no_other(state):
    """UX-59: per item; the task names its letter even when the original message lacks it."""
    good = range_letter(FILE, NAME, 0, 5, "unreadable", "x", NOW_SEC)
    bad = replace(range_letter(FILE, NAME, 5, 9, "unreadable", "x", NOW_SEC), original_message="{not json")
    put, told = [], []

    class Queued:
        def put(self, task, *, deadline_ms=0):
            put.append(task)

    done = replay([bad, good], Queued(), lambda letter, outcome: told.append(outcome))

    assert [one.outcome == "queued" for one in done] == [False, True]
    assert [task.dead_letter_id for task in put] == [good.message_id]
    assert told[1] == "queued"


def test_the_file_chapter_shows_what_is_behind_first_and_all_of_one(state):
    an_instance(state)
    a_file(state)
    a_file(state, log_file_name=NAME + ".2026-11-24.3", delivered_bytes=10)
    state.bury(range_letter(FILE, NAME, 10, 30, "unreadable", "x", NOW_SEC))

    assert [line.behind_bytes for line in file_lines(state)] == [90, 0]
    assert file_lines(state, status="failed") == []
    assert len(file_detail(state, "db-1", NAME).dead_letters) == 1
    assert instance_lines(state)[0].behind_bytes == 90
    with pytest.raises(NotFound, match=r"did you mean slowquery/mysql-slowquery\.log"):
        file_detail(state, "db-1", "slowquery/mysql-slow.log")
    with pytest.raises(NotFound, match="did you mean db-1"):
        file_lines(state, instance_id="db-2")
