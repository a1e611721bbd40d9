"""Chapter "set up": make the tables and topics of the contract; what is there stays, what differs is named."""

from collections.abc import Iterable

import msgspec

from aurora_logs.ports import Provisioning


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one thing. outcome: `exists`, `created`, `completed`, `would be created`, `would be completed`, `differs`."""

    sort: str
    name: str
    outcome: str
    made: tuple[str, ...]
    differences: tuple[str, ...]


def provision(sort: str, provisioning: Provisioning, *, dry_run: bool) -> Iterable[Provisioned]:
    """Make what is missing, one thing after the other; a thing of another shape is left as it is (BAN: no drop, no change).

    sort: `table`, `topic` or `stream`. Raises: Transient, ConfigError; what was made until then is made, a second run goes on.
    """
    for name in provisioning.names():
        shape = provisioning.look(name)
        if shape.differences:
            outcome = "differs"
        elif not shape.missing:
            outcome = "exists"
        else:
            verb = "created" if any(part.startswith(sort) for part in shape.missing) else "completed"
            outcome = f"would be {verb}" if dry_run else verb
            if not dry_run:
                provisioning.make(name)
        yield Provisioned(sort=sort, name=name, outcome=outcome, made=shape.missing if not shape.differences else (),
                          differences=shape.differences)
