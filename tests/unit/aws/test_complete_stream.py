"""A complete file is the same bytes whatever packed it on the way, and a bomb or a torso is none."""

import gzip
import os
import subprocess
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_logs.adapters.aws.complete_stream import PIECE_MAX_BYTES, file_bytes
from aurora_logs.errors import CompleteFileRefused, Unreachable

TEXT = b"# Time: 2026-10-10T07:00:00Z\nSELECT 1;\n" * 40_000


def cut(data, size_bytes):
    return [data[start:start + size_bytes] for start in range(0, len(data), size_bytes)]


def whole(wire, name="slowquery/mysql-slowquery.log", *, gzip_transfer=False):
    return b"".join(file_bytes(wire, name, gzip_transfer=gzip_transfer))


@pytest.mark.parametrize("text", [b"", b"x", TEXT, os.urandom(3 * PIECE_MAX_BYTES), b"\0" * (2 * PIECE_MAX_BYTES)])
@pytest.mark.parametrize("piece_bytes", [997, 65_536, 10_000_000])
def test_gzip_transfer_gzip_content_both_and_none_give_the_same_bytes(text, piece_bytes):
    """RDS-98."""
    once, twice = gzip.compress(text, 1), gzip.compress(gzip.compress(text, 1), 1)
    dated = "error/postgresql.log.2026-10-10-07.gz"

    assert whole(cut(text, piece_bytes)) == text
    assert whole(cut(once, piece_bytes), gzip_transfer=True) == text
    assert whole(cut(once, piece_bytes), dated) == text
    assert whole(cut(twice, piece_bytes), dated, gzip_transfer=True) == text
    assert whole(cut(text, piece_bytes), dated) == text


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=200), st.integers(1, 20))
def test_where_the_wire_cuts_does_not_matter(text, piece_bytes):
    packed = gzip.compress(text)

    assert whole(cut(packed + packed + b"\0\0", piece_bytes), "a.gz") == text + text


def test_a_log_file_that_only_begins_like_gzip_is_left_alone():
    """Bytes are not judged: a live file may hold anything."""
    raw = b"\x1f\x8b\x08\x00 random bytes"
    assert whole([raw]) == raw
    assert whole([TEXT], gzip_transfer=True) == TEXT  # a proxy unpacked it and left the header


@pytest.mark.parametrize("left_bytes", [30, 1_000, -8, -1])
def test_a_gzip_stream_that_ends_early_is_no_file(left_bytes):
    """RDS-95: 30 %, 99.9 %, the last byte: the trailer proves the end."""
    packed = gzip.compress(os.urandom(5_000))
    with pytest.raises(Unreachable):
        whole(cut(packed[:left_bytes], 512), gzip_transfer=True)


def test_a_damaged_gzip_stream_is_no_file():
    packed = bytearray(gzip.compress(os.urandom(5_000)))
    packed[2_000] ^= 0xFF
    with pytest.raises(Unreachable):
        whole([bytes(packed)], gzip_transfer=True)


def test_pieces_are_at_most_a_mebibyte_whatever_came():
    pieces = list(file_bytes([TEXT * 2, gzip.compress(b"")], "a.log", gzip_transfer=False))
    unpacked = list(file_bytes([gzip.compress(TEXT * 2)], "a.log", gzip_transfer=True))

    assert max(map(len, pieces)) <= PIECE_MAX_BYTES
    assert max(map(len, unpacked)) <= PIECE_MAX_BYTES


def test_a_text_nine_times_its_gzip_is_ordinary_and_a_bomb_is_stopped_and_reported():
    """RDS-99: 25 MB may hold 223 MB; a thousand times its size is an attack, stopped before memory or disk is full."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()
    came = []
    pieces = map(len, file_bytes(cut(bomb, 4_096), "a.gz", gzip_transfer=False))
    with pytest.raises(CompleteFileRefused):
        came.extend(pieces)

    assert sum(came) < 70_000_000


def test_zlib_gives_the_same_bytes_where_isal_is_missing():
    """PERF-30: in a process of its own, because the choice is made at import."""
    script = (
        "import sys, gzip; sys.modules['isal'] = None\n"
        "from aurora_logs.adapters.aws import complete_stream as s\n"
        "import zlib; assert s._decompressobj is zlib.decompressobj\n"
        "t = b'log ' * 100_000\n"
        "assert b''.join(s.file_bytes([gzip.compress(t)], 'a.gz', gzip_transfer=False)) == t\n"
        "try: list(s.file_bytes([gzip.compress(t)[:50] + b'x' * 99], 'a.gz', gzip_transfer=False))\n"
        "except s.Unreachable: print('same')\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout == "same\n"
