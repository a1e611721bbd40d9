"""RDS-01 to RDS-19, 89 to 91: what discovery makes of a fleet whose members come, go, sleep, and change names and roles."""

import pytest
from tests.faults.bench import INTERVAL_SEC, LISTING, SLOW, Spec
from tests.simulator.simulated import fault

SLOW_ONLY = {"engine": "mysql", "log_types": ("slowquery",)}
BLUE, GREEN = Spec(identifier="db-1", **SLOW_ONLY), Spec(identifier="db-1-green", **SLOW_ONLY)
CLUSTER = (Spec(identifier="db-1", engine="aurora-mysql", cluster="c", log_types=("slowquery",), tags={"env": "prod"}),
           Spec(identifier="db-2", engine="aurora-mysql", cluster="c", is_writer=False, log_types=("slowquery",)))


def the_only_name(one):
    (name,) = one.world.api.account.instances
    return name


def known(one):
    """The instance rows: (id, status, is it the writer)."""
    return {row.instance.instance_id: row.instance for row in one.state.instances()}


def test_a_fleet_of_more_than_three_pages_is_described_in_four_calls(bench):
    """RDS-01: all found, tags included, no ListTagsForResource, one listing an instance."""
    fleet = [Spec(identifier=f"db-{number:03d}", tags={"no": str(number)}, **SLOW_ONLY) for number in range(316)]
    one = bench(*fleet, settings={"instances_exclude": "tag:no=315"})
    one.discovery.cycle()

    assert len(known(one)) == 315
    assert one.calls("DescribeDBInstances") == 4
    assert one.calls("ListTagsForResource") == 0
    assert one.calls(LISTING) == 315


def test_the_listing_of_many_files_asks_for_those_written_lately_and_hourly_for_all(bench):
    """RDS-08."""
    one = bench(Spec(identifier="db-1", engine="aurora-mysql"), history_hours=20.0, entries_per_sec=0.001)
    one.catch_up()
    for _ in range(3):
        one.write(2)
        one.cycle()
    since = [call for call in one.world.api.gate.journal if call.operation == LISTING]
    assert len(since) >= 4
    one.forget_calls()
    one.cycle()
    assert one.calls(LISTING) == 1
    assert one.problems() == []


def test_an_instance_that_one_listing_lacks_goes_on_as_if_nothing_was(bench):
    """RDS-11: nothing is lost, nothing begins anew."""
    one = bench(*CLUSTER)
    one.write(50)
    one.cycle()
    one.plant("instance_missing", instance="db-1", times=1)
    one.write(50)
    one.cycle(2)

    assert one.struck("instance_missing") == 1
    assert one.problems() == []


@pytest.mark.parametrize("backlog", [0, 1_500])
def test_an_instance_that_is_gone_for_good_is_counted_and_forgotten(bench, backlog):
    """RDS-12, 89: gone after three listings without it, gaps counted by the bytes, rows deleted when all is accounted for."""
    one = bench(BLUE)
    one.write(60)
    one.cycle()
    one.write(backlog)
    if backlog:
        one.discovery.listing.rows(known(one)["db-1"])  # listed, but never read
    with one.server.service.lock:
        one.world.api.account.delete("db-1", one.world.clock.now_us())
    one.cycle(6)

    assert [reason for *_, reason in one.gaps()] == ["instance_deleted"] * bool(backlog)
    for _ in range(4):
        one.auditor.round()
        one.cycle()
    assert known(one) == {}
    assert one.rows() == {}
    one.forget_calls()
    one.cycle(2)
    assert one.calls(LISTING) == 0


def test_a_renamed_instance_goes_on_under_its_new_name(bench):
    """RDS-13: the same state and ids; nothing is read twice."""
    one = bench(BLUE)
    for _ in range(6):
        one.write(40, the_only_name(one))
        one.cycle()
        one.plant("instance_renamed", times=1)
        one.write(40, the_only_name(one))
        one.cycle()
        one.heal("instance_renamed")
    one.catch_up()

    assert one.struck("instance_renamed") == 6
    assert list(known(one)) == list(one.world.api.account.instances) == ["db-1"]
    assert one.messages("Instance renamed")
    assert one.problems() == []
    assert one.gaps() == []


def test_a_rename_in_mid_drain_loses_nothing(bench):
    """RDS-13: the worker asks for a name that is gone; its file goes on under the new one."""
    one = bench(BLUE, faults=[fault("instance_renamed", 0.0, nth=2)])
    one.write(60)
    one.cycle()
    one.write(1_500, the_only_name(one))
    one.cycle(6)
    one.catch_up()

    assert one.struck("instance_renamed") == 1
    assert one.problems() == []


def test_a_switch_over_leaves_each_file_with_its_resource(bench):
    """RDS-14: two resources wrote files of one name; no id twice, no record lost, the old one is drained as -old1."""
    one = bench(BLUE, GREEN)
    for _ in range(3):
        one.write(40)
        one.write(40, "db-1-green")
        one.cycle()
    one.write(300)
    one.plant("names_switched", instance="db-1", times=1)
    one.cycle()
    one.heal("names_switched")
    one.write(40)
    one.write(20, "db-1-old1")
    one.cycle(3)
    one.catch_up()

    assert one.struck("names_switched") == 1
    assert set(known(one)) == {"db-1", "db-1-old1"}
    assert len({record["record_id"].split("-")[0] for record in one.records()}) == 2
    assert one.problems() == []


def test_members_of_a_cluster_are_all_collected_and_their_roles_followed(bench):
    """RDS-04: the metadata tell the role at any time; the records know none."""
    one = bench(*CLUSTER)
    one.write(20)
    one.write(20, "db-2")
    one.cycle()
    before = {name: row.is_cluster_writer for name, row in known(one).items()}
    one.plant("fail_over", instance="db-1", times=1)
    one.cycle(3)

    assert before == {"db-1": True, "db-2": False}
    assert {name: row.is_cluster_writer for name, row in known(one).items()} == {"db-1": False, "db-2": True}
    assert {(fields["instance_id"], fields["role"]) for fields in one.messages("Role changed")} == {("db-1", "reader"), ("db-2", "writer")}
    assert one.problems() == []


def test_a_denied_instance_is_named_and_stops_no_other(bench):
    """RDS-15."""
    one = bench(*CLUSTER, faults=[fault("access_denied", instance="db-1", operation=LISTING)])
    one.write(20, "db-2")
    one.cycle(2)

    assert {fields["instance_id"] for fields in one.messages("Instance held")} == {"db-1"}
    assert "rds:DescribeDBLogFiles" in one.messages("Instance held")[0]["error"]
    assert "rds:DescribeDBLogFiles" in next(row.error for row in one.state.instances() if row.instance.instance_id == "db-1")
    assert len(one.records()) == 20


def test_an_instance_that_is_about_to_be_deleted_is_drained_before_it_goes(bench):
    """RDS-89: listed every quarter of a minute, its hint before all others."""
    one = bench(*CLUSTER)
    one.write(30)
    one.cycle()
    one.write(400)
    with one.server.service.lock:
        one.world.api.account.set_status("db-1", "deleting")
    one.cycle()
    due = next(row.lease_until for row in one.state.instances() if row.instance.instance_id == "db-1")
    assert due - one.clock.now_us() / 1e6 < INTERVAL_SEC

    one.plant("instance_deleting", instance="db-1", times=1)
    one.cycle(6)
    assert one.struck("instance_deleting") == 1
    assert "db-1" not in one.world.api.account.instances
    assert one.problems() == []


def test_a_stopped_instance_is_not_asked_and_goes_on_when_it_is_back(bench):
    """RDS-90, 91: state kept, no failure counted, no gap."""
    one = bench(*CLUSTER)
    one.write(30)
    one.cycle()
    with one.server.service.lock:
        one.world.api.account.set_status("db-1", "stopped")
    one.cycle()
    one.forget_calls()
    one.cycle(4)
    asked = [call for call in one.world.api.gate.journal if call.operation == LISTING and call.instance == "db-1"]
    assert one.calls(LISTING) == 4, "the other member's"
    with one.server.service.lock:
        one.world.api.account.set_status("db-1", "available")
    one.write(30)
    one.catch_up()

    assert asked
    assert one.problems() == []
    assert one.gaps() == []
    assert not one.messages("Instance held")


def test_a_paused_database_is_asked_ever_more_rarely_and_never_fails(bench):
    """RDS-90: three hours of DBInstanceNotReady, then awake."""
    one = bench(BLUE, settings={"discovery_interval_sec": 30.0, "discovery_idle_min": 10.0})
    one.write(30)
    one.cycle()
    one.plant("instance_not_ready", instance="db-1")
    one.forget_calls()
    for _ in range(180):
        one.clock.sleep(60)
        one.discovery.look("eu-central-1")
    assert one.calls(LISTING) <= 3 * 6 * 1.3 + 5
    one.heal("instance_not_ready")
    one.write(30)
    one.catch_up()

    assert not one.messages("Instance held")
    assert one.letters() == []
    assert one.problems() == []


def test_what_the_rules_leave_out_is_neither_listed_nor_read(bench):
    """Filters by name, engine and tag; rows of an instance that was collected before stay as they are."""
    one = bench(*CLUSTER, GREEN, settings={"instances_include": "engine:aurora-*", "instances_exclude": "name:db-2"})
    for name in ("db-1", "db-2", "db-1-green"):
        one.write(20, name)
    one.cycle(2)
    assert list(known(one)) == ["db-1"]
    assert len(one.records()) == 20

    one.settings = one.settings.__class__(**{**_as_given(one.settings), "instances_include": "tag:env=test"})
    one.start_again()
    one.write(20)
    one.forget_calls()
    one.cycle(3)
    assert known(one)["db-1"].status == "excluded"
    assert one.calls(LISTING) == 0
    assert len(one.records()) == 20
    assert one.rows()


def _as_given(settings):
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


def test_what_storage_pressure_will_take_is_foretold_and_what_it_took_is_a_gap_to_the_byte(bench):
    """RDS-109, 110: nothing is read for hours; 14 days of retention become 5 hours."""
    one = bench(BLUE)
    one.write(30)
    one.cycle()
    for _ in range(8):
        one.write(30)
        one.pass_hours(1)
        one.discovery.cycle()
    before = {name: row.last_written for name, row in one.rows().items() if name != SLOW}
    assert not one.messages("Loss forecast")

    one.plant("storage_pressure", value=5.0, times=1)
    for _ in range(2):
        one.write(30)
        one.pass_hours(1)
        one.discovery.cycle()
    foretold = {fields["log_file_name"] for fields in one.messages("Loss forecast")}
    going = sorted((name for name, row in one.rows().items() if not row.missing and name in before), key=before.get)
    assert foretold >= set(going[:3])
    assert one.state.instances()[0].at_risk_bytes > 0

    one.write(10)
    one.cycle(6)
    one.catch_up()
    lost = one.spans("purged")
    assert lost
    assert sorted(gap[:3] for gap in one.gaps()) == lost
    assert one.problems(gaps=lost) == []
    assert one.state.instances()[0].at_risk_bytes == 0
