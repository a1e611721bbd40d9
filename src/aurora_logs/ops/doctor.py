"""Chapter "doctor": try what collecting needs, with real calls that only read; each failure with its cure."""

from collections.abc import Callable, Iterable

import msgspec

from aurora_logs.errors import AuroraLogsError, CompleteFileRefused, InstanceNotReady
from aurora_logs.formats import format_of
from aurora_logs.ports import LogSource
from aurora_logs.records.fleet import Instance, ListedFile

INSTANCES_TRIED = 20  # each costs a call of the API budget
COMPLETE_MAX_BYTES = 50_000_000  # one file is read at most so far: the right is what is asked, not the content


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check. verdict: ok, failed, or unknown (could not look). fix: command or setting that cures a failure."""

    name: str
    verdict: str
    detail: str
    fix: str = ""


def ok(name: str, detail: str) -> Check:
    """Return a check that passed."""
    return Check(name=name, verdict="ok", detail=detail)


def failed(name: str, error: AuroraLogsError, fix: str = "") -> Check:
    """Return a check that failed with an error of the tree."""
    return Check(name=name, verdict="failed", detail=str(error), fix=error.hint or fix)


def unknown(name: str, reason: str) -> Check:
    """Return a check that could not be made."""
    return Check(name=name, verdict="unknown", detail=reason)


def source_checks(open_source: Callable[[], LogSource]) -> Iterable[Check]:
    """Try the source: instances, their listings, one portion, one complete file. Never raises an error of the tree."""
    try:
        source = open_source()
        instances = source.instances()
    except AuroraLogsError as error:
        yield failed("rds:DescribeDBInstances", error)
        for name in ("rds:DescribeDBLogFiles", "rds:DownloadDBLogFilePortion", "rds:DownloadCompleteDBLogFile"):
            yield unknown(name, "the instances can't be listed")
        return
    if not instances:
        yield Check(name="instances", verdict="failed", detail="there is no instance whose logs can be read",
                    fix="check AWS_REGION and the account; see it work without AWS: aurora-logs demo")
        return
    engines = ", ".join(sorted({one.engine for one in instances if one.engine}))
    yield ok("rds:DescribeDBInstances", f"{len(instances)} instances{f' ({engines})' if engines else ''}")
    yield from _per_instance(source, instances)


def _per_instance(source: LogSource, instances: list[Instance]) -> Iterable[Check]:
    listings: list[tuple[Instance, ListedFile]] = []
    for instance in instances[:INSTANCES_TRIED]:
        name = f"rds:DescribeDBLogFiles {instance.instance_id}"
        try:
            files = source.log_files(instance.instance_id)
        except InstanceNotReady as error:
            yield unknown(name, str(error))
        except AuroraLogsError as error:
            yield failed(name, error)
        else:
            known = [one for one in files if format_of(instance.engine, one.log_file_name)]
            listings += [(instance, one) for one in known]
            size_bytes = sum(one.size_bytes for one in known)
            yield ok(name, f"{len(known)} of {len(files)} files are collected, {size_bytes:,} bytes") if known else Check(
                name=name, verdict="failed", detail=f"none of {len(files)} files is a log that we read",
                fix="let the database log to files: slow_query_log=1, log_output=FILE; log_min_duration_statement")
    if len(instances) > INSTANCES_TRIED:
        yield unknown(f"{len(instances) - INSTANCES_TRIED} more instances", f"only the first {INSTANCES_TRIED} are tried")
    yield from _downloads(source, listings)


def _downloads(source: LogSource, listings: list[tuple[Instance, ListedFile]]) -> Iterable[Check]:
    filled = sorted(((instance, one) for instance, one in listings if one.size_bytes), key=lambda pair: pair[1].size_bytes)
    names = "rds:DownloadDBLogFilePortion", "rds:DownloadCompleteDBLogFile"
    if not filled:
        for name in names:
            yield unknown(name, "there is no log file with content to try it on")
        return
    instance, listed = filled[0]
    where = f"{instance.instance_id} {listed.log_file_name}"
    try:
        answer = source.read(instance.instance_id, listed.log_file_name, "", max_lines=1)
        yield ok(names[0], f"{len(answer.content):,} bytes of {where}")
    except AuroraLogsError as error:
        yield failed(names[0], error)
    try:
        yield ok(names[1], f"{_complete_bytes(source, instance, listed):,} bytes of {where}")
    except CompleteFileRefused as error:
        yield Check(name=names[1], verdict="unknown", detail=f"{error.detail}; portions are used, which cost more calls",
                    fix=error.hint)
    except AuroraLogsError as error:
        yield failed(names[1], error)


def _complete_bytes(source: LogSource, instance: Instance, listed: ListedFile) -> int:
    read_bytes = 0
    with source.complete_file(instance.instance_id, listed.log_file_name) as pieces:
        for piece in pieces:
            read_bytes += len(piece)
            if read_bytes >= COMPLETE_MAX_BYTES:
                break
    return read_bytes
