"""Thumbnails on demand: nothing is computed unless somebody looks, and then once for all who do.

At most one is made at a time, in a thread of its own, and at most one a second of each clip: who looks must not slow
the device thread down, however many they are and however often they ask.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kinemacolor.server.hub import Answer, Clip, ClipHub
from kinemacolor.server.web.thumbnail import before_and_after
from kinemacolor.wire.frame import FrameNumber

__all__ = ["Picture", "Pictures"]

EVERY_SECONDS = 1.0
"""A newer picture of a clip than one of this age is not made."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame, before and after."""

    number: FrameNumber
    png: bytes


@dataclass(frozen=True, slots=True)
class _Made:
    answer: Answer
    picture: Picture
    at: float


class Pictures:
    """The thumbnails of a server; lives on the event loop. Close it when it is not needed any more.

    Args:
        hub: The clips.
        clock: Seconds on a clock that never jumps.
    """

    def __init__(self, hub: ClipHub, clock: Callable[[], float] = time.monotonic) -> None:
        self._hub, self._clock = hub, clock
        self._made: dict[str, _Made] = {}
        self._one_at_a_time = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pictures")

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def newest(self, key: str) -> Picture | None:
        """The last frame of a clip, or one that was so a second ago; None: there is none."""
        async with self._one_at_a_time:
            clip = self._find(key)
            if clip is None or clip.last_answer is None:
                return None
            made = self._made.get(key)
            if made is None or self._is_old(made, clip.last_answer):
                made = self._made[key] = await self._make(clip, clip.last_answer)
            return made.picture

    def _find(self, key: str) -> Clip | None:
        clips: dict[str, Clip] = {clip.key: clip for clip in self._hub.clips}
        for gone in self._made.keys() - clips.keys():
            del self._made[gone]
        return clips.get(key)

    def _is_old(self, made: _Made, answer: Answer) -> bool:
        return made.answer is not answer and self._clock() - made.at >= EVERY_SECONDS

    async def _make(self, clip: Clip, answer: Answer) -> _Made:
        setup, loop = clip.setup, asyncio.get_running_loop()
        png = await loop.run_in_executor(self._thread, before_and_after, answer, setup.geometry, setup.lightness)
        return _Made(answer, Picture(answer.number, png), self._clock())
