"""Names and places: forbidden module names (H-09), glossary words (H-23, a report), nothing of a builder's machine."""

import ast
import re

import pytest
from tests.architecture.tree import ROOT, tracked_files

from aurora_logs import names

FORBIDDEN_MODULES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
FORBIDDEN_FUNCTIONS = re.compile(r"^(handle_|do_|my_|new_|process_data)")

# Written in pieces, so that this file does not find itself.
MACHINE_PATHS = re.compile("|".join(["/" + "work/", "/" + "root/", "/" + "farm/", "/home/" + "[a-z]+/", "/tmp/" + "bash_"]))
REGISTRY_HOSTS = re.compile("|".join([
    "python" + "hosted", "py" + r"pi\.org", "npm" + r"js\.", "crates" + r"\.io", r"proxy\.go" + "lang",
    "maven" + r"\.(org|apache)", r"[./]deb" + r"ian\.org", "repo1" + r"\.maven"]))


def python_files():
    return [path for path in tracked_files() if path.suffix == ".py"]


def text_of(path):
    return path.read_bytes().decode("utf-8", "replace")


def test_no_module_is_a_drawer():
    drawers = [path for path in python_files() if path.stem in FORBIDDEN_MODULES or path.parent.name in FORBIDDEN_MODULES]

    assert drawers == []


def test_no_function_of_the_product_hides_what_it_does():
    found = [f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
             for path in python_files() if path.is_relative_to(ROOT / "src")
             for node in ast.walk(ast.parse(text_of(path)))
             if isinstance(node, ast.FunctionDef) and FORBIDDEN_FUNCTIONS.match(node.name)
             # http.server names its hooks so
             and not re.match(r"do_(GET|POST|HEAD|PUT|DELETE)$|handle_(one_request|error)$", node.name)]

    assert found == []


def test_no_source_file_holds_more_than_one_idea():
    """H-06: 400 lines; above it stands the exception's reason in the module docstring."""
    too_long = [f"{path.relative_to(ROOT)}: {len(text_of(path).splitlines())}" for path in python_files()
                if path.is_relative_to(ROOT / "src") and len(text_of(path).splitlines()) > 400]

    assert too_long == []


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, REGISTRY_HOSTS], ids=["machine paths", "registry hosts"])
def test_no_file_names_a_builders_machine_or_a_registry(pattern):
    found = [f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
             for path in tracked_files()
             for number, line in enumerate(text_of(path).splitlines(), 1) if pattern.search(line)]

    assert found == []


@pytest.mark.parametrize(("pattern", "planted"), [
    (MACHINE_PATHS, "open('/" + "work/main/x')"), (MACHINE_PATHS, "/" + "root/.cache"),
    (REGISTRY_HOSTS, "--index-url https://py" + "pi.org/simple"), (REGISTRY_HOSTS, "https://files.python" + "hosted.org/x"),
])
def test_a_planted_path_or_host_is_found(pattern, planted):
    assert pattern.search(planted)


def spelt_out(path):
    """String constants of a module that spell out an external name; docstrings may tell of them."""
    tree = ast.parse(text_of(path))
    told = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [f"{path.name}:{node.lineno} {node.value}" for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in told
            and any(name in node.value for name in EXTERNAL_NAMES)]


EXTERNAL_NAMES = (names.INSTANCE_TABLE, names.TRACKING_TABLE, names.CHECKPOINT_TABLE, names.DEAD_LETTER_TABLE,
                  names.CONSUMER_GROUP, "aurora-logs-error", "aurora-logs-slowquery")


def test_names_that_others_know_are_spelt_out_in_one_place():
    """H-13, NAM-01."""
    found = [line for path in python_files() if path.is_relative_to(ROOT / "src" / "aurora_logs") and path.name != "names.py"
             for line in spelt_out(path)]

    assert found == []
    assert len(spelt_out(ROOT / "src" / "aurora_logs" / "names.py")) == 5


def test_every_module_says_what_lives_in_it():
    """H-21: a docstring at every module of the source."""
    silent = [str(path.relative_to(ROOT)) for path in python_files()
              if path.is_relative_to(ROOT / "src") and text_of(path).strip() and not ast.get_docstring(ast.parse(text_of(path)))]

    assert silent == []


def test_type_exceptions_name_their_code_and_reason():
    """H-09: `# type: ignore[code]  # reason`."""
    bare = [f"{path.relative_to(ROOT)}:{number}" for path in python_files() if path.is_relative_to(ROOT / "src")
            for number, line in enumerate(text_of(path).splitlines(), 1)
            if "# type: ignore" in line and not re.search(r"# type: ignore\[[a-z-]+(, ?[a-z-]+)*\]  # \S", line)]

    assert bare == []


# One word per thing: docs/glossary.md. Words that have a second, lawful meaning in code are left out.
OTHER_WORDS = {"poison", "leftover", "remainder", "reconcile", "emulator", "scrubbing", "dedupe", "backlog"}


def test_glossary_words_are_reported():
    """H-23, a report and no gate yet: where another word stands for a thing of the glossary."""
    pattern = re.compile(rf"\b({'|'.join(sorted(OTHER_WORDS))})\b", re.IGNORECASE)
    found = [f"{path.relative_to(ROOT)}:{number}: {match[0]}"
             for path in tracked_files()
             if path.suffix in {".py", ".md"} and path.name not in {"glossary.md", "test_names.py"}
             for number, line in enumerate(text_of(path).splitlines(), 1) for match in [pattern.search(line)] if match]
    print("\n".join(found))

    assert pattern.search("the leftover bytes")
