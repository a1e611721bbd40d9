"""The MySQL slow log, case by case (FMT-20 to FMT-59, REC-09 to REC-35)."""

import json
import zlib

import pytest
from reading import FAR, assert_true, fast, in_portions, origin, typed, wired

from aurora_logs.formats.mysql_slow import FORMAT
from aurora_logs.records.flow import Chunk

WHERE = origin("mysql_slow")
TIME = "# Time: 2026-11-22T10:11:57.811234Z\n"
USER = "# User@Host: app[app] @  [10.0.0.1]  Id:    14\n"
METRICS = "# Query_time: 2.475469  Lock_time: 0.000287 Rows_sent: 10  Rows_examined: 3145718\n"
SET = "SET timestamp=1795342315;\n"
HEAD = TIME + USER + METRICS
EXAMPLE = HEAD + "use shop;\n" + SET + "SELECT id FROM orders WHERE customer_id = 42;\n"


def records(text: str | bytes, where=WHERE, context=b""):
    data = text.encode() if isinstance(text, str) else text
    found = typed(FORMAT, data, where, context)
    assert fast(FORMAT, data, where, context).lines == wired(found)
    return found


def one(text, where=WHERE):
    (record,) = records(text, where)
    return record


def sqls(text):
    return [record.db_query_text for record in records(text)]


def test_the_example_of_the_schema_is_exactly_this_line():
    """REC-52, without the two fields that a later issue adds."""
    expected = (
        '{"_timestamp":1795342317811234,"record_id":"jvpbx4xuyn3en-000001e240-c0a7b715","log_type":"slowquery",'
        '"instance_id":"shop-1","cluster_id":"shop","log_file_name":"slowquery/mysql-slowquery.log",'
        '"log_segment":"2026-11-22.10","log_file_offset":123456,"log_record_bytes":247,"event_name":"slow_query",'
        '"severity_number":9,"parse_status":"ok","ts_quality":"exact","engine":"aurora-mysql","db_system_name":"mysql",'
        '"cloud_region":"eu-central-1","cloud_account_id":"123456789012",'
        '"db_query_text":"SELECT id FROM orders WHERE customer_id = 42","db_operation_name":"SELECT",'
        '"db_namespace":"shop","db_response_returned_rows":10,"db_rows_examined":3145718,"duration_sec":2.475469,'
        '"lock_time_sec":0.000287,"start_time":1795342315335765,"user_name":"app","client_address":"10.0.0.1",'
        '"thread_id":14}\n'
    )
    assert fast(FORMAT, EXAMPLE.encode(), WHERE, b'[[1795342300000000,1795342300000000],"","e"]', 123456).lines == [
        expected.encode()
    ]
    assert wired(typed(FORMAT, EXAMPLE.encode(), WHERE, b"", 123456)) == [expected.encode()]


@pytest.mark.parametrize(
    ("printed", "us"),
    [
        ("2026-11-22T10:11:57.811234Z", 1795342317811234),
        ("2026-11-22T18:11:57.811234+08:00", 1795342317811234),
        ("2026-11-22T10:11:60.5Z", 1795342319500000),
    ],
)
def test_a_time_with_a_zone_is_exact(printed, us):
    """FMT-20, PERF-25: second 60 counts as 59."""
    record = one(EXAMPLE.replace("2026-11-22T10:11:57.811234Z", printed))
    assert (record.timestamp_us, record.ts_quality) == (us, "exact")


def test_a_time_without_a_zone_takes_its_instant_from_set_timestamp():
    """FMT-21, FMT-57: three hours apart, and the hour padded with a blank."""
    record = one(EXAMPLE.replace("2026-11-22T10:11:57.811234Z", "261122  7:11:55"))
    assert (record.timestamp_us, record.ts_quality) == (1795342315000000, "from_set_timestamp")
    assert record.start_time == 1795342315000000 - 2475469


def test_digits_behind_the_sixth_are_cut():
    """FMT-22."""
    record = one(EXAMPLE.replace("2026-11-22T10:11:57.811234Z", "261122 10:11:56.0000001967").replace(SET, ""))
    assert (record.timestamp_us, record.ts_quality) == (1795342316000000, "assumed_zone")


def test_an_entry_without_any_time_takes_the_last_one_or_the_hour_of_the_file_name():
    """FMT-23, REC-15."""
    bare = USER + METRICS + "SELECT 1;\n"
    first, second = records(bare + EXAMPLE + bare)[0::2]
    assert (first.timestamp_us, first.ts_quality) == (1795341600000000, "from_file_name")
    assert (second.timestamp_us, second.ts_quality) == (1795342317811234, "carried")
    assert one(USER + METRICS + SET + "SELECT 1;\n").ts_quality == "from_set_timestamp"


@pytest.mark.parametrize("printed", ["", "not-a-time", "2026-13-01T00:00:00.0Z"])
def test_an_entry_with_a_bad_time_is_kept_and_its_neighbours_are_whole(printed):
    """FMT-24."""
    bad = EXAMPLE.replace("2026-11-22T10:11:57.811234Z", printed + "  ").replace(SET, "")
    before, record, after = records(EXAMPLE + bad + EXAMPLE)
    assert (record.parse_status, record.parse_error, record.ts_quality) == ("partial", "bad time", "carried")
    assert before.db_query_text == record.db_query_text == after.db_query_text


def test_a_clock_that_was_set_back_is_not_believed():
    """FMT-56, REC-11."""
    record = records(EXAMPLE + EXAMPLE.replace("2026-11-22", "2026-11-20"))[1]
    assert (record.parse_error, record.ts_quality, record.timestamp_us) == ("implausible time", "carried", 1795342317811234)


@pytest.mark.parametrize(
    ("account", "user", "effective", "address", "peer"),
    [
        ("app[app] @ localhost []", "app", None, "localhost", None),
        ("app[app] @  [10.0.0.1]", "app", None, "10.0.0.1", None),
        ("app[app] @ host.example.org [10.0.0.1]", "app", None, "host.example.org", "10.0.0.1"),
        ("app[app] @  []", "app", None, None, None),
        ("app[app] @  [2001:db8::1]", "app", None, "2001:db8::1", None),
        ("app @ hostfoo [1.2.3.4]", "app", None, "hostfoo", "1.2.3.4"),
        ("u[other] @  [10.0.0.1]", "u", "other", "10.0.0.1", None),
        ("[SQL_SLAVE] @  []", "[SQL_SLAVE]", None, None, None),
        ("[] @  []", None, None, None, None),
        ("a-b.c d[x]@y[z] @  [10.0.0.1]", "a-b.c d[x]@y", "z", "10.0.0.1", None),
        ('o"b\\c[o"b\\c] @  [10.0.0.1]', 'o"b\\c', None, "10.0.0.1", None),
    ],
)
def test_accounts_are_read_as_printed(account, user, effective, address, peer):
    """FMT-26, FMT-27, REC-21, REC-22, PERF-15."""
    text = EXAMPLE + EXAMPLE.replace("app[app] @  [10.0.0.1]", account)
    record = records(text)[1]
    assert (record.user_name, record.db_user_effective) == (user, effective)
    assert (record.client_address, record.network_peer_address, record.thread_id) == (address, peer, 14)


def test_a_user_line_in_the_other_spelling_is_a_head():
    """FMT-28, FMT-29."""
    record = one(TIME + "# User: user[user] @ [1.2.3.4]\n# Thread_id: 7  Schema: s\n" + METRICS + SET + "SELECT 1;\n")
    assert (record.user_name, record.client_address, record.thread_id) == ("user", "1.2.3.4", 7)
    assert (record.db_namespace, record.db_namespace_carried) == ("s", None)


def test_pairs_come_in_any_order_and_on_any_number_of_lines():
    """FMT-30, FMT-31, FMT-32, FMT-33."""
    lines = "# Schema:   QC_hit: No\n# Rows_examined: 5 Foo: text  Query_time: 1.000000\n# No InnoDB statistics available for this query\n"
    record = one(TIME + USER + lines + SET + "SELECT 1;\n")
    assert (record.db_namespace, record.metrics_qc_hit, record.db_rows_examined, record.duration_sec) == (None, False, 5, 1.0)
    assert (record.metrics_extra, record.parse_status) == ('{"Foo":"text"}', "ok")


def test_a_metric_line_without_its_mark_is_no_sql():
    """FMT-34: Percona Server 8."""
    record = one(TIME + USER + METRICS + "Tmp_tables: 1  Tmp_disk_tables: 0\n" + SET + "SELECT 1;\n")
    assert (record.metrics_tmp_tables, record.db_query_text) == (1, "SELECT 1")


@pytest.mark.parametrize("bad", ["18446744073709551615", "-", "1.5"])
def test_a_number_that_fits_no_column_is_kept_beside_it(bad):
    """REC-24, PERF-14."""
    record = one(EXAMPLE.replace("Rows_examined: 3145718", f"Rows_examined: {bad}"))
    assert (record.db_rows_examined, record.parse_error) == (None, "bad number")
    assert json.loads(record.metrics_extra) == {"Rows_examined": bad}


@pytest.mark.parametrize(("printed", "wire"), [("2", "2.0"), ("0.000001", "1e-6"), ("12.500000", "12.5"), ("0.100000", "0.1")])
def test_durations_are_floats_on_the_wire(printed, wire):
    """FMT-37, REC-25."""
    records(EXAMPLE + EXAMPLE.replace("2.475469", printed))
    assert f'"duration_sec":{wire},' in wired([one(EXAMPLE.replace("2.475469", printed))])[0].decode()


def test_the_database_is_carried_until_a_server_header():
    """REC-19, REC-20, FMT-39."""
    header = "mysqld, Version: 8.0.28 (x). started with:\nTcp port: 3306  Unix socket: /tmp/x\nTime                 Id Command    Argument\n"
    plain = HEAD + SET + "SELECT 1;\n"
    odd = HEAD + SET + "use `odd-name`;\n" + "SELECT 1;\n"
    found = records(EXAMPLE + plain + odd + plain + header + plain)
    assert [record.db_namespace for record in found] == ["shop", "shop", "odd-name", "odd-name", None]
    assert [record.db_namespace_carried for record in found] == [None, True, None, True, None]


def test_a_use_statement_is_the_statement():
    """FMT-40."""
    record = one(HEAD + SET + "use x;\n")
    assert (record.db_query_text, record.db_namespace) == ("use x", "x")


def test_only_the_servers_own_set_line_is_taken_off():
    """FMT-41, FMT-42."""
    assert sqls(HEAD + SET + "SET NAMES utf8;\n") == ["SET NAMES utf8"]
    assert sqls(HEAD + SET + "SET timestamp=100;\n") == ["SET timestamp=100"]
    record = one(HEAD + "SET last_insert_id=1,insert_id=2,timestamp=1795342315.5;\nINSERT INTO t VALUES (1);\n")
    assert (record.db_last_insert_id, record.db_insert_id, record.db_query_text) == (1, 2, "INSERT INTO t VALUES (1)")
    assert record.set_timestamp_sec == 1795342315.5


@pytest.mark.parametrize("line", ["SET insert_id=8;", "SET last_insert_id=7,insert_id=8;", "set insert_id=8,last_insert_id=7;"])
def test_a_set_line_of_an_old_server_may_lack_the_timestamp(line):
    """FMT-42: up to 5.1; with nothing behind it, it is the client's statement."""
    record = one(HEAD + line + "\nINSERT INTO t VALUES (1);\n")
    assert (record.db_insert_id, record.db_query_text) == (8, "INSERT INTO t VALUES (1)")
    assert one(HEAD + SET + line + "\n").db_query_text == line.removesuffix(";")
    assert one(HEAD + "SET insert_id=8;\n").db_query_text == "SET insert_id=8"


def test_a_time_and_a_user_on_one_line_are_one_head():
    """FMT-25: old Percona servers."""
    glued = "# Time: 261122 10:11:57 # User@Host: app[app] @ web [10.0.0.1]\n" + METRICS + SET + "SELECT 1;\n"
    found = records(glued * 2)
    assert [(record.user_name, record.client_address, record.db_query_text) for record in found] == [("app", "web", "SELECT 1")] * 2
    assert found[0].ts_raw == "261122 10:11:57"


def test_the_counters_of_log_slow_extra_are_typed_and_an_empty_start_is_none():
    """FMT-35, FMT-36: also in turn with entries that have none."""
    extra = METRICS.rstrip() + (
        " Thread_id: 14 Errno: 0 Killed: 0 Bytes_received: 85 Bytes_sent: 312 Read_first: 1 Read_last: 0 Read_key: 3144072"
        " Read_next: 0 Read_prev: 0 Read_rnd: 10 Read_rnd_next: 3145719 Sort_merge_passes: 1 Sort_range_count: 0 Sort_rows: 10"
        " Sort_scan_count: 1 Created_tmp_disk_tables: 1 Created_tmp_tables: 2 Count_hit_tmp_table_size: 3  Start: {start} End: {end}\n"
    )
    times = extra.format(start="2026-11-22T10:11:55.335765Z", end="2026-11-22T10:11:57.811234Z")
    full, plain, empty = records(EXAMPLE.replace(METRICS, times) + EXAMPLE + EXAMPLE.replace(METRICS, extra.format(start="", end="")))
    assert (full.metrics_read_rnd_next, full.metrics_count_hit_tmp_table_size, full.db_response_status_code) == (3145719, 3, "0")
    assert (full.db_bytes_received, full.db_bytes_sent, full.db_killed) == (85, 312, 0)
    assert full.start_time == plain.start_time == empty.start_time == 1795342315335765
    assert (plain.metrics_read_key, empty.metrics_read_key) == (None, 3144072)
    assert {record.parse_status for record in (full, plain, empty)} == {"ok"}
    assert {record.metrics_extra for record in (full, plain, empty)} == {None}


MARIADB = (
    "# Time: 261122 10:11:55\n# User@Host: app[app] @ localhost []\n# Thread_id: 4  Schema: shop  QC_hit: No\n"
    "# Query_time: 3.000312  Lock_time: 0.000000  Rows_sent: 1  Rows_examined: 0\n# Rows_affected: 0  Bytes_sent: 56\n"
)


def test_a_plan_leaves_the_statement_alone():
    """FMT-38: MariaDB's `# explain:` lines between bare marks; the same words inside a statement are its own."""
    plan = "#\n# explain: id\tselect_type\ttable\n# explain: 1\tSIMPLE\tt\n#\n"
    record = one(MARIADB + plan + SET + "select 'a\n# explain: b'\n# c\n;\n")
    assert (record.db_plan, record.db_plan_format) == ("id\tselect_type\ttable\n1\tSIMPLE\tt", "tabular")
    assert record.db_query_text == "select 'a\n# explain: b'\n# c\n"


def test_mariadb_prints_the_start_and_mysql_the_end():
    """FMT-55, FMT-58, REC-10: whichever engine the source names; a statement may be older than its file."""
    record = one(MARIADB + SET + "select sleep(3);\n")
    assert (record.start_time, record.timestamp_us, record.ts_quality) == (1795342315000000, 1795342318000312, "from_set_timestamp")
    old = one(EXAMPLE.replace("2.475469", "86400.000000"))
    assert (old.timestamp_us, old.start_time, old.parse_status) == (1795342317811234, 1795255917811234, "ok")


@pytest.mark.parametrize("command", ["Quit", "Init DB", "Binlog Dump", "Something New"])
def test_an_administrator_command_has_no_sql(command):
    """FMT-43, FMT-44."""
    for extra in ("", "use shop;\n", SET):
        record = records(EXAMPLE + HEAD + extra + f"# administrator command: {command};\n")[1]
        assert (record.event_name, record.db_command, record.db_query_text) == ("admin_command", command, None)


def test_server_headers_are_furniture_wherever_they_stand():
    """FMT-45, REC-35."""
    unix = "/rdsdbbin/oscar/bin/mysqld, Version: 8.0.28 (x). started with:\nTcp port: 3306  Unix socket: /tmp/x\nTime                 Id Command    Argument\n"
    tabs = "mariadbd, Version: 10.11 (x). started with:\nTcp port: 1  Unix socket: x\nTime\t\t    Id Command\tArgument\n"
    text = (unix + EXAMPLE + unix * 3 + EXAMPLE + tabs + EXAMPLE + unix).encode()
    assert [record.log_record_bytes for record in records(text)] == [247] * 3
    assert fast(FORMAT, text, WHERE).furniture_bytes == len(text) - 3 * 247
    cut_by_a_restart = (EXAMPLE[:-5] + "\n" + unix + EXAMPLE).encode()
    assert [record.parse_status for record in records(cut_by_a_restart)] == ["partial", "ok"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1\n# Foo\n# Time flies\n-- x\n/* # User@Host: */\n\n\nFROM t",
        "SELECT 'a\n# Time: 2020-01-01T00:00:00.000000Z\n# fake'",
        "SELECT 'a\n" + EXAMPLE.removesuffix(";\n") + "'",
        "SELECT 'a;\n# Time: 2020-01-01T00:00:00.000000Z\n# no user line'",
        "SELECT 'a\\n# Time: 2020-01-01T00:00:00.000000Z\\n# User@Host: x[x] @  []'",
        "SELECT 1 -- it's",
        "SELECT 1;",
        "SELECT '\x00 \x1b \x85 \u2028 \U0001f6b2 \r x'",
        "SELECT \"\\\\ \\\" '' 100% %s %b\"",
    ],
)
def test_the_statement_is_kept_as_logged(sql):
    """FMT-13, FMT-46, FMT-47, FMT-48, FMT-51, FMT-52, PERF-04, PERF-06, PERF-08, PERF-09."""
    assert sqls(EXAMPLE + HEAD + SET + sql + ";\n" + EXAMPLE)[1] == sql


def test_a_complete_entry_behind_a_semicolon_inside_a_string_is_one_more_entry_and_no_byte_is_lost():
    """FMT-49, PERF-05: by its bytes it can't be told from a true one."""
    found = records(HEAD + SET + "SELECT 'a;\n" + EXAMPLE.removesuffix(";\n") + "';\n" + EXAMPLE)
    assert [record.db_query_text for record in found] == [
        "SELECT 'a", "SELECT id FROM orders WHERE customer_id = 42'", "SELECT id FROM orders WHERE customer_id = 42",
    ]  # fmt: skip


def test_an_open_quote_swallows_nothing():
    """FMT-50."""
    assert len(records(HEAD + SET + "selec 'open quote;\n" + EXAMPLE * 2)) == 3


def test_an_empty_statement_keeps_its_record():
    """FMT-52."""
    assert (one(HEAD + SET + ";\n").db_query_text, one(HEAD + SET + ";\n").parse_status) == (None, "ok")


def test_text_without_a_head_at_the_start_is_one_raw_record():
    """FMT-03, FMT-54, REC-34."""
    orphan = METRICS + SET + "SELECT 'x';\n# administrator command: Quit;\n"
    raw, entry = records(orphan + EXAMPLE)
    assert (raw.parse_status, raw.parse_error, raw.event_name) == ("raw", "no head", "unparsed")
    assert (raw.body, raw.log_record_bytes, entry.parse_status) == (f"*** ({len(orphan)} bytes)", len(orphan), "ok")
    assert records(orphan + EXAMPLE, origin("mysql_slow", redaction="off"))[0].body == orphan


def test_a_long_raw_run_is_cut_at_line_ends():
    """REC-34: one record per 64 KiB."""
    found = records("no head here\n" * 20_000 + EXAMPLE)
    assert [record.parse_status for record in found] == ["raw"] * 4 + ["ok"]
    assert all(record.log_record_bytes <= 65536 and record.log_record_bytes % 13 == 0 for record in found[:4])


def test_text_that_continues_a_delivered_entry_is_an_orphan_tail():
    """FMT-06."""
    parsed = FORMAT.ndjson(Chunk(content=EXAMPLE.encode(), offset=0), WHERE, b"", max_records=FAR, max_bytes=FAR)
    late = typed(FORMAT, b"AND more = 1;\n" + EXAMPLE.encode(), WHERE, parsed.context, parsed.end_offset)
    assert [record.parse_error for record in late] == ["orphan tail", None]


@pytest.mark.parametrize("mark", ["[Your log message was truncated]\n", "\n[Your log message was truncated]\n"])
def test_a_truncation_mark_is_taken_out_and_the_next_head_found(mark):
    """FMT-08, FMT-122, REC-33."""
    record, after = records(HEAD + SET + "SELECT 'abc" + mark + EXAMPLE)
    assert (record.db_query_text, record.truncated, record.parse_error) == ("SELECT 'abc", True, "truncated by rds")
    assert after.parse_status == "ok"
    kept = "SELECT '[Your log message was truncated]', 1"
    assert sqls(HEAD + SET + kept + ";\n") == [kept], "FMT-09: inside a line it is the client's text"


def test_invalid_utf8_is_replaced_and_marked_and_the_neighbours_are_exact():
    """FMT-12, REC-31, PERF-10."""
    bad = (HEAD + SET).encode() + b"SELECT '\xff\xc0\xaf';\n"
    before, record, after = records(EXAMPLE.encode() + bad + EXAMPLE.encode())
    assert (record.parse_status, record.parse_error) == ("partial", "invalid utf-8")
    assert "�" in record.db_query_text
    assert before.parse_status == after.parse_status == "ok"
    named = EXAMPLE.encode().replace(b"app[app]", b"\xffapp[\xffapp]")
    assert [record.parse_error for record in records(EXAMPLE.encode() + named)] == [None, "invalid utf-8"]


def test_the_last_entry_waits_until_it_is_complete():
    """FMT-04, FMT-05."""
    text = EXAMPLE.encode()
    assert FORMAT.cut(text, final=False) == 0
    assert FORMAT.cut(text, final=False, quiet=True) == len(text)
    assert FORMAT.cut(text[:-1], final=False, quiet=True) == 0
    assert FORMAT.cut(text[:-1], final=True) == len(text) - 1
    assert FORMAT.cut(text * 2 + text[:40], final=False) == len(text), "the second head is not whole yet"
    assert FORMAT.cut(text * 2 + text[:140], final=False) == 2 * len(text)
    assert one(text[:-2]).parse_status == "partial"


def test_two_equal_entries_are_two_records():
    """FMT-59, REC-06, REC-07."""
    first, second = records(EXAMPLE * 2)
    assert first.record_id != second.record_id
    assert first.record_id.endswith(f"{zlib.crc32(EXAMPLE.encode()):08x}")


def test_an_entry_beyond_the_limit_is_one_truncated_record_whichever_way_it_comes():
    """FMT-10, FMT-53, FMT-115, REC-32, PERF-01."""
    where = origin("mysql_slow", entry_max_bytes=20_000)
    long = (HEAD + SET + "SELECT 'é" + "é" * 200_000 + "';\n").encode()
    whole = records(long, where)[0]
    chunk = Chunk(content=long[:100_000], offset=0, cut_bytes=len(long) - 100_000, crc=zlib.crc32(long))
    assert wired(list(FORMAT.entries(chunk, where, b""))) == wired([whole])
    assert FORMAT.ndjson(chunk, where, b"", max_records=1, max_bytes=1).end_offset == len(long)
    assert (whole.truncated, whole.parse_error, whole.log_record_bytes) == (True, "cut at limit", len(long))
    assert 19_997 <= len(whole.db_query_text.encode()) <= 20_000
    assert "�" not in whole.db_query_text
    neighbours = records(EXAMPLE.encode() + long + EXAMPLE.encode(), where)
    assert [record.parse_status for record in neighbours] == ["ok", "partial", "ok"]
    assert FORMAT.next_head(b"tail of a statement;\n" + EXAMPLE.encode(), 0) == 21


def test_a_secret_never_leaves_the_format_by_either_face():
    """REC-40, REC-44, SEC-12: also where the statement was cut."""
    for sql in ("CREATE USER a IDENTIFIED\n/* c */ BY 'hunter2';\n", "ALTER USER a IDENTIFIED BY 'hunter2"):
        found = records(EXAMPLE + HEAD + SET + sql)
        assert b"hunter2" not in b"".join(wired(found))
        assert found[1].redactions == 1
    assert "hunter2" in one(HEAD + SET + "CREATE USER a IDENTIFIED BY 'hunter2';\n", origin("mysql_slow", redaction="off")).db_query_text


def test_renamed_files_and_renamed_instances_keep_their_ids():
    """REC-04, REC-05: the name in the record is the live one, the id hangs on the segment alone."""
    renamed = origin("mysql_slow", instance_id="renamed")
    assert one(EXAMPLE).record_id == one(EXAMPLE, renamed).record_id


def test_portions_of_a_log_of_tiny_entries_give_what_the_whole_gives():
    """FMT-116, PERF-03."""
    text = ((HEAD + SET + "DO 1;\n") * 3000).encode()
    assert in_portions(FORMAT, text, WHERE, [50_000], 100) == fast(FORMAT, text, WHERE)


@pytest.mark.parametrize("engine", ["aurora-mysql", "mysql", "mariadb"])
def test_every_true_value_of_the_workload_is_found(engine):
    """FMT-20, FMT-26, FMT-35, FMT-38, FMT-39, FMT-55."""
    assert_true(FORMAT, "mysql_slow", engine)
