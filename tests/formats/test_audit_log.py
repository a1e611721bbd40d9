"""The audit log in its three dialects, case by case (FMT-82 to FMT-91)."""

import pytest
from reading import FAR, assert_true, origin, typed, wired

from aurora_logs.formats.mysql_audit import FORMAT, QUERY_LOG_LIMIT
from aurora_logs.records.flow import Chunk

WHERE = origin("mysql_audit")
AURORA = "1795342317811234,shop-1,app,10.0.0.1,14,901,"
RDS = "20261122 10:11:57,ip-10-0-0-1,app,10.0.0.1,14,901,"


def records(text, where=WHERE):
    return typed(FORMAT, text.encode(), where)


def one(text, where=WHERE):
    (record,) = records(text, where)
    return record


@pytest.mark.parametrize(
    ("time", "zone", "us", "quality"),
    [
        ("1795342317811234", "Asia/Tokyo", 1795342317811234, "exact"),
        ("20261122 10:11:57", "UTC", 1795342317000000, "assumed_zone"),
        ("20261122  9:11:57", "UTC", 1795338717000000, "assumed_zone"),
        ("20261122 19:11:57", "Asia/Tokyo", 1795342317000000, "assumed_zone"),
        ("2026-11-22T10:11:57.811234Z", "Asia/Tokyo", 1795342317811234, "exact"),
    ],
)
def test_the_time_of_every_dialect_is_read(time, zone, us, quality):
    """FMT-82."""
    record = one(f"{time},s,app,h,14,901,QUERY,shop,'SELECT 1',0\n", origin("mysql_audit", zone=zone))
    assert (record.timestamp_us, record.ts_quality, record.parse_status) == (us, quality, "ok")


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        (r"SELECT 1, 2", "SELECT 1, 2"),
        (r"SELECT \'a,b\', \\", "SELECT 'a,b', \\"),
        (r"SELECT\n\r\t\b\f1", "SELECT\n\r\t\b\f1"),
        (r"SELECT \\n", r"SELECT \n"),
        (r"SELECT \',0\'", "SELECT ',0'"),
        ("", None),
    ],
)
def test_the_object_of_a_statement_is_unescaped(printed, text):
    """FMT-83."""
    for head, tail in ((AURORA, ",0"), (RDS, ",0,,")):
        record = one(f"{head}QUERY,shop,'{printed}'{tail}\n")
        assert (record.db_query_text, record.db_namespace, record.db_response_status_code) == (text, "shop", "0")
        assert record.parse_status == "ok"


def test_a_statement_without_its_closing_quote_is_partial():
    """FMT-83."""
    record = one(AURORA + "QUERY,shop,'SELECT 1,0\n")
    assert (record.parse_status, record.parse_error, record.db_query_text) == ("partial", "missing quote", "SELECT 1")


def test_the_columns_of_the_rds_fork_are_read():
    """FMT-84, REC-27."""
    record = one(RDS + "CONNECT,shop,,0,SSL/TLS\n")
    assert (record.audit_connection_type, record.db_response_status_code, record.event_name) == ("SSL/TLS", "0", "connect")
    query = one(RDS + "QUERY,shop,'SELECT 1',1064,,\n")
    assert (query.audit_connection_type, query.db_response_status_code, query.severity_number) == (None, "1064", 13)


@pytest.mark.parametrize(
    ("operation", "thing", "event"),
    [("READ", "orders", "table_read"), ("WRITE", "orders", "table_write"), ("CREATE", "t", "table_ddl"), ("DROP", "t", "table_ddl"),
     ("RENAME", "t1|test.renamed_t1", "table_ddl")],
)  # fmt: skip
def test_table_rows_name_their_table_and_have_no_code(operation, thing, event):
    """FMT-85, REC-27."""
    record = one(f"{AURORA}{operation},shop,{thing},\n")
    assert (record.event_name, record.db_collection_name, record.audit_query_id) == (event, thing, 901)
    assert (record.db_response_status_code, record.db_query_text, record.severity_number) == (None, None, 9)


@pytest.mark.parametrize(
    ("printed", "address", "port"),
    [("10.0.0.1:49152", "10.0.0.1", 49152), ("[2001:db8::7]:49153", "2001:db8::7", 49153), ("2001:db8::7", "2001:db8::7", None),
     ("web.shop.internal", "web.shop.internal", None), ("", None, None)],
)  # fmt: skip
def test_a_port_is_split_from_its_host(printed, address, port):
    """FMT-86: MariaDB 12."""
    record = one(f"20261122 10:11:57,s,app,{printed},14,0,CONNECT,shop,,0\n")
    assert (record.client_address, record.client_port) == (address, port)


@pytest.mark.parametrize("operation", ["FAILED_CONNECT", "CONNECT"])
def test_a_refused_login_is_auth_failed(operation):
    """FMT-87."""
    record = one(f"1795342317811234,s,nobody,10.0.0.9,16,0,{operation},,,1045\n")
    assert (record.event_name, record.db_response_status_code, record.severity_number) == ("auth_failed", "1045", 13)
    assert (record.user_name, record.client_address, record.db_namespace) == ("nobody", "10.0.0.9", None)


def test_times_that_do_not_rise_are_believed():
    """FMT-88."""
    times = [1795342317811234 + step * 1_000_000 for step in (0, -3600, 7200, -70_000, 1)]
    found = records("".join(f"{time},s,app,h,14,901,QUERY,,'SELECT 1',0\n" for time in times))
    assert [record.timestamp_us for record in found] == times
    assert {record.ts_quality for record in found} == {"exact"}


@pytest.mark.parametrize("user", ["a,b", "o'brien", "a,10.0.0.1,5,6,QUERY", "x,'y"])
def test_an_odd_user_name_never_shifts_the_columns(user):
    """FMT-89: the row is partial, or it is right."""
    record = one(f"1795342317811234,s,{user},10.0.0.1,14,901,QUERY,shop,'SELECT 1',0\n")
    assert record.parse_status == ("raw" if "QUERY" in user else "partial")
    if user in ("a,b", "o'brien"):
        assert (record.user_name, record.client_address, record.thread_id, record.db_query_text) == (user, "10.0.0.1", 14, "SELECT 1")


def test_a_password_that_the_server_masked_is_no_redaction_of_ours():
    """FMT-90; an unmasked one is."""
    masked, open_one = records(
        RDS + "QUERY,shop,'create user b identified by *****',0,,\n" + RDS + "QUERY,shop,'create user b identified by \\'hunter2\\'',0,,\n"
    )
    assert (masked.db_query_text, masked.redactions, masked.parse_status) == ("create user b identified by *****", None, "ok")
    assert (open_one.db_query_text, open_one.redactions) == ("create user b identified by '***'", 1)


@pytest.mark.parametrize("quote", ["'", ""])
def test_a_statement_as_long_as_the_servers_limit_was_cut_there(quote):
    """FMT-91."""
    long = "SELECT '" + "x" * (QUERY_LOG_LIMIT - len("SELECT '"))
    record = one(f"{AURORA}QUERY,shop,'{long}{quote},0\n".replace("SELECT '", "SELECT  "))
    assert (record.truncated, record.parse_status) == (True, "partial")
    assert record.db_query_text == long.replace("SELECT '", "SELECT  ")
    shorter = one(f"{AURORA}QUERY,shop,'{long[:-1]}',0\n".replace("SELECT '", "SELECT  "))
    assert (shorter.truncated, shorter.parse_status) == (None, "ok")


def test_a_row_is_always_one_line_and_an_unfinished_one_waits():
    """FMT-04, FMT-05, FMT-06."""
    row = (AURORA + "QUERY,shop,'SELECT 1',0\n").encode()
    assert FORMAT.cut(row + row[:40], final=False) == FORMAT.cut(row + row[:40], final=False, quiet=True) == len(row)
    assert FORMAT.cut(row + row[:40], final=True) == len(row) + 40
    assert FORMAT.cut(row + b"late\n", final=False) == len(row), "the raw run may go on"
    parsed = FORMAT.ndjson(Chunk(content=row, offset=0), WHERE, b"", max_records=FAR, max_bytes=FAR)
    late = typed(FORMAT, b"late text\n" + row, WHERE, parsed.context, parsed.end_offset)
    assert [record.parse_error for record in late] == ["orphan tail", None]
    assert FORMAT.next_head(b"late text\n" + row, 0) == 10


def test_a_row_without_its_columns_is_raw_and_masked():
    """FMT-89, REC-43."""
    record = one("1795342317811234,only,some words of a row\n")
    assert (record.parse_status, record.parse_error, record.event_name) == ("raw", "bad csv", "unparsed")
    assert b"some words" not in wired([record])[0]


@pytest.mark.parametrize("name", ["audit/audit.log.0.2026-11-22-10-12.0", "audit/server_audit.log", "audit/server_audit.log.1"])
def test_audit_logs_are_known_by_their_names(name):
    assert FORMAT.matches("mysql", name)
    assert FORMAT.matches("", name)
    assert not FORMAT.matches("postgres", name)
    assert one(AURORA + "QUERY,,'SELECT 1',0\n", origin("mysql_audit", engine="", log_file_name=name)).engine == (
        "aurora-mysql" if "audit.log.0" in name else "mysql"
    )


@pytest.mark.parametrize("engine", ["aurora-mysql", "mysql", "mariadb"])
def test_every_true_value_of_the_workload_is_found(engine):
    assert_true(FORMAT, "mysql_audit", engine)
