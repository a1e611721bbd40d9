"""Compaction: nothing lost and nothing twice, at every step of a kill; every field survives; bounds hold."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.contracts.samples import CountedRandom, a_batch
from tests.unit.embedded.killed_compaction import KILLED

from aurora_logs.adapters.embedded.batch_files import stream_files
from aurora_logs.adapters.embedded.compaction import Totals, compact, compact_in_child, is_due
from aurora_logs.adapters.embedded.directory import DataDirectory, open_for_collecting
from aurora_logs.adapters.embedded.insights import DuckDbInsights
from aurora_logs.adapters.embedded.physical import stored_lines
from aurora_logs.adapters.embedded.sink import FileSink
from aurora_logs.errors import Unreachable

STREAM = "aurora_slowquery_logs"
SCRIPT = Path(__file__).with_name("killed_compaction.py")


@pytest.fixture
def directory(tmp_path):
    open_for_collecting(tmp_path / "data").close()
    return DataDirectory(tmp_path / "data")


@pytest.fixture
def sink(directory):
    return FileSink(directory, CountedRandom())


def ship(sink, *batches):
    for batch in batches:
        sink.ship(batch, batch.lines)
    return [name for batch in batches for name in batch.ids]


def ask(directory, sql):
    return DuckDbInsights(directory).query(sql, limit_sec=60, max_rows=100_000).rows


def seen_ids(directory):
    """Physical rows, in order: the batches below never repeat a range, so the views hide nothing."""
    assert not stream_files(directory, STREAM).may_repeat()
    return [row[0].encode() for row in ask(directory, f"SELECT record_id FROM {STREAM} ORDER BY 1")]


def compact_all(directory):
    return compact(directory, after_bytes=0, older_than_sec=float("inf"))


def test_batch_files_become_one_parquet_file_with_the_same_records(directory, sink):
    ids = ship(sink, a_batch([0, 10, 20]), a_batch([30]), a_batch([40, 50]))
    before = ask(directory, f"SELECT * FROM {STREAM} ORDER BY record_id")
    totals = compact_all(directory)

    assert (totals.runs, totals.records) == (1, 6)
    assert ask(directory, f"SELECT * FROM {STREAM} ORDER BY record_id") == before
    assert seen_ids(directory) == sorted(ids)
    assert not any((directory.batches / STREAM).iterdir())
    assert len(list((directory.parquet / STREAM).glob("*.parquet"))) == 1


def test_a_source_that_outlived_its_commit_is_not_read_and_goes_with_the_next_run(directory, sink):
    ids = sorted(ship(sink, a_batch([0, 10]), a_batch([20])))
    sources = {path: path.read_bytes() for path in stream_files(directory, STREAM).batches}
    compact_all(directory)
    for path, content in sources.items():
        path.write_bytes(content)

    assert seen_ids(directory) == ids
    assert len(list(stored_lines(directory))) == 3
    assert sink.stored("slowquery", a_batch([0]).file_key, 0, 1000).keys() == set(ids)
    assert compact_in_child(directory, after_bytes=10**9, older_than_sec=1e9, now_sec=0) == Totals()
    assert not any(path.exists() for path in sources)


def test_physical_doubles_are_counted_before_and_after_compaction(directory, sink):
    """The proof of the demo: what the views hide must show there."""
    for _ in range(2):
        ship(sink, a_batch([0, 10]))
    before = sorted(json.loads(line)["record_id"] for line in stored_lines(directory))
    compact_all(directory)
    after = sorted(json.loads(line)["record_id"] for line in stored_lines(directory))

    assert len(before) == 4
    assert after == before


def test_records_that_come_after_a_compaction_are_seen_beside_it(directory, sink):
    ids = ship(sink, a_batch([0, 10]))
    compact_all(directory)
    ids += ship(sink, a_batch([20]), a_batch([100], log_type="error"))
    assert seen_ids(directory) == sorted(ids[:-1])
    compact_all(directory)

    assert seen_ids(directory) == sorted(ids[:-1])
    assert len(stream_files(directory, STREAM).manifests) == 2


def test_ids_are_found_in_parquet_as_in_batch_files(directory, sink):
    batches = [a_batch([0, 10, 20]), a_batch([40, 50])]
    other = a_batch([0, 10], segment_id="another")
    ship(sink, *batches, other)
    compact_all(directory)
    late = a_batch([60])
    ship(sink, late)
    key = batches[0].file_key

    assert sink.stored("slowquery", key, 0, 100).keys() == {*batches[0].ids, *batches[1].ids, *late.ids}
    assert sink.stored("slowquery", key, 10, 50).keys() == {*batches[0].ids[1:], batches[1].ids[0]}
    assert sink.stored("slowquery", key, 21, 40).keys() == set()
    assert sink.stored("slowquery", other.file_key, 0, 100).keys() == set(other.ids)
    assert sink.stored("error", key, 0, 100).keys() == set()


def die(directory, step, when):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run([sys.executable, SCRIPT, directory.path, str(step), when], check=False,
                          env=environment).returncode


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_step_loses_nothing_and_shows_nothing_twice(tmp_path, when):
    """Each step of one run: dead there, read, finished by the next run, read again."""
    for step in range(1, 100):
        folder = tmp_path / f"{when}-{step}"
        open_for_collecting(folder).close()
        directory = DataDirectory(folder)
        sink = FileSink(directory, CountedRandom())
        ids = sorted(ship(sink, a_batch([0, 10, 20]), a_batch([30, 40]), a_batch([50])))
        code = die(directory, step, when)

        assert seen_ids(directory) == ids, f"killed {when} step {step}"
        assert sink.stored("slowquery", a_batch([0]).file_key, 0, 1000).keys() == set(ids)
        compact_all(directory)
        assert seen_ids(directory) == ids, f"finished after a kill {when} step {step}"
        assert sink.stored("slowquery", a_batch([0]).file_key, 0, 1000).keys() == set(ids)
        left = sorted(path.suffix for path in (directory.parquet / STREAM).iterdir())
        assert left == [".ids", ".json", ".parquet"]
        assert not any((directory.batches / STREAM).iterdir())
        if code == 0:
            break
        assert code == KILLED
    assert step > 12, "fewer steps than renames, syncs and deletions that the run must have"


def test_readers_never_lose_or_double_a_record_while_a_run_goes_on(directory, sink):
    ids = sorted(ship(sink, *[a_batch([number * 10]) for number in range(60)]))
    child = subprocess.Popen([sys.executable, "-m", "aurora_logs.adapters.embedded.compaction", directory.path],
                             stdout=subprocess.DEVNULL)
    looks = 0
    while child.poll() is None or looks == 0:
        assert seen_ids(directory) == ids
        assert sink.stored("slowquery", a_batch([0]).file_key, 0, 1000).keys() == set(ids)
        looks += 1

    assert child.returncode == 0
    assert seen_ids(directory) == ids


def test_a_field_that_the_schema_does_not_know_is_kept(directory, sink):
    """REL-51: a batch of a newer version; numbers stay numbers."""
    ship(sink, a_batch([0], fields={"db_future": 7, "db_future_text": "x"}), a_batch([10]))
    compact_all(directory)

    assert ask(directory, f"SELECT db_future, db_future_text FROM {STREAM} ORDER BY record_id") == [(7, "x"), (None, None)]


def test_a_field_that_occurs_once_in_a_large_file_is_kept(directory, sink):
    """The sample of a file does not show it; the count of values does."""
    rare = a_batch([20_000_000], fields={"db_killed": 3})
    big = a_batch(range(0, 2000 * 10, 10))
    one = a_batch([0, 20_000_000], batch_id="with-rare")
    sink.ship(one, [*big.lines, rare.lines[0]])
    compact_all(directory)

    assert ask(directory, f"SELECT count(*), sum(db_killed) FROM {STREAM}") == [(2001, 3)]


def test_text_that_imitates_fields_and_nulls_do_not_mislead_the_count(directory, sink):
    texts = ['{"a":1,"b":2}', 'x","record_id":"y', "\\", 'ends with ,"', '\\":', "\u2028\x85\x00 \r\n", "äöü \U0001f4a9"]
    batches = [a_batch([number * 10], fields={"db_query_text": text, "body": None})
               for number, text in enumerate(texts)]
    ship(sink, *batches)
    compact_all(directory)

    assert ask(directory, f"SELECT db_query_text FROM {STREAM} ORDER BY record_id") == [(text,) for text in texts]


def test_numbers_survive_to_the_last_bit(directory, sink):
    values = [0.1 + 0.2, 1e-9, 2.0, 123456789.000001, 5e-324, 1.7976931348623157e308]
    ship(sink, *[a_batch([number * 10], fields={"duration_sec": value, "thread_id": 2**63 - 1 - number})
                 for number, value in enumerate(values)])
    compact_all(directory)

    assert ask(directory, f"SELECT duration_sec, thread_id FROM {STREAM} ORDER BY record_id") == [
        (value, 2**63 - 1 - number) for number, value in enumerate(values)]


def test_a_second_run_leaves_the_first_alone(directory, sink):
    """A child outlives its killed collector; the next collector's child must not take its files for leftovers."""
    ids = ship(sink, a_batch([0]))
    with directory.compaction_lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        half = directory.parquet / STREAM / "half.parquet.part"
        half.write_bytes(b"the other run is writing this")

        assert compact_all(directory) == Totals()
        assert half.exists()
    compact_all(directory)
    assert not half.exists()
    assert seen_ids(directory) == ids


def test_a_stream_is_due_by_size_or_by_age(directory, sink):
    ship(sink, a_batch([0]))
    path = stream_files(directory, STREAM).batches[0]
    size, written_sec = path.stat().st_size, path.stat().st_mtime

    def due(after_bytes, older_than_sec):
        return is_due(directory, STREAM, after_bytes=after_bytes, older_than_sec=older_than_sec, now_sec=written_sec + 100)

    assert [due(size, 1000), due(size + 1, 1000), due(size + 1, 99)] == [True, False, True]
    assert not is_due(directory, "aurora_error_logs", after_bytes=1, older_than_sec=0, now_sec=written_sec)


def test_an_empty_stream_is_never_due(directory):
    assert compact_in_child(directory, after_bytes=0, older_than_sec=0, now_sec=0) is None


def test_the_child_reports_what_it_did(directory, sink):
    ship(sink, a_batch([0, 10]))
    totals = compact_in_child(directory, after_bytes=1, older_than_sec=1e9, now_sec=0)

    assert (totals.runs, totals.records) == (1, 2)
    assert compact_in_child(directory, after_bytes=1, older_than_sec=1e9, now_sec=0) is None


def test_a_batch_that_cannot_be_read_stays_and_is_named(directory, sink):
    ship(sink, a_batch([0]))
    path = stream_files(directory, STREAM).batches[0]
    path.write_bytes(b'{"record_id": broken\n')

    with pytest.raises(Unreachable, match="compaction"):
        compact_in_child(directory, after_bytes=1, older_than_sec=1e9, now_sec=0)
    assert path.exists()


def test_a_run_is_bounded_and_many_runs_follow_each_other(directory, sink, monkeypatch):
    monkeypatch.setattr("aurora_logs.adapters.embedded.compaction.RUN_MAX_BYTES", 3000)
    ids = ship(sink, *[a_batch([number * 10]) for number in range(20)])
    totals = compact_all(directory)

    assert totals.runs > 2
    assert seen_ids(directory) == sorted(ids)
    assert sink.stored("slowquery", a_batch([0]).file_key, 0, 1000).keys() == set(ids)
