"""The command line: one module a command group; branches of the error tree become exit codes in one place.

Nothing but Typer is imported here: each command imports what it uses (PERF-26).
"""

import sys

from aurora_logs.cli.app import build, exit_code_of, show_error


def main() -> None:
    """Run the command line and exit with its code (experience.md §6.3)."""
    debug = "--debug" in sys.argv
    words = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        build()(words, standalone_mode=True)
    except Exception as error:  # noqa: BLE001  # the one place where errors become exit codes
        if debug:
            raise
        show_error(error, as_json=any(word in words for word in ("json", "--output=json", "-ojson")))
        sys.exit(exit_code_of(error))
