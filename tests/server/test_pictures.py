"""When thumbnails are made: a hub of stand-ins, for only the clock and the number of pictures matter."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kinemacolor.colour.encoding import Transfer
from kinemacolor.colour.lightness import lightness_table
from kinemacolor.server.hub import Answer
from kinemacolor.server.web import pictures
from kinemacolor.server.web.pictures import Pictures
from kinemacolor.wire.frame import FrameNumber, Geometry


class Hub:
    """One clip that has answered a frame."""

    def __init__(self) -> None:
        setup = SimpleNamespace(geometry=Geometry(2, 2), lightness=lightness_table(Transfer.SRGB))
        self.clip = SimpleNamespace(key="reel", setup=setup, last_answer=None)
        self.clips: tuple[Any, ...] = (self.clip,)

    def answer(self, number: int) -> None:
        self.clip.last_answer = Answer(FrameNumber(number), np.full(4, number, "<u2").tobytes(), bytes(16))


def test_pictures_are_made_when_they_are_asked_for_and_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    hub, now, made = Hub(), [0.0], []
    make = pictures.before_and_after

    def counting(answer: Answer, *rest: Any) -> bytes:
        made.append(answer.number)
        return make(answer, *rest)

    monkeypatch.setattr(pictures, "before_and_after", counting)

    async def scenario() -> None:
        asked = Pictures(hub, lambda: now[0])  # type: ignore[arg-type]
        assert await asked.newest("reel") is None
        for number in range(5):
            hub.answer(number)
        assert made == []
        told = await asyncio.gather(*(asked.newest("reel") for _ in range(10)))
        assert {picture.number for picture in told if picture} == {4}
        hub.answer(5)
        now[0] = 0.9
        assert (await asked.newest("reel")).number == 4  # type: ignore[union-attr]
        now[0] = 1.0
        assert (await asked.newest("reel")).number == 5  # type: ignore[union-attr]
        now[0] = 9.0
        assert (await asked.newest("reel")).number == 5  # type: ignore[union-attr]
        assert made == [4, 5]
        hub.clips = ()
        assert await asked.newest("reel") is None
        assert asked._made == {}
        asked.close()

    asyncio.run(scenario())
