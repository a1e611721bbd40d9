"""Writes the generated parts of docs/: `python -m tools.docs`; with --check it only compares and names what is stale.

A page keeps its hand-written text; what stands between `<!-- generated: NAME -->` and `<!-- end -->` is replaced.
"""

import argparse
import difflib
import re
import subprocess
import sys
import types
import typing
from collections.abc import Callable

import msgspec
from tools.picture import ROOT, picture

BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _cell(text: str) -> str:
    """Return text that can't break a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "\\<")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _allowed(annotation: object, meta: msgspec.Meta | None) -> str:
    """Return what values a setting takes: a choice, bounds, or its type."""
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{choice}`" if choice else "empty" for choice in typing.get_args(annotation))
    bounds = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    said = [f"{sign} {getattr(meta, key):,.10g}" for key, sign in bounds.items() if getattr(meta, key, None) is not None]
    from aurora_logs.settings import Secret  # noqa: PLC0415  # the page's own source; other pages need it not

    kind = {str: "text", int: "whole number", float: "number", bool: "true, false", Secret: "text, never shown"}
    name = kind.get(annotation, str(annotation)) if isinstance(annotation, type | types.UnionType) else str(annotation)
    return f"{name} {', '.join(said)}".strip()


def configuration() -> str:
    """Return the table of settings from the Settings struct: environment name, default, allowed values, meaning."""
    from aurora_logs.settings import Settings  # noqa: PLC0415  # the page's own source; other pages need it not

    hints = typing.get_type_hints(Settings, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(Settings):
        annotation, *extras = typing.get_args(hints[field.name]) or (hints[field.name],)
        meta = next((extra for extra in extras if isinstance(extra, msgspec.Meta)), None)
        shown = f"`{field.default}`" if field.default is not msgspec.NODEFAULT and str(field.default) else ""
        rows.append((f"`{field.name.upper()}`", shown, _allowed(annotation, meta), (meta and meta.description) or ""))
    return _table(("variable", "default", "values", "meaning"), rows)


def commands() -> str:
    """Return a section a command from the Typer application: help, arguments, options."""
    import typer.main  # noqa: PLC0415  # as above

    from aurora_logs.cli.app import build  # noqa: PLC0415  # as above

    sections: list[str] = []

    def describe(command: typing.Any, path: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            for name in sorted(children):
                if not children[name].hidden:
                    describe(children[name], f"{path} {name}")
            return
        rows = []
        for parameter in command.params:
            if getattr(parameter, "hidden", False) or parameter.name in {"install_completion", "show_completion"}:
                continue
            names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
            if parameter.param_type_name == "argument":
                names = f"`{(parameter.metavar or parameter.name).upper()}`"
            rows.append((names, getattr(parameter, "help", None) or ""))
        text = " ".join((command.help or "").split("\f")[0].split("\n\n")[0].split())
        sections.append(f"## `{path}`\n\n{text}\n" + (f"\n{_table(('option', 'meaning'), rows)}" if rows else ""))

    describe(typer.main.get_command(build()), "aurora-logs")
    return "\n".join(sections)


def faults() -> str:
    """Return the simulator's own table of faults: asked of its command, since the product never imports it."""
    answer = subprocess.run([sys.executable, "-m", "aurora_logs_simulator", "faults"], capture_output=True, text=True,
                            check=True)
    return answer.stdout.strip() + "\n"


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "docs/architecture.md": {"picture": picture},
    "docs/configuration.md": {"settings": configuration},
    "docs/commands.md": {"commands": commands},
    "docs/simulator.md": {"faults": faults},
}


def renewed(page: str) -> tuple[str, str]:
    """Return a page as it is and as it should be. Raises ValueError when a block is missing or unknown."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = PAGES[page]
    if found := {match["name"] for match in BLOCK.finditer(text)} ^ set(blocks):
        raise ValueError(f"{page}: generated blocks that do not fit: {', '.join(sorted(found))}")
    return text, BLOCK.sub(lambda match: f"{match[1]}{blocks[match['name']]()}{match[3]}", text)


def main() -> int:
    """Write the pages, or say which are stale (exit 1)."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare only")
    check = arguments.parse_args().check
    stale = []
    for page in PAGES:
        before, after = renewed(page)
        if before == after:
            continue
        stale.append(page)
        if check:
            sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), page, "make docs"))
        else:
            (ROOT / page).write_text(after, encoding="utf-8")
            print(f"written: {page}")
    if check and stale:
        print(f"stale: {', '.join(stale)}; make docs")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
