"""RDS-121 and RDS-116: careless readers lose or double lines here, each in its own way; and equal seeds give equal runs."""

from simulated import MYSQL, SLOW, START_US, a_world, family, fault, pass_hours, put, without_header

from aurora_logs_simulator.answers import ApiError
from aurora_logs_simulator.clock import MINUTE_US, SetClock
from aurora_logs_simulator.faults import Rule
from aurora_logs_simulator.scenario import DEMO, Scenario, build

LINE_BYTES = len(b"entry 00000 with a text behind it\n")


def drained(world, marker, name=SLOW):
    """Follow markers while something is pending, as most clients do."""
    parts = []
    while True:
        answer = world.api.download_db_log_file_portion("db-1", name, marker=marker)
        parts.append(answer.content or b"")
        marker = answer.marker
        if not answer.pending:
            return b"".join(parts), marker


def filled(count, *faults):
    world = a_world(MYSQL, faults=faults)
    without_header(world)
    content = b"".join(b"entry %05d with a text behind it\n" % n for n in range(count))
    put(world, content)
    return world, content


class TestCarelessReaders:
    def test_without_marker_zero_the_beginning_is_lost(self):
        world, content = filled(30_000)

        assert drained(world, None)[0] != content
        assert drained(world, "0")[0] == content

    def test_a_chain_of_markers_over_two_rotations_sticks(self):
        world, _ = filled(10)
        _, marker = drained(world, "0")
        pass_hours(world, 2)
        put(world, b"new line\n")

        assert drained(world, marker)[0] == b""

    def test_a_reset_to_zero_on_a_shrink_doubles_the_file(self):
        world, _ = filled(1)
        put(world, b"lost in the restart\n")
        read, _ = drained(world, "0")
        world.api.account.restart("db-1", world.clock.now_us(), shrink_bytes=1)
        again, _ = drained(world, "0")

        assert b"lost in the restart" in read
        assert b"lost in the restart" not in again
        assert (read + again).count(b"entry 00000 ") == 2

    def test_an_old_offset_after_a_shrink_skips_what_was_written_since(self):
        world, _ = filled(1)
        for number in range(9):
            put(world, b"later %d\n" % number)
        _, marker = drained(world, "0")
        world.api.account.restart("db-1", world.clock.now_us(), shrink_bytes=20)
        del family(world).live.content[LINE_BYTES + 6 * 8 :]  # the header that the restart wrote
        put(world, b"first since\n" + b"second since\n" * 5)

        assert b"first since" not in drained(world, marker)[0]

    def test_ids_without_the_bytes_take_a_new_entry_for_a_lost_one(self):
        """RDS-83: equal offset, equal length, other bytes."""
        world, _ = filled(1)
        put(world, b"lost entry\n")
        before = [(entry.start, entry.end) for entry in family(world).book(family(world).live).entries]
        world.api.account.restart("db-1", world.clock.now_us(), shrink_bytes=3)
        del family(world).live.content[LINE_BYTES:]
        put(world, b"next entry\n")
        entries = family(world).book(family(world).live).entries

        assert (entries[-1].start, entries[-1].end) == before[-1]
        assert [entry.lost for entry in entries] == [None, "shrunk", None]

    def test_an_ignored_truncation_loses_the_rest_of_a_line(self):
        world, content = filled(30_000, fault("line_truncated"))
        careless, _ = drained(world, "0")

        assert b"[Your log message was truncated]" in careless
        assert careless.replace(b"\n [Your log message was truncated]\n", b"") != content

    def test_pending_false_is_no_end_of_file(self):
        """RDS-27."""
        world, content = filled(30_000, fault("ends_early"))

        assert len(drained(world, "0")[0]) < len(content)

    def test_marker_zero_in_the_middle_begins_again(self):
        """RDS-25."""
        world, content = filled(25_000, Rule(fault="marker_zero", nth=1))

        assert drained(world, "0")[0] == content[: 10_000 * LINE_BYTES] + content

    def test_a_purged_hour_gives_garbage(self):
        """RDS-43."""
        world, _ = filled(3)
        _, marker = drained(world, "0")
        pass_hours(world, 1)
        kept = family(world)
        kept.purge(kept.closed[0])
        without_header(world)
        put(world, b"x" * 200 + b"\n")

        assert drained(world, marker)[0] == b"x" * (200 - 3 * LINE_BYTES) + b"\n"


class TestSeeds:
    """RDS-116."""

    def run(self, seed, clock=None):
        rules = tuple(fault(name, 0.2) for name in ("hole", "overlap", "line_truncated", "throttle", "control_bytes"))
        scenario = Scenario(seed=seed, instances=DEMO, faults=rules, entries_per_sec=0.05, calls_per_sec=0.0)
        world = build(scenario, clock or SetClock(START_US))
        for _ in range(6):
            world.clock.advance_us(20 * MINUTE_US)
            world.load.run_until(world.clock.now_us())
            for instance in world.api.account.instances:
                for name in [file.name for file in world.api.account.instance(instance).files()]:
                    try:
                        world.api.download_db_log_file_portion(instance, name, marker="0")
                    except ApiError:
                        continue
        content = b"".join(
            bytes(segment.content)
            for instance in world.api.account.instances.values()
            for kept in instance.families.values()
            for segment in kept.segments()
        )
        return content, dict(world.api.faults.struck), world.api.gate.trace_hash()

    def test_the_same_seed_gives_the_same_bytes_faults_and_trace(self):
        first, second = self.run("7"), self.run("7")

        assert first == second
        assert set(first[1]) >= {"hole", "line_truncated", "throttle", "control_bytes"}

    def test_another_seed_gives_another_run(self):
        first, other = self.run("7"), self.run("8")

        assert first[0] != other[0]
        assert first[2] != other[2]

    def test_how_often_the_load_is_asked_changes_no_byte(self):
        """The pump's thread comes when it comes."""
        once = build(Scenario(instances=DEMO, entries_per_sec=0.05), SetClock(START_US))
        often = build(Scenario(instances=DEMO, entries_per_sec=0.05), SetClock(START_US))
        end_us = START_US + 150 * MINUTE_US
        once.load.run_until(end_us)
        for at_us in range(START_US, end_us + 1, 7 * MINUTE_US // 3):
            while often.load.run_until(at_us, most=3):
                pass
        often.load.run_until(end_us)

        assert once.api.ledger_report(with_entries=True) == often.api.ledger_report(with_entries=True)
