"""A store in a folder, and frames to put into it."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kinemacolor.store.clip_file import NewColour
from kinemacolor.store.clip_store import ClipStore
from kinemacolor.store.dependency import ColourSettings, Dependency
from kinemacolor.store.folder import StoreFolder
from kinemacolor.store.look import look_of
from kinemacolor.store.packing import pack
from kinemacolor.store.prints import luma_hash, prints_of
from kinemacolor.store.thumb import thumb_of

KEY = "0123456789abcdef" * 2
SETTINGS = ColourSettings(
    model="tiny", weights_sha256="ab" * 32, device_class="cpu|threads=1", transfer=1, width_px=24, height_px=16
)


def luma_of(number):
    """The luma of a frame: a picture of its own."""
    return np.random.default_rng(number).integers(0, 65536, (16, 24)).astype(np.uint16)


def ab_of(number, variant=0):
    """The chroma of a frame: noise, so that its size on disk is known (16 kB)."""
    return np.random.default_rng((number, variant)).integers(-32768, 32768, (2, 64, 64)).astype(np.int16)


def colours(numbers, settings=SETTINGS, shot=0, variant=0, luma=luma_of, guides="", confidence=None):
    """What a render stores of some frames of one shot, in order."""
    history = None
    for number in numbers:
        prints = prints_of(luma_hash(luma(number)), history)
        history = prints.history
        yield NewColour(
            dependency=Dependency(settings, shot, guides),
            number=number,
            prints=prints,
            look=look_of(luma(number)),
            thumb=thumb_of(luma(number)),
            planes=pack(ab_of(number, variant), confidence),
        )


@dataclass
class Store:
    """A folder, and what was said."""

    folder: StoreFolder
    said: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder.path / f"{KEY}.chroma"

    @contextlib.contextmanager
    def open(self, key=KEY):
        with ClipStore(self.folder, key, "film.mov", self.said.append) as store:
            yield store

    def fill(self, numbers=range(40), key=KEY, **more):
        with self.open(key) as store:
            for colour in colours(numbers, **more):
                store.put(colour)

    def answers(self, numbers=range(40), **more):
        """The numbers that are answered; each answer must be right."""
        found = []
        with self.open() as store:
            for colour in colours(numbers, **more):
                answer = store.exact(colour.dependency, colour.number, colour.prints)
                if answer is not None:
                    assert answer.planes == colour.planes
                    assert np.array_equal(answer.ab, ab_of(colour.number, more.get("variant", 0)))
                    found.append(colour.number)
        return found
