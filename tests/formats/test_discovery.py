"""Formats are found by the file's name or its content, and a new one is one new file (H-10)."""

import textwrap

import pytest
from reading import FAR, NAMES, origin, workload

from aurora_logs import formats
from aurora_logs.records.flow import Chunk

TOY = '''
"""A toy: one record a line."""

from aurora_logs.formats import Step, extent_of, raw_fields, wire
from aurora_logs.records.log_record import LogRecord
from aurora_logs.text import Times


class Toy:
    name = "toy"
    log_type = "toy"

    def matches(self, engine, log_file_name):
        return log_file_name.startswith("toy/")

    def looks_like(self, sample):
        return 1.0 if sample.startswith(b"toy ") else 0.0

    def cut(self, buffer, *, final, quiet=False):
        return len(buffer) if final else buffer.rfind(b"\\n") + 1

    def next_head(self, buffer, start):
        return start

    def steps(self, chunk, origin):
        end = 0
        for line in chunk.content.splitlines(keepends=True):
            extent = extent_of(chunk, end, end + len(line))
            end += len(line)
            yield Step(LogRecord(**raw_fields(extent, origin, Times(), "toy", "no head")), end, Times())

    def entries(self, chunk, origin, context):
        return (step.record for step in self.steps(chunk, origin))

    def ndjson(self, chunk, origin, context, *, max_records, max_bytes):
        return wire(self.steps(chunk, origin), chunk, context, max_records=max_records, max_bytes=max_bytes)


FORMAT = Toy()
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(textwrap.dedent(TOY))
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    formats.all_formats.cache_clear()
    yield formats.format_of("", "toy/toy.log")
    monkeypatch.undo()
    formats.all_formats.cache_clear()


def test_a_new_format_is_one_new_file(toy):
    assert toy.name == "toy"
    assert formats.detect(b"toy one\ntoy two\n") is toy
    where = origin("mysql_slow", log_type="toy", log_file_name="toy/toy.log")
    parsed = toy.ndjson(Chunk(content=b"toy one\ntoy two\n", offset=0), where, b"", max_records=FAR, max_bytes=FAR)
    assert (len(parsed.lines), parsed.end_offset, parsed.raw_records, parsed.furniture_bytes) == (2, 16, 2, 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_format_knows_its_own_text(name):
    assert formats.detect(workload(name, "known", 40)).name == name
    assert formats.format_of(NAMES[name][1], NAMES[name][2]).name == name
    assert formats.format_of("", NAMES[name][2]).name == name


def test_foreign_text_has_no_format():
    assert formats.detect(b"just a text\nof two lines\n") is None
    assert formats.detect(b"") is None
    assert formats.format_of("mysql", "error/mysql-error.log") is None
