"""Delivery to OpenObserve through shipper, adapter and stand-in: nothing lost, nothing twice but where a zombie may (§5.3, 5.4)."""

import contextlib
import json

import pytest
from msgspec.structs import replace
from tests.unit.openobserve.adapter_bench import HOUR_US, NOW_US, SLOW, adapter, batch_of, settings_for
from tests.unit.stages.stage_bench import FILE, Bench, checkpoint, hour

from aurora_logs.adapters.openobserve.opening import open_sink
from aurora_logs.errors import AccessDenied, ConfigError
from aurora_logs.stages.settle import settle
from aurora_logs.stages.ship import Shipper

HERE = checkpoint(segment_id=hour(7))


class Delivery:
    """One claimed file whose batches go to OpenObserve."""

    def __init__(self, one, bench):
        self.one, self.bench = one, bench
        bench.clock = one.clock

    def claim(self):
        return self.bench.claim(HERE)

    def shipper(self, held):
        return Shipper(self.one.sink, held, FILE, self.one.clock, self.bench.random, self.bench.settings)

    def deliver(self, batch):
        with self.claim() as held:
            held.intend(batch)
            delivered = self.shipper(held).ship(batch)
            held.advance(delivered, None)
        return delivered

    def ids(self):
        return [row["record_id"].encode() for row in self.one.stored()]

    def letters(self):
        return [(one.reason, one.from_position, one.to_position) for one in self.bench.real_state.dead_letters()]


@pytest.fixture
def delivering(tmp_path):
    """Make a delivery; keyword arguments are settings of the stand-in, `settings` those of the product."""
    with contextlib.ExitStack() as stack:
        def make(settings=None, **setup):
            one = stack.enter_context(adapter(tmp_path / "server", settings={"retry_backoff_sec": 1.0} | (settings or {}), **setup))
            bench = Bench(tmp_path / "state")
            stack.callback(bench.held.close)
            bench.settings = one.settings
            return Delivery(one, bench)

        yield make


def a_batch(count=8, **changes):
    return batch_of(count, segment_id=hour(7), batch_id="b", **changes)


def aged(batch, hours, places):
    """The batch with some of its records as old as this."""
    lines = list(batch.lines)
    for place in places:
        row = json.loads(lines[place]) | {"_timestamp": int(NOW_US - hours * HOUR_US) + place}
        lines[place] = json.dumps(row, separators=(",", ":")).encode() + b"\n"
    return replace(batch, lines=lines)


@pytest.mark.parametrize("fault", [
    "reset_mid_request", "reset_before_store", "store_then_reset", "store_then_close", "store_part_then_reset", "close_on_accept",
    "overload", "throttled", "error_500", "error_502", "error_408", "error_503_text", "counts_failed", "counts_nothing", "answer_cut",
    "answer_html", "answer_one_more", "answer_code_503", "answer_other_stream", "answer_shorter_than_said", "encoding_refused",
    "keep_alive_closed"])
@pytest.mark.parametrize("times", [1, 3])
def test_every_record_is_stored_once_after_the_fault_has_passed(delivering, fault, times):
    """OO-03, OO-04, OO-16, OO-18, OO-19, OO-36, OO-77; REL-101..110: no double, no loss, no dead letter without a reason."""
    delivery = delivering()
    delivery.one.plant(fault, times=times, value=0 if fault == "throttled" else None)
    batch = a_batch()
    delivered = delivery.deliver(batch)

    # the one record that the server drops for good, with a reason, whenever it is sent
    dropped = int(fault == "counts_failed" and times == 3)
    assert delivered.count == delivery.bench.row().record_count == 8 - dropped
    assert sorted(delivery.ids()) == sorted(batch.ids[:8 - dropped])
    assert delivery.letters() == [("rejected", 70, 80)] * dropped


@pytest.mark.parametrize("late_sec", [1, 20, 40])
def test_a_request_that_lands_late_is_waited_for(delivering, late_sec):
    """OO-17, REL-60, REL-127: the settle is longer than the request can live."""
    delivery = delivering()
    delivery.one.plant("store_late", value=late_sec, times=1)
    batch = a_batch()
    with quick_silence(delivery):
        delivery.deliver(batch)

    assert sorted(delivery.ids()) == sorted(batch.ids)


def test_a_settle_that_is_too_short_doubles_and_views_hide_it(delivering):
    """OO-85 turned round: the planted bug is seen by the stand-in's rows, and by no view."""
    delivery = delivering(settings={"settle_sec": 36.0})
    delivery.one.sink.settle_sec = 5.0
    delivery.one.plant("store_late", value=20, times=1)
    batch = a_batch()
    with quick_silence(delivery):
        delivery.deliver(batch)
        delivery.one.clock.sleep(30)
        delivery.one.sink.stored("slowquery", batch.file_key, 0, 10)

    assert sorted(delivery.ids()) == sorted(batch.ids * 2)
    assert [volume.records for volume in delivery.one.insights.volumes()] == [8]


@contextlib.contextmanager
def quick_silence(delivery):
    """A silent server hangs up at once in real time; the virtual clocks tell how late it is."""
    from aurora_logs_simulator.openobserve import server

    patch = pytest.MonkeyPatch()
    patch.setattr(server._Handler, "_stay_silent", lambda _self, _sec: None)
    yield
    patch.undo()
    del delivery


def test_a_search_that_lags_is_covered_by_the_settle(delivering):
    """OO-85."""
    delivery = delivering(search_lag_sec=5.0)
    delivery.one.plant("store_then_reset", times=1)
    batch = a_batch()
    delivery.deliver(batch)

    assert sorted(delivery.ids()) == sorted(batch.ids)


def test_a_search_that_is_away_keeps_the_batch_in_doubt_until_it_is_back(delivering):
    """OO-86, OO-129, REL-61: nothing is sent again meanwhile."""
    delivery = delivering()
    delivery.one.plant("store_then_reset", times=1)
    delivery.one.plant("search_503", times=20)
    batch = a_batch()
    delivery.deliver(batch)

    assert sorted(delivery.ids()) == sorted(batch.ids)
    assert len(delivery.one.posts()) == 1


@pytest.mark.parametrize(("fault", "kind"), [("login_refused", AccessDenied), ("organization_gone", ConfigError)])
def test_a_refused_configuration_keeps_the_intent_and_buries_nothing(delivering, fault, kind):
    """OO-26, OO-29, REL-109."""
    delivery = delivering()
    delivery.one.plant(fault)
    with pytest.raises(kind):
        delivery.deliver(a_batch())

    assert delivery.bench.row().intent.id == "b"
    assert (delivery.ids(), delivery.letters()) == ([], [])


class TestPoison:
    def test_bad_records_are_found_by_halving_and_buried_alone(self, delivering):
        """OO-46, OO-59, REL-104: here by a log clock two days ahead."""
        delivery = delivering()
        batch = aged(a_batch(64), -48, [5, 6, 40])
        delivered = delivery.deliver(batch)

        assert delivered.count == 61
        assert sorted(delivery.letters()) == [("rejected", 50, 60), ("rejected", 60, 70), ("rejected", 400, 410)]
        assert sorted(delivery.ids()) == sorted(set(batch.ids) - {batch.ids[place] for place in (5, 6, 40)})

    def test_an_overload_in_the_middle_buries_no_good_record(self, delivering):
        """OO-47."""
        delivery = delivering()
        delivery.one.plant("overload", 0.3)
        batch = aged(a_batch(16), -48, [5])
        delivery.deliver(batch)

        assert delivery.letters() == [("rejected", 50, 60)]
        assert sorted(delivery.ids()) == sorted(set(batch.ids) - {batch.ids[5]})

    def test_a_value_of_a_wrong_type_is_a_letter_and_never_sent(self, delivering):
        """OO-132."""
        delivery = delivering()
        batch = a_batch()
        lines = list(batch.lines)
        lines[3] = lines[3].replace(b'"duration_sec":0.5', b'"duration_sec":"0.5"')
        delivery.deliver(replace(batch, lines=lines))

        assert delivery.letters() == [("schema", 30, 40)]
        assert len(delivery.ids()) == 7
        assert delivery.one.world.streams()[SLOW].schema.columns["duration_sec"] == "Float64"

    def test_too_large_a_batch_is_halved_and_order_and_ids_stay(self, delivering):
        """OO-31, OO-32, OO-33."""
        delivery = delivering(payload_limit_bytes=2500)
        batch = a_batch(16)
        huge = batch.lines[9].replace(b'"SELECT 90"', b'"SELECT ' + b"x" * 3000 + b'"')
        delivery.deliver(replace(batch, lines=[*batch.lines[:9], huge, *batch.lines[10:]]))

        assert delivery.letters() == [("too_large", 90, 100)]
        assert delivery.ids() == [one for place, one in enumerate(batch.ids) if place != 9]
        refused = [post for post in delivery.one.world.journal.entries if post.status == 413]
        assert len(refused) <= 5, "sizes that were refused are not tried again"

    def test_a_drop_in_silence_ends_in_letters_and_not_in_a_loop(self, delivering):
        """OO-04: 0/0 for good."""
        delivery = delivering()
        delivery.one.plant("counts_nothing")
        delivered = delivery.deliver(a_batch(4))

        assert delivered.count == 0
        assert [reason for reason, *_ in delivery.letters()] == ["rejected"] * 4

    def test_a_batch_that_meets_a_change_of_schema_is_stored_with_its_own_types(self, delivering):
        """OO-131: 0/0 at the very start of the schema; the rest of the batch passes when it is sent without that record."""
        delivery = delivering()
        world = delivery.one.world
        stream = world.organizations["default"].for_ingest(SLOW, NOW_US)
        stream.schema.start_us = json.loads(a_batch().lines[0])["_timestamp"]
        stream.schema.columns["duration_sec"] = "Int64"
        delivery.deliver(a_batch())

        assert len(delivery.ids()) == len(set(delivery.ids())) >= 7
        assert stream.schema.columns["duration_sec"] == "Float64"


class TestOldRecords:
    def test_the_old_part_of_a_batch_is_parked_and_the_fresh_part_delivered(self, delivering):
        """OO-58, OO-63: one letter a range; with the window known nothing old is sent."""
        delivery = delivering(settings={"openobserve_window_hours": 5.0})
        batch = aged(a_batch(), 6, [0, 1, 2, 5])
        delivered = delivery.deliver(batch)

        assert delivered.count == 4
        assert sorted(delivery.letters()) == [("too_old", 0, 30), ("too_old", 50, 60)]
        assert delivery.ids() == [batch.ids[place] for place in (3, 4, 6, 7)]
        assert [post.records for post in delivery.one.posts()] == [4]

    @pytest.mark.parametrize("places", [range(8), [0, 7]])
    def test_a_window_that_is_not_known_is_learned_from_the_first_refusal(self, delivering, places):
        """OO-14, OO-54, BAN-L01."""
        delivery = delivering()
        batch = aged(a_batch(), 6, places)
        delivery.deliver(batch)
        after = replace(aged(a_batch(2), 6, [0, 1]), batch_id="c", from_offset=80, to_offset=100)
        posts = len(delivery.one.posts())
        with delivery.claim() as held:
            held.intend(after)
            held.advance(delivery.shipper(held).ship(after), None)

        assert sorted(delivery.ids()) == sorted(one for place, one in enumerate(batch.ids) if place not in places)
        assert {reason for reason, *_ in delivery.letters()} == {"too_old"}
        assert len(delivery.one.posts()) == posts, "judged before sending"

    def test_a_window_that_is_lowered_while_it_runs_loses_nothing(self, delivering):
        """OO-56."""
        delivery = delivering(settings={"openobserve_window_hours": 744.0}, window_back_hours=744)
        delivery.deliver(aged(a_batch(), 6, range(4)))
        delivery.one.world.setup.window_back_hours = 5
        later = replace(aged(a_batch(16), 6, range(8, 12)), batch_id="c", from_offset=80)
        later = replace(later, lines=later.lines[8:], ids=later.ids[8:])
        with delivery.claim() as held:
            held.intend(later)
            held.advance(delivery.shipper(held).ship(later), None)

        assert len(delivery.ids()) == len(set(delivery.ids())) == 12
        assert delivery.letters() == [("too_old", 80, 120)]


class TestDeadWorkers:
    @pytest.mark.parametrize("fault", [None, "store_part_then_reset", "store_then_reset"])
    def test_what_a_dead_worker_left_is_settled_and_only_the_missing_sent(self, delivering, fault):
        """OO-75, OO-76, OO-77, OO-78, REL-121..126."""
        delivery = delivering()
        batch = a_batch()
        with contextlib.suppress(KeyboardInterrupt), delivery.claim() as held:
            held.intend(batch)
            if fault:
                delivery.one.plant(fault, times=1)
                with contextlib.suppress(Exception):
                    delivery.one.ship(batch)
            raise KeyboardInterrupt  # dies here, intent and all
        delivery.one.clock.sleep(120)
        with delivery.claim() as held:
            settle(held, delivery.one.sink)
            again = replace(batch, careful=True, batch_id="again")
            held.intend(again)
            held.advance(delivery.shipper(held).ship(again), None)

        assert sorted(delivery.ids()) == sorted(batch.ids)

    def test_a_server_that_was_killed_after_its_receipt_is_found_out(self, delivering):
        """OO-94, OO-130, F15: without fsync the acknowledged rows are gone; a careful resend brings them back."""
        delivery = delivering()
        batch = a_batch()
        delivery.deliver(batch)
        delivery.one.world.server.kill()

        assert delivery.ids() == []
        assert delivery.one.sink.stored("slowquery", batch.file_key, 0, 1000).keys() == set()
        again = replace(batch, careful=True, repair=True, batch_id="repair")
        with delivery.claim() as held:
            held.intend(again)
            held.advance(delivery.shipper(held).ship(again), None)
        assert sorted(delivery.ids()) == sorted(batch.ids)


def test_two_sinks_of_one_configuration_are_alike(delivering):
    """OO-123: the same lines are the same body, whichever process sends them."""
    delivery = delivering()
    other = open_sink(settings_for(delivery.one.world), delivery.one.clock, delivery.bench.random)
    delivery.one.ship(a_batch())
    other.ship(a_batch(), a_batch().lines)
    other._api.close()
    first, second = delivery.one.posts()

    assert (first.raw_bytes, first.decoded_bytes) == (second.raw_bytes, second.decoded_bytes)
