"""Groups of commands: what leads on from a word that is no command, and how a closed pipe ends one."""

import os
import sys
from typing import Any

import typer
from typer._click.exceptions import UsageError
from typer.core import TyperGroup

# UX-31: habits of other tools, as suggestions; one word a thing, so they are no commands themselves
HABIT_WORDS = {
    "status": "health", "ls": "files list", "list": "files list", "logs": "tail", "requeue": "dlq replay",
    "retry": "dlq replay", "purge": "dlq list", "prune": "dlq list", "rm": "dlq list", "delete": "dlq list",
    "sql": "query", "select": "query", "start": "run", "collect": "run", "digest": "top queries",
    "slow": "top queries", "check": "doctor", "cat": "dump", "download": "dump", "grep": "search", "find": "search",
    "settings": "config show", "env": "config show", "errors": "search", "help": "--help",
}


class Commands(TyperGroup):
    """A group of commands that names the nearest one, and ends in silence when its reader went away."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; for any other word say what was probably meant (exit 2)."""
        word = args[0]
        if word in self.commands or word.startswith("-"):
            return super().resolve_command(ctx, args)
        from aurora_logs.cli.nearest import did_you_mean  # noqa: PLC0415

        hint = HABIT_WORDS.get(word.lower())
        meant = f"; did you mean {hint}?" if hint else did_you_mean(word, sorted(self.commands))
        raise UsageError(f"there is no command {word!r}{meant}", ctx=ctx)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a closed pipe is the reader's way to say that it has enough (UX-45)."""
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise typer.Exit(0) from error
        return answer


def group(name: str, sentence: str) -> typer.Typer:
    """Make a group of commands."""
    return typer.Typer(name=name, cls=Commands, no_args_is_help=True, rich_markup_mode=None, help=sentence,
                       pretty_exceptions_enable=False, add_completion=False,
                       context_settings={"help_option_names": ["-h", "--help"]})
