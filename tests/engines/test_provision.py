"""`provision`: exactly the contract, twice the same, differences named (names-and-runbook.md §2.6, §2.8; CMP-22)."""

import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from tests.contracts.conftest import dynamodb_client, own_tables, vars_of

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide")]
PROGRAM = Path(sys.executable).with_name("aurora-logs")
TABLE_SETTINGS = {"instances": "INSTANCE_TABLE", "tracking": "TRACKING_TABLE", "checkpoints": "CHECKPOINT_TABLE",
                  "dead_letters": "DLQ_TABLE"}


@pytest.fixture
def place(broker, dynamodb):
    """A way to run the command on tables of its own; topics have fixed names and are removed before."""
    tables = vars_of(own_tables())
    there = [name for name in broker.tool("kafka-topics.sh", "--list").split() if name.startswith("aurora-logs-")]
    if there:
        broker.tool("kafka-topics.sh", "--delete", "--topic", "|".join(there))
    return Place(broker, dynamodb, tables)


class Place:
    def __init__(self, broker, dynamodb, tables):
        self.broker, self.tables, self.client = broker, tables, dynamodb_client(dynamodb.url)
        self.env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url,
                    "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
                    "KAFKA_BROKERS": broker.address, "TZ": "UTC",
                    **{TABLE_SETTINGS[role]: name for role, name in tables.items()}}

    def run(self, *words, **env):
        done = subprocess.run([PROGRAM, "provision", *words, "-o", "json"], env=self.env | env, capture_output=True,
                              text=True, check=False, timeout=60)
        assert "Traceback" not in done.stderr
        items = json.loads(done.stdout)["items"] if done.stdout else []
        return done.returncode, {one["name"]: one for one in items}, done.stderr

    def outcomes(self, *words):
        code, items, _ = self.run(*words)
        return code, {one["outcome"] for one in items.values()}


def test_a_dry_run_makes_nothing_then_all_is_made_and_a_second_run_changes_nothing(place):
    assert place.outcomes("all", "--dry-run") == (0, {"would be created"})
    assert "aurora-logs-" not in place.broker.tool("kafka-topics.sh", "--list")
    assert place.outcomes("all") == (0, {"created"})
    before = [place.client.describe_table(TableName=name)["Table"]["CreationDateTime"] for name in place.tables.values()]

    assert place.outcomes("all") == (0, {"exists"})
    assert before == [place.client.describe_table(TableName=name)["Table"]["CreationDateTime"]
                      for name in place.tables.values()]
    assert len(place.run("all")[1]) == 4 + 5


def test_tables_have_the_keys_the_billing_and_the_ttl_of_the_contract(place):
    place.run("tables")
    found = {}
    for role, name in place.tables.items():
        table = place.client.describe_table(TableName=name)["Table"]
        ttl = place.client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        found[role] = ([(one["AttributeName"], one["KeyType"]) for one in table["KeySchema"]],
                       table["BillingModeSummary"]["BillingMode"], ttl.get("AttributeName"),
                       [one["IndexName"] for one in table.get("GlobalSecondaryIndexes", [])])
    file_keys = [("instance_id", "HASH"), ("log_file_name", "RANGE")]

    assert found == {
        "instances": ([("instance_id", "HASH")], "PAY_PER_REQUEST", "expires_at", ["listed-as"]),
        "tracking": (file_keys, "PAY_PER_REQUEST", None, []),
        "checkpoints": (file_keys, "PAY_PER_REQUEST", "expires_at", []),
        "dead_letters": ([("message_id", "HASH")], "PAY_PER_REQUEST", None, ["listed-as"]),
    }


def test_topics_have_ten_partitions_and_a_day_of_retention(place):
    place.run("topics")
    said = place.broker.tool("kafka-topics.sh", "--describe")

    for log_type in ("error", "slowquery", "general", "audit", "postgresql"):
        line = next(line for line in said.splitlines() if f"Topic: aurora-logs-{log_type}\t" in line and "PartitionCount" in line)
        assert "PartitionCount: 10\t" in line
        assert "retention.ms=86400000" in line
        assert "max.message.bytes=65536" in line


def test_a_missing_ttl_is_completed(place):
    """A run that died between the table and its TTL; also doubles that drop it."""
    name = place.tables["checkpoints"]
    place.client.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[
        {"AttributeName": "instance_id", "KeyType": "HASH"}, {"AttributeName": "log_file_name", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in ("instance_id", "log_file_name")])
    code, items, _ = place.run("tables")

    assert (code, items[name]["outcome"], items[name]["made"]) == (0, "completed", ["TTL on expires_at"])
    assert place.client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["AttributeName"] == "expires_at"


def test_a_table_of_another_shape_is_named_and_left_alone(place):
    name = place.tables["tracking"]
    place.client.create_table(TableName=name, BillingMode="PROVISIONED",
                              ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
                              KeySchema=[{"AttributeName": "file", "KeyType": "HASH"}],
                              AttributeDefinitions=[{"AttributeName": "file", "AttributeType": "N"}])
    code, items, _ = place.run("tables")

    assert code == 5
    assert items[name]["outcome"] == "differs"
    assert items[name]["differences"] == ["keys: found file N, wanted instance_id S, log_file_name S",
                                          "billing: found PROVISIONED, wanted PAY_PER_REQUEST"]
    assert {one["outcome"] for one in items.values()} == {"created", "differs"}, "the others are made"


def test_a_topic_of_another_shape_is_named_and_left_alone(place):
    place.broker.tool("kafka-topics.sh", "--create", "--topic", "aurora-logs-error", "--partitions", "12")
    code, items, _ = place.run("topics")

    assert code == 5
    assert "partitions: found 12, wanted 10" in items["aurora-logs-error"]["differences"]
    assert place.broker.tool("kafka-topics.sh", "--describe", "--topic", "aurora-logs-error").count("Partition: ") == 12


def test_what_was_made_is_told_although_the_brokers_are_away(place):
    code, items, said = place.run("all", KAFKA_BROKERS="127.0.0.1:9")

    assert code == 7
    assert {one["sort"] for one in items.values()} == {"table"}
    assert "Kafka" in said


def test_topics_without_brokers_are_a_matter_of_the_settings(place):
    code, _, said = place.run("topics", KAFKA_BROKERS="")

    assert code == 2
    assert "KAFKA_BROKERS" in said


def test_a_table_is_made_once_by_two_runs_at_once(place):
    mark = uuid.uuid4().hex[:8]
    env = place.env | {setting: f"{setting.lower()}-{mark}" for setting in TABLE_SETTINGS.values()}
    runs = [subprocess.Popen([PROGRAM, "provision", "tables"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(3)]
    ends = [(run.communicate()[1], run.returncode) for run in runs]

    assert [code for _, code in ends] == [0, 0, 0], ends
