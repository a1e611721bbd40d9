"""The RDS source over several accounts and regions, by boto3 as it is, against the simulator."""

import contextlib
import threading

import pytest
from tests.simulator.simulated import MYSQL, POSTGRES, START_US, RealTimeBeside, a_world, fault, served

from aurora_logs.adapters.aws.opening import ApiLimits, open_source
from aurora_logs.adapters.embedded.system import SystemClock, SystemRandom
from aurora_logs.errors import AccessDenied, InstanceGone
from aurora_logs.settings import Settings
from aurora_logs_simulator.instance import Spec
from aurora_logs_simulator.scenario import Elsewhere, Role

OTHER = "222233334444"
ROLE = f"arn:aws:iam::{OTHER}:role/logs/reader"
WEST, FAR = "@eu-west-1", f"@eu-central-1.{OTHER}"


def a_fleet(**role):
    """The same identifier in three places, and one more in the third."""
    return a_world(
        MYSQL, clock=RealTimeBeside(START_US), entries_per_sec=1.0, history_hours=0.1,
        elsewhere=(Elsewhere(region="eu-west-1", instances=(Spec(identifier="db-1", engine="postgres"),)),
                   Elsewhere(account_id=OTHER, instances=(Spec(identifier="db-1", engine="mysql", cluster="c"), POSTGRES))),
        roles=(Role(arn=ROLE, external_id="of-us", **role),),
    )  # fmt: skip


class ClockThatTells(SystemClock):
    """Remembers how long it was asked to wait, and does so."""

    def __init__(self, stop):
        super().__init__(stop)
        self.waits = []

    def sleep(self, sec):
        self.waits.append(sec)
        super().sleep(sec)


@pytest.fixture
def fleet(monkeypatch):
    """Gives a function that opens a source on a served fleet."""
    with contextlib.ExitStack() as opened:

        def start(world, *, calls_per_sec=500.0, clock=None, **settings):
            server = opened.enter_context(served(world))
            world.load.stop()
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "SIMULATOR")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulator-secret")
            clock = clock or SystemClock(threading.Event())
            wanted = {"aws_region": "eu-central-1", "aws_regions": "eu-central-1 eu-west-1", "pod_name": "discovery-0",
                      "assume_roles": f"{ROLE}#of-us", "rds_api_rate_limit": calls_per_sec}
            known = Settings(**wanted | settings)
            source = open_source(known, clock, ApiLimits(known, clock, SystemRandom(), None))
            opened.callback(source.close)
            return server, source

        yield start


def calls_in(server):
    return {one.place: [(call.operation, call.instance) for call in one.api.gate.journal] for one in server.world.all}


def test_instances_of_all_places_have_ids_that_differ(fleet):
    """RDS-19: those of the first account and region have their bare names."""
    _, source = fleet(a_fleet())
    found = {one.instance_id: one for one in source.instances()}

    assert source.places() == ["eu-central-1", "eu-west-1", f"eu-central-1.{OTHER}", f"eu-west-1.{OTHER}"]
    assert sorted(found) == sorted(["db-1", f"db-1{WEST}", f"db-1{FAR}", f"pg-1{FAR}"])
    assert [(found[name].account_id, found[name].aws_region, found[name].cluster_id) for name in ("db-1", f"db-1{WEST}", f"db-1{FAR}")] == [
        ("123456789012", "eu-central-1", "c"), ("123456789012", "eu-west-1", ""), (OTHER, "eu-central-1", f"c{FAR}")]
    assert len({one.resource_id for one in found.values()}) == 4
    assert {one.place for one in found.values()} == {"eu-central-1", "eu-west-1", f"eu-central-1.{OTHER}"}


def test_listings_portions_and_complete_files_go_to_the_place_of_their_instance(fleet):
    server, source = fleet(a_fleet())
    texts = {}
    for name in ("db-1", f"db-1{WEST}", f"db-1{FAR}"):
        file = max(source.log_files(name), key=lambda one: one.size_bytes).log_file_name
        with source.complete_file(name, file) as pieces:
            texts[name] = b"".join(pieces)
        assert source.read(name, file, "0").content == texts[name]

    assert len(set(texts.values())) == 3
    wanted = [("DescribeDBLogFiles", "db-1"), ("DownloadCompleteDBLogFile", "db-1"), ("DownloadDBLogFilePortion", "db-1")]
    assert list(calls_in(server).values()) == [wanted, wanted, wanted]
    assert sum(source.calls.values()) == 9


def test_a_name_of_no_place_is_no_instance(fleet):
    _, source = fleet(a_fleet())
    for name in ("db-1@mars-north-1", "db-1@db-OLD"):
        with pytest.raises(InstanceGone):
            source.log_files(name)


def test_one_region_of_one_account_needs_no_second_place(fleet):
    _, source = fleet(a_fleet(), aws_regions="", assume_roles="")

    assert [one.instance_id for one in source.instances()] == ["db-1"]
    assert source.places() == ["eu-central-1"]


def test_the_own_account_may_be_left_out(fleet):
    _, source = fleet(a_fleet(), collect_own_account=False)

    assert {one.instance_id for one in source.instances()} == {f"db-1{FAR}", f"pg-1{FAR}"}


def test_a_role_that_is_not_handed_out_is_named_and_leaves_the_other_places_alone(fleet):
    """RDS-15, SEC-03."""
    _, source = fleet(a_fleet(), assume_roles=f"{ROLE}#of-others")
    with pytest.raises(AccessDenied, match=r"sts:AssumeRole on arn:aws:iam::222233334444:role/logs/reader is not allowed") as told:
        source.instances(f"eu-central-1.{OTHER}")

    assert "external id" in told.value.hint
    assert [one.instance_id for one in source.instances("eu-west-1")] == [f"db-1{WEST}"]


def test_a_denied_region_leaves_the_other_places_alone(fleet):
    server, source = fleet(a_fleet())
    server.world.elsewhere[0].api.faults.add(fault("access_denied"))
    with pytest.raises(AccessDenied):
        source.instances("eu-west-1")

    assert [one.instance_id for one in source.instances("eu-central-1")] == ["db-1"]
    assert len(source.instances(f"eu-central-1.{OTHER}")) == 2


def test_one_session_serves_all_calls_until_it_ends_and_is_renewed(fleet):
    """RDS-19, REL-22, CMP-26: ended by STS, by an administrator, or about to end."""
    server, source = fleet(a_fleet())
    place = f"eu-central-1.{OTHER}"
    for _ in range(5):
        source.instances(place)
    assert server.service.sts.calls["AssumeRole"] == 1

    assert server.service.sts.end_sessions() == 1
    files = source.log_files(f"pg-1{FAR}")
    assert server.service.sts.calls["AssumeRole"] == 2
    server.service.sts.end_sessions()
    source.read(f"pg-1{FAR}", files[0].log_file_name, "0")
    assert server.service.sts.calls["AssumeRole"] == 3


def test_a_session_whose_end_is_near_is_renewed_before_it(fleet):
    server, source = fleet(a_fleet(session_sec=300.0), aws_regions="eu-central-1")
    for _ in range(3):
        source.instances(f"eu-central-1.{OTHER}")

    assert server.service.sts.calls["AssumeRole"] > 1
    assert ("DescribeDBInstances", "AccessDenied") not in source.calls


def test_each_place_has_a_budget_of_its_own(fleet):
    """RDS-19: calls wait for their own account and region alone."""
    _, source = fleet(a_fleet(), calls_per_sec=0.5, clock=(clock := ClockThatTells(threading.Event())))
    for place in ("eu-central-1", "eu-west-1", f"eu-west-1.{OTHER}"):
        clock.waits.clear()
        source.instances(place)
        assert len(clock.waits) == (1 if place == "eu-central-1" else 0), "a place with a cluster costs a second call"
    source.instances("eu-west-1")

    assert clock.waits
