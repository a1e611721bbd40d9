"""Looking at the source itself: what is shown never holds a credential."""


import pytest

from aurora_logs.adapters.embedded.log_source import FolderLogSource
from aurora_logs.errors import ConfigError, NotFound
from aurora_logs.ops.direct import find_instance, redacted, whole_file
from aurora_logs.ops.live import LiveEnd, live_files
from aurora_logs.settings import Settings

NAME = "slowquery/mysql-slowquery.log"
ENTRY = """# Time: 2026-11-24T03:00:0{0}.021059Z
# User@Host: app[app] @  [10.0.0.1]  Id:  7
# Query_time: 0.9{0}7049  Lock_time: 0.000274 Rows_sent: 1  Rows_examined: 10
SET timestamp=179548919{0};
{1};
"""
LOG = "".join(ENTRY.format(number, f"SELECT {number}") for number in range(5))
SECRET = ENTRY.format(5, "CREATE USER u IDENTIFIED BY 'hunter2'")


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "db-1" / "slowquery"
    folder.mkdir(parents=True)
    (folder / "mysql-slowquery.log").write_text(LOG + SECRET)
    (folder / "mysql-slowquery.log.2026-11-24.2").write_text(LOG)
    return FolderLogSource(tmp_path)


def test_a_dump_of_text_is_the_file_without_its_credentials(source):
    instance = find_instance(source, "db-1")

    text = b"".join(redacted(whole_file(source, instance, NAME), instance, NAME, Settings()))

    assert b"hunter2" not in text
    assert text.startswith(LOG.encode())
    assert b"IDENTIFIED BY '***'" in text


@pytest.mark.parametrize("size", [1, 7, 100, 333])
def test_where_the_pieces_are_cut_never_lets_a_credential_out(source, size):
    instance = find_instance(source, "db-1")
    content = (LOG + SECRET + LOG).encode()
    pieces = (content[start:start + size] for start in range(0, len(content), size))

    text = b"".join(redacted(pieces, instance, NAME, Settings()))

    assert b"hunter2" not in text
    assert text.count(b"SELECT") == LOG.count("SELECT") * 2


def test_text_that_no_rule_understands_is_masked(source):
    instance = find_instance(source, "db-1")

    text = b"".join(redacted(iter([b"password=hunter2 in no known form\n"]), instance, NAME, Settings()))

    assert b"hunter2" not in text


def test_a_file_of_unknown_format_is_not_shown_as_text(source):
    instance = find_instance(source, "db-1")

    with pytest.raises(ConfigError, match="format of trace/x is not known"):
        list(redacted(iter([b"x"]), instance, "trace/x", Settings()))


def test_the_live_end_begins_with_the_last_entries_and_goes_on(source, tmp_path):
    instance = find_instance(source, "db-1")
    live = live_files(source, instance)
    end = LiveEnd(source, instance, live[0], Settings())

    _, entries = end.last(2, is_end=False)
    with (tmp_path / "db-1" / NAME).open("a") as file:
        file.write(ENTRY.format(6, "SELECT 'appended'"))
    content, more = end.more()
    _, rest = end.more()

    assert [one.listed.log_file_name for one in live] == [NAME]
    assert entries
    assert b"hunter2" not in b"".join([*entries, *more, *rest])
    assert b"appended" in content
    assert b"SELECT 'appended'" in b"".join([*more, *rest])


def test_names_that_are_not_there_are_answered_with_the_nearest(source):
    instance = find_instance(source, "db-1")

    with pytest.raises(NotFound, match="did you mean db-1"):
        find_instance(source, "db-11")
    with pytest.raises(NotFound, match=r"did you mean slowquery/mysql-slowquery\.log"):
        list(whole_file(source, instance, "slowquery/mysql-slow.log"))
    with pytest.raises(NotFound, match="has no audit log"):
        live_files(source, instance, "audit")


def test_the_end_of_a_log_that_is_written_twice_is_shown_once(tmp_path):
    """RDS-18: the rows of a csvlog are the stderr log's messages."""
    folder = tmp_path / "pg-1" / "error"
    folder.mkdir(parents=True)
    for name in ("postgresql.log.2026-11-22-10", "postgresql.log.2026-11-22-10.csv"):
        (folder / name).write_text("2026-11-22 10:13:36 UTC::@:[1]:LOG:  x\n")
    source = FolderLogSource(tmp_path)

    shown = live_files(source, find_instance(source, "pg-1"))

    assert [(one.listed.log_file_name, one.before) for one in shown] == [("error/postgresql.log.2026-11-22-10", None)]
