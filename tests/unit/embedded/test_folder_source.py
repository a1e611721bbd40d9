"""The folder source beyond the port: names are data, rotation by head, flat folders, compressed files."""

import gzip
import os
import random

import pytest

from aurora_logs.adapters.embedded.file_head import head_ordinal
from aurora_logs.adapters.embedded.log_source import FolderLogSource
from aurora_logs.errors import AccessDenied, ConfigError, InstanceGone, LogFileGone, MarkerRefused, Unreachable
from aurora_logs.segments import family_of, parse_marker

LIVE = "slowquery/mysql-slowquery.log"
HEADER = (b"/rdsdbbin/mysql/bin/mysqld, Version: 8.0.35 (Source distribution). started with:\n"
          b"Tcp port: 3306  Unix socket: /tmp/mysql.sock\nTime                 Id Command    Argument\n")
WINDOWS_HEADER = (b"C:\\bin\\mysqld.exe, Version: 5.7.1-log. started with:\nTCP Port: 3306, Named Pipe: MySQL\n"
                  b"Time                 Id Command    Argument\n")
MARIADB_HEADER = (b"/usr/sbin/mariadbd, Version: 10.11.19-MariaDB. started with:\nTcp port: 0  Unix socket: (null)\n"
                  b"Time\t\t    Id Command\tArgument\n")
ENTRY = b"# Time: 2026-11-22T10:00:00.000001Z\n# User@Host: a[a] @  [10.0.0.1]  Id: 1\n"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "logs"
    (root / "shop-1" / "slowquery").mkdir(parents=True)
    return root


@pytest.fixture
def source(folder):
    return FolderLogSource(folder)


def listed(source, instance="shop-1"):
    return {one.log_file_name: one for one in source.log_files(instance)}


def test_a_folder_that_is_not_there_is_refused_at_the_start(tmp_path):
    with pytest.raises(ConfigError, match="SOURCE_DIR"):
        FolderLogSource(tmp_path / "none")


@pytest.mark.parametrize("name", [
    "../secret", "../../secret", "slowquery/../../secret", "/etc/passwd", "slowquery//x", "", ".", "..", ".hidden",
    "slowquery/.hidden", "a\0b", "x" * 300, "link", "linked/secret", "slowquery"])
def test_no_name_leads_outside_of_the_instances_folder(folder, source, tmp_path, name):
    (tmp_path / "logs" / "secret").write_text("secret")
    (tmp_path / "secret").write_text("secret")
    (folder / "shop-1" / "slowquery" / ".hidden").write_text("secret")
    (folder / "shop-1" / ".hidden").write_text("secret")
    (folder / "shop-1" / "link").symlink_to(tmp_path / "secret")
    (folder / "shop-1" / "linked").symlink_to(tmp_path)

    with pytest.raises(LogFileGone):
        source.read("shop-1", name, "0")
    with pytest.raises(LogFileGone), source.complete_file("shop-1", name):
        pass
    assert listed(source) == {}


@pytest.mark.parametrize("name", ["..", ".", "", "../logs/shop-1", "shop-1/slowquery", "linked", "a\0", "x" * 300])
def test_no_instance_name_leads_outside_of_the_folder(folder, source, tmp_path, name):
    (folder / "linked").symlink_to(tmp_path)

    with pytest.raises(InstanceGone):
        source.log_files(name)
    assert [one.instance_id for one in source.instances()] == ["shop-1"]


def test_what_is_no_regular_file_is_not_listed(folder, source):
    os.mkfifo(folder / "shop-1" / "slowquery" / "pipe")

    assert listed(source) == {}
    with pytest.raises(LogFileGone):
        source.read("shop-1", "slowquery/pipe", "0")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become another user")
def test_an_unreadable_folder_is_access_denied_and_others_go_on(folder, source, tmp_path):
    (folder / "shop-2").mkdir(mode=0o700)
    (folder / LIVE.replace("slowquery/", "shop-1/slowquery/")).write_bytes(ENTRY)
    (folder / "shop-1" / LIVE).chmod(0o600)
    temporary = [path for path in tmp_path.parents if path.name.startswith(("pytest-", "popen-"))]
    for path in (tmp_path, *temporary, folder, folder / "shop-1", folder / "shop-1" / "slowquery"):
        path.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(AccessDenied, match="shop-2"):
            source.log_files("shop-2")
        assert listed(source)[LIVE].ordinal is None
        with pytest.raises(AccessDenied, match="shop-1"):
            source.read("shop-1", LIVE, "0")
    finally:
        os.seteuid(0)


def test_a_folder_without_sub_folders_is_listed_as_rds_would(folder, source):
    for name in ("mysql-slowquery.log", "mysql-slowquery.log.2026-11-22.9", "mysql-error-running.log",
                 "postgresql.log.2026-11-22-10", "own-slow.log"):
        (folder / "shop-1" / name).write_bytes(b"x\n")

    assert sorted(listed(source)) == [
        "error/mysql-error-running.log", "error/postgresql.log.2026-11-22-10", "own-slow.log",
        LIVE, f"{LIVE}.2026-11-22.9"]
    for name in listed(source):
        assert source.read("shop-1", name, "0").content == b"x\n"
    assert family_of(f"{LIVE}.2026-11-22.9") == LIVE


def test_a_flat_name_never_hides_the_one_in_its_sub_folder(folder, source):
    (folder / "shop-1" / "mysql-slowquery.log").write_bytes(b"flat\n")
    (folder / "shop-1" / LIVE).write_bytes(b"proper\n")

    assert source.read("shop-1", LIVE, "0").content == b"proper\n"
    assert source.read("shop-1", "mysql-slowquery.log", "0").content == b"flat\n"
    assert sorted(listed(source)) == ["mysql-slowquery.log", LIVE]


def test_the_head_follows_a_file_through_its_rotation(folder, source):
    """rds-log-api.md §4.4: the first complete line that is not furniture."""
    live = folder / "shop-1" / LIVE
    live.write_bytes(HEADER)
    assert listed(source)[LIVE].ordinal is None
    assert source.read("shop-1", LIVE, "0").marker == f"{LIVE}:{len(HEADER)}"
    live.write_bytes(HEADER + HEADER + b"\n" + ENTRY)
    ordinal = listed(source)[LIVE].ordinal
    assert len(ordinal) == 17
    assert ordinal[0] == "h"
    live.rename(folder / "shop-1" / f"{LIVE}.2026-11-22.10")
    live.write_bytes(HEADER + ENTRY.replace(b"T10", b"T11"))

    after = listed(source)
    assert after[f"{LIVE}.2026-11-22.10"].ordinal == ordinal
    assert after[LIVE].ordinal not in (ordinal, None)


def test_a_marker_of_a_rotated_file_is_refused_under_the_live_name(folder, source):
    """§3.3: RDS would give garbage from that offset; here the caller lists again and finds the new name."""
    live = folder / "shop-1" / LIVE
    live.write_bytes(ENTRY)
    marker = source.read("shop-1", LIVE, "0").marker
    live.rename(folder / "shop-1" / f"{LIVE}.2026-11-22.10")
    live.write_bytes(ENTRY.replace(b"T10", b"T11"))

    with pytest.raises(MarkerRefused):
        source.read("shop-1", LIVE, marker)
    assert source.read("shop-1", f"{LIVE}.2026-11-22.10", marker).content == b""


def test_a_marker_from_before_the_head_was_known_stays_good(folder, source):
    live = folder / "shop-1" / LIVE
    live.write_bytes(HEADER)
    marker = source.read("shop-1", LIVE, "0").marker
    live.write_bytes(HEADER + ENTRY)

    answer = source.read("shop-1", LIVE, marker)
    assert answer.content == ENTRY
    assert parse_marker(answer.marker).ordinal == listed(source)[LIVE].ordinal


@pytest.mark.parametrize("marker", ["", "nonsense", "1e3", "-5"])
def test_a_marker_that_is_none_is_refused(folder, source, marker):
    (folder / "shop-1" / LIVE).write_bytes(ENTRY)
    if marker:
        with pytest.raises(MarkerRefused):
            source.read("shop-1", LIVE, marker)
    else:
        assert source.read("shop-1", LIVE, marker, max_lines=1).content == ENTRY.splitlines(keepends=True)[-1]


def test_a_marker_beyond_the_end_of_a_file_that_shrank_gives_nothing(folder, source):
    name = "error/postgresql.log.2026-11-22-10"
    (folder / "shop-1" / "error").mkdir()
    (folder / "shop-1" / name).write_bytes(b"abc")

    answer = source.read("shop-1", name, f"{name}:99")
    assert (answer.content, answer.marker, answer.more) == (b"", f"{name}:99", False)


@pytest.mark.parametrize("content", [
    b"", HEADER, b"\n\n", b"no line end", HEADER + b"x" * 4095, b"\n" * 100_000])
def test_a_head_that_may_still_change_is_not_known(tmp_path, content):
    path = tmp_path / "log"
    path.write_bytes(content)
    with path.open("rb") as file:
        assert head_ordinal(file) is None


@pytest.mark.parametrize(("one", "two", "same"), [
    (ENTRY, ENTRY + b"more\n", True),
    (ENTRY, HEADER * 3 + b"\r\n \t\n" + ENTRY, True),
    (b"x" * 4096, b"x" * 5000 + b"\nrest", True),
    (b"# Time: 1\n", b"# Time: 2\n", False),
    (WINDOWS_HEADER + b"# Time: 1\n", b"# Time: 1\n", True),
    (MARIADB_HEADER + b"# Time: 1\n", b"# Time: 1\n", True)])
def test_furniture_and_what_follows_leave_the_head_alone(tmp_path, one, two, same):
    heads = []
    for content in (one, two):
        path = tmp_path / "log"
        path.write_bytes(content)
        with path.open("rb") as file:
            heads.append(head_ordinal(file))

    assert None not in heads
    assert (heads[0] == heads[1]) is same


# compressed files


def compress(folder, name, content):
    path = folder / "shop-1" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(content))


def test_a_compressed_file_is_read_as_its_text(folder, source):
    name = "error/postgresql.log.2026-11-22-10.gz"
    content = random.Random(3).randbytes(3 << 20)
    compress(folder, name, content)
    parts, marker = [], "0"
    while True:
        answer = source.read("shop-1", name, marker)
        parts.append(answer.content)
        marker = answer.marker
        if not answer.more:
            break

    assert b"".join(parts) == content
    assert max(map(len, parts)) <= 1 << 20
    assert listed(source)[name].size_bytes == len(content)
    with source.complete_file("shop-1", name) as pieces:
        assert b"".join(pieces) == content
    assert source.read("shop-1", name, f"{name}:100", max_lines=1).content == content[100:content.index(b"\n", 100) + 1]
    assert source.read("shop-1", name, f"{name}:{len(content) + 5}").content == b""


def test_a_damaged_compressed_file_is_named(folder, source):
    name = "error/postgresql.log.2026-11-22-10.gz"
    compress(folder, name, b"x" * 100_000)
    path = folder / "shop-1" / name
    path.write_bytes(path.read_bytes()[:60])

    with pytest.raises(Unreachable, match="damaged"):
        source.read("shop-1", name, "0")
    with pytest.raises(Unreachable, match="damaged"), source.complete_file("shop-1", name) as pieces:
        list(pieces)
    path.write_bytes(b"no gzip at all")
    with pytest.raises(Unreachable, match="damaged"):
        source.read("shop-1", name, "0")
    assert name in listed(source)
