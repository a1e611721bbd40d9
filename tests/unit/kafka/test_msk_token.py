"""The token of Amazon MSK, checked by a signature that is made here by hand."""

import hashlib
import hmac
from base64 import urlsafe_b64decode
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from botocore.credentials import Credentials

from aurora_logs.adapters.kafka.connection import BrokerAccess, client_settings
from aurora_logs.adapters.kafka.msk_token import VALID_SEC, token, token_source
from aurora_logs.errors import ConfigError

KEY, SECRET = "AKIAEXAMPLE", "hunter2secret"


def opened(text):
    url = urlsplit(urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    return url, dict(parse_qsl(url.query))


def signature_of(url, asked):
    """Signature version 4 of a presigned GET, from its description."""
    day, region, service, last = asked["X-Amz-Credential"].split("/")[1:]
    signed = sorted((name, value) for name, value in asked.items() if name not in ("X-Amz-Signature", "User-Agent"))
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in signed)
    request = "\n".join(["GET", "/", query, f"host:{url.netloc}", "", "host", hashlib.sha256(b"").hexdigest()])
    scope = f"{day}/{region}/{service}/{last}"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", asked["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, service, last):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


@pytest.mark.parametrize("session_token", [None, "session/+=token"])
def test_a_token_is_a_presigned_connect_of_the_region(session_token):
    url, asked = opened(token(Credentials(KEY, SECRET, session_token), "eu-central-1"))

    assert (url.scheme, url.netloc, url.path) == ("https", "kafka.eu-central-1.amazonaws.com", "/")
    assert asked["Action"] == "kafka-cluster:Connect"
    assert asked["X-Amz-Credential"].startswith(f"{KEY}/")
    assert asked["X-Amz-Credential"].endswith("/eu-central-1/kafka-cluster/aws4_request")
    assert asked["X-Amz-Expires"] == str(VALID_SEC)
    assert asked.get("X-Amz-Security-Token") == session_token
    assert asked["X-Amz-Signature"] == signature_of(url, asked)


def test_a_token_has_no_padding_and_no_secret():
    text = token(Credentials(KEY, SECRET), "eu-central-1")

    assert "=" not in text
    assert SECRET not in urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


def test_the_client_asks_for_a_fresh_token_with_its_end(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    settings = client_settings(BrokerAccess(brokers="b:1", client_id="x", security_protocol="SASL_SSL",
                                            sasl_mechanism="AWS_MSK_IAM", aws_region="us-west-2"), print)
    text, ends_sec = settings["oauth_cb"]("")

    assert settings["sasl.mechanism"] == "OAUTHBEARER"
    assert "kafka.us-west-2" in opened(text)[0].netloc
    assert ends_sec > 1_700_000_000 + VALID_SEC


def test_without_a_region_the_setting_is_named():
    with pytest.raises(ConfigError, match="needs a region"):
        token_source("")
