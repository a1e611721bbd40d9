"""Hints in hands and what may be committed: rules that need no broker (reliability.md §4.3)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.samples import a_task

from aurora_logs.adapters.kafka.messages import NoTask, deadline_of, decoded, encoded, poison_letter
from aurora_logs.adapters.kafka.positions import Place, Positions
from aurora_logs.adapters.kafka.waiting_room import WaitingRoom

PARTITION = ("t", 0)


def with_messages(offsets, partition=PARTITION):
    positions = Positions()
    positions.assigned([partition])
    return positions, [positions.taken(partition, offset) for offset in offsets]


def test_a_later_ack_never_commits_over_an_earlier_message():
    positions, (first, second, third) = with_messages([5, 6, 9])
    positions.used_up(third)
    positions.used_up(second)

    assert positions.to_commit("t") == {PARTITION: 5}, "nothing beyond the first"
    positions.used_up(first)
    assert positions.to_commit("t") == {PARTITION: 10}


def test_what_the_broker_confirmed_is_not_committed_again():
    positions, (only,) = with_messages([5])
    positions.used_up(only)
    positions.committed(positions.to_commit("t"))

    assert positions.to_commit("t") == {}


def test_a_commit_that_fails_is_made_again():
    """REL-40."""
    positions, (only,) = with_messages([5])
    positions.used_up(only)

    assert positions.to_commit("t") == positions.to_commit("t") == {PARTITION: 6}


def test_news_of_an_earlier_assignment_changes_nothing():
    """REL-33: the same message may be in another member's hands, and come back."""
    positions, (early,) = with_messages([5])
    positions.revoked([PARTITION])
    positions.used_up(early)
    assert positions.to_commit("t") == {}
    positions.assigned([PARTITION])
    again = positions.taken(PARTITION, 5)
    positions.used_up(early)

    assert positions.to_commit("t") == {PARTITION: 5}
    assert not positions.is_ours(early)
    assert positions.is_ours(again)


def test_a_message_of_a_partition_that_is_gone_is_not_taken():
    positions, _ = with_messages([])
    positions.revoked([PARTITION])

    assert positions.taken(PARTITION, 7) is None


@given(st.lists(st.booleans(), max_size=40), st.randoms(use_true_random=False))
def test_the_position_is_always_the_first_message_that_is_not_used_up(acked, random):
    offsets = [number * 2 for number in range(len(acked))]
    positions, places = with_messages(offsets)
    chosen = [place for place, is_acked in zip(places, acked, strict=True) if is_acked]
    random.shuffle(chosen)
    for place in chosen:
        positions.used_up(place)
    left = [offset for offset, is_acked in zip(offsets, acked, strict=True) if not is_acked]
    expected = {PARTITION: left[0] if left else offsets[-1] + 1} if offsets else {}

    assert positions.to_commit("t") == expected


class Room:
    """A waiting room with the list of messages that it called used up."""

    def __init__(self):
        self.done = []
        self.room = WaitingRoom(self.done.append)

    def arrive(self, name, offset, deadline_ms=0):
        place = Place(PARTITION, offset, 1)
        self.room.arrived(a_task(name, size=offset), deadline_ms, place)
        return place


def test_a_newer_hint_takes_the_older_ones_place_so_that_a_long_wait_holds_nothing_back():
    room = Room()
    old = room.arrive("a", 1)
    held = room.room.take(0.0)
    room.room.retry_at(held, 3600.0, is_ours=lambda _: True)
    room.arrive("a", 2)

    assert room.done == [old]
    assert room.room.take(10.0) is None, "the delay stands"
    assert room.room.take(3600.0).task.size == 2


def test_a_hint_of_a_revoked_partition_is_forgotten_but_for_what_is_in_hands():
    """REL-33: work goes on under its lease; its retry is the new member's business."""
    room = Room()
    room.arrive("a", 1)
    held = room.room.take(0.0)
    room.arrive("b", 2)
    room.room.forget(lambda _: True)
    assert room.room.take(0.0) is None
    room.room.retry_at(held, 0.0, is_ours=lambda _: False)

    assert room.room.take(99.0) is None
    assert room.room.counts(99.0) == (0, 0)


def test_a_file_in_hands_is_not_counted_as_due_twice_and_waits_for_its_turn():
    room = Room()
    first = room.arrive("a", 1)
    held = room.room.take(0.0)
    room.arrive("a", 2)

    assert room.room.take(0.0) is None
    room.room.ack(held)
    assert room.done == [first]
    assert room.room.take(0.0).task.size == 2


# messages


def test_a_task_survives_the_wire():
    key, value = encoded(a_task(dead_letter_id="m1"))

    assert key == b"shop-1"
    assert decoded(value) == a_task(dead_letter_id="m1")


def test_unknown_fields_are_ignored_and_optional_ones_may_lack():
    """names-and-runbook.md §2.6."""
    message = json.loads(encoded(a_task())[1]) | {"added_later": [1]}
    del message["dead_letter_id"]

    assert decoded(json.dumps(message).encode()) == a_task()


POISON = {
    "no JSON": b"{instance", "not UTF-8": b'{"instance_id": "\xff"}', "a list": b"[]", "null": b"null", "nothing": b"", "no value": None,
    "a wrong type": json.dumps({**json.loads(encoded(a_task())[1]), "size": "many"}).encode(),
    "a field missing": b'{"instance_id": "a"}',
    "no instance": encoded(a_task(instance_id=""))[1], "no file": encoded(a_task(log_file_name=""))[1],
    "a long name": encoded(a_task(log_file_name="x" * 2000))[1], "another log type": encoded(a_task(log_type="syslog"))[1],
    "1 MB": b'{"x": "' + b"y" * 1_000_000 + b'"}', "deep": b"[" * 60_000, "a huge number": b'{"size": 1e999}',
}


@pytest.mark.parametrize("what", POISON)
def test_what_is_no_task_is_named_and_never_raises_anything_else(what):
    """REL-35."""
    with pytest.raises(NoTask):
        decoded(POISON[what])


@pytest.mark.parametrize("what", POISON)
def test_a_poison_message_makes_a_small_letter_with_its_place(what):
    letter = poison_letter(Place(("aurora-logs-error", 3), 17, 1), POISON[what], NoTask("why"), 5)

    assert (letter.reason, letter.is_gap, letter.kafka_topic, letter.kafka_partition, letter.kafka_offset) == (
        "poison_message", False, "aurora-logs-error", 3, 17)
    assert "aurora-logs-error partition 3 offset 17: why" in letter.error
    assert len(letter.excerpt) <= 1000
    assert len(letter.original_message) <= 65_536
    assert letter.message_id == poison_letter(Place(("aurora-logs-error", 3), 17, 9), b"", NoTask(""), 6).message_id


def test_a_credential_in_a_poison_message_is_not_in_its_excerpt():
    letter = poison_letter(Place(PARTITION, 1, 1), b"CREATE USER a IDENTIFIED BY 'hunter2'", NoTask("why"), 5)

    assert "hunter2" not in letter.excerpt


@pytest.mark.parametrize(("headers", "expected"), [
    (None, 0), ([], 0), ([("deadline_ms", b"123")], 123), ([("deadline_ms", b"soon")], 0), ([("deadline_ms", None)], 0),
    ([("deadline_ms", b"9" * 400)], 0), ([("other", b"1")], 0),
])
def test_a_deadline_is_a_number_or_none(headers, expected):
    assert deadline_of(headers) == expected
