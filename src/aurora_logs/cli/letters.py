"""How dead letters and gaps are printed; both are byte ranges with a reason."""

from collections.abc import Sequence

from aurora_logs.cli import forms, units
from aurora_logs.cli.kinds import Kind
from aurora_logs.cli.views import View
from aurora_logs.ops.gaps import GapLine


def show_ranges(kind: Kind, ranges: Sequence[GapLine], view: View, *, nothing: str) -> None:
    """Print dead letters or gaps, and the sum of all of them on standard error."""
    forms.show(kind, ranges, view, nothing=nothing)
    if ranges and view.form in ("table", "wide"):
        forms.say(f"{len(ranges):,} {kind.name.replace('_', ' ')}, {units.size(sum(one.size_bytes for one in ranges))}")
