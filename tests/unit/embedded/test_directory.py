"""DATA_DIR: one collector, versions, damage, a full disk (REL-49, REL-50, REL-51, CMP-42)."""

import contextlib
import os
import resource
import sqlite3
import subprocess
import sys

import pytest
from tests.contracts.samples import (
    CountedRandom,
    SteppedClock,
    a_batch,
    a_checkpoint,
    a_letter,
    a_task,
    a_tracked,
    an_instance,
)

from aurora_logs.adapters.embedded.database import SCHEMA_VERSION, Database
from aurora_logs.adapters.embedded.directory import DataDirectory, open_beside, open_for_collecting
from aurora_logs.adapters.embedded.insights import DuckDbInsights
from aurora_logs.adapters.embedded.queue import SqliteQueue
from aurora_logs.adapters.embedded.sink import FileSink
from aurora_logs.adapters.embedded.state_store import SqliteStateStore
from aurora_logs.errors import (
    AccessDenied,
    ClaimHeld,
    ConfigError,
    DirectoryInUse,
    DiskFull,
    NotFound,
    StateNewer,
    Transient,
    Unreachable,
)


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextlib.contextmanager
def files_bounded_to(size_bytes):
    """A disk that is full for every file that would grow beyond this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_new_directory_is_private_and_has_a_place_for_each_stream(tmp_path):
    with open_for_collecting(tmp_path / "deep" / "data") as collecting:
        assert collecting.directory.path.stat().st_mode & 0o777 == 0o700
        assert sorted(path.name for path in collecting.directory.batches.iterdir()) == [
            "aurora_audit_logs", "aurora_error_logs", "aurora_general_logs", "aurora_postgresql_logs",
            "aurora_slowquery_logs"]


def test_a_second_collector_is_refused_and_told_the_process(tmp_path):
    with open_for_collecting(tmp_path), pytest.raises(DirectoryInUse, match=f"process {os.getpid()}"):
        open_for_collecting(tmp_path)
    open_for_collecting(tmp_path).close()


def test_the_lock_goes_with_a_killed_process(tmp_path):
    code = ("import sys, os, pathlib\nfrom aurora_logs.adapters.embedded.directory import open_for_collecting\n"
            "kept = open_for_collecting(pathlib.Path(sys.argv[1]))\nprint('locked', flush=True)\nsys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(DirectoryInUse, match=f"process {other.pid}"):
            open_for_collecting(tmp_path)
        other.kill()
        other.wait()
    open_for_collecting(tmp_path).close()


def test_commands_read_and_write_beside_a_collector(tmp_path):
    with open_for_collecting(tmp_path) as collecting:
        SqliteStateStore(collecting.database, "run1").see(a_tracked())
        beside = open_beside(tmp_path)
        SqliteQueue(beside, SteppedClock()).put(a_task(dead_letter_id="m1"))

        assert SqliteStateStore(beside).all_tracked() == [a_tracked()]
        assert SqliteQueue(collecting.database, SteppedClock(), "run1").take(0).task.dead_letter_id == "m1"
        beside.close()


def test_a_directory_where_nothing_was_collected_is_named(tmp_path):
    with pytest.raises(NotFound, match=str(tmp_path)):
        open_beside(tmp_path / "none")
    with pytest.raises(NotFound, match=str(tmp_path)):
        DuckDbInsights(DataDirectory(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_leases_of_a_killed_run_are_over_at_once(tmp_path):
    """reliability.md §5.8: the lock proves that the former owner is dead; a command beside it proves nothing."""
    with open_for_collecting(tmp_path) as collecting:
        first = SqliteStateStore(collecting.database, "run1")
        first.take_claim(a_checkpoint(), owner="run1/a", now_ms=1, until_ms=10**15)
        first.lease_listing("shop-1", "run1/a", now_sec=1, until_sec=10**12)
        with pytest.raises(ClaimHeld):
            first.take_claim(a_checkpoint(), owner="run1/b", now_ms=2, until_ms=9)
        with pytest.raises(ClaimHeld):
            SqliteStateStore(collecting.database).take_claim(a_checkpoint(), owner="x", now_ms=2, until_ms=9)
        assert not first.lease_listing("shop-1", "run1/b", now_sec=2, until_sec=9)

        heir = SqliteStateStore(collecting.database, "run2")
        assert heir.take_claim(a_checkpoint(), owner="run2/a", now_ms=2, until_ms=9).epoch == 2
        assert heir.lease_listing("shop-1", "run2/a", now_sec=2, until_sec=9)


def test_what_a_kill_left_unfinished_is_removed_at_the_next_start(tmp_path):
    open_for_collecting(tmp_path).close()
    stream = DataDirectory(tmp_path).batches / "aurora_error_logs"
    (stream / "x.ndjson.part").write_bytes(b"half")
    (stream / "x.ndjson").write_bytes(b"whole")
    open_for_collecting(tmp_path).close()

    assert [path.name for path in stream.iterdir()] == ["x.ndjson"]


@pytest.mark.parametrize("opener", [open_for_collecting, open_beside])
def test_a_newer_database_is_refused_unchanged(tmp_path, opener):
    """REL-51."""
    open_for_collecting(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "state.sqlite3")) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    (tmp_path / "collecting.lock").write_bytes(b"")
    before = snapshot(tmp_path)

    with pytest.raises(StateNewer, match="schema version 2"):
        opener(tmp_path)
    after = snapshot(tmp_path)
    after["collecting.lock"] = b""  # says who asked
    assert after == before


@pytest.mark.parametrize("table", ["aurora-log-file-tracking", "aurora-log-dlq", "aurora-instance-metadata"])
def test_a_newer_row_is_refused(tmp_path, table):
    """REL-51."""
    with open_for_collecting(tmp_path) as collecting:
        store = SqliteStateStore(collecting.database)
        store.see(a_tracked())
        store.bury(a_letter())
        store.save_instance(an_instance())
        collecting.database.change(f'UPDATE "{table}" SET schema_version = 2')

    for opener in (open_for_collecting, open_beside):
        with pytest.raises(StateNewer):
            opener(tmp_path)


@pytest.mark.parametrize("damage", ["no database", "torn page"])
def test_a_damaged_state_file_is_refused_with_the_next_step(tmp_path, damage):
    """REL-49."""
    with open_for_collecting(tmp_path) as collecting:
        store = SqliteStateStore(collecting.database)
        for number in range(300):
            store.see(a_tracked(f"file-{number}"))
    path = tmp_path / "state.sqlite3"
    if damage == "no database":
        path.write_bytes(b"this is a text file, somebody moved it here" * 100)
    else:
        content = bytearray(path.read_bytes())
        content[8192:24576] = b"\xa5" * 16384
        path.write_bytes(content)
    before = path.read_bytes()

    with pytest.raises(ConfigError, match="damaged") as caught:
        open_for_collecting(tmp_path)
    assert str(path) in str(caught.value)
    assert "move it away" in caught.value.hint
    assert path.read_bytes() == before


def test_damage_that_shows_later_is_named_too(tmp_path):
    with open_for_collecting(tmp_path) as collecting:
        store = SqliteStateStore(collecting.database)
        for number in range(300):
            store.see(a_tracked(f"file-{number}"))
        collecting.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        collecting.database.close()
        with (tmp_path / "state.sqlite3").open("r+b") as file:
            file.seek(8192)
            file.write(b"\xa5" * 32768)

        with pytest.raises(ConfigError, match="damaged"):
            store.all_tracked()


def test_a_full_disk_stops_state_writes_and_they_go_on_by_themselves(tmp_path):
    """REL-50: nothing half-applied, reading works, and room is all it takes."""
    with open_for_collecting(tmp_path) as collecting:
        store = SqliteStateStore(collecting.database, "run1")
        held = store.take_claim(a_checkpoint(), owner="run1/a", now_ms=1, until_ms=10)
        size = (tmp_path / "state.sqlite3-wal").stat().st_size
        with files_bounded_to(size):
            for write in (lambda: store.see(a_tracked()), lambda: store.renew(held, until_ms=99),
                          lambda: SqliteQueue(collecting.database, SteppedClock()).put(a_task())):
                with pytest.raises(Transient):
                    write()
            assert store.checkpoint(held.instance_id, held.log_file_name) == held
            assert store.all_tracked() == []

        assert store.see(a_tracked())
        store.renew(held, until_ms=99)
        assert store.checkpoint(held.instance_id, held.log_file_name).lease_until_ms == 99


def test_a_full_disk_refuses_a_batch_and_leaves_nothing_of_it(tmp_path):
    """REL-50."""
    with open_for_collecting(tmp_path) as collecting:
        sink, batch = FileSink(collecting.directory, CountedRandom()), a_batch(range(0, 500, 10))
        with files_bounded_to(4096), pytest.raises(DiskFull):
            sink.ship(batch, batch.lines)
        assert not any((collecting.directory.batches / "aurora_slowquery_logs").iterdir())

        assert sink.ship(batch, batch.lines).stored == 50
        assert sink.stored("slowquery", batch.file_key, 0, 500).keys() == set(batch.ids)


def test_a_stream_folder_that_vanished_is_no_empty_one(tmp_path):
    """A failing search is never read as "nothing found" (ports.py, Sink.stored)."""
    with open_for_collecting(tmp_path) as collecting:
        sink, batch = FileSink(collecting.directory, CountedRandom()), a_batch([0])
        (collecting.directory.batches / "aurora_slowquery_logs").rmdir()

        with pytest.raises(Transient):
            sink.ship(batch, batch.lines)
        with pytest.raises(Unreachable):
            sink.stored("slowquery", batch.file_key, 0, 500)


def test_a_state_file_that_another_process_holds_is_a_reason_to_try_later(tmp_path, monkeypatch):
    monkeypatch.setattr("aurora_logs.adapters.embedded.database.BUSY_TIMEOUT_MS", 50)
    with open_for_collecting(tmp_path) as collecting, \
            contextlib.closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Transient, match="another process"):
            SqliteStateStore(Database(collecting.directory.state_file)).see(a_tracked())
        other.execute("ROLLBACK")

        assert SqliteStateStore(collecting.database).see(a_tracked())


def test_a_path_that_is_a_file_is_no_data_directory(tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(ConfigError, match="file"):
        open_for_collecting(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become another user")
def test_a_directory_of_another_user_is_denied(tmp_path):
    folder = tmp_path / "other"
    folder.mkdir(mode=0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(AccessDenied):
            open_for_collecting(folder)
    finally:
        os.seteuid(0)


def test_every_commit_is_on_disk_before_it_is_reported(tmp_path):
    """reliability.md §7.2: WAL with synchronous FULL."""
    with open_for_collecting(tmp_path) as collecting:
        assert collecting.database.rows("PRAGMA synchronous")[0][0] == 2
        assert collecting.database.rows("PRAGMA journal_mode")[0][0] == "wal"


def test_a_wal_cut_at_any_page_border_is_a_state_that_once_was(tmp_path):
    """reliability.md §7.2: what a power cut may leave is a prefix of the commits, never a mixture."""
    with open_for_collecting(tmp_path / "a") as collecting:
        store = SqliteStateStore(collecting.database, "run1")
        collecting.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        base = (tmp_path / "a" / "state.sqlite3").read_bytes()
        held = store.take_claim(a_checkpoint(), owner="run1/a", now_ms=1, until_ms=2)
        for until_ms in range(3, 9):
            store.renew(held, until_ms=until_ms)
        wal = (tmp_path / "a" / "state.sqlite3-wal").read_bytes()
    frame_bytes = 4096 + 24
    found = []
    for frames in range((len(wal) - 32) // frame_bytes + 1):
        folder = tmp_path / f"cut-{frames}"
        folder.mkdir()
        (folder / "state.sqlite3").write_bytes(base)
        (folder / "state.sqlite3-wal").write_bytes(wal[:32 + frames * frame_bytes])
        with open_for_collecting(folder) as again:
            row = SqliteStateStore(again.database).checkpoint(held.instance_id, held.log_file_name)
            found.append(row.lease_until_ms if row else 0)

    assert found == sorted(found)
    assert {0, 2, 3, 4, 5, 6, 7, 8} == set(found)


@pytest.mark.parametrize("opener", [open_for_collecting, open_beside])
def test_columns_of_a_later_release_are_added_and_the_rows_stay(tmp_path, opener):
    """The state of an older release of the same schema version: nothing is lost, nothing is refused."""
    with open_for_collecting(tmp_path) as collecting:
        SqliteStateStore(collecting.database).bury(a_letter())
        for table, column in (("aurora-log-dlq", "kafka_topic"), ("aurora-instance-metadata", "budget")):
            collecting.database.change(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')
    opened = opener(tmp_path)
    database = getattr(opened, "database", opened)
    store = SqliteStateStore(database)
    store.bury(a_letter("poison", kafka_topic="t", kafka_partition=1, kafka_offset=2))

    assert store.dead_letter("m1") == a_letter()
    assert store.dead_letter("poison").kafka_topic == "t"
    opened.close()
