"""A client that speaks the contract message by message, with nothing of ours between; and pictures to send."""

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

WIDTH, HEIGHT = 48, 32
DEADLINE_SECONDS = 60
Request = pb.StreamFramesRequest
Response = pb.StreamFramesResponse


def luma(seed: int, number: int) -> bytes:
    """A textured picture that moves a little, so that neighbouring frames are no cut."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    wave = np.sin((columns + number) / (5 + seed % 7)) + np.cos(rows / (4 + seed % 3))
    return np.round((wave + 2) / 4 * 65535).astype("<u2").tobytes()


def open_clip(key: str = "clip", **fields: object) -> Request:
    geometry = pb.PlaneGeometry(width_px=WIDTH, height_px=HEIGHT)
    message = pb.OpenClip(clip_key=key, model="tiny", geometry=geometry, transfer=pb.TRANSFER_SRGB)
    message.MergeFrom(pb.OpenClip(**fields))  # type: ignore[arg-type]
    return Request(open_clip=message)


def frame(number: int, seed: int = 0, pre_roll: bool = False) -> Request:
    return Request(frame=pb.Frame(frame_number=number, luma=luma(seed, number), pre_roll=pre_roll))


def guide(number: int, *, ab: tuple[float, float] | None = None, hints: Sequence[pb.Hint] = ()) -> Request:
    """Hints in a frame, or a picture of one colour."""
    plane = np.ones((HEIGHT, WIDTH)) * 256
    picture = b"" if ab is None else np.stack([a * plane for a in ab]).astype("<i2").tobytes()
    return Request(guide=pb.Guide(frame_number=number, luma=luma(0, number), ab=picture, hints=hints))


END = Request(end_clip=pb.EndClip())


class Stream:
    """One StreamFrames call whose messages a test sends one by one."""

    def __init__(self, stub: pb_grpc.ColorizeServiceStub, seconds: float = DEADLINE_SECONDS) -> None:
        self._requests: queue.Queue[Request | None] = queue.Queue()
        self.call = stub.StreamFrames(iter(self._requests.get, None), timeout=seconds)

    def send(self, *requests: Request) -> None:
        for request in requests:
            self._requests.put(request)

    def half_close(self) -> None:
        self._requests.put(None)

    def take(self, kind: str) -> object:
        """The next answer, which is to be of that kind; signs of life before it are passed over."""
        response = next(self.call)
        while kind != "progress" and response.WhichOneof("message") == "progress":
            response = next(self.call)
        assert response.WhichOneof("message") == kind, response
        return getattr(response, kind)

    def opened(self, *requests: Request) -> pb.ClipOpened:
        """What answers an open_clip and its guides."""
        self.send(*requests)
        return self.take("clip_opened")  # type: ignore[return-value]

    def color(self, request: Request) -> pb.ColorFrame:
        self.send(request)
        return self.take("color_frame")  # type: ignore[return-value]

    def refusal(self) -> tuple[grpc.StatusCode, str | None]:
        """The status and reason this stream ends with, after whatever answers are left."""
        with pytest.raises(grpc.RpcError) as caught:
            for _ in self.call:
                pass
        return caught.value.code(), dict(caught.value.trailing_metadata() or ()).get("kinemacolor-reason")


@contextmanager
def connect(address: str) -> Iterator[pb_grpc.ColorizeServiceStub]:
    options = (("grpc.use_local_subchannel_pool", 1),)
    with grpc.insecure_channel(address, options=options) as channel:
        yield pb_grpc.ColorizeServiceStub(channel)


def wait_until(condition: Callable[[], bool]) -> None:
    """Look until it is true; a failure if that takes too long."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.001)
