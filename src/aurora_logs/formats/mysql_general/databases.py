"""Which database each connection of a general log is in: known from Connect and Init DB, small enough to be carried."""

import msgspec

BUDGET_BYTES = 1800  # of the encoded connections; a format's context is at most 2 KB
NAME_MAX_BYTES = 300  # encoded; MySQL's names end at 64 characters


class Databases(msgspec.Struct, array_like=True):
    """Connections with their databases; the one that was silent longest stands first. Changes in place.

    What does not fit any more is forgotten at once, that one first: so a reading that goes on from the encoded form
    knows the same as one that never stopped (FMT-19).
    """

    threads: dict[int, str] = {}
    size_bytes: int = 0

    def of(self, thread: int) -> str | None:
        """Return the database of a connection that says something; None when it is not known."""
        name = self.threads.pop(thread, None)
        if name is not None:
            self.threads[thread] = name
        return name

    def enter(self, thread: int, name: str) -> None:
        """Note that a connection is in a database; "" for none."""
        self.leave(thread)
        if name and len(msgspec.json.encode(name)) <= NAME_MAX_BYTES:
            self.threads[thread] = name
            self.size_bytes += _size_bytes(thread, name)
            while self.size_bytes > BUDGET_BYTES:
                self.leave(next(iter(self.threads)))

    def leave(self, thread: int) -> None:
        """Forget a connection."""
        name = self.threads.pop(thread, None)
        if name is not None:
            self.size_bytes -= _size_bytes(thread, name)


def _size_bytes(thread: int, name: str) -> int:
    return len(str(thread)) + len(msgspec.json.encode(name)) + len('"":,')
