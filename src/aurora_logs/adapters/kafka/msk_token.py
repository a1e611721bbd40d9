"""The login token of Amazon MSK: a presigned request of the AWS credentials in force, as its brokers check it."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError
from botocore.session import Session

from aurora_logs.errors import ConfigError

VALID_SEC = 900
SERVICE = "kafka-cluster"


def token_source(region: str) -> Callable[[str], tuple[str, float]]:
    """Return librdkafka's callback: a fresh token, and when it ends in epoch seconds. Raises: ConfigError (no region)."""
    session = Session()
    region = region or session.get_config_variable("region") or ""
    if not region:
        raise ConfigError("KAFKA_SASL_MECHANISM=AWS_MSK_IAM needs a region", hint="set AWS_REGION, for example eu-central-1")

    def fresh(_settings: str) -> tuple[str, float]:
        credentials = session.get_credentials()  # refreshes what is about to end
        if credentials is None:
            raise NoCredentialsError
        return token(credentials.get_frozen_credentials(), region), time.time() + VALID_SEC

    return fresh


def token(credentials: Credentials | ReadOnlyCredentials, region: str) -> str:
    """Return the token: the URL of a presigned `kafka-cluster:Connect`, in URL-safe base64 without padding."""
    request = AWSRequest(method="GET", url=f"https://kafka.{region}.amazonaws.com/",
                         params={"Action": "kafka-cluster:Connect"})
    SigV4QueryAuth(credentials, SERVICE, region, expires=VALID_SEC).add_auth(request)
    signed = request.prepare().url
    assert parse_qs(urlsplit(signed).query)["X-Amz-Signature"]
    return urlsafe_b64encode(f"{signed}&User-Agent=aurora-logs".encode()).rstrip(b"=").decode()
