"""Several regions and accounts behind one address: AssumeRole by boto3, sessions that end, a budget and faults each."""

import json
import urllib.error
import urllib.request

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config
from tests.simulator.simulated import MYSQL, START_US, RealTimeBeside, a_world, fault, served

from aurora_logs_simulator.instance import Spec
from aurora_logs_simulator.scenario import Elsewhere, Role

OTHER = "222233334444"
ROLE = f"arn:aws:iam::{OTHER}:role/logs/reader"
CONFIG = Config(retries={"total_max_attempts": 1}, read_timeout=10)


@pytest.fixture
def server():
    world = a_world(
        MYSQL, clock=RealTimeBeside(START_US), calls_per_sec=0.0,
        elsewhere=(Elsewhere(region="eu-west-1", instances=(Spec(identifier="db-1", engine="postgres"),)),
                   Elsewhere(account_id=OTHER, instances=(Spec(identifier="db-1", engine="mysql"),))),
        roles=(Role(arn=ROLE, external_id="of-us"), Role(arn=f"{ROLE}-short", session_sec=1.0)),
    )  # fmt: skip
    with served(world) as running:
        yield running


def client(server, service, *, region="eu-central-1", credentials=None):
    given = credentials or {"AccessKeyId": "SIMULATOR", "SecretAccessKey": "simulator-secret"}
    return boto3.client(service, endpoint_url=server.endpoint, region_name=region, config=CONFIG,
                        aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
                        aws_session_token=given.get("SessionToken"))


def assume(server, arn=ROLE, **more):
    return client(server, "sts").assume_role(RoleArn=arn, RoleSessionName="test", **more)["Credentials"]


def listed(rds):
    return [(one["DBInstanceIdentifier"], one["Engine"], one["DBInstanceArn"]) for one in rds.describe_db_instances()["DBInstances"]]


def refused(call):
    with pytest.raises(botocore.exceptions.ClientError) as told:
        call()
    return told.value.response["Error"]["Code"], told.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_key_and_scope_choose_the_account_and_region(server):
    """RDS-19: the same identifier in three places is three instances."""
    credentials = assume(server, ExternalId="of-us")
    rows = [*listed(client(server, "rds")), *listed(client(server, "rds", region="eu-west-1")),
            *listed(client(server, "rds", credentials=credentials))]

    assert rows == [
        ("db-1", "aurora-mysql", "arn:aws:rds:eu-central-1:123456789012:db:db-1"),
        ("db-1", "postgres", "arn:aws:rds:eu-west-1:123456789012:db:db-1"),
        ("db-1", "mysql", f"arn:aws:rds:eu-central-1:{OTHER}:db:db-1"),
    ]  # fmt: skip
    assert listed(client(server, "rds", region="eu-west-1", credentials=credentials)) == []
    assert refused(client(server, "rds", region="mars-north-1").describe_db_instances) == ("SignatureDoesNotMatch", 403)


def test_a_session_says_who_it_is(server):
    """CMP-26."""
    identity = client(server, "sts", credentials=assume(server, ExternalId="of-us")).get_caller_identity()

    assert identity["Arn"] == f"arn:aws:sts::{OTHER}:assumed-role/reader/test"
    assert identity["Account"] == OTHER
    assert client(server, "sts").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize(("arn", "more", "code"), [
    (ROLE, {}, ("AccessDenied", 403)), (ROLE, {"ExternalId": "of-others"}, ("AccessDenied", 403)),
    (f"{ROLE}-unknown", {}, ("AccessDenied", 403)), (ROLE, {"ExternalId": "of-us", "DurationSeconds": 43_201}, ("ValidationError", 400)),
])  # fmt: skip
def test_a_role_is_refused_without_its_external_id(server, arn, more, code):
    assert refused(lambda: assume(server, arn, **more)) == code


def test_sessions_end_by_time_or_when_they_are_told_to(server):
    short, long = assume(server, f"{ROLE}-short"), assume(server, ExternalId="of-us")
    ended = client(server, "rds", credentials=short)
    while "DBInstances" in _answer(ended):
        pass
    assert refused(ended.describe_db_instances) == ("ExpiredToken", 403)

    living = client(server, "rds", credentials=long)
    assert len(listed(living)) == 1
    assert server.service.sts.end_sessions() == 1
    assert refused(living.describe_db_instances) == ("ExpiredToken", 403)


def _answer(rds):
    try:
        return rds.describe_db_instances()
    except botocore.exceptions.ClientError:
        return {}


def test_a_session_is_checked_like_any_key(server):
    session = assume(server, ExternalId="of-us")
    for wrong, code in (({"SecretAccessKey": "guessed"}, "SignatureDoesNotMatch"), ({"SessionToken": "other"}, "InvalidClientTokenId")):
        assert refused(client(server, "rds", credentials=session | wrong).describe_db_instances) == (code, 403)


def test_each_place_has_calls_and_faults_of_its_own(server):
    west = next(one for one in server.world.all if one.place[1] == "eu-west-1")
    west.api.faults.add(fault("access_denied"))
    client(server, "rds").describe_db_instances()

    assert refused(client(server, "rds", region="eu-west-1").describe_db_instances) == ("AccessDenied", 403)
    assert [len(one.api.gate.journal) for one in server.world.all] == [1, 1, 0]
    assert server.world.api.gate.journal[0].operation == "DescribeDBInstances"


def test_the_load_writes_everywhere_and_the_control_surface_reaches_each_place():
    world = a_world(MYSQL, clock=RealTimeBeside(START_US), entries_per_sec=2.0, history_hours=0.5,
                    elsewhere=(Elsewhere(region="eu-west-1", instances=(Spec(identifier="pg", engine="postgres"),)),))
    with served(world) as server:
        told = {region: _get(f"{server.endpoint}/_simulator/instances{query}")
                for region, query in (("home", ""), ("west", "?region=eu-west-1"))}
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _get(f"{server.endpoint}/_simulator/instances?region=mars-north-1")

    assert {place: [one["identifier"] for one in rows] for place, rows in told.items()} == {"home": ["db-1"], "west": ["pg"]}
    assert all(one.load.entries > 1_000 for one in world.all)


def _get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)
