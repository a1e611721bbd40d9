"""Opens the source on a scripted RDS, with credentials and without the proxies of whoever runs the tests."""

import os
import shutil
import ssl
import subprocess
import threading

import pytest
from tests.unit.aws.scripted import TOKEN, Server, SystemClock

from aurora_logs.adapters.aws.log_source import open_rds_source
from aurora_logs.resilience import RateLimit


@pytest.fixture
def clock():
    return SystemClock()


@pytest.fixture
def serve(monkeypatch, clock):
    """Give a function that starts a scripted RDS and opens the source on it."""
    opened = []
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def start(script, *, tls=None, **options):
        server = Server(script, tls)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        limit = RateLimit(clock=clock, ceiling_per_sec=1_000, lock=threading.Lock())
        source = open_rds_source(clock=clock, limit=limit, **options)
        opened.append((server, thread, source))
        return server, source

    yield start
    for server, thread, source in opened:
        source.close()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 that nobody knows; made here, so that no key lies in the repository."""
    if shutil.which("openssl") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("openssl is not installed; apt install openssl")
    key, path = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", key, "-out", path, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return path, context
