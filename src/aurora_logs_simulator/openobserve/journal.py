"""What each request really did, for exact accounting; logins are kept by name, never by secret."""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path

import msgspec

KEPT = 20_000
SECRET_HEADERS = frozenset({"authorization", "cookie"})


class Entry(msgspec.Struct, kw_only=True):
    """One request. Times in microseconds of the server's clock, sizes in bytes.

    status:   what was answered; 0: nothing was.
    stored:   lines that it really added, late ones included; acknowledged: what the answer said.
    faults:   the faults that struck it.
    """

    number: int
    at_us: int
    method: str
    path: str
    query: str
    user: str
    headers: dict[str, str]
    raw_bytes: int
    decoded_bytes: int = 0
    stream: str = ""
    records: int = 0
    status: int = 0
    stored: int = 0
    acknowledged: int = 0
    outcome: str = ""
    faults: list[str] = []


class Journal:
    """Keeps the newest entries in memory, all of them in a file when there is one, and counts for ever."""

    def __init__(self, file: Path | None = None) -> None:
        """Append to `file`, one JSON object a line."""
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()
        self._file = file.open("ab", buffering=0) if file is not None else None

    def add(self, entry: Entry) -> None:
        """Note a request that is over."""
        self.entries.append(entry)
        self.counts.update({"requests": 1, f"status_{entry.status}": 1, "raw_bytes": entry.raw_bytes,
                            "decoded_bytes": entry.decoded_bytes, "records": entry.records, "stored": entry.stored,
                            "acknowledged": entry.acknowledged})
        if self._file is not None:
            self._file.write(msgspec.json.encode(entry) + b"\n")

    def ingests(self, stream: str = "") -> list[Entry]:
        """Return the requests that brought records, oldest first."""
        return [entry for entry in self.entries if entry.stream and stream in ("", entry.stream)
                and entry.method == "POST" and entry.path.endswith(("/_json", "/_multi", "/_bulk"))]

    def searches(self) -> list[Entry]:
        """Return the searches, oldest first."""
        return [entry for entry in self.entries if entry.path.endswith("/_search")]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def shown(headers: dict[str, str]) -> dict[str, str]:
    """Return headers without what opens doors."""
    return {name: "***" if name in SECRET_HEADERS else value for name, value in headers.items()}
