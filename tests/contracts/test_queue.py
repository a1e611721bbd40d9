"""Contract of Queue: hints with deadlines, delays and redelivery; it may double, the state store decides."""

import threading
import time

from tests.contracts.samples import a_task


def taken(queue, by=None):
    """The task that comes next, at the process of the bench or at another one."""
    delivery = (by or queue.queue).take(queue.soon_sec)
    return delivery.task if delivery else None


def is_quiet(queue, at=None):
    return (at or queue.queue).take(queue.quiet_sec) is None


def in_hands(queue):
    delivery = queue.queue.take(queue.soon_sec)
    assert delivery is not None
    return delivery


def test_a_task_arrives_as_it_was_put(queue):
    task = a_task(dead_letter_id="m1")
    queue.queue.put(task)

    assert taken(queue) == task


def test_nothing_to_do_is_none(queue):
    assert is_quiet(queue)


def test_a_taken_task_is_not_handed_out_again_while_it_is_in_hands(queue):
    queue.queue.put(a_task())
    in_hands(queue)

    assert is_quiet(queue)


def test_an_acked_task_is_gone(queue):
    queue.queue.put(a_task())
    in_hands(queue).ack()

    assert is_quiet(queue)
    assert is_quiet(queue, queue.again())


def test_a_task_of_a_killed_process_is_handed_out_again(queue):
    queue.queue.put(a_task())
    in_hands(queue)

    assert taken(queue, queue.again()) == a_task()


def test_a_file_put_twice_before_a_take_is_one_delivery_with_the_newer_hint(queue):
    queue.queue.put(a_task(size=1))
    queue.queue.put(a_task(size=2))

    assert taken(queue) == a_task(size=2)
    assert is_quiet(queue)
    assert taken(queue, queue.again()) is not None, "the one that was in hands"


def test_a_dead_letters_task_is_apart_from_its_files_task(queue):
    queue.queue.put(a_task())
    queue.queue.put(a_task(dead_letter_id="m1"))

    assert [taken(queue), taken(queue)] == [a_task(), a_task(dead_letter_id="m1")]


def test_a_hint_that_comes_while_the_file_is_in_hands_is_handed_out_after_the_ack(queue):
    queue.queue.put(a_task(size=1))
    held = in_hands(queue)
    queue.queue.put(a_task(size=2))

    assert is_quiet(queue)
    held.ack()
    assert taken(queue) == a_task(size=2)


def test_the_earliest_deadline_comes_first_then_the_oldest(queue):
    for name, deadline_ms in (("old", 0), ("late", 900), ("soon", 100), ("young", 0)):
        queue.queue.put(a_task(name), deadline_ms=deadline_ms)

    assert [taken(queue).log_file_name for _ in range(4)] == ["soon", "late", "old", "young"]


def test_a_refreshed_hint_keeps_its_earliest_deadline_and_its_place(queue):
    queue.queue.put(a_task("a"), deadline_ms=500)
    queue.queue.put(a_task("b"), deadline_ms=600)
    queue.queue.put(a_task("b"), deadline_ms=100)
    queue.queue.put(a_task("a"))

    assert [taken(queue).log_file_name for _ in range(2)] == ["b", "a"]


def test_a_task_to_retry_later_waits_for_its_delay(queue):
    queue.queue.put(a_task())
    in_hands(queue).retry_later(30)

    queue.clock.sleep(29.9)
    assert is_quiet(queue)
    queue.clock.sleep(0.2)
    assert taken(queue) == a_task()


def test_a_task_that_waits_for_its_delay_lets_other_files_pass(queue):
    queue.queue.put(a_task("slow"))
    in_hands(queue).retry_later(30)
    for number in range(3):
        queue.queue.put(a_task(f"f{number}"))
        delivery = in_hands(queue)
        assert delivery.task.log_file_name == f"f{number}"
        delivery.ack()

    queue.clock.sleep(30.1)
    assert taken(queue, queue.again()) == a_task("slow"), "what waited is not lost with its process"


def test_a_new_hint_does_not_shorten_the_delay(queue):
    """A breaker that is open asks for the delay; discovery may put the file again every cycle."""
    queue.queue.put(a_task())
    held = in_hands(queue)
    queue.queue.put(a_task(size=7))
    held.retry_later(30)
    queue.queue.put(a_task(size=8))

    assert is_quiet(queue)
    queue.clock.sleep(30.1)
    assert taken(queue) == a_task(size=8)
    assert is_quiet(queue)


def test_a_put_ends_the_wait_of_a_worker_at_once(queue):
    got = []
    worker = threading.Thread(target=lambda: got.append((queue.queue.take(20.0).task, time.monotonic())))
    worker.start()
    put_at = time.monotonic()
    queue.queue.put(a_task())
    worker.join(10)

    assert got[0][0] == a_task()
    assert got[0][1] - put_at < 5


def test_a_put_of_another_process_ends_the_wait_too(queue):
    worker_queue, got = queue.again(), []
    worker = threading.Thread(target=lambda: got.append(worker_queue.take(20.0).task))
    worker.start()
    queue.queue.put(a_task())
    worker.join(10)

    assert got == [a_task()]


def test_workers_side_by_side_take_each_task_once(queue):
    queue.queue.put(a_task("first"))
    in_hands(queue).ack()
    for number in range(40):
        queue.queue.put(a_task(f"f{number}"))
    names, lock = [], threading.Lock()

    def work():
        while delivery := queue.queue.take(queue.quiet_sec):
            with lock:
                names.append(delivery.task.log_file_name)
            delivery.ack()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(names) == sorted(f"f{number}" for number in range(40))
