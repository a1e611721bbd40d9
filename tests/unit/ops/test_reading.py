"""Formats found by name and content; whole files through the stages, whatever the sizes of reads are."""

import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_logs.errors import ConfigError
from aurora_logs.ops import reading
from aurora_logs.ops.reading import find_format, pieces, plain_stream
from aurora_logs.records.fleet import LogFile
from aurora_logs.settings import Settings
from aurora_logs.stages import split

ENTRY = """# Time: 2026-11-24T03:00:0{0}.021059Z
# User@Host: app[app] @  [10.0.0.1]  Id:  7
# Query_time: 0.9{0}7049  Lock_time: 0.000274 Rows_sent: 1  Rows_examined: 10
SET timestamp=179548919{0};
SELECT {0} FROM t;
"""
SLOW = "".join(ENTRY.format(number) for number in range(9)).encode()
FILE = LogFile(instance_id="local", resource_id="local", cluster_id="", engine="", log_type="slowquery", log_file_name="x.log")


def lines_of(content, size, log_format=None):
    stream = io.BytesIO(content)
    first = stream.read(size)
    log_format = log_format or find_format(SLOW, "x").log_format
    return [line for piece in pieces(lambda _: stream.read(size), first, FILE, log_format, Settings())
            for line in piece.parsed.lines]


def test_every_entry_is_one_record():
    records = [json.loads(line) for line in lines_of(SLOW, 1 << 20)]

    assert [record["db_query_text"] for record in records] == [f"SELECT {number} FROM t" for number in range(9)]
    assert sum(record["log_record_bytes"] for record in records) == len(SLOW)


@given(st.integers(1, 400))
def test_the_size_of_reads_never_changes_the_records(size):
    assert lines_of(SLOW, size) == lines_of(SLOW, 1 << 20)


@given(st.binary(max_size=3_000), st.integers(1, 1_000))
def test_any_bytes_are_accounted_for(content, size):
    """Law 4: parsing is total."""
    stream = io.BytesIO(content)
    found = list(pieces(lambda _: stream.read(size), stream.read(size), FILE, find_format(SLOW, "x").log_format, Settings()))
    covered = sum(json.loads(line)["log_record_bytes"] for piece in found for line in piece.parsed.lines)

    assert covered + sum(piece.parsed.furniture_bytes for piece in found) == len(content)


def test_an_entry_beyond_the_limit_is_cut_and_its_neighbours_are_exact(monkeypatch):
    """PERF-01."""
    monkeypatch.setattr(split, "ENTRY_MAX_BYTES", 5_000)
    giant = ENTRY.format(5).replace("SELECT 5", "SELECT '" + "x" * 40_000 + "'").encode()
    records = [json.loads(line) for line in lines_of(SLOW + giant + SLOW, 30_000)]

    assert len(records) == 19
    assert records[9]["truncated"] is True
    assert records[9]["log_record_bytes"] == len(giant)
    assert [one["db_query_text"] for one in records[:9]] == [one["db_query_text"] for one in records[10:]]


@pytest.mark.parametrize(("path", "sample", "name", "why"), [
    ("logs/slowquery/mysql-slowquery.log", SLOW, "mysql_slow", "by its name"),
    ("mysql-slowquery.log.2026-11-24.03", SLOW, "mysql_slow", "by its name"),
    ("whatever.txt", SLOW, "mysql_slow", "by its content, 95% sure"),
    ("error/mysql-error.log", SLOW, "mysql_slow", "by its content, 95% sure"),
    ("slowquery/mysql-slowquery.log", b"", "mysql_slow", "by its name"),
])
def test_the_name_tells_the_format_unless_the_content_contradicts(path, sample, name, why):
    found = find_format(sample, path)

    assert (found.log_format.name, found.why) == (name, why)
    assert [one.format for one in found.chances if one.chosen] == [name]


@pytest.mark.parametrize("sample", [bytes(range(32)) * 100, b"", b"some words\nthat are no log\n"], ids=["binary", "empty", "text"])
def test_a_file_of_no_known_format_is_refused_with_what_can_be_done(sample):
    with pytest.raises(ConfigError) as refused:
        find_format(sample, "thing")

    assert "--format" in refused.value.hint


def test_a_named_format_is_taken_whatever_the_content_is():
    assert find_format(b"\0\1\2", "thing", named="mysql_slow").log_format.name == "mysql_slow"
    with pytest.raises(ConfigError, match="no format 'nothing'"):
        find_format(b"", "thing", named="nothing")


def test_gzip_is_unpacked_by_its_content_not_its_name():
    first, rest = plain_stream(io.BytesIO(gzip.compress(SLOW) + gzip.compress(SLOW)))

    assert first + rest.read() == SLOW + SLOW


def test_a_compressed_file_larger_than_one_read_is_unpacked_whole(monkeypatch):
    monkeypatch.setattr(reading, "READ_BYTES", 64)
    first, rest = plain_stream(io.BytesIO(gzip.compress(SLOW * 20)))

    assert first + rest.read() == SLOW * 20
