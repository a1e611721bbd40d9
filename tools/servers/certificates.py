"""A certificate authority of one test run, made by openssl and gone with its folder: nothing trusts it but the test."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from tools.servers.cache import program


class Certificates(NamedTuple):
    """ca_file: what a client trusts. server_file: key and certificate of the server for 127.0.0.1 and localhost, PEM."""

    ca_file: Path
    server_file: Path


def make_certificates(folder: Path) -> Certificates:
    """Make an authority and a server certificate in `folder`, valid for two days."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, ca_file, key, request, certificate = (
        folder / name for name in ("ca.key", "ca.pem", "server.key", "server.csr", "server.crt"))
    new_key = ("-newkey", "rsa:2048", "-nodes")
    _openssl("req", "-x509", *new_key, "-keyout", ca_key, "-out", ca_file, "-days", "2", "-subj", "/CN=tests' own authority",
             "-addext", "basicConstraints=critical,CA:TRUE")
    _openssl("req", *new_key, "-keyout", key, "-out", request, "-subj", "/CN=localhost")
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="utf-8")
    _openssl("x509", "-req", "-in", request, "-CA", ca_file, "-CAkey", ca_key, "-CAcreateserial", "-out", certificate,
             "-days", "2", "-extfile", extensions)
    server_file = folder / "server.pem"
    server_file.touch(mode=0o600)
    server_file.write_text(key.read_text("utf-8") + certificate.read_text("utf-8"), encoding="utf-8")
    return Certificates(ca_file, server_file)


def _openssl(*arguments: object) -> None:
    subprocess.run([program("openssl", "openssl"), *map(str, arguments)], check=True, capture_output=True, text=True)
