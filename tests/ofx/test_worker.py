"""Work in a thread of its own, while the host waits and hears that the helper lives."""

import threading

import pytest

from kinemacolor.ofx.session.worker import AbortedError, Workers


class Host:
    """Does not want the frame any more, and counts signs of life."""

    def __init__(self) -> None:
        self.heard, self.enough = 0, threading.Event()

    def aborted(self) -> bool:
        self.heard += 1
        if self.heard == 5:
            self.enough.set()
        return True


def test_work_on_the_host_s_picture_is_seen_through_with_signs_of_life() -> None:
    host, workers = Host(), Workers(1)
    errand = workers.start(lambda _: host.enough.wait(30) and "painted")
    assert errand.see_through(host) == "painted"
    assert host.heard >= 5
    with pytest.raises(ZeroDivisionError):
        workers.start(lambda _: 1 / 0).see_through(host)
    workers.close()


def test_other_work_is_left_when_it_is_not_wanted() -> None:
    host, workers, end = Host(), Workers(1), threading.Event()
    errand = workers.start(lambda _: end.wait(30))
    with pytest.raises(AbortedError):
        errand.wait(host)
    end.set()
    workers.close()
