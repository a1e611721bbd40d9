"""Calls to DynamoDB: one request a try, retries of our own with jitter, errors translated into the tree.

The SDK's retries are off: after an answer that was lost they would meet the effect of their own first try and report it
as somebody else's (REL-150). A write that may be applied is tried again only when a second time changes nothing.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any
from zlib import crc32

from aurora_logs.adapters.aws.items import Item, value_of
from aurora_logs.adapters.aws.refusals import (
    CREDENTIAL_CODES,
    DENIED_CODES,
    SIGNATURE_CODES,
    THROTTLING_CODES,
    Call,
    translate_exception,
)
from aurora_logs.errors import (
    AccessDenied,
    AuroraLogsError,
    ConfigError,
    Conflict,
    Permanent,
    StateAnswerLost,
    Throttled,
    Transient,
    Unreachable,
)
from aurora_logs.ports import Clock, Random
from aurora_logs.resilience import Backoff

CONNECT_TIMEOUT_SEC = 2.0
ANSWER_TIMEOUT_SEC = 4.0  # three tries with their pauses stay below half a lease
TRIES = 3
BACKOFF_SEC, BACKOFF_CAP_SEC = 0.05, 1.0
STATE_THROTTLING_CODES = THROTTLING_CODES | {"ProvisionedThroughputExceededException", "ProvisionedThroughputExceeded",
                                             "LimitExceededException"}
_ALIAS = re.compile(r"#(\w+)")


class ConditionFailed(Conflict):
    """The condition of a write does not hold."""

    def __init__(self, detail: str, item: Item) -> None:
        """Carry the item as it is; {} when there is none."""
        super().__init__(detail)
        self.item = item


class TableMissing(ConfigError):
    """There is no such table."""

    hint = "aurora-logs provision tables"


class AnswerBroken(Exception):  # on its way to `translated`; never leaves this module
    """The answer broke off."""


class DynamoDb:
    """One region's tables. Called from many threads at once."""

    def __init__(self, client: Any, clock: Clock, random: Random) -> None:
        """client: boto3's, without retries of its own; see `open_dynamodb`."""
        self._client, self._clock = client, clock
        client.meta.events.register("before-parse.dynamodb", _refuse_broken)
        self._backoff = Backoff(random=random, base_sec=BACKOFF_SEC, cap_sec=BACKOFF_CAP_SEC)

    def get(self, table: str, key: Mapping[str, object]) -> Item | None:
        """Read one item consistently. Raises: Transient, ConfigError."""
        item: Item | None = self._call("get_item", writes=False, TableName=table, Key=_item(key),
                                       ConsistentRead=True).get("Item")
        return item

    def pages(self, operation: str, table: str, **parameters: Any) -> Iterator[Item]:
        """Read all items of a `query` or `scan`, page by page. Raises: Transient, ConfigError."""
        start: dict[str, Any] = {}
        while True:
            answer = self._call(operation, writes=False, TableName=table, **parameters, **start)
            yield from answer["Items"]
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def write(self, operation: str, table: str, *, repeatable: bool, update: str = "", condition: str = "",
              values: Mapping[str, object] | None = None, **parameters: Any) -> Item:
        """Make one conditional write; return the item as it is then, where `ReturnValues` asks for it.

        update, condition: expressions in which #name stands for the attribute of that name and :name for values[name].
        repeatable: a second time changes nothing, so that it may be tried again after a lost answer.
        Raises: ConditionFailed, Transient (not applied), StateAnswerLost (may be applied), Permanent, ConfigError.
        """
        names = {f"#{name}": name for name in _ALIAS.findall(f"{update} {condition}")}
        expressions: dict[str, Any] = {
            "UpdateExpression": update, "ConditionExpression": condition, "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {f":{name}": value_of(value) for name, value in (values or {}).items()}}
        if condition:
            parameters["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        parameters |= {name: part for name, part in expressions.items() if part}
        answer = self._call(operation, repeatable=repeatable, TableName=table, **parameters)
        item: Item = answer.get("Attributes", {})
        return item

    def control(self, operation: str, table: str, **parameters: Any) -> dict[str, Any]:
        """Describe or change a table itself. Raises: Conflict (it is there or changing), Transient, ConfigError."""
        return self._call(operation, writes=False, TableName=table, **parameters)

    def _call(self, operation: str, *, writes: bool = True, repeatable: bool = True, **parameters: Any) -> dict[str, Any]:
        for failures in count(1):
            try:
                answer: dict[str, Any] = getattr(self._client, operation)(**parameters)
            except Exception as exc:
                error = translated(operation, parameters["TableName"], exc, writes=writes)
                if error is None:
                    raise
                again = isinstance(error, Transient) or (repeatable and isinstance(error, StateAnswerLost))
                if not again or failures == TRIES or not self._waited(failures, error):
                    raise error from exc
            else:
                return answer
        raise AssertionError

    def _waited(self, failures: int, error: AuroraLogsError) -> bool:
        """Wait before the next try; False when the service stops, which ends every sleep at once."""
        pause_sec = self._backoff.delay_sec(failures, getattr(error, "retry_after_sec", None))
        before_sec = self._clock.monotonic_sec()
        self._clock.sleep(pause_sec)
        return self._clock.monotonic_sec() - before_sec >= pause_sec / 2


def translated(operation: str, table: str, exc: Exception, *, writes: bool) -> AuroraLogsError | None:
    """Return the leaf of the error tree for what boto3 raised; None for what it never should."""
    action = operation.replace("_", " ").title().replace(" ", "")
    detail = f"dynamodb:{action} on {table}"
    if isinstance(exc, AnswerBroken):
        return StateAnswerLost(f"{detail}: {exc}") if writes else Unreachable(f"{detail}: {exc}")
    response = getattr(exc, "response", None)
    if isinstance(response, dict) and "Error" in response:
        return _refused(detail, table, response, writes=writes)
    error = translate_exception(Call(operation=action, instance_id=table, host="DynamoDB"), exc)
    if error is None or isinstance(error, ConfigError) or not writes or _was_not_sent(exc):
        return error
    return StateAnswerLost(f"{detail}: {error.detail}")


def _refused(detail: str, table: str, response: Mapping[str, Any], *, writes: bool) -> AuroraLogsError:
    code = response["Error"].get("Code") or ""
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"{detail}: {code or status} {response['Error'].get('Message') or ''}".strip()[:600]
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(detail, response.get("Item", {}))
    if code == "ResourceInUseException":
        return Conflict(said)
    if code in STATE_THROTTLING_CODES or status == 429:
        return Throttled(said, hint="everything is tried again; if it lasts, look at the table's limits")
    if code == "ResourceNotFoundException":
        return TableMissing(f"There is no table {table} here")
    if code == "ValidationException" and any(word in said for word in ("schema", "key element", "index")):
        return ConfigError(said, hint="the table has another key schema: aurora-logs provision tables --dry-run")
    if code in CREDENTIAL_CODES | SIGNATURE_CODES | DENIED_CODES:
        return AccessDenied(said)
    if status >= 500 or code in ("InternalServerError", "ServiceUnavailable"):
        return StateAnswerLost(said) if writes else Unreachable(said)
    return Permanent(said)


def _refuse_broken(response_dict: Mapping[str, Any], **_: object) -> None:
    """Refuse a cut or changed body: botocore checks neither, and reads what is no JSON as an empty answer: "no such row"."""
    body, headers = response_dict["body"], response_dict["headers"]
    promised, checksum = headers.get("Content-Length"), headers.get("x-amz-crc32")
    if promised is not None and int(promised) != len(body):
        raise AnswerBroken(f"{len(body)} of {promised} bytes came")
    if checksum is not None and int(checksum) != crc32(body):
        raise AnswerBroken("the checksum of the answer is wrong")


def _was_not_sent(exc: Exception) -> bool:
    names = {each.__name__ for each in type(exc).__mro__}
    return bool(names & {"EndpointConnectionError", "ConnectTimeoutError", "NewConnectionError", "ProxyConnectionError"})


def _item(values: Mapping[str, object]) -> Item:
    return {name: value_of(value) for name, value in values.items()}


def open_dynamodb(*, clock: Clock, random: Random, region: str | None, connections: int) -> DynamoDb:
    """Open the tables of the account and region in force; AWS_ENDPOINT_URL(_DYNAMODB) is honoured. Makes no call.

    connections: sockets kept open; at least the number of threads. Raises: ConfigError.
    """
    import boto3  # noqa: PLC0415  # 0.3 s: only what uses DynamoDB pays it
    from botocore.config import Config  # noqa: PLC0415  # as above

    try:
        client = boto3.session.Session(region_name=region).client("dynamodb", config=Config(
            retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=CONNECT_TIMEOUT_SEC,
            read_timeout=ANSWER_TIMEOUT_SEC, max_pool_connections=connections))
    except Exception as exc:
        error = translate_exception(Call(operation="open"), exc)
        if error is None and not isinstance(exc, ValueError):
            raise
        raise error or ConfigError(f"The AWS configuration does not fit: {exc}") from exc
    return DynamoDb(client, clock, random)
