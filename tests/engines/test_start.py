"""Starts that can't go well say so within 10 s and name the cure; a service that runs outlives what goes away and comes back."""

import subprocess
import time
import uuid
from collections import Counter

import pytest
from tests.contracts.conftest import own_tables, vars_of
from tests.engines.fault_proxy import in_front_of
from tests.engines.services_world import Services
from tests.engines.test_distributed import PROGRAM, wait_until
from tests.engines.test_provision import TABLE_SETTINGS
from tools.servers import kafka

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
WITHIN_SEC = 10.0


@pytest.fixture
def services(broker, dynamodb, tmp_path):
    made = Services(broker, dynamodb, tmp_path)
    made.env |= {"OPENOBSERVE_USER": made.sink.ready["user"], "OPENOBSERVE_PASS": made.sink.ready["password"]}
    made.write_logs("prod-1")
    yield made
    made.clear_up()


def wrong_table(services):
    name = f"wrong-{uuid.uuid4().hex[:8]}"
    services.client.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "file", "KeyType": "HASH"}],
                                 AttributeDefinitions=[{"AttributeName": "file", "AttributeType": "S"}])
    return name


REFUSED = {
    "a bad setting": (lambda _: {"LEASE_SEC": "0"}, 2, "LEASE_SEC", ("discovery", "processor")),
    "missing tables": (lambda _: {TABLE_SETTINGS[role]: name for role, name in vars_of(own_tables()).items()}, 2,
                       "aurora-logs provision tables", ("discovery", "processor")),
    "a wrong key schema": (lambda services: {"TRACKING_TABLE": wrong_table(services)}, 2, "aurora-logs provision tables --dry-run",
                           ("discovery", "processor")),
    "a wrong login": (lambda _: {"OPENOBSERVE_PASS": "wrong"}, 6, "OPENOBSERVE_PASS", ("processor",)),
}


@pytest.mark.parametrize(("service", "case"), [(service, case) for case, row in REFUSED.items() for service in row[3]])
def test_what_a_person_must_cure_ends_the_start_with_the_cure(services, service, case):
    make, code, cure, _ = REFUSED[case]
    env = make(services)
    began_sec = time.monotonic()
    done = subprocess.run([PROGRAM, "run", service], env={**services.env, **env}, capture_output=True, text=True, timeout=30, check=False)
    took_sec = time.monotonic() - began_sec
    print(f"{service}, {case}: exit {done.returncode} after {took_sec:.1f} s")

    assert done.returncode == code, done.stderr
    assert cure in done.stderr
    assert "Traceback" not in done.stderr
    assert took_sec < WITHIN_SEC


@pytest.mark.parametrize("service", ["discovery", "processor"])
def test_missing_topics_end_the_start_with_the_cure(services, service, tmp_path):
    with kafka.running() as other:
        done = subprocess.run([PROGRAM, "run", service], env={**services.env, "KAFKA_BROKERS": other.address}, capture_output=True,
                              text=True, timeout=30, check=False)

    assert done.returncode == 2, done.stderr
    assert "aurora-logs provision topics" in done.stderr


@pytest.mark.parametrize("service", ["discovery", "processor"])
@pytest.mark.parametrize(("env", "cure"), [({"KAFKA_BROKERS": "127.0.0.1:9"}, "KAFKA_BROKERS"),
                                           ({"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}, "127.0.0.1:9")])
def test_what_does_not_answer_is_told_within_ten_seconds_and_waited_for(services, service, env, cure):
    began_sec = time.monotonic()
    process = services.run(service, "pod", **env)
    wait_until(lambda: any(line["msg"] == "Dependency does not answer" and cure in f"{line['error']} {line['hint']}"
                           for line in services.lines("pod")), WITHIN_SEC)
    print(f"{service}, {cure}: told after {time.monotonic() - began_sec:.1f} s")

    assert process.poll() is None
    services.end("pod", within_sec=35)


def test_a_running_service_outlives_all_of_them(services, broker, dynamodb):
    """Tables, login, sink, state store and brokers go away and come back, one after the other; work goes on by itself."""
    with in_front_of(dynamodb.url) as proxy:
        services.env |= {"AWS_ENDPOINT_URL_DYNAMODB": proxy.url, "KAFKA_SESSION_SEC": "6", "DISCOVERY_INTERVAL_SEC": "1"}
        pods = {"discovery-a": "discovery", "processor-a": "processor"}
        for pod, service in pods.items():
            services.run(service, pod)

        def delivers(instance, within_sec=90):
            services.write_logs(instance)
            began_sec = time.monotonic()
            wait_until(lambda: len(services.sink.stored()) >= len(services.tokens), within_sec)
            assert all(services.pods[pod].poll() is None for pod in pods), "nobody ended"
            print(f"{instance}: {time.monotonic() - began_sec:.1f} s after it was back")

        def away(sec=4):
            services.write_logs(f"while-{uuid.uuid4().hex[:6]}")
            time.sleep(sec)

        delivers("before")
        proxy.always = "ResourceNotFoundException"
        away()
        proxy.always = None
        delivers("tables")
        proxy.always = lambda _seen: "the request is not applied, the connection ends without an answer"
        away()
        proxy.always = None
        delivers("state-store")
        services.sink.ask("faults", {"fault": "login_refused", "probability": 1.0})
        away()
        services.sink.ask("faults", {"off": "login_refused"})
        delivers("login")
        services.sink.stop()
        away()
        services.sink.start()
        delivers("sink")
        broker.stop()
        away()
        broker.start()
        delivers("brokers", 120)
        services.end(*pods, within_sec=35)

    assert services.sink.stored() == Counter(services.tokens)
