"""What may be committed of each partition: never past a message that is not used up yet. Pure bookkeeping, no calls."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Partition = tuple[str, int]


class Place(NamedTuple):
    """Where a message lies. assignment: of its partition to us; a later one makes the same message a new one."""

    partition: Partition
    offset: int
    assignment: int


class Positions:
    """The messages in our hands, by partition. Used under its owner's lock."""

    def __init__(self) -> None:
        self._assignment = 0
        self._owned: dict[Partition, _Owned] = {}

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Begin anew with these partitions."""
        self._assignment += 1
        for partition in partitions:
            self._owned[partition] = _Owned(self._assignment)

    def revoked(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that are another member's now; late news of their messages change nothing."""
        for partition in partitions:
            self._owned.pop(partition, None)

    def taken(self, partition: Partition, offset: int) -> Place | None:
        """Note a message that came; None when the partition is not ours any more."""
        owned = self._owned.get(partition)
        if owned is None:
            return None
        owned.open[offset] = None
        owned.following = offset + 1
        return Place(partition, offset, owned.assignment)

    def is_ours(self, place: Place) -> bool:
        """Tell whether the message is still in our hands."""
        owned = self._owned.get(place.partition)
        return owned is not None and owned.assignment == place.assignment

    def used_up(self, place: Place) -> None:
        """A message needs no second delivery."""
        if self.is_ours(place):
            self._owned[place.partition].open.pop(place.offset, None)

    def to_commit(self, topic: str) -> dict[Partition, int]:
        """Return the topic's partitions whose position moved since the last commit: the offset that a successor starts at."""
        return {partition: owned.position for partition, owned in self._owned.items()
                if partition[0] == topic and owned.position is not None and owned.position != owned.committed}

    def committed(self, positions: Mapping[Partition, int]) -> None:
        """The broker confirmed these positions."""
        for partition, position in positions.items():
            if partition in self._owned:
                self._owned[partition].committed = position


class _Owned:
    """One partition. open: messages not used up, in their order. following: behind the last that came."""

    __slots__ = ("assignment", "committed", "following", "open")

    def __init__(self, assignment: int) -> None:
        self.assignment = assignment
        self.open: dict[int, None] = {}
        self.following: int | None = None
        self.committed: int | None = None

    @property
    def position(self) -> int | None:
        return next(iter(self.open), self.following)
