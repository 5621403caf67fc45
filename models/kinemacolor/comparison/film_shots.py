"""The shots of a film that is read frame by frame: temporal state never crosses a cut, and neither does a figure."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kinemacolor.evaluation.pictures import Picture
from kinemacolor.wire.shots import is_cut

__all__ = ["split_into_shots"]

_LUMA_BT709 = np.array([0.2126, 0.7152, 0.0722])
_16_BIT = 257.0


def split_into_shots(pictures: Iterator[Picture], frames: int) -> Iterator[list[Picture]]:
    """Shots as lists of (H, W, 3) sRGB, each as soon as it is known.

    Args:
        pictures: The frames of the film.
        frames: Keep that many of a shot, at least 1; what follows is read and left out.
    """
    shot: list[Picture] = []
    given = False
    before: NDArray[np.uint16] | None = None
    for picture in pictures:
        luma = np.asarray(picture @ _LUMA_BT709 * _16_BIT, dtype=np.uint16)
        if before is not None and is_cut(before, luma):
            if not given:
                yield shot
            shot, given = [], False
        before = luma
        if given:
            continue
        shot.append(picture)
        if len(shot) == frames:
            yield shot
            given = True
    if shot and not given:
        yield shot
