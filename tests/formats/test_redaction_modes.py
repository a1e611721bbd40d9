"""Modes off, default, strict and all, and keyed marks, over the very stage that delivers (record-schema §14)."""

import re

import msgspec
import pytest
from reading import NAMES, workload

from aurora_logs.cli.flags import _made_flags
from aurora_logs.errors import ConfigError
from aurora_logs.formats import all_formats
from aurora_logs.formats.redacted import OTHERS, STATEMENTS, TEXTS
from aurora_logs.ops import direct
from aurora_logs.ops.reading import pieces
from aurora_logs.records.fleet import Instance, LogFile
from aurora_logs.records.log_record import RECORD_TYPES, encode
from aurora_logs.settings import Secret, Settings, load

KEY = Secret("a key of 16 or more characters")
MODES = ("off", "default", "strict", "all")
LOG_FORMATS = (
    "mysql_slow", "mysql_error", "mysql_general", "mysql_audit", "postgresql_csvlog", "postgresql_jsonlog", "postgresql_stderr",
)  # fmt: skip
SLOW = (
    "# Time: 2026-11-22T10:11:57.811234Z\n# User@Host: app[app] @  [10.0.0.1]  Id:    14\n"
    "# Query_time: 2.475469  Lock_time: 0.000287 Rows_sent: 10  Rows_examined: 3145718\nSET timestamp=1795342317;\n{};\n"
)
POSTGRESQL = "2026-11-22 10:11:57 UTC:10.0.0.1(40000):app@shop:[99]:{}: {}\n"


def records(log_format: str, text: str, mode: str = "default", key: Secret | None = None) -> list[dict[str, object]]:
    """The wire lines of a log in a mode, as the pipeline's parse stage makes them."""
    log_type, engine, name, _ = NAMES[log_format]
    file = LogFile(instance_id="db-1", resource_id="db-1", cluster_id="", engine=engine, log_type=log_type, log_file_name=name)
    form = next(one for one in all_formats() if one.name == log_format)
    settings = Settings(redaction=mode, redaction_key=key or Secret())
    found = pieces(lambda _: b"", text.encode(), file, form, settings)
    return [msgspec.json.decode(line) for piece in found if piece.parsed for line in piece.parsed.lines]


def messages(*said: tuple[str, str]) -> str:
    return "".join(POSTGRESQL.format(level, text) for level, text in said)


STATEMENT = "SELECT /* tag4711 */ a FROM orders WHERE b = 'lit4711' AND c IN (4711, 4712) AND password = 'pw4711'"


def test_the_four_modes_show_less_and_less_of_a_statement() -> None:
    """REC-41, REC-42."""
    shown = {mode: records("mysql_slow", SLOW.format(STATEMENT), mode)[0] for mode in MODES}

    assert shown["off"]["db_query_text"] == STATEMENT
    assert shown["default"]["db_query_text"] == STATEMENT.replace("pw4711", "***")
    assert shown["strict"]["db_query_text"] == "select a from orders where b=? and c in(?)and password=?"
    assert shown["strict"]["redactions"] == 5
    assert "db_query_text" not in shown["all"]
    assert {mode: shown[mode]["db_query_summary"] for mode in ("strict", "all")} == dict.fromkeys(("strict", "all"), "SELECT orders")
    assert shown["strict"]["db_query_fingerprint"] == shown["all"]["db_query_fingerprint"]
    assert shown["all"]["db_operation_name"] == "SELECT"
    assert {shown[mode]["record_id"] for mode in MODES} == {shown["off"]["record_id"]}
    assert {shown[mode]["duration_sec"] for mode in MODES} == {2.475469}


@pytest.mark.parametrize("log_format", LOG_FORMATS)
def test_ids_times_and_counters_are_the_same_in_every_mode(log_format: str) -> None:
    """REC-42: on the simulator's logs, whole."""
    text = workload(log_format, "modes", 300).decode()
    hidden = {*STATEMENTS, *TEXTS, *OTHERS, "redactions", "db_query_fingerprint", "db_query_summary"}
    told = [
        [{name: value for name, value in record.items() if name not in hidden} for record in records(log_format, text, mode)]
        for mode in MODES
    ]

    assert len(told[0]) > 100
    assert told[0] == told[1] == told[2] == told[3]


DETAILS = [
    ("ERROR", 'duplicate key value violates unique constraint "t_pkey"', "DETAIL", "Key (a, lower(b))=(4711, x4711) already exists."),
    ("ERROR", "null value violates not-null constraint", "DETAIL", "Failing row contains (4711, null, (x)4711, a)."),
    ("LOG", "execute s1: SELECT $1, $2", "DETAIL", "parameters: $1 = 'it''s 4711, x', $2 = '4711'"),
    ("ERROR", 'value "4711" is out of range for type smallint', "HINT", "none"),
    ("ERROR", 'malformed array literal: "{4711"', "DETAIL", "Unexpected end of input."),
    ("ERROR", "invalid input syntax for type json", "CONTEXT", 'JSON data, line 1: {"a": 4711'),
    ("ERROR", "missing data", "CONTEXT", 'COPY t, line 3, column a: "4711\tx"'),
    ("ERROR", "division by zero", "CONTEXT", 'SQL statement "SELECT 4711 / 0"\nPL/pgSQL function f() line 3 at PERFORM'),
    ("LOG", 'could not open file "/data/4711/x": No such file', "HINT", "See /var/lib/4711/log."),
    ("LOG", "archive command failed with exit code 1", "DETAIL", "The failed archive command was: cp 4711 /x/4711"),
    ("LOG", "connection received: host=10.47.11.4711 port=1", "HINT", "none"),
    ("LOG", "server process (PID 9) was terminated", "DETAIL", "Failed process was running: UPDATE t SET a = 4711"),
    ("ERROR", "deadlock detected", "DETAIL", ("Process 9 waits for ShareLock on transaction 5; blocked by process 8.\n"
     "\tProcess 9: UPDATE t SET a = 4711\n\tProcess 8: UPDATE t SET a = 'x4711'")),
    ("LOG", ("duration: 9.000 ms  plan:\n\tQuery Text: SELECT * FROM t WHERE a = 4711\n\tSeq Scan on t  (cost=0.00..1.00 rows=1 "
     "width=4) (actual rows=1 loops=1)\n\t  Filter: (a = 4711)"), "HINT", "none"),
    ("LOG", 'duration: 9.000 ms  plan:\n\t{ "Query Text": "SELECT 4711", "Plan": {"Filter": "(a = 4711)"} }', "HINT", "none"),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["strict", "all"])
@pytest.mark.parametrize("said", DETAILS, ids=[said[1][:30] for said in DETAILS])
def test_no_value_of_a_client_survives_the_stricter_modes(said: tuple[str, str, str, str], mode: str) -> None:
    """REC-41, SEC-13: row data, parameters, plans, quoted values, paths, commands, statements inside messages."""
    level, text, sub, more = said
    log = messages((level, text), (sub, more), ("STATEMENT", "SELECT 4711"))
    plain, shown = records("postgresql_stderr", log, "off")[0], records("postgresql_stderr", log, mode)[0]

    assert "4711" in str(plain)
    leaking = {name: value for name, value in shown.items() if "4711" in str(value)}
    assert leaking == {}
    assert shown["redactions"]
    assert ("select" in str(shown.get("db_query_text"))) == (mode == "strict")


def test_what_is_no_value_stays_readable_in_strict_mode() -> None:
    said = messages(("ERROR", 'relation "orders" does not exist at character 15'), ("HINT", "Perhaps you meant to reference it."))
    record = records("postgresql_stderr", said, "strict")[0]

    assert record["body"] == 'relation "orders" does not exist at character 15'
    assert record["pg_hint"] == "Perhaps you meant to reference it."
    assert "redactions" not in record


def test_a_mysql_error_loses_quoted_values_and_keeps_names_in_strict_mode() -> None:
    text = "2026-11-22T10:11:57.811234Z 8 [ERROR] [MY-010584] [Repl] Error 'Duplicate entry '4711-x' for key 't.PRIMARY'' on query."
    shown = str(records("mysql_error", text + " Query: 'insert into t values (4711)'\n", "strict")[0]["body"])

    assert "4711" not in shown
    assert "Duplicate entry" in str(records("mysql_error", text + "\n", "default")[0]["body"])


def test_dumps_of_locked_rows_stay_in_mode_off_alone() -> None:
    """record-schema §6.2: hex dumps hold table data."""
    text = (
        "2026-11-22T10:11:57.811234Z 8 [Note] InnoDB: Record lock, heap no 2\n 0: len 4; hex 80001267; asc   4711;;\n"
        " 1: len 6; hex 000000000513; asc ;;x4711 ;;\n"
    )
    off, strict, hidden = (str(records("mysql_error", text, mode)[0]["body"]) for mode in ("off", "strict", "all"))
    under_key = str(records("mysql_error", text, "default", KEY)[0]["body"])

    assert "80001267" in off
    assert strict.count("hex ***; asc ***;;") == 2
    assert all("4711" not in shown and "80001267" not in shown for shown in (strict, hidden, under_key))


def test_equal_secrets_have_equal_marks_under_a_key_and_other_ones_others() -> None:
    """SEC-15: keyed marks instead of stars; another key gives other marks."""
    log = "".join(SLOW.format(f"ALTER USER u IDENTIFIED BY '{secret}'") for secret in ("pw-a", "pw-b", "pw-a"))
    texts = [str(record["db_query_text"]) for record in records("mysql_slow", log, key=KEY)]
    other = str(records("mysql_slow", log, key=Secret("another key of some length"))[0]["db_query_text"])

    assert all(re.fullmatch(r"ALTER USER u IDENTIFIED BY 'hmac-[0-9a-f]{16}'", text) for text in texts)
    assert texts[0] == texts[2] != texts[1]
    assert other != texts[0]


def test_parameters_stay_joinable_under_a_key_in_strict_mode() -> None:
    log = messages(("LOG", "execute s: SELECT $1, $2, $3"), ("DETAIL", "parameters: $1 = 'a', $2 = NULL, $3 = 'a'"))
    shown = str(records("postgresql_stderr", log, "strict", KEY)[0]["pg_parameters"])
    marks = re.findall(r"\$\d = '?(hmac-[0-9a-f]{16})", shown)

    assert len(marks) == 3
    assert marks[0] == marks[2] != marks[1]


def test_parameters_whose_statement_is_not_known_go() -> None:
    """SEC-14, REC-17: the DETAIL line stands alone at a file's beginning."""
    record = records("postgresql_stderr", messages(("DETAIL", "parameters: $1 = '4711', $2 = NULL")))[0]

    assert (record["pg_parameters"], record["parse_error"]) == ("$1 = '***', $2 = ***", "orphan sub-line")


SECRET_PARAMETERS = [
    ("UPDATE users SET password = $2 WHERE id = $1", "$1 = '5', $2 = 'pw4711'"),
    ("SELECT crypt($1, gen_salt('bf'))", "$1 = 'pw''4711'"),
    ("SELECT pgp_sym_decrypt(c, $1) FROM t WHERE id = $2", "$1 = 'pw4711', $2 = '5'"),
    ("INSERT INTO u(a, b) VALUES ('password', $1)", "$1 = 'pw4711"),
]


@pytest.mark.parametrize("count", [1, 400])
@pytest.mark.parametrize("key", [Secret(), KEY])
@pytest.mark.parametrize(("sql", "parameters"), SECRET_PARAMETERS)
def test_a_parameter_goes_where_its_statement_needs_a_credential(sql: str, parameters: str, key: Secret, count: int) -> None:
    """SEC-12, SEC-13: in mode default too, and by both faces; the other parameters stay."""
    said = (("LOG", f"duration: 1.000 ms  execute s1: {sql}"), ("DETAIL", f"parameters: {parameters}"))
    found = records("postgresql_stderr", messages(*said) * count, key=key)

    assert len(found) == count
    assert not any("4711" in str(record) for record in found)
    assert all(record["redactions"] for record in found)
    assert all(("'5'" in str(record["pg_parameters"])) == ("'5'" in parameters) for record in found)


@pytest.mark.parametrize("mode", ["default", "strict", "all"])
@pytest.mark.parametrize("key", [Secret(), KEY])
def test_raw_text_shows_its_size_alone(mode: str, key: Secret) -> None:
    """REC-43."""
    record = records("mysql_slow", "no head, and a secret\n", mode, key)[0]

    assert (record["body"], record["redactions"], record["parse_status"]) == ("*** (22 bytes)", 1, "raw")


def test_the_text_of_a_file_has_keyed_marks_too_and_is_refused_in_the_stricter_modes() -> None:
    """`dump` gives text, not records: what modes strict and all hide can't be taken out of it."""
    instance = Instance(instance_id="db-1", resource_id="db-1", cluster_id="", engine="mysql")
    log = SLOW.format("ALTER USER u IDENTIFIED BY 'pw4711'").encode()

    def dumped(mode: str) -> bytes:
        settings = Settings(redaction=mode, redaction_key=KEY)
        return b"".join(direct.redacted(iter([log]), instance, NAMES["mysql_slow"][2], settings))

    assert re.search(rb"IDENTIFIED BY 'hmac-[0-9a-f]{16}';\n\Z", dumped("default"))
    for mode in ("strict", "all"):
        with pytest.raises(ConfigError, match=mode):
            dumped(mode)


def test_no_secret_setting_is_a_flag() -> None:
    """SEC-04: what stands in argv is seen by every user of the machine."""
    flags = {name for flag in _made_flags(set()) for name in flag.opts}

    assert "--redaction" in flags
    assert flags.isdisjoint({"--redaction-key", "--kafka-password", "--openobserve-pass"})


def test_a_short_key_is_refused_and_a_key_is_shown_to_nobody() -> None:
    """SEC-04: the key is a secret setting, and its value stands in no message."""
    with pytest.raises(ConfigError, match="REDACTION_KEY") as refused:
        load({"REDACTION_KEY": "hush-hush", "DATA_DIR": "/tmp/x"})

    assert "hush-hush" not in str(refused.value)
    assert "hush" not in repr(Settings(redaction_key=Secret("hush-hush-hush-hush")))


def test_every_text_field_is_known_to_redaction_or_holds_no_text_of_clients() -> None:
    """A new field fails here until somebody decides what it may hold."""
    harmless = {
        *("record_id", "log_type", "instance_id", "cluster_id", "log_file_name", "log_segment", "event_name", "severity_text"),
        *("parse_status", "parse_error", "ts_quality", "engine", "db_system_name", "cloud_region", "cloud_account_id"),
        *("db_query_fingerprint", "db_query_summary", "db_operation_name", "db_collection_name", "db_namespace", "db_command"),
        *("db_response_status_code", "user_name", "db_user_effective", "client_address", "network_peer_address"),
        *("db_session_id", "db_application_name", "db_plan_format", "trace_id", "span_id", "code_file_path"),
        *("code_function_name", "error_code", "error_subsystem", "db_connection_type", "audit_operation", "audit_server_host"),
        *("audit_connection_type", "metrics_innodb_trx_id", "metrics_log_slow_rate_type", "metrics_stored_routine"),
        *("pg_query_step", "pg_query_name", "pg_vxid", "pg_xid", "pg_command_tag", "pg_backend_type", "pg_query_id"),
        *("lock_mode", "lock_target", "lock_holder_pids", "lock_queue_pids", "checkpoint_reason", "tls_protocol_version", "tls_cipher"),
    }
    fields = {
        field.name for record in RECORD_TYPES.values() for field in msgspec.structs.fields(record)
        if "str" in str(field.type) and field.name not in record.typed_only
    }  # fmt: skip

    assert fields - harmless - {*STATEMENTS, *TEXTS, *OTHERS} == set()


@pytest.mark.parametrize("log_format", LOG_FORMATS)
def test_a_record_read_from_its_wire_line_writes_the_same_line(log_format: str) -> None:
    """Records are redacted on their way through the wire form: nothing else of a line may change by that."""
    log_type, engine, name, _ = NAMES[log_format]
    file = LogFile(instance_id="db-1", resource_id="db-1", cluster_id="", engine=engine, log_type=log_type, log_file_name=name)
    form = next(one for one in all_formats() if one.name == log_format)
    found = pieces(lambda _: b"", workload(log_format, "modes", 300), file, form, Settings(redaction="off"))
    lines = [line for piece in found if piece.parsed for line in piece.parsed.lines]

    assert len(lines) > 100
    assert [encode(msgspec.json.decode(line, type=RECORD_TYPES[log_type])) for line in lines] == lines
