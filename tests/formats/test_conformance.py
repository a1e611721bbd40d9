"""`tools/conformance.py`: the events of a folder of logs under the keys of peers, told by the records alone."""

import ast
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from reading import NAMES, corpora, workload
from tools import conformance

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "conformance.py"
KINDS = {kind: kind for kind in ("mysql_slow", "mysql_error", "mysql_general", "mysql_audit")} | {
    "pg_stderr": "postgresql_stderr", "pg_csvlog": "postgresql_csvlog", "pg_jsonlog": "postgresql_jsonlog",
}  # fmt: skip


def folder_of(where: Path, names: dict[str, str], seed: int = 0) -> Path:
    """A folder of generated logs, file name -> kind, its entries in any order; what `expected` names is no file."""
    entries = [{"file": name, "kind": "file", "format": kind, "expected": "is/a/folder"} for name, kind in names.items()]
    random.Random(seed).shuffle(entries)
    (where / "is/a/folder").mkdir(parents=True)
    for name, kind in names.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_bytes(workload(KINDS[kind], kind, 30))
    (where / "manifest.json").write_text(json.dumps({"entries": entries}))
    return where


def run(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, folder, "--emit", out], capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_events_are_the_same_whatever_the_files_are_called_and_however_they_are_ordered(tmp_path):
    """REC-47: and although what is expected can't be opened."""
    named = {f"{kind}/x.log": kind for kind in KINDS}
    other = {f"somewhere/{number}.txt": kind for number, kind in enumerate(KINDS)}
    runs = [run(folder_of(tmp_path / "a", named), tmp_path / "out a"), run(folder_of(tmp_path / "b", other, 7), tmp_path / "out b")]
    assert [one.returncode for one in runs] == [0, 0], runs
    for first, second in zip(named, other, strict=True):
        content = (tmp_path / "out a" / f"{first}.jsonl").read_text()
        assert content.count("\n") >= 25
        assert (tmp_path / "out b" / f"{second}.jsonl").read_text() == content


def test_a_folder_without_a_manifest_is_an_error_that_says_so(tmp_path):
    ended = run(tmp_path, tmp_path / "out")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "manifest.json: no manifest" in ended.stderr


def test_an_unknown_format_gives_a_message_and_an_empty_file(tmp_path):
    (tmp_path / "a.log").write_text("text\n")
    (tmp_path / "manifest.json").write_text(json.dumps({"entries": [{"file": "a.log", "kind": "file", "format": "odd"}]}))
    ended = run(tmp_path, tmp_path / "out")
    assert (ended.returncode, (tmp_path / "out/a.log.jsonl").read_text()) == (0, "")
    assert ended.stderr == "a.log: no format odd here\n"


def test_snippets_give_one_array_a_case(tmp_path):
    cases = [{"input": "2019-01-03T08:50:04.6Z 113 [Note] Access denied for user 'a'@'b' (using password: NO)\n"}, {"input": ""}]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    entry = {"file": "s.jsonl", "kind": "snippets", "format": "mysql_error"}
    (tmp_path / "manifest.json").write_text(json.dumps({"entries": [entry]}))
    assert run(tmp_path, tmp_path / "out").returncode == 0
    first, second = map(json.loads, (tmp_path / "out/s.jsonl.jsonl").read_text().splitlines())
    assert (first[0]["client_user"], first[0]["client_host"], first[0]["ts"], second) == ("a", "b", "2019-01-03T08:50:04.6Z", [])


@pytest.mark.parametrize("path", [TOOL, *sorted((ROOT / "tools/events").glob("*.py"))], ids=lambda path: path.name)
def test_the_tool_searches_no_text_and_knows_no_expectation(path):
    """It maps what `entries()` gave: no regular expression, no `expected` file."""
    tree = ast.parse(path.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert not {"re", "fnmatch", "glob", "difflib"} & imported
    assert "expected" not in words


def test_every_format_of_the_product_is_mapped():
    assert {kind.format for kind in conformance.KINDS.values()} >= set(NAMES)


@pytest.mark.parametrize("split", ["dev"])
def test_the_corpora_are_read_right(tmp_path, split):
    """REC-47: of the formats that exist; where the corpora are present."""
    folder = corpora() / split
    if not folder.is_dir():
        pytest.skip("the corpora are not part of the repository: set AURORA_LOGS_CORPORA")
    assert run(folder, tmp_path).returncode == 0
    told = subprocess.run([sys.executable, corpora() / "compare.py", folder, tmp_path], capture_output=True, text=True, check=True)
    table = {line.split(" ", 1)[0]: ast.literal_eval(line.split(" ", 1)[1]) for line in told.stdout.splitlines()}
    print(told.stdout)
    for name in ("mysql_slow", "mysql_error", "mysql_general", "mysql_audit", "pg_csvlog", "pg_jsonlog"):
        counts = table[name]
        assert counts["count_ok"] == counts["files"] > 0, name
        assert counts["ok"] >= 0.995 * counts["fields"] > 0, name
