"""What lies twice in the sink, and what the product's own views show of it."""

import json
from collections import Counter

from tools.distributed.sight import TOKEN

SAMPLE = 3


def copies(world):
    """Count the physical copies of records by file key, and name the tokens of what is doubled."""
    rows = {}
    for row in world.sink.rows():
        rows.setdefault(json.loads(row)["record_id"], []).append(row)
    found, tokens = Counter(), set()
    for record_id, same in rows.items():
        if len(same) > 1:
            found[record_id.split("-")[0]] += len(same) - 1
            tokens.update(TOKEN.findall(same[0]))
    return found, tokens


def shows_twice(world, tokens):
    """Return what `search` does not show exactly once, of a sample, and the difference of what `top` counts to the distinct records."""
    searched = {token: [json.loads(row)["record_id"] for row in
                        world.fleet.command("search", token, "--limit", "10", "-o", "ndjson").splitlines()]
                for token in sorted(tokens)[:SAMPLE]}
    statements = {row["record_id"] for row in map(json.loads, world.sink.rows()) if {"db_query_text", "duration_sec"} <= row.keys()}
    ranked = world.fleet.command("top", "queries", "--by", "instance", "--limit", "100", "-o", "ndjson").splitlines()
    wrong = [(token, ids) for token, ids in searched.items() if not ids or len(set(ids)) < len(ids)]
    return wrong, sum(json.loads(row)["count"] for row in ranked) - len(statements)
