"""The logs of a real MariaDB server: its own counters and pt-query-digest count the same entries as we do."""

import json
import re
import signal
import subprocess
from collections import Counter
from typing import NamedTuple

import pytest
from tests.engines import mariadb
from tests.formats.reading import fast, in_portions, origin, typed, wired

from aurora_logs.formats import all_formats
from aurora_logs.records.log_record import LogRecord

pytestmark = pytest.mark.engine("mariadb")
LOGS = {"mysql_slow": "slow.log", "mysql_general": "general.log", "mysql_audit": "audit.log", "mysql_error": "error.log"}
FORMATS = {form.name: form for form in all_formats()}


class Logged(NamedTuple):
    """What a server that worked and crashed left behind: its counters before the crash, its logs, the records."""

    counters: dict[str, int]
    texts: dict[str, bytes]
    records: dict[str, list[LogRecord]]
    slow_query_log: str


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    with mariadb.running() as server:
        server.work()
        counters = server.counters("Slow_queries", "Innodb_deadlocks", "Com_select", "Aborted_connects")
        server.end(signal.SIGSEGV)
        texts = {name: (server.folder / file).read_bytes() for name, file in LOGS.items()}
    slow = tmp_path_factory.mktemp("mariadb") / "slow.log"
    slow.write_bytes(texts["mysql_slow"])
    records = {name: typed(FORMATS[name], text, where(name)) for name, text in texts.items()}
    return Logged(counters, texts, records, str(slow))


def where(name, **changes):
    return origin(name, engine="mariadb", log_segment=None, **changes)


@pytest.mark.parametrize("name", LOGS)
def test_every_entry_of_a_real_server_is_understood(logged, name):
    """FMT-21, FMT-38, FMT-60, FMT-74, FMT-82: but for statements whose session set the clock (FMT-56)."""
    assert len(logged.records[name]) > 20
    odd = [record for record in logged.records[name] if record.parse_status != "ok"]
    assert {record.parse_error for record in odd} <= {"implausible time"}
    assert {record.db_query_text for record in odd} <= {part.strip() for part in mariadb.SET_CLOCK.split(";")}


@pytest.mark.parametrize("name", LOGS)
def test_a_real_log_is_the_same_by_both_faces_and_in_portions(logged, name):
    """FMT-01, REC-02, REC-13."""
    form, text = FORMATS[name], logged.texts[name]
    whole = fast(form, text, where(name))
    assert whole.lines == wired(logged.records[name])
    assert in_portions(form, text, where(name), [97, 1, 1500]) == whole
    assert form.looks_like(text[:65536]) >= 0.9


@pytest.mark.engine("pt-query-digest")
def test_the_slow_log_holds_as_many_entries_as_the_server_and_pt_query_digest_count(logged):
    """The statement that asked for the counter is one more."""
    answer = subprocess.run(["pt-query-digest", "--no-version-check", "--report-format", "header", logged.slow_query_log],
                            capture_output=True, text=True, check=True)  # fmt: skip
    (counted,) = re.findall(r"Overall: (\d+) total", answer.stdout)
    assert int(counted) == len(logged.records["mysql_slow"]) == logged.counters["Slow_queries"] + 1


def test_the_statements_of_three_logs_are_the_same(logged):
    """FMT-48, FMT-76, FMT-83: also the one that imitates an entry. Passwords: redacted by us, masked by the plugin."""
    told = {
        name: Counter(record.db_query_text for record in logged.records[name] if record.db_query_text)
        for name in ("mysql_slow", "mysql_general", "mysql_audit")
    }
    masked = Counter(text.replace("identified by *****", "identified by '***'") for text in told["mysql_audit"].elements())
    assert told["mysql_slow"] == told["mysql_general"] == masked
    assert f"select '{mariadb.FAKE_ENTRY}'" in told["mysql_slow"]


def test_the_database_of_every_statement_is_the_one_that_the_audit_log_prints(logged):
    """FMT-79, FMT-39: carried by the general log from Connect and Init DB."""
    printed = Counter((record.thread_id, record.db_namespace) for record in logged.records["mysql_audit"] if record.event_name == "query")
    carried = Counter((record.thread_id, record.db_namespace) for record in logged.records["mysql_general"] if record.event_name == "query")
    assert carried == printed


def test_a_deadlock_is_one_record_with_both_transactions_and_a_crash_is_one_with_its_stack(logged):
    """FMT-66, FMT-68, FMT-72."""
    events = Counter(record.event_name for record in logged.records["mysql_error"])
    assert (events["deadlock"], events["crash"], events["server_ready"]) == (logged.counters["Innodb_deadlocks"], 1, 1) == (1, 1, 1)
    assert events["auth_failed"] == logged.counters["Aborted_connects"] == 1
    (deadlock,) = (record for record in logged.records["mysql_error"] if record.event_name == "deadlock")
    transactions = json.loads(deadlock.deadlock_transactions)
    assert {one["query_text"] for one in transactions} == {f"update t set a=a+1 where id={number}" for number in (1, 2)}
    assert all(one["waiting"]["table"] == one["holding"]["table"] == "shop.t" for one in transactions)
    assert deadlock.deadlock_victim in (1, 2)
    crash = logged.records["mysql_error"][-1]
    assert (crash.event_name, crash.severity_number) == ("crash", 17)
    assert "my_print_stacktrace" in crash.body


def test_the_secret_of_a_real_statement_stands_in_no_record(logged):
    """REC-40, SEC-12: the server printed it in clear in two of its logs."""
    clear = [name for name, text in logged.texts.items() if mariadb.SECRET.encode() in text]
    assert set(clear) == {"mysql_slow", "mysql_general"}
    for records in logged.records.values():
        assert mariadb.SECRET.encode() not in b"".join(wired(records))
