"""`lag`, `consumers` and `topics`: how much waits, in bytes and in hints, and who reads it."""

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import DataDir, add, load_settings
from aurora_logs.cli.views import View


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    exits = (0, 2, 6, 7)
    add(app, lag, "lag", "aurora-logs lag", "aurora-logs lag -o json", exits=(0, 2, 4, 6, 7), settings=True)
    consumers = group("consumers", "The processors' group at the brokers.")
    add(consumers, describe_consumers, "describe", "aurora-logs consumers describe", "aurora-logs consumers describe --filter 'lag>0'",
        exits=exits, settings=True)
    app.add_typer(consumers)
    topics = group("topics", "The topics that carry hints.")
    add(topics, describe_topics, "describe", "aurora-logs topics describe", "aurora-logs topics describe -o json", exits=exits, settings=True)
    app.add_typer(topics)


def lag(*, view: View = View(), data_dir: DataDir = None) -> None:
    """Show what waits by log type: bytes behind first, since a lag of 5 hints can be 5 GB."""
    from aurora_logs.cli import forms, units  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.kinds import LAGS  # noqa: PLC0415
    from aurora_logs.ops.lags import lag_lines  # noqa: PLC0415
    from aurora_logs.wiring import queue_admin  # noqa: PLC0415

    with desk(data_dir) as (settings, beside):
        found = queue_admin(settings).lags() if settings.queue_backend == "kafka" else None
        lines = lag_lines(beside.state, found)
    forms.show(LAGS, lines, view)
    if found is not None:
        forms.say(f"group {found.group}: {found.state}; {units.size(sum(one.behind_bytes for one in lines))} behind, "
                  f"{sum(one.hints or 0 for one in lines):,} hints wait")


def describe_consumers(*, view: View = View()) -> None:
    """Show each partition as the group sees it: position, end, lag, and the processor that reads it."""
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.kinds import PARTITIONS  # noqa: PLC0415
    from aurora_logs.wiring import queue_admin  # noqa: PLC0415

    found = queue_admin(load_settings().settings).lags()
    forms.show(PARTITIONS, found.partitions, view, nothing="there are no topics: aurora-logs provision topics")
    members = {(one.member, one.member_host) for one in found.partitions if one.member}
    forms.say(f"group {found.group}: {found.state}, {len(members)} members")
    if any(one.committed is None for one in found.partitions):
        forms.say("a partition without a position: no processor has read it yet")


def describe_topics(*, view: View = View()) -> None:
    """Show the topics: partitions, replicas, leaders, replicas in sync, and what differs from the contract."""
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.kinds import TOPICS  # noqa: PLC0415
    from aurora_logs.wiring import queue_admin  # noqa: PLC0415

    forms.show(TOPICS, queue_admin(load_settings().settings).topics(), view)
