"""discovery: replicas share a fleet by leases, list what is due, and queue nothing that the state does not know."""

import contextlib

import pytest
from msgspec.structs import replace
from tests.unit.stages.stage_bench import FAMILY, INSTANCE, After, MemorySource, rotated

from aurora_logs import telemetry
from aurora_logs.errors import AccessDenied, InstanceGone, StateAnswerLost, Throttled, Unreachable
from aurora_logs.records.fleet import Delivered, ListedFile
from aurora_logs.services.discovery import Discovery

INTERVAL_SEC = 30


class MemoryFleet(MemorySource):
    """Several instances in named places, each with one file; counts the calls."""

    def __init__(self, *names, places=("",)):
        super().__init__(**{FAMILY: b"x" * 100})
        self.members = {name: replace(INSTANCE, instance_id=name, resource_id=f"R-{name}", place=places[0]) for name in names}
        self.size = dict.fromkeys(names, 100)
        self.described, self.listings, self.errors = [], [], {}
        self._places = list(places)

    def places(self):
        return self._places

    def instances(self, place=""):
        self.described.append(place)
        if place in self.errors:
            raise self.errors[place]
        return [one for one in self.members.values() if one.place == place]

    def log_files(self, instance_id, *, written_since_ms=0, name_contains=""):
        self.listings.append(instance_id)
        if instance_id in self.errors:
            raise self.errors[instance_id]
        size = self.size[instance_id]
        return [ListedFile(log_file_name=FAMILY, size_bytes=size, last_written_ms=size)]


class Account:
    """A fleet, and replicas of discovery that look at it in turns."""

    def __init__(self, bench, source, **settings):
        self.source = source
        self.bench = bench(source, discovery_interval_sec=float(INTERVAL_SEC), **settings)
        self.replicas = []
        self.add()

    def add(self):
        replica = Discovery(self.bench.ports, self.bench.settings, f"run-1/replica-{len(self.replicas)}")
        self.replicas.append(replica)
        return replica

    def look(self, *replicas):
        for replica in replicas or self.replicas:
            for place in self.source.places():
                with contextlib.suppress(Unreachable, AccessDenied):
                    replica.look(place)

    def deliver(self):
        """Somebody delivers all that is listed."""
        for row in self.bench.real_state.all_tracked():
            self.bench.real_state.track_progress(
                row.instance_id, row.log_file_name, Delivered(delivered_bytes=row.file_size, segment_id=FAMILY), status="completed",
                now_sec=self.bench.clock.now_us() // 1_000_000)
        while (delivery := self.bench.queue.take(0.0)) is not None:
            delivery.ack()

    def queued(self):
        names = []
        while (delivery := self.bench.queue.take(0.0)) is not None:
            names.append(delivery.task.instance_id)
            delivery.ack()
        return names


@pytest.fixture
def account(bench):
    return lambda *names, **settings: Account(bench, MemoryFleet(*names), **settings)


@pytest.fixture
def told():
    found = []
    telemetry.configure(lambda level, message, fields: found.append((message, fields)))
    yield found
    telemetry.configure(lambda *_: None)


NAMES = [f"db-{number:02d}" for number in range(12)]


def test_an_interval_costs_one_description_and_one_listing_an_instance_however_many_replicas_there_are(account):
    """Done-line 8: DescribeDBLogFiles at most once an instance and interval."""
    one = account(*NAMES)
    one.add()
    one.add()
    for _ in range(4):
        one.look()
        one.bench.clock.sleep(INTERVAL_SEC / 4)

    assert sorted(one.source.listings) == NAMES
    assert one.source.described == [""]


def test_the_work_of_a_replica_that_died_goes_on_with_the_others(account):
    """REL-76: no instance is skipped for more than two cycles."""
    one = account(*NAMES)
    one.look()
    heir = one.add()
    one.source.listings.clear()
    for _ in range(2):
        one.bench.clock.sleep(INTERVAL_SEC + 1)
        one.look(heir)

    assert set(one.source.listings) == set(NAMES)
    assert one.source.described.count("") == 3


def test_a_listing_that_died_holds_its_instance_for_one_lease_only(account):
    """REL-76: killed between the lease and the listing's end."""
    one = account("db-1", lease_sec=20.0)
    one.look()
    one.bench.clock.sleep(INTERVAL_SEC + 1)
    now_sec = one.bench.clock.now_us() // 1_000_000
    assert one.bench.real_state.lease_listing("db-1", "run-1/dead", now_sec=now_sec, until_sec=now_sec + 20)
    one.source.listings.clear()
    one.look()
    assert one.source.listings == []
    one.bench.clock.sleep(21)
    one.look()

    assert one.source.listings == ["db-1"]


def test_an_idle_fleet_is_listed_more_and_more_rarely_and_at_once_often_when_it_writes(account):
    """RDS-112: calls fall to the idle floor; the first new line is seen within the longest interval."""
    one = account(*NAMES, discovery_idle_min=4.0)
    one.look()
    one.deliver()
    counts = []
    for _ in range(10):
        one.source.listings.clear()
        for _ in range(8):
            one.bench.clock.sleep(INTERVAL_SEC)
            one.look()
        counts.append(len(one.source.listings))
    assert counts[0] > 2 * counts[-1]
    assert counts[-1] <= 12 * 1.5, "each once in four minutes, but for the jitter"

    one.source.size["db-03"] = 200
    one.source.listings.clear()
    for _ in range(8):
        one.bench.clock.sleep(INTERVAL_SEC)
        one.look()
    one.source.listings.clear()
    for _ in range(4):
        one.bench.clock.sleep(INTERVAL_SEC + 1)
        one.look()
    assert one.source.listings.count("db-03") == 4


def test_a_crash_between_the_state_and_the_queue_is_made_good_in_the_next_interval(account):
    """The outbox: a row without a hint that anybody noted is hinted again (law 1, REL-60)."""
    one = account("db-1")
    put = one.bench.queue.put

    def dies(task, *, deadline_ms):
        raise Unreachable("broker")

    one.bench.ports.queue.put = dies
    one.look()
    assert one.bench.real_state.tracked("db-1")[0].queued_at == 0
    one.bench.ports.queue.put = put
    heir = one.add()
    one.bench.clock.sleep(INTERVAL_SEC + 1)
    one.look(heir)

    assert one.queued() == ["db-1"]


def test_a_crash_between_the_queue_and_its_note_doubles_a_hint_and_loses_none(account):
    one = account("db-1")
    one.bench.state.script["queued"] = [StateAnswerLost("queued"), StateAnswerLost("queued")]
    one.look()
    one.bench.clock.sleep(INTERVAL_SEC + 1)
    one.look(one.add())

    assert set(one.queued()) == {"db-1"}


def test_hints_of_what_is_deleted_soonest_are_handed_out_first(account):
    """§11 rule 2: by the time of deletion over all instances, not by the order of listings."""
    one = account("db-1", "db-2", "db-3")
    now_ms = one.bench.clock.now_us() // 1000
    for name, hours in (("db-1", 1), ("db-2", 23), ("db-3", 12)):
        one.source.size[name] = now_ms - hours * 3_600_000
    one.look()

    assert one.queued() == ["db-2", "db-3", "db-1"]


def test_the_hint_of_an_instance_that_is_about_to_go_is_the_first(account):
    """§11 rule 1."""
    one = account("db-1", "db-2")
    now_ms = one.bench.clock.now_us() // 1000
    one.source.size = {"db-1": now_ms - 3_600_000, "db-2": now_ms}
    one.source.members["db-2"] = replace(one.source.members["db-2"], status="deleting")
    one.look()

    assert one.queued() == ["db-2", "db-1"]


@pytest.mark.parametrize("error", [AccessDenied("no"), Unreachable("away"), Throttled("busy")], ids=str)
def test_one_instance_that_can_not_be_listed_stops_no_other(account, told, error):
    """RDS-15, RDS-115."""
    one = account("db-1", "db-2", "db-3")
    one.source.errors["db-2"] = error
    one.look()

    assert sorted(one.queued()) == ["db-1", "db-3"]
    assert [fields["instance_id"] for message, fields in told if message == "Instance held"] == ["db-2"]


def test_an_account_that_can_not_be_described_stops_no_other_and_is_tried_again(bench, told):
    """RDS-19: and what is known of it goes on being listed when the error passes by itself."""
    fleet = MemoryFleet("db-1", "db-2", places=("west", "east"))
    fleet.members["db-2"] = replace(fleet.members["db-2"], place="east")
    one = Account(bench, fleet)
    one.look()
    assert sorted(fleet.listings) == ["db-1", "db-2"]

    fleet.errors = {"east": Unreachable("away")}
    fleet.listings.clear()
    one.bench.clock.sleep(INTERVAL_SEC + 1)
    one.look()
    assert sorted(fleet.listings) == ["db-1", "db-2"]
    assert [message for message, _ in told].count("Discovery delayed") == 1

    fleet.errors = {}
    fleet.described.clear()
    one.bench.clock.sleep(INTERVAL_SEC + 1)
    one.look()
    assert fleet.described == ["west", "east"]


def test_an_account_that_two_roles_reach_is_collected_once(bench):
    fleet = MemoryFleet("db-1", places=("west", "east"))
    one = Account(bench, fleet)
    twin = replace(fleet.members["db-1"], instance_id="db-1@east", place="east")
    fleet.members["db-1@east"] = twin
    fleet.size["db-1@east"] = 100
    one.look()

    assert fleet.listings == ["db-1"]


def test_an_instance_that_another_one_replaced_keeps_its_rows_beside_it(account):
    """RDS-14: deleted and made anew under the same name; the old one's rows end in their own time."""
    one = account("db-1")
    one.look()
    one.source.members["db-1"] = replace(one.source.members["db-1"], resource_id="R-new")
    log_files = one.source.log_files

    def of_the_name(instance_id, **wanted):
        if "@" in instance_id:
            raise InstanceGone(instance_id)
        return log_files(instance_id, **wanted)

    one.source.log_files = of_the_name
    one.bench.clock.sleep(INTERVAL_SEC + 1)
    one.look()

    rows = {row.instance.instance_id: row.instance.resource_id for row in one.bench.real_state.instances()}
    assert rows == {"db-1": "R-new", "db-1@R-db-1": "R-db-1"}
    assert [row.resource_id for row in one.bench.real_state.tracked("db-1")] == ["R-new"]
    assert [row.resource_id for row in one.bench.real_state.tracked("db-1@R-db-1")] == ["R-db-1"]


def test_a_rename_waits_while_a_worker_holds_a_file(account, told):
    """RDS-13: the worker's own writes stay where it looks for them."""
    one = account("db-1")
    one.look()
    member = one.source.members.pop("db-1")
    one.source.members["db-9"] = replace(member, instance_id="db-9")
    one.source.size["db-9"] = one.source.size["db-1"]
    with one.bench.claim():
        one.bench.clock.sleep(INTERVAL_SEC + 1)
        one.look()
        assert [row.instance.instance_id for row in one.bench.real_state.instances()] == ["db-1"]
    one.bench.clock.sleep(INTERVAL_SEC + 1)
    one.look()

    assert [row.instance.instance_id for row in one.bench.real_state.instances()] == ["db-9"]
    assert [row.log_file_name for row in one.bench.real_state.tracked("db-9")] == [FAMILY]
    assert one.bench.real_state.tracked("db-1") == []
    assert [message for message, _ in told if "ename" in message] == ["Rename waits for a worker", "Instance renamed"]


@pytest.mark.parametrize("nth", range(4))
@pytest.mark.parametrize("step", ["see", "save_instance", "prune", "forget_instance"])
def test_a_rename_that_was_cut_off_is_made_whole_by_the_next_cycle(account, step, nth):
    """REL-67: at each of its writes, before and after it took effect; twice is harmless."""
    one = account("db-1")
    log_files = one.source.log_files
    one.source.log_files = lambda instance_id, **wanted: [
        *log_files(instance_id, **wanted), ListedFile(log_file_name=rotated(6), size_bytes=60, last_written_ms=50)]
    one.look()
    one.deliver()
    before = {(row.log_file_name, row.delivered_bytes, row.file_size) for row in one.bench.real_state.tracked("db-1")}
    member = one.source.members.pop("db-1")
    one.source.members["db-9"] = replace(member, instance_id="db-9")
    one.source.size["db-9"] = one.source.size["db-1"]
    error = Unreachable("cut off")
    one.bench.state.script[step] = [None] * (nth // 2) + [After(error) if nth % 2 else error]
    for _ in range(3):
        one.bench.clock.sleep(INTERVAL_SEC + 1)
        one.look()

    assert [row.instance.instance_id for row in one.bench.real_state.instances()] == ["db-9"]
    assert {(row.log_file_name, row.delivered_bytes, row.file_size) for row in one.bench.real_state.tracked("db-9")} == before
    assert one.bench.real_state.tracked("db-1") == []


def test_a_file_that_will_be_deleted_before_it_is_read_is_told_once_and_its_bytes_are_kept_for_people(account, told):
    """RDS-109: foretold within six hours of its deletion at the speed that was measured; over when it is read."""
    one = account("db-1")
    now_ms = one.bench.clock.now_us() // 1000
    one.source.log_files = lambda *_, **__: [
        ListedFile(log_file_name=rotated(6), size_bytes=9_000_000, last_written_ms=now_ms - 20 * 3_600_000)]
    for _ in range(4):
        one.look()
        one.bench.clock.sleep(INTERVAL_SEC + 1)
    forecasts = [fields for message, fields in told if message == "Loss forecast"]
    assert [(fields["log_file_name"], fields["lost_bytes"], fields["delete_ms"]) for fields in forecasts] == [
        (rotated(6), 9_000_000, now_ms + 4 * 3_600_000)]
    assert one.bench.real_state.instances()[0].at_risk_bytes == 9_000_000

    one.deliver()
    one.look()
    assert one.bench.real_state.instances()[0].at_risk_bytes == 0
