"""Exactly one class a shape, over statements of 252 shapes a dialect, and a version that no rule outlives (REC-46)."""

import hashlib
import random

import pytest
from shapes import DIALECTS, shapes, statement
from test_fingerprint_cases import CASES

from aurora_logs.sql.fingerprint import FINGERPRINT_VERSION, fingerprint, normal_form

STATEMENTS_A_SHAPE = 25
# What the rules of each version make of the same statements. A rule that changes needs a new version, and a new line.
RULES = {1: "59821d9140468132"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_statements_of_a_shape_have_one_class_and_other_shapes_have_others(dialect: str) -> None:
    """REC-46, PERF-24: adversarial literals, comments, white space, case, list lengths."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    split = {}
    for number, shape in enumerate(shapes(dialect)):
        draw = random.Random(f"{dialect} {number}")
        forms = {normal_form(made, dialect): made for made in (statement(shape, dialect, draw) for _ in range(STATEMENTS_A_SHAPE))}
        if len(forms) > 1:
            split[shape] = forms
        for form in forms:
            found.setdefault(form, set()).add(shape)
    merged = {form: of for form, of in found.items() if len(of) > 1}

    assert split == {}
    assert merged == {}
    assert len(found) == len(list(shapes(dialect))) >= 240


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_generator_varies_what_it_says(dialect: str) -> None:
    draw = random.Random(dialect)
    shape = next(shapes(dialect))

    assert len({statement(shape, dialect, draw) for _ in range(100)}) > 80


def test_a_rule_that_changes_needs_a_new_version() -> None:
    """Fingerprints of two versions must not be compared, so that none changes unnoticed."""
    digest = hashlib.sha256()
    for dialect in DIALECTS:
        for number, shape in enumerate(shapes(dialect)):
            digest.update(fingerprint(statement(shape, dialect, random.Random(number)), dialect).encode())
    for _, dialect, sql, _, _ in CASES:
        digest.update(fingerprint(sql, dialect).encode())

    assert RULES[FINGERPRINT_VERSION] == digest.hexdigest()[:16]
