"""StoredStream: what its threads do when it is closed under them. What it answers is tested in e2e/test_store.py."""

import threading

import numpy as np
import pytest

from kinemacolor.client.errors import ClipLostError
from kinemacolor.render.stored_stream import ShotTracker, StoredStream
from kinemacolor.store.clip_store import ClipStore
from kinemacolor.store.dependency import ColourSettings
from kinemacolor.store.folder import StoreFolder

SETTINGS = ColourSettings(model="m", weights_sha256="w", device_class="d", transfer=1, width_px=4, height_px=2)
LUMA = np.zeros((2, 4), np.uint16)


@pytest.fixture
def empty(tmp_path):
    with ClipStore(StoreFolder(tmp_path), "0" * 32, "clip", pytest.fail) as store:
        yield store


def test_closing_it_wakes_who_waits_for_a_server(empty):
    waits, raised = threading.Event(), []

    def open_stream(first, sleep):
        waits.set()
        sleep(600)

    stream = StoredStream(empty, SETTINGS, ShotTracker(None), open_stream, lambda first, last: ())

    def send():
        with pytest.raises(ClipLostError) as caught:
            stream.send(0, LUMA)
        raised.append(caught.value)

    sender = threading.Thread(target=send)
    sender.start()
    assert waits.wait(10)
    stream.close()
    sender.join(10)
    assert raised


def test_closing_it_wakes_who_waits_for_a_colour(empty):
    stream = StoredStream(
        empty, SETTINGS, ShotTracker(None), lambda first, sleep: pytest.fail("no stream is wanted"), lambda *range_: ()
    )
    raised = []

    def receive():
        with pytest.raises(ClipLostError) as caught:
            stream.receive()
        raised.append(caught.value)

    receiver = threading.Thread(target=receive)
    receiver.start()
    stream.close()
    receiver.join(10)
    assert raised
