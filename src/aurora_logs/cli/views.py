"""What of a list is shown, and in which form, as one value; nothing is shown here."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Form = Literal["table", "wide", "json", "ndjson", "yaml", "csv", "name"]
PROGRAM_FORMS = ("json", "ndjson", "yaml")


class View(NamedTuple):
    """What of a list is shown, and how. Field names are those of the options (view_options.py).

    sort: a field, with `-` in front for the greatest first; "": the command's own order. limit 0: all.
    watch_sec: seconds between two rounds; 0: once.
    """

    output: str = "table"
    columns: str = ""
    sort: str = ""
    filter: Sequence[str] = ()
    limit: int = 0
    headers: bool = True
    quiet: bool = False
    watch_sec: float = 0.0

    @property
    def form(self) -> str:
        """The form of the output; `-q` means names."""
        return "name" if self.quiet else self.output
