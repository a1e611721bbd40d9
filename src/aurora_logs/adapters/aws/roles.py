"""Credentials of another account: AssumeRole of STS, renewed by botocore before they end (SEC-03)."""

import re
from collections.abc import Callable
from typing import Any

from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, CredentialProvider, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError
from botocore.session import Session, get_session

from aurora_logs.scope import Role

SESSION_NAME_CHARS = re.compile(r"[^\w+=,.@-]+")
SESSION_NAME_MAX_CHARS = 64
CONNECT_TIMEOUT_SEC, READ_TIMEOUT_SEC = 5.0, 10.0


class RoleProvider(CredentialProvider):
    """The only provider of a session: the role's credentials, fetched when they are needed first."""

    METHOD = "assume-role"

    def __init__(self, fetch: Callable[[], dict[str, Any]]) -> None:
        """fetch: returns fresh credentials as botocore keeps them."""
        super().__init__()
        self._fetch = fetch

    def load(self) -> DeferredRefreshableCredentials:
        """Return credentials that fetch themselves."""
        return DeferredRefreshableCredentials(refresh_using=self._fetch, method=self.METHOD)


def session_of(role: Role, *, region: str | None, session_name: str) -> Session:
    """Return a session with the role's credentials. The account's own sign the AssumeRole calls; none is made here.

    Raises: NoCredentialsError.
    """
    own = get_session()
    source = own.get_credentials()
    if source is None:
        raise NoCredentialsError

    config = Config(connect_timeout=CONNECT_TIMEOUT_SEC, read_timeout=READ_TIMEOUT_SEC,
                    retries={"total_max_attempts": 2, "mode": "standard"})

    def client(service: str, **given: Any) -> Any:
        return own.create_client(service, region_name=region, config=config, **given)

    asked = {"RoleSessionName": safe_session_name(session_name), **({"ExternalId": role.external_id} if role.external_id else {})}
    fetcher = AssumeRoleCredentialFetcher(client, source, role.arn, extra_args=asked)
    theirs = get_session()
    resolver = theirs.get_component("credential_provider")
    resolver.providers = [RoleProvider(fetcher.fetch_credentials)]
    return theirs


def safe_session_name(text: str) -> str:
    """Return a name as STS takes it; people read it in CloudTrail."""
    return SESSION_NAME_CHARS.sub("-", text)[:SESSION_NAME_MAX_CHARS].strip("-") or "aurora-logs"
