"""SEC-12, SEC-14, SEC-18: no planted credential leaves a statement, however it is written, spaced or cut."""

import os

import pytest
from planted import DIALECTS, Planted, leaks, planted

from aurora_logs.sql.marks import keyed
from aurora_logs.sql.redaction import redact_message, redact_sql

COUNT = int(os.environ.get("PLANTED_SECRETS", "100000"))  # statements of each dialect (SEC-18)
SHARDS = 8  # of the statements of a dialect, so that two processes share them
FRAMES = ('SQL statement "{}"\nPL/pgSQL function f() line 3', "statement: {}", "{}")


def cases(dialect: str, shard: int, count: int = COUNT) -> list[Planted]:
    return [planted(seed, dialect) for seed in range(shard, count, SHARDS)]


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_planted_credential_survives_redaction(dialect: str, shard: int) -> None:
    survivors = []
    for case in cases(dialect, shard):
        redacted, count = redact_sql(case.sql.encode(), dialect)
        if leaks(redacted) or (count == 0 and not case.is_cut):
            survivors.append((case.sql, redacted))
    assert survivors == [], f"{len(survivors)} of {COUNT // SHARDS}, the first: {survivors[:3]}"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("frame", FRAMES)
def test_no_planted_credential_survives_in_a_message(frame: str, dialect: str) -> None:
    survivors = []
    for case in cases(dialect, 0):
        redacted, _ = redact_message(frame.format(case.sql).encode(), dialect)
        if leaks(redacted):
            survivors.append((case.sql, redacted))
    assert survivors == [], f"{len(survivors)}, the first: {survivors[:3]}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_second_redaction_finds_nothing_more_with_stars_and_under_a_key(dialect: str) -> None:
    for mark in (lambda _: "***", keyed("a key of 16 or more characters")):
        for case in cases(dialect, 0, 8000):
            once, count = redact_sql(case.sql.encode(), dialect, mark)
            assert redact_sql(once, dialect, mark) == (once, 0), case.sql
            assert not leaks(once)
            assert count or case.is_cut


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_generator_plants_what_it_says(dialect: str) -> None:
    made = cases(dialect, 0, 8000)

    assert all(leaks(case.sql.encode()) for case in made if not case.is_cut)
    assert sum(case.is_cut for case in made) > 200
    assert len({case.sql for case in made}) > 900
