"""Draws the architecture from the source: floors from the import contracts, boxes from the tree, stages from the pipeline.

Nothing is imported and nothing is listed by hand: what is not in the tree is not in the picture.
"""

import ast
import configparser
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ROOT / "src" / "aurora_logs"
WIDTH = 112


class Box(NamedTuple):
    """One module or package of the product. parts: modules inside a package, in reading order."""

    name: str
    says: str
    parts: tuple[str, ...]


def floors() -> list[list[str]]:
    """Return the floors from top to bottom, as the import contract names them."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    layers = contracts["importlinter:contract:floors"]["layers"].split("\n")
    return [[name.strip(" ()") for name in layer.replace(":", "|").split("|")] for layer in layers if layer.strip()]


def place_of(name: str) -> Path | None:
    """Return the file that opens a module or package; None when the tree has no such module."""
    for place in (PRODUCT / name / "__init__.py", PRODUCT / f"{name}.py"):
        if place.exists():
            return place
    return None


def first_sentence(path: Path) -> str:
    """Return the first sentence of a module's docstring on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".")


def box(name: str) -> Box | None:
    """Return the box of a module or package; None when it is not there."""
    opens = place_of(name)
    if opens is None:
        return None
    parts = sorted({path.stem if path.is_file() else path.name for path in opens.parent.iterdir()
                    if (path.suffix == ".py" or (path / "__init__.py").exists()) and not path.name.startswith("_")}
                   if opens.name == "__init__.py" else [])
    if name == "stages":
        order = stage_order()
        beside = [part for part in parts if part not in order]
        parts = [" ─► ".join(order), *([f"(beside the pipeline: {', '.join(beside)})"] if beside else [])]
    return Box(name, first_sentence(opens), tuple(parts))


class _Pipeline:
    """Finds stages in the order in which the pipeline's calls are evaluated: arguments first, bodies after heads.

    Making an object of a stage (`Shipper(...)`) is preparation; the stage is where its method is called.
    """

    def __init__(self, source: str) -> None:
        tree = ast.parse(source)
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self.stage_of = dict(self._imports(tree))
        self.entered: set[str] = set()

    def _imports(self, tree: ast.Module) -> Iterator[tuple[str, str]]:
        for node in tree.body:
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("aurora_logs.stages"):
                continue
            inside = str(node.module).split(".")[2:]
            for alias in node.names:
                yield alias.asname or alias.name, inside[0] if inside else alias.name

    def stages(self) -> list[str]:
        """Return each stage once, where it is called first."""
        called = {name for function in self.functions.values() for name in self._locals_called(function)}
        order: list[str] = []
        for name, function in self.functions.items():
            if name not in called:
                order += self._walk(function)
        return list(dict.fromkeys(order))

    def _locals_called(self, function: ast.FunctionDef) -> set[str]:
        return {node.func.id for node in ast.walk(function)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self.functions}

    def _remember_object(self, node: ast.Assign) -> None:
        made = node.value.func if isinstance(node.value, ast.Call) else None
        if isinstance(made, ast.Name) and made.id[:1].isupper() and made.id in self.stage_of:
            self.stage_of |= {name.id: self.stage_of[made.id] for name in node.targets if isinstance(name, ast.Name)}

    def _walk(self, node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            yield from self._walk(child)
        if isinstance(node, ast.Assign):
            self._remember_object(node)
        if not isinstance(node, ast.Call):
            return
        root: ast.AST = node.func
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or (root is node.func and root.id[:1].isupper()):
            return
        if root.id in self.stage_of:
            yield self.stage_of[root.id]
        elif root.id in self.functions and root.id not in self.entered:
            self.entered.add(root.id)
            yield from self._walk(self.functions[root.id])


def stage_order(source: str | None = None) -> list[str]:
    """Return the stages in the order in which `pipeline.py` (or the given source) calls them."""
    return _Pipeline(source or (PRODUCT / "pipeline.py").read_text(encoding="utf-8")).stages()


def _drawn(boxes: list[Box]) -> list[str]:
    """Draw one floor: a frame a box, one below the other, module names inside."""
    lines = []
    for each in boxes:
        inside = WIDTH - 4
        says = textwrap.wrap(f"{each.name}{'/' if each.parts else '.py'}   {each.says}", inside)
        parts = textwrap.wrap("  ".join(each.parts), inside - 2, break_long_words=False)
        lines += [f"┌{'─' * (WIDTH - 2)}┐"]
        lines += [f"│ {line:<{inside}} │" for line in says]
        lines += [f"│   {line:<{inside - 2}} │" for line in parts]
        lines += [f"└{'─' * (WIDTH - 2)}┘"]
    return lines


def picture() -> str:
    """Return the picture: floors from top to bottom; a floor imports only what stands below it."""
    lines: list[str] = []
    for floor in floors():
        boxes = [found for name in floor if (found := box(name))]
        if boxes:
            lines += [*([f"{'▼':^{WIDTH}}"] if lines else []), *_drawn(boxes)]
    return "```text\n" + "\n".join(line.rstrip() for line in lines) + "\n```\n"
