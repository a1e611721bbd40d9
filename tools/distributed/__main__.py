"""`make demo-distributed`: the distributed product with kills, a broker's restart and an outage of the sink, and the ledger.

Exit 0 only when every entry that the server kept lies exactly once in the sink and every fault struck; 8 otherwise.
"""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tools.distributed.course import DATABASES, DISCOVERIES, ENTRIES, PROCESSORS, Moment, Result, show
from tools.engines import install_built

from aurora_logs.cli import units
from aurora_logs.cli.demo import ledger_table
from aurora_logs.cli.progress import Bar

DOWN, UNHEALTHY = 7, 8
TELL_EVERY_SEC = 3.0


def main() -> int:
    """Run it and return the exit code."""
    arguments = argparse.ArgumentParser(prog="make demo-distributed", description=__doc__)
    arguments.add_argument("--seed", default="demo", help="same seed: same load, same faults of the source")
    arguments.add_argument("--folder", type=Path, help="where logs and the sink's files go; default: a temporary folder, "
                                                       "which stays when the proof fails")
    chosen = arguments.parse_args()
    if missing := {name: outcome for name, outcome in install_built(fresh=False).items() if outcome.startswith("MISSING")}:
        print("\n".join(f"{name}: {outcome}" for name, outcome in missing.items()))
        return DOWN
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # so that all servers are ended
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="aurora-logs-distributed-"))
    print(f"{DATABASES} databases, Kafka, DynamoDB, OpenObserve's stand-in, {DISCOVERIES} discovery and {PROCESSORS} processors; "
          f"everything lies in {folder}", flush=True)
    with contextlib.ExitStack() as opened:
        bar = opened.enter_context(Bar("stored", unit="entries", every_sec=TELL_EVERY_SEC))

        def on_moment(moment: Moment) -> None:
            bar.at(moment.stored, ENTRIES, f"{moment.written:,} written; {moment.doing}")

        result = show(folder, chosen.seed, on_moment)
    _print(result)
    if result.problems:
        print(f"everything lies in {folder}")
        return UNHEALTHY
    if not chosen.folder:
        shutil.rmtree(folder)
    return 0


def _print(result: Result) -> None:
    print(ledger_table(result.proof))
    took_sec = max(result.took_sec, 0.001)
    print(f"\nload      {units.size(result.bytes_written)} in {took_sec:.0f} s, {result.bytes_written / 1e6 / took_sec:.2f} MB/s; "
          f"{result.proof.records:,} records stored; {result.rotations} rotations a live file")
    print(f"shared    {', '.join(f'{name} {count:,}' for name, count in result.shipped.items())}")
    for strike in result.strikes:
        print(f"fault     {strike.text}")
    print(f"settled   {result.settled} intents of the dead")
    for problem in result.problems:
        print(f"problem: {problem}")


if __name__ == "__main__":
    sys.exit(main())
