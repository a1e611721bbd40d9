"""What the queue tells of itself: how many hints wait where, and who takes them."""

import msgspec


class PartitionLag(msgspec.Struct, frozen=True, kw_only=True):
    """One partition of a topic, as the group sees it. committed, lag: None where the group never committed a position.

    member: client id (the pod) that reads it; "" when nobody does. member_host: where that member runs.
    """

    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int | None
    member: str = ""
    member_host: str = ""


class GroupLags(msgspec.Struct, frozen=True, kw_only=True):
    """The group. state: stable, empty, …, as the brokers say; `unknown` for one that never existed."""

    group: str
    state: str
    partitions: list[PartitionLag]


class TopicShape(msgspec.Struct, frozen=True, kw_only=True):
    """One topic. leaderless, short: partitions without a leader, and with fewer replicas in sync than there should be."""

    topic: str
    partitions: int
    replicas: int
    leaderless: int
    short: int
    differences: tuple[str, ...]
