"""How lists are asked for, on the real command: forms, fields, order, watching, colours, zones, narrow screens, signals."""

import csv
import io
import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from tests.acceptance.cli_world import PROGRAM, WITHIN_SEC, aurora_logs, environment
from tests.acceptance.pseudo_terminal import OWN_ESCAPES, Screen, on_terminal

PROMISED = json.loads((Path(__file__).parents[1] / "unit/cli/promised_fields.json").read_text())
LISTS = [("health",), ("instances", "list"), ("files", "list"), ("checkpoints", "list"), ("gaps", "list"), ("dlq", "list"),
         ("top", "queries"), ("search", "--limit", "5"), ("config", "show"), ("doctor",),
         ("query", "SELECT instance_id, count(*) AS n FROM aurora_slowquery_logs GROUP BY ALL")]


@pytest.fixture
def env(simulator, collected):
    return simulator.env(collected)


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_yaml_is_the_object_of_json(env, words):
    """UX-36, UX-39."""
    as_json = json.loads(aurora_logs(*words, "-o", "json", env=env).out)
    as_yaml = yaml.safe_load(aurora_logs(*words, "-o", "yaml", env=env).out)

    assert as_yaml.keys() == as_json.keys()
    assert as_yaml["kind"] == as_json["kind"]
    assert all(set(item) == set(PROMISED[as_json["kind"]]) for item in as_json["items"] if as_json["kind"] != "rows")
    assert [set(item) for item in as_yaml["items"]] == [set(item) for item in as_json["items"]]


def test_fields_order_filter_and_limit_mean_the_same_in_every_form(env):
    """UX-36."""
    asked = ("files", "list", "--columns", "instance_id,SIZE", "--sort", "-size", "--filter", "type=slowquery", "--limit", "2")

    rows = aurora_logs(*asked, "-o", "ndjson", env=env).rows
    as_csv = list(csv.reader(io.StringIO(aurora_logs(*asked, "-o", "csv", "--no-headers", env=env).out)))
    table = aurora_logs(*asked, env=env)

    assert [list(row) for row in rows] == [["instance_id", "file_size"]] * 2
    assert rows[0]["file_size"] >= rows[1]["file_size"]
    assert as_csv == [[row["instance_id"], str(row["file_size"])] for row in rows]
    assert [line.split()[0] for line in table.out.splitlines()] == ["INSTANCE", *(row["instance_id"] for row in rows)]
    assert re.fullmatch(r"2 of \d+ lines\n", table.err)


@pytest.mark.parametrize(("words", "meant"), [
    (("--columns", "instance"), ""), (("--columns", "behnd"), "behind"), (("--sort", "-bytes_behind"), "did you mean behind?"),
    (("--filter", "stats=failed"), "status"), (("--filter", "status"), "FIELD"), (("--colums", "x"), "--columns"),
    (("-o", "jsno"), "json"), (("--watch=soon",), "2s"),
], ids=str)
def test_what_is_misspelt_is_answered_with_the_nearest(env, words, meant):
    """UX-51."""
    answer = aurora_logs("files", "list", *words, env=env)

    assert answer.code == (2 if meant else 0)
    assert meant in answer.err


def test_names_alone_lead_from_one_command_to_the_next(env):
    """UX-36: -q."""
    listed = aurora_logs("files", "list", "--filter", "behind_bytes=0", "--limit", "1", "-q", env=env)

    shown = aurora_logs("files", "show", *listed.out.split(), env=env)

    assert listed.err == ""
    assert shown.code == 0


def test_times_are_shown_in_the_asked_zone_which_is_printed(env):
    """UX-41."""
    words = ("files", "list", "--limit", "1", "--columns", "last_written", "--no-headers")

    utc, berlin = (aurora_logs(*words, *zone, env=env).out.strip() for zone in ((), ("--timezone", "Europe/Berlin")))
    local = aurora_logs(*words, "--timezone", "local", env=env | {"TZ": "America/New_York"}).out.strip()

    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", utc)
    assert re.fullmatch(r".*\+0[12]:00", berlin)
    assert re.fullmatch(r".*-0[45]:00", local)
    assert aurora_logs(*words, "--timezone", "Mars", env=env).code == 2


def test_ranges_of_time_are_told_and_hold(env):
    """UX-43."""
    middle = aurora_logs("query", "SELECT approx_quantile(_timestamp, 0.5) AS t FROM aurora_slowquery_logs", "-o", "ndjson",
                         env=env).rows[0]["t"]
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(middle / 1e6))

    before = aurora_logs("search", "--type", "slowquery", "--until", moment, "-o", "ndjson", env=env)
    after = aurora_logs("search", "--type", "slowquery", "--since", moment, "--limit", "10000", "-o", "ndjson", env=env)
    turned = aurora_logs("search", "--since", "1h", "--until", "2h", env=env)

    assert before.err.startswith(f"until {moment.replace('T', ' ')}")
    assert max(row["time"] for row in before.rows) <= moment.replace("Z", ".999Z")
    assert min(row["time"] for row in after.rows) >= moment.replace("Z", "")
    assert turned.code == 2
    counted = aurora_logs("top", "queries", "--since", moment, "-o", "json", "--limit", "100000", env=env).items
    assert 0 < sum(one["count"] for one in counted) < sum(one["count"] for one in aurora_logs(
        "top", "queries", "-o", "json", "--limit", "100000", env=env).items)


def test_a_pipe_gets_one_json_line_a_round_and_ctrl_c_ends_with_the_last_verdict(env):
    """UX-44."""
    for words, code in ((("files", "list"), 0), (("health", "--data-dir", env["DATA_DIR"]), None)):
        process = subprocess.Popen([PROGRAM, *words, "--watch=0.2s"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        rounds = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WITHIN_SEC)

        assert {one["schema_version"] for one in rounds} == {1}
        assert process.returncode == (code if code is not None else aurora_logs(*words, env=env).code)


def test_a_terminal_is_drawn_again_and_again(env):
    """UX-44: from the top, and nothing of an earlier round stays."""
    screen = Screen(["instances", "list", "--watch=0.2s"], env)
    screen.wait_for("shop-2")
    first = len(screen.seen)
    while len(screen.seen) < first * 3:
        assert screen.process.poll() is None
    screen.interrupt()

    code, seen = screen.end()

    assert code == 0
    assert seen.count("\x1b[H") >= 3
    assert seen.count("INSTANCE") >= 3


def test_a_watch_outlives_what_is_away_for_a_moment(simulator, tmp_path):
    """UX-44: a look that fails is told, the next one comes; only the first must work."""
    env = simulator.env(tmp_path / "data")
    assert aurora_logs("files", "list", "--watch", env=env).code == 4
    aurora_logs("run", "--once", "--instance", "reports", env=env)
    process = subprocess.Popen([PROGRAM, "files", "list", "--watch=0.1s"], env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    assert json.loads(process.stdout.readline())["items"]

    (tmp_path / "data").rename(tmp_path / "away")
    assert "no Aurora Logs data" in process.stderr.readline()
    (tmp_path / "away").rename(tmp_path / "data")
    back = [json.loads(process.stdout.readline())["items"] for _ in range(2)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WITHIN_SEC)

    assert all(back)
    assert process.returncode == 0


@pytest.mark.parametrize(("flags", "changes", "expected"), [
    ((), {}, True), (("--color", "never"), {}, False), ((), {"NO_COLOR": "1"}, False), ((), {"TERM": "dumb"}, False),
    (("--color=always",), {"NO_COLOR": "1"}, True),
])
def test_a_terminal_gets_colours_unless_somebody_minds(env, flags, changes, expected):
    """UX-42."""
    _, seen = on_terminal(["files", "list", *flags], {**env, "NO_COLOR": "", **changes})

    assert ("\x1b[32mcompleted\x1b[0m" in seen) is expected
    assert "completed" in seen


def test_a_pipe_gets_no_colours_unless_it_asks(env):
    """UX-42, UX-38: the same table but for them."""
    plain = aurora_logs("files", "list", env=env | {"NO_COLOR": ""}).out
    painted = aurora_logs("files", "list", "--color", "always", env=env).out

    assert "\x1b" not in plain
    assert OWN_ESCAPES.sub("", painted) == plain
    assert painted != plain


@pytest.mark.parametrize("words", [words for words in LISTS if words != ("doctor",)], ids=" ".join)
def test_a_narrow_terminal_cuts_log_text_alone(env, words):
    """UX-38."""
    piped = aurora_logs(*words, env=env)
    _, seen = on_terminal(words, env | {"NO_COLOR": "1"}, columns=40)

    whole = {word for line in piped.out.splitlines()[1:] for word in line.split("  ")[:1]}
    assert all(name.strip() in seen for name in whole if name.strip())
    if words[0] in ("top", "search"):
        assert re.search(r"… \+[0-9,]+", seen)


def test_an_output_that_is_not_utf_8_gets_ascii(env):
    """UX-42."""
    latin = env | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

    for words in (("search", "--limit", "200"), ("doctor",), ("top", "queries")):
        _, seen = on_terminal(words, latin)
        assert seen.isascii()
    assert "ok   settings" in aurora_logs("doctor", env=latin).out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("words", [("query", "SELECT count(*) FROM range(100000000000) a, range(100) b"),
                                   ("tail", "shop-1", "--direct", "--follow"), ("files", "list", "--watch"), ("parse", "-")],
                         ids=lambda words: words[0])
def test_a_signal_ends_a_long_command_at_once_and_cleanly(env, words, number):
    """UX-49: 130 and 143 after clean-up; a list that is watched ends with its verdict at Ctrl-C."""
    process = subprocess.Popen([PROGRAM, *words], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1.5)
    assert process.poll() is None
    begun_sec = time.monotonic()
    process.send_signal(number)
    _, told = process.communicate(timeout=WITHIN_SEC)

    assert process.returncode == (0 if words[-1] == "--watch" and number == signal.SIGINT else 128 + number), told
    assert time.monotonic() - begun_sec < 5
    assert b"Traceback" not in told


def test_settings_are_flags_of_the_commands_that_collect_and_check(tmp_path, env):
    """UX-60, UX-63: flags > environment > file > default; the same checks; each flag names its variable."""
    (tmp_path / "my.toml").write_text("batch_size = 10\nlease_sec = 7\nmax_retries = 1\n")
    words = ("config", "show", "--config", tmp_path / "my.toml", "--batch-size", "30", "-o", "ndjson", "--filter",
             "name~BATCH_SIZE|LEASE_SEC|MAX_RETRIES|SKEW_SEC")

    rows = aurora_logs(*words, env=env | {"BATCH_SIZE": "20", "LEASE_SEC": "8"}).rows
    wrong = aurora_logs("run", "--once", "--batch-size", "0", "--max-concurrency", "many", env=env)

    assert {row["name"]: (row["value"], row["origin"]) for row in rows} == {
        "BATCH_SIZE": (30, "flag"), "LEASE_SEC": (8, "environment"), "MAX_RETRIES": (1, f"file {tmp_path}/my.toml:3"),
        "SKEW_SEC": (5, "default")}
    assert wrong.code == 2
    assert "BATCH_SIZE = '0' (flag)" in wrong.err
    assert "MAX_CONCURRENCY = 'many' (flag)" in wrong.err


def test_read_only_refuses_what_changes_something_and_nothing_else(letters):
    """UX-58."""
    flag = aurora_logs("dlq", "replay", "--all", "--yes", "--read-only", env=letters)
    setting = aurora_logs("dlq", "replay", "--all", "--yes", env=letters | {"READ_ONLY": "true"})
    plan = aurora_logs("dlq", "replay", "--all", "--dry-run", "--read-only", env=letters)

    assert (flag.code, setting.code, plan.code) == (6, 6, 0)
    assert "READ_ONLY" in flag.err
    assert aurora_logs("dlq", "list", "--read-only", env=letters).code == 0


def test_a_person_is_asked_before_something_changes(letters):
    """UX-56, UX-57: the plan, then the question; No changes nothing."""
    screen = Screen(["dlq", "replay", "--all"], letters)
    screen.wait_for("go on?")
    screen.type("n\n")

    code, seen = screen.end()

    assert code == 0
    assert "no record will be shown twice" in seen
    assert "queued" not in seen


@pytest.mark.parametrize(("words", "code", "told"), [
    (("parse", "{slow}", "-o", "ndjson", "--to", "{none}/x"), 4, "where   {none}/x"),
    (("parse", "{slow}", "-o", "ndjson", "--to", "/sys/x"), 6, "owner and permissions"),
    (("parse", "{closed}"), 6, "where   {closed}"), (("parse", "{slow}/x"), 4, "is a file"),
])
def test_what_the_system_refuses_is_told_with_place_and_next_step(tmp_path, words, code, told):
    """UX-47, UX-51: no traceback, and not the code of a bug."""
    from tests.acceptance.test_cli_errors import without_root_rights
    from tests.acceptance.test_cli_parse import SLOW

    places = {"slow": tmp_path / "slow.log", "none": tmp_path / "none", "closed": tmp_path / "closed.log"}
    for name in ("slow", "closed"):
        places[name].write_text(SLOW)
    places["closed"].chmod(0)

    answer = aurora_logs(*(word.format(**places) for word in words), preexec_fn=without_root_rights)

    assert answer.code == code, answer.err
    assert told.format(**places) in answer.err
    assert "next    " in answer.err


@pytest.mark.parametrize("words", [("query", "SELECT 1"), ("files", "list"), ("version",), ("config", "show")],
                         ids=lambda words: words[0])
def test_a_full_disk_behind_standard_output_is_told(env, words):
    """REL-50 for readers: said once, no traceback, exit 7."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([PROGRAM, *words], env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 7
    assert done.stderr == ("error: No space left on device\n  where   standard output\n"
                           "  next    free space there, then run the same command again\n")


def test_a_closed_pipe_ends_every_list_in_silence(env):
    """UX-45: also when the verdict is not 0."""
    for words in (("health",), ("top", "queries", "--limit", "100000", "-o", "wide"), ("search", "--limit", "3000", "-o", "yaml"),
                  ("config", "show"), ("parse", "-", "-o", "ndjson")):
        process = subprocess.Popen([PROGRAM, *words], env=env, stdin=subprocess.DEVNULL if "-" not in words else subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()
        if process.stdin:
            process.stdin.close()
            process.stdin = None
        told = process.stderr.read()
        process.stderr.close()

        assert b"Traceback" not in told
        assert b"Broken" not in told
        assert process.wait(WITHIN_SEC) in (0, 2, 8)


def test_versions_are_told_to_programs_and_before_a_traceback(env):
    """UX-74."""
    item = aurora_logs("version", "-o", "json").items[0]
    debug = subprocess.run([PROGRAM, "files", "list", "--debug"], env=env, capture_output=True, text=True, check=True)

    assert set(item) == {"version", "commit", "python", "libraries"}
    assert re.fullmatch(r"[0-9a-f]{40}", item["commit"])
    assert item["libraries"]["duckdb"]
    assert debug.stderr.startswith(f"aurora-logs {item['version']}, python {item['python']}, ")


def test_nothing_is_written_outside_the_data_directory(simulator, tmp_path):
    """UX-26: a home folder, a cache, the working directory stay as they were."""
    for name in ("home", "cwd", "tmp"):
        (tmp_path / name).mkdir()
    env = simulator.env(tmp_path / "data", HOME=str(tmp_path / "home"), TMPDIR=str(tmp_path / "tmp"), XDG_DATA_HOME=None,
                        XDG_CONFIG_HOME=None, XDG_CACHE_HOME=None)
    for words in (("run", "--once", "--instance", "reports"), ("top", "queries"), ("doctor",), ("health",)):
        subprocess.run([PROGRAM, *words], cwd=tmp_path / "cwd", env=env, capture_output=True, check=False)

    assert [list((tmp_path / name).iterdir()) for name in ("home", "cwd", "tmp")] == [[], [], []]
    assert (tmp_path / "data" / "state.sqlite3").exists()


def test_environment_variables_of_another_program_do_not_choose_the_output():
    """UX-60: what belongs to one call has no variable; only settings do."""
    answer = aurora_logs("config", "show", "--changed", env=environment(OUTPUT="json", LIMIT="1", COLUMNS="20", FILTER="x"))

    assert answer.code == 0
    assert answer.err == "every setting has its default\n"
