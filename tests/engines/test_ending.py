"""SIGTERM on real processes: work is drained, leases are given back, the group is left, all within SHUTDOWN_TIMEOUT_SEC."""

import signal
import threading
from collections import Counter

import pytest
from tests.engines.fault_proxy import in_front_of
from tests.engines.services_world import Services
from tests.engines.test_distributed import wait_until

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
MANY = [f"prod-{number}" for number in range(8)]


@pytest.fixture
def services(broker, dynamodb, tmp_path):
    made = Services(broker, dynamodb, tmp_path)
    made.write_logs(*MANY)
    yield made
    made.clear_up()


def held(services):
    """Checkpoints that somebody claims."""
    return [row for row in services.checkpoints() if row.lease_owner]


def working(services, pod):
    return any(line["msg"] == "Portion downloaded" for line in services.lines(pod))


def members(services):
    return {line.split()[-1] for line in services.describe().splitlines() if "aurora-logs-slowquery" in line} - {"-"}


def deliver_the_rest(services):
    for name in ("slow", "hang", "store_then_reset"):
        services.sink.ask("faults", {"off": name})
    services.run("processor", "processor-last")
    wait_until(lambda: len(services.sink.stored()) >= len(services.tokens))
    wait_until(lambda: services.lags() == {"0"})
    services.end("processor-last")


def test_a_processor_under_load_drains_and_gives_everything_back(services):
    """REL-68, RUN-48."""
    services.sink.ask("faults", {"fault": "slow", "probability": 1.0, "value": 0.5, "operation": "ingest"})
    services.run("discovery", "discovery-a")
    for pod in ("processor-a", "processor-b"):
        services.run("processor", pod)
    wait_until(lambda: all(working(services, pod) for pod in ("processor-a", "processor-b")))
    took_sec = services.end("processor-a", "processor-b", within_sec=10)
    rows = services.checkpoints()
    print(f"two processors under load: drained in {took_sec:.1f} s")

    assert [row for row in rows if row.lease_owner] == [], "each claim is given back"
    assert [row for row in rows if row.intent] == [], "what was under way got its receipt"
    assert members(services) == set()
    assert len(services.sink.stored()) < len(services.tokens), "it was stopped in the midst of it"
    deliver_the_rest(services)
    assert services.sink.stored() == Counter(services.tokens)


def test_a_sink_that_does_not_answer_holds_no_lease_up(services):
    """REL-68: the request is broken off late in the drain; its intent stays, and the next owner settles it."""
    services.sink.ask("faults", {"fault": "hang", "probability": 1.0, "value": 60, "operation": "ingest"})
    services.run("discovery", "discovery-a")
    services.run("processor", "processor-a", POST_TIMEOUT_SEC="60", SETTLE_SEC="61", LEASE_SEC="120", SHUTDOWN_TIMEOUT_SEC="4")
    wait_until(lambda: any(row.intent for row in services.checkpoints()))
    took_sec = services.end("processor-a", within_sec=20)
    rows = services.checkpoints()
    print(f"a processor whose sink hangs: ended in {took_sec:.1f} s of 4")

    assert took_sec < 4.5
    assert [row for row in rows if row.lease_owner] == []
    assert [row for row in rows if row.intent], "it may have been stored"
    deliver_the_rest(services)
    assert services.sink.stored() == Counter(services.tokens)


def test_a_second_signal_during_a_settle_changes_nothing(services):
    """REL-68, REL-117: a stop in a settle keeps the intent and gives the lease back."""
    services.sink.ask("faults", {"fault": "store_then_reset", "probability": 1.0, "operation": "ingest"})
    services.run("discovery", "discovery-a")
    services.run("processor", "processor-a", SETTLE_SEC="20")
    wait_until(lambda: any(line["msg"] == "Outcome unknown, settling" for line in services.lines("processor-a")))
    services.pods["processor-a"].send_signal(signal.SIGTERM)
    took_sec = services.end("processor-a", within_sec=10)
    print(f"a processor that settles: ended in {took_sec:.1f} s")

    assert took_sec < 5
    assert held(services) == []
    deliver_the_rest(services)
    assert services.sink.stored() == Counter(services.tokens)


def test_a_state_store_that_does_not_answer_ends_in_time_and_is_told(services, dynamodb):
    """Nobody can give a lease back then: it runs out, as after a kill."""
    gone_on = threading.Event()
    with in_front_of(dynamodb.url) as proxy:
        services.run("discovery", "discovery-a")
        services.sink.ask("faults", {"fault": "slow", "probability": 1.0, "value": 0.5, "operation": "ingest"})
        services.run("processor", "processor-a", SHUTDOWN_TIMEOUT_SEC="3", AWS_ENDPOINT_URL_DYNAMODB=proxy.url)
        wait_until(lambda: working(services, "processor-a"))
        proxy.always = lambda _seen: gone_on.wait(60)
        took_sec = services.end("processor-a", within_sec=20)
        gone_on.set()
    print(f"a processor whose tables do not answer: ended in {took_sec:.1f} s of 3")

    assert took_sec < 3.9
    last = services.lines("processor-a")[-1]
    assert (last["msg"], last["setting"]) == ("Ended without waiting any longer", "SHUTDOWN_TIMEOUT_SEC")
    assert any(name.startswith("worker-") for name in last["waiting"])
    deliver_the_rest(services)
    assert services.sink.stored() == Counter(services.tokens)
