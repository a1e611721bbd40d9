"""Chapter "doctor": try what collecting needs, with real calls that only read; each failure with its cure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import msgspec

from aurora_logs.errors import AccessDenied, AuroraLogsError, CompleteFileRefused, InstanceNotReady
from aurora_logs.formats import format_of
from aurora_logs.ops.database_settings import findings
from aurora_logs.ports import Inspected, Provisioning, QueueAdmin
from aurora_logs.records.fleet import Instance, ListedFile
from aurora_logs.scope import Selection
from aurora_logs.segments import told_twice
from aurora_logs.settings import Settings
from aurora_logs.stages.discover import is_wanted

INSTANCES_TRIED = 20  # each costs a call of the API budget
CLOCK, SKEW_MAX_SEC = "clock", 60.0  # a time of a Date header is whole seconds, and the answer takes its time
COMPLETE_MAX_BYTES = 50_000_000  # one file is read at most so far: the right is what is asked, not the content


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check. verdict: ok, failed, or unknown (could not look). fix: command or setting that cures a failure."""

    name: str
    verdict: str
    detail: str
    fix: str = ""


Look = Callable[[], Iterable[Check]]
"""Looks at one thing; what it raises of the error tree is a failed check."""


def ok(name: str, detail: str) -> Check:
    """Return a check that passed."""
    return Check(name=name, verdict="ok", detail=detail)


def failed(name: str, error: AuroraLogsError, fix: str = "") -> Check:
    """Return a check that failed with an error of the tree."""
    return Check(name=name, verdict="failed", detail=str(error), fix=error.hint or fix)


def unknown(name: str, reason: str) -> Check:
    """Return a check that could not be made."""
    return Check(name=name, verdict="unknown", detail=reason)


def contract(sort: str, provisioning: Provisioning, fix: str) -> Iterator[Check]:
    """Compare tables, topics or streams with the contract. Raises: Transient, ConfigError."""
    fine = []
    for name in provisioning.names():
        shape = provisioning.look(name)
        if shape.differences:
            yield Check(name=f"{sort} {name}", verdict="failed", detail="; ".join(shape.differences),
                        fix="change it by hand, or make it anew while nothing runs")
        elif shape.missing:
            yield Check(name=f"{sort} {name}", verdict="failed", detail=f"missing: {', '.join(shape.missing)}", fix=fix)
        else:
            fine.append(name)
    if fine:
        yield ok(f"{sort}s", f"as they should be: {', '.join(fine)}")


def group(admin: QueueAdmin) -> Iterator[Check]:
    """Tell who reads the topics. Raises: Transient, ConfigError."""
    found = admin.lags()
    members = sorted({one.member for one in found.partitions if one.member})
    waiting = sum(one.lag or 0 for one in found.partitions)
    yield ok(f"group {found.group}", f"{found.state}, {waiting:,} hints wait; members: {', '.join(members)}") if members else unknown(
        f"group {found.group}", f"{found.state}: no processor reads the topics now")


def openobserve(settings: Settings) -> Iterator[Check]:
    """Tell what the server does not: how old a record may be, and whether what it confirms survives a crash."""
    hours = settings.openobserve_window_hours
    yield ok("window", f"records up to {hours:g} h old, by OPENOBSERVE_WINDOW_HOURS") if hours else unknown(
        "window", "the server does not tell it; it is learned from its refusals. OPENOBSERVE_WINDOW_HOURS: its ZO_INGEST_ALLOWED_UPTO")
    yield unknown("fsync", "the server does not tell it: ZO_WAL_FSYNC_DISABLED=false keeps what it confirmed through a crash; the audit finds what is lost")


class Names(NamedTuple):
    """What the checks of a source are called: for RDS the action that each of them needs."""

    instances: str
    listing: str
    portion: str
    complete: str


NAMES = {
    "rds": Names("rds:DescribeDBInstances", "rds:DescribeDBLogFiles", "rds:DownloadDBLogFilePortion", "rds:DownloadCompleteDBLogFile"),
    "folder": Names("folder", "log files of", "a portion", "a complete file"),
}


class SourceChecks:
    """Tries the source: instances, the listing of each, one portion, one complete file. Its looks run side by side.

    The looks of `listings` and `downloads` rest on those before them; what these could not learn, they tell.
    """

    def __init__(self, open_source: Callable[[], Inspected], names: Names, unsupported: Mapping[str, str],
                 selection: Selection) -> None:
        """unsupported: engine of each instance that `instances()` of the source left out, filled by it. selection: collected."""
        self._open, self.names, self._unsupported, self._selection = open_source, names, unsupported, selection
        self._source: Inspected | None = None
        self._instances: list[Instance] = []
        self._listed: list[tuple[Instance, ListedFile]] = []

    def instances(self) -> Iterator[Check]:
        """List the instances of each account and region. Raises: what LogSource.instances raises, where there is one place."""
        self._source = self._open()
        places, found = self._source.places(), list[Instance]()
        for place in places:
            try:
                found += self._source.instances(place)
            except AuroraLogsError as error:
                if len(places) == 1:
                    raise
                yield failed(f"{self.names.instances} {place}", error)
        for instance_id, engine in self._unsupported.items():
            yield unknown(f"instance {instance_id}", f"{engine or 'an engine without a name'} is none that is read")
        self._instances = [one for one in found if is_wanted(one, self._selection)]
        if not self._instances:
            left_out = f"; {len(found)} are left out by INSTANCES_INCLUDE and INSTANCES_EXCLUDE" if found else ""
            yield Check(name="instances", verdict="failed", detail=f"there is no instance whose logs can be read{left_out}",
                        fix="check AWS_REGION and the account; see it work without AWS: aurora-logs demo")
            return
        yield ok(self.names.instances, _counted(self._instances, len(found) - len(self._instances)))

    def listings(self) -> dict[str, Look]:
        """Return a look for each instance's listing, of the first INSTANCES_TRIED."""
        if not self._instances:
            reason = "the instances could not be listed"
            return {self.names.listing: lambda: [unknown(self.names.listing, reason)]}
        tried = self._instances[:INSTANCES_TRIED]
        looks: dict[str, Look] = {CLOCK: self._clock}
        looks |= {f"{self.names.listing} {one.instance_id}": partial(self._listing, one) for one in tried}
        looks |= {f"settings of {one.instance_id}": partial(self._settings, one) for one in tried}
        if (others := len(self._instances) - INSTANCES_TRIED) > 0:
            name = f"{others} more instances"
            looks[name] = lambda: [unknown(name, f"only the first {INSTANCES_TRIED} are tried")]
        return looks

    def downloads(self) -> dict[str, Look]:
        """Return the looks at one portion and one complete file, of the smallest log file that has content."""
        filled = sorted((pair for pair in self._listed if pair[1].size_bytes), key=lambda pair: pair[1].size_bytes)
        if not filled:
            reason = "there is no log file with content to try it on"
            return {name: partial(_none_there, name, reason) for name in (self.names.portion, self.names.complete)}
        return {self.names.portion: partial(self._portion, *filled[0]), self.names.complete: partial(self._complete, *filled[0])}

    def _listing(self, instance: Instance) -> Iterator[Check]:
        assert self._source is not None
        name = f"{self.names.listing} {instance.instance_id}"
        try:
            files = self._source.log_files(instance.instance_id)
        except InstanceNotReady as error:
            yield unknown(name, str(error))
            return
        twins = told_twice(one.log_file_name for one in files)
        known = [one for one in files if format_of(instance.engine, one.log_file_name) and one.log_file_name not in twins]
        self._listed += [(instance, one) for one in known]
        size_bytes = sum(one.size_bytes for one in known)
        yield ok(name, f"{len(known)} of {len(files)} files are collected, {size_bytes:,} bytes") if known else Check(
            name=name, verdict="failed", detail=f"none of {len(files)} files is a log that we read",
            fix="let the database log to files: slow_query_log=1, log_output=FILE; log_min_duration_statement")

    def _clock(self) -> Iterator[Check]:
        assert self._source is not None
        skew_sec = self._source.skew_sec()
        if skew_sec is None:
            return
        told = f"RDS is {abs(skew_sec):.0f} s {'ahead' if skew_sec > 0 else 'behind'}"
        yield ok(CLOCK, told) if abs(skew_sec) <= SKEW_MAX_SEC else Check(
            name=CLOCK, verdict="failed", detail=f"{told}; signatures are refused from 300 s on", fix="set this machine's clock: NTP")

    def _settings(self, instance: Instance) -> Iterator[Check]:
        assert self._source is not None
        name = f"settings of {instance.instance_id}"
        try:
            told = self._source.log_settings(instance.instance_id)
        except AccessDenied as error:
            yield Check(name=name, verdict="unknown", detail=error.detail, fix="optional: allow rds:DescribeDBParameters and "
                        "rds:DescribeDBClusterParameters")
            return
        if told is None:
            return
        found = findings(instance.engine, told)
        yield from (Check(name=name, verdict=one.verdict, detail=one.detail, fix=one.fix) for one in found)
        if not found:
            yield ok(name, f"statements are logged to files ({', '.join(told.groups)})")

    def _portion(self, instance: Instance, listed: ListedFile) -> Iterator[Check]:
        assert self._source is not None
        answer = self._source.read(instance.instance_id, listed.log_file_name, "", max_lines=1)
        yield ok(self.names.portion, f"{len(answer.content):,} bytes of {instance.instance_id} {listed.log_file_name}")

    def _complete(self, instance: Instance, listed: ListedFile) -> Iterator[Check]:
        assert self._source is not None
        read_bytes = 0
        try:
            with self._source.complete_file(instance.instance_id, listed.log_file_name) as pieces:
                for piece in pieces:
                    read_bytes += len(piece)
                    if read_bytes >= COMPLETE_MAX_BYTES:
                        break
        except CompleteFileRefused as error:
            yield Check(name=self.names.complete, verdict="unknown", fix=error.hint,
                        detail=f"{error.detail}; portions are used, which cost more calls")
            return
        yield ok(self.names.complete, f"{read_bytes:,} bytes of {instance.instance_id} {listed.log_file_name}")


def _counted(instances: list[Instance], excluded: int) -> str:
    engines = ", ".join(sorted({one.engine for one in instances if one.engine}))
    places = ", ".join(sorted({f"{one.account_id} {one.aws_region}" for one in instances if one.account_id}))
    return (f"{len(instances)} instances{f' ({engines})' if engines else ''}{f' in {places}' if places else ''}"
            f"{f'; {excluded} are left out by the settings' if excluded else ''}")


def _none_there(name: str, reason: str) -> list[Check]:
    return [unknown(name, reason)]
