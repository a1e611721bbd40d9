"""Each refusal of RDS becomes the leaf of the error tree by which services decide (rds-log-api.md §12.1)."""

from email.utils import formatdate

import botocore.exceptions
import botocore.parsers
import pytest
import urllib3

from aurora_logs.adapters.aws.refusals import COMPLETE_FILE, Call, Refusal, translate, translate_exception
from aurora_logs.errors import (
    AccessDenied,
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

READ = Call(operation="DownloadDBLogFilePortion", instance_id="db-1", log_file_name="error/a.log", host="rds.example")
COMPLETE = Call(operation=COMPLETE_FILE, instance_id="db-1", log_file_name="error/a.log", host="rds.example")
NOW_SEC = 1_790_000_000


def refused(status, code="", message="", call=READ, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return translate(call, Refusal(status=status, code=code, message=message, headers=named,
                                   now_us=NOW_SEC * 1_000_000))


@pytest.mark.parametrize(("status", "code", "message", "leaf"), [
    (400, "Throttling", "Rate exceeded", Throttled),
    (400, "ThrottlingException", "", Throttled),
    (400, "RequestLimitExceeded", "", Throttled),
    (400, "RequestThrottled", "", Throttled),
    (400, "RequestThrottledException", "", Throttled),
    (400, "TooManyRequestsException", "", Throttled),
    (429, "", "", Throttled),
    (503, "SlowDown", "", Throttled),
    (503, "", "Please slow down", Throttled),
    (400, "Other", "Retry quota exceeded, 10 retries", Throttled),
    (500, "InternalFailure", "", Unreachable),
    (502, "", "", Unreachable),
    (503, "ServiceUnavailable", "", Unreachable),
    (400, "InternalFailure", "", Unreachable),
    (301, "", "", Unreachable),
    (200, "", "", Unreachable),
    (400, "DBInstanceNotReady", "", InstanceNotReady),
    (404, "DBInstanceNotFound", "", InstanceGone),
    (404, "DBLogFileNotFoundFault", "", LogFileGone),
    (404, "DBLogFileNotFound", "", LogFileGone),
    (400, "InvalidParameterValue", "This file contains binary data and should be downloaded instead of viewed.",
     BinaryRefused),
    (400, "InvalidParameterValue", "The marker is invalid", MarkerRefused),
    (403, "AccessDenied", "", AccessDenied),
    (403, "", "", AccessDenied),
    (400, "UnauthorizedOperation", "", AccessDenied),
    (403, "ExpiredToken", "", AccessDenied),
    (403, "InvalidClientTokenId", "", AccessDenied),
    (403, "SignatureDoesNotMatch", "", AccessDenied),
    (400, "InvalidParameterValue", "NumberOfLines is too large", Permanent),
    (400, "Unknown", "", Permanent),
])  # fmt: skip
def test_each_refusal_is_its_own_leaf(status, code, message, leaf):
    error = refused(status, code, message)

    assert type(error) is leaf
    assert "db-1" in str(error)


@pytest.mark.parametrize(("status", "code", "leaf"), [
    (403, "AccessDenied", CompleteFileRefused), (403, "", CompleteFileRefused), (404, "", CompleteFileRefused),
    (405, "", CompleteFileRefused), (404, "DBInstanceNotFound", InstanceGone), (429, "", Throttled),
    (404, "DBLogFileNotFoundFault", LogFileGone), (403, "ExpiredToken", AccessDenied), (500, "", Unreachable),
])  # fmt: skip
def test_a_refused_complete_file_leaves_the_portions(status, code, leaf):
    """RDS-97; the body's format is not documented, so the status alone must do."""
    assert type(refused(status, code, call=COMPLETE)) is leaf


def test_a_throttled_answer_keeps_the_seconds_it_names():
    assert refused(429, retry_after="7").retry_after_sec == 7
    assert refused(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT").retry_after_sec is None
    assert refused(429).retry_after_sec is None


def test_denied_access_names_action_resource_and_who():
    """RDS-15."""
    said = "User: arn:aws:iam::123456789012:user/logs is not authorized to perform: rds:DownloadDBLogFilePortion"
    text = str(refused(403, "AccessDenied", said))

    assert text.startswith("Access was denied. rds:DownloadDBLogFilePortion on db:db-1 is not allowed: ")
    assert "user/logs" in text


@pytest.mark.parametrize(("their_sec", "said"), [
    (NOW_SEC - 600, "This machine's clock is 600 s ahead of theirs."),
    (NOW_SEC + 420, "This machine's clock is 420 s behind theirs."),
])  # fmt: skip
def test_a_refused_signature_says_by_how_much_the_clock_is_off(their_sec, said):
    text = str(refused(403, "SignatureDoesNotMatch", "Signature expired", date=formatdate(their_sec, usegmt=True)))

    assert said in text
    assert "rds.example" in text


def test_a_right_clock_and_a_missing_date_are_not_mentioned():
    for headers in ({"date": formatdate(NOW_SEC + 30, usegmt=True)}, {}, {"date": "no date"}):
        assert "clock is" not in str(refused(403, "ExpiredToken", **headers))


def test_a_message_is_bounded_and_holds_no_control_characters():
    text = str(refused(400, "Odd", "\x1b]52;\x9b\n" + "x" * 10_000))

    assert len(text) < 700
    assert text.isprintable()


@pytest.mark.parametrize(("exception", "leaf"), [
    (botocore.exceptions.NoCredentialsError(), ConfigError),
    (botocore.exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), ConfigError),
    (botocore.exceptions.ProfileNotFound(profile="x"), ConfigError),
    (botocore.exceptions.NoRegionError(), ConfigError),
    (botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"), Unreachable),
    (botocore.exceptions.ConnectTimeoutError(endpoint_url="http://x"), TimedOut),
    (botocore.exceptions.ReadTimeoutError(endpoint_url="http://x"), TimedOut),
    (botocore.exceptions.ConnectionClosedError(endpoint_url="http://x"), Unreachable),
    (botocore.parsers.ResponseParserError("no XML"), Unreachable),
    (botocore.exceptions.SSLError(endpoint_url="http://x", error="certificate"), Unreachable),
    (urllib3.exceptions.ProtocolError("broken"), Unreachable),
    (urllib3.exceptions.ReadTimeoutError(None, "/", "slow"), TimedOut),
    (urllib3.exceptions.SSLError("certificate"), Unreachable),
    (ConnectionResetError(), Unreachable),
    (TimeoutError(), TimedOut),
])  # fmt: skip
def test_calls_without_an_answer_are_unreachable_timed_out_or_a_configuration(exception, leaf):
    assert type(translate_exception(READ, exception)) is leaf


def test_an_exception_that_nobody_knows_is_not_translated():
    """It is a bug of ours and must be seen."""
    assert translate_exception(READ, ValueError("bug")) is None
