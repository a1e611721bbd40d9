"""What the benchmarks found: rows, the table that is printed, the result that is stored. Nothing is measured here."""

import json
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from paired import Comparison

RESULTS = Path(__file__).with_name("results")


class Bounds(NamedTuple):
    """What a row may cost at most; None: shown, not judged. `ratio` is ours ÷ yardstick in CPU time."""

    ratio: float | None = None
    rss_mib: float | None = None


class Row(NamedTuple):
    """One line of the table: a comparison, or the reason why there is none."""

    name: str
    workload: str
    yardstick: str
    comparison: Comparison | None
    bounds: Bounds
    note: str = ""

    @property
    def rss_mib(self) -> float:
        """Largest resident size of ours over all runs."""
        return max(cost.max_rss_mib for cost in self.comparison.a) if self.comparison else 0.0

    @property
    def broken(self) -> list[str]:
        """Say which bounds do not hold."""
        told = []
        if self.comparison and self.bounds.ratio is not None and self.comparison.ratio > self.bounds.ratio:
            told.append(f"ratio {self.comparison.ratio:.3f} > {self.bounds.ratio:.3f}")
        if self.comparison and self.bounds.rss_mib is not None and self.rss_mib > self.bounds.rss_mib:
            told.append(f"resident {self.rss_mib:.0f} MiB > {self.bounds.rss_mib:.0f}")
        return told


def commit() -> str:
    """Give the commit that was measured, with `+` when the tree has changes."""
    if not shutil.which("git"):
        return "unknown (no git)"
    here = Path(__file__).parent
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    changes = subprocess.run(["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, check=False)
    return (head.stdout.strip() or "no commit") + ("+" if changes.stdout.strip() else "")


def machine() -> str:
    """Give processor, cores, system and Python."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = f"{len(names)} x {names[0]}" if names else model
    return f"{model}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def _share(ratio: float) -> str:
    return f"{ratio:.3f} (1/{1 / ratio:.1f})" if ratio < 1 else f"{ratio:.3f}"


def _line(row: Row) -> list[str]:
    if row.comparison is None:
        return [row.name, row.workload, row.yardstick, "-", "-", "-", "-", "-", "-", row.note]
    found, bounds = row.comparison, row.bounds
    mine, other = median(cost.cpu_sec for cost in found.a), median(cost.cpu_sec for cost in found.b)
    verdict = "; ".join(row.broken) or ("holds" if bounds != Bounds() else "not judged")
    return [
        row.name,
        row.workload,
        row.yardstick,
        _share(found.ratio),
        "-" if bounds.ratio is None else f"<= {_share(bounds.ratio)}",
        f"{min(found.ratios):.3f}..{max(found.ratios):.3f}",
        f"{mine:.2f} / {other:.2f} s",
        f"{row.rss_mib:.0f} MiB",
        "-" if bounds.rss_mib is None else f"<= {bounds.rss_mib:g}",
        f"{verdict}{'; ' if row.note else ''}{row.note}",
    ]


def table(rows: list[Row]) -> str:
    """Draw the table: the median of the pairwise CPU ratios first, absolute figures after it."""
    head = ["what", "workload", "yardstick", "CPU ours / its", "bound", "range", "CPU ours / its", "resident", "bound", "verdict"]
    lines = [head, *[_line(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    drawn = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([f"commit {commit()}   {machine()}", *drawn])


def save(rows: list[Row], name: str) -> Path:
    """Store the rows with date, machine and command, for the pages that quote a figure (PERF-48)."""
    today = datetime.now(tz=UTC).date().isoformat()
    path = RESULTS / f"{today}-{name}.json"
    RESULTS.mkdir(exist_ok=True)
    stored: dict[str, Any] = {
        "date": today,
        "commit": commit(),
        "machine": machine(),
        "command": " ".join(["benchmarks/bench.py", *sys.argv[1:]]),
        "rows": [
            {
                "what": row.name,
                "workload": row.workload,
                "yardstick": row.yardstick,
                "ratio": row.comparison.ratio if row.comparison else None,
                "ratios": row.comparison.ratios if row.comparison else [],
                "cpu_sec": [[a.cpu_sec, b.cpu_sec] for a, b in zip(row.comparison.a, row.comparison.b, strict=True)]
                if row.comparison
                else [],
                "max_rss_mib": row.rss_mib or None,
                "bounds": row.bounds._asdict(),
                "note": row.note,
            }
            for row in rows
        ],
    }
    path.write_text(json.dumps(stored, indent=1) + "\n")
    return path
