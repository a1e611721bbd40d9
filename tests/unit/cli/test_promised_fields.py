"""What lists promise to programs: fields may come; one goes only with another schema_version (UX-39)."""

import importlib
import json
from pathlib import Path

import pytest

from aurora_logs.cli.forms import SCHEMA_VERSION
from aurora_logs.cli.kinds import KINDS

PROMISED = json.loads(Path(__file__).with_name("promised_fields.json").read_text())
ADDED = {"file": {"checkpoint_segment", "checkpoint_byte_offset", "epoch", "holder", "marker", "record_count", "dead_letters", "gaps"},
         "dead_letter": {"is_gap", "excerpt", "original_message"}}  # by the command, to the fields of the struct


def test_no_promised_field_goes_while_the_version_stays():
    """UX-39: promised_fields.json is the snapshot of schema_version 1."""
    now = {kind.name: set(kind.fields) for kind in KINDS}

    assert SCHEMA_VERSION == 1
    assert {name: sorted(set(fields) - now.get(name, set())) for name, fields in PROMISED.items()
            if set(fields) - now.get(name, set())} == {}


def test_every_field_that_is_shown_is_promised():
    """UX-39: a new field is written down in promised_fields.json with the change that adds it."""
    assert {kind.name: sorted(kind.fields) for kind in KINDS} == {name: sorted(fields) for name, fields in PROMISED.items()}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_fields_of_a_kind_are_those_of_its_struct(kind):
    module, _, name = kind.struct.partition(":")
    struct = getattr(importlib.import_module(module), name)

    assert set(kind.fields) == set(struct.__struct_fields__) | ADDED.get(kind.name, set())
    assert len(set(kind.fields)) == len(kind.fields)
    assert set(kind.names) <= set(kind.fields)
