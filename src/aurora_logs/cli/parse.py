"""`parse`: read log files without AWS and without a set-up; the stages of the pipeline do the work."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aurora_logs.cli.nearest import did_you_mean
from aurora_logs.cli.options import add, load_settings
from aurora_logs.cli.views import View

if TYPE_CHECKING:
    from aurora_logs.cli.inputs import Opened
    from aurora_logs.cli.reports import Report
    from aurora_logs.ops.reading import Found
    from aurora_logs.records.fleet import LogFile
    from aurora_logs.settings import Settings

BATCH_RECORDS, BATCH_BYTES = 10_000, 16_000_000  # of one call of a format: a whole chunk, so that nothing is copied twice
ENGINES = ("aurora-mysql", "aurora-postgresql", "mysql", "mariadb", "postgres")
SORTS = Literal["total", "count", "mean", "p50", "p95", "p99", "max", "rows", "last"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, parse, "parse", "aurora-logs parse mysql-slowquery.log", "zcat old.log.gz | aurora-logs parse - -o ndjson",
        "aurora-logs parse logs/ -o ndjson --gzip --to records.ndjson.gz", exits=(0, 2, 3, 4, 6, 7))


def parse(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="log files, folders, .gz; - is standard input")],
    *,
    to: Annotated[str, typer.Option("--to", metavar="FILE", help="write the records here (-o ndjson)")] = "",
    gzip: Annotated[bool, typer.Option("--gzip", help="compress the records (-o ndjson)")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="say why a file has its format, and parse nothing")] = False,
    log_format: Annotated[str, typer.Option("--format", metavar="NAME", help="this format, whatever it looks like")] = "",
    instance: Annotated[str, typer.Option("--instance", metavar="NAME", help="instance_id of the records")] = "local",
    engine: Annotated[str, typer.Option("--engine", metavar="ENGINE", help=", ".join(ENGINES))] = "",
    zone: Annotated[str | None, typer.Option("--zone", metavar="ZONE", help="of log times that print none  [env var: ZONE; "
                                             "default: UTC]")] = None,
    redaction: Annotated[str | None, typer.Option("--redaction", metavar="MODE", help="default, strict, all or off  [env "
                                                  "var: REDACTION]")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=100_000, help="lines of a table")] = 10,
    sort: Annotated[SORTS, typer.Option("--sort", help="of the top statements, greatest first")] = "total",
    view: View = View(),
) -> None:
    """Read log files and rank their statements.

    The format is found by name and content; nothing leaves this machine. With -o ndjson every record is printed as it
    would be delivered.
    """
    from aurora_logs.cli.failures import NO_ROOM, PARTLY, USAGE, show_error  # noqa: PLC0415
    from aurora_logs.cli.forms import say  # noqa: PLC0415
    from aurora_logs.cli.inputs import inputs_of  # noqa: PLC0415
    from aurora_logs.cli.reports import RecordsOut, TopOut  # noqa: PLC0415
    from aurora_logs.errors import AuroraLogsError  # noqa: PLC0415
    from aurora_logs.ops.steps import step  # noqa: PLC0415

    _check(files, view, to, engine, compress=gzip)
    settings = settings_for_files(zone, redaction)
    is_records = view.form == "ndjson" and not explain
    report: Report = RecordsOut(to, compress=gzip) if is_records else TopOut(view, sort=sort, limit=limit)
    read, failures = 0, []
    for name in inputs_of(files):
        try:
            if explain:
                _explain(name, engine, view)
            else:
                parse_one(name, report, settings, engine=engine, named=log_format, instance=instance)
            read += 1
        except (AuroraLogsError, OSError) as error:
            if isinstance(error, BrokenPipeError) or getattr(error, "errno", 0) in NO_ROOM:
                raise  # what is written to is gone or full, not what is read
            failures.append(error)
            if not read and len(files) == 1:
                continue
            show_error(error)
    if read and not explain:
        report.close()
    if failures and not read:
        raise failures[0]
    if read and not explain and view.form == "table":
        say(f"next: {step('parse', files[0], '-o', 'ndjson')}")
    if failures:
        raise typer.Exit(PARTLY if read else USAGE)


def _check(files: list[str], view: View, to: str, engine: str, *, compress: bool) -> None:
    if view.form != "ndjson" and (to or compress):
        raise typer.BadParameter("is for records: add -o ndjson", param_hint="--gzip" if compress else "--to")
    if view.watch_sec and "-" in files:
        raise typer.BadParameter("standard input can't be read twice", param_hint="--watch")
    if engine and engine not in ENGINES:
        raise typer.BadParameter(f"{engine!r} is none of {', '.join(ENGINES)}{did_you_mean(engine, ENGINES)}",
                                 param_hint="--engine")


def settings_for_files(zone: str | None, redaction: str | None) -> "Settings":
    """Return settings for reading whole files: batches as large as a chunk."""
    from msgspec.structs import replace  # noqa: PLC0415

    loaded = load_settings(zone=zone, redaction=redaction).settings
    return replace(loaded, batch_size=BATCH_RECORDS, batch_max_bytes=BATCH_BYTES)


def parse_one(name: str, report: "Report", settings: "Settings", *, engine: str, named: str, instance: str) -> None:
    """Parse one input into the report."""
    from aurora_logs.cli import units  # noqa: PLC0415
    from aurora_logs.cli.forms import say  # noqa: PLC0415
    from aurora_logs.cli.inputs import opened  # noqa: PLC0415
    from aurora_logs.cli.progress import Bar  # noqa: PLC0415
    from aurora_logs.ops.reading import SAMPLE_BYTES, find_format, pieces  # noqa: PLC0415

    with opened(name) as source, Bar(f"reading {source.name}") as bar:
        found = find_format(source.first[:SAMPLE_BYTES], source.name, engine=engine, named=named)
        say(f"{source.name}: {found.log_format.name}, {found.why}")
        file = _log_file(source, found, engine, instance)
        records = raw = size_bytes = 0
        for piece in pieces(source.read, source.first, file, found.log_format, settings):
            report.take(piece)
            if piece.parsed is not None:
                records += len(piece.parsed.lines)
                raw += piece.parsed.raw_records
            size_bytes = piece.to_offset
            bar.at(source.position() or size_bytes, source.size_bytes)
    understood = f", {raw / records:.2%} not understood" if raw else ", all understood" if records else ""
    say(f"{source.name}: {records:,} entries, {units.size(size_bytes)}{understood}")


def _log_file(source: "Opened", found: "Found", engine: str, instance: str) -> "LogFile":
    from aurora_logs.records.fleet import LogFile as File  # noqa: PLC0415

    return File(instance_id=instance, resource_id=instance, cluster_id="", engine=engine,
                log_type=found.log_format.log_type, log_file_name=source.name)


def _explain(name: str, engine: str, view: View) -> None:
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.inputs import opened  # noqa: PLC0415
    from aurora_logs.cli.kinds import FORMATS  # noqa: PLC0415
    from aurora_logs.errors import ConfigError  # noqa: PLC0415
    from aurora_logs.ops.reading import SAMPLE_BYTES, chances, find_format  # noqa: PLC0415

    with opened(name) as source:
        sample = source.first[:SAMPLE_BYTES]
        try:
            found = find_format(sample, source.name, engine=engine)
            listed = found.chances
            forms.say(f"{source.name}: {found.log_format.name}, {found.why}")
        except ConfigError as error:
            listed = chances(sample, source.name, engine)
            forms.say(f"{source.name}: no format: {error.detail}")
    forms.show(FORMATS, listed, view)

