"""Write the expected records of every format fixture anew; the difference is for a person to review.

python tools/snapshots.py [tests/formats]
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "tests" / "formats"
sys.path[:0] = [str(ROOT), str(FIXTURES)]

from fixtures import cases, expected_of  # noqa: E402


def main() -> None:
    """Write `expected.jsonl` beside each `input.log`."""
    for case in cases():
        (case / "expected.jsonl").write_bytes(expected_of(case))
        print(case.relative_to(FIXTURES))


if __name__ == "__main__":
    main()
