"""`tail` and `dump`: the live end of logs, straight from the source (UX-32)."""

import json
import re
import subprocess
import time

import pytest
from tests.acceptance.cli_world import PROGRAM, Simulator, aurora_logs, collecting, eventually, following
from tests.acceptance.pseudo_terminal import on_terminal


@pytest.fixture(scope="module")
def busy():
    """A simulator of its own: its logs grow and rotate when a test says so."""
    started = Simulator("--instances", "demo", "--history-hours", "0.2", "--entries-per-sec", "1")
    started.tell("stop-writing")
    yield started
    started.close()


@pytest.fixture
def env(simulator, collected):
    return simulator.env(collected)


def entries(answer):
    return [json.loads(line) for line in answer.out.splitlines()]


@pytest.mark.parametrize(("target", "instances"), [
    ("shop-1", {"shop-1"}), ("shop", {"shop-1", "shop-2"}), ("shop-.|repo", {"shop-1", "shop-2", "reports"}),
])
def test_a_target_is_an_instance_a_cluster_or_an_expression(env, target, instances):
    """UX-11, UX-32."""
    answer = aurora_logs("tail", target, "--direct", "-n", "3", "-o", "json", env=env)

    found = entries(answer)
    assert {one["instance_id"] for one in found} == instances
    assert [one["_timestamp"] for one in found] == sorted(one["_timestamp"] for one in found)


def test_more_instances_than_asked_for_are_refused_with_their_number(env):
    """UX-32: --max."""
    answer = aurora_logs("tail", ".", "--direct", "--max", "2", env=env)

    assert answer.code == 2
    assert "6 instances fit; --max 6" in answer.err


def test_an_entry_that_is_tailed_has_the_id_it_is_delivered_with(env):
    """UX-32: JSON of `tail` and rows of `query` can be joined."""
    found = entries(aurora_logs("tail", "shop|ledger", "--direct", "-n", "20", "-o", "json", env=env))
    union = " UNION ALL ".join(f"SELECT record_id FROM aurora_{name}_logs" for name in ("slowquery", "error", "postgresql"))
    stored = {row["record_id"] for row in aurora_logs("query", union, "-o", "ndjson", env=env).rows}

    assert len(found) > 50
    assert {one["record_id"] for one in found} <= stored


def test_entries_are_chosen_by_type_time_and_text(env):
    """UX-32: --type, --since, --tail, --include, --exclude."""
    everything = entries(aurora_logs("tail", "shop-1", "--direct", "--type", "slowquery", "-n", "500", "-o", "json", env=env))
    middle = everything[len(everything) // 2]
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(middle["_timestamp"] / 1e6))

    later = entries(aurora_logs("tail", "shop-1", "--direct", "--type", "slowquery", "--since", since, "-o", "json", env=env))
    chosen = entries(aurora_logs("tail", "shop-1", "--direct", "--type", "slowquery", "-n", "500", "--include", "(?i)select",
                                 "--exclude", "orders", "-o", "json", env=env))
    nothing = aurora_logs("tail", "shop-1", "--direct", "--exclude", ".", env=env)

    assert {one["log_type"] for one in everything} == {"slowquery"}
    assert 0 < len(later) < len(everything)
    assert {one["record_id"] for one in later} == {
        one["record_id"] for one in everything if one["_timestamp"] >= int(middle["_timestamp"] / 1e6) * 1_000_000}
    assert [one["record_id"] for one in chosen] == [
        one["record_id"] for one in everything if re.search("(?i)select", one.get("db_query_text", ""))
        and "orders" not in one["db_query_text"]]
    assert nothing.out == ""
    assert "no such entry at the end of 2 logs" in nothing.err
    assert aurora_logs("tail", "shop-1", "--direct", "--include", "(", env=env).code == 2


def test_a_log_that_cannot_be_read_stops_no_other(busy, tmp_path):
    """UX-32, UX-50, RDS-15: denied instances and binary ranges are told with the next step; exit 3, or the error's own for one."""
    env = busy.env(tmp_path)
    with busy.with_fault("access_denied", instance="shop-2"), busy.with_fault("binary_refused", instance="reports"):
        some = aurora_logs("tail", "shop|reports", "--direct", "-n", "2", "-o", "json", env=env)
        every = aurora_logs("tail", "shop-1|shop-2|reports", "--direct", "-n", "2", "-o", "json", env=env)
        denied, binary = (aurora_logs("tail", name, "--direct", env=env) for name in ("shop-2", "reports"))

    assert some.code == every.code == 3
    assert {one["instance_id"] for one in entries(every)} == {"shop-1"}
    assert "rds:DescribeDBLogFiles on db:shop-2" in every.err
    assert "aurora-logs dump reports error/postgresql.log" in every.err
    assert (denied.code, denied.out, binary.code) == (6, "", 4)
    assert denied.err.count("error: ") == binary.err.count("error: ") == some.err.count("error: shop") + 1 == 1


def test_what_it_takes_of_the_api_budget_is_told(env):
    """UX-32."""
    assert re.search(r"^\d API calls$", aurora_logs("tail", "shop-1", "--direct", env=env).err, re.MULTILINE)


def test_the_forms_hold_the_same_entries(env):
    """UX-32: default, json, extjson; raw gives the bytes."""
    words = ("tail", "shop-2", "--direct", "--type", "error", "-n", "5")

    as_json = entries(aurora_logs(*words, "-o", "json", env=env))
    extended = aurora_logs(*words, "-o", "extjson", env=env).out
    readable = aurora_logs(*words, env=env).out
    raw = subprocess.run([PROGRAM, *words, "-o", "raw"], env=env, capture_output=True, check=True).stdout

    decoder, position, pretty = json.JSONDecoder(), 0, []
    while position < len(extended.rstrip()):
        one, position = decoder.raw_decode(extended, position)
        pretty.append(one)
        position += 1
    assert pretty == as_json
    assert [line for line in readable.splitlines() if not line.startswith(" ")] == [
        line for line in readable.splitlines() if re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  error  ", line)]
    assert len([line for line in readable.splitlines() if not line.startswith(" ")]) == len(as_json)
    assert raw.count(b"\n") == 5


def test_what_is_highlighted_is_marked_on_a_terminal_alone(env):
    """UX-32."""
    words = ["tail", "shop-1", "--direct", "--type", "slowquery", "-n", "20", "--highlight", "(?i)select"]

    _, seen = on_terminal(words, env | {"NO_COLOR": ""})

    assert re.search("\x1b\\[1;33m(?i:select)\x1b\\[0m", seen)
    assert "\x1b" not in aurora_logs(*words, env=env).out



def test_what_comes_is_shown_also_after_a_rotation(busy, tmp_path):
    """UX-32: --follow; a live name that is another file now, and PostgreSQL's new name of the hour."""
    env = busy.env(tmp_path)
    for instance, log_type in (("shop-1", "slowquery"), ("ledger-1", "postgresql")):
        words = ("tail", instance, "--direct", "--type", log_type, "-n", "1", "--follow", "--every", "1", "-o", "json")
        with following(words, env) as (next_lines, process):
            seen = [json.loads(line)["record_id"] for line in next_lines()]
            for _ in range(2):
                busy.tell("write", instance=instance, log_type=log_type, count=3)
                seen += [json.loads(line)["record_id"] for line in next_lines(3)]
                busy.tell("rotate", instance=instance, log_type=log_type)

        assert len(set(seen)) == len(seen) == 7, instance
        assert process.returncode == 143


def test_following_many_logs_stays_within_the_reserve(busy, tmp_path):
    """UX-32, rds-log-api.md §10 rule 3: at most a tenth of RDS_API_RATE_LIMIT, whatever --every says."""
    env = busy.env(tmp_path) | {"RDS_API_RATE_LIMIT": "10"}
    with following(("tail", "shop|ledger", "--direct", "--follow", "--every", "1", "-n", "1"), env, "stderr") as (next_lines, _):
        told = next_lines()[0]

    assert told == "6 logs, a look every 6.0s: 10% of the API budget; Ctrl-C ends it\n"


def test_it_works_beside_a_collector_and_touches_no_state(busy, tmp_path):
    env = busy.env(tmp_path / "data", DISCOVERY_INTERVAL_SEC="1")
    with collecting(env, tmp_path) as (process, log):
        assert eventually(lambda: '"Started"' in log.read_text())
        answer = aurora_logs("tail", "billing", "--direct", "-n", "1", env=env)

        assert answer.code == 0
        assert process.poll() is None
