"""A film of several shots and a client that colours it in any order, through breaks and crashes of the server."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from streams import HEIGHT, WIDTH, Request, Stream, open_clip, wait_until

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

CELL = 2


@dataclass(frozen=True)
class Film:
    """Frames of which each differs from its neighbours, and cuts that the detector cannot miss."""

    frames: int
    cuts: tuple[int, ...]

    def shot_start(self, number: int) -> int:
        return max(start for start in (0, *self.cuts) if start <= number)

    def luma(self, number: int) -> bytes:
        """The shot's own blocks under a wave that moves."""
        start = self.shot_start(number)
        blocks = np.random.default_rng(start).integers(0, 50_000, (HEIGHT // CELL, WIDTH // CELL))
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        wave = 7_000 * (1 + np.sin(columns / 5 + number / 3) * np.cos(rows / 4))
        return np.round(np.kron(blocks, np.ones((CELL, CELL))) + wave).astype("<u2").tobytes()


class Client:
    """One clip, answered frame by frame.

    `colours` has the SHA-256 of every answer, `sent` the frames since the last open or seek, `durable` what the last
    answer promised.
    """

    def __init__(
        self,
        stub: pb_grpc.ColorizeServiceStub,
        film: Film,
        key: str = "film",
        *,
        guides: Sequence[Request] = (),
        **fields: object,
    ) -> None:
        self.film, self.key, self.guides, self.fields = film, key, guides, fields
        self.colours: dict[int, str] = {}
        self.answers = 0
        self.sent: list[int] = []
        self.durable: int | None = None
        self.connect(stub)

    def connect(self, stub: pb_grpc.ColorizeServiceStub) -> None:
        self.stub = stub
        self.stream = Stream(stub)

    def open(self, first: int = 0, earliest: int | None = None) -> pb.ClipOpened:
        """Open the clip, and send again what the server asks for."""
        self.sent = []
        asked = {} if earliest is None else {"earliest_frame": earliest}
        request = open_clip(self.key, first_frame=first, guide_count=len(self.guides), **asked, **self.fields)
        opened = self.stream.opened(request, *self.guides)
        assert (earliest if earliest is not None else first) <= opened.resume_from <= first
        self.pre_roll(range(opened.resume_from, first))
        return opened

    def come_back(self, stub: pb_grpc.ColorizeServiceStub, first: int) -> None:
        """Go on at `first` after a crash, with no frames but those that no answer has promised away."""
        start = self.film.shot_start(first)
        self.connect(stub)
        self.answers = 0
        if not self.open(first, earliest=start if self.durable is None else self.durable + 1).resumed:
            assert self.durable is None, "a promise was broken"
            self.connect(stub)
            self.open(start)
            self.pre_roll(range(start, first))

    def pre_roll(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.send(number, pre_roll=True)
            assert self.stream.take("progress") == pb.Progress(consumed_through=number)

    def send(self, number: int, *, pre_roll: bool = False) -> None:
        self.sent.append(number)
        luma = self.film.luma(number)
        self.stream.send(Request(frame=pb.Frame(frame_number=number, luma=luma, pre_roll=pre_roll)))

    def colour(self, number: int) -> str:
        """Send the next frame and take its answer."""
        self.send(number)
        return self.take(number)

    def take(self, number: int) -> str:
        answer = self.stream.take("color_frame")
        assert isinstance(answer, pb.ColorFrame)
        assert answer.frame_number == number
        assert answer.shot_start == (number == self.film.shot_start(number))
        self.durable = answer.durable_through if answer.HasField("durable_through") else None
        assert self.durable is None or self.durable < number
        self.answers += 1
        colour = hashlib.sha256(answer.ab).hexdigest()
        assert self.colours.setdefault(number, colour) == colour, f"frame {number} had another colour before"
        return colour

    def play(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.colour(number)

    def seek(self, number: int) -> None:
        """Go to a frame, with whatever pre-roll the server asks for."""
        self.sent = []
        self.stream.send(Request(seek=pb.Seek(frame_number=number)))
        response = next(self.stream.call)
        if response.WhichOneof("message") == "need_frames":
            assert response.need_frames.last == number - 1
            self.pre_roll(range(response.need_frames.first, number))
        else:
            assert response.progress == pb.Progress(consumed_through=number - 1), response

    def play_anyhow(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.seek(number)
            self.colour(number)

    def wait_durable(self, number: int, through: int) -> None:
        """Ask for one frame again and again, until its answer says so."""

        def is_durable() -> bool:
            self.play_anyhow([number])
            return self.durable == through

        wait_until(is_durable)

    def end(self) -> None:
        self.stream.send(Request(end_clip=pb.EndClip()))
        ended = self.stream.take("clip_ended")
        assert isinstance(ended, pb.ClipEnded)
        assert ended.frames_answered == self.answers


def unbroken(stub: pb_grpc.ColorizeServiceStub, film: Film, key: str, **fields: Any) -> dict[int, str]:
    """The colours of the whole film, in order, in one stream."""
    client = Client(stub, film, key, **fields)
    client.open()
    client.play(range(film.frames))
    client.end()
    assert len(set(client.colours.values())) == film.frames, "some frames look alike: they would prove nothing"
    return client.colours


def snapshots(folder: Path) -> dict[int, Path]:
    """The snapshot files below a state folder, by the frame that they let one go on with."""
    return {int(path.name.partition("-")[0]): path for path in sorted(folder.glob("clips/*/*.safetensors"))}


def refusals(log: str) -> list[str]:
    """The lines of a server's log that say that a snapshot was refused."""
    return [line for line in log.splitlines() if "snapshot refused" in line]
