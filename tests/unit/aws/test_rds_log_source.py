"""RdsLogSource on the wire: what it sends, what it makes of odd answers, what it counts."""

import gzip
import subprocess
import sys
import threading
from urllib.parse import unquote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.unit.aws.bodies import body
from tests.unit.aws.scripted import TOKEN, Answer, SystemClock, form_of, listing, refusal

from aurora_logs.adapters.aws.log_source import complete_path, open_rds_source
from aurora_logs.errors import (
    AccessDenied,
    CompleteFileRefused,
    ConfigError,
    InstanceGone,
    Throttled,
    TimedOut,
    Unreachable,
)
from aurora_logs.resilience import RateLimit


def signature_of(asked, server, *, headers):
    """Sign the request anew from what arrived: the same signature proves that nothing changed on the way."""
    request = AWSRequest(method=asked.method, url=server.url + asked.path, data=asked.body, headers=headers)
    request.context["timestamp"] = asked.headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKID", "secret", TOKEN), "rds", "eu-central-1")
    request.headers["X-Amz-Date"] = asked.headers["x-amz-date"]
    request.headers["X-Amz-Security-Token"] = TOKEN
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


# portions


@pytest.mark.parametrize(("marker", "max_lines", "sent"), [
    ("0", 0, {"Marker": "0"}), ("2026-10-10.7:55", 0, {"Marker": "2026-10-10.7:55"}), ("", 1, {"NumberOfLines": "1"}),
    ("17:9", 200, {"Marker": "17:9", "NumberOfLines": "200"}),
])  # fmt: skip
def test_a_read_sends_the_marker_and_the_lines_it_was_given(serve, marker, max_lines, sent):
    server, source = serve(lambda _asked: Answer(body(b"x\n")))
    source.read("db-1", "slowquery/mysql slow.log?x=1", marker, max_lines=max_lines)

    assert form_of(server.asked[0]) == {
        "Action": "DownloadDBLogFilePortion", "Version": "2014-10-31", "DBInstanceIdentifier": "db-1",
        "LogFileName": "slowquery/mysql slow.log?x=1", **sent,
    }  # fmt: skip


def test_portions_are_signed_with_the_session_token_for_the_custom_endpoint(serve):
    """RDS-101."""
    server, source = serve(lambda _asked: Answer(body(b"x\n")))
    source.read("db-1", "error/a.log", "0")
    asked = server.asked[0]

    assert asked.headers["x-amz-security-token"] == TOKEN
    assert "/eu-central-1/rds/aws4_request" in asked.headers["authorization"]
    headers = {"Content-Type": asked.headers["content-type"]}
    assert asked.headers["authorization"].endswith("Signature=" + signature_of(asked, server, headers=headers))


def test_one_connection_serves_many_portions(serve):
    """PERF-34."""
    server, source = serve(lambda _asked: Answer(body(b"x\n" * 100_000)))
    for _ in range(5):
        source.read("db-1", "error/a.log", "0")

    assert server.connections == 1


def test_a_connection_that_the_other_side_closed_is_replaced(serve):
    server, source = serve(lambda _asked: Answer(body(b"x\n"), then_close=True))
    for _ in range(3):
        source.read("db-1", "error/a.log", "0")
        assert server.closed.acquire(timeout=10)

    assert server.connections == 3


@pytest.mark.parametrize("answer", [
    Answer(b"<html><body>Please log in</body></html>"), Answer(b""), Answer(body(b"one\ntwo\n")[:-60]),
    Answer(body(b"one\n"), length_bytes=5_000, then_close=True), Answer(b"", 302, (("Location", "http://127.0.0.1:9/"),)),
    Answer(b"<html>bad gateway</html>", 502), Answer(b"x" * 9_000_000),
])  # fmt: skip
def test_an_answer_that_is_no_whole_portion_is_unreachable(serve, answer):
    """RDS-77: HTML, nothing, XML cut in the middle, a body cut on the wire, a redirect, an endless body."""
    _, source = serve(lambda _asked: answer)

    with pytest.raises(Unreachable, match=r"db-1 error/a\.log|longer than"):
        source.read("db-1", "error/a.log", "0")
    assert source.calls == {("DownloadDBLogFilePortion", "Unreachable"): 1}


def test_a_read_behind_a_dead_address_is_unreachable(serve, monkeypatch):
    server, source = serve(lambda _asked: Answer(body(b"x\n")))
    server.socket.close()

    with pytest.raises(Unreachable):
        source.read("db-1", "error/a.log", "0")


def test_a_portion_that_drips_in_is_timed_out(serve, clock):
    """Each socket read comes in time, all of them together do not: the deadline is for the call."""

    _, source = serve(lambda _asked: Answer(body(b"x\n" * 2_000_000)))
    looks = []
    clock.monotonic_sec = lambda: looks.append(1) or len(looks) * 25.0

    with pytest.raises(TimedOut):
        source.read("db-1", "error/a.log", "0")


def test_throttling_slows_all_calls_down_and_is_counted(serve, clock):
    made = []
    server, source = serve(lambda _asked: refusal("Throttling", "Rate exceeded"), on_call=made.append)
    for _ in range(3):
        with pytest.raises(Throttled):
            source.read("db-1", "error/a.log", "0")

    assert source.calls == {("DownloadDBLogFilePortion", "Throttled"): 3}
    assert [call.result for call in made] == ["Throttled"] * 3
    assert source._api._limit.rate_per_sec < 500
    assert len(server.asked) == 3  # no retry of the vendor's (§12.2)


def test_describe_calls_are_not_retried_by_the_vendor(serve):
    server, source = serve(lambda _asked: refusal("Throttling", "Rate exceeded"))
    with pytest.raises(Throttled):
        source.log_files("db-1")

    assert len(server.asked) == 1


def test_refused_credentials_are_read_anew_once(serve, monkeypatch):
    """RDS-19: a role's session ended; the chain has newer ones."""
    server, source = serve(lambda asked: Answer(body(b"x\n")) if asked.headers["x-amz-security-token"] == "newer"
                           else refusal("ExpiredToken", "The security token included in the request is expired", 403))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "newer")
    assert source.read("db-1", "error/a.log", "0").content == b"x\n"
    assert source.read("db-1", "error/a.log", "0").content == b"x\n"

    assert len(server.asked) == 3


def test_credentials_that_stay_refused_are_a_configuration_error(serve):
    server, source = serve(lambda _asked: refusal("ExpiredToken", "expired", 403))
    with pytest.raises(AccessDenied, match="credentials were refused"):
        source.read("db-1", "error/a.log", "0")

    assert len(server.asked) == 2


def test_missing_credentials_and_region_are_said_with_the_next_step(monkeypatch, clock):
    limit = RateLimit(clock=clock, ceiling_per_sec=10)
    with pytest.raises(ConfigError) as told:
        open_rds_source(clock=clock, limit=limit)
    assert "AWS_REGION" in told.value.hint

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    source = open_rds_source(clock=clock, limit=limit, region="eu-central-1")
    for ask in (source.instances, lambda: source.read("db-1", "error/a.log", "0")):
        with pytest.raises(ConfigError) as told:
            ask()
        assert "AWS_PROFILE" in told.value.hint
    source.close()
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(ConfigError, match="nowhere"):
        open_rds_source(clock=clock, limit=limit, region="eu-central-1")


# complete files


def test_a_complete_file_is_signed_before_gzip_is_asked_for(serve):
    """RDS-101: a proxy may rewrite Accept-Encoding without harm to the signature."""
    text = b"line\n" * 500_000
    server, source = serve(lambda _asked: Answer(gzip.compress(text, 1), 200, (("Content-Encoding", "gzip"),)))
    with source.complete_file("db-1", "error/my log%2f?x=#1.log") as pieces:
        assert b"".join(pieces) == text
    asked = server.asked[0]

    assert asked.path == "/v13/downloadCompleteLogFile/db-1/error/my%20log%252f%3Fx%3D%231.log"
    assert asked.headers["accept-encoding"] == "gzip"
    assert "accept-encoding" not in asked.headers["authorization"]
    assert asked.headers["x-amz-security-token"] == TOKEN
    assert asked.headers["authorization"].endswith("Signature=" + signature_of(asked, server, headers={}))
    assert source.calls == {("DownloadCompleteDBLogFile", "ok"): 1}


def test_a_complete_file_that_breaks_off_raises_from_the_iterator(serve):
    """RDS-95: what came whole is the caller's; the end is never taken for the end of the file."""
    text, came, streams = b"line\n" * 100_000, [], []
    _, source = serve(lambda _asked: Answer(text[:-1], length_bytes=len(text), then_close=True), on_call=streams.append)
    with source.complete_file("db-1", "error/a.log") as pieces, pytest.raises(Unreachable):
        came.extend(pieces)

    assert text.startswith(b"".join(came))
    assert streams[-1].operation == "DownloadCompleteDBLogFile.stream"
    assert streams[-1].result == "broken"


def test_a_complete_file_may_be_left_early_and_the_next_call_works(serve):
    made = []
    _, source = serve(
        lambda asked: Answer(b"x" * 3_000_000) if asked.method == "GET" else Answer(body(b"x\n")), on_call=made.append
    )  # fmt: skip
    with source.complete_file("db-1", "error/a.log") as pieces:
        next(pieces)

    assert [call.result for call in made] == ["ok", "left"]
    assert source.read("db-1", "error/a.log", "0").content == b"x\n"


@pytest.mark.parametrize(("answer", "leaf"), [
    (refusal("AccessDenied", "", 403), CompleteFileRefused), (Answer(b"", 404), CompleteFileRefused),
    (refusal("DBInstanceNotFound", "", 404), InstanceGone), (Answer(b"", 429), Throttled), (Answer(b"", 500), Unreachable),
])  # fmt: skip
def test_a_refused_complete_file_raises_when_it_is_opened(serve, answer, leaf):
    """RDS-97."""
    _, source = serve(lambda _asked: answer)
    with pytest.raises(leaf), source.complete_file("db-1", "error/a.log"):
        pytest.fail("it was not opened")


@pytest.mark.parametrize("name", [
    "../other", "error/../../x", "/etc/passwd", "error//a.log", "error/./a.log", "", "error/", "a\nb", "a\0b", "a\x7fb",
    "error\\..\\x", "x" * 600, "error/\u202ea",
])  # fmt: skip
def test_a_hostile_file_name_is_refused_before_anything_is_sent(serve, name):
    """RDS-102."""
    server, source = serve(lambda _asked: Answer(b"x"))
    with pytest.raises(CompleteFileRefused, match="not safe"), source.complete_file("db-1", name):
        pytest.fail("it was opened")

    assert server.asked == []


@pytest.mark.parametrize("name", ["error/a b?x=1#%2f%.log", "audit/ü.log", "error/postgresql.log.2026-10-10-07.gz"])
def test_an_unusual_file_name_stays_one_name_in_the_path(name):
    path = complete_path("db-1", name)

    assert unquote(path) == f"/v13/downloadCompleteLogFile/db-1/{name}"
    assert set(path) <= set("/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")


def test_every_call_is_counted_once_from_many_threads(serve):
    _, source = serve(lambda _asked: Answer(body(b"x\n")))
    threads = [
        threading.Thread(target=lambda: [source.read("db-1", "error/a.log", "0") for _ in range(20)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert source.calls == {("DownloadDBLogFilePortion", "ok"): 160}


def test_the_module_loads_no_vendor_library_until_a_source_is_opened():
    """PERF-26."""
    script = (
        "import sys, aurora_logs.adapters.aws.log_source, aurora_logs.resilience\n"
        "print(sorted(m for m in ('boto3', 'botocore', 'urllib3') if m in sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"


# TLS and proxies, as boto3 has them


def test_certificates_are_verified_on_all_paths_and_a_private_authority_can_be_named(serve, certificate, monkeypatch):
    """AWS_CA_BUNDLE, for private interface endpoints and inspecting proxies."""
    path, context = certificate

    def script(asked):
        if asked.method == "GET":
            return Answer(b"whole")
        return listing([("error/a.log", 1, 1)]) if b"DescribeDBLogFiles" in asked.body else Answer(body(b"x\n"))

    def complete():
        with source.complete_file("db-1", "error/a.log") as pieces:
            return b"".join(pieces)

    _, source = serve(script, tls=context)
    asks = (lambda: source.read("db-1", "error/a.log", "0"), lambda: source.log_files("db-1"), complete)
    for ask in asks:
        with pytest.raises(Unreachable, match=r"(?i)certificate"):
            ask()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(path))
    _, source = serve(script, tls=context)

    assert [bool(ask()) for ask in asks] == [True, True, True]


def test_a_proxy_of_the_environment_carries_all_calls(serve, monkeypatch):
    def script(asked):
        return listing([("error/a.log", 1, 1)]) if b"DescribeDBLogFiles" in asked.body else Answer(body(b"x\n"))

    proxy, _ = serve(script)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", "http://rds.example.invalid")
    clock = SystemClock()
    behind = open_rds_source(clock=clock, limit=RateLimit(clock=clock, ceiling_per_sec=1_000), region="eu-central-1")
    behind.read("db-1", "error/a.log", "0")
    behind.log_files("db-1")
    behind.close()

    assert [asked.path for asked in proxy.asked] == ["http://rds.example.invalid/"] * 2
