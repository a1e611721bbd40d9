"""The real command and a simulator in another process, for acceptance tests of the command line."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("aurora-logs")
WITHIN_SEC = 60.0
KEYS = {"AWS_ACCESS_KEY_ID": "SIMULATOR", "AWS_SECRET_ACCESS_KEY": "simulator-secret", "AWS_REGION": "eu-central-1"}


class Answer:
    """How a command ended. No command ever shows a traceback: it is asserted for every one that is run."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        assert "Traceback" not in self.err, self.err

    @property
    def items(self):
        """The items of `-o json`."""
        return json.loads(self.out)["items"]

    @property
    def rows(self):
        """The lines of `-o ndjson`."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(**changes):
    """Nothing of this process's own settings (conftest scrubbed it), plus what a test sets; None takes one away."""
    merged = {**os.environ, "AWS_EC2_METADATA_DISABLED": "true", **changes}
    return {name: value for name, value in merged.items() if value is not None}


def aurora_logs(*words, env=None, stdin=None, preexec_fn=None, within_sec=WITHIN_SEC):
    """Run the real command to its end."""
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, env=env or environment(),
                          timeout=within_sec, check=False, preexec_fn=preexec_fn, **given)
    return Answer(done)


class Simulator:
    """A simulator in a process of its own."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aurora_logs_simulator", "serve", "--port", "0", "--calls-per-sec", "0", "--seed", "7",
             *options], stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["endpoint"]

    def ask(self, name):
        with urllib.request.urlopen(f"{self.url}/_simulator/{name}", timeout=WITHIN_SEC) as answer:
            return json.load(answer)

    def tell(self, name, **values):
        request = urllib.request.Request(f"{self.url}/_simulator/{name}", json.dumps(values).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=WITHIN_SEC) as answer:
            return json.load(answer)

    def env(self, data_dir, **changes):
        return environment(**KEYS, AWS_ENDPOINT_URL_RDS=self.url, DATA_DIR=str(data_dir), BATCH_TIMEOUT_SEC="0",
                           RDS_API_RATE_LIMIT="500", RETRY_BACKOFF_SEC="0.1", **changes)

    @contextlib.contextmanager
    def with_fault(self, fault, **rule):
        self.tell("faults", fault=fault, probability=1, **rule)
        try:
            yield
        finally:
            self.tell("faults", off=fault)

    @contextlib.contextmanager
    def with_two_lines_refused(self, instance):
        """A line of each of two log files can't be read by any way: two dead letters, whatever is read first."""
        with self.with_fault("binary_line", instance=instance, file="slowquery/", times=1), \
                self.with_fault("binary_line", instance=instance, file="error/", times=1), \
                self.with_fault("complete_forbidden", instance=instance):
            yield

    def close(self):
        self.process.terminate()
        self.process.wait(WITHIN_SEC)
        self.process.stdout.close()


@contextlib.contextmanager
def following(words, env, stream="stdout"):
    """A command that goes on: a function that gives its next lines, and the process; it is ended in any case."""
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    process = subprocess.Popen([PROGRAM, *map(str, words)], env=env, text=True, **{stream: subprocess.PIPE, other: subprocess.DEVNULL})
    lines = queue.SimpleQueue()

    def read():
        for line in getattr(process, stream):
            lines.put(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield (lambda count=1: [lines.get(timeout=WITHIN_SEC) for _ in range(count)]), process
    finally:
        process.terminate()
        process.wait(WITHIN_SEC)
        reader.join(WITHIN_SEC)
        getattr(process, stream).close()


@contextlib.contextmanager
def collecting(env, folder, *words):
    """A collector that runs while the block does; ends by SIGTERM."""
    log = folder / "collector.log"
    with log.open("w") as output:
        process = subprocess.Popen([PROGRAM, "run", *words], env=env, stdout=output, stderr=output)
        try:
            yield process, log
        finally:
            process.terminate()
            process.wait(WITHIN_SEC)


def eventually(condition, within_sec=WITHIN_SEC):
    """Ask again until the condition holds; its last value is the answer."""
    deadline_sec = time.monotonic() + within_sec
    while not (value := condition()) and time.monotonic() < deadline_sec:
        time.sleep(0.1)
    return value
