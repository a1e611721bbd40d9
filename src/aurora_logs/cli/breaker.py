"""`breaker`: whether a process calls its dependencies at all."""

import re
from typing import Annotated

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import add, load_settings
from aurora_logs.cli.views import View

CALL_SEC = 10.0
MOST_BYTES = 64 << 20


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    breaker = group("breaker", "Circuit breakers.")
    add(breaker, show, "show", "aurora-logs breaker show", "aurora-logs breaker show --url http://127.0.0.1:9090", exits=(0, 2, 7, 8),
        settings=True)
    app.add_typer(breaker)


def show(
    *, url: Annotated[str, typer.Option("--url", metavar="URL", help="where the process serves /metrics; default: METRICS_PORT here")] = "",
    view: View = View(),
) -> None:
    """Show the breakers of a running process, as its /metrics tells; exit 8 while one is open.

    Each process has its own: in Kubernetes run it in the pod, or forward the pod's port.
    """
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.failures import UNHEALTHY  # noqa: PLC0415
    from aurora_logs.cli.kinds import BREAKERS  # noqa: PLC0415
    from aurora_logs.ops.breakers import breakers  # noqa: PLC0415

    settings = load_settings().settings
    place = url.rstrip("/") or f"http://127.0.0.1:{settings.metrics_port}"
    if not re.match(r"https?://", place):
        raise typer.BadParameter(f"{url!r} is no http:// or https:// address", param_hint="--url")
    found = breakers(_text(place))
    forms.show(BREAKERS, found, view, nothing="this process has no breaker")
    if any(one.state == "open" for one in found):
        forms.say(f"it tries again by itself, every {settings.circuit_breaker_timeout_sec:g} s; what is wrong: aurora-logs doctor")
        raise typer.Exit(UNHEALTHY)


def _text(place: str) -> str:
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    from aurora_logs.errors import Unreachable  # noqa: PLC0415

    try:
        with urllib.request.urlopen(f"{place}/metrics", timeout=CALL_SEC) as answer:  # noqa: S310 - the scheme was looked at
            content: bytes = answer.read(MOST_BYTES)
    except (OSError, ValueError) as error:
        raise Unreachable(f"no process serves metrics at {place}: {error}",
                          hint="discovery and processor do on METRICS_PORT; run alone only where it is set") from error
    return content.decode("utf-8", "replace")
