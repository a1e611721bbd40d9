"""SEC-05, SEC-16, SEC-18, REC-43: planted credentials go through the real command, and stand in nothing that comes out.

What comes out: stored records, the data directory byte by byte (state, dead letters, checkpoints), the process's own log
at its loudest, every command's answer, and errors.
"""

import contextlib
import os
from pathlib import Path

import logs
import pytest
from planted import SECRET, SHORTEST, leaks
from tests.acceptance.cli_world import Answer, aurora_logs, environment
from tests.acceptance.test_openobserve_sink import Simulator

COUNT = int(os.environ.get("PLANTED_SECRETS", "100000"))  # entries of each of the three large files
WITHIN_SEC = 600.0
KEY = "a key of 16 or more characters"
MODES = ("default", "strict", "all")
NEEDLE = SECRET[:SHORTEST].encode()


def where_it_stands(folder: Path) -> list[str]:
    """The files below a folder in which a secret stands, with what is around it."""
    found = []
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        if NEEDLE in content:
            at = content.index(NEEDLE)
            found.append(f"{path.name}: {content[max(at - 300, 0) : at + 100]!r}")
    return found


def shown(answer: Answer) -> bytes:
    return (answer.out + answer.err).encode()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    logs.write(folder / "all", COUNT)
    logs.write(folder / "few", min(COUNT, 500))
    return folder


def settings(source: Path, data: Path, **changes: str) -> dict[str, str]:
    return environment(SOURCE_BACKEND="folder", SOURCE_DIR=str(source), DATA_DIR=str(data), LOG_LEVEL="DEBUG",
                       BATCH_TIMEOUT_SEC="0.1", **changes)  # fmt: skip


def records_in(data: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in (data / "batches").rglob("*.ndjson"))


def test_the_files_hold_a_secret_in_every_entry(source: Path) -> None:
    """Else the search below would prove nothing."""
    for instance, name, lines in logs.FILES:
        content = (source / "few" / instance / name).read_bytes()
        assert content.count(NEEDLE) >= len(list(lines(500))) * 0.6


def test_nothing_that_a_collector_leaves_behind_or_says_holds_a_secret(source: Path, tmp_path: Path) -> None:
    """SEC-18: 100,000 statements a dialect through the whole product."""
    env = settings(source / "all", tmp_path / "data")

    done = aurora_logs("run", "--once", env=env, within_sec=WITHIN_SEC)

    assert done.code == 0, done.err[-2000:]
    assert not leaks(shown(done))
    assert records_in(tmp_path / "data") >= 3 * COUNT + 2 * (COUNT // 10)
    assert where_it_stands(tmp_path / "data") == []


@pytest.mark.parametrize(("mode", "key"), [("default", KEY), ("strict", None), ("all", KEY)])
def test_no_mode_and_no_command_shows_a_secret(source: Path, tmp_path: Path, mode: str, key: str | None) -> None:
    data = tmp_path / "data"
    env = settings(source / "few", data, REDACTION=mode, **({"REDACTION_KEY": key} if key else {}))
    commands = [
        ["run", "--once"], ["top", "queries", "--limit", "1000", "-o", "json"], ["files", "list", "-o", "json"],
        ["query", "select * from aurora_postgresql_logs", "-o", "ndjson", "--limit", "100000"], ["dlq", "list", "-o", "json"],
        ["search", SECRET, "-o", "json"], ["config", "show", "-o", "json"],
        ["health", "-o", "json"],
    ]  # fmt: skip
    for words in commands:
        answer = aurora_logs(*words, env=env, within_sec=WITHIN_SEC)
        said = shown(answer).replace(f"'{SECRET}'".encode(), b"") if SECRET in words else shown(answer)
        assert not leaks(said), (words, said[max(said.find(NEEDLE) - 300, 0) :][:500])
        assert key is None or key.encode() not in said
    assert where_it_stands(data) == []
    assert key is None or all(key.encode() not in path.read_bytes() for path in data.rglob("*") if path.is_file())


@pytest.mark.parametrize("mode", MODES)
def test_parse_and_its_errors_show_no_secret(source: Path, tmp_path: Path, mode: str) -> None:
    """Files cut in the middle of an entry, and files that no format knows."""
    env = environment(REDACTION=mode)
    for instance, name, _ in logs.FILES:
        path = source / "few" / instance / name
        cut = tmp_path / path.name
        content = path.read_bytes()
        cut.write_bytes(content[len(content) // 3 + 7 : len(content) // 2 + 11])
        unknown = tmp_path / "unknown.bin"
        unknown.write_bytes(content.replace(b":", b"=").replace(b"#", b"+")[:20_000])
        for words in ([cut, "-o", "ndjson"], [unknown], [unknown, "--format", "mysql_slow", "-o", "ndjson"]):
            answer = aurora_logs("parse", *words, env=env)
            assert not leaks(shown(answer)), words


def test_dead_letters_and_what_another_sink_is_sent_hold_no_secret(source: Path, tmp_path: Path) -> None:
    """SEC-16: the stand-in's window is five hours, so that every record is too old and its range becomes a dead letter."""
    with contextlib.ExitStack() as stack:
        server = Simulator("openobserve", "--port", "0")
        stack.callback(server.close)
        password = tmp_path / "password"
        password.write_text(server.ready["password"], encoding="utf-8")
        env = settings(source / "few", tmp_path / "data", SINK_BACKEND="openobserve", OPENOBSERVE_URL=server.url,
                       OPENOBSERVE_USER=server.ready["user"], OPENOBSERVE_PASS_FILE=str(password),
                       POST_TIMEOUT_SEC="1", SKEW_SEC="0", SETTLE_SEC="1.5", LEASE_SEC="3", RETRY_BACKOFF_SEC="0.1")  # fmt: skip
        done = aurora_logs("run", "--once", env=env, within_sec=WITHIN_SEC)
        letters = aurora_logs("dlq", "list", "-o", "json", env=env)
        said = [shown(done), shown(letters)]
        said += [shown(aurora_logs("dlq", "show", one["message_id"], "-o", "json", env=env)) for one in letters.items[:3]]

    assert letters.items
    assert not any(map(leaks, said))
    assert where_it_stands(tmp_path / "data") == []
