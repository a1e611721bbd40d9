"""What every writer promises: reproducible bytes, a token an entry, the given times, no unknown engine."""

import random
import re

import pytest

from aurora_logs_simulator.workload import writer

NOW_US = 1_795_342_317_811_234
ALL = [
    *((log_type, engine) for log_type in ("slowquery", "error", "general", "audit") for engine in ("aurora-mysql", "mysql", "mariadb")),
    ("postgresql", "aurora-postgresql"),
    ("postgresql", "postgres"),
]
COUNT = 3000


def entries(log_type, engine, seed, count=COUNT):
    source = writer(log_type, engine, seed)
    return [source.entry(NOW_US + 7_003 * number) for number in range(count)]


@pytest.mark.parametrize(("log_type", "engine"), ALL)
def test_the_same_seed_writes_the_same_bytes_and_the_same_truth(log_type, engine):
    """RDS-116: a run can be repeated."""
    random.seed(1)
    first = entries(log_type, engine, "s")
    random.seed(2)
    assert entries(log_type, engine, "s") == first


@pytest.mark.parametrize(("log_type", "engine"), ALL)
def test_another_seed_writes_other_text(log_type, engine):
    one, other = entries(log_type, engine, "s", 200), entries(log_type, engine, "t", 200)

    assert not {entry.content for entry in one} & {entry.content for entry in other}


def test_no_token_comes_twice_in_a_fleet_of_one_seed():
    """Only in the general log some entries have none."""
    tokens = [
        entry.token
        for log_type, engine in ALL
        for seed in ("a", "b")
        for entry in entries(log_type, engine, seed)
        if entry.token or log_type != "general"
    ]

    assert len(set(tokens)) == len(tokens) > (len(ALL) - 1) * 2 * COUNT
    assert all(re.fullmatch(r"tok_[0-9a-f]{16}", token) for token in tokens)


@pytest.mark.parametrize(("log_type", "engine"), ALL)
def test_a_token_stands_once_in_its_entry_and_never_where_redaction_strikes(log_type, engine):
    """An administrator command has no text: its account carries the token, printed as login and effective account."""
    for entry in entries(log_type, engine, "s"):
        text = entry.content.decode()
        admin = entry.fields.get("event_name") == "admin_command"
        assert text.count("tok_") == (2 if admin else 1 if entry.token else 0)
        assert not re.search(r"near ['\"][^'\"]*tok_", text)
        secret = entry.fields.get("secret")
        assert secret is None or entry.token not in str(secret)


@pytest.mark.parametrize(("log_type", "engine"), ALL)
def test_an_entry_ends_with_a_newline_and_carries_the_time_that_it_was_given(log_type, engine):
    for number, entry in enumerate(entries(log_type, engine, "s", 500)):
        assert entry.content.endswith(b"\n")
        assert entry.time_us == NOW_US + 7_003 * number
        entry.content.decode()


def test_only_the_slow_and_the_general_log_have_furniture():
    for log_type, engine in (("slowquery", "mysql"), ("general", "mysql"), ("general", "mariadb")):
        assert writer(log_type, engine, "s").file_header(NOW_US).count(b"\n") == 3
    assert writer("audit", "mysql", "s").file_header(NOW_US) == b""
    assert writer("error", "mysql", "s").file_header(NOW_US) == b""
    assert writer("postgresql", "postgres", "s").file_header(NOW_US) == b""


@pytest.mark.parametrize(
    ("log_type", "engine"), [("slowquery", "postgres"), ("postgresql", "mysql"), ("audit", "postgres")]
)
def test_a_log_that_the_engine_does_not_write_is_refused_by_name(log_type, engine):
    with pytest.raises(ValueError, match=rf"no writer for log type '{log_type}' of engine '{engine}'"):
        writer(log_type, engine, "s")
