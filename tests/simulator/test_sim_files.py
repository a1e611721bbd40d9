"""§4: names, rotation and retention of each kind of log file; and real directories."""

import pytest
from simulated import POSTGRES, SLOW, START_US, a_world, family, names, pass_hours, put

from aurora_logs_simulator.clock import HOUR_US, SetClock
from aurora_logs_simulator.instance import Spec
from aurora_logs_simulator.logfile import call_ordinal, hour_ordinal


def mysql(**more):
    return Spec(identifier="db-1", **{"engine": "mysql", "log_types": ("slowquery",), **more})


def test_the_suffix_of_a_rotated_file_is_the_ordinal_of_its_live_markers():
    """§5.1, RDS-40."""
    world = a_world()
    put(world, b"x\n")
    marker = world.api.download_db_log_file_portion("db-1", SLOW, marker="0").marker
    pass_hours(world, 1)

    assert marker.startswith("2026-10-10.7:")
    assert names(world) == [SLOW, f"{SLOW}.2026-10-10.07"]


@pytest.mark.parametrize(
    ("spec", "suffixes"),
    [
        (mysql(), ["2026-10-10.23", "2026-10-11.00", "2026-10-11.01"]),
        (mysql(hour_digits=1), ["2026-10-10.23", "2026-10-11.0", "2026-10-11.1"]),
        (mysql(midnight_24=True), ["2026-10-10.23", "2026-10-10.24", "2026-10-11.01"]),
        (mysql(reuses_names=True), ["0", "1", "23"]),
    ],
)
def test_midnight_in_every_spelling(spec, suffixes):
    """RDS-49, RDS-50."""
    world = a_world(spec, clock=SetClock(START_US + 16 * HOUR_US))
    pass_hours(world, 3)

    assert names(world) == [SLOW, *(f"{SLOW}.{suffix}" for suffix in suffixes)]


def test_a_name_that_is_reused_next_day_is_another_segment():
    """RDS-50."""
    world = a_world(mysql(reuses_names=True))
    put(world, b"yesterday\n")
    pass_hours(world, 1)
    first = world.api.account.instance("db-1").find(f"{SLOW}.7").segment_id
    pass_hours(world, 24)
    second = world.api.account.instance("db-1").find(f"{SLOW}.7").segment_id

    assert (first, second) == (f"{SLOW}@2026-10-10.7", f"{SLOW}@2026-10-11.7")
    assert len(names(world)) == 25


def test_aurora_keeps_hourly_slow_logs_a_day():
    """RDS-42."""
    world = a_world()
    pass_hours(world, 30)

    assert names(world)[1] == f"{SLOW}.2026-10-10.14"
    assert len(names(world)) == 24  # an idle file counts from its first bytes, an hour before its rotation


@pytest.mark.parametrize(
    ("with_minutes", "expected"),
    [(False, ["2026-10-10-06", "2026-10-10-07"]), (True, ["2026-10-10-0600", "2026-10-10-0700"])],
)
def test_postgresql_files_keep_the_name_of_their_birth(with_minutes, expected):
    world = a_world(Spec(identifier="pg-1", engine="aurora-postgresql", with_minutes=with_minutes))
    pass_hours(world, 1)

    assert names(world, "pg-1") == [f"error/postgresql.log.{suffix}" for suffix in expected]


def test_postgresql_keeps_three_days():
    world = a_world(POSTGRES)
    pass_hours(world, 100)

    assert len(names(world, "pg-1")) == 72


def test_a_rename_chain_moves_every_file_on_and_drops_the_last():
    """RDS-51."""
    world = a_world(mysql(log_types=("audit",), audit_chain=True))
    for number in range(12):
        put(world, b"row %d\n" % number * 200_000, log_type="audit")
        world.api.account.advance(world.clock.now_us())

    listed = names(world)
    oldest = world.api.account.instance("db-1").find("audit/server_audit.log.9")
    assert listed == ["audit/server_audit.log", *(f"audit/server_audit.log.{n}" for n in range(1, 10))]
    assert oldest.read(0, 6) == b"row 3\n"


def test_audit_rows_are_spread_over_four_stripes():
    """RDS-53."""
    world = a_world(mysql(log_types=("audit",)))
    for number in range(8):
        put(world, b"row %d\n" % number, log_type="audit")

    assert names(world) == [f"audit/audit.log.{stripe}.2026-10-10-06-10.0" for stripe in range(4)]
    assert {file.listed_bytes for file in world.api.account.instance("db-1").files()} == {12}
    pass_hours(world, 1)
    assert len(names(world)) == 8


def test_a_rotation_may_come_early_but_not_run_away_from_the_clock():
    world = a_world()
    kept = family(world)
    ordinals = []
    while kept.rotate_early(world.clock.now_us()):
        ordinals.append(kept.live.ordinal)
    pass_hours(world, 1)

    assert ordinals == ["2026-10-10.8", "2026-10-10.9"]
    assert len(names(world)) == 3


def test_a_rename_keeps_resource_id_and_files():
    """RDS-13, RDS-14: two renames are a switch-over."""
    world = a_world(mysql(), Spec(identifier="green", engine="mysql"))
    resource_id = world.api.account.instance("db-1").resource_id
    world.api.account.rename("db-1", "db-1-old1", world.clock.now_us())
    world.api.account.rename("green", "db-1", world.clock.now_us())

    rows = {row["DBInstanceIdentifier"]: row["DbiResourceId"] for row in world.api.describe_db_instances().items}
    assert rows["db-1-old1"] == resource_id
    assert rows["db-1"] != resource_id


def test_a_paused_instance_answers_no_log_calls_and_writes_nothing():
    """RDS-90."""
    world = a_world(entries_per_sec=0.01)
    world.api.account.set_status("db-1", "paused")
    world.clock.advance_us(HOUR_US // 2)
    world.load.run_until(world.clock.now_us())
    paused = world.load.entries
    world.api.account.set_status("db-1", "available")
    world.clock.advance_us(HOUR_US)
    world.load.run_until(world.clock.now_us())

    assert paused == 0
    assert world.load.entries > 10


def test_the_ordinal_is_the_hour_of_the_coming_rotation():
    assert call_ordinal(START_US) == "7"
    assert hour_ordinal(START_US - START_US % HOUR_US + HOUR_US) == "2026-10-10.7"


class TestRealDirectory:
    """`--files`: what a database server is writing right now."""

    def test_a_flat_postgresql_directory_is_one_instance(self, tmp_path):
        log = tmp_path / "postgresql.log.2026-10-10-0600"
        log.write_bytes(b"first line\n")
        world = a_world(Spec(identifier="real", engine="postgres", folder=str(tmp_path)))
        name = f"error/{log.name}"
        first = world.api.download_db_log_file_portion("real", name, marker="0")
        with log.open("ab") as file:
            file.write(b"second line\nno end y")
        second = world.api.download_db_log_file_portion("real", name, marker=first.marker)

        assert first.marker == "7:11"
        assert second.content == b"second line\nno end y"
        row = world.api.describe_db_log_files("real").items[0]
        assert (row["LogFileName"], row["Size"]) == (name, 31)
        assert row["LastWritten"] == log.stat().st_mtime_ns // 1_000_000

    def test_folders_of_log_types_keep_their_names(self, tmp_path):
        (tmp_path / "slowquery").mkdir()
        (tmp_path / "slowquery" / "mysql-slowquery.log").write_bytes(b"x\n")
        world = a_world(Spec(identifier="real", engine="mysql", folder=str(tmp_path)))

        assert names(world, "real") == [SLOW]
        assert b"".join(world.api.download_complete_log_file("real", SLOW).pieces()) == b"x\n"

    def test_a_portion_of_a_large_file_is_capped(self, tmp_path):
        (tmp_path / "postgresql.log").write_bytes((b"y" * 299 + b"\n") * 10_000)
        world = a_world(Spec(identifier="real", engine="postgres", folder=str(tmp_path)))
        answer = world.api.download_db_log_file_portion("real", "error/postgresql.log", marker="0")

        assert answer.pending
        assert len(answer.content) == 1_048_500
