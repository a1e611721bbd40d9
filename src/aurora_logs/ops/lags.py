"""Chapter "lag": how many hints wait, and how many bytes stand behind them. Bytes come first: a lag of 5 can be 5 GB."""

from collections.abc import Iterable

import msgspec

from aurora_logs.names import TOPICS
from aurora_logs.ops.files import State, behind_bytes
from aurora_logs.records.queue import GroupLags
from aurora_logs.stages.discover import GONE_AFTER


class LagLine(msgspec.Struct, frozen=True, kw_only=True):
    """One log type. hints: messages that wait in its topic; None without Kafka, or before the group's first commit.

    unset: partitions in which the group never committed a position; members: processors that read the topic.
    """

    log_type: str
    topic: str
    behind_bytes: int
    files_behind: int
    hints: int | None
    unset: int
    members: list[str]


def lag_lines(state: State, group: GroupLags | None) -> list[LagLine]:
    """Return a line for each log type, those most behind first. group: None without Kafka."""
    behind: dict[str, list[int]] = {log_type: [] for log_type in TOPICS}
    for row in state.all_tracked():
        if behind_bytes(row) and row.missing < GONE_AFTER:
            behind.setdefault(row.log_type, []).append(behind_bytes(row))
    lines = []
    for log_type, sizes in behind.items():
        topic = TOPICS.get(log_type, "")
        mine = [one for one in group.partitions if one.topic == topic] if group is not None else []
        known = [one.lag for one in mine if one.lag is not None]
        lines.append(LagLine(log_type=log_type, topic=topic if group is not None else "", behind_bytes=sum(sizes),
                             files_behind=len(sizes), hints=sum(known) if known else None, unset=len(mine) - len(known),
                             members=_names(one.member for one in mine)))
    return sorted(lines, key=lambda line: (-line.behind_bytes, -(line.hints or 0), line.log_type))


def _names(members: Iterable[str]) -> list[str]:
    return sorted({one for one in members if one})
