"""Every `console` block of README and docs runs, and prints what it says (H-11, UX-71, UX-147).

One demo is run for all of them: it is the block on the front page, and the blocks that need it look at what it left.
"""

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from tests.acceptance.cli_world import KEYS, PROGRAM, WITHIN_SEC, environment
from tests.acceptance.test_cli_parse import SLOW
from tests.architecture.tree import ROOT
from tests.docs.console_blocks import DEMO, HERE, RUNS, blocks, fits

DEMO_COMMAND = "make demo"
DEMO_WITHIN_SEC = 180.0  # of a machine that does other things too; the demo itself promises 60 s
DONE = "@done"
PORTS = ("8001", "5080")  # of the simulator's servers on pages; free ones are taken here
ALL = blocks()
ran: list[str] = []


class Shell:
    """One bash for the commands of a block, so that what one exports the next one has."""

    def __init__(self, folder, env):
        self._folder, self._env = folder, env
        self._ports = {port: _free_port() for port in PORTS}
        self._bash = subprocess.Popen(["bash", "--norc", "--noprofile"], cwd=folder, env=env, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self._lines = Lines(self._bash.stdout)

    def run(self, command):
        """Run one command; what it printed, and its exit code."""
        self._bash.stdin.write(f'{{ {self._with_free_ports(command)}\n}} </dev/null; echo "{DONE} $?"\n')
        self._bash.stdin.flush()
        printed = ""
        while not (end := re.search(rf"{DONE} (\d+)\n\Z", printed)):
            line = self._lines.next()
            assert line, f"it did not end: {command}\n{printed}"
            printed += line
        return printed[:end.start()], int(end[1])

    def run_and_stop(self, command, is_enough):
        """Run a command that does not end by itself, until it has printed enough; then Ctrl-C."""
        exported, _ = self.run("export -p")
        process = subprocess.Popen(["bash", "-c", f"{exported}\nexec {self._with_free_ports(command)}"], cwd=self._folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   start_new_session=True)
        lines, printed = Lines(process.stdout), ""
        while not is_enough(printed) and (line := lines.next()):
            printed += line
        os.killpg(process.pid, signal.SIGINT)
        code = process.wait(WITHIN_SEC)
        lines.close()
        return printed, code

    def close(self):
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait(WITHIN_SEC)
        self._bash.stdin.close()
        self._lines.close()

    def _with_free_ports(self, command):
        return re.sub("|".join(PORTS), lambda port: self._ports[port[0]], command)


class Lines:
    """The lines of a pipe, each within WITHIN_SEC; "" at its end, or when none came."""

    def __init__(self, pipe):
        self._pipe, self._queue = pipe, queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._pipe:
            self._queue.put(line)
        self._queue.put("")

    def next(self):
        try:
            return self._queue.get(timeout=WITHIN_SEC)
        except queue.Empty:
            return ""

    def close(self):
        self._reader.join(WITHIN_SEC)
        self._pipe.close()


def _free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a reader has at hand: some log files, and a configuration file."""
    made = tmp_path_factory.mktemp("reader")
    (made / "logs").mkdir()
    for name in ("slow.log", "mysql-slowquery.log", "logs/mysql-slowquery.log"):
        (made / name).write_text(SLOW)
    (made / "aurora-logs.toml").write_text("batch_size = 500\n")
    return made


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The one demo of the test run: what it printed, its exit code, and the folder with its data directory."""
    held = tmp_path_factory.mktemp("demo")
    done = subprocess.run(["make", "--no-print-directory", "demo"], cwd=ROOT, env=environment(TMPDIR=str(held)), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
                          timeout=DEMO_WITHIN_SEC)
    yield done.stdout, done.returncode, held
    shutil.rmtree(held, ignore_errors=True)


@pytest.fixture
def shells(simulator, folder, request):
    """Make the shell of an environment."""
    made = []

    def shell(needs):
        path = f"{PROGRAM.parent}:{os.environ['PATH']}"
        if needs == DEMO:
            env = environment(PATH=path, TMPDIR=str(request.getfixturevalue("demo")[2]))
        else:
            env = environment(PATH=path, **KEYS, AWS_ENDPOINT_URL_RDS=simulator.url, DATA_DIR=str(folder / "data"),
                              BATCH_TIMEOUT_SEC="1")
        made.append(Shell(folder, env))
        return made[-1]

    yield shell
    for one in made:
        one.close()


@pytest.mark.parametrize("block", [one for one in ALL if one.needs in RUNS], ids=lambda block: block.id)
def test_a_block_prints_what_it_says(block, shells, request):
    shell = shells(block.needs)
    for step in block.steps:
        if step.command == DEMO_COMMAND:
            printed, code, _ = request.getfixturevalue("demo")
        elif step.is_stopped:
            printed, code = shell.run_and_stop(step.command, lambda text, step=step: fits(step.expected, text))
            code = 0 if code == 130 else code
        else:
            printed, code = shell.run(step.command)

        assert fits(step.expected, printed), f"{block.id}: {step.command}\n--- expected\n" + "\n".join(
            step.expected) + f"\n--- printed\n{printed}"
        assert code == step.code, printed
    ran.append(block.id)


def test_no_block_ran_nowhere():
    """UX-147: what can't be run here says why; all others ran just now."""
    silent = [one.id for one in ALL if one.needs not in RUNS and not one.why]

    assert silent == []
    assert ran == [one.id for one in ALL if one.needs in RUNS]
    assert {one.needs for one in ALL} >= {HERE, DEMO}


def test_one_demo_is_enough():
    """UX-20, UX-28: the front page's block is the demo, and holds the columns of the proof."""
    demos = [one.id for one in ALL for step in one.steps if step.command.startswith((DEMO_COMMAND, "aurora-logs demo"))]

    assert demos == ["README.md 1"]


@pytest.mark.parametrize(("expected", "printed", "does"), [
    (["a  …  b"], "a 5 b\n", True), (["a … b"], "a 5 c\n", False), (["…", "end"], "1\n2\nend\n", True),
    (["…", "end"], "1\n2\n", False), ([], "", True), ([], "x\n", False), (["x 0 y"], "x     0  y\n", True),
    (["x 0 y"], "x 1 y\n", False), (["a", "…", "b"], "a\nb\n", True), (["a … b … c"], "a  1  b  2  b  c\n", True),
    (["a … b"], "a\n", False), (["…b"], "ab\n", True), (["a", "", "b"], "a\n\nb\n", True), (["a", "", "b"], "a\nb\n", False),
    (["x … 0 …"], "x 1,730 1 9\n", False), (["x … 0 …"], "x 1,731 0 9\n", True), (["x"], "x", False), (["…", "x", "…", "y", "…"], "1\nx\nx\n2\ny\n", True),
    (["…", "x", "y", "…"], "x\nx\ny\n", True), (["… 1 … 2 … 3 … 4 … 5 …"] * 3 + ["…"] * 3, "1 2 3 4 " * 4_000 + "\n", False),
])
def test_what_fits_is_found_and_what_does_not_is_too(expected, printed, does):
    assert fits(expected, printed) is does
