"""From an HTTP request to an answer: operations by name, the complete-file path, and transfers that break."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Callable
from threading import Lock
from urllib.parse import unquote

from aurora_logs_simulator import wire
from aurora_logs_simulator.answers import ApiError, Broken, CompleteFile, Page, Portion, invalid_parameter
from aurora_logs_simulator.api import RdsLogApi
from aurora_logs_simulator.clock import SECOND_US
from aurora_logs_simulator.gate import COMPLETE
from aurora_logs_simulator.signing import Keys, Request, check
from aurora_logs_simulator.sockets import Answer

COMPLETE_PREFIX = "/v13/downloadCompleteLogFile/"
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"


class Service:
    """One account and region behind HTTP; every touch of the state machine happens under one lock, which others share."""

    def __init__(self, api: RdsLogApi, keys: Keys | None, lock: Lock) -> None:
        """Serve `api`; `keys` None: signatures are not checked."""
        self.api = api
        self.lock = lock
        self._keys = keys
        self._operations: dict[str, Callable[[dict[str, str]], Page | Portion]] = {
            "DescribeDBInstances": self._instances,
            "DescribeDBClusters": self._clusters,
            "DescribeDBLogFiles": self._log_files,
            "DownloadDBLogFilePortion": self._portion,
            "DescribeDBParameters": self._parameters,
            "DescribeDBClusterParameters": self._parameters,
            "DescribeEvents": self._events,
            "ListTagsForResource": self._tags,
        }

    def answer(self, request: Request, keys: Keys | None = None) -> Answer:
        """Answer one signed request; refusals are answers as well. keys: whose they must be instead of the usual ones."""
        request_id = str(uuid.uuid4())
        keys = keys or self._keys
        if request.path.startswith(COMPLETE_PREFIX):
            answer = self._complete(request, request_id, keys)
        else:
            answer = self._query(request, request_id, keys)
        answer.headers["x-amzn-RequestId"] = request_id
        return answer

    def _query(self, request: Request, request_id: str, keys: Keys | None) -> Answer:
        params = wire.parameters(request.body if request.method == "POST" else request.query.encode())
        name = params.get("Action", "")
        instance, file = params.get("DBInstanceIdentifier", ""), params.get("LogFileName", "")
        delay_sec = 0.0
        try:
            with self.lock:
                self._check(request, keys, name, instance, file)
                operation = self._operation(name, params.get("Version", ""))
                delay_sec = self.api.gate.latency_sec(name, instance, file)
                found = operation(params)
            answer = _xml(200, self._encoded(name, found, request_id))
        except ApiError as error:
            answer = _xml(error.status, wire.error_answer(error, request_id))
        except Broken as broken:
            body = b"" if broken.answer is None else self._encoded(name, broken.answer, request_id)
            answer = _broken(broken.how, body)
        answer.delay_sec = delay_sec
        with self.lock:
            self.api.gate.answer_bytes[name] += answer.length_bytes
        return answer

    def _complete(self, request: Request, request_id: str, keys: Keys | None) -> Answer:
        instance, _, file = request.path.removeprefix(COMPLETE_PREFIX).partition("/")
        instance, file = unquote(instance), unquote(file)
        delay_sec = 0.0
        try:
            with self.lock:
                self._check(request, keys, COMPLETE, instance, file)
                delay_sec = self.api.gate.latency_sec(COMPLETE, instance, file)
                found = self.api.download_complete_log_file(instance, file)
                planted = self.api.faults.strike(
                    "complete_gzip_transfer", operation=COMPLETE, instance=instance, file=file
                )
            asked = "gzip" in request.headers.get("accept-encoding", "")
            answer = _streamed(found, gzipped=asked or planted is not None)
        except ApiError as error:
            answer = _xml(error.status, wire.error_answer(error, request_id))
        except Broken as broken:
            answer = _broken(broken.how, b"")
        answer.delay_sec = delay_sec
        with self.lock:
            self.api.gate.answer_bytes[COMPLETE] += answer.length_bytes
        return answer

    def _operation(self, name: str, version: str) -> Callable[[dict[str, str]], Page | Portion]:
        operation = self._operations.get(name)
        if operation is None or version != wire.VERSION:
            raise ApiError("InvalidAction", 400, f"Could not find operation {name} for version {version}")
        return operation

    def _check(self, request: Request, keys: Keys | None, operation: str, instance: str, file: str) -> None:
        if keys is None:
            return
        skew = self.api.faults.strike("clock_skew", operation=operation, instance=instance, file=file)
        real_us = self.api.clock.real_us() + (0 if skew is None else int(skew.amount() * SECOND_US))
        check(request, keys=keys, region=self.api.account.region, service="rds", real_us=real_us)

    def _encoded(self, operation: str, found: Page | Portion, request_id: str) -> bytes:
        if isinstance(found, Page):
            return wire.page_answer(operation, found, request_id)
        return wire.portion_answer(found, request_id)

    def _instances(self, params: dict[str, str]) -> Page:
        return self.api.describe_db_instances(
            identifier=params.get("DBInstanceIdentifier"),
            filters=wire.filters(params),
            marker=params.get("Marker"),
            max_records=_number(params, "MaxRecords"),
        )

    def _clusters(self, params: dict[str, str]) -> Page:
        return self.api.describe_db_clusters(
            identifier=params.get("DBClusterIdentifier"),
            filters=wire.filters(params),
            marker=params.get("Marker"),
            max_records=_number(params, "MaxRecords"),
        )

    def _log_files(self, params: dict[str, str]) -> Page:
        return self.api.describe_db_log_files(
            _needed(params, "DBInstanceIdentifier"),
            contains=params.get("FilenameContains"),
            written_since_ms=_number(params, "FileLastWritten"),
            larger_than_bytes=_number(params, "FileSize"),
            marker=params.get("Marker"),
            max_records=_number(params, "MaxRecords"),
        )

    def _parameters(self, params: dict[str, str]) -> Page:
        name = "DBClusterParameterGroupName" if params["Action"] == "DescribeDBClusterParameters" else "DBParameterGroupName"
        if params.get("Source") != "user":
            raise invalid_parameter("Only Source=user is simulated")
        return self.api.describe_db_parameters(
            _needed(params, name),
            of_cluster=name.startswith("DBCluster"),
            marker=params.get("Marker"),
            max_records=_number(params, "MaxRecords"),
        )

    def _portion(self, params: dict[str, str]) -> Portion:
        return self.api.download_db_log_file_portion(
            _needed(params, "DBInstanceIdentifier"),
            _needed(params, "LogFileName"),
            marker=params.get("Marker"),
            lines=_number(params, "NumberOfLines"),
        )

    def _events(self, params: dict[str, str]) -> Page:
        return self.api.describe_events(
            source=params.get("SourceIdentifier"),
            source_type=params.get("SourceType"),
            start=params.get("StartTime"),
            end=params.get("EndTime"),
            duration_min=_number(params, "Duration"),
            categories=wire.numbered(params, "EventCategories"),
            marker=params.get("Marker"),
            max_records=_number(params, "MaxRecords"),
        )

    def _tags(self, params: dict[str, str]) -> Page:
        return self.api.list_tags_for_resource(_needed(params, "ResourceName"))


def _number(params: dict[str, str], name: str) -> int | None:
    value = params.get(name)
    if value is None:
        return None
    try:
        return int(value)
    except ValueError as exc:
        raise invalid_parameter(f"Invalid value {value} for {name}") from exc


def _needed(params: dict[str, str], name: str) -> str:
    value = params.get(name, "")
    if not value:
        raise ApiError("MissingParameter", 400, f"The request must contain the parameter {name}.")
    return value


def _xml(status: int, body: bytes) -> Answer:
    return Answer(status=status, body=body, length_bytes=len(body), headers={"Content-Type": wire.XML_TYPE})


def _streamed(found: CompleteFile, *, gzipped: bool) -> Answer:
    headers = {"Content-Type": "application/octet-stream"}
    if not gzipped:
        return Answer(
            status=200,
            body=found.pieces(),
            length_bytes=found.size_bytes,
            headers=headers,
            keeps_bytes=found.cut_after_bytes,
        )
    body = gzip.compress(b"".join(found.pieces()), 1, mtime=0)
    keeps_bytes = None if found.cut_after_bytes is None else max(0, len(body) - 9)  # the trailer is missing
    headers["Content-Encoding"] = "gzip"
    return Answer(status=200, body=body, length_bytes=len(body), headers=headers, keeps_bytes=keeps_bytes)


def _broken(how: str, body: bytes) -> Answer:
    if how == "html":
        return Answer(status=200, body=HTML, length_bytes=len(HTML), headers={"Content-Type": "text/html"})
    if how == "empty":
        return Answer(status=200, body=b"", length_bytes=0, headers={"Content-Type": wire.XML_TYPE})
    if how == "cut_xml":
        return _xml(200, body[: len(body) // 2])
    answer = _xml(200 if how == "reset_mid_body" else 0, body)
    answer.keeps_bytes, answer.resets = len(body) // 2, True
    return answer
