"""Pure rules of names, ordinals and markers."""

import pytest

from aurora_logs.segments import is_earlier, told_twice


@pytest.mark.parametrize(("ordinal", "other", "expected"), [
    ("2026-10-10.8", "2026-10-10.12", True),  # as numbers: RDS-49
    ("2026-10-10.12", "2026-10-10.8", False), ("2026-10-10.08", "2026-10-10.8", False),
    ("2026-10-10.23", "2026-10-11.0", True),
    ("h39885d42e9055e04", "he324af636e33595f", False),  # hashes of a folder's files have no order
    ("", "2026-10-10.8", False), ("2026-10-10.8", "", False),
])
def test_hours_have_an_order_and_nothing_else_has(ordinal, other, expected):
    assert is_earlier(ordinal, other) is expected


@pytest.mark.parametrize("kind", ["", ".csv", ".json"])
def test_a_compressed_log_tells_nothing_twice_but_its_twin_of_another_kind_does(kind):
    """RDS-18, RDS-54."""
    name = f"error/postgresql.log.2026-10-10-06{kind}"
    other = "error/postgresql.log.2026-10-10-06" + ("" if kind else ".csv")

    assert told_twice([f"{name}.gz"], held=[name]) == frozenset()
    assert told_twice([f"{other}.gz"], held=[name]) == {f"{other}.gz"}
