"""One account and region of the RDS API: credentials, signing, sockets, the budget and the count of every call.

Describe calls go through boto3. Portions and complete files go through urllib3 with botocore's signer, because boto3
cannot return their bytes unchanged (rds-log-api.md §12.2). Retries and redirects are off in both: whoever calls
decides whether to try again. What the answers mean is not known here.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.httpsession import get_cert_path
from botocore.parsers import ResponseParserError
from botocore.session import get_session
from botocore.utils import get_environ_proxies

from aurora_logs.adapters.aws.portion_body import BODY_MAX_BYTES, REFUSAL_MAX_BYTES, read_refusal
from aurora_logs.adapters.aws.refusals import (
    ASSUME_ROLE,
    Call,
    Refusal,
    credentials_refused,
    translate,
    translate_exception,
)
from aurora_logs.adapters.aws.roles import session_of
from aurora_logs.errors import AuroraLogsError, ConfigError, Throttled, TimedOut, Unreachable
from aurora_logs.ports import Clock
from aurora_logs.resilience import Priority, RateLimit
from aurora_logs.scope import Role

T = TypeVar("T")

API_VERSION = "2014-10-31"
CONNECT_TIMEOUT_SEC = 5.0
READ_TIMEOUT_SEC = 20.0  # without a byte; a portion took 1 to 3 s at 0.3-0.9 MB/s (live, rdstail)
CALL_DEADLINE_SEC = 60.0  # for a whole portion
STREAM_DEADLINE_SEC = 3_600.0  # for the reads of one complete file, the caller's own time not counted
READ_BYTES = 262_144  # one socket read
VENDOR_ERRORS = (BotoCoreError, ClientError, urllib3.exceptions.HTTPError, OSError)


class CallMade(msgspec.Struct, frozen=True, kw_only=True):
    """One finished call, for telemetry. result: `ok`, `empty`, or the error's class name; wire_bytes: 0 for describes."""

    operation: str
    result: str
    took_sec: float
    wire_bytes: int


class RefusedAnswer(Exception):  # an answer on its way to `translate`; never leaves this module
    """An answer other than 200."""

    def __init__(self, refusal: Refusal) -> None:
        """Carry the answer."""
        super().__init__(refusal.code)
        self.refusal = refusal


class RefusedCredentials(Exception):  # asks for fresh ones; never leaves this module
    """The other side does not take the credentials."""

    def __init__(self, error: AuroraLogsError) -> None:
        """Carry what to raise when fresh ones do not help."""
        super().__init__(error.detail)
        self.error = error


class Access:
    """What belongs to one set of credentials: boto3's client and the credentials that sign our own calls."""

    def __init__(self, *, region: str | None, role: Role | None, session_name: str, connections: int) -> None:
        """Resolve region, endpoint and credentials as boto3 does; AWS_ENDPOINT_URL(_RDS) is honoured. role: assumed."""
        # botocore's session, not boto3's around it: that one imports what S3 needs (0.07 s)
        session = get_session() if role is None else session_of(role, region=region, session_name=session_name)
        config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=CONNECT_TIMEOUT_SEC,
                        read_timeout=READ_TIMEOUT_SEC, max_pool_connections=connections)
        self.client: Any = session.create_client("rds", region_name=region, config=config)
        self.credentials: Credentials | None = session.get_credentials()
        self.endpoint_url: str = self.client.meta.endpoint_url.rstrip("/")
        self.region: str = self.client.meta.region_name
        configured = session.get_config_variable("ca_bundle")
        self.ca_bundle = str(configured or get_cert_path(verify=True))

    def signed_headers(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a signed request. Botocore refreshes the credentials here when their end is near."""
        if self.credentials is None:
            raise NoCredentialsError
        request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
        SigV4Auth(self.credentials.get_frozen_credentials(), "rds", self.region).add_auth(request)
        return dict(request.headers.items())


class RdsApi:
    """Makes calls, each counted once against the budget and once in `calls`. Called from many threads at once."""

    def __init__(self, *, clock: Clock, limit: RateLimit, region: str | None = None, role: Role | None = None,
                 session_name: str = "aurora-logs", connections: int = 32,
                 on_call: Callable[[CallMade], None] | None = None) -> None:
        """Open nothing but the credentials. role: of another account; session_name: what its CloudTrail shows.

        Raises: ConfigError (no region, unknown profile, bad configuration).
        """
        self.clock, self._limit = clock, limit
        self._region, self._role, self._session_name, self._connections = region, role, session_name, connections
        self._on_call = on_call
        self._lock = threading.Lock()  # around `calls` and the exchange of credentials
        self.calls: dict[tuple[str, str], int] = {}
        self.skew_sec: float | None = None  # by which the other side's clock was ahead in its last answer
        self._access = self._open()
        self._sockets = self._open_sockets()

    @property
    def region(self) -> str:
        """The region that signs the calls."""
        return self._access.region

    def close(self) -> None:
        """Close all sockets."""
        self._sockets.clear()
        self._access.client.close()

    def describe(self, call: Call, method: str, rows_key: str, parameters: Mapping[str, object],
                 priority: Priority) -> dict[str, Any]:
        """Make one describe call by boto3 and return its answer as boto3 gives it; without rows it counts as `empty`."""

        def send(access: Access) -> tuple[dict[str, Any], str, int]:
            try:
                answer: dict[str, Any] = getattr(access.client, method)(**parameters)
            except (ResponseParserError, KeyError) as exc:  # KeyError: well-formed XML or HTML that is no answer (RDS-77)
                raise Unreachable(f"{call.operation} {call.subject}: the answer is not the XML of RDS.") from exc
            self._note_clock(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
            return answer, "ok" if answer.get(rows_key) else "empty", 0

        return self._ask(call, priority, send)

    def post(self, call: Call, parameters: Mapping[str, str], priority: Priority, read: Callable[[bytes], T]) -> T:
        """Make one AWS Query call; return what `read` makes of the body. An error of `read` is the call's error."""
        body = urlencode({"Action": call.operation, "Version": API_VERSION, **parameters}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}

        def send(access: Access) -> tuple[T, str, int]:
            url = access.endpoint_url + "/"
            response = self._send("POST", url, body, access.signed_headers("POST", url, body, headers))
            with closing(response):
                answer = self._whole(response, BODY_MAX_BYTES)
            return read(answer), "ok", len(answer)

        return self._ask(call, priority, send)

    @contextmanager
    def get(self, call: Call, path: str, priority: Priority) -> Iterator[tuple[Mapping[str, str], Iterator[bytes]]]:
        """Open a GET of `path` (percent-encoded); give its headers in lower case and the wire bytes.

        Raises, from the iterator too: Unreachable, TimedOut. A stream that ends early raises (RDS-95).
        """

        def send(access: Access) -> tuple[urllib3.BaseHTTPResponse, str, int]:
            url = access.endpoint_url + path
            headers = access.signed_headers("GET", url, b"", {})
            headers["Accept-Encoding"] = "gzip"  # after signing: a proxy may rewrite it (RDS-101)
            return self._send("GET", url, b"", headers), "ok", 0

        with closing(self._ask(call, priority, send)) as response, closing(self._pieces(call, response)) as pieces:
            yield _lower(response), pieces

    def _ask(self, call: Call, priority: Priority, send: Callable[[Access], tuple[T, str, int]]) -> T:
        """Make one call, and a second one with fresh credentials where the first were refused."""
        access = self._access
        call = msgspec.structs.replace(call, host=urlsplit(access.endpoint_url).netloc)
        try:
            return self._once(call, priority, access, send)
        except RefusedCredentials:
            access = self._renew(access)
        try:
            return self._once(call, priority, access, send)
        except RefusedCredentials as exc:
            raise exc.error from exc

    def _once(self, call: Call, priority: Priority, access: Access, send: Callable[[Access], tuple[T, str, int]]) -> T:
        started_sec = self._limit.acquire(priority)
        try:
            answer, result, wire_bytes = send(access)
        except AuroraLogsError as error:
            self._count(call, type(error).__name__, started_sec)
            raise
        except (RefusedAnswer, *VENDOR_ERRORS) as exc:
            refusal = self._refusal(exc)
            is_of_role = getattr(exc, "operation_name", "") == ASSUME_ROLE  # its credentials were to be renewed
            failed = msgspec.structs.replace(call, operation=ASSUME_ROLE, resource=self._role.arn) if is_of_role and self._role else call
            translated = self._translated(failed, exc, refusal)
            self._count(failed, type(translated).__name__, started_sec)
            if isinstance(translated, Throttled) and not is_of_role:
                self._limit.throttled(started_sec)
            if refusal is not None and credentials_refused(refusal):
                raise RefusedCredentials(translated) from exc
            raise translated from exc
        self._count(call, result, started_sec, wire_bytes)
        return answer

    def _send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        response = self._sockets.request(
            method, url, body=body or None, headers=dict(headers), redirect=False, retries=False, preload_content=False,
            decode_content=False, timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SEC, read=READ_TIMEOUT_SEC),
        )
        self._note_clock(response.headers.get("Date"))
        if response.status == 200:
            return response
        with closing(response):
            try:
                code, message = read_refusal(self._whole(response, REFUSAL_MAX_BYTES, whole=False))
            except (urllib3.exceptions.HTTPError, AuroraLogsError):
                code = message = ""  # the status alone decides: the refusal came, only its text did not
        raise RefusedAnswer(Refusal(status=response.status, code=code, message=message, headers=_lower(response),
                                    now_us=self.clock.now_us()))

    def _note_clock(self, date: str | None) -> None:
        """Compare the other side's clock with ours; a proxy may leave the header out, or write nonsense."""
        try:
            theirs_sec = parsedate_to_datetime(date).timestamp() if date else None
        except ValueError:
            return
        if theirs_sec is not None:
            self.skew_sec = theirs_sec - self.clock.now_us() / 1e6

    def _whole(self, response: urllib3.BaseHTTPResponse, max_bytes: int, *, whole: bool = True) -> bytes:
        """Read the body within the call's deadline. A longer one: Unreachable, or cut there when not `whole`."""
        pieces, read_bytes = [], 0
        until_sec = self.clock.monotonic_sec() + CALL_DEADLINE_SEC
        while piece := response.read1(READ_BYTES):
            pieces.append(piece)
            read_bytes += len(piece)
            if read_bytes > max_bytes:
                if whole:
                    raise Unreachable(f"The answer is longer than {max_bytes} bytes.")
                break
            if self.clock.monotonic_sec() > until_sec:
                raise TimedOut(f"{read_bytes} bytes came in {CALL_DEADLINE_SEC:.0f} s")
        return b"".join(pieces)

    def _pieces(self, call: Call, response: urllib3.BaseHTTPResponse) -> Generator[bytes, None, None]:
        read_sec, read_bytes = 0.0, 0
        started_sec = self.clock.monotonic_sec()
        result = "broken"
        try:
            while True:
                before_sec = self.clock.monotonic_sec()
                piece = response.read1(READ_BYTES)
                if not piece:
                    result = "whole"
                    return
                read_sec += self.clock.monotonic_sec() - before_sec
                read_bytes += len(piece)
                if read_sec > STREAM_DEADLINE_SEC:
                    raise TimedOut(f"{call.subject}: {read_bytes} bytes in {STREAM_DEADLINE_SEC:.0f} s")
                yield piece
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise self._translated(call, exc, None) from exc
        except GeneratorExit:
            result = "left"
            raise
        finally:
            if self._on_call is not None:  # the call itself was counted when it was answered
                self._on_call(CallMade(operation=f"{call.operation}.stream", result=result, wire_bytes=read_bytes,
                                       took_sec=self.clock.monotonic_sec() - started_sec))

    def _refusal(self, exc: Exception) -> Refusal | None:
        if isinstance(exc, RefusedAnswer):
            return exc.refusal
        if not isinstance(exc, ClientError):
            return None
        # `or`: boto3 gives None for an empty element.
        error, meta = exc.response.get("Error", {}), exc.response.get("ResponseMetadata", {})
        return Refusal(status=int(meta.get("HTTPStatusCode", 0)), code=error.get("Code") or "",
                       message=error.get("Message") or "", headers=meta.get("HTTPHeaders", {}), now_us=self.clock.now_us())

    def _translated(self, call: Call, exc: Exception, refusal: Refusal | None) -> AuroraLogsError:
        error = translate(call, refusal) if refusal is not None else translate_exception(call, exc)
        if error is None:
            raise exc
        return error

    def _count(self, call: Call, result: str, started_sec: float, wire_bytes: int = 0) -> None:
        with self._lock:
            key = call.operation, result
            self.calls[key] = self.calls.get(key, 0) + 1
        if self._on_call is not None:
            self._on_call(CallMade(operation=call.operation, result=result, wire_bytes=wire_bytes,
                                   took_sec=self.clock.monotonic_sec() - started_sec))

    def _open(self) -> Access:
        try:
            return Access(region=self._region, role=self._role, session_name=self._session_name, connections=self._connections)
        except VENDOR_ERRORS as exc:
            raise (translate_exception(Call(operation="open"), exc) or ConfigError(str(exc))) from exc
        except ValueError as exc:  # botocore's for an endpoint that is no URL
            raise ConfigError(f"The AWS configuration does not fit: {exc}") from exc

    def _renew(self, refused: Access) -> Access:
        """Read the credentials anew from their source, unless another thread just did."""
        with self._lock:
            if self._access is refused:
                self._access = self._open()
            return self._access

    def _open_sockets(self) -> urllib3.PoolManager:
        """Make the pool that all threads share; proxies from the environment, as boto3 takes them."""
        url = self._access.endpoint_url
        proxy = get_environ_proxies(url).get(urlsplit(url).scheme)
        options: dict[str, Any] = {"num_pools": 4, "maxsize": self._connections}
        if url.startswith("https:"):
            options |= {"cert_reqs": "CERT_REQUIRED", "ca_certs": self._access.ca_bundle}
        return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _lower(response: urllib3.BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
