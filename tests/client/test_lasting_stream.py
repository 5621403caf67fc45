"""LastingStream against a scripted server that breaks: a model of the contract's resume rules, without a network."""

import contextlib
import threading
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from kinemacolor.client.errors import (
    ClientError,
    ClipLostError,
    RequestRefusedError,
    ServerChangedError,
    ServerFaultError,
    ServerStartError,
    ServerUnreachableError,
    StateLostError,
)
from kinemacolor.client.kept_frames import KeptFrame, KeptFrames
from kinemacolor.client.lasting_stream import LastingStream
from kinemacolor.client.reconnect import ReconnectPolicy, may_pass, wait_before
from kinemacolor.client.requests import OpenRequest, Timeouts
from kinemacolor.client.stream import ClipStream
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.frame import FrameNumber, Geometry, GuideFrame, HintPoint
from kinemacolor.wire.reasons import ErrorReason

GEOMETRY = Geometry(4, 2)
REQUEST = OpenRequest(clip_key="clip", geometry=GEOMETRY, transfer=1, first_frame=10)
WINDOW = 3
FAST = ReconnectPolicy(patience_seconds=5, first_wait_seconds=0.001, largest_wait_seconds=0.002)
Response = pb.StreamFramesResponse


def luma(value):
    return np.full((GEOMETRY.height_px, GEOMETRY.width_px), value, np.uint16)


class Server:
    """Colours depend on all frames of the shot so far. Breaks where it is told to; keeps durable states or none.

    Args:
        breaks_at: Before which frames, counted over all streams, a stream breaks.
        snapshot_every: A durable state after each so many frames; None: none ever.
    """

    def __init__(self, breaks_at=(), snapshot_every=None, device="cpu"):
        self.breaks_at, self.every, self.device = set(breaks_at), snapshot_every, device
        self.durable = {}
        self.received = 0
        self.seen = []
        self.epoch = 0
        self.settings = []
        """Of each stream: its variant, and the frames and lumas of its guides."""

    def open(self, request, broken_by):
        if broken_by is not None:
            assert not isinstance(broken_by, StateLostError)
        return ClipStream(lambda requests: Call(self.serve(requests)), request, "unix:/fake", Timeouts(frame=5, end=5))

    def serve(self, requests):
        opening = next(requests).open_clip
        guides = [next(requests).guide for _ in range(opening.guide_count)]
        self.settings.append((opening.variant, [(guide.frame_number, guide.luma) for guide in guides]))
        if opening.restart:
            self.durable.clear()
        earliest = opening.earliest_frame if opening.HasField("earliest_frame") else opening.first_frame
        known = [after for after in self.durable if earliest - 1 <= after <= opening.first_frame - 1]
        state = self.durable[max(known)] if known else 0
        start = max(known) + 1 if known else opening.first_frame
        self.epoch += 1
        yield Response(
            clip_opened=pb.ClipOpened(
                clip_key="clip", model="m", window=WINDOW, resume_from=start, resumed=bool(known), epoch=self.epoch,
                device_class=self.device,
            )
        )  # fmt: skip
        answered = 0
        for request in requests:
            if request.WhichOneof("message") == "end_clip":
                yield Response(clip_ended=pb.ClipEnded(frames_answered=answered, shots=1))
                return
            self.received += 1
            if self.received in self.breaks_at:
                raise BrokenError
            number, value = request.frame.frame_number, int.from_bytes(request.frame.luma[:2], "little")
            self.seen.append(number)
            state = (31 * state + value) % 10007
            if self.every and (number + 1) % self.every == 0:
                self.durable[number] = state
            if request.frame.pre_roll:
                yield Response(progress=pb.Progress(consumed_through=number))
                continue
            answered += 1
            durable = max((after for after in self.durable if after < number), default=None)
            ab = np.full(2 * GEOMETRY.samples, state, "<i2").tobytes()
            yield Response(color_frame=pb.ColorFrame(frame_number=number, ab=ab, durable_through=durable))


class BrokenError(ServerUnreachableError):
    """Stands for a broken connection; raised where grpc would raise."""

    def __init__(self):
        super().__init__("no server at unix:/fake (any more)")


class Call:
    """The responses of a script; a break ends them as grpc's reading loop would see it."""

    def __init__(self, responses):
        self.responses = responses

    def __iter__(self):
        return self.responses

    def cancel(self):
        pass


@pytest.fixture(autouse=True)
def breaks_are_grpc_errors(monkeypatch):
    """`ClipStream` knows only grpc's errors; the scripted break is passed through."""
    fail = ClipStream._fail
    read = ClipStream._read

    def reading(stream):
        try:
            read(stream)
        except BrokenError as error:
            fail(stream, error)

    monkeypatch.setattr(ClipStream, "_read", reading)


def run(server, count, policy=FAST, pre_roll=0, request=REQUEST, **changes):
    """The first sample of every answer, and the recoveries."""
    recoveries = []
    with LastingStream(
        server.open, request, policy=policy, on_recovery=recoveries.append, random=Random(1), **changes
    ) as stream:

        def feed():
            with contextlib.suppress(ClientError):  # the receiver has it too
                for number in range(10, 10 + count):
                    stream.send(number, luma(number * 7 % 50), number < 10 + pre_roll)
                stream.send_end()

        sender = threading.Thread(target=feed)
        sender.start()
        colours = [(planes.frame_number, int(planes.ab[0, 0, 0])) for planes in stream]
        sender.join(10)
        assert stream.end().frames_answered == count - pre_roll
    return colours, recoveries


def test_without_a_break_it_is_a_stream():
    server = Server()
    colours, recoveries = run(server, 20)
    assert [number for number, _ in colours] == list(range(10, 30))
    assert not recoveries
    assert server.seen == list(range(10, 30))


@pytest.mark.parametrize("snapshot_every", [None, 4])
@pytest.mark.parametrize("breaks_at", [{1}, {2}, {9}, {20}, {5, 6, 7}, {5, 30, 41}])
@pytest.mark.parametrize("pre_roll", [0, 6])
def test_breaks_change_no_answer(breaks_at, snapshot_every, pre_roll):
    expected, _ = run(Server(), 20, pre_roll=pre_roll)
    colours, recoveries = run(Server(breaks_at, snapshot_every), 20, pre_roll=pre_roll)
    assert colours == expected
    assert len(recoveries) <= len(breaks_at)


@pytest.mark.parametrize("snapshot_every", [None, 4])
def test_every_stream_has_the_same_guides_and_variant(snapshot_every):
    guides = tuple(
        GuideFrame(FrameNumber(number), luma(number), hints=(HintPoint(0.5, 0.5, 0.1, 20.0, 20.0),))
        for number in (11, 14)
    )
    server = Server({5, 9}, snapshot_every)
    run(server, 20, request=replace(REQUEST, shot_starts=(10,), guides=guides, variant=2))
    assert len(server.settings) >= 3
    assert server.settings == [(2, [(11, luma(11).tobytes()), (14, luma(14).tobytes())])] * len(server.settings)


def test_only_the_frames_since_the_last_durable_state_are_sent_again():
    server = Server({15}, snapshot_every=4)
    _, (recovery,) = run(server, 20)
    assert recovery.frames_again <= 4 + WINDOW + 1
    assert len(server.seen) - 20 <= recovery.frames_again


def test_a_server_that_breaks_without_an_answer_between_is_given_up():
    with pytest.raises(ServerUnreachableError):
        run(Server(range(5, 100)), 20)


def walk(stream, count=30, before=lambda number: None):
    """Send frames and take each answer at once."""
    for number in range(10, 10 + count):
        before(number)
        stream.send(number, luma(number))
        assert stream.receive().frame_number == number


def refusing(server, errors):
    """Opens clips of a server, which refuses so often after a break."""

    def open_clip(request, broken_by):
        if broken_by is not None and errors:
            raise errors.pop(0)
        return server.open(request, broken_by)

    return open_clip


def test_a_server_that_is_full_for_a_while_is_asked_again():
    full = [RequestRefusedError("full", ErrorReason.TOO_MANY_CLIPS) for _ in range(3)]
    with LastingStream(refusing(Server({8}, 4), full), REQUEST, policy=FAST) as stream:
        walk(stream)
        assert stream.end().frames_answered == 30
    assert not full


@pytest.mark.parametrize(
    "error", [RequestRefusedError("no", ErrorReason.GEOMETRY), ClipLostError("taken", ErrorReason.SUPERSEDED)]
)
def test_what_will_not_pass_ends_it(error):
    with LastingStream(refusing(Server({8}), [error]), REQUEST, policy=FAST) as stream, pytest.raises(type(error)):
        walk(stream)


def test_another_device_would_give_other_colours_and_is_refused():
    server = Server({8}, snapshot_every=4)

    def change(number):
        server.device = "gpu" if number > 12 else "cpu"

    with (
        LastingStream(server.open, REQUEST, policy=FAST) as stream,
        pytest.raises(ServerChangedError, match="another device"),
    ):
        walk(stream, before=change)


def test_a_state_that_is_gone_together_with_its_frames_is_said():
    server = Server({14}, snapshot_every=4)

    def lose(number):
        if number == 23:
            server.durable.clear()

    with LastingStream(server.open, REQUEST, policy=FAST) as stream, pytest.raises(StateLostError, match="frame 10"):
        walk(stream, before=lose)


def test_a_shot_that_was_too_long_to_keep_is_lost_with_the_server():
    """A long shot without snapshots that fills the room: the loss is said as what it is."""
    server = Server({20})
    room = 6 * luma(0).nbytes
    policy = ReconnectPolicy(patience_seconds=5, first_wait_seconds=0.001, kept_bytes=room)
    with LastingStream(server.open, REQUEST, policy=policy) as stream, pytest.raises(StateLostError, match="frame 10"):
        walk(stream)


def test_no_patience_means_none():
    with pytest.raises(ServerUnreachableError):
        run(Server({5}), 20, policy=ReconnectPolicy(patience_seconds=0))


def test_close_ends_a_wait_for_the_server():
    server = Server({3})
    waiting = threading.Event()

    def open_clip(request, broken_by):
        if broken_by is not None:
            waiting.set()
            raise BrokenError
        return server.open(request, broken_by)

    policy = ReconnectPolicy(patience_seconds=600, first_wait_seconds=600, largest_wait_seconds=600)
    stream = LastingStream(open_clip, REQUEST, policy=policy)
    for number in range(10, 13):
        stream.send(number, luma(number))
    assert waiting.wait(10)
    stream.close()
    with pytest.raises(ClipLostError, match="closed"):
        list(stream)


def test_the_window_is_kept():
    server = Server()
    with LastingStream(server.open, REQUEST, policy=FAST) as stream:
        for number in range(10, 10 + WINDOW):
            stream.send(number, luma(number))
        blocked = threading.Thread(target=stream.send, args=(10 + WINDOW, luma(1)))
        blocked.start()
        blocked.join(0.2)
        assert blocked.is_alive()
        assert stream.receive().frame_number == 10
        blocked.join(10)
        assert not blocked.is_alive()


def test_a_wrong_number_is_the_callers_mistake():
    with LastingStream(Server().open, REQUEST, policy=FAST) as stream:
        with pytest.raises(ValueError, match="next frame is 10"):
            stream.send(11, luma(0))
        stream.send_end()
        with pytest.raises(ValueError, match="ended already"):
            stream.send(10, luma(0))


def test_waits_double_up_to_a_bound_and_differ():
    policy = ReconnectPolicy(first_wait_seconds=1, largest_wait_seconds=8)
    waits = [wait_before(attempt, policy, Random(3)) for attempt in range(1, 9)]
    assert waits[0] <= 1 < waits[2] <= 4
    assert max(waits) <= 8
    assert wait_before(5, policy, Random(1)) != wait_before(5, policy, Random(2))


def test_what_may_pass():
    assert may_pass(ServerFaultError("x", ErrorReason.INTERNAL))
    assert may_pass(ClipLostError("x", ErrorReason.EVICTED))
    assert not may_pass(StateLostError("x"))
    assert may_pass(ServerStartError("killed", -9))
    assert not may_pass(ServerStartError("no such model", 2))
    assert may_pass(RequestRefusedError("all clips are busy", ErrorReason.TOO_MANY_CLIPS))
    assert not may_pass(RequestRefusedError("no memory for the model", ErrorReason.OUT_OF_MEMORY))


def test_kept_frames_leave_oldest_first_and_never_those_that_are_needed():
    frames = KeptFrames(5, limit_bytes=3 * luma(0).nbytes)
    for number in range(5, 15):
        frames.add(KeptFrame(number, luma(number), pre_roll=False))
        frames.make_room(needed=9)
    assert (frames.earliest, frames.end) == (9, 15)
    frames.drop_before(12)
    frames.make_room(needed=15)
    assert frames.earliest == 12
    assert frames.get(13).number == 13
    with pytest.raises(ValueError, match="frame 11 is not among those kept, 12 to 14"):
        frames.get(11)
    frames.drop_before(99)
    assert frames.earliest == frames.end == 15
    with pytest.raises(ValueError, match="next frame is 15"):
        frames.add(KeptFrame(20, luma(0), pre_roll=False))
