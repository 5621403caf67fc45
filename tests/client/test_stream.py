"""ClipStream against scripted servers: each is a generator from requests to responses, run by the reading thread."""

import dataclasses
import threading
import time
from itertools import chain

import numpy as np
import pytest

from kinemacolor.client.errors import ClipLostError, RequestRefusedError, ServerFaultError, ServerTimeoutError
from kinemacolor.client.requests import OpenRequest, Timeouts
from kinemacolor.client.stream import ClipStream
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.codec import check_guide
from kinemacolor.wire.frame import FrameNumber, Geometry, GuideFrame, HintPoint
from kinemacolor.wire.reasons import ErrorReason

GEOMETRY = Geometry(4, 2)
REQUEST = OpenRequest(clip_key="clip", geometry=GEOMETRY, transfer=1, first_frame=10)
SHORT = Timeouts(open=0.3, frame=0.3, end=0.3)


class Call:
    """What grpc would return: the responses of a script, and a cancel that the test can see."""

    def __init__(self, responses):
        self.responses = responses
        self.cancelled = False

    def __iter__(self):
        return self.responses

    def cancel(self):
        self.cancelled = True


def open_stream(script, request=REQUEST, timeouts=SHORT):
    return ClipStream(lambda requests: Call(script(requests)), request, "unix:/fake", timeouts)


def opened(window=2, **changes):
    values = {"clip_key": "clip", "model": "tiny", "window": window, "resume_from": 10, "epoch": 1} | changes
    return pb.StreamFramesResponse(clip_opened=pb.ClipOpened(**values))


def color(number, value=0, samples=GEOMETRY.samples):
    ab = np.full(2 * samples, value, "<i2").tobytes()
    return pb.StreamFramesResponse(color_frame=pb.ColorFrame(frame_number=number, ab=ab))


def ended(frames, shots=1):
    return pb.StreamFramesResponse(clip_ended=pb.ClipEnded(frames_answered=frames, shots=shots))


def luma(value=0):
    return np.full((GEOMETRY.height_px, GEOMETRY.width_px), value, np.uint16)


def echo(requests, window=2):
    """A good server: colour = the first luma sample."""
    answered = 0
    for request in requests:
        kind = request.WhichOneof("message")
        if kind == "open_clip":
            yield opened(window)
        elif kind == "end_clip":
            yield ended(answered)
            return
        elif request.frame.pre_roll:
            progress = pb.Progress(consumed_through=request.frame.frame_number)
            yield pb.StreamFramesResponse(progress=progress)
        else:
            answered += 1
            yield color(request.frame.frame_number, int.from_bytes(request.frame.luma[:2], "little"))


def test_frames_come_back_in_order_and_the_clip_ends():
    with open_stream(echo) as stream:
        received = []
        for number in range(10, 20):
            stream.send(number, luma(number))
            received.append(stream.receive())
        summary = stream.end()
        assert stream.receive() is None
    assert [planes.frame_number for planes in received] == list(range(10, 20))
    assert [int(planes.ab[0, 0, 0]) for planes in received] == list(range(10, 20))
    assert (summary.frames_answered, summary.shots) == (10, 1)


def test_a_sender_and_a_receiver_in_two_threads():
    with open_stream(echo) as stream:

        def send_all():
            for number in range(10, 60):
                stream.send(number, luma())
            stream.send_end()

        sender = threading.Thread(target=send_all)
        sender.start()
        assert [planes.frame_number for planes in stream] == list(range(10, 60))
        sender.join()


def test_pre_roll_is_not_answered_and_frees_the_window():
    with open_stream(echo) as stream:
        for number in range(10, 30):
            stream.send(number, luma(), pre_roll=True)
        stream.send(30, luma())
        assert stream.receive().frame_number == 30
        assert stream.end().frames_answered == 1


def test_send_blocks_while_the_window_is_full():
    with open_stream(echo) as stream:
        stream.send(10, luma())
        stream.send(11, luma())
        blocked = threading.Thread(target=stream.send, args=(12, luma()))
        blocked.start()
        blocked.join(0.6)  # longer than the frame timeout: a slow taker is no server timeout
        assert blocked.is_alive()
        assert stream.free_slots == 0
        stream.receive()
        blocked.join(5)
        assert not blocked.is_alive()


def mute(requests):
    next(requests)
    yield opened()
    for _request in requests:
        pass


def test_a_silent_server_times_out_the_receiver():
    with open_stream(mute) as stream:
        stream.send(10, luma())
        with pytest.raises(ServerTimeoutError, match="silent"):
            stream.receive()


def test_a_silent_server_times_out_a_sender_whose_window_is_full():
    with open_stream(mute) as stream:
        stream.send(10, luma())
        stream.send(11, luma())
        with pytest.raises(ServerTimeoutError, match="silent"):
            stream.send(12, luma())


def test_a_silent_server_times_out_the_end():
    with open_stream(mute) as stream, pytest.raises(ServerTimeoutError, match="silent"):
        stream.end()


def test_a_pause_of_the_caller_is_no_silence_of_the_server(monkeypatch):
    """A full disk or a slow encoder may hold the caller up for long before it ends the clip."""
    clock = time.monotonic
    paused = 0.0
    monkeypatch.setattr("kinemacolor.client.stream.time.monotonic", lambda: clock() + paused)
    ask = threading.Event()

    def script(requests):
        for request in requests:
            if request.WhichOneof("message") == "open_clip":
                yield opened()
            elif request.WhichOneof("message") == "end_clip":
                ask.wait(5)
                yield ended(0)
                return

    with open_stream(script, timeouts=Timeouts(end=60)) as stream:
        paused = 3600.0
        threading.Timer(0.1, ask.set).start()
        assert stream.end().frames_answered == 0


def test_a_server_that_never_opens_times_out():
    def script(requests):
        yield from (request for request in requests if request is None)

    with pytest.raises(ServerTimeoutError, match="silent"):
        open_stream(script)


def test_close_wakes_a_receiver():
    stream = open_stream(mute, timeouts=Timeouts())
    stream.send(10, luma())
    caught = []

    def receive():
        try:
            stream.receive()
        except ClipLostError as error:
            caught.append(error)

    receiver = threading.Thread(target=receive)
    receiver.start()
    stream.close()
    receiver.join(5)
    assert len(caught) == 1


def test_close_is_quick_and_may_be_called_twice():
    stream = open_stream(mute)
    started = time.monotonic()
    stream.close()
    stream.close()
    assert time.monotonic() - started < 1


def test_use_after_close_is_an_error():
    stream = open_stream(echo)
    stream.close()
    with pytest.raises(ClipLostError):
        stream.send(10, luma())


def keeps_every_eighth(requests):
    """A good server that has the state after each eighth frame."""
    next(requests)
    yield opened()
    for request in requests:
        kind = request.WhichOneof("message")
        if kind == "seek":
            number = request.seek.frame_number
            if number % 8:
                needed = pb.NeedFrames(first=number - number % 8, last=number - 1)
                yield pb.StreamFramesResponse(need_frames=needed)
            else:
                yield pb.StreamFramesResponse(progress=pb.Progress(consumed_through=number - 1))
        elif request.frame.pre_roll:
            yield pb.StreamFramesResponse(progress=pb.Progress(consumed_through=request.frame.frame_number))
        else:
            yield color(request.frame.frame_number)


def test_a_seek_says_what_has_to_be_sent():
    with open_stream(keeps_every_eighth) as stream:
        for wanted, first in ((80, 80), (21, 16), (22, 16), (0, 0)):
            assert stream.seek(wanted) == first
            for number in range(first, wanted):
                stream.send(number, luma(), pre_roll=True)
            stream.send(wanted, luma())
            assert stream.receive().frame_number == wanted


def test_a_seek_waits_for_what_was_sent():
    with open_stream(mute) as stream:
        stream.send(10, luma())
        with pytest.raises(ValueError, match="answers are due"):
            stream.seek(30)


def test_a_silent_server_times_out_a_seek():
    with open_stream(mute) as stream, pytest.raises(ServerTimeoutError):
        stream.seek(30)


def test_a_seek_that_is_answered_with_other_frames_is_the_servers_fault():
    def script(requests):
        next(requests)
        yield opened()
        next(requests)
        yield pb.StreamFramesResponse(need_frames=pb.NeedFrames(first=3, last=4))

    with open_stream(script) as stream, pytest.raises(ServerFaultError, match="seek to frame 30"):
        stream.seek(30)


def answers(*responses):
    """A server that reads two frames and then says this."""

    def script(requests):
        next(requests)
        yield opened()
        next(requests)
        next(requests)
        yield from responses

    return script


@pytest.mark.parametrize(
    ("responses", "message"),
    [
        ([color(11)], "answered frame 11, expected 10"),
        ([color(10), color(10)], "answered frame 10, expected 11"),
        ([color(10), color(11), color(12)], "no frame waits"),
        ([color(10, samples=3)], "ab must have 32 bytes, found 12"),
        ([opened()], "clip_opened was not asked for"),
        ([pb.StreamFramesResponse()], "unknown message"),
        ([pb.StreamFramesResponse(need_frames=pb.NeedFrames(first=1, last=2))], "need_frames was not asked for"),
        ([ended(0)], "ended before all its frames were answered"),
        ([color(10), color(11)], "closed the stream before the clip had ended"),
    ],
)
def test_an_answer_against_the_contract_is_the_servers_fault(responses, message):
    with open_stream(answers(*responses)) as stream:
        stream.send(10, luma())
        stream.send(11, luma())
        with pytest.raises(ServerFaultError, match=message):
            list(stream)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_key": "other"}, "opened clip 'other'"),
        ({"resume_from": 3}, "starts at frame 3, asked for 10"),
        ({"resumed": True}, "resumed a clip"),
        ({"window": 0}, "window must be 1 to 64"),
        ({"window": 65}, "window must be 1 to 64"),
    ],
)
def test_an_opening_against_the_contract_is_the_servers_fault(changes, message):
    def script(requests):
        next(requests)
        yield opened(**changes)
        yield from (request for request in requests if request is None)

    with pytest.raises(ServerFaultError, match=message):
        open_stream(script)


def test_a_wrong_count_at_the_end_is_the_servers_fault():
    def script(requests):
        next(requests)
        yield opened()
        next(requests)
        yield ended(3)

    with open_stream(script) as stream, pytest.raises(ServerFaultError, match="counts 3 answers, 0 arrived"):
        stream.end()


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (ErrorReason.STEP_FAILED, ServerFaultError),
        (ErrorReason.INTERNAL, ServerFaultError),
        (ErrorReason.OUT_OF_MEMORY, RequestRefusedError),
    ],
)
def test_a_frame_error_is_raised_after_the_answers_before_it(reason, error):
    failure = pb.StreamFramesResponse(
        frame_error=pb.FrameError(frame_number=11, reason=reason.value, message="no memory")
    )
    with open_stream(answers(color(10), failure)) as stream:
        stream.send(10, luma())
        stream.send(11, luma())
        assert stream.receive().frame_number == 10
        with pytest.raises(error, match="frame 11 has no colour: no memory") as caught:
            stream.receive()
    assert caught.value.reason is reason


def test_wrong_shape_and_number_are_the_callers_mistake():
    with open_stream(echo) as stream:
        with pytest.raises(ValueError, match="luma must be"):
            stream.send(10, np.zeros((3, 3), np.uint16))
        with pytest.raises(ValueError, match="next frame is 10"):
            stream.send(11, luma())


def test_nothing_may_be_sent_after_the_end():
    with open_stream(echo) as stream:
        stream.end()
        with pytest.raises(ValueError, match="ended already"):
            stream.send(10, luma())


def test_the_open_request_says_what_was_asked():
    seen = []

    def script(requests):
        seen.append(next(requests).open_clip)
        yield opened()

    request = dataclasses.replace(REQUEST, shot_starts=(10, 20), model="tiny", want_confidence=True)
    open_stream(script, request).close()
    message = seen[0]
    assert (message.clip_key, message.model, message.transfer, message.first_frame) == ("clip", "tiny", 1, 10)
    assert list(message.edit_list.shot_starts) == [10, 20]
    assert message.shot_source == pb.SHOT_SOURCE_EDIT_LIST
    assert message.want_confidence


HINT = HintPoint(0.25, 0.5, 0.0, 30.0, -20.0)


def guide(number, ab=None, hints=(HINT,), height=GEOMETRY.height_px):
    return GuideFrame(FrameNumber(number), np.full((height, GEOMETRY.width_px), number, np.uint16), ab, hints)


def test_guides_follow_the_request_and_the_clip_is_opened_behind_them():
    seen = []

    def script(requests):
        opening = next(requests).open_clip
        seen.append(opening)
        seen.extend(check_guide(next(requests).guide, GEOMETRY) for _ in range(opening.guide_count))
        yield from echo(chain([pb.StreamFramesRequest(open_clip=opening)], requests))

    picture = np.full((2, GEOMETRY.height_px, GEOMETRY.width_px), -9, np.int16)
    guides = (guide(10), guide(25, picture, ()))
    with open_stream(script, dataclasses.replace(REQUEST, shot_starts=(10, 20), guides=guides, variant=3)) as stream:
        stream.send(10, luma(5))
        assert int(stream.receive().ab[0, 0, 0]) == 5
        stream.end()
    opening, first, second = seen
    assert (opening.guide_count, opening.variant) == (2, 3)
    assert (first.frame_number, first.ab, first.hints) == (10, None, (HINT,))
    assert (second.frame_number, second.hints) == (25, ())
    np.testing.assert_array_equal(second.ab, picture)
    np.testing.assert_array_equal(second.luma, guides[1].luma)


@pytest.mark.parametrize(
    ("guides", "message"),
    [
        ((guide(12), guide(12)), "in the order of their frames"),
        (tuple(guide(number) for number in range(65)), "at most 64 guides"),
        ((guide(12, height=3),), "planes of a guide"),
        ((guide(12, ab=np.zeros((2, 3, 3), np.int16)),), "planes of a guide"),
        ((guide(12, hints=(HINT,) * 257),), "at most 256 hints"),
    ],
)
def test_guides_that_no_server_takes_are_the_callers_mistake(guides, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(REQUEST, shot_starts=(0,), guides=guides)


def test_guides_need_a_list_of_shots():
    with pytest.raises(ValueError, match="need shot_starts"):
        dataclasses.replace(REQUEST, guides=(guide(12),))
