import threading

import pytest

from kinemacolor.render.pipeline import Abort, BoundedQueue, PipelineAbortedError, StageClock, Stages


def test_items_come_out_in_order_and_the_queue_ends():
    queue = BoundedQueue(10, Abort())
    for item in range(5):
        queue.put(item)
    queue.close()
    assert list(queue) == [0, 1, 2, 3, 4]


def test_a_full_queue_blocks_until_there_is_room():
    queue = BoundedQueue(1, Abort())
    queue.put("first")
    putter = threading.Thread(target=queue.put, args=("second",))
    putter.start()
    putter.join(0.05)
    assert putter.is_alive()
    assert next(iter(queue)) == "first"
    putter.join(5)
    assert not putter.is_alive()


@pytest.mark.parametrize("fill", [True, False])
def test_an_abort_wakes_whoever_waits(fill):
    stages = Stages()
    queue = BoundedQueue(1, stages.abort)
    woken = threading.Event()

    def wait():
        try:
            if fill:
                queue.put(1)
                queue.put(2)
            else:
                next(iter(queue))
        except PipelineAbortedError:
            woken.set()
            raise

    stages.start("waiter", wait)
    stages.abort.throw()
    assert woken.wait(5)
    assert stages.join(5)


def test_the_first_error_stops_everything_and_is_raised():
    stages = Stages()
    queue = BoundedQueue(1, stages.abort)
    stages.start("consumer", lambda: [None for _ in queue])
    stages.start("producer", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stages.wait(lambda: None)
    assert stages.join(5)


def test_a_stage_that_waits_for_something_else_does_not_hide_an_error():
    stages = Stages()
    elsewhere = threading.Event()
    ended = threading.Event()
    stages.start("blocked", lambda: ended.set() if elsewhere.wait(30) else None)
    stages.start("failing", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stages.wait(lambda: None)
    assert not ended.is_set()
    elsewhere.set()
    assert stages.join(5)


def test_waiting_looks_up_many_times():
    stages = Stages()
    seen = threading.Event()
    stages.start("slow", lambda: seen.wait(5))
    stages.wait(seen.set)
    assert seen.is_set()


def test_a_sleep_ends_with_an_abort():
    abort = Abort()
    abort.sleep(0.001)
    threading.Timer(0.05, abort.throw).start()
    with pytest.raises(PipelineAbortedError):
        abort.sleep(60)


def test_the_clock_counts_calls_and_time():
    clock = StageClock()
    for _ in range(3):
        with clock.measure("work"):
            sum(range(20000))
    stage = clock.stages["work"]
    assert stage.calls == 3
    assert 0 < stage.cpu_seconds <= stage.wall_seconds * 1.5
