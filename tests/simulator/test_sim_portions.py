"""Portions: caps, tail and head, markers, truncation, as §3, §3.3 and §6 of the RDS log API sheet say."""

import pytest
from simulated import POSTGRES, SLOW, a_world, family, fault, pass_hours, put, without_header

from aurora_logs_simulator.answers import ApiError
from aurora_logs_simulator.portions import CAP_BYTES, NOTICE


def read_all(world, name=SLOW, instance="db-1", lines=None):
    """Follow markers from "0" until nothing is pending; return the bytes and the number of calls."""
    marker, parts, calls = "0", [], 0
    while True:
        answer = world.api.download_db_log_file_portion(instance, name, marker=marker, lines=lines)
        parts.append(answer.content)
        marker, calls = answer.marker, calls + 1
        if not answer.pending:
            return b"".join(parts), calls


def test_five_megabytes_from_marker_zero_take_about_five_calls_without_a_notice():
    """RDS-20: the line that crosses the cap waits for the next answer."""
    world = a_world()
    without_header(world)
    written = (b"x" * 599 + b"\n") * 8_738
    put(world, written)

    content, calls = read_all(world)

    assert content == written
    assert calls == 6


def test_ten_thousand_short_lines_are_one_answer():
    """RDS-21."""
    world = a_world()
    without_header(world)
    written = b"".join(b"%d\n" % n for n in range(25_000))
    put(world, written)

    assert read_all(world) == (written, 3)


@pytest.mark.parametrize("lines", [1, 7, 9_999, 50_000])
def test_any_number_of_lines_gives_the_same_bytes(lines):
    """RDS-32."""
    world = a_world()
    without_header(world)
    written = b"".join(b"%d\n" % n for n in range(300)) + b"no end yet"
    put(world, written)

    assert read_all(world, lines=lines)[0] == written


def test_without_a_marker_the_last_lines_come():
    world = a_world()
    without_header(world)
    put(world, b"".join(b"%d\n" % n for n in range(12_000)))

    assert world.api.download_db_log_file_portion("db-1", SLOW, lines=1).content == b"11999\n"
    assert world.api.download_db_log_file_portion("db-1", SLOW, lines=2).content == b"11998\n11999\n"
    assert world.api.download_db_log_file_portion("db-1", SLOW).content.startswith(b"2000\n")


def test_a_tail_over_the_cap_is_cut_and_says_that_nothing_is_pending():
    """§3.1 rows 1 and 2: and the answer behind it lacks AdditionalDataPending."""
    world = a_world()
    without_header(world)
    put(world, (b"x" * 299 + b"\n") * 20_000)

    tail = world.api.download_db_log_file_portion("db-1", SLOW)
    after = world.api.download_db_log_file_portion("db-1", SLOW, marker=tail.marker)

    assert tail.content.endswith(NOTICE)
    assert tail.pending is False
    assert after.pending is None
    assert after.content


def test_a_built_marker_is_honoured_at_any_byte():
    """RDS-30, §3.2."""
    world = a_world()
    without_header(world)
    put(world, b"first line\nsecond line\n")
    given = world.api.download_db_log_file_portion("db-1", SLOW, marker="0").marker

    prefix = given.rpartition(":")[0]
    answer = world.api.download_db_log_file_portion("db-1", SLOW, marker=f"{prefix}:14")

    assert given == "2026-10-10.7:23"
    assert answer.content == b"ond line\n"


def test_the_next_offset_is_the_sent_one_and_the_bytes():
    """§5.3: the length check holds for every answer of a faultless server."""
    world = a_world()
    without_header(world)
    put(world, "ünïcödé and \r\n and a NUL \0\n".encode() * 50_000)
    marker = "0"
    for _ in range(3):
        answer = world.api.download_db_log_file_portion("db-1", SLOW, marker=marker)

        assert int(answer.marker.rpartition(":")[2]) - int(marker.rpartition(":")[2]) == len(answer.content)
        marker = answer.marker


@pytest.mark.parametrize("marker", ["", "x", "7", "07:", ":5", "2026-10-10:5", "7:-1", "7:5 "])
def test_a_marker_of_another_shape_is_refused(marker):
    world = a_world()

    with pytest.raises(ApiError, match="InvalidParameterValue"):
        world.api.download_db_log_file_portion("db-1", SLOW, marker=marker)


def test_a_postgresql_marker_carries_the_hour_of_the_call_not_of_the_file():
    """§3.2: `…-06` answers `7:…` at 06:10 and `8:…` an hour later."""
    world = a_world(POSTGRES)
    put(world, b"line\n", "pg-1", "postgresql")
    name = "error/postgresql.log.2026-10-10-06"

    first = world.api.download_db_log_file_portion("pg-1", name, marker="0").marker
    pass_hours(world, 1)
    later = world.api.download_db_log_file_portion("pg-1", name, marker="3:0").marker

    assert (first, later) == ("7:5", "8:5")


class TestHourMarkers:
    """§3.3, one test a row."""

    def world(self, rotations):
        """A file of each hour that holds its number, and the marker behind the first bytes of the oldest."""
        world = a_world()
        without_header(world)
        put(world, b"hour 0 read\nhour 0 left\n")
        self.old = "2026-10-10.7:12"
        for hour in range(1, rotations + 1):
            pass_hours(world, 1)
            without_header(world)
            put(world, b"hour %d\n" % hour)
        return world

    def portion(self, world, marker, name=SLOW):
        return world.api.download_db_log_file_portion("db-1", name, marker=marker)

    def test_the_live_name_follows_one_rotation_and_then_chains_into_the_live_file(self):
        world = self.world(1)

        rest = self.portion(world, self.old)
        live = self.portion(world, rest.marker)

        assert (rest.content, rest.pending, rest.marker) == (b"hour 0 left\n", True, "2026-10-10.7:24")
        assert (live.content, live.marker) == (b"hour 1\n", "2026-10-10.8:7")

    def test_two_rotations_old_it_sticks_for_ever_with_nothing_pending(self):
        """RDS-41."""
        world = self.world(2)

        rest = self.portion(world, self.old)
        stuck = self.portion(world, rest.marker)
        again = self.portion(world, stuck.marker)

        assert (stuck.content, stuck.pending, stuck.marker) == (b"", False, "2026-10-10.7:24")
        assert again.marker == stuck.marker

    def test_a_purged_hour_silently_reads_the_live_file_at_that_byte(self):
        """RDS-43."""
        world = self.world(2)
        put(world, b"a live line that begins before the old offset\n")
        family(world).purge(family(world).closed[0])

        answer = self.portion(world, self.old)

        assert answer.content == b"e line that begins before the old offset\n"
        assert answer.marker.startswith("2026-10-10.9:")

    def test_a_rotated_name_ignores_the_hour_and_honours_the_offset(self):
        """RDS-46."""
        world = self.world(2)
        name = f"{SLOW}.2026-10-10.07"

        assert self.portion(world, "2026-10-10.9:12", name).content == b"hour 0 left\n"
        assert self.portion(world, "2019-01-01.3:12", name).content == b"hour 0 left\n"
        assert self.portion(world, "2026-10-10.9:12", name).marker == "2026-10-10.7:24"

    def test_marker_zero_on_the_live_name_starts_what_is_live_now(self):
        answer = self.portion(self.world(2), "0")

        assert (answer.content, answer.marker) == (b"hour 2\n", "2026-10-10.9:7")

    def test_a_rotated_name_may_answer_with_the_live_hour(self):
        """RDS-46: the fault that stands for "may"."""
        world = self.world(1)
        world.api.faults.add(fault("live_ordinal_on_rotated"))

        assert self.portion(world, "0", f"{SLOW}.2026-10-10.07").marker == "2026-10-10.8:24"


class TestTruncation:
    """§6: the cap inside a long line."""

    LINES = b"short one\nshort two\n"

    def world(self, long_bytes, *faults):
        world = a_world(faults=faults)
        without_header(world)
        put(world, self.LINES + b"L" * (long_bytes - 1) + b"\nnext entry\n")
        return world

    def test_the_notice_ends_the_answer_and_the_marker_skips_the_rest_of_the_line(self):
        """RDS-63: shipping this answer loses the rest for good."""
        world = self.world(1_048_576)

        cut = world.api.download_db_log_file_portion("db-1", SLOW, marker="0")
        after = world.api.download_db_log_file_portion("db-1", SLOW, marker=cut.marker)

        assert cut.content == (self.LINES + b"L" * (CAP_BYTES - len(self.LINES))) + NOTICE
        assert cut.content.endswith(b"\n [Your log message was truncated]\n")
        assert after.content == b"next entry\n"

    def test_the_cure_asks_for_the_whole_lines_that_came(self):
        """§6 steps 1 and 2, for a line that fits the cap alone."""
        world = self.world(1_048_576)

        whole = world.api.download_db_log_file_portion("db-1", SLOW, marker="0", lines=2)
        long_line = world.api.download_db_log_file_portion("db-1", SLOW, marker=whole.marker)

        assert whole.content == self.LINES
        assert long_line.content == b"L" * 1_048_575 + b"\n"

    def test_a_line_over_the_cap_cannot_be_carried_from_its_start(self):
        """RDS-66, §6 step 3: no whole line in the answer."""
        world = self.world(3_000_000)

        whole = world.api.download_db_log_file_portion("db-1", SLOW, marker="0", lines=2)
        cut = world.api.download_db_log_file_portion("db-1", SLOW, marker=whole.marker)

        assert cut.content == b"L" * CAP_BYTES + NOTICE
        assert cut.marker.endswith(f":{len(self.LINES) + 3_000_000}")

    def test_a_planted_cap_strikes_the_same_call_again_and_the_cure_works(self):
        """RDS-68."""
        world = a_world(faults=[fault("line_truncated")])
        without_header(world)
        written = b"".join(b"entry %03d with some text behind it\n" % n for n in range(100))
        put(world, written)

        first = world.api.download_db_log_file_portion("db-1", SLOW, marker="0")
        second = world.api.download_db_log_file_portion("db-1", SLOW, marker="0")
        whole_lines = first.content.removesuffix(NOTICE).count(b"\n")
        cured = world.api.download_db_log_file_portion("db-1", SLOW, marker="0", lines=whole_lines)

        assert first == second
        assert first.truncated
        assert written.startswith(cured.content)
        assert cured.content.count(b"\n") == whole_lines

    def test_the_other_variant_has_its_marker_directly_behind_the_cap(self):
        """RDS-64."""
        world = a_world(faults=[fault("line_truncated_at_cap")])
        without_header(world)
        written = b"".join(b"entry %03d with some text behind it\n" % n for n in range(100))
        put(world, written)

        cut = world.api.download_db_log_file_portion("db-1", SLOW, marker="0")

        kept = cut.content.removesuffix(NOTICE)
        assert int(cut.marker.rpartition(":")[2]) == len(kept)
        assert written.startswith(kept)

    def test_a_cap_without_a_notice_cuts_characters(self):
        """RDS-34: some cut of this text lands inside a character, none loses a byte."""
        world = a_world(faults=[fault("cap_cuts_bytes")])
        without_header(world)
        written = "ä\u20ac\U0001f600".encode() * 20 + b"\n"
        put(world, written * 200)

        content, calls = read_all(world)

        assert content == written * 200
        assert calls > 2
