"""`demo`: the whole product against its simulator in a minute, and the ledger that proves it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aurora_logs.cli.options import DataDir, add
from aurora_logs.cli.views import View

if TYPE_CHECKING:
    from aurora_logs.services.demo.proof import Proof
    from aurora_logs.services.demo.show import Moment, Result

TOP_STATEMENTS = 5
PLAIN_EVERY_SEC = 3.0


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, demo, "demo", "aurora-logs demo", "aurora-logs demo --seed 7 --data-dir demo-data", exits=(0, 8, 130, 143))


def demo(
    *,
    data_dir: DataDir = None,
    seed: Annotated[str, typer.Option("--seed", metavar="TEXT", help="same seed: same load, same faults")] = "demo",
    keep: Annotated[bool, typer.Option("--keep", help="keep the data even when the demo is stopped early")] = False,
) -> None:
    """Show it all without AWS, and prove that nothing is lost.

    Six simulated databases under load, faults, two kills. Ends by itself within a minute; exit 8 when the proof fails.
    """
    import shutil  # noqa: PLC0415
    import signal  # noqa: PLC0415

    from aurora_logs.cli.failures import UNHEALTHY  # noqa: PLC0415
    from aurora_logs.cli.forms import say  # noqa: PLC0415
    from aurora_logs.ops.steps import step  # noqa: PLC0415
    from aurora_logs.services.demo.show import own_directory, show  # noqa: PLC0415

    signal.signal(signal.SIGTERM, _end)  # so that both processes are ended, whoever ends the demo
    directory = Path(data_dir) if data_dir else own_directory()
    say(f"six databases are simulated; everything lies in {directory}")
    try:
        with _display() as on_moment:
            result = show(directory, seed, on_moment)
    except (KeyboardInterrupt, SystemExit):
        if not (keep or data_dir):
            shutil.rmtree(directory, ignore_errors=True)
        raise
    _print(result)
    _print_top(result.data_dir)
    for problem in result.problems:
        say(f"problem: {problem}")
    say(f"the data lie in {result.data_dir}")
    say(f"next: {step('top', 'queries', '--data-dir', result.data_dir)}")
    if result.problems:
        raise typer.Exit(UNHEALTHY)


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


class _display:  # noqa: N801 - reads as a statement at its one use
    """Shows where the demo stands: a bar on a terminal, else a line every few seconds."""

    def __enter__(self) -> "Callable[[Moment], None]":
        from aurora_logs.cli.progress import Bar  # noqa: PLC0415

        self._bar = Bar("delivered", unit="entries", every_sec=PLAIN_EVERY_SEC)
        return lambda moment: self._bar.at(
            moment.delivered, moment.of_entries, f"{moment.written:,} written, {moment.kills} kills, {moment.doing}")

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def ledger_table(proof: "Proof") -> str:
    """Return the ledger as a table: what was written, delivered, lost and shown twice, of each instance and log type."""
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.kinds import Column  # noqa: PLC0415

    columns = (
        Column("instance_id", "INSTANCE"), Column("log_type", "TYPE"), Column("written", "WRITTEN", "count"),
        Column("delivered", "DELIVERED", "count"), Column("lost", "LOST", "count"),
        Column("lost_by_server", "LOST BY SERVER", "count"), Column("doubled", "SHOWN TWICE", "count"),
        Column("gaps", "GAPS", "count"), Column("bytes", "SIZE", "bytes"))
    lines = sorted(proof.lines, key=lambda line: (line.instance_id, line.log_type))
    items = [msgspec.structs.asdict(line) for line in lines]
    numbers = [column.field for column in columns[2:]]
    items.append({"instance_id": "total", "log_type": "", **{name: sum(item[name] for item in items) for name in numbers}})
    return forms.table(columns, items)


def _print(result: "Result") -> None:
    from aurora_logs.cli import units  # noqa: PLC0415

    print(ledger_table(result.proof))
    took_sec = max(result.took_sec, 0.001)
    print(f"\nload      {units.size(result.bytes_written)} in {took_sec:.0f} s, {result.bytes_written / 1e6 / took_sec:.2f} "
          f"MB/s; {result.proof.records:,} records stored; {result.rotations} rotations a live file; {result.kills} kills")
    print(f"calls     {_counted(result.calls)}")
    print(f"faults    {_counted(result.struck)}\n")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()) if count) or "none"


def _print_top(data_dir: str) -> None:
    from aurora_logs.cli.forms import say  # noqa: PLC0415
    from aurora_logs.cli.options import load_settings  # noqa: PLC0415
    from aurora_logs.cli.reports import show_ranking  # noqa: PLC0415
    from aurora_logs.errors import AuroraLogsError  # noqa: PLC0415
    from aurora_logs.ops.top import Tally  # noqa: PLC0415
    from aurora_logs.wiring import insights  # noqa: PLC0415

    try:
        tally = insights(load_settings(data_dir=data_dir).settings).fold_statements(Tally, Tally.add_all)
    except AuroraLogsError as error:  # the proof stands without it
        say(f"the top statements could not be read: {error}")
        return
    print(f"top {TOP_STATEMENTS} slow queries")
    show_ranking(tally.ranking("total", TOP_STATEMENTS), View())
