"""The RDS log source against the simulator in another process: whole files, both doors, odd bytes, throttling."""

import contextlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter

import pytest

from aurora_logs.adapters.aws.log_source import open_rds_source
from aurora_logs.adapters.embedded.system import SystemClock
from aurora_logs.errors import (
    AccessDenied,
    BinaryRefused,
    CompleteFileRefused,
    InstanceGone,
    InstanceNotReady,
    LogFileGone,
    MarkerRefused,
    Throttled,
    Transient,
    Unreachable,
)
from aurora_logs.resilience import RateLimit
from aurora_logs.segments import build_marker, parse_marker

KEY_ID, SECRET, EXPIRED_TOKEN = "SIMULATOR", "simulator-secret", "expired"
CALLS_PER_SEC = 500.0
PORTION_MAX_BYTES = 1_048_576
WITHIN_SEC = 60.0


class Simulator:
    """A simulator in a process of its own; `tell` and `ask` use its control surface."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aurora_logs_simulator", "serve", "--port", "0", "--start", "2026-10-10T10:40:00+00:00",
             "--entries-per-sec", "1", "--history-hours", "2.5", "--seed", "7", *options],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.url = json.loads(self.process.stdout.readline())["endpoint"]

    def ask(self, name):
        with urllib.request.urlopen(f"{self.url}/_simulator/{name}", timeout=WITHIN_SEC) as answer:
            return json.load(answer)

    def tell(self, name, **values):
        request = urllib.request.Request(f"{self.url}/_simulator/{name}", json.dumps(values).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=WITHIN_SEC) as answer:
            return json.load(answer)

    def close(self):
        self.process.terminate()
        self.process.wait(WITHIN_SEC)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def shared_simulator():
    simulator = Simulator("--calls-per-sec", "0")
    simulator.tell("stop-writing")
    yield simulator
    simulator.close()


@pytest.fixture
def simulator(shared_simulator):
    """The simulator with no fault on; faults that a test plants end with it."""
    yield shared_simulator
    for rule in shared_simulator.ask("faults")["rules"]:
        shared_simulator.tell("faults", off=rule["fault"])


@pytest.fixture
def open_source(monkeypatch):
    opened = []

    def start(url, *, variable="AWS_ENDPOINT_URL_RDS", token="", calls_per_sec=CALLS_PER_SEC, **options):
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_RDS", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(variable, url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        if token:
            monkeypatch.setenv("AWS_SESSION_TOKEN", token)
        clock = SystemClock(threading.Event())
        limit = RateLimit(clock=clock, ceiling_per_sec=calls_per_sec, lock=threading.Lock())
        opened.append(open_rds_source(clock=clock, limit=limit, region="eu-central-1", **options))
        return opened[-1]

    yield start
    for source in opened:
        source.close()


@pytest.fixture
def source(open_source, simulator):
    return open_source(simulator.url)


def by_portions(source, instance_id, log_file_name):
    """Read a file from its first byte until nothing more comes."""
    content, marker = b"", "0"
    while True:
        answer = source.read(instance_id, log_file_name, marker)
        if not answer.content:
            return content
        assert len(answer.content) <= PORTION_MAX_BYTES
        assert parse_marker(answer.marker).offset == len(content) + len(answer.content)
        content, marker = content + answer.content, answer.marker


def as_complete_file(source, instance_id, log_file_name):
    with source.complete_file(instance_id, log_file_name) as pieces:
        return b"".join(pieces)


def files_of(source, instance_id):
    return {file.log_file_name: file for file in source.log_files(instance_id)}


def one_of(source, instance_id, part):
    return next(name for name in sorted(files_of(source, instance_id)) if part in name)


def test_the_fleet_is_listed_with_its_roles(source):
    """RDS-04."""
    fleet = {instance.instance_id: instance for instance in source.instances()}

    assert sorted(fleet) == ["billing", "ledger-1", "ledger-2", "reports", "shop-1", "shop-2"]
    assert {name for name, one in fleet.items() if one.is_cluster_writer} == {"ledger-1", "shop-1"}
    assert {one.engine for one in fleet.values()} == {"aurora-mysql", "aurora-postgresql", "mysql", "postgres"}
    assert len({one.resource_id for one in fleet.values()}) == 6
    assert fleet["shop-1"].aws_region == "eu-central-1"


def test_every_file_is_the_same_by_portions_and_as_complete_file(source):
    """RDS-20, RDS-93, RDS-117: of every instance, engine and log type; more than one portion among them."""
    most_portions = 0
    for instance in source.instances():
        for name, file in files_of(source, instance.instance_id).items():
            portions = by_portions(source, instance.instance_id, name)
            assert portions == as_complete_file(source, instance.instance_id, name), name
            assert len(portions) == file.size_bytes, name
            most_portions = max(most_portions, -(-len(portions) // PORTION_MAX_BYTES))

    assert most_portions >= 2


def test_a_listing_can_be_narrowed_to_what_was_written_since(source):
    """RDS-08, RDS-10: the very millisecond is included."""
    files = files_of(source, "billing")
    newest = max(files.values(), key=lambda file: file.last_written_ms)
    since = source.log_files("billing", written_since_ms=newest.last_written_ms)

    assert newest.log_file_name in [file.log_file_name for file in since]
    assert len(since) < len(files)
    assert {file.log_file_name for file in source.log_files("billing", name_contains="slowquery")} == {
        name for name in files if "slowquery" in name
    }  # fmt: skip


def test_a_built_marker_goes_on_in_mid_portion_and_a_read_without_marker_finds_the_end(source):
    """RDS-30."""
    name = one_of(source, "billing", "slowquery/mysql-slowquery.log")
    first = source.read("billing", name, "0")
    middle = source.read("billing", name, build_marker(parse_marker(first.marker).ordinal, 1_000), max_lines=5)
    last = source.read("billing", name, "", max_lines=1)

    assert first.content[1_000:].startswith(middle.content)
    assert middle.content.count(b"\n") == 5
    assert last.content.count(b"\n") == 1
    assert parse_marker(last.marker).offset == files_of(source, "billing")[name].size_bytes


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_RDS"])
def test_session_token_and_endpoint_are_honoured_on_both_paths(open_source, simulator, variable):
    """RDS-101: describes, portions and complete files all reach the simulator, signed with the token."""
    before = Counter(simulator.ask("calls")["calls"])
    source = open_source(simulator.url, variable=variable, token="of-a-role")
    name = one_of(source, "reports", "error/")
    source.read("reports", name, "0")
    as_complete_file(source, "reports", name)
    made = Counter(simulator.ask("calls")["calls"]) - before

    assert sum(made.values()) == 3 == sum(source.calls.values())


def test_an_expired_session_is_said_on_every_path(open_source, simulator):
    source = open_source(simulator.url, token=EXPIRED_TOKEN)
    asks = [
        source.instances, lambda: source.read("billing", "error/mysql-error-running.log", "0"),
        lambda: as_complete_file(source, "billing", "error/mysql-error-running.log"),
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(AccessDenied, match="credentials were refused"):
            ask()


@pytest.mark.parametrize("spelling", ["cdata", "entities_named", "entities_decimal", "entities_hex"])
def test_every_spelling_of_the_xml_gives_the_same_bytes(source, simulator, spelling):
    """RDS-76."""
    name = one_of(source, "shop-1", "slowquery/")
    plain = by_portions(source, "shop-1", name)
    simulator.tell("faults", fault=spelling, probability=1.0)

    assert by_portions(source, "shop-1", name) == plain
    assert simulator.ask("faults")["struck"][spelling] >= 1


def test_control_bytes_broken_text_and_carriage_returns_arrive_unchanged(open_source):
    """RDS-71, RDS-33: one call a portion, no parser error; checked against the complete file."""
    options = [part for fault in ("control_bytes", "carriage_returns", "multi_byte") for part in ("--fault", f"{fault}=0.5")]
    odd = Simulator("--calls-per-sec", "0", *options)
    with contextlib.closing(odd):
        odd.tell("stop-writing")
        source = open_source(odd.url)
        for instance_id in ("billing", "reports"):
            for name in files_of(source, instance_id):
                content = by_portions(source, instance_id, name)
                assert content == as_complete_file(source, instance_id, name)
        assert all(odd.ask("faults")["struck"][fault] for fault in ("control_bytes", "carriage_returns"))
    for byte in (b"\0", b"\x1b", b"\x01", b"\r\n"):
        assert byte in content


@pytest.mark.parametrize(("fault", "leaf"), [
    ("throttle", Throttled), ("error_500", Unreachable), ("error_503", Unreachable), ("reset", Unreachable),
    ("reset_mid_body", Unreachable), ("html_answer", Unreachable), ("empty_body", Unreachable), ("cut_xml", Unreachable),
    ("access_denied", AccessDenied), ("instance_not_ready", InstanceNotReady), ("file_not_found_once", LogFileGone),
    ("binary_refused", BinaryRefused), ("marker_refused", MarkerRefused), ("clock_skew", AccessDenied),
])  # fmt: skip
def test_a_fault_is_its_leaf_and_the_next_read_is_right_again(source, simulator, fault, leaf):
    """RDS-15, 38, 39, 74, 77, 90: nothing of a bad answer is used, and nothing sticks to the source."""
    name = one_of(source, "reports", "error/")
    good = source.read("reports", name, "0")
    simulator.tell("faults", fault=fault, probability=1.0, instance="reports", operation="DownloadDBLogFilePortion")
    with pytest.raises(leaf) as told:
        source.read("reports", name, good.marker if fault == "marker_refused" else "0")
    simulator.tell("faults", off=fault)

    assert type(told.value) is leaf
    assert source.read("reports", name, "0") == good


@pytest.mark.parametrize("fault", ["html_answer", "empty_body", "reset", "cut_xml", "error_500", "throttle"])
def test_a_bad_answer_to_a_listing_is_transient(source, simulator, fault):
    """RDS-77 for boto3's calls: an empty or HTML body is no empty fleet."""
    simulator.tell("faults", fault=fault, probability=1.0)
    for ask in (source.instances, lambda: source.log_files("billing")):
        with pytest.raises(Transient):
            ask()


def test_data_marker_and_flag_may_be_missing(source, simulator):
    """RDS-22, RDS-23, RDS-24."""
    name = one_of(source, "reports", "error/")
    whole = source.read("reports", name, "0")
    for fault, seen in {
        "data_missing": lambda answer: answer.content == b"", "data_empty_element": lambda answer: answer.content == b"",
        "marker_missing": lambda answer: answer.marker is None and answer.content == whole.content,
        "marker_missing_no_data": lambda answer: (answer.content, answer.marker) == (b"", None),
        "pending_missing": lambda answer: answer.more is False and answer.content == whole.content,
    }.items():  # fmt: skip
        simulator.tell("faults", fault=fault, probability=1.0)
        answer = source.read("reports", name, "0")
        simulator.tell("faults", off=fault)
        assert seen(answer), fault


@pytest.mark.parametrize("fault", ["complete_gzip_transfer", "complete_gzip_content"])
def test_a_packed_complete_file_gives_the_same_bytes(source, simulator, fault):
    """RDS-98."""
    name = one_of(source, "reports", "error/")
    plain = by_portions(source, "reports", name)
    simulator.tell("faults", fault=fault, probability=1.0)

    assert as_complete_file(source, "reports", name) == plain


@pytest.mark.parametrize("share", [0.3, 0.999])
def test_a_complete_file_that_is_cut_raises_and_what_came_is_its_beginning(source, simulator, share):
    """RDS-95."""
    name = one_of(source, "reports", "error/")
    plain, came = by_portions(source, "reports", name), []
    simulator.tell("faults", fault="complete_cut", probability=1.0, value=share)
    with source.complete_file("reports", name) as pieces, pytest.raises(Unreachable):
        came.extend(pieces)

    assert plain.startswith(b"".join(came))
    assert len(b"".join(came)) < len(plain)


@pytest.mark.parametrize(("fault", "leaf"), [
    ("complete_forbidden", CompleteFileRefused), ("complete_not_found", LogFileGone), ("throttle", Throttled),
])  # fmt: skip
def test_a_refused_complete_file_is_its_leaf(source, simulator, fault, leaf):
    """RDS-97."""
    name = one_of(source, "reports", "error/")
    simulator.tell("faults", fault=fault, probability=1.0)
    with pytest.raises(leaf):
        as_complete_file(source, "reports", name)


def test_hostile_names_are_read_by_portions_and_signed_right_or_refused_as_complete_files(source, simulator):
    """RDS-102: a name is data in the form of a portion; in a path it stays one name or is refused."""
    plain = set(files_of(source, "shop-2"))
    simulator.tell("faults", fault="hostile_names", probability=1.0)
    ways = Counter()
    for name in set(files_of(source, "shop-2")) - plain:
        content = source.read("shop-2", name, "0").content
        try:
            assert as_complete_file(source, "shop-2", name) == content
            ways["signed"] += 1
        except CompleteFileRefused:
            ways["refused"] += 1

    assert ways["signed"]
    assert ways["refused"]


def test_an_unknown_instance_is_gone_and_the_others_go_on(source):
    with pytest.raises(InstanceGone):
        source.log_files("nobody")
    assert source.log_files("billing")


def test_an_empty_listing_is_asked_again(source, simulator):
    """RDS-05."""
    files = files_of(source, "billing")
    simulator.tell("faults", fault="listing_empty", nth=1, instance="billing", times=1)

    assert files_of(source, "billing") == files
    assert source.calls["DescribeDBLogFiles", "empty"] == 1


def test_a_file_that_stands_on_two_pages_is_listed_once(source, simulator):
    """RDS-07."""
    plain = source.log_files("billing")
    simulator.tell("faults", fault="listing_repeats", probability=1.0)
    names = [file.log_file_name for file in source.log_files("billing")]

    assert sorted(names) == sorted({file.log_file_name for file in plain})


def test_eight_threads_together_stay_within_the_limit_as_the_simulator_counts_it(open_source, simulator):
    """RDS-103, BAN-R03: listings, portions and complete files, all kinds together, in every second of the other side."""
    before = simulator.ask("calls")["by_second"]
    source = open_source(simulator.url, calls_per_sec=20)
    name, until_sec = one_of(source, "reports", "error/"), time.monotonic() + 4
    asks = [
        lambda: source.read("reports", name, "0", max_lines=10), lambda: source.log_files("reports"),
        lambda: as_complete_file(source, "reports", name), source.instances,
    ]  # fmt: skip

    def caller(ask):
        while time.monotonic() < until_sec:
            ask()

    threads = [threading.Thread(target=caller, args=(ask,)) for ask in asks * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = simulator.ask("calls")["by_second"]
    in_each_second = [sum(counts.values()) - sum(before.get(second, {}).values()) for second, counts in after.items()]

    assert max(in_each_second) <= 20
    assert sum(in_each_second) == sum(source.calls.values())
    assert sum(in_each_second) >= 0.8 * 4 * 20


def test_under_throttling_the_source_slows_down_and_gets_its_bytes(open_source):
    """RDS-103, RDS-106: 4 calls a second allowed, a limit of 10: no more than the limit in any second, few in vain."""
    strict = Simulator("--calls-per-sec", "4")
    with contextlib.closing(strict):
        strict.tell("stop-writing")
        source = open_source(strict.url, calls_per_sec=10)
        marker, content, until_sec = "0", b"", time.monotonic() + 12
        while time.monotonic() < until_sec:
            with contextlib.suppress(Throttled):
                answer = source.read("reports", "error/postgresql.log.2026-10-10-09", marker, max_lines=20)
                content, marker = content + answer.content, answer.marker
        calls = source.calls
        report = strict.ask("calls")

    throttled = calls.get(("DownloadDBLogFilePortion", "Throttled"), 0)
    assert calls["DownloadDBLogFilePortion", "ok"] >= 30
    assert 1 <= throttled <= 0.2 * sum(calls.values())
    assert sum(report["throttled"].values()) == throttled
    assert content.count(b"\n") == 20 * calls["DownloadDBLogFilePortion", "ok"]
