"""Waiting for a task: a put of the same process is noticed by itself, without looking again and again."""

import threading
import time

import pytest
from tests.contracts.samples import SteppedClock, a_task

from aurora_logs.adapters.embedded import queue as module
from aurora_logs.adapters.embedded.directory import open_for_collecting
from aurora_logs.adapters.embedded.queue import SqliteQueue
from aurora_logs.adapters.embedded.system import SystemClock


@pytest.mark.parametrize("what", ["a put", "an ack that frees the file", "a retry"])
def test_a_waiting_worker_is_woken(tmp_path, monkeypatch, what):
    monkeypatch.setattr(module, "LOOK_AGAIN_SEC", 300.0)
    with open_for_collecting(tmp_path) as collecting:
        queue, got, looking = SqliteQueue(collecting.database, SystemClock(threading.Event()), "run1"), [], threading.Event()
        queue.put(a_task("held"))
        held = queue.take(0)
        queue.put(a_task("held", size=9))

        def work():
            looking.set()
            got.append(queue.take(300.0))

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        looking.wait(10)
        {"a put": lambda: queue.put(a_task("new")), "an ack that frees the file": held.ack,
         "a retry": lambda: held.retry_later(0)}[what]()
        worker.join(30)

        assert got[0].task.log_file_name == ("new" if what == "a put" else "held")


def test_waiting_costs_next_to_no_cpu(tmp_path):
    with open_for_collecting(tmp_path) as collecting:
        queue = SqliteQueue(collecting.database, SystemClock(threading.Event()), "run1")
        before_sec = time.thread_time()
        assert queue.take(1.0) is None

        assert time.thread_time() - before_sec < 0.1


def test_a_task_that_nobody_finishes_is_visible_again_after_a_while(tmp_path):
    clock = SteppedClock()
    with open_for_collecting(tmp_path) as collecting:
        queue = SqliteQueue(collecting.database, clock, "run1", visibility_sec=600)
        queue.put(a_task())
        queue.take(0)
        clock.sleep(600)

        assert queue.take(0).task == a_task()
        assert queue.waiting() == 0
