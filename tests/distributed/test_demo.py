"""`make demo-distributed`: two processors and a discovery killed, the broker restarted, the sink away for 20 s, and the ledger."""

import re
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
WITHIN_SEC = 300


def test_the_distributed_demo_loses_nothing_and_shows_nothing_twice(tmp_path):
    ran = subprocess.run([sys.executable, "-m", "tools.distributed", "--folder", tmp_path], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, text=True, check=False, timeout=WITHIN_SEC)
    print(ran.stdout)
    total = re.search(r"^total +- +([\d,]+) +([\d,]+) +(\d+) +([\d,]+) +(\d+)", ran.stdout, re.MULTILINE)
    assert ran.returncode == 0
    assert (total[3], total[5]) == ("0", "0")
    assert len(re.findall("^fault .*killed", ran.stdout, re.MULTILINE)) == 3
