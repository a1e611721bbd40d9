"""Which rows move to which name, where RDS gave names to other instances: rename, blue/green, deleted and made anew.

Identity is the resource id (rds-log-api.md §2.1); a name is only the key of its rows. Pure.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Move(NamedTuple):
    """The rows of a resource go from one instance id to another."""

    resource_id: str
    source: str
    target: str


def bare(name: str) -> str:
    """Return an identifier as AWS has it, without what tells accounts, regions and former owners apart."""
    return name.partition("@")[0]


def former(name: str, resource_id: str) -> str:
    """Return the name of an instance whose own name belongs to another one now."""
    return f"{bare(name)}@{resource_id}"


def moves(known: Mapping[str, str], listed: Mapping[str, str]) -> list[Move]:
    """Return the moves in their order; each goes to a name that is free then. known, listed: instance id -> resource id."""
    names = {resource_id: name for name, resource_id in listed.items()}
    taken = dict(known)
    found = []

    def target_of(name: str, resource_id: str) -> str:
        stays = listed.get(name, resource_id) == resource_id
        return names.get(resource_id) or (name if stays else former(name, resource_id))

    def move(name: str, target: str) -> None:
        resource_id = taken.pop(name)
        taken[target] = resource_id
        found.append(Move(resource_id, name, target))

    while waiting := [(name, target) for name, resource_id in taken.items() if (target := target_of(name, resource_id)) != name]:
        free = [(name, target) for name, target in waiting if taken.get(target, taken[name]) == taken[name]]
        if free:
            move(*free[0])
        else:  # names went round in a circle: one of them steps aside
            name = waiting[0][0]
            move(name, former(name, taken[name]))
    return found
