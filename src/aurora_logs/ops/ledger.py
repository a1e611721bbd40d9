"""Chapter "audit report": the ledger of completeness: of what RDS listed, how much is delivered, proved, parked or lost.

listed = delivered + behind; of the delivered bytes, gaps are lost and reported, parked ranges wait in RESCUE_DIR. Bytes of
files that RDS has deleted stand in it until discovery prunes their rows, which it does only after the audit.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from aurora_logs.ops.files import State, behind_bytes
from aurora_logs.ops.moments import from_ms
from aurora_logs.records.fleet import TrackedFile
from aurora_logs.records.flow import DeadLetter
from aurora_logs.records.letters import RESCUED

By = Literal["file", "hour", "instance"]


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One file, hour of the last write, or instance. Sizes in bytes.

    read: fetched and delivered, parked, given up or reported as gap. confirmed: of files that passed their audit.
    parked: in RESCUE_DIR; dead_letter: other ranges given up for now; gap: lost. unproved: files delivered and not audited.
    """

    key: str
    files: int
    listed_bytes: int
    read_bytes: int
    delivered_bytes: int
    confirmed_bytes: int
    behind_bytes: int
    parked_bytes: int
    dead_letter_bytes: int
    gap_bytes: int
    records: int
    unproved: int


def ledger(state: State, *, by: By, instance_id: str = "") -> list[LedgerLine]:
    """Return the lines in the order of their keys."""
    letters = state.dead_letters()
    groups: dict[str, list[TrackedFile]] = {}
    for row in state.all_tracked():
        if instance_id in ("", row.instance_id):
            groups.setdefault(_KEYS[by](row), []).append(row)
    return [_line(key, rows, letters) for key, rows in sorted(groups.items())]


def is_whole(lines: Iterable[LedgerLine]) -> bool:
    """Tell whether all that was listed is delivered and nothing is lost, parked or given up."""
    return not any(one.behind_bytes or one.parked_bytes or one.dead_letter_bytes or one.gap_bytes for one in lines)


def _hour(row: TrackedFile) -> str:
    moment = from_ms(row.last_written)
    return f"{moment:%Y-%m-%d %H:00Z}" if moment else ""


_KEYS: dict[By, Callable[[TrackedFile], str]] = {
    "file": lambda row: f"{row.instance_id} {row.log_file_name}", "hour": _hour, "instance": lambda row: row.instance_id}


def _line(key: str, rows: list[TrackedFile], letters: Iterable[DeadLetter]) -> LedgerLine:
    segments = {(row.resource_id, row.segment_id) for row in rows if row.segment_id}
    sizes = [(one.reason == RESCUED, one.to_position - one.from_position) for one in letters
             if (one.resource_id, one.segment_id) in segments]
    parked, given_up = (sum(size for is_parked, size in sizes if is_parked is kind) for kind in (True, False))
    read, lost = sum(row.delivered_bytes for row in rows), sum(row.gap_bytes for row in rows)
    return LedgerLine(
        key=key, files=len(rows), listed_bytes=sum(row.file_size for row in rows), read_bytes=read,
        delivered_bytes=read - lost - parked - given_up,
        confirmed_bytes=sum(row.delivered_bytes - row.gap_bytes for row in rows if row.audited_at),
        behind_bytes=sum(map(behind_bytes, rows)), parked_bytes=parked, dead_letter_bytes=given_up, gap_bytes=lost,
        records=sum(row.records for row in rows),
        unproved=sum(row.status == "completed" and not row.audited_at and row.records > 0 for row in rows))
