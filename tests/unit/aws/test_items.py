"""Records as DynamoDB items: what fits, what is cut, what was written by hand or by another version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.contracts.samples import a_checkpoint, a_full_checkpoint, a_letter, a_tracked, an_intent

from aurora_logs.adapters.aws.items import (
    ITEM_MAX_BYTES,
    checkpoint_record,
    checkpoint_values,
    item_bytes,
    letter_record,
    letter_values,
    plain,
    tracked_record,
    tracked_values,
    value_of,
)
from aurora_logs.errors import Permanent, StateNewer
from aurora_logs.records.flow import Kept


def stored(values):
    return {name: value_of(value) for name, value in values.items() if value is not None}


def kept(number, size):
    return Kept(time=number, byte_offset=number, record_count=number, tail_hash=b"h" * 18, context=b"c" * size)


@given(st.recursive(st.text() | st.integers(-(2**63), 2**63) | st.booleans() | st.binary(),
                    lambda inner: st.dictionaries(st.text(min_size=1), inner, max_size=3)))
def test_a_value_comes_back_as_it_was(value):
    assert plain(value_of(value)) == value


@pytest.mark.parametrize("row", [a_full_checkpoint(), a_checkpoint(), a_full_checkpoint(intent=an_intent(repair=True))])
def test_a_checkpoint_comes_back_as_it_was(row):
    assert checkpoint_record(stored(checkpoint_values(row))) == row


def test_earlier_positions_are_left_out_where_the_item_would_grow_too_large():
    row = a_full_checkpoint(kept=tuple(kept(number, 60_000) for number in range(8)))
    read = checkpoint_record(stored(checkpoint_values(row)))

    assert item_bytes({name: value for name, value in checkpoint_values(row).items() if value is not None}) <= ITEM_MAX_BYTES
    assert 0 < len(read.kept) < 8
    assert read.kept == row.kept[-len(read.kept):], "the newest stay"
    assert replace(read, kept=()) == replace(row, kept=())


def test_a_checkpoint_that_can_not_fit_says_which_file():
    with pytest.raises(Permanent, match=r"shop-1 slowquery/mysql-slowquery\.log needs"):
        checkpoint_values(a_checkpoint(tail=b"x" * ITEM_MAX_BYTES))


def test_a_letter_with_huge_texts_fits_an_item():
    letter = a_letter(error="e" * 10**6, excerpt="x" * 10**6, original_message="m" * 10**6, kafka_topic="t", kafka_partition=1,
                      kafka_offset=2)
    read = letter_record(stored(letter_values(letter)))

    assert item_bytes(letter_values(letter)) <= ITEM_MAX_BYTES
    assert (read.message_id, read.original_message, read.kafka_offset) == (letter.message_id, "", 2)


def test_a_range_has_no_attributes_of_a_message():
    assert not {name for name in letter_values(a_letter()) if name.startswith("kafka_")}
    assert letter_record(stored(letter_values(a_letter()))) == a_letter()


def test_an_error_of_a_file_is_kept_short():
    assert len(tracked_values(a_tracked(error="e" * 10**6))["error"]) == 2_000


def test_numbers_and_texts_that_were_written_by_hand_are_read():
    """REL-48."""
    row = tracked_record({"instance_id": {"S": "a"}, "log_file_name": {"S": "f"}, "file_size": {"S": "12"},
                          "updated_at": {"N": "1.5E3"}, "error": {"NULL": True}, "colour": {"S": "blue"}})

    assert (row.file_size, row.updated_at, row.error, row.family) == (12, 1500, "", "f")


def test_a_row_of_a_newer_version_names_its_key():
    """REL-51."""
    with pytest.raises(StateNewer, match="row of a f has schema version 2"):
        tracked_record({"instance_id": {"S": "a"}, "log_file_name": {"S": "f"}, "schema_version": {"N": "2"}})
