"""A pytest plug-in: every format gives one raw record for all bytes. What still passes proves nothing about parsing.

A test that asks no format (it reads a row, say) is not judged. At the end one line a test: `raw passed|failed NODE`.
"""

from collections.abc import Iterator
from typing import Any

from aurora_logs.formats import Origin, Step, all_formats, extent_of, raw_fields, wire
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import RECORD_TYPES, LogRecord
from aurora_logs.text import Times

ASKED: list[str] = []  # formats that the running test asked
OUTCOMES: list[str] = []


def _steps(log_type: str, chunk: Chunk, origin: Origin) -> Iterator[Step]:
    ASKED.append(log_type)
    if chunk.content:
        extent = extent_of(chunk, 0, len(chunk.content))
        record = RECORD_TYPES[log_type](**raw_fields(extent, origin, Times(), "mysql", "no head"))
        yield Step(record, len(chunk.content), Times())


def _entries(self: Any, chunk: Chunk, origin: Origin, context: bytes) -> Iterator[LogRecord]:  # noqa: ARG001
    return (step.record for step in _steps(self.log_type, chunk, origin) if step.record is not None)


def _ndjson(self: Any, chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
    return wire(_steps(self.log_type, chunk, origin), chunk, context, max_records=max_records, max_bytes=max_bytes)


def pytest_runtest_setup() -> None:
    """Begin a test."""
    ASKED.clear()


def pytest_runtest_logreport(report: Any) -> None:
    """Note how a test ended that asked a format."""
    if report.when == "call" and not report.skipped and (ASKED or report.failed):
        OUTCOMES.append(f"raw {report.outcome} {report.nodeid}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the outcomes."""
    terminalreporter.write_line("\n".join(OUTCOMES))


def pytest_configure() -> None:
    """Take the understanding out of every format before a test is collected."""
    for one in all_formats():
        kind: Any = type(one)
        kind.entries, kind.ndjson = _entries, _ndjson
