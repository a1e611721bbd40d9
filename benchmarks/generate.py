"""Write a seeded log of a given size and print its truth as JSON. The text comes from the simulator's workload writers.

    python benchmarks/generate.py slow --mb 200 --seed 1 OUT

The truth also lies beside the log (OUT.truth.json). A log of the same kind, size, seed and generator that is there
already is used again.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from truth import Checksums

import aurora_logs_simulator.workload as workload_package
from aurora_logs_simulator.workload.error_log import ErrorLogWriter
from aurora_logs_simulator.workload.postgresql_log import PostgresqlLogWriter
from aurora_logs_simulator.workload.slow_log import EXTRA_ALWAYS, EXTRA_NEVER, SlowLogWriter
from aurora_logs_simulator.workload.written import Writer

KINDS = ("slow", "slow_extra", "error", "postgresql")
BYTES_PER_MB = 1_000_000
_FIRST_US = 1_795_342_317_811_234  # 2026-11-22T10:11:57Z, the instant of record-schema.md's example
_STEP_US = 7_003  # between two entries; prime to a second, so that fractions vary
_WRITE_BYTES = 1 << 20


def bench_writer(kind: str, seed: str) -> Writer:
    """Make the writer of a kind: no fake heads, no credentials, so that the text of every record is known exactly."""
    if kind == "slow":
        return SlowLogWriter(seed, engine="aurora-mysql", extra=EXTRA_NEVER, oddities=False)
    if kind == "slow_extra":
        return SlowLogWriter(seed, engine="aurora-mysql", extra=EXTRA_ALWAYS, oddities=False)
    if kind == "error":
        return ErrorLogWriter(seed, engine="aurora-mysql")
    if kind == "postgresql":
        return PostgresqlLogWriter(seed, engine="aurora-postgresql", oddities=False)
    raise ValueError(f"no kind {kind!r}: one of {', '.join(KINDS)}")


def generator_hash() -> str:
    """Hash the generator's own source, so that a log of an older generator is not used again."""
    folder = Path(str(workload_package.__file__)).parent
    digest = hashlib.sha256(Path(__file__).read_bytes() + Path(__file__).with_name("truth.py").read_bytes())
    for source in sorted(folder.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _pieces(kind: str, size_bytes: int, seed: str, sums: Checksums) -> Iterator[bytes]:
    """Yield the log piece by piece; `sums` is complete when the last piece is out."""
    writer = bench_writer(kind, seed)
    held: list[bytes] = [writer.file_header(_FIRST_US)]
    total = held_bytes = len(held[0])
    now_us = _FIRST_US
    while total < size_bytes:
        entry = writer.entry(now_us)
        now_us += _STEP_US
        sums.add(entry.fields)
        sums.add_token(entry.token)
        held.append(entry.content)
        total += len(entry.content)
        held_bytes += len(entry.content)
        if held_bytes >= _WRITE_BYTES:
            yield b"".join(held)
            held, held_bytes = [], 0
    yield b"".join(held)


def generate(kind: str, mb: float, seed: str, out: Path) -> dict[str, Any]:
    """Write the log to `out`, or find it there; give its truth: kind, mb, seed, entries, bytes, checksums by field."""
    beside = out.with_name(out.name + ".truth.json")
    wanted = {"kind": kind, "mb": mb, "seed": seed, "generator": generator_hash()}
    if out.exists() and beside.exists():
        kept: dict[str, Any] = json.loads(beside.read_text())
        if all(kept.get(name) == value for name, value in wanted.items()) and kept["bytes"] == out.stat().st_size:
            return kept
    out.parent.mkdir(parents=True, exist_ok=True)
    beside.unlink(missing_ok=True)  # a kill between the two files must not leave an old truth beside new text
    sums = Checksums()
    with out.open("wb") as log:
        for piece in _pieces(kind, round(mb * BYTES_PER_MB), seed, sums):
            log.write(piece)
    truth = {**wanted, "bytes": out.stat().st_size, **sums.as_dict()}
    beside.write_text(json.dumps(truth, indent=1) + "\n")
    return truth


def main(arguments: list[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--mb", type=float, default=200.0, help="size of the log in MB of 1,000,000 bytes (default 200)"
    )
    parser.add_argument("--seed", default="1", help="same seed, same bytes (default 1)")
    asked = parser.parse_args(arguments)
    print(json.dumps(generate(asked.kind, asked.mb, asked.seed, asked.out)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
