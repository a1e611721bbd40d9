"""How a failure is told: one error, one block, and its exit code (experience.md §6.3, §6.4). Nothing is caught here."""

import errno
import json
import sys

from typer._click.exceptions import ClickException, NoArgsIsHelpError, NoSuchOption

from aurora_logs.cli.terminal import lines, one_line, paint
from aurora_logs.errors import (
    AccessDenied,
    AuroraLogsError,
    ConfigError,
    Conflict,
    NotFound,
    Permanent,
    Transient,
    Unknown,
)

BUG, USAGE, PARTLY, NOT_FOUND, CONFLICT, UNHEALTHY, INTERRUPTED = 1, 2, 3, 4, 5, 8, 130

# UX-47: the most specific branch first
EXIT_CODES: tuple[tuple[type[AuroraLogsError], int], ...] = (
    (AccessDenied, 6), (ConfigError, USAGE), (Conflict, CONFLICT), (Permanent, NOT_FOUND), (Transient, 7), (Unknown, 7))
# What the system refuses is no bug of ours: code and next step by the kind of refusal, all else "down" (7).
REFUSALS: tuple[tuple[type[OSError], int, str], ...] = (
    (PermissionError, 6, "check its owner and permissions, or name another path"),
    (FileNotFoundError, NOT_FOUND, "check the path; folders are not made for you"),
    (NotADirectoryError, NOT_FOUND, "check the path: a part of it is a file"),
    (IsADirectoryError, USAGE, "name a file in it"))
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

SAYS_LITTLE = (ConfigError, NotFound, Permanent, Transient)  # the detail of these says what failed, the class only where to go


def exit_code_of(error: BaseException) -> int:
    """Map an error to its exit code; 1 is a bug of ours."""
    if isinstance(error, ClickException):
        return USAGE
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, OSError):
        return next((code for kind, code, _ in REFUSALS if isinstance(error, kind)), 7)
    return next((code for branch, code in EXIT_CODES if isinstance(error, branch)), BUG)


def block(title: str, **parts: str) -> str:
    """Lay out one error: `where`, `why`, `state`, `next`, as far as they are known (UX-50)."""
    told = [f"error: {one_line(title)}"]
    for name, text in parts.items():
        for number, line in enumerate(text.strip().splitlines() if text else ()):
            told.append(f"  {name if number == 0 else '':<7} {line.strip()}")
    return lines("\n".join(told)) + "\n"


def show_error(error: BaseException, *, as_json: bool = False) -> None:
    """Print one error as one block on standard error, or as one object with `-o json`. Never a traceback."""
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return
    parts = parts_of(error)
    if as_json:
        sys.stderr.write(json.dumps({**parts, "kind": type(error).__name__}) + "\n")
        return
    title = parts.pop("error")
    told = block(title, **parts)
    sys.stderr.write(told.replace("error:", paint("error:", "bad", 2), 1))


def parts_of(error: BaseException) -> dict[str, str]:
    """Take an error apart: what failed, where, why, what state things are in, the next step."""
    if isinstance(error, ClickException):
        ctx = getattr(error, "ctx", None)
        path = ctx.command_path if ctx else "aurora-logs"
        return {"error": _usage_told(error).rstrip("."), "next": f"{path} --help"}
    if isinstance(error, AuroraLogsError):
        title, why = (type(error).__doc__ or "").strip().splitlines()[0].rstrip("."), error.detail
        if type(error) in SAYS_LITTLE and why and not why.startswith("\n"):
            title, why = why, ""
        notes = dict(note.split(": ", 1) for note in getattr(error, "__notes__", ()) if ": " in note)
        return {"error": title, "where": notes.get("where", ""), "why": why, "state": notes.get("state", ""),
                "next": error.hint}
    if isinstance(error, KeyboardInterrupt):
        return {"error": "stopped"}
    if isinstance(error, OSError):
        where = str(error.filename or ("standard output" if error.errno in NO_ROOM else ""))
        return {"error": f"{error.strerror or type(error).__name__}", "where": where, "next": _next_after(error)}
    return {"error": f"an error of ours: {type(error).__name__}", "why": str(error)[:500],
            "next": "run the same command with --debug, and report what it prints"}


def _usage_told(error: ClickException) -> str:
    if isinstance(error, NoSuchOption):
        meant = f"; did you mean {error.possibilities[0]}?" if error.possibilities else ""
        return f"there is no option {error.option_name}{meant}"
    return error.format_message()


def _next_after(error: OSError) -> str:
    if error.errno in NO_ROOM:
        return "free space there, then run the same command again"
    return next((step for kind, _, step in REFUSALS if isinstance(error, kind)),
                "the same command with --debug shows where it happened")
