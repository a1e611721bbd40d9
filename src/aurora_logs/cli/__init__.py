"""The command line: one module a command group; branches of the error tree become exit codes in one place.

Nothing but Typer is imported here: each command imports what it uses (PERF-26).
"""

import os
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise

from aurora_logs.cli.app import build
from aurora_logs.cli.everywhere import Everywhere, taken_out

__all__ = ["build", "main"]


class Stopped(SystemExit):
    """SIGTERM came: what has to be cleaned up is, then the command ends."""


def main() -> None:
    """Run the command line and exit with its code (experience.md §6.3)."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # text files of the interpreter
    signal.signal(signal.SIGTERM, _terminated)  # UX-49: the default would end us without any clean-up
    given = Everywhere(sys.argv[1:], "--debug" in sys.argv, {})
    try:
        given = taken_out(sys.argv[1:])
        if given.debug:
            _say_versions()
        code = build()(given.words, prog_name="aurora-logs", standalone_mode=False, obj=given.settings)
        sys.stdout.flush()
    except BrokenPipeError:  # UX-45: the reader has enough
        _let_output_go()
        code = 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the one place where errors become exit codes
        code = _told(error, given)
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: BaseException, given: Everywhere) -> int:
    from aurora_logs.cli.failures import exit_code_of, show_error  # noqa: PLC0415 - only failures pay it

    _let_output_go()
    if given.debug:
        import traceback  # noqa: PLC0415

        traceback.print_exc()
    show_error(error, as_json=_asks_for_json(given.words))
    return exit_code_of(error)


def _let_output_go() -> None:
    """What could not be written by now never will be: the interpreter's own try at the end would only say so again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _terminated(number: int, _frame: object) -> None:
    raise Stopped(128 + number)


def _say_versions() -> None:
    """UX-74: versions of libraries first, for whoever reads the rest."""
    from aurora_logs.cli.version import versions  # noqa: PLC0415

    sys.stderr.write(f"{', '.join(f'{name} {number}' for name, number in versions().items())}\n")


def _asks_for_json(words: Sequence[str]) -> bool:
    return any(word in ("-ojson", "--output=json") or (word in ("-o", "--output") and value == "json")
               for word, value in pairwise([*words, ""]))
