"""The state store on DynamoDB when the service throttles, fails or its answers are lost (reliability.md §4.4, §5.6)."""

import random
import re
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from tests.contracts.conftest import dynamodb_state
from tests.contracts.samples import (
    FILE,
    INSTANCE,
    LEASE_MS,
    NOW_MS,
    CountedRandom,
    SteppedClock,
    a_batch,
    a_checkpoint,
    a_full_checkpoint,
    a_letter,
    a_tracked,
    an_instance,
    an_intent,
    claim,
)
from tests.engines.fault_proxy import (
    CLOSE_BEFORE,
    CUT_ANSWER,
    ERROR_AFTER,
    ERROR_BEFORE,
    LOSE_ANSWER,
    THROTTLE,
    THROTTLE_TOO,
    in_front_of,
)
from tools.servers import dynoxide

from aurora_logs.adapters.aws.dynamodb import TRIES
from aurora_logs.errors import (
    AuroraLogsError,
    ClaimHeld,
    EpochMoved,
    StateAnswerLost,
    StateNewer,
    Throttled,
    Transient,
    Unreachable,
)
from aurora_logs.records.fleet import Delivered
from aurora_logs.settings import Settings
from aurora_logs.stages.claim import claim as claimed_file

pytestmark = pytest.mark.engine("dynoxide")
APPLIED_BUT_UNSAID = [LOSE_ANSWER, CUT_ANSWER, ERROR_AFTER]


@pytest.fixture
def proxy(dynamodb):
    with in_front_of(dynamodb.url) as running:
        yield running


@pytest.fixture
def state(proxy, tmp_path):
    with dynamodb_state(tmp_path, SteppedClock(), lambda _name: proxy) as bench:
        proxy.seen.clear()
        yield bench


def intended(state):
    held = claim(state)
    state.store.intend(held, an_intent("b1"), until_ms=NOW_MS + LEASE_MS)
    return held


FENCED = {
    "W5 renew": (claim, lambda store, held: store.renew(held, until_ms=NOW_MS + 7),
                 lambda row: row.lease_until_ms == NOW_MS + 7),
    "W6 intend": (claim, lambda store, held: store.intend(held, an_intent("b1"), until_ms=NOW_MS + 7),
                  lambda row: row.intent.id == "b1"),
    "W7 advance": (intended, lambda store, held: store.advance(held, "b1", replace(held, byte_offset=100)),
                   lambda row: (row.byte_offset, row.intent) == (100, None)),
    "W9, W10 release": (claim, lambda store, held: store.release(held, withdraw_intent=False),
                        lambda row: not row.lease_owner),
}


@pytest.mark.parametrize("fault", [LOSE_ANSWER, ERROR_AFTER])  # these answers have no body that could be cut
@pytest.mark.parametrize("write", FENCED)
def test_a_fenced_write_whose_answer_is_lost_says_so_and_is_tried_once(state, proxy, write, fault):
    """REL-142, 143, 145, 150: the caller's re-read finds the effect; nobody below repeats the write."""
    begin, make, was_applied = FENCED[write]
    held = begin(state)
    proxy.seen.clear()
    proxy.faults = [fault]

    with pytest.raises(StateAnswerLost):
        make(state.store, held)
    assert proxy.operations() == ["UpdateItem"]
    assert was_applied(state.store.checkpoint(INSTANCE, FILE))


@pytest.mark.parametrize("fault", APPLIED_BUT_UNSAID)
def test_a_claim_whose_answer_is_lost_is_found_by_its_owner(state, proxy, fault):
    """REL-141."""
    proxy.faults = [fault]

    with pytest.raises(StateAnswerLost):
        claim(state)
    assert state.store.checkpoint(INSTANCE, FILE).lease_owner == state.owner("pod-a")


@pytest.mark.parametrize("fault", [*APPLIED_BUT_UNSAID, ERROR_BEFORE, CLOSE_BEFORE, THROTTLE])
@pytest.mark.parametrize("at", range(5))
def test_a_file_is_brought_forward_whichever_answer_is_lost(state, proxy, fault, at):
    """REL-141 to 145 through the claim stage: each of its state calls meets the fault once; the end is the same."""
    clock, batch, following = SteppedClock(), a_batch([0, 10]), a_batch([20, 30])
    proxy.faults = [*[None] * at, fault]
    with claimed_file(state.store, clock, CountedRandom(), Settings(), a_checkpoint(), "pod-a") as held:
        held.intend(batch)
        held.advance(batch, following)
        held.advance(following, None)
    row = state.store.checkpoint(INSTANCE, FILE)

    assert (row.byte_offset, row.record_count, row.intent, row.lease_owner, row.epoch) == (40, 4, None, "", 1)
    assert proxy.faults == [], "the fault struck"


REPEATED = {
    "W1 see": (lambda store: store.see(a_tracked()), True),
    "save_instance": (lambda store: store.save_instance(an_instance()), None),
    "lease_listing": (lambda store: store.lease_listing(INSTANCE, "me", now_sec=1, until_sec=2), True),
}
REPEATED_ON_A_ROW = {
    "W2 grow": (lambda store: store.grow(INSTANCE, FILE, file_size=5, last_written=6, now_sec=7), None),
    "W3 queued": (lambda store: store.queued(INSTANCE, FILE, 5), None),
    "missed": (lambda store: store.missed(INSTANCE, FILE, 1), None),
    "W9 finish": (lambda store: store.track_progress(
        INSTANCE, FILE, Delivered(segment_id="s", delivered_bytes=1000, records=1), status="completed", now_sec=1,
        as_listed=a_tracked()), True),
    "W11 audited": (lambda store: store.audited(INSTANCE, FILE, delivered_bytes=1000, now_sec=9), True),
    "W12 prune": (lambda store: store.prune(INSTANCE, FILE), None),
}


@pytest.mark.parametrize("fault", [*APPLIED_BUT_UNSAID, ERROR_BEFORE, CLOSE_BEFORE, THROTTLE, THROTTLE_TOO])
@pytest.mark.parametrize("write", [*REPEATED, *REPEATED_ON_A_ROW])
def test_a_write_that_may_be_repeated_is_repeated_with_the_same_answer(state, proxy, write, fault):
    """REL-146, REL-41, REL-150: an own success is never reported as somebody else's."""
    if write in REPEATED_ON_A_ROW:
        state.store.see(a_tracked(status="completed", delivered_bytes=1000))
    make, answer = (REPEATED | REPEATED_ON_A_ROW)[write]
    proxy.seen.clear()
    proxy.faults = [fault]

    assert make(state.store) == answer
    assert len(proxy.seen) == 2


@pytest.mark.parametrize("fault", APPLIED_BUT_UNSAID)
@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_a_letter_whose_answer_is_lost_is_counted_once(state, proxy, fault, earlier):
    """REL-144."""
    for _ in range(earlier):
        state.store.bury(a_letter())
    proxy.faults = [None, fault]
    state.store.bury(a_letter())

    assert state.store.dead_letter("m1").retry_count == earlier + 1
    assert proxy.faults == []


def test_sixteen_burials_of_one_range_are_counted_sixteen_times(state):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: state.store.bury(a_letter()), range(16)))

    assert state.store.dead_letter("m1").retry_count == 16


@pytest.mark.parametrize("fault", [THROTTLE, THROTTLE_TOO])
def test_throttling_that_lasts_is_transient_after_a_few_tries_and_nothing_is_written(state, proxy, fault):
    """REL-41: fail closed."""
    held = claim(state)
    before = state.store.checkpoint(INSTANCE, FILE)
    proxy.seen.clear()
    proxy.always = fault

    with pytest.raises(Throttled):
        state.store.intend(held, an_intent(), until_ms=NOW_MS)
    assert proxy.operations() == ["UpdateItem"] * TRIES
    proxy.always = None
    assert state.store.checkpoint(INSTANCE, FILE) == before


def test_a_read_is_tried_again_whatever_became_of_it(state, proxy):
    state.store.see(a_tracked())
    for fault in (LOSE_ANSWER, CUT_ANSWER, ERROR_BEFORE, CLOSE_BEFORE, THROTTLE):
        proxy.faults = [fault]
        assert state.store.tracked(INSTANCE) == [a_tracked()]
        assert proxy.faults == []


def test_a_read_that_never_works_is_transient(state, proxy):
    proxy.always = ERROR_BEFORE

    with pytest.raises(Unreachable):
        state.store.checkpoint(INSTANCE, FILE)
    proxy.always = None


def test_a_store_that_is_away_surely_applied_nothing(tmp_path):
    """REL-41: a refused connection is Transient, not Unknown."""
    with dynoxide.running() as server, dynamodb_state(tmp_path, SteppedClock(), lambda _name: server) as state:
        held = claim(state)
        server.kill()
        with pytest.raises(Transient):
            state.store.renew(held, until_ms=NOW_MS * 2)
        server.start()
        assert state.store.checkpoint(INSTANCE, FILE) == held, "what was confirmed survived the kill"


def test_under_a_storm_of_throttling_and_lost_answers_the_fence_holds(state, proxy):
    """CMP-24, REL-45: 30 % of the requests meet a fault; 200 claims, intents and advances keep their order."""
    chance = random.Random(7)
    faults = [THROTTLE, LOSE_ANSWER, ERROR_AFTER, ERROR_BEFORE]
    proxy.always = lambda _seen: chance.choice(faults) if chance.random() < 0.3 else None
    clock, expected = SteppedClock(), 0
    for number in range(50):
        batch = a_batch([number * 20, number * 20 + 10])
        try:
            with claimed_file(state.store, clock, CountedRandom(), Settings(), a_checkpoint(), f"pod-{number}") as held:
                if held.checkpoint.byte_offset != expected:
                    raise AssertionError(f"{held.checkpoint.byte_offset} at visit {number}, {expected} expected")
                held.intend(batch)
                held.advance(batch, None)
                expected = batch.to_offset
        except (EpochMoved, ClaimHeld, Transient, StateAnswerLost) as error:
            pytest.fail(f"visit {number} of a lonely worker: {error!r}")
    proxy.always = None

    assert state.store.checkpoint(INSTANCE, FILE).byte_offset == expected == 1000
    assert len(proxy.seen) > 250


WORD = re.compile(r"(?<![#:\w])[A-Za-z_]\w*")
GRAMMAR = {"SET", "REMOVE", "AND", "OR", "attribute_exists", "attribute_not_exists", "if_not_exists"}


def every_method(store):
    store.save_instance(an_instance())
    store.lease_listing(INSTANCE, "me", now_sec=1, until_sec=2)
    store.instances()
    store.see(a_tracked(status="completed"))
    store.grow(INSTANCE, FILE, file_size=5, last_written=6, now_sec=7)
    store.queued(INSTANCE, FILE, 5)
    store.missed(INSTANCE, FILE, 1)
    store.tracked(INSTANCE)
    REPEATED_ON_A_ROW["W9 finish"][0](store)
    REPEATED_ON_A_ROW["W11 audited"][0](store)
    held = store.take_claim(a_full_checkpoint(intent=None), owner="me", now_ms=NOW_MS, until_ms=NOW_MS + LEASE_MS)
    store.renew(held, until_ms=NOW_MS + LEASE_MS)
    store.intend(held, an_intent("b1"), until_ms=NOW_MS + LEASE_MS)
    store.advance(held, "b1", replace(held, intent=an_intent("b2"), expires_at=0))
    store.advance(held, "b2", held)
    store.release(held, withdraw_intent=True)
    store.checkpoint(INSTANCE, FILE)
    store.bury(a_letter())
    store.bury(a_letter())
    store.dead_letter("m1")
    store.dead_letters()
    store.dead_letters(gaps=True)
    store.delete_dead_letter("m1")
    store.prune(INSTANCE, FILE)


def test_every_attribute_is_aliased_in_every_expression(state, proxy):
    """names-and-runbook.md §2.8: status, error, from, to, count and others are reserved words."""
    every_method(state.store)
    bare = {(one.operation, name, word) for one in proxy.seen for name, text in one.parameters.items()
            if name.endswith("Expression") for word in WORD.findall(text) if word not in GRAMMAR}

    assert bare == set()
    assert len(proxy.seen) > 25


def test_every_expression_is_one_that_the_service_takes(state, proxy):
    """The service refuses names and values that no expression uses, and expressions above 4 KB."""
    every_method(state.store)
    for one in proxy.seen:
        texts = [text for name, text in one.parameters.items() if name.endswith("Expression")]
        for mark, given in (("#", "ExpressionAttributeNames"), (":", "ExpressionAttributeValues")):
            used = set(re.findall(rf"{mark}\w+", " ".join(texts)))
            assert used == set(one.parameters.get(given, {})), one
        assert max(map(len, texts), default=0) <= 4096


def test_nothing_scans_at_run_time_and_decisions_read_consistently(state, proxy):
    """REL-44; the index alone can't be read consistently, and nothing rests on it."""
    every_method(state.store)
    reads = [one for one in proxy.seen if one.operation in ("GetItem", "Query")]

    assert "Scan" not in proxy.operations()
    assert {one.parameters.get("ConsistentRead", False) for one in reads if "IndexName" not in one.parameters} == {True}
    assert {one.parameters["TableName"].rsplit("-", 1)[0] for one in reads if "IndexName" in one.parameters} == {
        "aurora-instance-metadata", "aurora-log-dlq"}


def test_a_batch_costs_one_state_write(state, proxy):
    """reliability.md §5.2: W7 advances and intends in one."""
    batches = [a_batch([number * 10]) for number in range(20)]
    with claimed_file(state.store, SteppedClock(), CountedRandom(), Settings(), a_checkpoint(), "pod-a") as held:
        held.intend(batches[0])
        proxy.seen.clear()
        for batch, following in zip(batches, [*batches[1:], None], strict=True):
            held.advance(batch, following)
        assert proxy.operations() == ["UpdateItem"] * 20


def test_more_rows_than_one_page_are_all_read(state):
    """A page ends at 1 MB."""
    rows = [a_tracked(f"slowquery/{number:04}.log", error="x" * 2000) for number in range(600)]
    for row in rows:
        state.store.see(row)

    assert state.store.tracked(INSTANCE) == rows
    assert len(state.store.all_tracked()) == 600


def test_an_error_names_table_and_action_and_never_the_item(state, proxy):
    proxy.always = ERROR_BEFORE
    with pytest.raises(AuroraLogsError) as caught:
        state.store.see(a_tracked(error="SECRET"))
    proxy.always = None

    assert "UpdateItem" in str(caught.value) or "PutItem" in str(caught.value)
    assert "aurora-log-file-tracking" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_a_missing_table_says_what_to_do(dynamodb, tmp_path):
    with dynamodb_state(tmp_path, SteppedClock(), lambda _name: SimpleNamespace(url=dynamodb.url)) as bench:
        bench.store._tables = replace(bench.store._tables, tracking="nowhere")
        with pytest.raises(AuroraLogsError, match="There is no table nowhere here") as caught:
            bench.store.tracked(INSTANCE)

    assert caught.value.hint == "aurora-logs provision tables"


NEWER_WRITES = {
    "aurora-log-file-tracking": [lambda store: store.tracked(INSTANCE), REPEATED_ON_A_ROW["W2 grow"][0],
                                 REPEATED_ON_A_ROW["W3 queued"][0], REPEATED_ON_A_ROW["W9 finish"][0]],
    "aurora-instance-metadata": [lambda store: store.instances(), REPEATED["save_instance"][0], REPEATED["lease_listing"][0]],
    "aurora-log-dlq": [lambda store: store.dead_letter("m1"), lambda store: store.bury(a_letter())],
}


@pytest.mark.parametrize("table", NEWER_WRITES)
def test_a_row_of_a_newer_version_is_refused_and_stays_as_it_is(state, table):
    """REL-51: whatever would touch it says so; no write of ours changes it."""
    state.store.see(a_tracked(status="completed", delivered_bytes=1000))
    state.store.save_instance(an_instance())
    state.store.bury(a_letter())
    key = {"aurora-log-file-tracking": {"instance_id": INSTANCE, "log_file_name": FILE},
           "aurora-instance-metadata": {"instance_id": INSTANCE}, "aurora-log-dlq": {"message_id": "m1"}}[table]
    state.edit(table, key, {"schema_version": 2, "from_the_future": "yes"})
    for touch in NEWER_WRITES[table]:
        with pytest.raises(StateNewer, match="schema version 2"):
            touch(state.store)
    state.edit(table, key, {"schema_version": 1})

    assert state.store.tracked(INSTANCE) == [a_tracked(status="completed", delivered_bytes=1000)]
    assert state.store.instances() == [an_instance()]
    assert state.store.dead_letter("m1") == a_letter()
    assert "from_the_future" in state.attributes(table), "what we don't know stays"
