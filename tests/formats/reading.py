"""How the tests read a log: whole, or in portions as the product does, by either face."""

import os
import random
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from tests.formats.rows import RowWriter, csv_row, json_line

from aurora_logs.formats import Format, Origin
from aurora_logs.records.flow import Chunk
from aurora_logs.records.log_record import LogRecord, encode, file_key_of
from aurora_logs_simulator.workload import Writer, writer

FAR = 1 << 40
NAMES = {
    "mysql_slow": ("slowquery", "aurora-mysql", "slowquery/mysql-slowquery.log", "2026-11-22.10"),
    "mysql_error": ("error", "aurora-mysql", "error/mysql-error-running.log", "2026-11-22.10"),
    "mysql_general": ("general", "aurora-mysql", "general/mysql-general.log", "2026-11-22.10"),
    "mysql_audit": ("audit", "aurora-mysql", "audit/audit.log.0", None),
    "postgresql_csvlog": ("postgresql", "aurora-postgresql", "error/postgresql.log.2026-11-22-10.csv", None),
    "postgresql_jsonlog": ("postgresql", "aurora-postgresql", "error/postgresql.log.2026-11-22-10.json", None),
    "postgresql_stderr": ("postgresql", "aurora-postgresql", "error/postgresql.log.2026-11-22-10", None),
}

IN_COLUMNS = {"postgresql_csvlog": csv_row, "postgresql_jsonlog": json_line}


class Read(NamedTuple):
    """What a reading of a whole log gave."""

    lines: list[bytes]
    ids: list[bytes]
    context: bytes
    furniture_bytes: int


def origin(name: str, **changes: object) -> Origin:
    log_type, engine, file, ordinal = NAMES[name]
    segment = f"{file}@{ordinal}" if ordinal else file
    values = {
        "instance_id": "shop-1", "cluster_id": "shop", "log_type": log_type, "log_file_name": file,
        "log_segment": ordinal, "file_key": file_key_of("db-EXAMPLEEXAMPLEEXAMPLE00", log_type, segment),
        "engine": engine, "cloud_region": "eu-central-1", "cloud_account_id": "123456789012",
    }  # fmt: skip
    return Origin(**{**values, **changes})


def fast(form: Format, text: bytes, where: Origin, context: bytes = b"", offset: int = 0) -> Read:
    parsed = form.ndjson(Chunk(content=text, offset=offset), where, context, max_records=FAR, max_bytes=FAR)
    assert parsed.end_offset == offset + len(text)
    return Read(parsed.lines, parsed.ids, parsed.context, parsed.furniture_bytes)


def typed(form: Format, text: bytes, where: Origin, context: bytes = b"", offset: int = 0) -> list[LogRecord]:
    return list(form.entries(Chunk(content=text, offset=offset), where, context))


def wired(records: list[LogRecord]) -> list[bytes]:
    return [encode(record) for record in records]


def in_portions(form: Format, text: bytes, where: Origin, sizes: list[int], max_records: int = FAR) -> Read:
    """Read as the product does: portions of the given sizes, the tail carried, the context from batch to batch."""
    lines: list[bytes] = []
    ids: list[bytes] = []
    context, furniture, begin, end = b"", 0, 0, 0
    for size in cycle(sizes):
        if begin >= len(text):
            break
        end = min(end + size, len(text))
        whole = begin + form.cut(text[begin:end], final=end == len(text))
        while begin < whole:
            chunk = Chunk(content=text[begin:whole], offset=begin)
            parsed = form.ndjson(chunk, where, context, max_records=max_records, max_bytes=FAR)
            assert parsed.end_offset > begin
            lines += parsed.lines
            ids += parsed.ids
            context, begin = parsed.context, parsed.end_offset
            furniture += parsed.furniture_bytes
    return Read(lines, ids, context, furniture)


def assert_true(form: Format, name: str, engine: str, *, redaction: str = "off", written: Writer | None = None) -> None:
    """Every entry of the simulator's writer becomes one record with the true values."""
    written = written or writer_of(name, engine, "truth")
    entries = [written.entry(1_795_342_317_811_234 + number * 700_003) for number in range(1500)]
    where = origin(name, engine=engine, redaction=redaction, log_segment=None)
    found = typed(form, b"".join(entry.content for entry in entries), where)
    assert len(found) == len(entries)
    for entry, record in zip(entries, found, strict=True):
        about_text = {"shape", "secret", "fake_head"}
        named = {("timestamp_us" if key == "_timestamp" else key): value for key, value in entry.fields.items() if key not in about_text}
        assert {key: getattr(record, key) for key in named} == named, entry.content
        assert record.parse_status == ("partial" if entry.fields.get("truncated") else "ok"), entry.content


def writer_of(name: str, engine: str, seed: str) -> Writer:
    """The simulator's writer of a format; where it writes another form of that log, its messages in this one."""
    written = writer(NAMES[name][0], engine, seed)
    return RowWriter(written, IN_COLUMNS[name]) if name in IN_COLUMNS else written


def workload(name: str, seed: str, entries: int) -> bytes:
    """Log text of the simulator's writer, with its oddities (fake heads, credentials)."""
    written = writer_of(name, NAMES[name][1], seed)
    now_us, rnd = 1_795_342_317_811_234, random.Random(seed)
    pieces = [written.file_header(now_us)]
    for _ in range(entries):
        now_us += rnd.randrange(1_000, 3_000_000)
        pieces.append(written.entry(now_us)[0])
        if rnd.random() < 0.01:
            pieces.append(written.file_header(now_us))
    return b"".join(pieces)


def mutated(text: bytes, seed: int, times: int) -> bytes:
    """Spoil a log: bytes changed, pieces cut out, doubled or moved, marks and odd line ends put in."""
    rnd = random.Random(seed)
    odd = (b"\n", b"\r\n", b"\n\n", b";", b"; \n", b"\x00", b"\xff\xfe", b"#", b"\n# ", b"# Time: ", b"'", b'"', b"\\",
           b"[Your log message was truncated]\n", b"\n[Your log message was truncated]\n", b"007", b"-", b"use ", b"\t",
           b"# User@Host: a[a] @  []  Id: 1\n", b"# Query_time: x\n", b"\xe2\x80\xa8", b"IDENTIFIED BY 'x'", b"[1]:LOG:  ",
           b"2026-11-22 10:11:57 UTC:", b"2026-11-22T10:11:57.1Z 0 [", b"1970-01-01T00:00:00Z", b"SET timestamp=1;\n",
           b"# administrator command: Quit;\n", b", Version: x started with:\nTcp port: 1\nTime Id Command Argument\n")  # fmt: skip
    for _ in range(times):
        at = rnd.randrange(len(text) + 1)
        to = min(len(text), at + rnd.choice((1, 1, 3, 20, 200)))
        kind = rnd.randrange(5)
        if kind == 0:
            text = text[:at] + rnd.choice(odd) + text[at:]
        elif kind == 1:
            text = text[:at] + text[to:]
        elif kind == 2:
            text = text[:at] + text[at:to] + text[at:]
        elif kind == 3:
            text = text[:at] + rnd.choice(odd) + text[to:]
        else:
            other = rnd.randrange(len(text) + 1)
            text = text[:other] + text[at:to] + text[other:]
    return text


def corpora() -> Path:
    """Where the public samples lie; they are no part of the repository."""
    named = os.environ.get("AURORA_LOGS_CORPORA")
    return Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "corpora"
