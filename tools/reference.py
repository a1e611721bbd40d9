"""What docs/ says about the product, taken from the product itself: one function a generated block, Markdown out."""

import ast
import inspect
import subprocess
import sys
import types
import typing

from tools.picture import ROOT


def cell(text: str) -> str:
    """Return text that can't break a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "\\<")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines) + "\n"


def configuration() -> str:
    """Return the table of settings: environment name, default, allowed values, meaning."""
    from aurora_logs.settings import knobs  # noqa: PLC0415  # the page's own source; other pages need it not

    return table(("variable", "default", "values", "meaning"), [
        (f"`{knob.name.upper()}`", f"`{knob.default}`" if knob.default else "", knob.allowed, knob.meaning)
        for knob in knobs()])


def commands() -> str:
    """Return a section a command from the Typer application: help, arguments, options, examples, exit codes."""
    import typer.main  # noqa: PLC0415  # as above

    from aurora_logs.cli.app import build  # noqa: PLC0415  # as above

    root = typer.main.get_command(build())
    sections = [f"## With every command\n\n{table(('option', 'meaning'), _options(root))}"]

    def describe(command: typing.Any, path: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            for name in sorted(children):
                describe(children[name], f"{path} {name}")
            return
        sections.append(_section(command, path))

    describe(root, "aurora-logs")
    return "\n".join(sections)


def _section(command: typing.Any, path: str) -> str:
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(command.help).split("\n\n"))
    examples, exits, _ = command.epilog.replace("\b\nExamples:\n", "").split("\n\n")
    shown = "\n".join(line.removeprefix("  ") for line in examples.splitlines())
    settings = "\nIt takes every [setting](configuration.md) as an option too, e.g. `--batch-size 500` for `BATCH_SIZE`.\n" \
        if hasattr(command, "_flags") else ""
    return (f"## `{path}`\n\n{text}\n\n{table(('option', 'meaning'), _options(command))}{settings}\n"
            f"```text\n{shown}\n```\n\n{exits}\n")


def _options(command: typing.Any) -> list[tuple[str, str]]:
    rows = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            rows.append((f"`{parameter.metavar}`", parameter.help or ""))
            continue
        names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
        choices = getattr(parameter.type, "choices", None)
        rows.append((names, f"{parameter.help or ''}{_bounds(parameter)}"
                     + (f": {', '.join(f'`{one}`' for one in choices if one)}" if choices else "")))
    return rows


def _bounds(parameter: typing.Any) -> str:
    least, most = getattr(parameter.type, "min", None), getattr(parameter.type, "max", None)
    told = [] if parameter.is_flag or parameter.default in (None, "", [], ()) else [f"default {parameter.default}"]
    told += [f"{least:,} to {most:,}"] if least is not None and most is not None else []
    return f" ({'; '.join(told)})" if told else ""


def faults(of: str = "rds") -> str:
    """Return the simulator's own table of faults: asked of its command, since the product never imports it."""
    answer = subprocess.run([sys.executable, "-m", "aurora_logs_simulator", "faults", of], capture_output=True, text=True,
                            check=True)
    return answer.stdout.strip() + "\n"


def output() -> str:
    """Return a section a kind of list: its promised fields, their JSON types, and what its struct says of them."""
    from aurora_logs.cli.kinds import KINDS  # noqa: PLC0415  # as above

    return "\n".join(_kind_section(kind) for kind in KINDS)


def _kind_section(kind: typing.Any) -> str:
    import importlib  # noqa: PLC0415

    module, _, name = kind.struct.partition(":")
    struct = getattr(importlib.import_module(module), name)
    hints = typing.get_type_hints(struct)
    heads = {column.field: column.head for column in kind.columns}
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(struct.__doc__).split("\n\n"))
    rows = [(f"`{field}`", _json_type(hints[field]) if field in hints else "only where there is one", heads.get(field, ""))
            for field in kind.fields]
    return f"### `{kind.name}`\n\n{text}\n\n{table(('field', 'JSON', 'head in a table'), rows)}"


def _json_type(hint: object) -> str:
    """Name a Python type as JSON has it."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return " or ".join(_json_type(one) for one in typing.get_args(hint))
    if typing.get_origin(hint) in (list, tuple):
        return f"array of {_json_type(typing.get_args(hint)[0])}"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true, false", "datetime": "time",
            "NoneType": "null", "object": "any", "bytes": "text"}.get(getattr(hint, "__name__", ""), str(hint))


def metrics() -> str:
    """Return the table of metrics, as the catalogue has them."""
    from aurora_logs.metrics import CATALOGUE  # noqa: PLC0415  # as above

    rows = [(f"`{metric.name}`" + (f", `{metric.twin}`" if metric.twin else ""), metric.kind,
             ", ".join(f"`{label}`" for label in metric.labels),
             metric.meaning + (f" ({', '.join(metric.known)})" if metric.known else "")) for metric in CATALOGUE]
    return table(("name", "type", "labels", "meaning"), rows)


def telemetry() -> str:
    """Return the table of events: what is logged, at which level, with which fields, and when."""
    source = (ROOT / "src/aurora_logs/telemetry.py").read_text(encoding="utf-8")
    rows = []
    for function in ast.parse(source).body:
        if isinstance(function, ast.FunctionDef):
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)
                     and isinstance(node.func, ast.Name) and node.func.id == "_emit"]
            rows += [(f"`{function.name}`", ", ".join(_texts(call.args[0])), ", ".join(f"`{text}`" for text in _texts(call.args[1])),
                      ", ".join(f"`{name}`" for name in _keys(call.args[2])), ast.get_docstring(function) or "")
                     for call in calls]
    return table(("event", "level", "`msg`", "fields", "when"), rows)


def _texts(node: ast.expr) -> list[str]:
    """Return the texts that an expression can come to; a part that is not known is `…`."""
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)]
    return [str(node.value)] if isinstance(node, ast.Constant) else ["…"]


def _keys(node: ast.expr) -> list[str]:
    found = []
    for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
        if isinstance(key, ast.Constant):
            found.append(str(key.value))
        elif isinstance(value, ast.Call):  # **_file(row)
            found += ["instance_id", "log_file_name"]
        else:
            found.append("…")
    return found


def formats() -> str:
    """Return a table of the formats: log type, what is read, and the engine versions of its fixtures."""
    from aurora_logs.formats import all_formats  # noqa: PLC0415  # as above

    rows = []
    for one in all_formats():
        module = inspect.getdoc(sys.modules[type(one).__module__]) or ""
        samples = sorted(path.name for path in (ROOT / "tests/formats" / one.name).iterdir() if path.is_dir())
        rows.append((f"`{one.name}`", f"`{one.log_type}`", module.split("\n\n")[0], "; ".join(samples)))
    return table(("format", "log type", "what it reads", "fixtures (engine and version)"), rows)


def errors() -> str:
    """Return a table of the error tree: exit code, what is said, and the next step that is told."""
    from aurora_logs import errors as tree  # noqa: PLC0415  # as above
    from aurora_logs.cli.failures import exit_code_of  # noqa: PLC0415  # as above

    classes = [one for _, one in inspect.getmembers(tree, inspect.isclass) if issubclass(one, tree.AuroraLogsError)]
    classes.sort(key=lambda one: [parent.__name__ for parent in reversed(one.__mro__)])
    return table(("error", "exit code", "what it says", "next step"), [
        (f"{'· ' * (len(one.__mro__) - 5)}`{one.__name__}`", str(exit_code_of(one())), (one.__doc__ or "").split("\n")[0], one.hint)
        for one in classes[1:]])


def codes() -> str:
    """Return the table of exit codes."""
    from aurora_logs.cli.options import EXITS  # noqa: PLC0415  # as above

    return table(("code", "meaning"), [(str(code), meaning) for code, meaning in EXITS.items()])
