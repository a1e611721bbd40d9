"""Contract of LogSource: listings, portions by marker, complete files; bytes arrive as they are."""

import random

import pytest

from aurora_logs.errors import InstanceGone, LogFileGone
from aurora_logs.segments import parse_marker

DATED = "error/postgresql.log.2026-11-22-10"
LIVE = "slowquery/mysql-slowquery.log"
MIB = 1 << 20


def read_all(source, instance, name, marker="0"):
    content = b""
    while True:
        answer = source.read(instance, name, marker)
        assert len(answer.content) <= MIB
        content += answer.content
        marker = answer.marker
        if not answer.more:
            return content, marker


def test_folders_are_instances_and_files_are_listed_with_their_sub_folder(source):
    source.write("shop-1", DATED, b"x" * 10)
    source.write("shop-2", LIVE, b"")

    assert [(one.instance_id, one.resource_id) for one in source.source.instances()] == [
        ("shop-1", "shop-1"), ("shop-2", "shop-2")]
    assert [(one.log_file_name, one.size_bytes) for one in source.source.log_files("shop-1")] == [(DATED, 10)]
    assert [(one.log_file_name, one.size_bytes) for one in source.source.log_files("shop-2")] == [(LIVE, 0)]


def test_a_listing_can_be_narrowed_by_name_and_time(source):
    source.write("shop-1", DATED, b"x")
    source.write("shop-1", LIVE, b"x")
    written_ms = source.source.log_files("shop-1", name_contains="postgresql")[0].last_written_ms

    assert [one.log_file_name for one in source.source.log_files("shop-1", name_contains="slow")] == [LIVE]
    assert len(source.source.log_files("shop-1", written_since_ms=written_ms + 3_600_000)) == 0


def test_any_bytes_arrive_unchanged_portion_by_portion(source):
    content = random.Random(1).randbytes(2 * MIB + 12345)
    source.write("shop-1", DATED, content)

    assert read_all(source.source, "shop-1", DATED)[0] == content


def test_reading_goes_on_where_the_marker_points(source):
    source.write("shop-1", DATED, b"one\ntwo\n")
    content, marker = read_all(source.source, "shop-1", DATED)
    source.append("shop-1", DATED, b"three\n")

    assert content == b"one\ntwo\n"
    assert source.source.read("shop-1", DATED, marker).content == b"three\n"


def test_a_marker_can_be_built_for_any_byte(source):
    """RDS-30: the prefix of a marker that came back, and any offset."""
    source.write("shop-1", DATED, b"0123456789\n")
    prefix = parse_marker(source.source.read("shop-1", DATED, "0", max_lines=1).marker).ordinal

    answer = source.source.read("shop-1", DATED, f"{prefix}:4")
    assert answer.content == b"456789\n"
    assert parse_marker(answer.marker).offset == 11


def test_lines_bound_a_portion_when_asked(source):
    source.write("shop-1", DATED, b"a\nbb\nccc\nopen")
    first = source.source.read("shop-1", DATED, "0", max_lines=2)

    assert (first.content, first.more) == (b"a\nbb\n", True)
    assert source.source.read("shop-1", DATED, first.marker, max_lines=9).content == b"ccc\nopen"


def test_without_a_marker_the_last_lines_come_with_the_end_marker(source):
    source.write("shop-1", DATED, b"a\nbb\nccc\n")
    answer = source.source.read("shop-1", DATED, "", max_lines=1)

    assert (answer.content, parse_marker(answer.marker).offset, answer.more) == (b"ccc\n", 9, False)


def test_nothing_new_is_no_content_and_the_same_place(source):
    source.write("shop-1", DATED, b"one\n")
    _, marker = read_all(source.source, "shop-1", DATED)
    again = source.source.read("shop-1", DATED, marker)

    assert (again.content, again.marker, again.more) == (b"", marker, False)


def test_an_empty_file_reads_as_nothing(source):
    source.write("shop-1", DATED, b"")

    answer = source.source.read("shop-1", DATED, "0")
    assert (answer.content, answer.more) == (b"", False)


def test_the_complete_file_comes_in_pieces_of_at_most_one_mebibyte(source):
    content = random.Random(2).randbytes(2 * MIB + 77)
    source.write("shop-1", DATED, content)
    with source.source.complete_file("shop-1", DATED) as pieces:
        parts = list(pieces)

    assert b"".join(parts) == content
    assert max(map(len, parts)) <= MIB


def test_a_live_name_names_the_file_that_was_read(source):
    """rds-log-api.md §3.3: the marker of a live name tells its segment, and a rotation changes it."""
    source.write("shop-1", LIVE, b"# Time: 2026-11-22T10:00:00.000001Z\n# User@Host: a\n")
    before = parse_marker(source.source.read("shop-1", LIVE, "0").marker).ordinal
    source.rename("shop-1", LIVE, f"{LIVE}.2026-11-22.10")
    source.write("shop-1", LIVE, b"# Time: 2026-11-22T11:00:00.000001Z\n# User@Host: a\n")

    after = parse_marker(source.source.read("shop-1", LIVE, "0").marker).ordinal
    rotated = parse_marker(source.source.read("shop-1", f"{LIVE}.2026-11-22.10", "0").marker).ordinal
    assert before == rotated != after


def test_an_unknown_instance_and_an_unknown_file_are_gone(source):
    source.write("shop-1", DATED, b"x")

    for call in (lambda: source.source.log_files("shop-9"), lambda: source.source.read("shop-9", DATED, "0")):
        with pytest.raises(InstanceGone):
            call()
    with pytest.raises(LogFileGone):
        source.source.read("shop-1", "error/other.log", "0")
    with pytest.raises(LogFileGone), source.source.complete_file("shop-1", "error/other.log"):
        pass


def test_a_deleted_file_is_gone_at_the_next_read(source):
    source.write("shop-1", DATED, b"one\n")
    _, marker = read_all(source.source, "shop-1", DATED)
    source.remove("shop-1", DATED)

    with pytest.raises(LogFileGone):
        source.source.read("shop-1", DATED, marker)
    assert source.source.log_files("shop-1") == []
