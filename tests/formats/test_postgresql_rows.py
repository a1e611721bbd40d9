"""PostgreSQL's csvlog and jsonlog, case by case (FMT-110 to FMT-114, REC-39, REC-48)."""

import json

import pytest
from reading import NAMES, assert_true, corpora, fast, in_portions, origin, typed, wired, writer_of
from tests.formats.rows import SESSION, csv_row, json_line

from aurora_logs.formats import LOOK_AHEAD_BYTES, all_formats
from aurora_logs.ops.direct import redacted
from aurora_logs.records.fleet import Instance
from aurora_logs.records.flow import Chunk
from aurora_logs.settings import Settings

FORMATS = {form.name: form for form in all_formats()}
CSV, JSON = FORMATS["postgresql_csvlog"], FORMATS["postgresql_jsonlog"]
BOTH = [(CSV, csv_row), (JSON, json_line)]
NOW_US = 1_795_342_317_811_234
OF_PLACE = {"record_id", "log_file_offset", "log_record_bytes", "log_file_name"}


def records(form, text, **changes):
    return typed(form, text if isinstance(text, bytes) else text.encode(), origin(form.name, **changes))


def told(record, *, without=()):
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not None and name not in {*OF_PLACE, *without}}


@pytest.mark.parametrize(("form", "shape"), BOTH)
def test_every_column_becomes_its_field(form, shape):
    """FMT-110: times in milliseconds, names, numbers, places in the server's code."""
    text = shape(
        error_severity="ERROR", state_code="42703", message='column "x" does not exist', detail="d", hint="h", context="c",
        internal_query="SELECT x", internal_position=8, statement="SELECT f()", cursor_position=15, leader_pid=17000,
        location="errorMissingColumn, parse_relation.c:3656", query_id=-4071519063265193186, txid=4521,
        timestamp="2026-11-22 10:13:36.501 UTC",
    )  # fmt: skip
    (record,) = records(form, text)
    assert (record.timestamp_us, record.ts_quality, record.parse_status) == (1795342416501000, "exact", "ok")
    assert (record.user_name, record.db_namespace, record.db_application_name) == ("app", "shop", "psql")
    assert (record.client_address, record.client_port, record.process_pid) == ("10.0.0.1", 36104, 17537)
    assert (record.db_session_id, record.pg_session_line, record.pg_session_start) == ("6b02c04c.4481", 7, 1795342412000000)
    assert (record.pg_command_tag, record.pg_vxid, record.pg_xid, record.pg_query_id) == ("SELECT", "3/41", "4521", "-4071519063265193186")
    assert (record.severity_text, record.severity_number, record.db_response_status_code) == ("ERROR", 17, "42703")
    assert (record.body, record.pg_detail, record.pg_hint, record.pg_context) == ('column "x" does not exist', "d", "h", "c")
    assert (record.pg_internal_query, record.pg_internal_query_pos, record.pg_query_pos) == ("SELECT x", 8, 15)
    assert (record.db_query_text, record.db_operation_name, record.event_name) == ("SELECT f()", "SELECT", "query_error")
    assert (record.code_function_name, record.code_file_path, record.code_line_number) == ("errorMissingColumn", "parse_relation.c", 3656)
    assert (record.pg_backend_type, record.pg_leader_pid, record.log_record_bytes) == ("client backend", 17000, len(text))


@pytest.mark.parametrize(("columns", "last"), [(23, "db_application_name"), (24, "pg_backend_type"), (26, "pg_query_id"), (27, "pg_query_id")])
def test_rows_of_every_version_are_read_and_what_is_beyond_is_passed_over(columns, last):
    """FMT-110: 23 columns to version 12, 24 in 13, 26 from 14 on, more in times to come."""
    record, after = records(CSV, csv_row(columns) * 2)
    assert [name for name in ("db_application_name", "pg_backend_type", "pg_query_id") if getattr(record, name)][-1] == last
    assert told(record) == told(after)


@pytest.mark.parametrize("columns", [3, 22])
def test_a_row_with_fewer_columns_is_none(columns):
    record, after = records(CSV, csv_row(columns) + csv_row())
    assert (record.parse_status, record.parse_error, after.parse_status) == ("raw", "no head", "ok")


@pytest.mark.parametrize(("form", "shape"), BOTH)
def test_commas_quotes_and_newlines_of_a_field_are_its_text(form, shape):
    """FMT-110: over three portions, too; a whole row inside a field is text."""
    sql = 'SELECT "a", \'b,""c\'\n\tFROM t\n\n' + csv_row().replace('"', "'") + "WHERE d = 1"
    text = (shape(message=f"duration: 12.437 ms  execute s1: {sql}", detail="parameters: $1 = 'it''s,\n\"2\"'") + shape()).encode()
    record, after = records(form, text)
    assert (record.db_query_text, record.pg_parameters) == (sql, "$1 = 'it''s,\n\"2\"'")
    assert (record.body, record.duration_sec, record.pg_query_name) == ("duration: 12.437 ms  execute s1:", 0.012437, "s1")
    assert (record.event_name, record.start_time, after.body) == ("slow_query", record.timestamp_us - 12437, "text")
    whole = fast(form, text, origin(form.name))
    for size in (1, 7, 60, len(text) // 3):
        assert in_portions(form, text, origin(form.name), [size]) == whole


def test_a_portion_that_ends_inside_a_quoted_field_waits_for_the_rest():
    """FMT-110: also quiet, and at a line's end."""
    first, second = csv_row().encode(), csv_row(message="a\nb\nc").encode()
    for end in range(len(first), len(first + second)):
        assert CSV.cut((first + second)[:end], final=False) == len(first)
    inside = first + second[: second.index(b"\nb") + 1]
    assert CSV.cut(inside, final=False, quiet=True) == len(first)
    assert CSV.cut(first + second, final=False) == len(first + second)
    assert CSV.cut(first + second + b"\n\n", final=False, quiet=True) == len(first + second) + 2


def test_a_log_that_begins_inside_a_field_is_read_from_its_next_row_on():
    """FMT-111: what stands before it is one masked record."""
    lost = csv_row(message="statement: SELECT 1\n, 'planted-secret'\nFROM t").encode()
    text = lost[lost.index(b", 'planted") :] + csv_row().encode()
    raw, record = records(CSV, text)
    assert (raw.parse_status, raw.parse_error, record.parse_status, record.body) == ("raw", "no head", "ok", "text")
    assert b"planted-secret" not in b"".join(wired([raw, record]))
    assert FORMATS["postgresql_csvlog"].looks_like(text) == 0.6


@pytest.mark.parametrize("redaction", ["default", "off"])
def test_a_quote_that_is_never_closed_hides_its_row_and_no_other(redaction):
    """FMT-111: bytes lost inside a field, and a field that the log's end cuts."""
    spoilt = csv_row(message="statement: ALTER ROLE app PASSWORD 'planted-secret'").encode()
    spoilt = spoilt[: spoilt.index(b"-secret") + 7]
    found = records(CSV, csv_row().encode() + spoilt + b"\n" + csv_row().encode() + spoilt, redaction=redaction)
    assert [record.parse_status for record in found] == ["ok", "raw", "ok", "raw"]
    assert (b"planted-secret" in b"".join(wired(found))) == (redaction == "off")


@pytest.mark.parametrize(("form", "shape"), BOTH)
def test_statements_lose_their_credentials_in_every_column(form, shape):
    """REC-40: message, statement, internal query, detail, hint, context."""
    secret = "ALTER ROLE app WITH PASSWORD 'planted-secret'"
    columns = [
        {"message": f"duration: 1.000 ms  statement: {secret}"}, {"statement": secret}, {"internal_query": secret},
        {"detail": f"prepare: {secret}"}, {"hint": f"Try {secret}"}, {"context": f'SQL statement "{secret}"\nPL/pgSQL function f() line 3'},
        {"message": "execute s: UPDATE u SET password = $1", "detail": "parameters: $1 = 'planted-secret'"},
    ]  # fmt: skip
    for values in columns:
        text = shape(error_severity="ERROR", **values)
        (plain,), (record,) = records(form, text, redaction="off"), records(form, text)
        assert "planted-secret" in wired([plain])[0].decode()
        assert "planted-secret" not in wired([record])[0].decode(), values
        assert record.redactions, values


@pytest.mark.parametrize(("form", "shape"), BOTH)
def test_the_text_of_a_row_with_a_credential_is_shown_as_a_whole_or_not(form, shape):
    """The credential's place is told in the record, not in the quoted text."""
    text = shape() + shape(message='statement: ALTER ROLE "app" WITH PASSWORD \'planted-secret\'') + shape()
    instance = Instance(instance_id="db-1", resource_id="db-R", engine="aurora-postgresql")
    shown = b"".join(redacted(iter([text.encode()]), instance, NAMES[form.name][2], Settings())).decode()
    assert shown.startswith(shape())
    assert shown.endswith(f" bytes)\n{shape()}")
    assert "planted" not in shown


def test_a_statement_longer_than_the_limit_is_cut_and_its_open_secret_goes():
    for form, shape in BOTH:
        for sql in ("SELECT '" + "x" * (LOOK_AHEAD_BYTES + 5000), "ALTER ROLE a PASSWORD 'planted-secret" + 'x\n"\\' * LOOK_AHEAD_BYTES):
            (record,) = records(form, shape(message=f"statement: {sql}"), entry_max_bytes=3000)
            assert (record.parse_status, record.parse_error, record.truncated) == ("partial", "cut at limit", True)
            assert (record.event_name, record.user_name, record.process_pid) == ("statement", "app", 17537)
            assert "planted" not in wired([record])[0].decode()
            assert len(record.db_query_text) <= 3000


def test_an_entry_that_was_passed_over_keeps_its_head():
    """FMT-115: of 8 MB only the beginning was kept."""
    for form, shape in BOTH:
        text = shape(message="statement: SELECT '" + "x" * 5000).encode()[:4000]
        (record,) = form.entries(Chunk(content=text, offset=0, cut_bytes=8_000_000, crc=7), origin(form.name), b"")
        assert (record.parse_error, record.log_record_bytes, record.process_pid) == ("cut at limit", 8_004_000, 17537)


@pytest.mark.parametrize(
    ("whence", "address", "port", "is_local"),
    [
        ("10.0.0.1:36104", "10.0.0.1", 36104, None), ("::1:16790", "::1", 16790, None), ("[local]", None, None, True),
        ("db-1.shop.internal:5", "db-1.shop.internal", 5, None), (None, None, None, None), ("", None, None, None),
    ],
)  # fmt: skip
def test_the_client_is_split_at_the_last_colon(whence, address, port, is_local):
    """FMT-110."""
    for form, shape in BOTH:
        (record,) = records(form, shape(connection_from=whence))
        assert (record.client_address, record.client_port, record.pg_connection_local) == (address, port, is_local)


@pytest.mark.parametrize(("form", "shape"), BOTH)
def test_names_that_are_not_known_are_absent(form, shape):
    """FMT-92: `[unknown]` in any language, and empty ones."""
    (record,) = records(form, shape(user="[unknown]", dbname="[unbekannt]", application_name=""))
    assert (record.user_name, record.db_namespace, record.db_application_name) == (None, None, None)


def test_a_translated_severity_is_understood_and_the_state_names_the_event():
    """FMT-114, REC-39."""
    (record,) = records(CSV, csv_row(error_severity="FEHLER", state_code="42P01", message="Relation »x« existiert nicht", statement="SELECT 1"))
    assert (record.severity_text, record.severity_number, record.event_name) == ("FEHLER", 17, "query_error")
    (record,) = records(CSV, csv_row(error_severity="ОШИБКА", state_code="40P01", message="обнаружена взаимоблокировка"))
    assert (record.severity_number, record.event_name) == (17, "deadlock")


def test_a_message_that_begins_like_a_state_keeps_its_text():
    """The column tells the state, so the message does not."""
    for form, shape in BOTH:
        (record,) = records(form, shape(message="42P01: no state"))
        assert record.body == "42P01: no state"
        assert record.db_response_status_code in ("00000", None)


@pytest.mark.parametrize(("form", "shape"), BOTH)
def test_a_time_that_is_none_is_borrowed_from_the_row_before(form, shape):
    """REC-11."""
    _, record, early = records(form, shape() + shape(timestamp="2026-13-22 10:13:36.000 UTC") + shape(timestamp="2001-01-01 00:00:00.000 UTC"))
    assert (record.timestamp_us, record.ts_quality, record.parse_error) == (1795342416000000, "carried", "bad time")
    assert (early.timestamp_us, early.ts_quality, early.parse_error) == (1795342416000000, "carried", "implausible time")


def test_the_zone_of_a_row_is_read_as_the_server_printed_it():
    """FMT-113."""
    for form, shape in BOTH:
        (record,) = records(form, shape(timestamp="2026-11-22 11:13:36.000 CET", session_start="2026-11-22 11:13:32 CET"), zone="Europe/Berlin")
        assert (record.timestamp_us, record.pg_session_start) == (1795342416000000, 1795342412000000)


@pytest.mark.parametrize(
    "line",
    [
        '{"timestamp":"2026-11-22 10:13:36.000 UTC","pid":"planted-secret"', '{"timestamp":"planted-secret\n',
        '{"timestamp":"2026-11-22 10:13:36.000 UTC","message":["planted-secret"]}\n', '{"timestamp":"x","pid":1.5,"hint":"planted-secret"}\n',
        '{"timestamp":"x","message":"planted-secret \\ud800"}\n', '{"timestamp":"x","more":' + "[" * 100_000 + '"planted-secret"\n',
        '{"timestamp":"x","pid":' + "9" * 5000 + ',"hint":"planted-secret"}\n',
    ],
)  # fmt: skip
def test_an_object_that_is_none_of_the_servers_is_one_masked_record(line):
    record, *after = records(JSON, line.rstrip("\n") + "\n" + json_line())
    assert (record.parse_status, [one.body for one in after]) == ("raw", ["text"])
    assert "planted" not in wired([record])[0].decode()


def test_unknown_keys_are_passed_over_and_invalid_bytes_marked():
    text = json_line(more={"a": [1, {"b": None}]}, message="caf\u00e9 text").encode().replace(b"\xc3\xa9", b"\xe9")
    (record,) = records(JSON, text)
    assert (record.body, record.parse_status, record.parse_error) == ("caf\ufffd text", "partial", "invalid utf-8")
    (row,) = records(CSV, csv_row(message="caf\u00e9").encode().replace(b"\xc3\xa9", b"\xe9"))
    assert (row.body, row.parse_error) == ("caf\ufffd", "invalid utf-8")


def test_keys_of_an_object_may_stand_in_any_order_behind_the_time():
    told_by = {"timestamp": SESSION["timestamp"], "message": "m", "error_severity": "WARNING", "pid": 3, "backtrace": "b"}
    (record,) = records(JSON, json.dumps(told_by, separators=(",", ":")) + "\n")
    assert (record.body, record.severity_number, record.process_pid, record.pg_backtrace) == ("m", 13, 3, "b")


@pytest.mark.parametrize("name", ["postgresql_csvlog", "postgresql_jsonlog"])
@pytest.mark.parametrize("engine", ["aurora-postgresql", "postgres"])
def test_every_value_of_the_simulators_messages_is_found(name, engine):
    """REC-16 to REC-18, in columns."""
    assert_true(FORMATS[name], name, engine)


def test_the_same_messages_give_the_same_records_in_all_three_logs():
    """FMT-112, REC-48: in every field that each of them prints, on the simulator's messages."""
    found = {}
    for name in ("postgresql_stderr", "postgresql_csvlog", "postgresql_jsonlog"):
        written = writer_of(name, "aurora-postgresql", "twins")
        text = b"".join(written.entry(NOW_US + number * 700_003).content for number in range(800))
        found[name] = records(FORMATS[name], text)
    stderr, rows, objects = (list(map(told, each)) for each in found.values())
    for line, row, item in zip(stderr, rows, objects, strict=True):
        assert {name: value for name, value in row.items() if name != "db_response_status_code"} == item
        shared = line.keys() - {"sub_lines", "pg_query_pos", "ts_raw"}
        assert {name: line[name] for name in shared} == {name: row[name] for name in shared}


def test_both_logs_of_a_real_server_give_the_same_records():
    """FMT-112: excerpts of one run of PostgreSQL 15, where they are present; the state 00000 stands in csvlog alone."""
    folder = corpora() / "samples"
    if not folder.is_dir():
        pytest.skip("the corpora are not part of the repository: set AURORA_LOGS_CORPORA")
    rows, objects = (
        {(one.db_session_id, one.pg_session_line): told(one, without={"db_response_status_code"})
         for one in records(form, (folder / f"postgresql.log.2026-11-22-1013.{ending}").read_bytes()) if one.parse_status == "ok"}
        for form, ending in ((CSV, "csv"), (JSON, "json"))
    )  # fmt: skip
    shared = rows.keys() & objects.keys()
    assert len(shared) > 50
    assert {key: rows[key] for key in shared} == {key: objects[key] for key in shared}


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_files_are_known_by_their_ending(ending):
    form = {"csv": CSV, "json": JSON}[ending]
    for name in (f"error/postgresql.log.2026-11-22-10.{ending}", f"error/postgresql.log.2026-11-22-1013.{ending}.gz"):
        assert form.matches("aurora-postgresql", name)
        assert form.matches("", name)
        assert not form.matches("mysql", name)
    assert not form.matches("postgres", "error/postgresql.log.2026-11-22-10")
    assert not form.matches("postgres", f"error/pg.{ending}")
