"""Translates what RDS and botocore say when a call fails into the error tree (rds-log-api.md §12.1); makes no call."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

from aurora_logs.errors import (
    AccessDenied,
    AuroraLogsError,
    BinaryRefused,
    CompleteFileRefused,
    ConfigError,
    InstanceGone,
    InstanceNotReady,
    LogFileGone,
    MarkerRefused,
    Permanent,
    Throttled,
    TimedOut,
    Unreachable,
)

ASSUME_ROLE = "AssumeRole"
NOT_READY_RETRY_SEC = 60.0  # a paused or stopped database is not asked again at once (RDS-90)
COMPLETE_FILE = "DownloadCompleteDBLogFile"  # the IAM action; the endpoint has no operation name (§9)

THROTTLING_CODES = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
    "RequestLimitExceeded", "TooManyRequestsException", "SlowDown", "BandwidthLimitExceeded",
})
SERVER_CODES = frozenset({"InternalFailure", "InternalError", "ServiceUnavailable", "ServiceUnavailableException"})
DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "OptInRequired"})
CREDENTIAL_CODES = frozenset({
    "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "InvalidAccessKeyId",
})
SIGNATURE_CODES = frozenset({
    "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "RequestTimeTooSkewed",
})
SKEW_WORTH_SAYING_SEC = 60  # AWS refuses from 300 s on
MESSAGE_MAX_CHARS = 400
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call, for messages: the API operation, and what it was about ("" where it was about nothing in particular)."""

    operation: str
    instance_id: str = ""
    log_file_name: str = ""
    host: str = ""
    resource: str = ""

    @property
    def subject(self) -> str:
        """Instance and file, or another resource, as the messages name them."""
        return " ".join(part for part in (self.instance_id, self.log_file_name) if part) or self.resource or "all instances"


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is no success. status: HTTP; code, message: "" when the body is no AWS error; headers: lower case."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str]
    now_us: int


def credentials_refused(refusal: Refusal) -> bool:
    """Tell whether fresh credentials may help."""
    return refusal.code in CREDENTIAL_CODES


def translate(call: Call, refusal: Refusal) -> AuroraLogsError:
    """Return the leaf of the error tree for a refused call."""
    for rule in (_transient, _configuration, _permanent):
        error = rule(call, refusal)
        if error is not None:
            return error
    return Permanent(_said(call, refusal))


def translate_exception(call: Call, exception: BaseException) -> AuroraLogsError | None:
    """Return the leaf for an exception of botocore or urllib3 that holds no answer; None for one that we don't know."""
    names = {each.__name__ for each in type(exception).__mro__}  # by name: no vendor library is loaded to translate
    detail = f"{call.operation} {call.subject} at {call.host}: {_clean(str(exception))}"
    if names & _CREDENTIAL_EXCEPTIONS:
        return ConfigError(f"No usable AWS credentials: {_clean(str(exception))}",
                           hint="set AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role; "
                                "then: aurora-logs doctor")
    if names & _REGION_EXCEPTIONS:
        return ConfigError(f"The AWS configuration does not fit: {_clean(str(exception))}",
                           hint="set AWS_REGION, for example AWS_REGION=eu-central-1")
    # urllib3 derives "connection refused" from its connect time-out, but nobody waited
    if names & _TIMEOUT_EXCEPTIONS and "NewConnectionError" not in names:
        return TimedOut(detail)
    return Unreachable(detail) if names & _TRANSFER_EXCEPTIONS else None


_CREDENTIAL_EXCEPTIONS = frozenset({
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound", "NoAuthTokenError",
    "SSOTokenLoadError", "UnauthorizedSSOTokenError", "TokenRetrievalError", "MetadataRetrievalError", "SSOError",
    "RefreshWithMFAUnsupportedError", "LoginError", "LoginRefreshRequired", "ConfigNotFound", "ConfigParseError",
})
_REGION_EXCEPTIONS = frozenset({
    "NoRegionError", "InvalidRegionError", "UnknownRegionError", "EndpointProviderError", "InvalidEndpointConfigurationError",
})
_TIMEOUT_EXCEPTIONS = frozenset({"ReadTimeoutError", "ConnectTimeoutError", "TimeoutError"})
_TRANSFER_EXCEPTIONS = frozenset({
    "EndpointConnectionError", "ConnectionClosedError", "ConnectionError", "HTTPClientError", "ProxyConnectionError",
    "SSLError", "ResponseParserError", "ResponseStreamingError", "IncompleteReadError", "ProtocolError",
    "NewConnectionError", "NameResolutionError", "ProxyError", "ProxySchemeUnknown", "IncompleteRead",
    "InvalidChunkLength", "MaxRetryError", "LocationParseError", "HTTPError",
})


def _transient(call: Call, refusal: Refusal) -> AuroraLogsError | None:
    # "retry quota": rdstail's 40 processes starved each other where the SDK's own giving up was no throttling (§10).
    if (refusal.code in THROTTLING_CODES or refusal.status == 429 or "retry quota" in refusal.message.lower()
            or (refusal.status == 503 and "slow" in refusal.message.lower())):
        return Throttled(f"{call.operation} {call.subject}: {refusal.code or refusal.status}",
                         retry_after_sec=_retry_after_sec(refusal))
    if refusal.code == "DBInstanceNotReady":
        return InstanceNotReady(call.instance_id, retry_after_sec=_retry_after_sec(refusal) or NOT_READY_RETRY_SEC)
    if refusal.status >= 500 or refusal.code in SERVER_CODES:
        return Unreachable(_said(call, refusal), retry_after_sec=_retry_after_sec(refusal))
    if 300 <= refusal.status < 400 or (refusal.status == 200 and not refusal.code):
        return Unreachable(f"{_said(call, refusal)} Is there a proxy in between?")
    return None


def _configuration(call: Call, refusal: Refusal) -> AuroraLogsError | None:
    skew = _skew(refusal)
    if refusal.code in SIGNATURE_CODES or "signature expired" in refusal.message.lower():
        return AccessDenied(f"The signature of {call.operation} {call.subject} was refused by {call.host}: "
                            f"{_reason(refusal)}{skew}", hint="check the clock, the secret key and the endpoint")
    if refusal.code in CREDENTIAL_CODES:
        return AccessDenied(f"The credentials were refused for {call.operation} {call.subject}: {_reason(refusal)}{skew}",
                            hint="renew the credentials, then: aurora-logs doctor")
    if call.operation == COMPLETE_FILE and refusal.status in (403, 404, 405) and refusal.code not in _GONE:
        return CompleteFileRefused(f"rds:{COMPLETE_FILE} on {call.subject}: {_reason(refusal)}")
    if call.operation == ASSUME_ROLE and refusal.code in DENIED_CODES:
        return AccessDenied(f"sts:{ASSUME_ROLE} on {call.resource} is not allowed: {_reason(refusal)}{skew}",
                            hint="check the role's trust policy and its external id (ASSUME_ROLES), then: aurora-logs doctor")
    if refusal.code in DENIED_CODES or refusal.status in (401, 403):
        return AccessDenied(f"rds:{call.operation} on {_resource(call)} is not allowed: {_reason(refusal)}{skew}")
    return None


_GONE = {"DBInstanceNotFound": InstanceGone, "DBInstanceNotFoundFault": InstanceGone,
         "DBLogFileNotFoundFault": LogFileGone, "DBLogFileNotFound": LogFileGone}


def _permanent(call: Call, refusal: Refusal) -> AuroraLogsError | None:
    if refusal.code in _GONE:
        return _GONE[refusal.code](call.subject)
    message = refusal.message.lower()
    if refusal.code in ("InvalidParameterValue", "InvalidParameterCombination", "ValidationError"):
        if "binary" in message:
            return BinaryRefused(call.subject)
        if "marker" in message:
            return MarkerRefused(f"{call.subject}: {_reason(refusal)}")
    return None


def _said(call: Call, refusal: Refusal) -> str:
    return f"{call.operation} {call.subject}: {_reason(refusal)}"


def _reason(refusal: Refusal) -> str:
    text = f"{refusal.code or f'HTTP {refusal.status}'}: {_clean(refusal.message)}".rstrip(": ")
    return text if text.endswith(".") else text + "."


def _clean(message: str) -> str:
    return _CONTROL.sub(" ", message)[:MESSAGE_MAX_CHARS]


def _resource(call: Call) -> str:
    return f"db:{call.instance_id}" if call.instance_id else "*"


def _retry_after_sec(refusal: Refusal) -> float | None:
    try:
        return max(0.0, float(refusal.headers["retry-after"]))
    except (KeyError, ValueError):
        return None  # absent, or a date: the caller's own back-off is as good


def _skew(refusal: Refusal) -> str:
    """Say by how much this machine's clock is off, when that can be the cause."""
    try:
        their_sec = parsedate_to_datetime(refusal.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return ""
    off_sec = round(refusal.now_us / 1_000_000 - their_sec)
    if abs(off_sec) < SKEW_WORTH_SAYING_SEC:
        return ""
    return f" This machine's clock is {abs(off_sec)} s {'ahead of' if off_sec > 0 else 'behind'} theirs."
