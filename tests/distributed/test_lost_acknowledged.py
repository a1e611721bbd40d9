"""What the sink acknowledged and lost in a crash, since it had not synced its log: the audit finds it and sends it again."""

import json

import pytest
from tests.distributed.closing import ONE_HOUR, close_all_files
from tools.distributed.sight import wait_until

from aurora_logs.records.log_record import file_key_of

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
LOAD = {"entries_per_sec": 25, "calls_per_sec": 400, "seed": "lost"}
CRASH_AT = (1_500, 3_000)  # records stored by then


def _ids(world):
    return [json.loads(row)["record_id"] for row in world.sink.rows()]


def _delivered(world):
    """Return how far the checkpoints have passed, by file key: what lies below was acknowledged."""
    checkpoints = world.fleet.state.checkpoints()
    types = {(row.instance_id, row.family): row.log_type for row in world.fleet.state.all_tracked()}
    return {file_key_of(row.resource_id, types[row.instance_id, row.log_file_name], row.segment_id): row.byte_offset
            for row in checkpoints if (row.instance_id, row.log_file_name) in types}


def _crash(world):
    """Kill the sink; return the acknowledged records that it does not have any more."""
    delivered = _delivered(world)
    before = _ids(world)
    world.sink.kill()
    world.sink.start()
    gone = set(before) - set(_ids(world))
    return {one for one in gone for key, offset in [one.split("-")[:2]] if int(offset, 16) < delivered.get(key, 0)}


def test_acknowledged_records_that_a_crash_of_the_sink_takes_are_found_by_the_audit_and_delivered(make_world):
    """REL-58, REL-62, OO-93, OO-94: the sink is killed with its log unsynced, twice; after the audits nothing is missing."""
    world = make_world(databases=6, load=ONE_HOUR | LOAD, BATCH_SIZE="50", AUDIT_DELAY_SEC="2", RDS_API_RATE_LIMIT="350")
    for role in ("discovery", "processor", "processor"):
        world.fleet.start(role)
    lost = []
    for stored in CRASH_AT:
        wait_until(lambda least=stored: len(_ids(world)) >= least, f"{stored:,} records are stored")
        lost.append(_crash(world))

    close_all_files(world)

    found = sum(event["missing"] for event in world.fleet.events("Audit found missing records"))
    proof = world.sight.proof()
    print(f"the sink lost {[len(one) for one in lost]} acknowledged records in {len(lost)} crashes; the audits found {found} missing; "
          f"{proof.written:,} entries, lost {sum(line.lost for line in proof.lines)}, doubled {sum(line.doubled for line in proof.lines)}")
    assert all(lost)
    assert found >= len(set().union(*lost))
    assert proof.problems == []
