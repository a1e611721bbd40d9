"""`python -m tests.simulation --first 0 --count 100`: run schedules, print what was violated, and a summary as JSON.

`--seed N --trace` replays one schedule and prints its events. Same seed, same source: same trace hash. `--seed N --shrink`
leaves out what the violation does not need and prints the events of the shortest schedule that was found.
"""

import argparse
import json
import sys
from collections import Counter

from tests.simulation.plan import draw
from tests.simulation.registered import toy_format
from tests.simulation.run import go
from tests.simulation.shrink import shrink


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--step", type=int, default=1, help="every n-th seed, so that processes share the work")
    parser.add_argument("--skip", default="", help="seeds to leave out, comma list")
    parser.add_argument("--until", default="", help="stop at the first violation of one of these invariants, comma list")
    parser.add_argument("--seed", type=int, help="run this one")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--shrink", action="store_true")
    options = parser.parse_args()
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.count, options.step)
    left_out = {int(word) for word in options.skip.split(",") if word}
    wanted = {word for word in options.until.split(",") if word}
    reached, transitions, figures = Counter(), Counter(), Counter()
    violations, calls, schedules = {}, 0, 0
    with toy_format():
        for seed in seeds:
            if seed in left_out:
                continue
            outcome = go(draw(seed))
            schedules += 1
            calls += outcome.calls
            reached.update(outcome.reached)
            transitions.update(outcome.transitions)
            figures.update(outcome.figures)
            if outcome.violations:
                violations[seed] = {name: str(sign) for name, sign in outcome.violations.items()}
                if options.shrink:
                    outcome = shortest(seed, outcome)
            if options.trace:
                sys.stdout.write("".join(f"{line}\n" for line in outcome.lines) + f"trace hash {outcome.trace_hash}\n")
            if wanted & set(outcome.violations):
                break
    sys.stdout.write(json.dumps({"schedules": schedules, "calls": calls, "violations": violations, "reached": reached,
                                 "transitions": transitions, "figures": figures}) + "\n")
    return 1 if violations else 0


def shortest(seed, outcome):
    """Return the run of the choices that are left of `outcome`'s when only its first violation has to stay."""
    invariant = next(iter(outcome.violations))
    left = shrink(draw(seed), outcome.choices, invariant)
    sys.stdout.write(f"seed {seed} {invariant}: {len(left)} of {len(outcome.choices)} choices are needed\n"
                     + "".join(f"  {key} = {value}\n" for key, value in left.items()))
    return go(draw(seed), left)


if __name__ == "__main__":
    sys.exit(main())
