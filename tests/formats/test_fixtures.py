"""Every fixture gives the records that were reviewed; every format has fixtures. `tools/snapshots.py` writes them."""

import json

import pytest
from fixtures import FORMATS, HERE, cases, expected_of
from test_faces import check


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_fixture_gives_the_records_that_a_person_reviewed(case):
    assert expected_of(case).decode() == (case / "expected.jsonl").read_text()


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_fixture_is_the_same_by_the_fast_face_and_in_portions(case):
    check(case.parent.name, (case / "input.log").read_bytes(), [300, 1, 700])


def test_every_format_has_a_fixture():
    assert {case.parent.name for case in cases()} == set(FORMATS)


def test_every_record_keeps_the_rules_of_the_schema():
    """REC-01: flat, no null, no empty text but cluster_id, the fields that are always there."""
    always = {"_timestamp", "record_id", "log_type", "instance_id", "cluster_id", "log_file_name", "log_file_offset",
              "log_record_bytes", "event_name", "severity_number", "parse_status", "ts_quality", "engine",
              "db_system_name"}  # fmt: skip
    for path in HERE.glob("*/*/expected.jsonl"):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            assert always <= record.keys(), path
            assert isinstance(record["_timestamp"], int)
            assert record["_timestamp"] > 0
            for key, value in record.items():
                assert isinstance(value, str | int | float | bool), (path, key)
                assert value != "" or key == "cluster_id", (path, key)


def test_no_fixture_lets_a_planted_secret_through():
    """REC-40: the inputs hold it, the records do not."""
    assert any(b"planted-secret" in (case / "input.log").read_bytes() for case in cases())
    assert not any(b"planted-secret" in (case / "expected.jsonl").read_bytes() for case in cases())
