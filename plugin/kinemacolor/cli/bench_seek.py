"""Part of `kinemacolor bench --store`: how long it takes from a jump on the timeline to a colour that is not stored.

One run gives both the steady time of a frame, with frames on their way all the time, and that of seeks; what is to be
compared between machines is their ratio.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from kinemacolor.client.requests import OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.render.server_choice import ServerSession
from kinemacolor.wire.frame import Geometry

__all__ = ["FRAMES", "SeekResult", "measure_seeks"]

Proxy = NDArray[np.uint16]
PROVISIONAL_TARGET_MS = 150.0
REPLAY_TARGET = 1.15
"""Times the steady time of a frame, for each frame that is replayed and the one that is wanted."""
_SNAPSHOT = 48
"""The first frame that was not coloured before the seeks; the server has saved the state before it."""
_REPLAYED = (24, 8, 0)
"""In this order: a frame that was coloured leaves its own state behind, which would shorten the way to later ones."""
FRAMES = _SNAPSHOT + max(_REPLAYED) + 1
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class SeekResult:
    """Milliseconds, medians over the rounds."""

    steady_ms: float
    """A frame of a stream that runs."""
    provisional_ms: float
    """From nothing to a colour without a past: a clip is opened and sent one frame."""
    final_ms: Mapping[int, float]
    """From the seek to the final colour, by the number of frames that were replayed."""

    def ratio(self, replayed: int) -> float:
        """To the steady time of as many frames as the server coloured."""
        return self.final_ms[replayed] / ((replayed + 1) * self.steady_ms)

    def values(self) -> dict[str, object]:
        """For a machine."""
        return {
            "steady_ms": round(self.steady_ms, 2),
            "provisional_ms": round(self.provisional_ms, 2),
            "final": [
                {"replayed": count, "ms": round(value, 2), "times_steady": round(self.ratio(count), 3)}
                for count, value in self.final_ms.items()
            ],
        }

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"a jump to a frame that is not stored (steady: {self.steady_ms:.1f} ms a frame):",
            f"  provisional      {self.provisional_ms:.1f} ms (at most {PROVISIONAL_TARGET_MS:.0f})",
            *(self._final_line(count, value) for count, value in self.final_ms.items()),
        ]

    def _final_line(self, replayed: int, value: float) -> str:
        times = f"{self.ratio(replayed):.2f} times the steady time of {replayed + 1}"
        # With nothing to replay it is the saved state that has to be read; there is no frame to compare that with.
        target = f"at most {REPLAY_TARGET}" if replayed else f"at most {PROVISIONAL_TARGET_MS:.0f} ms"
        return f"  final            {value:.1f} ms, {replayed} frames replayed: {times} ({target})"


def measure_seeks(session: ServerSession, model: str, lumas: Sequence[Proxy]) -> SeekResult:
    """Measure, on `FRAMES` pictures of one shot.

    Raises:
        ClientError: The server's side.
        RuntimeError: The server asked for other frames, or a colour was not that of the unbroken run.
    """
    expected, steady = _colour(session, model, lumas, FRAMES)
    rounds = [_seek_all(session, model, lumas, expected) for _ in range(_ROUNDS)]
    provisional = [_provisional(session, model, lumas) for _ in range(_ROUNDS)]
    final = {count: float(np.median([times[place] for times in rounds])) for place, count in enumerate(_REPLAYED)}
    return SeekResult(steady, float(np.median(provisional)), final)


def _open(session: ServerSession, model: str, luma: Proxy, first: int = 0) -> ClipStream:
    height, width = luma.shape
    return session.client.open_clip(
        OpenRequest(
            clip_key=f"bench-{uuid4().hex}",
            geometry=Geometry(width, height),
            transfer=1,
            model=model,
            first_frame=first,
            shot_starts=(first,),
        )
    )


def _colour(
    session: ServerSession, model: str, lumas: Sequence[Proxy], frames: int
) -> tuple[list[NDArray[np.int16]], float]:
    with _open(session, model, lumas[0]) as stream:
        return _run(stream, lumas, frames)


def _run(stream: ClipStream, lumas: Sequence[Proxy], frames: int) -> tuple[list[NDArray[np.int16]], float]:
    """The colours of the first frames, and the milliseconds of one, counted when the first window has come back."""
    colours: list[NDArray[np.int16]] = []
    started = 0.0
    for number in range(frames):
        if not stream.free_slots:
            colours.append(_received(stream))
            started = started or time.perf_counter()
        stream.send(number, lumas[number])
    colours += [_received(stream) for _ in range(frames - len(colours))]
    return colours, 1000 * (time.perf_counter() - started) / (frames - 1)


def _seek_all(
    session: ServerSession, model: str, lumas: Sequence[Proxy], expected: Sequence[NDArray[np.int16]]
) -> list[float]:
    with _open(session, model, lumas[0]) as stream:
        _run(stream, lumas, _SNAPSHOT)
        return [_seek(stream, lumas, expected, count) for count in _REPLAYED]


def _seek(stream: ClipStream, lumas: Sequence[Proxy], expected: Sequence[NDArray[np.int16]], replayed: int) -> float:
    wanted = _SNAPSHOT + replayed
    started = time.perf_counter()
    first = stream.seek(wanted)
    for number in range(first, wanted):
        stream.send(number, lumas[number], pre_roll=True)
    stream.send(wanted, lumas[wanted])
    colour = _received(stream)
    elapsed = 1000 * (time.perf_counter() - started)
    if first != _SNAPSHOT:
        raise RuntimeError(f"frame {wanted}: the server asked for the frames from {first} on, not from {_SNAPSHOT}")
    if not np.array_equal(colour, expected[wanted]):
        raise RuntimeError(f"frame {wanted}: another colour than in the unbroken run")
    return elapsed


def _provisional(session: ServerSession, model: str, lumas: Sequence[Proxy]) -> float:
    started = time.perf_counter()
    with _open(session, model, lumas[0], _SNAPSHOT) as stream:
        stream.send(_SNAPSHOT, lumas[_SNAPSHOT])
        _received(stream)
        elapsed = 1000 * (time.perf_counter() - started)
        stream.end()
    return elapsed


def _received(stream: ClipStream) -> NDArray[np.int16]:
    planes = stream.receive()
    if planes is None:
        raise RuntimeError("a frame was not answered")
    return planes.ab
