"""Signature Version 4 as AWS checks it: header or query, session tokens, five minutes of skew."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from aurora_logs_simulator.answers import ApiError

SKEW = timedelta(minutes=5)
ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<credential>[^,\s]+),?\s*"
    r"SignedHeaders=(?P<headers>[^,\s]+),?\s*Signature=(?P<signature>[0-9a-f]+)"
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request as it stood on the wire: raw path and query, header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Who may call.

    secrets: access key id to secret; `expired_tokens`: session tokens that AWS would call expired.
    tokens:  the session tokens that are good; None: any is.
    """

    secrets: dict[str, str]
    expired_tokens: frozenset[str] = frozenset()
    tokens: frozenset[str] | None = None


class _Claimed(msgspec.Struct, frozen=True, kw_only=True):
    access_key_id: str
    scope: tuple[str, ...]
    signed_headers: tuple[str, ...]
    signature: str
    date: str
    token: str | None
    query: str
    lifetime: timedelta


def claimed_scope(request: Request) -> tuple[str, str, str]:
    """Return access key id, region and service that a request claims, unproved; "" for what it does not."""
    try:
        claimed = _claimed(request)
    except (ApiError, ValueError):
        return "", "", ""
    return (claimed.access_key_id, claimed.scope[1], claimed.scope[2]) if len(claimed.scope) == 4 else (claimed.access_key_id, "", "")


def check(request: Request, *, keys: Keys, region: str, service: str, real_us: int) -> str:
    """Return the access key id when the signature is right.

    Raises: ApiError with AWS's codes: MissingAuthenticationToken, IncompleteSignature, InvalidClientTokenId,
    ExpiredToken, SignatureDoesNotMatch.
    """
    claimed = _claimed(request)
    secret = keys.secrets.get(claimed.access_key_id)
    if secret is None:
        raise _bad_token()
    if claimed.token is not None:
        if claimed.token in keys.expired_tokens:
            raise expired_token()
        if keys.tokens is not None and claimed.token not in keys.tokens:
            raise _bad_token()
    _check_scope(claimed, region, service)
    _check_date(claimed, real_us)
    if not hmac.compare_digest(_signature(request, claimed, secret), claimed.signature):
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        )
    return claimed.access_key_id


def expired_token() -> ApiError:
    """Return AWS's refusal of a session token that is over."""
    return ApiError("ExpiredToken", 403, "The security token included in the request is expired")


def _bad_token() -> ApiError:
    return ApiError("InvalidClientTokenId", 403, "The security token included in the request is invalid.")


def _mismatch(message: str) -> ApiError:
    return ApiError("SignatureDoesNotMatch", 403, message)


def _claimed(request: Request) -> _Claimed:
    header = request.headers.get("authorization")
    if header is not None:
        found = AUTHORIZATION.fullmatch(header.strip())
        if found is None:
            raise ApiError("IncompleteSignature", 400, f"Authorization header is not understood: {header[:40]}")
        access_key_id, *scope = found["credential"].split("/")
        return _Claimed(
            access_key_id=access_key_id,
            scope=tuple(scope),
            signed_headers=tuple(found["headers"].split(";")),
            signature=found["signature"],
            date=request.headers.get("x-amz-date", ""),
            token=request.headers.get("x-amz-security-token"),
            query=request.query,
            lifetime=SKEW,
        )
    values = dict(parse_qsl(request.query, keep_blank_values=True))
    if "X-Amz-Signature" not in values:
        raise ApiError("MissingAuthenticationToken", 403, "Request is missing Authentication Token")
    access_key_id, *scope = values.get("X-Amz-Credential", "").split("/")
    return _Claimed(
        access_key_id=access_key_id,
        scope=tuple(scope),
        signed_headers=tuple(values.get("X-Amz-SignedHeaders", "host").split(";")),
        signature=values["X-Amz-Signature"],
        date=values.get("X-Amz-Date", ""),
        token=values.get("X-Amz-Security-Token"),
        query="&".join(p for p in request.query.split("&") if not p.startswith("X-Amz-Signature=")),
        lifetime=timedelta(seconds=int(values.get("X-Amz-Expires", "300"))),
    )


def _check_scope(claimed: _Claimed, region: str, service: str) -> None:
    if len(claimed.scope) != 4 or claimed.scope[3] != "aws4_request":
        raise ApiError("IncompleteSignature", 400, "Credential must have exactly 5 slash-delimited elements")
    if claimed.scope[1] != region:
        raise _mismatch(f"Credential should be scoped to a valid region, not '{claimed.scope[1]}'. ")
    if claimed.scope[2] != service:
        raise _mismatch(f"Credential should be scoped to correct service: '{service}'. ")


def _check_date(claimed: _Claimed, real_us: int) -> None:
    try:
        signed_at = datetime.strptime(claimed.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as exc:
        raise ApiError("IncompleteSignature", 400, "Date must be in ISO-8601 'basic format'.") from exc
    now = datetime.fromtimestamp(real_us / 1_000_000, UTC)
    if not claimed.date.startswith(claimed.scope[0]):
        raise _mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
    if now > signed_at + claimed.lifetime:
        limit = now - claimed.lifetime
        raise _mismatch(f"Signature expired: {claimed.date} is now earlier than {limit:%Y%m%dT%H%M%SZ}")
    if signed_at > now + SKEW:
        raise _mismatch(f"Signature not yet current: {claimed.date} is still later than {now + SKEW:%Y%m%dT%H%M%SZ}")


def _signature(request: Request, claimed: _Claimed, secret: str) -> str:
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in claimed.signed_headers
    )
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/~"),  # every service but S3 encodes the encoded path once more
            _canonical_query(claimed.query),
            headers,
            ";".join(claimed.signed_headers),
            hashlib.sha256(request.body).hexdigest() if request.body else EMPTY_HASH,
        )
    )
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join((ALGORITHM, claimed.date, "/".join(claimed.scope), hashed))
    key = f"AWS4{secret}".encode()
    for part in claimed.scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def _canonical_query(query: str) -> str:
    pairs = []
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        pairs.append((quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
