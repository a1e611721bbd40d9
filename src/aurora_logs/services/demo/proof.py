"""The proof: the simulator's ledger beside what lies physically in the sink's files, file by file."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from aurora_logs.adapters.embedded.directory import DataDirectory
from aurora_logs.adapters.embedded.physical import stored_lines
from aurora_logs.records.flow import DeadLetter

TOKEN = re.compile(rb"tok_[0-9a-f]{16}")


class Line(msgspec.Struct, kw_only=True):
    """One line of the demo's ledger: an instance and a log type."""

    instance_id: str
    log_type: str
    written: int = 0
    delivered: int = 0
    lost: int = 0
    lost_by_server: int = 0
    doubled: int = 0
    gaps: int = 0
    gap_bytes: int = 0
    bytes: int = 0


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The whole comparison; `problems` is empty exactly when the demo's promise held."""

    lines: list[Line]
    records: int
    problems: list[str]

    @property
    def written(self) -> int:
        """Entries that the simulator wrote."""
        return sum(line.written for line in self.lines)


def physical_tokens(directory: DataDirectory) -> tuple[Counter[str], int]:
    """Count each token once a stored record, over all batch and Parquet files, and the records. No view takes part."""
    counts: Counter[str] = Counter()
    records = 0
    for line in stored_lines(directory):
        records += 1
        counts.update({token.decode() for token in TOKEN.findall(line)})
    return counts, records


def compare(ledger: Mapping[str, Any], counts: Counter[str], records: int, gaps: Iterable[DeadLetter],
            open_letters: Iterable[DeadLetter]) -> Proof:
    """Compare file by file: written = delivered + lost by the server, gaps = unreadable ranges, each token once."""
    lines: dict[tuple[str, str], Line] = {}
    problems: list[str] = []
    reported: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for gap in gaps:
        if gap.to_position > gap.from_position:
            key = gap.instance_id, gap.segment_id
            reported.setdefault(key, set()).add((gap.from_position, gap.to_position))
    for book in ledger["files"]:
        line = lines.setdefault((book["instance"], book["log_type"]), Line(instance_id=book["instance"],
                                                                           log_type=book["log_type"]))
        line.bytes += book["bytes_written"]
        _compare_file(book, counts, line, problems)
        expected = {(span["start"], span["end"]) for span in book["unreadable"]}
        found = reported.pop((book["instance"], book["segment"]), set())
        line.gaps += len(found)
        line.gap_bytes += sum(end - start for start, end in found)
        if found != expected:
            problems.append(f"{book['instance']} {book['segment']}: gaps {sorted(found)}, unreadable {sorted(expected)}")
    problems += [f"{key[0]} {key[1]}: gap {sorted(spans)} of an unknown file" for key, spans in reported.items()]
    problems += [f"open dead letter {letter.message_id}: {letter.instance_id} {letter.log_file_name} {letter.reason}"
                 for letter in open_letters]
    return Proof(lines=list(lines.values()), records=records, problems=problems)


def _compare_file(book: Mapping[str, Any], counts: Counter[str], line: Line, problems: list[str]) -> None:
    where = f"{book['instance']} {book['segment']}"
    missing, doubled = [], []
    for entry in book["entries"]:
        if entry.get("part") or not entry["token"]:
            continue
        line.written += 1
        times = counts[entry["token"]]
        line.delivered += min(times, 1)
        if times == 0 and entry["lost"]:
            line.lost_by_server += 1
        elif times == 0:
            missing.append(entry["start"])
        elif times > 1:
            doubled.append(entry["start"])
    line.lost += len(missing)
    line.doubled += len(doubled)
    if missing:
        problems.append(f"{where}: {len(missing)} entries lost, the first at byte {missing[0]}")
    if doubled:
        problems.append(f"{where}: {len(doubled)} entries doubled, the first at byte {doubled[0]}")
