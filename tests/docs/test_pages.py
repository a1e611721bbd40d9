"""H-12: generated pages are fresh, links lead somewhere, and commands on pages exist."""

import ast
import re
import shlex

import pytest
import typer.main
from tests.architecture.tree import ROOT
from tests.docs.console_blocks import RUNS, blocks, pages
from tools.docs import PAGES, renewed

from aurora_logs.cli.app import build
from aurora_logs.settings import knobs

INLINE = re.compile(r"`(aurora-logs [a-z][^`\n]*)`")


def mentioned_commands():
    """Every `aurora-logs …` on a page, in a block or in a sentence, with its page."""
    found = [(block.id, command) for block in blocks() for step in block.steps
             for command in re.findall(r"(?:^|[|&] |\s)(aurora-logs [^|&>]*)", step.command)]
    return found + [(str(page.relative_to(ROOT)), command) for page in pages()
                    for command in INLINE.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_fresh(page):
    before, after = renewed(page)

    assert before == after, "make docs"


def test_there_are_commands_on_the_front_page():
    assert sum(len(block.steps) for block in blocks() if block.id.startswith("README.md")) >= 5


def test_every_block_can_run_somewhere_or_says_why_not():
    """H-11: that they do run is told by tests/acceptance/test_console_blocks.py."""
    assert [block.id for block in blocks() if block.needs not in RUNS and not block.why] == []


@pytest.mark.parametrize(("page", "line"), mentioned_commands())
def test_a_command_on_a_page_exists(page, line):
    command = typer.main.get_command(build())
    root = command
    for word in shlex.split(line, comments=True)[1:]:
        children = getattr(command, "commands", None)
        if children is None:
            break
        if not word.startswith("-"):
            assert word in children, f"{page}: {line}"
            command = children[word]
    context = command.make_context("aurora-logs", [], resilient_parsing=True)
    known = {name for parameter in (*command.get_params(context), *root.params)
             for name in (*parameter.opts, *parameter.secondary_opts)}
    options = {word.split("=")[0] for word in shlex.split(line, comments=True) if word.startswith("--")}
    assert options - known == set(), f"{page}: {line}"


def test_links_between_pages_lead_somewhere():
    broken = []
    for page in pages():
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")

    assert broken == []


def test_every_decision_is_listed_and_says_context_decision_alternatives_consequences():
    folder = ROOT / "docs" / "adr"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    decisions = sorted(folder.glob("[0-9]*.md"))

    assert len(decisions) >= 5
    for decision in decisions:
        text = decision.read_text(encoding="utf-8")
        assert decision.name in listed
        assert [part for part in ("Context", "Decision", "Alternatives", "Consequences") if f"**{part}.**" not in text] == []


def test_the_guarantee_stands_on_the_front_page():
    """UX-144."""
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())

    assert ("while RDS still has the bytes, no entry is lost; no entry is shown twice; every byte that could not be "
            "delivered is counted, named and alarmed.") in readme


def test_every_next_step_that_the_product_tells_is_a_command():
    """UX-148: each `aurora-logs …` in a message of the source exists, so that no next step leads nowhere."""
    found = {}
    for path in (ROOT / "src/aurora_logs").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "aurora-logs " in node.value:
                found |= dict.fromkeys(re.findall(r"aurora-logs ((?:[a-z]+(?: (?=[a-z]))?){1,2})", node.value), path.name)
    root = typer.main.get_command(build())
    unknown = []
    for words, name in found.items():
        command = root.commands.get(words.split()[0])
        children = getattr(command, "commands", None)
        if command is None or (children is not None and words.split()[1:2] and words.split()[1] not in children):
            unknown.append((words, name))

    assert len(found) > 15
    assert unknown == []


OF_OTHERS = re.compile(r"AWS_.*|XDG_.*|ZO_.*|NO_COLOR|TMPDIR|SCHEDULES|KILLS|ARGS|NAME|FRESH|CI|PYTHONUTF8|AURORA_LOGS_(CONFIG|CORPORA|BENCH_PRODUCT)")


def test_every_variable_on_a_page_is_a_setting():
    """NAM-01: names in capitals with `=` or in backticks are settings, or variables of others that are known here."""
    known = {knob.name.upper() for knob in knobs()}
    found = {(str(page.relative_to(ROOT)), name) for page in pages()
             for name in re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", page.read_text(encoding="utf-8"))}

    assert len(found) > 30
    assert [(page, name) for page, name in sorted(found) if name not in known and not OF_OTHERS.fullmatch(name)] == []
