"""PostgreSQL's stderr log, case by case (FMT-92 to FMT-104, REC-16 to REC-18)."""

import pytest
from reading import origin, typed, wired, workload

from aurora_logs.formats.postgresql_stderr import FORMAT
from aurora_logs_simulator.workload import writer

WHERE = origin("postgresql_stderr")
AT = "2026-11-22 10:13:36 UTC"
WHO = "10.0.0.1(36104):app@shop:[17537]"


def records(text, where=WHERE):
    return typed(FORMAT, text.encode(), where)


def line(level, text, who=WHO, at=AT):
    return f"{at}:{who}:{level}:  {text}\n"


@pytest.mark.parametrize(
    ("who", "address", "port", "user", "database", "pid"),
    [
        ("::@:[7770]"[1:], None, None, None, None, 7770),
        ("[local]:postgres@bench:[1]", None, None, "postgres", "bench", 1),
        ("10.0.0.1(36104):app@shop:[2]", "10.0.0.1", 36104, "app", "shop", 2),
        ("db-1.shop.internal(5):app@shop:[3]", "db-1.shop.internal", 5, "app", "shop", 3),
        ("2600:1f18::1(5432):app@shop:[4]", "2600:1f18::1", 5432, "app", "shop", 4),
        ("10.0.0.1(36104):[unknown]@[unknown]:[5]", "10.0.0.1", 36104, None, None, 5),
        ("127.0.0.1(36104):o[1]:x@y z@postgres:[17536]", "127.0.0.1", 36104, "o[1]:x@y z", "postgres", 17536),
    ],
)
def test_the_prefix_of_rds_is_taken_apart(who, address, port, user, database, pid):
    """FMT-92, FMT-93."""
    (record,) = records(line("LOG", "text", who))
    assert (record.client_address, record.client_port, record.user_name) == (address, port, user)
    assert (record.db_namespace, record.process_pid, record.severity_text, record.body) == (database, pid, "LOG", "text")
    assert record.pg_connection_local is (True if "[local]" in who else None)


def test_the_built_in_prefix_is_accepted_beside_it():
    """FMT-96."""
    first, second = records("2026-11-22 10:13:32.501 UTC [16233] LOG:  starting PostgreSQL 15\n" + line("LOG", "b"))
    assert (first.timestamp_us, first.process_pid, first.event_name) == (1795342412501000, 16233, "server_start")
    assert second.body == "b"


def test_children_are_folded_into_their_parent_and_none_is_lost():
    """FMT-100, FMT-97, REC-16: also when their second is the next one."""
    later = "2026-11-22 10:13:37 UTC"
    text = (
        line("ERROR", "division by zero") + line("DETAIL", "d", at=later) + line("HINT", "h") + line("QUERY", "SELECT 1/0")
        + line("CONTEXT", "c\n\tmore") + line("STATEMENT", "SELECT f()\n\t\tFROM t")
    )  # fmt: skip
    record, after = records(text + line("LOG", "next"))
    assert (record.pg_detail, record.pg_hint, record.pg_internal_query) == ("d", "h", "SELECT 1/0")
    assert (record.pg_context, record.db_query_text, record.event_name) == ("c\nmore", "SELECT f()\n\tFROM t", "query_error")
    assert (record.log_record_bytes, after.body) == (len(text), "next")
    assert [sub.level for sub in record.sub_lines] == ["DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT"]


def test_a_child_of_another_process_is_an_orphan():
    """FMT-101, REC-17."""
    record, orphan = records(line("LOG", "a") + line("STATEMENT", "SELECT 1", WHO.replace("17537", "9")))
    assert record.db_query_text is None
    assert (orphan.parse_error, orphan.parse_status, orphan.db_query_text) == ("orphan sub-line", "partial", "SELECT 1")


def test_one_statement_is_kept_once_two_are_kept_both():
    """REC-18."""
    (same,) = records(line("LOG", "duration: 1.000 ms  statement: SELECT 1") + line("STATEMENT", "SELECT  1"))
    assert (same.db_query_text, same.pg_statement) == ("SELECT 1", None)
    (both,) = records(line("LOG", "duration: 1.000 ms  statement: SELECT 1") + line("STATEMENT", "SELECT 2"))
    assert (both.db_query_text, both.pg_statement) == ("SELECT 1", "SELECT 2")


def test_exactly_one_tab_of_each_further_line_goes():
    """FMT-102."""
    (record,) = records(line("LOG", "statement: SELECT 1,\n\t\t\t2,\n\t\n\t3"))
    assert record.db_query_text == "SELECT 1,\n\t\t2,\n\n3"


@pytest.mark.parametrize(
    ("text", "event", "step", "name", "sql", "duration"),
    [
        ("duration: 12.437 ms  execute s1: SELECT $1", "slow_query", "execute", "s1", "SELECT $1", 0.012437),
        ("duration: 0.063 ms  bind <unnamed>: SELECT 1", "slow_query", "bind", None, "SELECT 1", 0.000063),
        ("duration: 3000.000 ms  statement: SELECT 1", "slow_query", "statement", None, "SELECT 1", 3.0),
        ("duration: 5.001 ms", "duration", None, None, None, 0.005001),
        ("statement: SELECT 1", "statement", "statement", None, "SELECT 1", None),
        ("execute p1: SELECT 1", "statement", "execute", "p1", "SELECT 1", None),
    ],
)
def test_a_body_is_told_from_its_statement(text, event, step, name, sql, duration):
    """FMT-103, FMT-104."""
    (record,) = records(line("LOG", text) + line("DETAIL", "parameters: $1 = 'it''s\n\tx', $2 = NULL"))
    assert (record.event_name, record.pg_query_step, record.pg_query_name) == (event, step, name)
    assert (record.db_query_text, record.duration_sec) == (sql, duration)
    assert (record.pg_parameters, record.pg_detail) == ("$1 = 'it''s\nx', $2 = NULL", None)
    assert record.body == (text.removesuffix(f" {sql}") if sql else text)
    if duration:
        assert record.start_time == record.timestamp_us - round(duration * 1_000_000)


def test_verbose_messages_tell_state_and_source():
    """FMT-99."""
    (record,) = records(
        line("ERROR", '42P01: relation "x" does not exist at character 15')
        + line("LOCATION", "parserOpenTable, parse_relation.c:1392") + line("STATEMENT", "SELECT * FROM x")
    )  # fmt: skip
    assert (record.db_response_status_code, record.pg_query_pos) == ("42P01", 15)
    assert (record.code_function_name, record.code_file_path, record.code_line_number) == (
        "parserOpenTable", "parse_relation.c", 1392,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("word", "number"),
    [("PANIC", 24), ("FATAL", 21), ("ERROR", 17), ("WARNING", 13), ("NOTICE", 10), ("LOG", 9), ("DEBUG3", 5), ("INFO", 9),
     ("FEHLER", 17), ("ERREUR ", 17), ("ОШИБКА", 17), ("警告", 13), ("HINWEIS", 10), ("УЖАС", 9)],
)  # fmt: skip
def test_a_level_word_has_its_number_in_every_language(word, number):
    """FMT-98, REC-36: an unknown word is still a main line."""
    (record,) = records(line(word, "text"))
    assert (record.severity_number, record.severity_text, record.body) == (number, word.strip(), "text")


def test_translated_children_are_folded():
    """FMT-98."""
    (record,) = records(line("ERREUR ", "faute") + line("DÉTAIL ", "d") + line("INSTRUCTION ", "SELECT 1"))
    assert (record.pg_detail, record.db_query_text) == ("d", "SELECT 1")


@pytest.mark.parametrize(
    ("zone", "setting", "us", "quality"),
    [
        ("UTC", "UTC", 0, "exact"),
        ("+0545", "UTC", -(5 * 60 + 45) * 60, "exact"),
        ("-03", "UTC", 3 * 3600, "exact"),
        ("IST", "UTC", -2 * 3600, "abbreviation"),
        ("IST", "Asia/Kolkata", -(5 * 60 + 30) * 60, "abbreviation"),
        ("CET", "Europe/Berlin", -3600, "abbreviation"),
        ("XYZ", "UTC", 0, "assumed_zone"),
    ],
)
def test_a_printed_zone_gives_the_instant(zone, setting, us, quality):
    """FMT-113."""
    (record,) = records(line("LOG", "text", at=f"2026-11-22 10:13:36 {zone}"), origin("postgresql_stderr", zone=setting))
    assert (record.timestamp_us, record.ts_quality) == (1795342416000000 + us * 1_000_000, quality)


def test_what_a_client_sends_cannot_forge_a_head():
    """log-formats.md §5.4: a further line begins with a TAB."""
    (record,) = records(line("LOG", "statement: SELECT '\n\t" + line("LOG", "forged").strip() + "'"))
    assert "forged" in record.db_query_text


def test_every_true_value_of_the_workload_is_found():
    written = writer("postgresql", "aurora-postgresql", "truth")
    entries = [written.entry(1_795_342_317_811_234 + number * 7_003) for number in range(1500)]
    found = typed(FORMAT, b"".join(entry.content for entry in entries), WHERE)
    assert len(found) == len(entries)
    for entry, record in zip(entries, found, strict=True):
        is_secret = "secret" in entry.fields
        skipped = {"shape", "secret", "fake_head", *(["db_query_text"] if is_secret else [])}
        named = {("timestamp_us" if name == "_timestamp" else name): entry.fields[name] for name in entry.fields.keys() - skipped}
        assert {name: getattr(record, name) for name in named} == named
        assert not is_secret or str(entry.fields["secret"]).encode() not in wired([record])[0]


def test_the_last_message_waits_for_the_next_one():
    text = workload("postgresql_stderr", "waits", 4)
    last = typed(FORMAT, text, WHERE)[-1].log_file_offset
    assert FORMAT.cut(text, final=False) == last
    assert FORMAT.cut(text, final=False, quiet=True) == len(text)


@pytest.mark.parametrize("name", ["error/postgresql.log.2026-11-22-10", "error/postgres.log", "error/postgresql.log.2026-11-22.gz"])
def test_stderr_files_are_collected(name):
    assert FORMAT.matches("aurora-postgresql", name)
    assert FORMAT.matches("", name)


@pytest.mark.parametrize("name", ["error/postgresql.log.2026-11-22-10.csv", "error/postgresql.log.2026-11-22.json", "error/pg.log"])
def test_other_files_are_not(name):
    assert not FORMAT.matches("postgres", name)
