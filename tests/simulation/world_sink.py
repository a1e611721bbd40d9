"""The simulated sink: what is stored, when a search sees it, and what was acknowledged. It believes nothing and checks
nothing; which answer it gives is the fault's business (switch_points.py).
"""

from collections import Counter
from dataclasses import dataclass


@dataclass
class StoredLine:
    """One physical line. `by_zombie`: the poster's lease had run out, or another had its claim (fact 6)."""

    record_id: bytes
    line: bytes
    offset: int
    stored_us: int
    visible_us: int
    by_zombie: bool


class SinkWorld:
    """Lines by (log type, file key), doubles included. `is_poisoned(record_id)`: a record that the sink never takes."""

    def __init__(self, is_poisoned, lag_us):
        self.is_poisoned = is_poisoned
        self._lag_us = lag_us
        self.lines = {}
        self.confirmed = set()  # ids with a strict receipt, or found by a search
        self.refused = Counter()  # id -> answers that said, truly, that nothing of its request is stored
        self.lied = set()  # ids that were acknowledged and never stored, or lost later

    def store(self, batch, lines, now_us, *, by_zombie):
        known = dict(zip(batch.lines, batch.ids, strict=True))
        rows = self.lines.setdefault((batch.log_type, batch.file_key), [])
        for line in lines:
            record_id = known[line]
            rows.append(StoredLine(record_id, line, int(record_id.split(b"-")[1], 16), now_us, now_us + self._lag_us,
                                   by_zombie))

    def confirm(self, batch, lines):
        known = dict(zip(batch.lines, batch.ids, strict=True))
        self.confirmed.update(known[line] for line in lines)

    def lie(self, batch, lines):
        known = dict(zip(batch.lines, batch.ids, strict=True))
        self.lied.update(known[line] for line in lines)

    def refuse(self, batch, lines):
        known = dict(zip(batch.lines, batch.ids, strict=True))
        self.refused.update(known[line] for line in lines)

    def search(self, log_type, file_key, from_offset, to_offset, now_us):
        found = Counter(row.record_id for row in self.lines.get((log_type, file_key), ())
                        if row.visible_us <= now_us and from_offset <= row.offset < to_offset)
        self.confirmed |= found.keys()
        return found

    def lose(self, since_us):
        """The sink was killed: what lies only in its memory and unsynced WAL is gone."""
        lost = 0
        for key, rows in self.lines.items():
            kept = [row for row in rows if row.stored_us < since_us]
            self.lied.update(row.record_id for row in rows if row.stored_us >= since_us)
            lost += len(rows) - len(kept)
            self.lines[key] = kept
        return lost
