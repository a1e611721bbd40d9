"""H-03: the picture in docs/architecture.md is drawn from the source, and what it shows is there."""

import re

from tests.architecture.tree import PRODUCT, ROOT
from tools.picture import box, first_sentence, floors, picture, stage_order

PAGE = ROOT / "docs" / "architecture.md"


def drawn_boxes() -> list[tuple[str, list[str]]]:
    """Boxes of the page: the name in the first line of a frame, and all words inside it."""
    frames = re.findall(r"┌─+┐\n(.*?)└─+┘", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [(frame.split()[1], frame.replace("│", " ").split()) for frame in frames]


def test_the_picture_on_the_page_is_the_one_that_the_source_draws():
    assert picture() in PAGE.read_text(encoding="utf-8"), "make docs"


def test_each_box_stands_in_the_tree():
    names = [name for name, _ in drawn_boxes()]

    assert len(names) >= 15
    assert [name for name in names if not (PRODUCT / name).exists()] == []


def test_each_package_and_module_of_the_product_has_a_box():
    modules = {path.name + ("/" if path.is_dir() else "") for path in PRODUCT.iterdir()
               if (path.is_dir() and (path / "__init__.py").exists()) or path.suffix == ".py"}

    assert modules - {name for name, _ in drawn_boxes()} <= {"__init__.py", "__main__.py"}


def test_each_module_inside_a_box_stands_in_the_tree():
    for floor in floors():
        for name in floor:
            found = box(name)
            if found is None or name == "stages":
                continue
            assert [part for part in found.parts if not list((PRODUCT / name).glob(f"{part}*"))] == []


def test_the_stages_stand_in_the_order_of_the_pipeline():
    words = next(words for name, words in drawn_boxes() if name == "stages/")
    shown = [before for before, arrow in zip(words, [*words[1:], ""], strict=True) if arrow == "─►"]
    shown.append(words[max(index for index, word in enumerate(words) if word == "─►") + 1])

    assert shown == stage_order()
    assert len(shown) >= 5
    assert [stage for stage in shown if not list((PRODUCT / "stages").glob(f"{stage}*"))] == []


def test_the_stages_say_the_same_order_as_the_pipeline():
    """House style 6: the reading order is said in the docstring of `stages` and in the pipeline, and tested once."""
    said = [word.strip(",. ") for word in first_sentence(PRODUCT / "stages" / "__init__.py").split(":")[-1].split()]
    order = stage_order()

    assert [stage for stage in said if stage in order] == order


def test_the_order_is_that_of_evaluation_not_of_writing():
    source = """
from aurora_logs.stages import claim as claims
from aurora_logs.stages.download import portions
from aurora_logs.stages.batch import batches
from aurora_logs.stages.parse import parse
from aurora_logs.stages.split import split
from aurora_logs.stages.ship import ship

def bring(file):
    with claims.take(file) as claim:
        for portion in portions(file):
            deliver(portion)

def deliver(portion):
    for batch in batches(parse(split(portion))):
        ship(batch)
"""

    assert stage_order(source) == ["claim", "download", "split", "parse", "batch", "ship"]


def test_a_stage_that_moves_makes_another_picture():
    source = (PRODUCT / "pipeline.py").read_text(encoding="utf-8")
    order = stage_order(source)
    swapped = source.replace(f"stages.{order[1]} ", "stages.SWAP ").replace(f"stages.{order[2]} ", f"stages.{order[1]} ")

    assert stage_order(swapped.replace("stages.SWAP ", f"stages.{order[2]} ")) != order
