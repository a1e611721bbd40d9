"""The server as a process and in a thread: command line, control surface, throttling, keep-alive."""

import json
import signal
import subprocess
import sys
import time

import pytest
import urllib3
from simulated import MYSQL, SLOW, START_US, RealTimeBeside, a_world, fault, put, rds, served

from aurora_logs_simulator.cli import _parser, main, scenario_of
from aurora_logs_simulator.clock import SECOND_US, SystemClock
from aurora_logs_simulator.scenario import read_scenario
from aurora_logs_simulator.throttle import Throttle


@pytest.fixture
def http():
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


def control(http, server, name, values=None):
    url = f"{server.endpoint}/_simulator/{name}"
    answer = http.request("GET", url) if values is None else http.request("POST", url, body=json.dumps(values).encode())
    return answer.status, json.loads(answer.data)


def a_served_world(*specs, **settings):
    return a_world(*specs, clock=RealTimeBeside(START_US), **settings)


class TestControl:
    def test_the_ledger_the_calls_and_the_faults_are_there(self, http):
        world = a_served_world()
        with served(world) as server, rds(server) as client:
            control(http, server, "write", {"instance": "db-1", "log_type": "slowquery", "count": 5})
            client.describe_db_log_files(DBInstanceIdentifier="db-1")
            ledger = control(http, server, "ledger?entries=1&fields=1")[1]
            calls = control(http, server, "calls")[1]

        assert ledger["totals"]["entries_written"] == 5
        assert ledger["files"][0]["entries"][0]["fields"]
        assert calls["calls"] == {"DescribeDBLogFiles": 1}
        assert calls["bytes"]["DescribeDBLogFiles"] > 300
        assert [list(second.values()) for second in calls["by_second"].values()] == [[1]]

    def test_a_fault_is_planted_once_counted_and_switched_off(self, http):
        world = a_served_world()
        with served(world) as server, rds(server) as client:
            control(http, server, "faults", {"fault": "error_500", "nth": 1, "operation": "DescribeDBInstances"})
            with pytest.raises(client.exceptions.ClientError, match="InternalFailure"):
                client.describe_db_instances()
            client.describe_db_instances()
            struck = control(http, server, "faults")[1]["struck"]
            rules = control(http, server, "faults", {"off": "error_500"})[1]["rules"]

        assert struck == {"error_500": 1}
        assert rules == []

    def test_life_by_hand(self, http):
        pair = [MYSQL, type(MYSQL)(identifier="db-2", engine="aurora-mysql", cluster="c", is_writer=False)]
        with served(a_served_world(*pair)) as server:
            failed_over = control(http, server, "failover", {"cluster": "c"})
            rotated = control(http, server, "rotate", {"instance": "db-1", "log_type": "slowquery"})
            purged = control(http, server, "purge", {"instance": "db-1", "file": f"{SLOW}.2026-10-10.07"})
            renamed = control(http, server, "rename", {"instance": "db-1", "to": "db-9"})
            restarted = control(http, server, "restart", {"instance": "db-9"})
            paused = control(http, server, "status", {"instance": "db-9", "status": "paused"})
            added = control(http, server, "add", {"identifier": "db-3", "engine": "postgres"})
            deleted = control(http, server, "delete", {"instance": "db-2"})
            stopped = control(http, server, "stop-writing", {})

        answers = (failed_over, rotated, purged, renamed, restarted, paused, added, deleted, stopped)
        assert [status for status, _ in answers] == [200] * len(answers)
        assert failed_over[1] == {"writer": "db-2"}
        assert rotated[1] == {"rotated": True}
        assert {row["identifier"]: row["status"] for row in deleted[1]} == {"db-9": "paused", "db-3": "available"}
        assert stopped[1]["is_writing"] is False

    def test_mistakes_are_answered_not_raised(self, http):
        with served(a_served_world()) as server:
            unknown = control(http, server, "nothing")
            no_fault = control(http, server, "faults", {"fault": "nothing"})
            no_instance = control(http, server, "delete", {"instance": "nothing"})

        assert (unknown[0], no_fault[0], no_instance[0]) == (404, 400, 400)
        assert "ledger" in unknown[1]["known"]["GET"]
        assert "DBInstanceNotFound" in no_instance[1]["error"]


class TestServing:
    def test_one_connection_carries_many_calls(self, http):
        with served(a_served_world(), keys=None) as server:
            for _ in range(5):
                body = b"Action=DescribeDBInstances&Version=2014-10-31"
                assert http.request("POST", server.endpoint, body=body).status == 200
            pool = http.connection_from_url(server.endpoint)

        assert (pool.num_connections, pool.num_requests) == (1, 5)

    def test_what_is_no_http_gets_400(self):
        import socket

        with served(a_served_world()) as server, socket.create_connection(server.server_address) as raw:
            raw.sendall(b"nonsense\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 400 ")

    def test_a_slow_answer_does_not_hold_up_the_others(self, http):
        world = a_served_world(faults=[fault("slow", value=1.0, instance="db-1")])
        put(world, b"x\n")
        with served(world) as server, rds(server) as client:
            started = time.monotonic()
            client.describe_events()
            quick_sec = time.monotonic() - started
            client.describe_db_log_files(DBInstanceIdentifier="db-1")
            slow_sec = time.monotonic() - started

        assert quick_sec < 0.9
        assert slow_sec >= 1.0

    def test_a_proxys_gzip_on_the_complete_path(self, http):
        """RDS-98: transfer encoding that nobody asked for."""
        world = a_served_world(faults=[fault("complete_gzip_transfer")])
        put(world, b"x\n")
        with served(world, keys=None) as server:
            answer = http.request("GET", f"{server.endpoint}/v13/downloadCompleteLogFile/db-1/{SLOW}")

        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.data.endswith(b"x\n")

    def test_an_unknown_action_and_a_missing_parameter_are_refused(self, http):
        with served(a_served_world(), keys=None) as server:
            bodies = (b"Action=Nothing&Version=2014-10-31", b"Action=DescribeDBLogFiles&Version=2014-10-31")
            answers = [http.request("POST", server.endpoint, body=body) for body in bodies]

        assert [answer.status for answer in answers] == [400, 400]
        assert b"<Code>InvalidAction</Code>" in answers[0].data
        assert b"<Code>MissingParameter</Code>" in answers[1].data


class TestThrottle:
    """§10: one bucket for the whole account, in real time."""

    def test_fourteen_calls_a_second_and_a_burst_of_as_many(self):
        bucket = Throttle()
        admitted = [sum(bucket.admits(second * SECOND_US) for _ in range(40)) for second in range(3)]

        assert admitted == [14, 14, 14]

    def test_a_neighbour_takes_from_the_same_bucket(self):
        """RDS-104."""
        bucket = Throttle()
        bucket.neighbour_per_sec = 10.0
        admitted = [sum(bucket.admits(second * SECOND_US) for _ in range(40)) for second in range(3)]

        assert admitted == [14, 4, 4]

    def test_every_kind_of_call_is_throttled(self):
        world = a_served_world(calls_per_sec=1.0)
        with served(world) as server, rds(server) as client:
            client.describe_events()
            with pytest.raises(client.exceptions.ClientError, match=r"\(Throttling\).*Rate exceeded"):
                client.describe_db_clusters()

        assert world.api.gate.throttled == {"DescribeDBClusters": 1}


class TestCommand:
    def start(self, *arguments):
        command = [sys.executable, "-m", "aurora_logs_simulator", "serve", "--no-signature", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return process, json.loads(process.stdout.readline())

    def test_it_names_its_endpoint_writes_by_itself_and_ends_on_sigterm(self, http):
        process, ready = self.start("--speed", "3600", "--entries-per-sec", "400", "--fault", "hole=0.5:3")
        with process:
            deadline = time.monotonic() + 20
            load = {"entries": 0}
            while load["entries"] < 200 and time.monotonic() < deadline:
                load = json.loads(http.request("GET", f"{ready['endpoint']}/_simulator/load").data)
            rules = json.loads(http.request("GET", f"{ready['endpoint']}/_simulator/faults").data)["rules"]
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=20)

        assert ready["instances"] == 6
        assert load["entries"] >= 200
        assert (rules[0]["fault"], rules[0]["probability"], rules[0]["value"]) == ("hole", 0.5, 3.0)
        assert (process.returncode, errors) == (0, b"")

    def test_it_shuts_down_by_the_control_surface(self, http):
        process, ready = self.start("--entries-per-sec", "0")
        with process:
            answer = http.request("POST", f"{ready['endpoint']}/_simulator/shutdown")
            process.communicate(timeout=20)

        assert (answer.status, process.returncode) == (200, 0)

    def test_a_port_in_use_is_a_message(self, capsys):
        with served(a_served_world()) as server:
            code = main(["serve", "--port", str(server.server_address[1]), "--entries-per-sec", "0"])

        assert code == 2
        assert "Address already in use" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (["--fault", "nothing"], "unknown fault 'nothing'"),
            (["--files", "/nowhere"], "no such directory"),
            (["--scenario", "/nowhere.toml"], "No such file"),
        ],
    )
    def test_a_bad_option_is_a_message(self, capsys, arguments, text):
        assert main(["serve", *arguments]) == 2
        assert text in capsys.readouterr().err

    def test_the_faults_command_prints_the_table(self, capsys):
        assert main(["faults"]) == 0
        assert "| `line_truncated` | portion | RDS-63, RDS-68 |" in capsys.readouterr().out

    def test_a_scenario_file_gives_instances_and_faults_and_options_override_it(self, tmp_path):
        path = tmp_path / "scenario.toml"
        path.write_text(
            'seed = "9"\nspeed = 60.0\n[[instances]]\nidentifier = "a"\nengine = "mysql"\n'
            '[[faults]]\nfault = "hole"\nprobability = 0.5\ninstance = "a"\n'
        )
        scenario = scenario_of(_parser().parse_args(["serve", "--scenario", str(path), "--speed", "2"]))

        assert (scenario.seed, scenario.speed) == ("9", 2.0)
        assert [spec.identifier for spec in scenario.instances] == ["a"]
        assert scenario.faults[0].instance == "a"
        assert read_scenario(path).speed == 60.0

    def test_a_directory_of_instances(self, tmp_path):
        (tmp_path / "pg-a").mkdir()
        (tmp_path / "my-a" / "slowquery").mkdir(parents=True)
        scenario = scenario_of(_parser().parse_args(["serve", "--files", str(tmp_path)]))
        flat = scenario_of(_parser().parse_args(["serve", "--files", str(tmp_path), "--files-instance", "one"]))

        assert {spec.identifier: spec.engine for spec in scenario.instances} == {"my-a": "mysql", "pg-a": "postgres"}
        assert [spec.identifier for spec in flat.instances] == ["one"]


def test_log_time_runs_fast_and_real_time_does_not():
    clock = SystemClock(speed=3_600.0, start_us=START_US)
    real_us = clock.real_us()
    while clock.real_us() < real_us + 20_000:
        pass
    passed_us = clock.now_us() - START_US
    clock.run_at(0.0)
    stopped_us = clock.now_us()

    assert passed_us >= 72 * SECOND_US
    assert clock.now_us() == stopped_us
