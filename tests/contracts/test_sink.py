"""Contract of Sink: a strict receipt, no hidden double, and a search that finds exactly what is stored."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.contracts.samples import a_batch


def test_a_receipt_counts_what_is_stored_byte_for_byte(sink):
    batch = a_batch([0, 10, 20])

    assert sink.sink.ship(batch, batch.lines).stored == 3
    assert sink.physical("slowquery") == batch.lines


def test_the_missing_lines_alone_can_be_shipped(sink):
    batch = a_batch([0, 10, 20])

    assert sink.sink.ship(batch, batch.lines[1:2]).stored == 1
    assert sink.sink.stored("slowquery", batch.file_key, 0, 30).keys() == {batch.ids[1]}


def test_nothing_to_ship_stores_nothing(sink):
    assert sink.sink.ship(a_batch([0]), []).stored == 0
    assert sink.physical("slowquery") == []


def test_a_batch_shipped_twice_is_physically_there_twice_and_found_once(sink):
    """The ledger counts physical lines: a double must not be swallowed by a name (issue 4, "lost 0, doubled 0")."""
    batch = a_batch([0, 10])
    sink.sink.ship(batch, batch.lines)
    sink.sink.ship(batch, batch.lines)

    assert sorted(sink.physical("slowquery")) == sorted(batch.lines * 2)
    assert sink.sink.stored("slowquery", batch.file_key, 0, 100).keys() == set(batch.ids)


@pytest.mark.parametrize(("first", "end", "offsets"), [
    (0, 100, [0, 10, 20, 40, 50]), (10, 50, [10, 20, 40]), (11, 20, []), (20, 21, [20]), (30, 40, []), (50, 51, [50]),
    (60, 1000, []), (0, 0, [])])
def test_ids_are_found_by_their_offset_from_and_without_the_end(sink, first, end, offsets):
    batches = [a_batch([0, 10, 20]), a_batch([40, 50])]
    for batch in batches:
        sink.sink.ship(batch, batch.lines)

    found = sink.sink.stored("slowquery", batches[0].file_key, first, end)
    assert sorted(int(name[14:24], 16) for name in found) == offsets


def test_other_files_and_log_types_are_not_found(sink):
    """REL-156."""
    batch, other = a_batch([0, 10]), a_batch([0, 10], segment_id="slowquery/mysql-slowquery.log@2026-11-22.11")
    errors = a_batch([0], log_type="error")
    for one in (batch, other, errors):
        sink.sink.ship(one, one.lines)

    assert sink.sink.stored("slowquery", batch.file_key, 0, 10**9).keys() == set(batch.ids)
    assert sink.sink.stored("error", batch.file_key, 0, 10**9).keys() == set()


def test_batches_of_many_workers_are_all_there(sink):
    batches = [a_batch([number * 10]) for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda batch: sink.sink.ship(batch, batch.lines).stored, batches))

    assert receipts == [1] * 50
    assert len(sink.sink.stored("slowquery", batches[0].file_key, 0, 500)) == 50


def test_a_batch_id_is_data_and_names_no_other_place(sink):
    batch = a_batch([0], batch_id="../../../etc/passwd\0 ; rm")

    assert sink.sink.ship(batch, batch.lines).stored == 1
    assert sink.sink.stored("slowquery", batch.file_key, 0, 10).keys() == set(batch.ids)


def test_text_that_looks_like_an_id_is_not_one(sink):
    other = a_batch([20])
    batch = a_batch([0], fields={"body": f'","record_id":"{other.ids[0].decode()}"', "db_query_text": "\u2028\x85 line"})
    sink.sink.ship(batch, batch.lines)

    assert sink.sink.stored("slowquery", batch.file_key, 0, 100).keys() == set(batch.ids)
