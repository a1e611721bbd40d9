"""What stands between a contract and what exists at the other side: parts to make, parts of another shape."""

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of a contract as it stands now.

    missing:     parts that `make` adds, such as the table itself or its TTL; nothing: all of it is there.
    differences: parts that exist in another shape, each as `what: found, wanted`; nobody changes them but a person.
    """

    name: str
    missing: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
