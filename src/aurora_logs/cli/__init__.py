"""The command line: one module a command group; branches of the error tree become exit codes in one place.

Nothing but Typer is imported here: each command imports what it uses (PERF-26).
"""

import os
import sys
from collections.abc import Sequence
from itertools import pairwise

from aurora_logs.cli.app import build

__all__ = ["build", "main"]


def main() -> None:
    """Run the command line and exit with its code (experience.md §6.3)."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # text files of the interpreter
    words, debug = _taken_out(sys.argv[1:])
    try:
        code = build()(words, prog_name="aurora-logs", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the one place where errors become exit codes
        from aurora_logs.cli.failures import exit_code_of, show_error  # noqa: PLC0415

        if debug:
            import traceback  # noqa: PLC0415

            traceback.print_exc()
        show_error(error, as_json=_asks_for_json(words))
        code = exit_code_of(error)
    sys.exit(code if isinstance(code, int) else 0)


def _taken_out(words: Sequence[str]) -> tuple[list[str], bool]:
    """Take `--debug` and `--config FILE` out, which stand anywhere before `--`."""
    kept: list[str] = []
    debug = False
    rest = iter(words)
    for word in rest:
        if word == "--":
            kept += [word, *rest]
        elif word == "--debug":
            debug = True
        elif word == "--config":
            os.environ["AURORA_LOGS_CONFIG"] = next(rest, "")
        elif word.startswith("--config="):
            os.environ["AURORA_LOGS_CONFIG"] = word.partition("=")[2]
        else:
            kept.append(word)
    return kept, debug


def _asks_for_json(words: Sequence[str]) -> bool:
    return any(word in ("-ojson", "--output=json") or (word in ("-o", "--output") and value == "json")
               for word, value in pairwise([*words, ""]))
