"""Chapter "files": how far each log file is delivered, and everything that is known of one."""

import datetime
from collections.abc import Iterable
from typing import Protocol

import msgspec

from aurora_logs.errors import NotFound
from aurora_logs.ops.moments import from_ms, from_sec
from aurora_logs.ops.steps import step
from aurora_logs.ports import StateAdmin, StateStore
from aurora_logs.records.fleet import TrackedFile, TrackedInstance
from aurora_logs.records.flow import Checkpoint, DeadLetter
from aurora_logs.stages.discover import GONE_AFTER, deadline_ms

STATUSES = ("discovered", "processing", "completed", "failed")


class State(StateStore, StateAdmin, Protocol):
    """Both faces of the state store, as operations use them."""


class FileLine(msgspec.Struct, frozen=True, kw_only=True):
    """One log file. Sizes in bytes; is_gone: RDS does not list it any more; purge_at: when RDS deletes it at the latest."""

    instance_id: str
    log_file_name: str
    log_type: str
    status: str
    file_size: int
    delivered_bytes: int
    behind_bytes: int
    records: int
    gap_bytes: int
    raw_records: int
    last_written: datetime.datetime | None
    updated_at: datetime.datetime | None
    audited_at: datetime.datetime | None
    purge_at: datetime.datetime | None
    is_gone: bool
    error: str
    segment_id: str
    family: str


class FileDetail(msgspec.Struct, frozen=True, kw_only=True):
    """All about one file: its line, its family's checkpoint, its open dead letters and its gaps."""

    file: FileLine
    checkpoint: Checkpoint | None
    dead_letters: list[DeadLetter]
    gaps: list[DeadLetter]


def line_of(row: TrackedFile, engine: str) -> FileLine:
    """Return the line of a tracking row. engine "": retention is not known, and no deadline is told."""
    return FileLine(
        instance_id=row.instance_id, log_file_name=row.log_file_name, log_type=row.log_type, status=row.status,
        file_size=row.file_size, delivered_bytes=row.delivered_bytes, behind_bytes=behind_bytes(row), records=row.records,
        gap_bytes=row.gap_bytes, raw_records=row.raw_records, last_written=from_ms(row.last_written),
        updated_at=from_sec(row.updated_at), audited_at=from_sec(row.audited_at),
        purge_at=from_ms(deadline_ms(engine, row)) if engine else None, is_gone=row.missing >= GONE_AFTER, error=row.error,
        segment_id=row.segment_id, family=row.family)


def behind_bytes(row: TrackedFile) -> int:
    """Return listed bytes that are not delivered."""
    return max(0, row.file_size - row.delivered_bytes)


def file_lines(state: State, *, instance_id: str = "", log_type: str = "", status: str = "") -> list[FileLine]:
    """Return the files, those most behind first. Raises: NotFound for an instance that is not known."""
    engines = engines_of(state.instances())
    if instance_id and instance_id not in engines:
        raise unknown_instance(instance_id, engines)
    found = [line_of(row, engines.get(row.instance_id, "")) for row in state.all_tracked()
             if instance_id in ("", row.instance_id) and log_type in ("", row.log_type) and status in ("", row.status)]
    return sorted(found, key=lambda one: (-one.behind_bytes, one.instance_id, one.log_file_name))


def file_detail(state: State, instance_id: str, log_file_name: str) -> FileDetail:
    """Return all that is known of one file. Raises: NotFound, with the nearest names."""
    engines = engines_of(state.instances())
    if instance_id not in engines:
        raise unknown_instance(instance_id, engines)
    rows = state.tracked(instance_id)
    row = next((one for one in rows if one.log_file_name == log_file_name), None)
    if row is None:
        raise NotFound(f"{instance_id} has no log file {log_file_name!r}{nearest(log_file_name, names_of(rows))}",
                       hint=step("files", "list", "--instance", instance_id))
    letters = [one for gaps in (False, True) for one in state.dead_letters(gaps=gaps)
               if (one.instance_id, one.log_file_name) == (instance_id, row.family)
               and row.segment_id in ("", one.segment_id)]
    return FileDetail(file=line_of(row, engines[instance_id]), checkpoint=state.checkpoint(instance_id, row.family),
                      dead_letters=[one for one in letters if not one.is_gap], gaps=[one for one in letters if one.is_gap])


def engines_of(known: Iterable[TrackedInstance]) -> dict[str, str]:
    """Return the engine of each known instance."""
    return {one.instance.instance_id: one.instance.engine for one in known}


def names_of(rows: Iterable[TrackedFile]) -> list[str]:
    """Return the listed names."""
    return [row.log_file_name for row in rows]


def unknown_instance(instance_id: str, known: Iterable[str]) -> NotFound:
    """Return the error for an instance that the state does not hold."""
    return NotFound(f"no instance {instance_id!r} is known here{nearest(instance_id, known)}",
                    hint="aurora-logs instances list")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the nearest known name, or nothing."""
    import difflib  # noqa: PLC0415 - only errors pay it

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
