"""The list of numbered cases: `make cases` reads it and the tests, so that what is covered is never kept by hand."""

import subprocess
import sys

import pytest
from tests.architecture.tree import ROOT
from tools import cases


def test_every_case_that_a_test_cites_exists():
    known, families = set(cases.all_ids()), {one.partition("-")[0] for one in cases.all_ids()}
    unknown = [(one, test.node) for test in cases.all_tests() for one in test.ids
               if one.partition("-")[0] in families and one not in known]

    assert unknown == []


def test_the_list_holds_every_case_once_and_in_order():
    ids = cases.all_ids()
    keys = [(family, number.rstrip("0123456789"), int(number.lstrip("CDKLPRST")))
            for family, _, number in (one.partition("-") for one in ids)]

    assert len(ids) == len(set(ids))
    assert keys == sorted(keys)
    assert {one.partition("-")[0] for one in ids} == {"BAN", "FMT", "FP", "NAM", "OO", "RDS", "REC", "REL", "RUN", "SEC"}


@pytest.mark.parametrize(("text", "ids"), [
    ("RDS-35, FMT-05: half of the last entry", {"RDS-35", "FMT-05"}), ("FMT-46 to FMT-48: heads", {"FMT-46", "FMT-47", "FMT-48"}),
    ("FP-01..03", {"FP-01", "FP-02", "FP-03"}), ("BAN-C01 and UTF-8", {"BAN-C01", "UTF-8"}), ("nothing", set()),
])
def test_a_docstring_names_cases_and_ranges_of_them(text, ids):
    assert cases.cited(text) == ids


def test_a_case_without_a_test_is_listed_as_such():
    test = cases.Test("tests/x.py::test_y", frozenset({"FMT-12"}), "'x'", ("body",))

    assert list(cases.lines_of("FMT-13", [test], frozenset())) == ["FMT-13   no test"]
    assert list(cases.lines_of("FMT-12", [test], frozenset())) == ["FMT-12   tests/x.py::test_y  input 'x'; asserts body"]
    assert "does not count" in next(cases.lines_of("FMT-12", [test], frozenset({test.node})))


def test_a_test_that_passes_on_raw_records_is_found(tmp_path):
    """What `--raw` asks: the plug-in takes the understanding out of every format."""
    (tmp_path / "test_planted.py").write_text(
        "from aurora_logs.formats import all_formats\nfrom aurora_logs.records.flow import Chunk\n"
        "from tests.formats.reading import origin, typed\n"
        "SLOW = next(one for one in all_formats() if one.name == 'mysql_slow')\n"
        "HEAD = b'# Time: 2026-11-22T10:11:57.811234Z\\n# User@Host: a[a] @  [10.0.0.1]  Id: 1\\n'\n"
        "ENTRY = HEAD + b'# Query_time: 2.4  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 3\\nSET timestamp=1;\\nselect 1;\\n'\n"
        "def test_weak(): assert len(typed(SLOW, ENTRY, origin('mysql_slow'))) == 1\n"
        "def test_true(): assert typed(SLOW, ENTRY, origin('mysql_slow'))[0].duration_sec == 2.4\n"
        "def test_other(): assert 1 == 1\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
    plain, raw = (subprocess.run([*command, *more, str(tmp_path / "test_planted.py")], cwd=ROOT, capture_output=True, text=True,
                                 check=False) for more in ([], ["-p", "tools.raw_only"]))

    assert "3 passed" in plain.stdout, plain.stdout
    outcomes = [line.split(" ")[1] + line.rpartition("::")[2] for line in raw.stdout.splitlines() if line.startswith("raw ")]
    assert outcomes == ["passedtest_weak", "failedtest_true"]
