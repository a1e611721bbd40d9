"""The PostgreSQL log obeys the RDS prefix: a reader of these tests' own folds sub-lines and finds the truth again."""

import re
from datetime import UTC, datetime

from aurora_logs_simulator.workload import writer

NOW_US = 1_795_342_317_811_234
COUNT = 20_000
LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC:([^(\[]*\(\d+\)|\[local\]|):(.*)@(.*):\[(\d+)\]:([A-Z]+):  (.*)", re.DOTALL
)
SUB_LINES = ("DETAIL", "HINT", "CONTEXT", "STATEMENT")


def written():
    source = writer("postgresql", "postgres", "s")
    return [source.entry(NOW_US + 7_003 * number) for number in range(COUNT)]


def folded(text):
    """Messages as lists of (level, text, whom, pid): a TAB continues a line, a sub-line its message."""
    found = []
    for line in re.split(r"\n(?!\t)", text[:-1]):
        when, client, user, database, pid, level, said = LINE.match(line).groups()
        if level not in SUB_LINES:
            found.append([])
        found[-1].append((level, said.replace("\n\t", "\n"), (client, user, database), int(pid), when))
    return found


def client_of(fields):
    return f"{fields['client_address']}({fields['client_port']})" if "client_address" in fields else None


def test_a_reader_of_the_prefix_finds_every_message_and_its_values():
    """FMT-92, FMT-100, FMT-102, FMT-103: prefixes, folding, TABs, parameters."""
    truth = written()
    found = folded(b"".join(entry.content for entry in truth).decode())

    assert len(found) == len(truth)
    for lines, entry in zip(found, truth, strict=True):
        fields, (level, said, (client, user, database), pid, when) = entry.fields, lines[0]
        assert when == datetime.fromtimestamp(entry.time_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        assert (level, pid) == (fields["severity_text"], fields["process_pid"])
        if user not in ("", "[unknown]"):
            assert (user, database) == (fields["user_name"], fields["db_namespace"])
            assert client in (client_of(fields), "[local]")
        subs = {sub: text for sub, text, *_ in lines[1:]}
        sql = fields.get("db_query_text")
        if "STATEMENT" in subs:
            assert subs["STATEMENT"] == sql
        elif sql is not None:
            assert said == f"{fields['body']} {sql}"
        elif "body" in fields:
            assert said == fields["body"]
        if "pg_parameters" in fields:
            assert subs["DETAIL"] == f"parameters: {fields['pg_parameters']}"
        for name in ("DETAIL", "HINT", "CONTEXT"):
            if f"pg_{name.lower()}" in fields:
                assert subs[name] == fields[f"pg_{name.lower()}"]
        if "duration_sec" in fields:
            assert said.startswith(f"duration: {fields['duration_sec'] * 1000:.3f} ms  ")


def test_every_kind_of_message_comes():
    """Background lines without a client, sessions before login, late sub-lines (FMT-97), all kinds of failures."""
    truth = written()
    names = {entry.fields["event_name"] for entry in truth}
    text = b"".join(entry.content for entry in truth).decode()

    assert {
        "slow_query", "statement", "query_error", "constraint_violation",
        "permission_denied", "statement_timeout", "query_canceled", "serialization_failure",
        "transaction_aborted", "deadlock", "lock_wait", "temp_file",
        "connection_received", "connection_authenticated", "auth_failed", "disconnect",
        "checkpoint", "checkpoint_start", "autovacuum", "server",
    } == names  # fmt: skip
    for mark in (
        " UTC::@:[",
        "[unknown]@[unknown]:[",
        "UTC:[local]:",
        "\n\t",
        "\n\t\n\t",
        "execute <unnamed>: ",
        "execute S_",
        "2a05:d014:",
    ):
        assert mark in text
    assert any(len(set(re.findall(r"(?m)^2026-11-22 (\S+) UTC", entry.content.decode()))) == 2 for entry in truth)


def test_a_time_is_printed_in_whole_seconds_and_the_truth_says_so():
    for entry in written()[:500]:
        assert entry.fields["_timestamp"] == entry.time_us // 1_000_000 * 1_000_000


def test_a_password_is_told_in_the_truth():
    """SEC-12."""
    secrets = [entry for entry in written() if "secret" in entry.fields]

    assert len(secrets) > 50
    assert all(f"PASSWORD '{entry.fields['secret']}'" in entry.fields["db_query_text"] for entry in secrets)
