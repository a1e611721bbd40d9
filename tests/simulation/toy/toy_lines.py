"""A toy format for the simulation: entries begin with `T `, other lines belong to the entry before them."""

from zlib import crc32

import msgspec

from aurora_logs.formats import Step, identity, wire
from aurora_logs.records.log_record import LogRecord, record_id


class Nothing(msgspec.Struct):
    """The toy log carries nothing from entry to entry."""


class ToyLines:
    """The format: files below `toy/`, dated names."""

    name = "toy_lines"
    log_type = "error"

    def matches(self, engine, log_file_name):
        return log_file_name.startswith("toy/")

    def looks_like(self, sample):
        return 0.0

    def cut(self, buffer, *, final, quiet=False):
        if final or (quiet and buffer.endswith(b"\n")):
            return len(buffer)
        return buffer.rfind(b"\nT ") + 1

    def next_head(self, buffer, start):
        if start == 0 and buffer.startswith(b"T "):
            return 0
        return buffer.find(b"\nT ", max(0, start - 1)) + 1 or -1

    def entries(self, chunk, origin, context):
        return (step.record for step in self.walk(chunk, origin))

    def ndjson(self, chunk, origin, context, *, max_records, max_bytes):
        return wire(self.walk(chunk, origin), chunk, context, max_records=max_records, max_bytes=max_bytes)

    def walk(self, chunk, origin):
        at, content = 0, chunk.content
        while at < len(content):
            stop = len(content) if chunk.cut_bytes else content.find(b"\nT ", at) + 1 or len(content)
            text = content[at:stop]
            crc = chunk.crc if chunk.cut_bytes else crc32(text)
            head = text.startswith(b"T ")
            yield Step(LogRecord(
                **identity(origin, "mysql"), timestamp_us=1_795_342_317_000_000, event_name="toy", severity_number=9,
                record_id=record_id(origin.file_key, chunk.offset + at, crc), log_file_offset=chunk.offset + at,
                log_record_bytes=len(text) + chunk.cut_bytes, body=text.decode(errors="replace"), ts_quality="exact",
                truncated=(chunk.truncated and stop == len(content)) or None, parse_status="ok" if head else "raw"), stop, Nothing())
            at = stop


FORMAT = ToyLines()
