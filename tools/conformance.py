"""Runs the product on a folder of logs with a manifest and writes the events that it read.

python tools/conformance.py DIR --emit OUT        (in the repository's root, the product installed)

DIR holds manifest.json and the files that it names. OUT gets one file an entry: its path plus `.jsonl`, one event a
line; for snippets one JSON array a line. Exit codes: 0 all written, 2 no manifest.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.events import Event, mysql, postgresql  # noqa: E402

from aurora_logs.formats import Origin, all_formats  # noqa: E402
from aurora_logs.records.flow import Chunk  # noqa: E402
from aurora_logs.records.log_record import LogRecord  # noqa: E402


class Kind(NamedTuple):
    """How one format of a manifest is read: by which of ours, and from record to events; native: under the log's own names."""

    format: str
    events: Callable[[LogRecord, str], list[Event]]
    native: Callable[[LogRecord, str], list[Event]] | None = None


KINDS = {
    "mysql_slow": Kind("mysql_slow", mysql.slow_events),
    "mysql_error": Kind("mysql_error", mysql.error_events),
    "mysql_general": Kind("mysql_general", mysql.general_events),
    "mysql_audit": Kind("mysql_audit", mysql.audit_events),
    "pg_stderr": Kind("postgresql_stderr", postgresql.stderr_events),
    "pg_csvlog": Kind("postgresql_csvlog", postgresql.row_events, postgresql.native_row_events),
    "pg_jsonlog": Kind("postgresql_jsonlog", postgresql.row_events, postgresql.native_row_events),
}


class Entry(NamedTuple):
    """What of a manifest's entry may be known here: nothing of what is expected of it."""

    file: str
    kind: str
    format: str
    zone: str
    is_native: bool = False


def entries_of(manifest: Path) -> list[Entry]:
    """Read the manifest. Raises: OSError, ValueError when it is none."""
    listed = json.loads(manifest.read_text(encoding="utf-8"))["entries"]
    return [Entry(one["file"], one["kind"], one["format"], one.get("assume_tz") or "UTC",
                  one.get("expectation") == "fields_native") for one in listed]


def events_of(text: bytes, kind: Kind, zone: str, *, raw: bool) -> Iterable[Event]:
    """Read a whole log, its end taken as closed. raw: with the records of text that no rule understood."""
    chosen = next(one for one in all_formats() if one.name == kind.format)
    origin = Origin(instance_id="local", cluster_id="", log_type=chosen.log_type, log_file_name="log", log_segment=None,
                    file_key="a" * 13, engine="", zone=zone, redaction="off", entry_max_bytes=1 << 30)
    for record in chosen.entries(Chunk(content=text, offset=0), origin, b"") if text else ():
        if raw or record.parse_status != "raw":
            yield from kind.events(record, zone)


def lines_of(entry: Entry, folder: Path) -> list[str]:
    """Give the output lines of an entry."""
    kind = KINDS.get(entry.format)
    if kind is None or not any(one.name == kind.format for one in all_formats()):
        print(f"{entry.file}: no format {entry.format} here", file=sys.stderr)
        return []
    if entry.is_native and kind.native is not None:
        kind = kind._replace(events=kind.native)
    content = (folder / entry.file).read_bytes()
    if entry.kind == "file":
        return [_text(event) for event in events_of(content, kind, entry.zone, raw=False)]
    cases = [json.loads(line) for line in content.splitlines() if line.strip()]
    return [_text(list(events_of(str(case["input"]).encode(), kind, entry.zone, raw=True))) for case in cases]


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def main() -> int:
    """Write the events of every entry and a summary."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", metavar="DIR", type=Path)
    arguments.add_argument("--emit", metavar="OUT", type=Path, required=True)
    chosen = arguments.parse_args()
    started_sec = time.monotonic()
    try:
        entries = entries_of(chosen.folder / "manifest.json")
    except (OSError, ValueError, LookupError) as error:
        print(f"{chosen.folder / 'manifest.json'}: no manifest: {error}", file=sys.stderr)
        return 2
    events = 0
    for entry in entries:
        lines = lines_of(entry, chosen.folder)
        target = chosen.emit / f"{entry.file}.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        events += len(lines)
    print(f"{len(entries)} entries, {events:,} lines, {time.monotonic() - started_sec:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
