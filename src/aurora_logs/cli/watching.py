"""`--watch`: a command run again and again; redrawn on a terminal, one JSON line a round elsewhere (UX-44)."""

import contextlib
import io
import sys
import time
from collections.abc import Callable

import typer

from aurora_logs.cli.failures import exit_code_of, show_error
from aurora_logs.cli.terminal import is_terminal
from aurora_logs.cli.views import PROGRAM_FORMS, View
from aurora_logs.errors import AuroraLogsError

TO_THE_TOP, CLEAR_TO_END, CLEAR_LINE = "\x1b[H", "\x1b[J", "\x1b[K"  # our own escapes, never with data in them


def watch(look: Callable[[View], None], view: View) -> None:
    """Look every `view.watch_sec` seconds until Ctrl-C, then exit with the code of the last look."""
    draws = is_terminal()
    once = view if draws or view.form in PROGRAM_FORMS else view._replace(output="json", quiet=False)
    code = 0
    try:
        code = _round(look, once, draws=draws, is_first=True)
        while True:
            time.sleep(view.watch_sec)
            code = _round(look, once, draws=draws, is_first=False)
    except KeyboardInterrupt:
        raise typer.Exit(code) from None


def _round(look: Callable[[View], None], view: View, *, draws: bool, is_first: bool) -> int:
    """Look once; return its exit code. What fails later than at first is told, and the next look comes."""
    seen = io.StringIO()
    try:
        if not draws:
            return _code(look, view, is_first=is_first)
        with contextlib.redirect_stdout(seen), contextlib.redirect_stderr(seen):
            return _code(look, view, is_first=is_first)
    finally:
        if draws:
            _draw(seen.getvalue(), is_first=is_first)
        sys.stdout.flush()


def _code(look: Callable[[View], None], view: View, *, is_first: bool) -> int:
    try:
        look(view)
    except typer.Exit as verdict:
        return verdict.exit_code
    except AuroraLogsError as error:
        if is_first:
            raise
        show_error(error, as_json=view.form == "json")
        return exit_code_of(error)
    return 0


def _draw(text: str, *, is_first: bool) -> None:
    """Write a round over the one before, line by line, so that nothing flickers."""
    begin = TO_THE_TOP + CLEAR_TO_END if is_first else TO_THE_TOP
    sys.stdout.write(begin + text.replace("\n", f"{CLEAR_LINE}\n") + CLEAR_TO_END)
