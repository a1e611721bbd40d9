"""The MySQL general log, case by case (FMT-74 to FMT-81)."""

import msgspec
import pytest
from reading import FAR, assert_true, fast, in_portions, origin, typed, wired

from aurora_logs.formats.mysql_general import FORMAT
from aurora_logs.formats.mysql_general.databases import BUDGET_BYTES
from aurora_logs.formats.mysql_general.heads import COMMANDS
from aurora_logs.records.flow import Chunk

WHERE = origin("mysql_general")
TIME = "2026-11-22T10:11:57.811234Z\t"


def records(text, where=WHERE):
    return typed(FORMAT, text.encode(), where)


def one(text, where=WHERE):
    (record,) = records(text, where)
    return record


def test_lines_without_a_time_stand_in_the_second_of_the_line_before():
    """FMT-74, FMT-75: also with several blanks between date and time, and with an offset."""
    found = records("261122   10:11:57\t    4 Query\ta\n\t\t    5 Query\tb\n2026-11-22T18:11:58.5+08:00\t    4 Quit\t\n")
    assert [(record.timestamp_us, record.ts_quality) for record in found] == [
        (1795342317000000, "assumed_zone"), (1795342317000000, "carried"), (1795342318500000, "exact"),
    ]  # fmt: skip
    assert [record.thread_id for record in found] == [4, 5, 4]


def test_a_statement_of_many_lines_is_one_entry():
    """FMT-76, FMT-80: lines that begin with a tab, with digits, with a command's word, with an unknown word."""
    sql = "SELECT 1\n\n\tQuery\n2026-11-22 10:11:57 no head\n\t\tQuit\n7 Query\tx\n\t\t    7 Quarry\tx\nQuery\t2"
    first, second = records(f"{TIME}   14 Query\t{sql}\n{TIME}   14 Quit\t\n")
    assert (first.db_query_text, second.event_name) == (sql, "disconnect")


def test_a_full_head_inside_a_text_is_an_entry_of_its_own():
    """FMT-77: the documented limit; no byte is lost."""
    found = records(f"{TIME}   14 Query\tSELECT 'a\n\t\t   15 Query\tb'\n")
    assert [record.db_query_text for record in found] == ["SELECT 'a", "b'"]


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("app@10.0.0.1 on shop using SSL/TLS", ("app", "10.0.0.1", None, "shop", "SSL/TLS")),
        ("app@localhost on  using Socket", ("app", "localhost", None, None, "Socket")),
        ("app@localhost on shop", ("app", "localhost", None, "shop", None)),
        ("proxy@h as reader on shop", ("proxy", "h", "reader", "shop", None)),
        ("app@h as app on shop", ("app", "h", None, "shop", None)),
        ("nobody@localhost as  on ", ("nobody", "localhost", None, None, None)),
        ("joe@example.org@10.0.0.1 on shop", ("joe@example.org", "10.0.0.1", None, "shop", None)),
        ("a@b on c@10.0.0.1 on my db using TCP/IP", ("a@b on c", "10.0.0.1", None, "my db", "TCP/IP")),
        ("app@h on we@ird db", ("app", "h", None, "we@ird db", None)),
        ("@localhost on ", (None, "localhost", None, None, None)),
    ],
)
def test_who_connects_is_read_from_the_argument(argument, values):
    """FMT-78."""
    record = one(f"{TIME}   14 Connect\t{argument}\n")
    assert values == (record.user_name, record.client_address, record.db_user_effective, record.db_namespace, record.db_connection_type)
    assert (record.event_name, record.body) == ("connect", argument.strip())


def test_a_refused_login_names_the_account():
    """FMT-78, REC-38."""
    record = one(f"{TIME}   14 Connect\tAccess denied for user 'o'brien'@'10.0.0.1' (using password: YES)\n")
    assert (record.event_name, record.user_name, record.client_address) == ("auth_failed", "o'brien", "10.0.0.1")
    assert record.db_namespace is None


def test_the_database_is_carried_for_its_connection_alone():
    """FMT-79, REC-20: until it quits, or the server starts anew."""
    header = "mysqld, Version: 8.0.28 (x). started with:\nTcp port: 1  Unix socket: x\nTime                 Id Command    Argument\n"
    lines = ["14 Connect\ta@h on shop", "14 Query\tx", "15 Query\tx", "14 Init DB\tother", "14 Query\tx", "14 Quit\t", "14 Query\tx",
             "16 Connect\ta@h on shop", "HEADER", "16 Query\tx"]  # fmt: skip
    text = "".join(header if line == "HEADER" else f"{TIME}   {line}\n" for line in lines)
    assert [(record.db_namespace, record.db_namespace_carried) for record in records(text)] == [
        ("shop", None), ("shop", True), (None, None), ("other", None), ("other", True), ("other", True), (None, None),
        ("shop", None), (None, None),
    ]  # fmt: skip


def test_what_is_carried_stays_small_and_the_same_whatever_is_read_at_once():
    """FMT-19: of many connections those that were silent longest are forgotten, in the same order by every cut."""
    connects = "".join(f"{TIME}{number:5d} Connect\ta@h on database_{number % 7}\n" for number in range(1, 400))
    queries = "".join(f"{TIME}{number:5d} Query\tx\n" for number in range(1, 400))
    text = (connects + queries).encode()
    whole = fast(FORMAT, text, WHERE)
    assert in_portions(FORMAT, text, WHERE, [3000], 17) == whole
    assert BUDGET_BYTES - 50 < len(whole.context) <= 2048
    carried = [record.thread_id for record in typed(FORMAT, text, WHERE) if record.db_namespace_carried]
    assert carried == list(range(400 - len(carried), 400))
    assert len(carried) > 80


def test_a_connection_that_speaks_is_not_forgotten():
    """FMT-79: the one that was silent longest goes first."""
    lines = ["1 Connect\ta@h on shop"]
    for number in range(2, 300):
        lines += [f"{number} Connect\ta@h on database_{number % 7}", "1 Query\tx"]
    spoken = [record for record in records("".join(f"{TIME}   {line}\n" for line in lines)) if record.db_command == "Query"]
    assert {record.db_namespace for record in spoken} == {"shop"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_a_head(command):
    """FMT-74, REC-50: also at the end of a line that has no argument."""
    for line in (f"{TIME}   14 {command}\targument", f"{TIME}   14 {command}", f"\t\t   14 {command}\t"):
        before, record = records(f"{TIME}   14 Query\tx\n{line}\n")
        assert (before.db_query_text, record.db_command, record.thread_id) == ("x", command, 14)


def test_a_password_is_redacted_in_statements_and_in_arguments():
    """FMT-81, REC-40."""
    for command in ("Query", "Prepare", "Execute", "Debug"):
        record = one(f"{TIME}   14 {command}\tCREATE USER a IDENTIFIED BY 'hunter2'\n")
        assert b"hunter2" not in wired([record])[0]
        assert record.redactions == 1
    assert "hunter2" in one(f"{TIME}   14 Query\tSET PASSWORD = 'hunter2'\n", origin("mysql_general", redaction="off")).db_query_text


def test_text_behind_a_delivered_entry_is_an_orphan_tail():
    """FMT-06."""
    head = f"{TIME}   14 Query\tSELECT\n".encode()
    parsed = FORMAT.ndjson(Chunk(content=head, offset=0), WHERE, b"", max_records=FAR, max_bytes=FAR)
    late = typed(FORMAT, b"1\n" + head, WHERE, parsed.context, parsed.end_offset)
    assert [record.parse_error for record in late] == ["orphan tail", None]
    assert msgspec.json.decode(parsed.context)[1] is True


def test_the_last_entry_waits_for_the_next_head():
    """FMT-04, FMT-05."""
    text = (f"{TIME}   14 Query\tSELECT 1\n" * 3).encode()
    assert FORMAT.cut(text, final=False) == 2 * len(text) // 3
    assert FORMAT.cut(text, final=False, quiet=True) == len(text)
    assert FORMAT.cut(text[:-1], final=False, quiet=True) == 2 * len(text) // 3


@pytest.mark.parametrize("name", ["general/mysql-general.log", "general/mysql-general.log.2026-11-22.10"])
def test_only_general_logs_of_the_family_are_collected(name):
    assert FORMAT.matches("mysql", name)
    assert FORMAT.matches("", name)
    assert not FORMAT.matches("postgres", name)
    assert not FORMAT.matches("mysql", "slowquery/mysql-slowquery.log")


@pytest.mark.parametrize("engine", ["aurora-mysql", "mysql", "mariadb"])
def test_every_true_value_of_the_workload_is_found(engine):
    assert_true(FORMAT, "mysql_general", engine)
