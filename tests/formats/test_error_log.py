"""The MySQL error log, case by case (FMT-60 to FMT-73)."""

import json

import pytest
from fixtures import HERE
from reading import assert_true, fast, in_portions, origin, typed, workload

from aurora_logs.formats.mysql_error import FORMAT
from aurora_logs_simulator.workload.error_log import ErrorLogWriter
from aurora_logs_simulator.workload.error_styles import STYLES

WHERE = origin("mysql_error")


def records(text, where=WHERE):
    return typed(FORMAT, text.encode(), where)


@pytest.mark.parametrize(
    ("line", "quality", "thread", "label", "body"),
    [
        ("2026-11-22T10:11:57.811234Z 12 [Note] [MY-010914] [Server] text", "exact", 12, "Note", "text"),
        ("2026-11-22T10:11:57.811234+09:00 12 [Warning] text", "exact", 12, "Warning", "text"),
        ("2026-11-22T10:11:57.811234 12 [Note] text", "assumed_zone", 12, "Note", "text"),
        ("2026-11-22 10:11:57 5907 [Warning] text", "assumed_zone", 5907, "Warning", "text"),
        ("2026-11-22  8:11:57 139845235329792 [Warning] text", "assumed_zone", 139845235329792, "Warning", "text"),
        ("261122  8:11:57 [Warning] text", "assumed_zone", None, "Warning", "text"),
        ("261122 10:11:57InnoDB: Warning: text", "assumed_zone", None, None, "InnoDB: Warning: text"),
        ("2026-11-22 10:11:57 0x2b76b6e68700InnoDB: text", "assumed_zone", 47788874696448, None, "InnoDB: text"),
        ("261122 10:11:57 server_audit: STARTED", "assumed_zone", None, None, "server_audit: STARTED"),
        ("261122 10:11:57 mysqld_safe Starting", "assumed_zone", None, None, "mysqld_safe Starting"),
        ("2026-11-22 10:11:57 6:[DAS][INFO]: text", "assumed_zone", None, None, "6:[DAS][INFO]: text"),
        ("261122 10:11:57\t    13 Query\tselect 1", "assumed_zone", 13, None, "Query\tselect 1"),
    ],
)
def test_every_form_of_a_head_is_read(line, quality, thread, label, body):
    """FMT-17, FMT-60, FMT-61, FMT-62, FMT-69, FMT-73."""
    before, record, after = records(f"2026-11-22T00:00:00.0Z 0 [Note] a\n{line}\n2026-11-22T23:00:00.0Z 0 [Note] b\n")
    assert (record.ts_quality, record.thread_id, record.severity_text, record.body) == (quality, thread, label, body)
    assert (before.body, after.body) == ("a", "b")


def test_everything_without_a_date_continues_the_entry():
    """FMT-63, FMT-64: blank lines too."""
    dump = "\n".join(["--Thread 1 has waited", "", "\tlock word 0", "INSERT INTO t", "# comment"] * 500)
    first, second = records(f"2026-11-22T10:11:57.0Z 0 [Note] ready.\n{dump}\n\n2026-11-22T10:11:58.0Z 0 [Note] b\n")
    assert first.body == f"ready.\n{dump}"
    assert (first.log_record_bytes, second.body) == (len("2026-11-22T10:11:57.0Z 0 [Note] ready.\n" + dump + "\n"), "b")


def test_the_source_place_of_aurora_leaves_the_body():
    """FMT-70."""
    (record,) = records("2026-11-22T10:11:57.0Z 0 [Note] [MY-1] [Server] text (a) (auth/sha2_password.cc:123)\n")
    assert (record.body, record.code_file_path, record.code_line_number) == ("text (a)", "auth/sha2_password.cc", 123)


@pytest.mark.parametrize(
    ("user", "host"), [("app", "10.0.0.1"), ("o'brien@x", "10.0.0.1"), ("", "localhost"), ("a'@'b", "h")]
)
def test_a_refused_login_names_account_and_address(user, host):
    """FMT-72, REC-38."""
    (record,) = records(f"2026-11-22T10:11:57.0Z 9 [Note] Access denied for user '{user}'@'{host}' (using password: NO)\n")
    assert record.event_name == "auth_failed"
    if "'@'" not in user:
        assert (record.user_name or "", record.client_address) == (user, host)


def test_a_crash_without_a_date_takes_the_day_before_it():
    """FMT-68."""
    first, crash = records("2026-11-22T10:11:57.0Z 0 [Note] a\n10:12:03 UTC - mysqld got signal 11 ;\nstack\n")
    assert (crash.event_name, crash.severity_number, crash.ts_quality) == ("crash", 21, "carried")
    assert (crash.timestamp_us, crash.body) == (first.timestamp_us + 6_000_000, "mysqld got signal 11 ;\nstack")


def fixture(name):
    return (HERE / "mysql_error" / name / "input.log").read_text()


@pytest.mark.parametrize(
    ("name", "number", "threads", "victim"),
    [
        ("aurora-mysql-5.7-deadlock-generated", 1, [7, 8], 2),
        ("mysql-8.0-deadlock-in-parts-generated", 1, [20, 21], 2),
        ("mysql-8.4-json-sink-generated", 2, [14], 1),
        ("mariadb-10.11-deadlock-generated", 5, [7, 8], 2),
    ],
)
def test_a_deadlock_is_one_record_with_its_transactions_and_its_victim(name, number, threads, victim):
    """FMT-65, FMT-66, FMT-71, REC-37: however many heads its dump has."""
    record = records(fixture(name))[number]
    assert (record.event_name, record.deadlock_victim, record.parse_status) == ("deadlock", victim, "ok")
    assert [one["thread_id"] for one in json.loads(record.deadlock_transactions)] == threads
    assert not [line for line in record.body.splitlines() if line.startswith("2026-")]


def test_the_locks_of_a_deadlock_are_those_of_their_transactions():
    """FMT-66: MariaDB tells behind a wait who holds the lock."""
    for name in ("mysql-8.0-deadlock-in-parts-generated", "mariadb-10.11-deadlock-generated"):
        (found,) = (one for one in records(fixture(name)) if one.deadlock_victim)
        second = json.loads(found.deadlock_transactions)[1]
        table = "shop.t" if "mysql-8" in name else "shop.d"
        lock = {"index": "PRIMARY", "table": table, "lock_mode": "X locks rec but not gap"}
        assert (second["waiting"], second["holding"]) == (lock, lock)


@pytest.mark.parametrize(
    "follower",
    [
        "2026-11-22T10:12:07.200000Z 21 [Note] [MY-1] [InnoDB] other text",
        "2026-11-22T10:12:07.200000Z 22 [Note] [MY-1] [InnoDB] *** (1) TRANSACTION:",
        "2026-11-22T10:12:09.200000Z 21 [Note] [MY-1] [InnoDB] *** (1) TRANSACTION:",
        "2026-11-22T10:12:07.200000Z 21 [Note] [MY-1] [InnoDB] Transactions deadlock detected, dumping detailed information.",
    ],
)
def test_only_parts_of_one_thread_within_a_second_are_joined(follower):
    """FMT-66."""
    head = "2026-11-22T10:12:07.100000Z 21 [Note] [MY-012468] [InnoDB] Transactions deadlock detected, dumping detailed information."
    first, second = records(f"{head}\n{follower}\n")
    assert first.body == "Transactions deadlock detected, dumping detailed information."
    assert second.timestamp_us > first.timestamp_us


def test_rows_of_a_deadlock_are_shown_only_where_nothing_is_redacted():
    """FMT-65: the hex dumps hold the data of tables."""
    text = fixture("aurora-mysql-5.7-deadlock-generated")
    shown, safe = records(text, origin("mysql_error", redaction="off"))[1], records(text)[1]
    assert ("706c616e746564" in shown.body, "706c616e746564" in safe.body) == (True, False)
    assert "planted-secret" not in safe.body + safe.deadlock_transactions
    assert shown.redactions is None
    assert safe.redactions >= 4


def test_a_monitor_is_one_entry_whatever_dates_stand_in_it():
    """FMT-67."""
    before, monitor, after = records(fixture("mysql-8.0-crash-and-monitor-generated"))[:3]
    assert (before.event_name, monitor.event_name, after.event_name) == ("server_start", "innodb_monitor", "assertion")
    assert monitor.body.startswith("=====================================\n2026-11-22 10:12:17 0x7f2c3c INNODB MONITOR OUTPUT\n")
    assert monitor.body.endswith("END OF INNODB MONITOR OUTPUT\n============================")
    assert monitor.deadlock_transactions is None


def test_a_monitor_without_an_end_swallows_a_megabyte_at_most():
    """FMT-67: the server died in the middle of it."""
    monitor = "=====================================\n2026-11-22 10:12:17 0x7f INNODB MONITOR OUTPUT\n"
    text = monitor + "lock\n" * 300_000 + "2026-11-22T10:12:18.0Z 0 [Note] a\n" * 2
    assert [record.event_name for record in records(text)] == ["innodb_monitor", "server", "server"]
    assert in_portions(FORMAT, text.encode(), WHERE, [100_000]) == fast(FORMAT, text.encode(), WHERE)


@pytest.mark.parametrize(
    "signal", ["10:12:18 UTC - mysqld got signal 11 ;", "2026-11-22T10:12:18Z UTC - mysqld got signal 11 ;",
               "261122 10:12:18 [ERROR] mysqld got signal 11 ;", "261122 10:12:18 - mysqld got exception 0xc0000005 ;"],
)  # fmt: skip
def test_a_crash_keeps_its_stack_and_its_query_in_one_entry(signal):
    """FMT-68: the statement that crashed it is redacted like any other."""
    stack = "stack_bottom = 7f2c\n/usr/sbin/mysqld(+0x2e) [0x21]\n\nQuery (7f2c3c): SET PASSWORD = 'hunter2'\nStatus: NOT_KILLED"
    first, crash, after = records(f"2026-11-22T10:11:57.0Z 0 [Note] a\n{signal}\n{stack}\n2026-11-22T10:12:19.0Z 0 [Note] b\n")
    assert (crash.event_name, crash.timestamp_us - first.timestamp_us) == ("crash", 21_000_000)
    assert crash.body.endswith("Query (7f2c3c): SET PASSWORD = '***'\nStatus: NOT_KILLED")
    assert after.body == "b"


def test_a_json_line_tells_the_same_as_the_traditional_one():
    """FMT-71."""
    plain = "2026-11-22T10:12:01.123456Z 12 [Note] [MY-010926] [Server] Access denied for user 'a'@'10.0.0.1' (using password: YES)"
    said = {"prio": 3, "err_code": 10926, "msg": plain.partition("[Server] ")[2], "time": plain[:27], "thread": 12,
            "subsystem": "Server", "label": "Note"}  # fmt: skip
    first, second = records(f"{plain}\n"), records("{ " + json.dumps(said)[1:] + "\n")
    differing = {"record_id", "log_record_bytes"}
    same = [{name: getattr(one, name) for name in one.__struct_fields__ if name not in differing} for (one,) in (first, second)]
    assert same[0] == same[1]


@pytest.mark.parametrize("spoilt", ['{ "prio" : 3, "msg" : "cut', '{ "prio" : "x" }', '{ "prio" : 3, "thread" : -1 }', '{ "msg" : ' + "[" * 5000])
def test_a_json_line_that_is_none_is_partial_and_its_neighbours_are_whole(spoilt):
    """FMT-71."""
    head = "2026-11-22T10:11:57.0Z 0 [Note] a"
    before, record, after = records(f"{head}\n{spoilt}\n{head}\n")
    assert (record.parse_status, record.parse_error, record.redactions) == ("partial", "bad json", 1)
    assert record.body == f"*** ({len(spoilt):,} bytes)", "its escapes hide where a secret ends"
    assert records(f"{spoilt}\n", origin("mysql_error", redaction="off"))[0].body == spoilt
    assert (before.body, after.body) == ("a", "a")


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ("Too many connections", "too_many_connections"),
        ("/usr/sbin/mysqld: ready for connections.", "server_ready"),
        ("/usr/sbin/mysqld (mysqld 8.0.35) starting as process 1", "server_start"),
        ("/usr/sbin/mysqld: Shutdown complete (mysqld 8.0.35)  MySQL Community Server - GPL.", "server_shutdown"),
        ("/usr/sbin/mysqld: Forcing close of thread 7  user: 'a'", "server_shutdown"),
        ("/usr/sbin/mysqld: The table '/tmp/#sql_1' is full", "disk_full"),
        ("Disk is full writing './binlog.000002' (OS errno 28 - No space left on device).", "disk_full"),
        ("/usr/sbin/mysqld: Table './shop/t' is marked as crashed and should be repaired", "table_crashed"),
        ("Out of memory; check if mysqld or some other process uses all available memory", "out_of_memory"),
        ("CA certificate ca.pem is self signed.", "certificate"),
        ("Plugin 'FEDERATED' is disabled.", "plugin"),
        ("'NO_ZERO_DATE' sql modes are deprecated.", "deprecation"),
        ("InnoDB: Unable to lock ./ibdata1, error: 37", "innodb"),
        ("Slave I/O thread: connected to master", "replication"),
        ("IP address '10.0.0.1' could not be resolved: is full of deprecated Access denied for user", "server"),
    ],
)
def test_an_event_is_named_by_the_beginning_of_its_message(message, event):
    """REC-50: never by words in the middle, which clients may have written."""
    (record,) = records(f"2026-11-22T10:11:57.0Z 0 [Note] {message}\n")
    assert record.event_name == event


def test_the_near_piece_of_a_syntax_error_is_redacted():
    """REC-43: kind parsing_error."""
    line = "2026-11-22T10:11:57.0Z 0 [Warning] [MY-1] [Server] You have an error near 'secret words' at line 1\n"
    (record,) = records(line)
    assert "secret words" not in record.body
    assert record.redactions == 1


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("engine", ["aurora-mysql", "mysql", "mariadb"])
def test_every_true_value_of_the_workload_is_found(engine, style):
    """FMT-60, FMT-65, FMT-66, FMT-71: in every way of printing; a deadlock is one record in each."""
    written = ErrorLogWriter("truth", engine=engine, style=style)
    assert_true(FORMAT, "mysql_error", engine, redaction="default", written=written)


def test_an_unfinished_entry_waits_for_the_next_head():
    text = workload("mysql_error", "waits", 3)
    last = typed(FORMAT, text, WHERE)[-1].log_file_offset
    assert FORMAT.cut(text, final=False) == last
    assert FORMAT.cut(text, final=False, quiet=True) == len(text)
    assert FORMAT.cut(text[:-1], final=False, quiet=True) == last


def test_only_the_running_error_log_is_collected():
    assert FORMAT.matches("aurora-mysql", "error/mysql-error-running.log.2026-11-22.10")
    assert FORMAT.matches("mariadb", "error/mariadb-error.log")
    assert not FORMAT.matches("mysql", "error/mysql-error.log")
    assert not FORMAT.matches("postgres", "error/mysql-error-running.log")
