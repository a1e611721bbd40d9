"""Machines that freeze longer than a lease and thaw: the others went on, and nothing that the frozen ones write counts."""

import pytest
from tests.distributed.closing import ONE_HOUR, close_all_files
from tests.distributed.machine import machines
from tests.distributed.views import copies, shows_twice
from tools.distributed.sight import wait_until

from aurora_logs.records.log_record import file_key_of

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
BATCH_SIZE = 20
LOAD = {"entries_per_sec": 12, "calls_per_sec": 400, "seed": "frozen"}  # calls enough that workers deliver, and don't wait
STOPPED_FIRST = ("sink", "tables", "sink")  # which of its networks stands first, machine by machine


@pytest.fixture
def world(make_world):
    made = make_world(databases=24, load=ONE_HOUR | LOAD, BATCH_SIZE=str(BATCH_SIZE), AUDIT_DELAY_SEC="2", RDS_API_RATE_LIMIT="350")
    for role in ("discovery", "processor", "processor"):
        made.fleet.start(role)
    return made


@pytest.fixture
def frozen(world, tmp_path):
    """Machines that all froze at work, longer than their leases, and thawed when all they had held was in other hands."""
    with machines(world, tmp_path, len(STOPPED_FIRST)) as made:
        for machine, first in zip(made, STOPPED_FIRST, strict=True):
            machine.freeze(first)
        wait_until(lambda: all(one.is_forgotten() for one in made), "others delivered what the frozen ones held")
        assert not {one.processor.name for one in made} & world.fleet.members(), "the group waits for frozen members"
        for machine in made:
            machine.thaw()
        wait_until(lambda: {one.processor.name for one in made} <= world.fleet.members(), "each machine has partitions again")
        yield made


def test_a_processor_that_froze_beyond_its_lease_writes_no_state_and_what_it_sent_is_shown_once(world, frozen):
    """REL-69, REL-45, REL-114, I2, I4: the heir goes on; at most one batch a held file lies twice, counted, in no view."""
    close_all_files(world)

    late = [write for machine in frozen for write in machine.late_writes()]
    doubled, tokens = copies(world)
    claims = [row for machine in frozen for row in machine.claims]
    types = {(row.instance_id, row.family): row.log_type for row in world.fleet.state.all_tracked()}
    held = {file_key_of(row.resource_id, types[row.instance_id, row.log_file_name], row.segment_id) for row in claims}
    counted = sum(event["duplicates"] for event in world.fleet.events("Audit found duplicates"))
    print(f"{len(frozen)} machines froze with {len(claims)} files; {len(late)} late writes, all refused; "
          f"{doubled.total()} records of {len(doubled)} files lie twice, {counted} counted")
    assert late
    assert {outcome for _, outcome in late} == {"ConditionalCheckFailedException"}
    assert doubled, "no batch of a frozen machine arrived late: the test shows nothing"
    assert set(doubled) <= held
    assert max(doubled.values()) <= BATCH_SIZE
    assert counted == doubled.total()
    assert sum(line.lost for line in world.sight.proof().lines) == 0
    assert shows_twice(world, tokens) == ([], 0)
