"""H-12: generated pages are fresh, links lead somewhere, and commands on pages exist."""

import re
import shlex

import pytest
import typer.main
from tests.architecture.tree import ROOT
from tests.docs.console_blocks import AWS, RUNS, blocks, pages
from tools.docs import PAGES, renewed

from aurora_logs.cli.app import build

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
    assert [block.id for block in blocks() if block.needs not in RUNS and not (block.needs == AWS and block.why)] == []


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
