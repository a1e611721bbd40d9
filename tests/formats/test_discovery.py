"""Formats are found by the file's name or its content, and a new one is one new file (H-10)."""

import textwrap

import pytest
from reading import FAR, NAMES, origin, workload

from aurora_logs import formats
from aurora_logs.records.flow import Chunk
from aurora_logs_simulator.workload import writer
from aurora_logs_simulator.workload.error_log import ErrorLogWriter
from aurora_logs_simulator.workload.error_styles import STYLES

NOW_US = 1_795_342_317_811_234

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


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("mysql")])
@pytest.mark.parametrize("engine", ["aurora-mysql", "mysql", "mariadb"])
def test_every_log_of_the_mysql_family_is_known_by_its_content_alone(name, engine):
    """Its own format is the only sure one, so that no order of trying decides."""
    made = writer(NAMES[name][0], engine, "content")
    text = made.file_header(NOW_US) + b"".join(made.entry(NOW_US + number).content for number in range(40))
    sure = [form.name for form in formats.all_formats() if form.looks_like(text) >= 0.6]
    assert (sure, formats.detect(text).name) == ([name], name)


@pytest.mark.parametrize("style", STYLES)
def test_an_error_log_is_known_in_every_style(style):
    made = ErrorLogWriter("content", engine="mysql", style=style)
    assert formats.detect(b"".join(made.entry(NOW_US + number).content for number in range(40))).name == "mysql_error"


@pytest.mark.parametrize(
    "text",
    [
        "261122 10:11:57  InnoDB: Started; log sequence number 0 43655\nInnoDB: Doing recovery\n",
        "261122 10:11:57InnoDB: Warning: cannot find a free slot for an undo log. Do you have too\nInnoDB: many active transactions\n",
        "InnoDB: Unable to lock ./ibdata1, error: 37\nInnoDB: Check\n10:11:57 UTC - mysqld got signal 11 ;\n",
        "2026-11-22 10:12:07 0x2b76b6e68700InnoDB: transactions deadlock detected, dumping detailed information.\n*** (1) TRANSACTION:\n",
        "261122 10:11:57 mysqld_safe Starting mysqld daemon with databases from /var/lib/mysql\n",
    ],
)
def test_an_error_log_without_labels_is_known_by_its_words(text):
    assert formats.detect(text.encode()).name == "mysql_error"


def test_dated_lines_alone_are_no_error_log():
    for line in ("2026-11-22 10:11:57 GET /index.html 200", "2026-11-22T10:11:57Z 12 started", "2026-11-22 10:11:57 [info] x"):
        assert formats.detect(f"{line}\n".encode() * 50) is None, line


def test_foreign_text_has_no_format():
    assert formats.detect(b"just a text\nof two lines\n") is None
    assert formats.detect(b"") is None
    assert formats.format_of("mysql", "error/mysql-error.log") is None
