"""The MySQL error log, case by case (FMT-60 to FMT-73)."""

import pytest
from reading import origin, typed, workload

from aurora_logs.formats.mysql_error import FORMAT
from aurora_logs_simulator.workload import writer

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


def test_the_near_piece_of_a_syntax_error_is_redacted():
    """REC-43: kind parsing_error."""
    line = "2026-11-22T10:11:57.0Z 0 [Warning] [MY-1] [Server] You have an error near 'secret words' at line 1\n"
    (record,) = records(line)
    assert "secret words" not in record.body
    assert record.redactions == 1


@pytest.mark.parametrize("engine", ["aurora-mysql", "mysql"])
def test_every_true_value_of_the_workload_is_found(engine):
    written = writer("error", engine, "truth")
    entries = [written.entry(1_795_342_317_811_234 + number * 7_003) for number in range(1500)]
    found = typed(FORMAT, b"".join(entry.content for entry in entries), origin("mysql_error", engine=engine))
    assert len(found) == len(entries)
    for entry, record in zip(entries, found, strict=True):
        named = {("timestamp_us" if name == "_timestamp" else name): value for name, value in entry.fields.items()}
        assert {name: getattr(record, name) for name in named} == named
        assert record.parse_status == "ok"


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
