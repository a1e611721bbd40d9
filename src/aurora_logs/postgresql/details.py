"""Values inside the texts of single messages that have columns of their own (record-schema.md §6.5, body details)."""

import re
from typing import Any

from aurora_logs.postgresql.events import crash_of
from aurora_logs.text import decimal, integer, micros, readable

_LOCK = re.compile(
    rb"process \d+ (?:still waiting for|acquired|avoided deadlock for|detected deadlock while waiting for) "
    rb"(?P<mode>\w{1,40}) on (?P<target>[^\n]{1,300}?) (?:after|by rearranging queue order after) "
    rb"(?P<ms>\d{1,12}(?:\.\d{1,6})?) ms"
)
_TEMP_FILE = re.compile(rb"temporary file: path [^\n]{1,1000}, size (\d{1,18})\Z")
_STARTING = re.compile(rb"(?:checkpoint|restartpoint) starting: ?([^\n]{0,200})")
_WROTE = re.compile(rb"wrote (\d+) buffers")
_WAL_FILES = re.compile(rb"(\d+) (?:WAL|transaction log) file\(s\) added, (\d+) removed, (\d+) recycled")
_PAIR = re.compile(rb"(write|sync|total|longest|average|distance|estimate|sync files)=(\d{1,15}(?:\.\d{1,6})?)")
_SESSION_TIME = re.compile(rb"disconnection: session time: (\d{1,6}):(\d\d):(\d\d(?:\.\d{1,6})?) ")
_TLS = re.compile(rb"SSL enabled \(protocol=([^,\s]{1,20}), cipher=([^,\s)]{1,60})")
_VACUUMED = re.compile(
    rb"automatic (?P<aggressive>aggressive )?(?:vacuum|analyze)(?P<wraparound> to prevent wraparound)? of table "
    rb"\"(?P<db>[^\".\n]{1,100})\.(?P<table>[^\"\n]{1,300})\""
)
_VACUUM_VALUES = {
    "index_scans": rb"index scans: (\d+)",
    "pages_removed": rb"pages: (\d+) removed",
    "pages_remain": rb"pages: \d+ removed, (\d+) remain",
    "tuples_removed": rb"tuples: (\d+) removed",
    "tuples_remain": rb"tuples: \d+ removed, (\d+) remain",
    "tuples_dead": rb"(\d+) are dead but not yet removable",
    "buffer_hits": rb"buffer usage: (\d+) hits",
    "buffer_misses": rb"buffer usage: \d+ hits, (\d+) (?:misses|reads)",
    "buffer_dirtied": rb"(\d+) dirtied",
    "wal_records": rb"WAL usage: (\d+) records",
    "wal_fpi": rb"WAL usage: \d+ records, (\d+) full page images",
    "wal_bytes": rb"full page images, (\d+) bytes",
    "read_mb_per_sec": rb"avg read rate: ([\d.]+) MB/s",
    "write_mb_per_sec": rb"avg write rate: ([\d.]+) MB/s",
    "cpu_user_sec": rb"CPU: user: ([\d.]+) s",
    "cpu_system_sec": rb"CPU: [^\n]*system: ([\d.]+) s",
    "elapsed_sec": rb"elapsed:? ([\d.]+) s",
}
_VACUUM = {name: re.compile(pattern) for name, pattern in _VACUUM_VALUES.items()}
_TEXT_BYTES = 4000  # looked at of one message


def read_details(message: bytes, event: str, fields: dict[str, Any]) -> None:
    """Add the values of a message whose event is known to the fields."""
    text = message[:_TEXT_BYTES]
    if event in ("lock_wait", "lock_acquired") and (lock := _LOCK.match(text)):
        fields["lock_wait_sec"] = ((micros(lock["ms"]) or 0) // 1000) / 1_000_000
        fields["lock_mode"], fields["lock_target"] = readable(lock["mode"])[0], readable(lock["target"])[0]
    elif event == "temp_file" and (size := _TEMP_FILE.match(text)):
        fields["temp_file_bytes"] = integer(size[1])
    elif event in ("checkpoint_start", "restartpoint_start") and (reason := _STARTING.match(text)):
        fields["checkpoint_reason"] = readable(reason[1])[0] or None
    elif event in ("checkpoint", "restartpoint"):
        _read_checkpoint(text, fields)
    elif event in ("autovacuum", "autoanalyze"):
        _read_vacuum(text, fields)
    elif event == "disconnect" and (time := _SESSION_TIME.match(text)):
        fields["session_duration_sec"] = int(time[1]) * 3600 + int(time[2]) * 60 + (decimal(time[3]) or 0.0)
    elif event == "connect" and (tls := _TLS.search(text)):
        fields["tls_protocol_version"], fields["tls_cipher"] = readable(tls[1])[0], readable(tls[2])[0]
    elif event in ("crash", "process_exited"):
        fields["crash_signal"], fields["crash_exit_code"] = crash_of(text)


def _read_checkpoint(text: bytes, fields: dict[str, Any]) -> None:
    if wrote := _WROTE.search(text):
        fields["metrics_checkpoint_buffers_written"] = integer(wrote[1])
    if wal := _WAL_FILES.search(text):
        for name, value in zip(("added", "removed", "recycled"), wal.groups(), strict=True):
            fields[f"metrics_checkpoint_wal_{name}"] = integer(value)
    for name, value in _PAIR.findall(text):
        key = name.decode().replace(" ", "_")
        if key in ("distance", "estimate"):
            fields[f"metrics_checkpoint_{key}_kb"] = integer(value)
        elif key == "sync_files":
            fields["metrics_checkpoint_sync_files"] = integer(value)
        else:
            fields[f"metrics_checkpoint_{key}_sec"] = decimal(value)


def _read_vacuum(text: bytes, fields: dict[str, Any]) -> None:
    if table := _VACUUMED.match(text):
        fields["db_namespace"], fields["db_collection_name"] = readable(table["db"])[0], readable(table["table"])[0]
        fields["vacuum_aggressive"] = True if table["aggressive"] else None
        fields["vacuum_wraparound"] = True if table["wraparound"] else None
    for name, pattern in _VACUUM.items():
        if found := pattern.search(text):
            reader = decimal if name.endswith("_sec") else integer
            fields[f"metrics_vacuum_{name}"] = reader(found[1])
