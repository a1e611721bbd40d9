"""A fleet of 300 instances on one core."""

import itertools
import time

from tests.simulator.simulated import START_US, RealTimeBeside, a_world, rds, served

from aurora_logs_simulator.clock import SECOND_US
from aurora_logs_simulator.instance import Spec

LOG_SEC, CALLS_PER_SEC = 20, 14
CORE_SHARE = 0.6  # the client of this test runs on the same core


def test_three_hundred_instances_at_the_whole_budget_leave_a_core_time_to_spare():
    """An entry a second and instance, 14 calls a second over HTTP: log time never runs away from the machine's."""
    fleet = [Spec(identifier=f"db-{number:03d}", engine="aurora-mysql" if number % 3 else "postgres") for number in range(300)]
    world = a_world(*fleet, clock=RealTimeBeside(START_US), entries_per_sec=1.0)
    with served(world) as server, rds(server) as client:
        turn = itertools.cycle(one.identifier for one in fleet)
        client.describe_db_instances()
        before_sec = time.process_time()
        for _ in range(LOG_SEC):
            with server.service.lock:
                world.clock.advance_us(SECOND_US)
                world.load.run_until(world.clock.now_us())
            for _ in range(CALLS_PER_SEC // 2):
                name = next(turn)
                files = client.describe_db_log_files(DBInstanceIdentifier=name)["DescribeDBLogFiles"]
                client.download_db_log_file_portion(DBInstanceIdentifier=name, LogFileName=files[0]["LogFileName"], Marker="0")
        spent_sec = time.process_time() - before_sec

    assert world.load.entries > 300 * LOG_SEC * 0.9
    assert spent_sec < LOG_SEC * CORE_SHARE
