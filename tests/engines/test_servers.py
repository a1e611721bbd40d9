"""CMP-03 to CMP-05: the servers that tests start listen on loopback only, and none outlives its test run."""

import os
import select
import socket
import struct
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from tests.architecture.tree import ROOT
from tools.servers import dynoxide, kafka

LISTENING = "0A"


def listening_addresses(pid):
    """Every address on which the process listens, as /proc tells it."""
    inodes = {Path(f"/proc/{pid}/fd/{fd.name}").readlink().name for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    sockets = {inode.removeprefix("socket:[").removesuffix("]") for inode in inodes if inode.startswith("socket:")}
    found = []
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = line.split()[1], line.split()[3], line.split()[9]
            if state == LISTENING and inode in sockets:
                packed = bytes.fromhex(local.split(":")[0])
                words = struct.pack(f">{len(packed) // 4}I", *struct.unpack(f"<{len(packed) // 4}I", packed))
                found.append(socket.inet_ntop(family, words).removeprefix("::ffff:"))
    return found


@pytest.mark.engine("kafka")
def test_the_broker_listens_on_loopback_only(broker):
    assert set(listening_addresses(broker.pid)) == {"127.0.0.1"}


@pytest.mark.engine("dynoxide")
def test_the_dynamodb_engine_listens_on_loopback_only(dynamodb):
    assert set(listening_addresses(dynamodb.pid)) == {"127.0.0.1"}


@pytest.mark.engine("dynoxide")
def test_two_runs_at_once_do_not_meet(dynamodb):
    with dynoxide.running() as other:
        assert (other.port, other.data_file) != (dynamodb.port, dynamodb.data_file)


@pytest.mark.engine("dynoxide")
def test_a_killed_test_run_leaves_no_server_behind(tmp_path):
    script = ("from tools.servers import dynoxide\nwith dynoxide.running() as it:\n    print(it.pid, flush=True)\n    input()\n")
    run = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                           env={**os.environ, "TMPDIR": str(tmp_path)})
    server = int(run.stdout.readline())
    assert is_running(server)
    ended = os.pidfd_open(server)
    run.kill()
    run.communicate()

    assert select.select([ended], [], [], 10)[0], "the server ends with its run"
    os.close(ended)


def is_running(pid):
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.engine("kafka")
def test_kafkas_own_tools_run_by_their_names(broker):
    topic = f"t-{uuid.uuid4().hex}"
    broker.tool("kafka-topics.sh", "--create", "--topic", topic, "--partitions", "3")
    broker.tool("kafka-console-producer.sh", "--topic", topic, "--property", "parse.key=true", "--property",
                "key.separator=|", stdin="key|value\n")
    said = broker.tool("kafka-console-consumer.sh", "--topic", topic, "--from-beginning", "--max-messages", "1", "--group",
                       "readers")
    groups = broker.tool("kafka-consumer-groups.sh", "--describe", "--group", "readers")

    assert said.splitlines()[0] == "value"
    assert sum(topic in line for line in groups.splitlines()) == 3


@pytest.mark.engine("kafka")
def test_what_a_broker_holds_survives_its_kill():
    with kafka.running() as broker:
        broker.tool("kafka-topics.sh", "--create", "--topic", "kept", "--partitions", "1")
        broker.kill()
        broker.start()

        assert "kept" in broker.tool("kafka-topics.sh", "--list")
