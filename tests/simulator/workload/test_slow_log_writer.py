"""The slow log obeys MySQL's grammar: a reader of these tests, by the rules of log-formats §3.2, finds the truth."""

import re

import pytest

from aurora_logs_simulator.workload import writer
from aurora_logs_simulator.workload.slow_log import EXTRA_ALWAYS, EXTRA_MIXED, EXTRA_NEVER, SlowLogWriter

NOW_US = 1_795_342_317_811_234
COUNT = 12_000
TIME = re.compile(r"# Time: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)$")
USER = re.compile(r"# User@Host: (.*)\[(.*)\] @ (\S*) \[(\S*)\]  Id: ( *\d+)$")
COUNTS = re.compile(r"# Query_time: (\d+\.\d{6})  Lock_time: (\d+\.\d{6}) Rows_sent: (\d+)  Rows_examined: (\d+)(.*)$")
HEADER_LINES = ("started with:", "Tcp port: ", "Time                 Id")


def written(extra, *, header_every=0, count=COUNT):
    source = SlowLogWriter("grammar", engine="aurora-mysql", extra=extra)
    parts, truth = [source.file_header(NOW_US)], []
    for number in range(count):
        if header_every and number % header_every == header_every - 1:
            parts += [source.file_header(NOW_US)] * (1 + number % 3)
        entry = source.entry(NOW_US + 7_003 * number)
        parts.append(entry.content)
        truth.append(entry)
    return b"".join(parts).decode(), truth


def read(text):
    """Entries as lists of lines: a head counts after `;` or furniture only, and with a user line behind it."""
    lines, found, open_to_head = text.split("\n")[:-1], [], True
    for place, line in enumerate(lines):
        if any(mark in line for mark in HEADER_LINES) and open_to_head:
            continue
        if open_to_head and TIME.match(line) and USER.match(lines[place + 1]):
            found.append([])
        found[-1].append(line)
        open_to_head = line.endswith(";")
    return found


@pytest.mark.parametrize("extra", [EXTRA_NEVER, EXTRA_ALWAYS, EXTRA_MIXED])
def test_a_reader_of_the_grammar_finds_every_entry_and_its_values(extra):
    """FMT-20, FMT-26, FMT-35, FMT-36, FMT-39, FMT-45: heads, hosts, pairs, `use`, headers in the middle."""
    text, truth = written(extra, header_every=700)
    found = read(text)

    assert len(found) == len(truth) == COUNT
    database = ""
    for lines, entry in zip(found, truth, strict=True):
        fields = entry.fields
        user, effective, host, address, thread = USER.match(lines[1]).groups()
        took, lock, sent, examined, pairs = COUNTS.match(lines[2]).groups()
        assert (user, int(thread)) == (fields["user_name"], fields["thread_id"])
        assert fields.get("db_user_effective", user) == effective
        assert (host or address) == fields["client_address"]
        assert fields.get("network_peer_address", "") == (address if host else "")
        assert float(took) == fields["duration_sec"]
        assert float(lock) == fields["lock_time_sec"]
        assert int(sent) == fields["db_response_returned_rows"]
        assert int(examined) == fields["db_rows_examined"]
        for name, value in re.findall(r"(\w+): (-?\d+)(?= |$)", pairs):
            known = {"Thread_id": "thread_id", "Bytes_sent": "db_bytes_sent", "Bytes_received": "db_bytes_received"}
            known |= {"Errno": "db_response_status_code", "Killed": "db_killed"}
            assert str(fields[known.get(name, f"metrics_{name.lower()}")]) == value
        body = lines[3:]
        if body[0].startswith("use "):
            database = body.pop(0)[4:-1]
        assert database == fields["db_namespace"]
        assert body.pop(0) == f"SET timestamp={fields['start_time'] // 1_000_000};"
        sql = "\n".join(body)
        if fields["event_name"] == "admin_command":
            assert sql == f"# administrator command: {fields['db_command']};"
        else:
            assert sql == f"{fields['db_query_text']};"


def test_the_time_line_is_the_end_and_set_timestamp_the_start():
    """REC-09: from 8.0.14 on SET timestamp is the second in which the statement began."""
    entry = SlowLogWriter("s", engine="mysql", extra=EXTRA_ALWAYS).entry(NOW_US)
    text = entry.content.decode()

    assert text.startswith("# Time: 2026-11-22T10:11:57.811234Z\n")
    assert " End: 2026-11-22T10:11:57.811234Z\n" in text
    assert entry.fields["_timestamp"] - entry.fields["start_time"] == round(entry.fields["duration_sec"] * 1_000_000)


def test_a_header_makes_the_next_entry_name_its_database_again():
    """REC-20: after a flush the file has been told no database."""
    source = SlowLogWriter("s", engine="mysql", extra=EXTRA_NEVER)
    silent = [source.entry(NOW_US) for _ in range(300)]
    assert any(b"\nuse " not in entry.content for entry in silent[1:])

    for _ in range(20):
        source.file_header(NOW_US)
        assert b"\nuse " in source.entry(NOW_US).content


def test_the_mixture_holds_every_oddity_that_a_reader_must_survive():
    """FMT-46 to FMT-51: comments, fake heads in strings, quotes in comments; never a fake head behind a `;`."""
    text, truth = written(EXTRA_MIXED, count=60_000)
    sqls = [entry.fields["db_query_text"] for entry in truth if "db_query_text" in entry.fields]

    assert 0.005 < 1 - len(sqls) / len(truth) < 0.015
    assert 0.30 < sum("\n" in sql for sql in sqls) / len(sqls) < 0.42
    assert 0.06 < text.count("\nuse ") / len(truth) < 0.10
    fakes = [entry for entry in truth if "fake_head" in entry.fields]
    assert len(fakes) > 20
    assert any("\n# Query_time: 9.000000" in entry.fields["db_query_text"] for entry in fakes)
    assert all(re.search(r"\n# (Time|User@Host)", entry.fields["db_query_text"]) for entry in fakes)
    assert not re.search(r";\n# (?:Time: 2020|Time flies|User@Host: nobody|Foo)", text)
    assert {"/* ", "-- ", "''", "\\'", '"it\'s"', "-- tok_"} <= {
        mark for mark in ("/* ", "-- ", "''", "\\'", '"it\'s"', "-- tok_") if mark in text
    }
    assert any(sql.endswith("it's") for sql in sqls)
    assert max(sql.count(",") for sql in sqls) > 300
    assert not text.isascii()


def test_a_credential_is_told_in_the_truth_and_stands_in_the_statement():
    """SEC-12: what a reader must not let out is known word for word."""
    _, truth = written(EXTRA_NEVER)
    with_secret = [entry for entry in truth if "secret" in entry.fields]

    assert len(with_secret) > 5
    assert {entry.fields["shape"] for entry in with_secret} == {240, 241, 242, 243}
    for entry in with_secret:
        assert f"'{entry.fields['secret']}'" in entry.fields["db_query_text"]


def test_instances_differ_in_whether_they_log_extra_counters():
    """FMT-36: some files have them always, some never, some in turn."""
    seen = set()
    for seed in range(12):
        source = writer("slowquery", "mysql", str(seed))
        shares = sum(b" Start: " in source.entry(NOW_US).content for _ in range(400)) / 400
        seen.add("never" if shares == 0 else "always" if shares == 1 else "mixed")

    assert seen == {"never", "always", "mixed"}
