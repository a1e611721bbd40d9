"""Sockets, deadlines, certificates, addresses and logins of the OpenObserve adapter (openobserve.md §6.8, OO-36 to OO-40)."""

import base64
import ssl
import subprocess
import threading
import time

import msgspec
import pytest
from tests.unit.openobserve.adapter_bench import RealTime, adapter, batch_of, events

from aurora_logs.adapters.openobserve.address import parse_address
from aurora_logs.adapters.openobserve.login import Login
from aurora_logs.errors import ConfigError, ReceiptMissing, TimedOut, Unreachable
from aurora_logs.secret import Secret
from aurora_logs.settings import load


def ship_error(one):
    with pytest.raises((Unreachable, ReceiptMissing)) as caught:
        one.ship(batch_of())
    return caught.value


class TestDeadline:
    @pytest.mark.parametrize(("fault", "value"), [("trickle", 0.2), ("slow", 5), ("slow_body", 5), ("hang", 5), ("store_late", 5)])
    def test_one_deadline_holds_for_the_whole_request(self, tmp_path, fault, value):
        """OO-37, OO-17, REL-59: however the time is lost, the outcome is unknown after POST_TIMEOUT_SEC."""
        with adapter(tmp_path, settings={"post_timeout_sec": 0.5}, clock=RealTime()) as one:
            one.plant(fault, value=value, times=1)
            started_sec = time.monotonic()
            error = ship_error(one)
            took_sec = time.monotonic() - started_sec

            assert type(error) is ReceiptMissing
            assert 0.4 < took_sec < 3
            assert one.ship(batch_of()).stored == 4, "the next request has a connection of its own"

    def test_a_search_without_an_answer_is_timed_out(self, tmp_path):
        with adapter(tmp_path, settings={"post_timeout_sec": 0.3}, clock=RealTime()) as one:
            one.plant("slow", value=3, operation="search")

            with pytest.raises(TimedOut):
                one.sink.stored("slowquery", "abcdefghijklm", 0, 10)


class TestBrokenOff:
    def test_what_is_under_way_ends_unknown_and_nothing_begins_after_it(self, tmp_path):
        """REL-68: a stopping service waits for no answer any longer than it may."""
        with adapter(tmp_path, settings={"post_timeout_sec": 30.0}, clock=RealTime()) as one:
            one.plant("hang", value=20, times=1)
            started_sec = time.monotonic()
            breaker = threading.Timer(0.5, one.sink.break_off)
            breaker.start()
            error = ship_error(one)
            took_sec = time.monotonic() - started_sec

            assert type(error) is ReceiptMissing
            assert 0.4 < took_sec < 5
            assert type(ship_error(one)) is Unreachable, "surely not sent"
            with pytest.raises(Unreachable):
                one.sink.stored("slowquery", "abcdefghijklm", 0, 10)


class TestKeptConnections:
    def test_one_connection_carries_many_batches(self, tmp_path):
        with adapter(tmp_path) as one:
            for _ in range(5):
                one.ship(batch_of())

            assert one.sink._api._connections.opened == 1

    def test_a_connection_that_the_server_closed_is_replaced_without_a_settle(self, tmp_path):
        """OO-36."""
        with adapter(tmp_path) as one:
            one.plant("keep_alive_closed")
            for _ in range(5):
                assert one.ship(batch_of()).stored == 4
                wait_until_closed(one)

            assert len(one.posts()) == 5

    def test_a_connection_that_lay_idle_too_long_is_not_used(self, tmp_path):
        """§6.8: a reset on a reused connection would cost a settle."""
        with adapter(tmp_path) as one:
            one.ship(batch_of())
            one.clock.sleep(16)
            one.ship(batch_of())

            assert one.sink._api._connections.opened == 2


def wait_until_closed(one):
    """Until the server's close has arrived here."""
    ((_, connection),) = one.sink._api._connections._idle
    until_sec = time.monotonic() + 5
    while connection.is_connected:
        assert time.monotonic() < until_sec
        time.sleep(0.001)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, and server certificates of it: good, for another host, expired; and one that signed itself."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def request(name, *more):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}", *more)

    request("authority", "-x509", "-days", "2", "-out", "authority.pem")
    for name, host, days in (("good", "IP:127.0.0.1", "2"), ("elsewhere", "DNS:logs.example.com", "2"),
                             ("expired", "IP:127.0.0.1", "-1")):
        request(name, "-out", f"{name}.csr")
        (folder / f"{name}.ext").write_text(f"subjectAltName={host}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial",
                "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.crt")
    request("self", "-x509", "-days", "2", "-addext", "subjectAltName=IP:127.0.0.1", "-out", "self.crt")
    for name in ("good", "elsewhere", "expired", "self"):
        (folder / f"{name}.pem").write_bytes((folder / f"{name}.crt").read_bytes() + (folder / f"{name}.key").read_bytes())
    return folder


def tls(certificates, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem")
    return context


class TestCertificates:
    def test_a_certificate_of_a_trusted_authority_is_taken(self, tmp_path, certificates):
        settings = {"openobserve_ca_file": str(certificates / "authority.pem")}
        with adapter(tmp_path, settings=settings, tls=tls(certificates, "good")) as one:
            assert one.settings.openobserve_url.startswith("https://")
            assert one.ship(batch_of()).stored == 4
            assert one.sink.stored("slowquery", batch_of().file_key, 0, 100).keys() == set(batch_of().ids)

    @pytest.mark.parametrize("name", ["elsewhere", "expired", "self"])
    def test_any_other_is_refused_before_a_byte_is_sent(self, tmp_path, certificates, name):
        """OO-39, OO-15: Transient, no settle; the text says why."""
        settings = {"openobserve_ca_file": str(certificates / "authority.pem")}
        with adapter(tmp_path, settings=settings, tls=tls(certificates, name)) as one:
            error = ship_error(one)

            assert type(error) is Unreachable
            assert "certificate verify failed" in str(error)
            assert list(one.world.journal.entries) == []

    def test_without_the_authority_nothing_is_trusted(self, tmp_path, certificates):
        with adapter(tmp_path, tls=tls(certificates, "good")) as one:
            assert type(ship_error(one)) is Unreachable

    def test_an_authority_that_is_changed_is_read_again(self, tmp_path, certificates):
        """REL-73."""
        trusted = tmp_path / "ca.pem"
        trusted.write_bytes((certificates / "self.crt").read_bytes())
        settings = {"openobserve_ca_file": str(trusted)}
        with adapter(tmp_path / "data", settings=settings, tls=tls(certificates, "good")) as one:
            ship_error(one)
            trusted.write_bytes((certificates / "authority.pem").read_bytes())

            assert one.ship(batch_of()).stored == 4

    def test_an_authority_file_that_is_not_there_is_told_at_the_start(self, tmp_path, certificates):
        with pytest.raises(ConfigError, match="OPENOBSERVE_CA_FILE"), \
                adapter(tmp_path, settings={"openobserve_ca_file": "/no/such.pem"}, tls=tls(certificates, "good")):
            pass


class TestAddress:
    @pytest.mark.parametrize(("url", "expected"), [
        ("http://localhost:5080", "http://localhost:5080"), ("https://logs.example.com/", "https://logs.example.com:443"),
        (" http://logs:5080/o2/ ", "http://logs:5080/o2"), ("http://[::1]:5080", "http://[::1]:5080")])
    def test_an_address_is_normalised(self, url, expected):
        """OO-40."""
        assert parse_address(url).url == expected

    @pytest.mark.parametrize("url", [
        "", "logs:5080", "ftp://logs", "http://", "http://logs:port", "http://user:hush@logs:5080", "http://logs?x=1", "http://logs#x",
        "http://169.254.169.254", "http://[fe80::1]", "http://[fd00:ec2::254]/latest", "http://2852039166", "http://0xa9fea9fe/",
        "http://[::ffff:169.254.169.254]", "http://metadata.google.internal", "http://0.0.0.0", "http://[::1"])
    def test_what_is_no_address_of_a_service_is_refused(self, url):
        """OO-40, OO-116: the login never gets into the text."""
        with pytest.raises(ConfigError) as caught:
            parse_address(url)

        assert "hush" not in str(caught.value)

    def test_a_base_path_stands_before_every_call(self, tmp_path):
        with adapter(tmp_path, base_uri="/o2") as one:
            one.sink._api._connections.address = parse_address(one.world.endpoint + "/o2/")
            assert one.ship(batch_of()).stored == 4

    @pytest.mark.parametrize(("url", "is_told"), [("http://127.0.0.1:1", False), ("http://[::1]:1", False), ("http://localhost:1", False),
                                                  ("http://10.0.0.1:1", True), ("https://10.0.0.1:1", False)])
    def test_a_password_over_plain_http_to_elsewhere_is_told_once(self, tmp_path, url, is_told):
        """OO-114: INFO, since a healthy system prints no WARN."""
        with adapter(tmp_path) as one, events() as seen:
            from msgspec.structs import replace

            from aurora_logs.adapters.openobserve.opening import open_api

            open_api(replace(one.settings, openobserve_url=url), one.clock)

        assert [(level, message) for level, message, _ in seen] == ([("INFO", "Password goes over plain HTTP")] if is_told else [])


class TestLogin:
    def test_other_letters_and_colons_of_a_password_are_encoded(self, tmp_path):
        """OO-115."""
        header = Login(user="ä@b", password=Secret("p:ß")).header()

        assert base64.b64decode(header.removeprefix("Basic ")).decode() == "ä@b:p:ß"

    def test_a_colon_in_the_user_is_refused(self):
        with pytest.raises(ConfigError, match="OPENOBSERVE_USER"):
            Login(user="a:b", password=Secret("x")).header()

    @pytest.mark.parametrize("content", [None, b"\xff"])
    def test_a_file_that_can_t_be_read_is_named(self, tmp_path, content):
        file = tmp_path / "secret"
        if content:
            file.write_bytes(content)

        with pytest.raises(ConfigError, match=str(file)):
            Login(user="a", password=Secret(), password_file=str(file)).header()


class TestSettings:
    def test_what_is_missing_or_doubled_is_told_at_once(self):
        with pytest.raises(ConfigError) as caught:
            load({"SINK_BACKEND": "openobserve", "OPENOBSERVE_PASS": "hush", "OPENOBSERVE_PASS_FILE": "/x"})

        text = str(caught.value)
        assert all(name in text for name in ("OPENOBSERVE_URL is required", "OPENOBSERVE_USER or", "OPENOBSERVE_PASS or"))
        assert "hush" not in text

    def test_a_secret_shows_itself_to_nobody(self):
        """SEC-04, OO-113."""
        settings = load({"OPENOBSERVE_PASS": "hush"}).settings

        assert settings.openobserve_pass.reveal() == "hush"
        assert "hush" not in f"{settings} {settings.openobserve_pass} {settings.openobserve_pass!r}"
        with pytest.raises(TypeError):
            msgspec.json.encode(settings)
