"""Rescue: the sink is away, RDS deletes the files, nothing is lost, and the export shows each entry once."""

import json
import os
import shutil
import time
from collections import Counter

import pytest
from tests.engines.services_world import Services
from tests.engines.test_distributed import wait_until

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
NEAR_SEC = 23 * 3600  # written so long ago: RDS keeps MySQL's logs a day


@pytest.fixture
def services(broker, dynamodb, tmp_path):
    made = Services(broker, dynamodb, tmp_path)
    # of the stand-in's accounts the root's alone outlives its restart
    made.env |= {"OPENOBSERVE_USER": made.sink.ready["user"], "OPENOBSERVE_PASS": made.sink.ready["password"]}
    yield made
    made.clear_up()


def write_old_logs(services, *instances):
    services.write_logs(*instances)
    for path in services.source.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - NEAR_SEC,) * 2)


def rescued(services):
    return [one for one in services.items("dlq", "list") if one["reason"] == "rescued"]


def test_files_that_go_in_an_outage_are_parked_and_the_export_delivers_them_once(services):
    """REL-52, OO-41: the checkpoint passes what is parked; its dead letter says that it is not delivered."""
    shelter = services.folder / "shelter"
    services.env["RESCUE_DIR"] = str(shelter)
    write_old_logs(services, "prod-1", "prod-2")
    services.sink.stop()
    services.run("discovery", "discovery-a")
    services.run("processor", "processor-a")
    wait_until(lambda: {one["status"] for one in services.items("files", "list")} == {"completed"}, 120)
    letters = rescued(services)
    behind = sum(one["behind_bytes"] for one in json.loads(services.command("health", "-o", "json", code=8).stdout)["items"])
    services.end("processor-a")
    shutil.rmtree(services.source)  # RDS has deleted them
    services.source.mkdir()

    assert sum(one["to_position"] - one["from_position"] for one in letters) == behind > 0
    assert {one["reason"] for one in services.items("dlq", "list")} == {"rescued"}, "no dead letters in an outage but these"
    assert b"tok_" in b"".join(path.read_bytes() for path in shelter.glob("batches/*/*.ndjson"))

    services.sink.start()
    assert services.sink.stored() == Counter(), "nothing was delivered yet"
    plan = services.command("export", "--dry-run")
    assert f"{len(letters)} batches" in plan.stderr
    done = json.loads(services.command("export", "-o", "json").stdout)["items"]
    again = services.command("export")

    assert services.sink.stored() == Counter(services.tokens)
    assert {one["outcome"] for one in done} == {"delivered"}
    assert {one["message_id"] for one in done} == {one["message_id"] for one in letters}
    assert rescued(services) == []
    assert "0 batches" in again.stderr
    assert list(shelter.glob("batches/*/*")) == []
    print(f"{len(letters)} batches, {sum(one['records'] for one in done)} records rescued and exported")


def test_what_is_far_from_its_deletion_waits_and_a_full_shelter_is_told(services):
    services.env |= {"RESCUE_DIR": str(services.folder / "shelter"), "RESCUE_MAX_BYTES": "1000000"}
    services.write_logs("prod-1")
    services.sink.stop()
    services.run("discovery", "discovery-a")
    services.run("processor", "processor-a")
    wait_until(lambda: sum(line["msg"] == "Sink unavailable" for line in services.lines("processor-a")) > 8)

    assert rescued(services) == []
    write_old_logs(services, *(f"old-{number}" for number in range(4)))
    wait_until(lambda: any(line["msg"] == "No room to rescue" for line in services.lines("processor-a")), 120)
    parked = sum(path.stat().st_size for path in (services.folder / "shelter").glob("batches/*/*"))
    services.sink.start()
    wait_until(lambda: services.command("export").returncode == 0)
    wait_until(lambda: len(services.sink.stored()) >= len(services.tokens), 120)
    services.end("processor-a", "discovery-a")
    services.command("export")

    assert 0 < parked <= 1_000_000
    assert services.sink.stored() == Counter(services.tokens)
    assert rescued(services) == []
    print(f"{parked:,} of 1,000,000 bytes were parked")


def test_without_a_directory_the_start_says_that_rescue_is_off(services):
    services.run("processor", "processor-a")
    wait_until(lambda: any(line.get("setting") == "RESCUE_DIR" for line in services.lines("processor-a")))
    services.end("processor-a")
