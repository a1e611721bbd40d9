"""Steps of the runbook that did harm, with Kafka's own tools and the aws CLI: nothing is lost, nothing is shown twice."""

import json

import pytest
from tests.distributed.hands import Operator
from tests.distributed.views import copies, shows_twice
from tools.distributed.sight import wait_until

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
LOAD = {"entries_per_sec": 30, "calls_per_sec": 400}
ENTRIES = 1_500
SETTINGS = {"BATCH_SIZE": "50", "RDS_API_RATE_LIMIT": "350"}
DELETED = 3  # checkpoints, while the load runs
SLOW = {"fault": "slow", "probability": 1.0, "value": 1.0, "operation": "ingest"}
A_MONTH = "744"  # hours


@pytest.fixture
def start(make_world, request):
    """Start a world of a seed of its own with one discovery and two processors."""
    def start_world(entries=ENTRIES, before=lambda _operator: None, **settings):
        load = LOAD | {"seed": request.node.name, "most_entries": entries}
        world = make_world(databases=3, load=load, **SETTINGS, **settings)
        before(Operator(world.fleet))
        for role in ("discovery", "processor", "processor"):
            world.fleet.start(role)
        return world, Operator(world.fleet)

    return start_world


def drain(world):
    """Wait until the load has ended and all of it is delivered; time stands nearly still then."""
    wait_until(lambda: not world.rds.get("load")["is_writing"], "the load ends")
    world.rds.post("clock", speed=1)
    wait_until(lambda: not world.sight.behind(), "every listed byte is delivered", within_sec=90)


def posted(world):
    """Return how many records the sink has ever stored, copies included."""
    return world.sink.get("counts").get("stored", 0)


def test_run_34_offsets_to_earliest_bring_look_ups_and_no_request_to_the_sink(start):
    """RUN-33, RUN-34, REL-36, NAM-19: refused with members in the group; then every old hint comes again, and nothing else."""
    world, operator = start()
    drain(world)
    reset = ("--topic", "aurora-logs-error", "--reset-offsets", "--to-earliest", "--execute")

    refused = operator.groups(*reset)
    operator.stop_processors()
    accepted = operator.groups(*reset)
    operator.groups("--all-topics", "--reset-offsets", "--to-earliest", "--execute")
    again, before = operator.lag(), posted(world)
    for _ in range(2):
        world.fleet.start("processor")
    wait_until(lambda: operator.lag() == 0, "all hints are worked off")

    assert "Error" in refused
    assert "only be reset if the group" in refused
    assert [line.split()[-1] for line in accepted.splitlines() if "aurora-logs-error" in line] == ["0"] * 10
    assert again > 10
    assert posted(world) == before
    assert world.sight.proof().problems == []


def test_run_49_a_group_that_was_deleted_while_empty_begins_anew_and_sends_nothing_again(start):
    """RUN-49, REL-37, BAN-D06: refused with members in the group; deleted under load, every record is sent once."""
    world, operator = start()
    wait_until(lambda: posted(world) > ENTRIES / 4, "a part of the load is delivered")
    delete = ("--timeout", "30000", "--command-config", "/dev/null", "--delete")

    refused = operator.groups(*delete)
    operator.stop_processors()
    deleted = operator.groups(*delete)
    for _ in range(2):
        world.fleet.start("processor")
    drain(world)

    proof = world.sight.proof()
    assert "GroupNotEmptyException" in refused
    assert f"Deletion of requested consumer groups ('{world.fleet.group}') was successful." in deleted
    assert proof.problems == []
    assert posted(world) == proof.records


def test_run_20_a_row_set_to_discovered_by_hand_is_worked_off_from_its_checkpoint(start):
    """RUN-20, NAM-21, REL-48: of finished files, rotated and live; under a live lease; before discovery saw it; of no file."""
    world, operator = start(before=lambda operator: operator.set_discovered("shop-1", "slowquery/mysql-slowquery.log"))
    for _ in range(2):
        wait_until(lambda: any(row.lease_owner for row in world.fleet.state.checkpoints()), "a file is held")
        held = next(row for row in world.fleet.state.checkpoints() if row.lease_owner)
        operator.set_discovered(held.instance_id, held.log_file_name)
    drain(world)
    before = posted(world)
    finished = [row for row in world.fleet.state.tracked("shop-1") if row.delivered_bytes]
    for row in finished:
        operator.set_discovered(row.instance_id, row.log_file_name)
    operator.set_discovered("shop-1", "slowquery/no-such-file.log")
    names = {(row.instance_id, row.log_file_name) for row in finished}

    def finished_again():
        return all(row.status == "completed" for row in world.fleet.state.all_tracked() if (row.instance_id, row.log_file_name) in names)

    wait_until(finished_again, "the rows are completed again", within_sec=30)
    proof = world.sight.proof()
    assert any(row.log_file_name != row.family for row in finished)
    assert posted(world) == before == proof.records
    assert proof.problems == []


def test_run_68_a_checkpoint_deleted_by_hand_loses_nothing_and_shows_nothing_twice(start):
    """RUN-68, NAM-22, REL-47: under live leases with intents open, and of a finished file that grows afterwards.

    The fence went with the row: what the old writer had on its way then may lie twice, and no view shows it.
    """
    world, operator = start()
    world.sink.post("faults", **SLOW)
    gone = []
    while len(gone) < DELETED:
        for row in world.sight.open_intents()[:1]:
            gone.append(operator.delete_checkpoint(row.instance_id, row.log_file_name))
    world.sink.post("faults", off="slow")
    drain(world)
    for row in world.fleet.state.checkpoints():
        operator.delete_checkpoint(row.instance_id, row.log_file_name)
    written = world.rds.get("load")["entries"]
    for instance, log_type in (("shop-1", "slowquery"), ("shop-1", "error"), ("ledger-1", "postgresql")):
        world.rds.post("write", instance=instance, log_type=log_type, count=20)
    drain(world)

    proof = world.sight.proof()
    doubled, tokens = copies(world)
    print(f"{len(gone)} checkpoints deleted under load: {doubled.total()} records of {len(doubled)} files lie twice")
    assert any(row.get("lease_owner", {}).get("S") for row in gone)
    assert world.rds.get("load")["entries"] > written
    assert [problem for problem in proof.problems if "doubled" not in problem] == []
    assert shows_twice(world, tokens) == ([], 0)


def test_run_52_a_dead_letter_sent_again_by_the_console_producer_is_delivered_once(start):
    """RUN-50 to RUN-53, NAM-18, NAM-23: twice, beside old hints; the row goes only with the delivery."""
    world, operator = start(entries=300, OPENOBSERVE_WINDOW_HOURS="5")
    drain(world)
    dlq = operator.table("DLQ_TABLE")
    listing = ("scan", "--table-name", dlq, "--max-items", "100", "--projection-expression")

    literal = operator.aws(*listing, "message_id,instance_id,log_file_name,failed_at,error")
    letters = operator.aws_json(*listing, "message_id,instance_id,log_file_name,failed_at,#e,original_message",
                                "--expression-attribute-names", '{"#e":"error"}')["Items"]
    operator.stop_processors()
    for _ in range(2):
        world.fleet.start("processor", OPENOBSERVE_WINDOW_HOURS=A_MONTH)
    originals = [one["original_message"]["S"] for one in letters]
    sent = [(task["log_type"], task["instance_id"], text) for text in originals for task in [json.loads(text)]]
    kind, key, text = sent[0]
    old = {name: value for name, value in json.loads(text).items() if name != "dead_letter_id"}
    strange = [(kind, key, json.dumps(old)), (kind, key, json.dumps(old | {"dead_letter_id": "nobody-knows-it"}))]
    operator.send([*strange, *sent, *sent])
    wait_until(lambda: not world.fleet.state.dead_letters(), "every dead letter is delivered")
    wait_until(lambda: operator.lag() == 0, "all messages are worked off")

    proof = world.sight.proof()
    assert literal[0] in (254, 255)
    assert "reserved keyword" in literal[1]
    assert len(letters) > 2
    assert all(one["error"]["S"] for one in letters)
    assert proof.problems == []
    assert proof.records == proof.written
