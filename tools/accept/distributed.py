"""The lines of the distributed issue that are proved with real processes, Kafka, DynamoDB and the stand-in for OpenObserve."""

import re
from pathlib import Path

from tools.accept.lines import Line, Outcome, command, passing

DEMO_WITHIN_SEC = 300.0


def demo(clone: Path) -> Outcome:
    """The distributed demo after set-up; its own exit code says whether the ledger holds and every fault struck."""
    command(clone, ".venv/bin/python", "-m", "tools.engines", "install")
    ran = command(clone, "make", "demo-distributed")
    total = re.search(r"^total +- +([\d,]+) +([\d,]+) +(\d+) +([\d,]+) +(\d+) +(\d+)", ran.output, re.MULTILINE)
    struck = re.findall(r"^fault +(.*)$", ran.output, re.MULTILINE)
    told = f"{total[1]} written, lost {total[3]}, shown twice {total[5]}" if total else "no ledger"
    is_proof = total is not None and (total[3], total[5]) == ("0", "0")
    return Outcome("; ".join([f"exit {ran.code} in {ran.took_sec:.0f} s", told, *struck]),
                   ran.code == 0 and is_proof and ran.took_sec <= DEMO_WITHIN_SEC)


DISTRIBUTED = (
    Line("1", "<= 5 min, lost 0, shown twice 0; two processors and a discovery killed, broker restarted, sink away for 20 s", demo),
    Line("4", ">= 60 random kills, >= 70 % with an intent open; lost 0, doubled 0", passing(
        "tests/distributed/test_random_kills.py", must=("test_random_kills_lose_nothing_and_double_nothing",), tells=r"\d+ kills \(")),
    Line("5", "2, 5, 1 processors share; frozen beyond the lease: every write refused, <= 1 batch a file twice, counted, in no view", passing(
        "tests/distributed/test_scaling.py", "tests/distributed/test_frozen_processor.py",
        must=("test_work_spreads_over_two_then_five_processors_and_drains_to_one",
              "test_a_processor_that_froze_beyond_its_lease_writes_no_state_and_what_it_sent_is_shown_once"),
        tells=r"machines froze|records in \d+ s")),
    Line("6", "offsets, group, row, checkpoint, dead letter by hand: nothing lost, nothing shown twice", passing(
        "tests/distributed/test_runbook.py", must=("test_run_20", "test_run_34", "test_run_49", "test_run_52", "test_run_68"))),
    Line("9", "acknowledged records that a crash of the sink took are found and delivered", passing(
        "tests/distributed/test_lost_acknowledged.py", must=("test_acknowledged_records_that_a_crash_of_the_sink_takes",),
        tells="the sink lost")),
)
