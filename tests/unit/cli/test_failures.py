"""Exit codes and error blocks (experience.md §6.3, §6.4)."""

import inspect
import json

import pytest
import typer

from aurora_logs import errors
from aurora_logs.cli.app import build
from aurora_logs.cli.failures import block, exit_code_of, parts_of, show_error
from aurora_logs.cli.groups import HABIT_WORDS

LEAVES = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.AuroraLogsError)]
BRANCHES = {errors.AccessDenied: 6, errors.ConfigError: 2, errors.Conflict: 5, errors.Permanent: 4, errors.Transient: 7,
            errors.Unknown: 7}


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_every_error_of_the_tree_has_the_exit_code_of_its_branch(leaf):
    """UX-47."""
    expected = next((code for branch, code in BRANCHES.items() if issubclass(leaf, branch)), 1)

    assert exit_code_of(leaf("x")) == expected


def test_what_nobody_expected_ends_with_1_and_a_usage_error_with_2():
    assert exit_code_of(ValueError("x")) == 1
    assert exit_code_of(typer.BadParameter("x")) == 2
    assert exit_code_of(KeyboardInterrupt()) == 130


def test_a_block_says_what_where_why_state_and_next():
    assert block("it failed", where="db-1", why="two\nlines", state="", next="do this") == (
        "error: it failed\n  where   db-1\n  why     two\n          lines\n  next    do this\n")


def test_a_hostile_message_does_not_act_on_the_terminal():
    assert "\x1b" not in block("a\x1b[2Jb", why="c\x9bd")


def test_the_detail_is_the_title_where_the_class_says_little():
    assert parts_of(errors.NotFound("no file x", hint="look"))["error"] == "no file x"
    assert parts_of(errors.AccessDenied("db:x"))["error"] == "Access was denied"
    assert parts_of(errors.ConfigError("\n  one\n  two"))["error"] == "The configuration does not fit"


def test_an_error_is_an_object_with_json(capsys):
    """UX-50."""
    show_error(errors.ClaimHeld("db-1 file"), as_json=True)

    told = json.loads(capsys.readouterr().err)
    assert told["kind"] == "ClaimHeld"
    assert told["why"] == "db-1 file"


def commands(command=None, path=()):
    command = command or typer.main.get_command(build())
    children = getattr(command, "commands", None)
    if not children:
        yield path, command
        return
    for name, child in children.items():
        yield from commands(child, (*path, name))


EVERY = dict(commands())


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_has_a_sentence_and_an_example_of_itself(path):
    """UX-71."""
    command = EVERY[path]

    assert command.help
    assert "\n" not in command.help.split("\n\n")[0].strip()
    assert f"aurora-logs {' '.join(path)}" in command.epilog or "aurora-logs --config" in command.epilog
    assert all(parameter.help for parameter in command.params if parameter.name != "help")


@pytest.mark.parametrize("word", HABIT_WORDS)
def test_a_habit_word_leads_to_a_command_that_exists_and_is_none_itself(word):
    """UX-31."""
    meant = tuple(HABIT_WORDS[word].split())

    assert meant in EVERY or meant == ("--help",)
    assert (word,) not in EVERY


def test_the_commands_of_the_issue_are_there():
    names = {" ".join(path) for path in EVERY}

    assert names >= {
        "demo", "run", "parse", "query", "health", "instances list", "files list", "files show", "checkpoints list",
        "dlq list", "dlq show", "dlq replay", "gaps list", "top queries", "tail", "dump", "search", "doctor", "config show",
        "config check", "version"}
