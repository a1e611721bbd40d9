"""The options that every list has in common (UX-36, UX-44): a command takes `view: View`, the options make one."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from aurora_logs.cli.views import Form, View

OPTIONS: dict[str, tuple[object, object]] = {
    "output": (Annotated[Form, typer.Option("--output", "-o", help="form of the output")], "table"),
    "columns": (Annotated[str, typer.Option("--columns", metavar="A,B", help="these fields alone, in this order")], ""),
    "sort": (Annotated[str, typer.Option("--sort", metavar="FIELD", help="by this field; -FIELD: greatest first")], ""),
    "filter": (Annotated[list[str], typer.Option(
        "--filter", metavar="EXPR", help="FIELD=VALUE, also != < <= > >= and ~ (regular expression), e.g. "
        "behind_bytes>10MB, updated_at<2h; all must hold")], []),
    "limit": (Annotated[int, typer.Option("--limit", metavar="N", min=0, max=1_000_000, help="lines at most; 0: all")], 0),
    "headers": (Annotated[bool, typer.Option("--headers/--no-headers", help="the line of heads in a table or CSV")], True),
    "quiet": (Annotated[bool, typer.Option("--quiet", "-q", help="names alone, and no remark")], False),
    "watch_sec": (Annotated[str, typer.Option(
        "--watch", metavar="[=2s]", help="again and again until Ctrl-C; in a pipe one JSON line a round")], ""),
}
WATCH_DEFAULT = "2s"
WATCH_LEAST_SEC, WATCH_MOST_SEC = 0.1, 86_400.0


def with_view(function: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's parameter `view` by the options of a list; options that it has itself stay its own."""
    own = inspect.signature(function, eval_str=True).parameters
    if "view" not in own:
        return function
    hints = get_type_hints(function, include_extras=True)
    added = [name for name in OPTIONS if name not in own]

    def command(**values: Any) -> None:
        given = {name: values.pop(name) for name in added}
        view = View(**{**given, "filter": tuple(given.get("filter", ())), "watch_sec": _pause_sec(given["watch_sec"])})
        if not view.watch_sec:
            function(**values, view=view)
            return
        from aurora_logs.cli.watching import watch  # noqa: PLC0415

        watch(lambda one: function(**values, view=one), view)

    annotations = {name: hints[name] for name in own if name != "view"} | {name: OPTIONS[name][0] for name in added}
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation,
                                    default=own[name].default if name in own else OPTIONS[name][1])
                  for name, annotation in annotations.items()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
    command.__annotations__, command.__doc__ = annotations, function.__doc__
    return command


def _pause_sec(text: str) -> float:
    """Read the value of `--watch`; 0 when it was not given."""
    if not text:
        return 0.0
    from aurora_logs.settings import parse_age_sec  # noqa: PLC0415

    pause_sec = parse_age_sec(text) or parse_age_sec(f"{text}s")
    if pause_sec is None or not WATCH_LEAST_SEC <= pause_sec <= WATCH_MOST_SEC:
        raise typer.BadParameter(f"{text!r}: a pause such as 2s or 1m", param_hint="--watch")
    return pause_sec
