"""naming: rows follow their resource to the name that RDS gives it now (RDS-13, RDS-14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_logs.stages.discover import moves
from aurora_logs.stages.discover.naming import former


def after(known, listed):
    """The rows' names when all moves are made, one after the other; a move onto another resource's rows fails."""
    names = dict(known)
    for move in moves(known, listed):
        assert names.pop(move.source) == move.resource_id
        assert names.get(move.target, move.resource_id) == move.resource_id, "two resources under one name"
        names[move.target] = move.resource_id
    return names


@pytest.mark.parametrize(("known", "listed", "wanted"), [
    ({"a": "R1"}, {"a": "R1"}, {"a": "R1"}),
    ({"a": "R1"}, {"b": "R1"}, {"b": "R1"}),
    ({"a": "R1"}, {}, {"a": "R1"}),
    ({"a": "R1"}, {"a": "R2"}, {"a@R1": "R1"}),
    ({"a@R1": "R1", "a": "R2"}, {"a": "R2", "c": "R1"}, {"c": "R1", "a": "R2"}),
    ({"a": "R1", "b": "R2"}, {"a": "R2", "a-old1": "R1"}, {"a": "R2", "a-old1": "R1"}),
    ({"a": "R1", "b": "R2"}, {"a": "R2", "b": "R1"}, {"a": "R2", "b": "R1"}),
    ({"a": "R1", "b": "R2", "c": "R3"}, {"a": "R3", "b": "R1", "c": "R2"}, {"a": "R3", "b": "R1", "c": "R2"}),
    ({"a@eu-west-1": "R1"}, {"a@eu-west-1": "R2"}, {"a@R1": "R1" }),
], ids=["same", "renamed", "not listed", "deleted and made anew", "back under another name", "switch-over", "swapped",
        "in a circle", "made anew elsewhere"])  # fmt: skip
def test_rows_follow_their_resource(known, listed, wanted):
    assert after(known, listed) == wanted


RESOURCES = [f"R{number}" for number in range(4)]


def fleets(*, with_former):
    """Names with a resource each, no resource twice; some under the name of an instance whose name went to another."""
    pairs = st.permutations(RESOURCES).flatmap(
        lambda order: st.lists(st.sampled_from("abcd"), unique=True).map(lambda names: list(zip(names, order, strict=False))))
    return pairs.flatmap(lambda found: st.lists(st.booleans(), min_size=len(found), max_size=len(found)).map(
        lambda moved: {former(name, one) if is_moved and with_former else name: one
                       for (name, one), is_moved in zip(found, moved, strict=True)}))


@given(known=fleets(with_former=True), listed=fleets(with_former=False))
def test_whatever_names_do_every_listed_resource_has_its_rows_and_none_loses_any(known, listed):
    names = after(known, listed)

    assert sorted(names.values()) == sorted(known.values())
    for name, resource_id in names.items():
        assert listed.get(name, resource_id) == resource_id, "no row lies under another resource's name"
        if resource_id in listed.values():
            assert listed[name] == resource_id
