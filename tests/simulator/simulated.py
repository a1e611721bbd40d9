"""Simulated accounts for tests: on a clock that stands still, directly or behind HTTP."""

import contextlib
import threading
import time

import boto3
from botocore.config import Config

from aurora_logs_simulator.clock import HOUR_US, SetClock
from aurora_logs_simulator.faults import Rule
from aurora_logs_simulator.instance import Spec
from aurora_logs_simulator.scenario import Scenario, build
from aurora_logs_simulator.server import SimulatorServer
from aurora_logs_simulator.signing import Keys

START_US = 1_791_612_600_000_000  # 2026-10-10T06:10:00Z
SLOW = "slowquery/mysql-slowquery.log"
KEYS = Keys(secrets={"SIMULATOR": "simulator-secret"}, expired_tokens=frozenset({"expired"}))
MYSQL = Spec(identifier="db-1", engine="aurora-mysql", cluster="c", log_types=("slowquery",))
POSTGRES = Spec(identifier="pg-1", engine="postgres")


class RealTimeBeside(SetClock):
    """Log time stands still until told; signatures see the wall clock."""

    def real_us(self):
        return time.time_ns() // 1_000


def a_world(*specs, faults=(), clock=None, **settings):
    """A world whose load writes nothing by itself and whose calls are not throttled, unless told otherwise."""
    settings = {"entries_per_sec": 0.0, "calls_per_sec": 0.0, **settings}
    scenario = Scenario(instances=specs or (MYSQL,), faults=tuple(faults), **settings)
    return build(scenario, clock or SetClock(START_US))


def fault(name, probability=1.0, **more):
    return Rule(fault=name, probability=probability, **more)


def pass_hours(world, hours):
    for _ in range(hours):
        world.clock.advance_us(HOUR_US)
        world.api.account.advance(world.clock.now_us())


def family(world, instance="db-1", log_type="slowquery"):
    return world.api.account.instance(instance).families[log_type]


def put(world, content, instance="db-1", log_type="slowquery"):
    """Write bytes as one entry without a token; return the segment that has them."""
    segment, _ = family(world, instance, log_type).append(
        content, token="", fields={}, now_us=world.clock.now_us()
    )
    return segment


def without_header(world, instance="db-1", log_type="slowquery"):
    """Empty the live file, so that a test can count from byte 0."""
    segment = family(world, instance, log_type).live
    segment.content.clear()
    return segment


def names(world, instance="db-1"):
    return [row["LogFileName"] for row in world.api.describe_db_log_files(instance).items]


@contextlib.contextmanager
def served(world, keys=KEYS):
    """The world behind HTTP, in a thread of this process."""
    server = SimulatorServer(world, keys=keys)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


@contextlib.contextmanager
def rds(server, *, region="eu-central-1", secret="simulator-secret", token=None, key="SIMULATOR"):
    """A plain boto3 client without retries, closed in the end."""
    client = boto3.client(
        "rds", endpoint_url=server.endpoint, region_name=region, aws_access_key_id=key,
        aws_secret_access_key=secret, aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
    )  # fmt: skip
    try:
        yield client
    finally:
        client.close()
