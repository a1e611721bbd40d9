"""The error log obeys MySQL 8's grammar; heads begin a line, everything else continues."""

import re

import pytest

from aurora_logs_simulator.workload import writer

NOW_US = 1_795_342_317_811_234
HEAD = re.compile(r"(?m)^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\d+) \[(\w+)\] \[(MY-\d{6})\] \[(\w+)\] ")
ROW_BYTES = re.compile(r"(?m)^( \d: len \d;).*")
SOURCE = re.compile(r" \(([\w.]+\.cc):(\d+)\)$")


@pytest.mark.parametrize("engine", ["aurora-mysql", "mysql"])
def test_heads_alone_cut_the_log_into_its_entries(engine):
    """FMT-60, FMT-63, FMT-65, FMT-70: label, code, subsystem, continued lines, Aurora's source place."""
    source = writer("error", engine, "s")
    truth = [source.entry(NOW_US + number) for number in range(5000)]
    text = b"".join(entry.content for entry in truth).decode()
    heads = list(HEAD.finditer(text))

    assert len(heads) == len(truth)
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end, entry in zip(heads, ends, truth, strict=True):
        _, thread, label, code, subsystem = head.groups()
        body = text[head.end() : end].rstrip("\n")
        fields = entry.fields
        if place := SOURCE.search(body):
            assert (place[1], int(place[2])) == (fields["code_file_path"], fields["code_line_number"])
            body = body[: place.start()]
        assert ROW_BYTES.sub(r"\1 ***", body) == fields["body"]
        assert [int(thread), label, code, subsystem] == [
            fields[name] for name in ("thread_id", "severity_text", "error_code", "error_subsystem")
        ]


def test_deadlocks_are_long_and_name_their_victim():
    """FMT-65, FMT-66."""
    source = writer("error", "mysql", "s")
    truth = [source.entry(NOW_US) for _ in range(5000)]
    deadlocks = [entry for entry in truth if entry.fields["event_name"] == "deadlock"]

    assert 0.02 < len(deadlocks) / len(truth) < 0.04
    for entry in deadlocks:
        assert entry.content.count(b"\n") > 20
        assert f"WE ROLL BACK TRANSACTION ({entry.fields['deadlock_victim']})" in entry.content.decode()


def test_only_aurora_prints_its_source_place():
    assert any(
        "code_file_path" in writer("error", "aurora-mysql", str(seed)).entry(NOW_US).fields for seed in range(50)
    )
    assert not any("code_file_path" in writer("error", "mysql", str(seed)).entry(NOW_US).fields for seed in range(50))


def test_a_denied_login_tells_who_and_from_where():
    """FMT-72."""
    source = writer("error", "aurora-mysql", "s")
    denied = [
        entry for entry in (source.entry(NOW_US) for _ in range(2000)) if entry.fields["event_name"] == "auth_failed"
    ]

    assert denied
    for entry in denied:
        wanted = f"Access denied for user '{entry.fields['user_name']}'@'{entry.fields['client_address']}'"
        assert wanted in entry.content.decode()
