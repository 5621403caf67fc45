"""What the tests of the compiled effect share inside their child: a helper that obeys, pictures, and waiting."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from kinemacolor.ofx.minihost import HostImage, Instance, Layout, PixelDepth

OBEDIENT = f"{Path(__file__).with_name('effects.py')}:Obedient"
PATIENCE_SECONDS = 30


class Stage:
    """Sets the environment that the shim and its helper see, and reads what they left behind."""

    def __init__(self, folder: Path, effect: str = OBEDIENT, **environment: object) -> None:
        self.folder = folder
        self._report, self._log = folder / "report", folder / "ofx.log"
        os.environ |= {
            "KINEMACOLOR_OFX_EFFECT": effect,
            "KINEMACOLOR_OFX_LOG": str(self._log),
            "KINEMACOLOR_TEST_REPORT": str(self._report),
        } | {name: str(value) for name, value in environment.items()}

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def said(self, did: str) -> list[dict]:
        lines = self._report.read_text().splitlines() if self._report.exists() else []
        return [entry for entry in map(json.loads, lines) if entry["did"] == did]

    def last(self, did: str) -> dict:
        return self.said(did)[-1]


def helpers() -> list[psutil.Process]:
    """Those that are alive; ones that ended and were not waited for are a failure of the shim."""
    children = psutil.Process().children()
    assert [child.pid for child in children if child.status() == psutil.STATUS_ZOMBIE] == []
    return children


def wait_until(condition: Callable[[], object], what: str = "the condition") -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, f"{what} did not come true in {PATIENCE_SECONDS} s"
        time.sleep(0.005)


def noise(layout: Layout, seed: int = 0) -> HostImage:
    """Every bit random: floats that are no numbers, too."""
    rng = np.random.default_rng(seed)
    height, width, samples = layout.shape
    raw = rng.integers(0, 256, (height, width * samples * layout.depth.dtype.itemsize), np.uint8)
    return HostImage(layout, raw.view(layout.depth.dtype).reshape(layout.shape))


def inverted(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return 255 - picture


def same_bits(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def renders_inverted(instance: Instance, image: HostImage, time: float = 0.0) -> bool:
    """Whether a frame works."""
    rendered = instance.render(time)
    return rendered.ok and same_bits(rendered.image.picture, inverted(image.picture))


def magenta_share(picture: NDArray[np.generic]) -> float:
    """Of the pixels."""
    one = np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else 1
    return float(np.all(picture[..., :3] == np.array([one, 0, one], picture.dtype), axis=-1).mean())


__all__ = [
    "OBEDIENT",
    "PixelDepth",
    "Stage",
    "helpers",
    "inverted",
    "magenta_share",
    "noise",
    "renders_inverted",
    "same_bits",
    "wait_until",
]
