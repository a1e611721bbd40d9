"""The room for what is read and not delivered, and how long a worker stays with one file."""

import contextlib
import threading
import time

import pytest
from tests.contracts.samples import SteppedClock

from aurora_logs.adapters.embedded.system import SystemClock
from aurora_logs.errors import SinkBusy
from aurora_logs.intake import PORTION_MAX_BYTES, TAIL_MAX_BYTES, Intake

MB = 1 << 20


def intake(**changes):
    return Intake(**{"clock": SteppedClock(), "most_bytes": 4 * MB, "patience_sec": 5.0} | changes)


def test_a_read_takes_room_for_a_portion_beside_what_is_not_delivered_and_the_end_gives_it_back():
    room = intake()
    with room.turn() as turn:
        assert turn.may_read(100)
        assert (room.in_flight_bytes, room.files) == (PORTION_MAX_BYTES + 100, 1)
        assert turn.may_read(0), "the same file: its own room is no obstacle"
        assert room.in_flight_bytes == PORTION_MAX_BYTES

    assert (room.in_flight_bytes, room.files) == (0, 0)


def test_more_files_than_there_is_room_for_wait_and_end_in_a_busy_sink():
    """H-18: not one byte is read beyond the bound."""
    room = intake()
    turns = [room.turn() for _ in range(5)]
    for turn in turns[:4]:
        assert turn.may_read(0)

    with pytest.raises(SinkBusy, match="INFLIGHT_MAX_BYTES = 4,194,304"):
        turns[4].may_read(0)
    assert room.in_flight_bytes == 4 * MB
    turns[0].__exit__()
    assert turns[4].may_read(0), "its place is free now"


def test_what_an_unfinished_entry_holds_counts_up_to_what_is_kept_of_it():
    room = intake(most_bytes=64 * MB)
    with room.turn() as turn:
        turn.may_read(10**12)
        assert room.in_flight_bytes == TAIL_MAX_BYTES + PORTION_MAX_BYTES
        turn.may_read(-5)
        assert room.in_flight_bytes == PORTION_MAX_BYTES


def test_when_all_wait_for_each_other_the_first_one_goes_on():
    """Two long entries fill the room: nobody could deliver, and nothing would ever be free again."""
    stop = threading.Event()
    room = intake(clock=SystemClock(stop), lock=threading.Lock(), most_bytes=3 * MB, patience_sec=10.0)
    first, second = room.turn(), room.turn()
    assert first.may_read(0)
    assert second.may_read(0)
    went = []

    def read(turn):
        with turn, contextlib.suppress(SinkBusy):
            turn.may_read(2 * MB)
            went.append(turn)

    readers = [threading.Thread(target=read, args=(turn,)) for turn in (first, second)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(20)

    assert set(went) == {first, second}


def test_a_waiting_file_goes_on_as_soon_as_another_one_has_delivered():
    stop = threading.Event()
    room = intake(clock=SystemClock(stop), lock=threading.Lock(), most_bytes=2 * MB, patience_sec=30.0)
    first, second, third = (room.turn() for _ in range(3))
    assert first.may_read(0)
    assert second.may_read(0)
    waiting = threading.Thread(target=third.may_read, args=(0,))
    started_sec = time.monotonic()
    waiting.start()
    first.__exit__()
    waiting.join(20)

    assert not waiting.is_alive()
    assert time.monotonic() - started_sec < 5
    assert room.in_flight_bytes == 2 * MB


def test_a_turn_ends_after_its_time_but_never_before_it_moved_its_file():
    clock = SteppedClock()
    with intake(clock=clock).turn(lasts_sec=20.0) as turn:
        clock.sleep(100)
        assert turn.may_read(0), "waiting for the claim is no part of the turn"
        turn.went_on()
        clock.sleep(19)
        assert turn.may_read(0)
        clock.sleep(1)
        assert turn.may_read(0, whole=True), "a complete file can't be gone on with later"
        assert not turn.is_cut
        assert not turn.may_read(0)
        assert turn.is_cut


def test_a_service_that_stops_ends_every_turn_and_every_wait():
    """REL-68."""
    stopping = []
    room = intake(stopping=lambda: bool(stopping), most_bytes=2 * MB)
    one, other, third = (room.turn() for _ in range(3))
    assert one.may_read(0)
    assert other.may_read(0)
    stopping.append(True)
    with pytest.raises(SinkBusy):
        room.hold(third, 0)
    assert not one.may_read(0, whole=True)
    assert one.is_cut
