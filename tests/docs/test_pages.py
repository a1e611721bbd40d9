"""H-12: generated pages are fresh, links lead somewhere, and commands on pages exist."""

import re
import shlex
import subprocess
import sys

import pytest
import typer.main
from tests.architecture.tree import ROOT, tracked_files
from tools.docs import PAGES, renewed

from aurora_logs.cli.app import build

PROGRAMS_OF_OTHERS = {"git", "cd", "curl", "aws", "sudo", "export", "ls", "pip", "python"}


def markdown_pages():
    return [path for path in tracked_files() if path.suffix == ".md"]


def console_commands():
    """Every `$` line of every console block, with its page."""
    found = []
    for page in markdown_pages():
        for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            found += [(str(page.relative_to(ROOT)), line[2:]) for line in block.splitlines() if line.startswith("$ ")]
    return found


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_fresh(page):
    before, after = renewed(page)

    assert before == after, "make docs"


def test_there_are_commands_on_the_front_page():
    assert len([page for page, _ in console_commands() if page == "README.md"]) >= 5


@pytest.mark.parametrize(("page", "line"), console_commands())
def test_a_command_on_a_page_exists(page, line):
    words = [word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word)]
    program, *arguments = words

    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert arguments[0] in targets
    elif program.endswith("aurora-logs"):
        command = typer.main.get_command(build())
        for word in arguments:
            children = getattr(command, "commands", None)
            if children is None:
                break
            if not word.startswith("-"):
                assert word in children, f"{page}: {line}"
                command = children[word]
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        options = {word.split("=")[0] for word in arguments if word.startswith("-") and word != "-"}
        assert options - known - {"--help"} == set(), f"{page}: {line}"
    elif arguments[:2] == ["-m", "aurora_logs_simulator"]:
        answer = subprocess.run([sys.executable, *arguments[:3], "--help"], capture_output=True, text=True, check=True)
        assert [word for word in arguments[3:] if word.startswith("--") and word not in answer.stdout] == []
    else:
        assert program in PROGRAMS_OF_OTHERS


def test_links_between_pages_lead_somewhere():
    broken = []
    for page in markdown_pages():
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
