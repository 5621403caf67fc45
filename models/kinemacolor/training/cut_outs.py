"""Things that stand in photos, cut out along a segmenter's labels: what people put hints on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.training.labelled import Labelled, Labels
from kinemacolor.training.photos import Picture, draw_square, scaled

__all__ = ["CutOut", "find_cut_outs", "in_its_place", "on_another"]

_Mask = NDArray[np.uint8]

# Of the classes of PASCAL VOC those that one colour may be meant for. No people: who hints at a coat means the coat.
_THINGS = (1, 3, 4, 5, 6, 7, 8, 10, 12, 13, 14, 17, 19)
_AREA = (0.02, 0.6)  # share of the photo
_WIDEST = 0.03  # least distance of its inmost place from its border, as a share of the photo's short side
_SOLID = 0.45  # least share of its convex hull: what is torn is no thing
_NEIGHBOURED = 0.15  # most of its rim that touches things of other classes, which may be parts of it
_RIM_PX = 5
_LARGEST_SCALE = 2.0
_SIZE = (0.3, 0.9)  # longer side of a thing that is laid on, as a share of the picture's
_SQUARE = 0.6  # least side of a crop, as a share of the photo's short side
_SEEN = 0.6  # least share of the thing that is in a crop
_LEAST_SHARE, _MOST_SHARE = 0.015, 0.7  # of a crop


@dataclass(frozen=True, slots=True)
class CutOut:
    """One thing."""

    picture: Picture
    """(H, W, 3) uint8 sRGB: the photo that it stands in."""
    thing: _Mask
    """(H, W) 1 where it is, else 0."""


def find_cut_outs(photos: Sequence[Labelled]) -> list[CutOut]:
    """The things of some photos, in their order; a thing that hangs together with one of another class is left out."""
    return [CutOut(photo.picture, thing) for photo in photos for thing in _things(photo.labels)]


def on_another(cut_out: CutOut, side_px: int, rng: np.random.Generator) -> tuple[Picture, _Mask]:
    """A thing at a random place of an empty square, scaled and mirrored.

    Returns:
        (side, side, 3) uint8 sRGB, its photo around the thing and black beyond; and (side, side) 1 where the thing is,
        which is somewhere.
    """
    x, y, width, height = cv2.boundingRect(cut_out.thing)
    rim = ((_RIM_PX, _RIM_PX), (_RIM_PX, _RIM_PX))
    part = (slice(y, y + height + 2 * _RIM_PX), slice(x, x + width + 2 * _RIM_PX))
    # A thing may be cut off by the border of its photo: beyond it goes on as it ends there.
    picture, thing = np.pad(cut_out.picture, (*rim, (0, 0)), mode="edge")[part], np.pad(cut_out.thing, rim)[part]
    longer = max(thing.shape)
    scale = min(_LARGEST_SCALE, float(rng.uniform(*_SIZE)) * side_px / longer, side_px / longer)
    size = tuple(max(1, round(length * scale)) for length in thing.shape[::-1])
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    way = -1 if rng.random() < 0.5 else 1
    row, column = (int(rng.integers(side_px - length + 1)) for length in size[::-1])
    place = (slice(row, row + size[1]), slice(column, column + size[0]))
    square, mask = np.zeros((side_px, side_px, 3), np.uint8), np.zeros((side_px, side_px), np.uint8)
    square[place] = cv2.resize(picture, size, interpolation=method)[:, ::way]
    share = cv2.resize(thing.astype(np.float32), size, interpolation=method)[:, ::way]
    # A thing that is thinner than a pixel fills half of none: then it is where it fills most.
    mask[place] = share >= min(0.5, float(share.max()))
    return square, mask


def in_its_place(cut_out: CutOut, side_px: int, rng: np.random.Generator) -> tuple[Picture, _Mask] | None:
    """A random square of its photo, and where the thing is in it; None if too little of it is, or all is the thing."""
    part = draw_square(cut_out.picture, _SQUARE, rng)
    thing = cut_out.thing[part]
    if int(thing.sum()) < _SEEN * int(cut_out.thing.sum()) or not _LEAST_SHARE < thing.mean() < _MOST_SHARE:
        return None
    way = -1 if rng.random() < 0.5 else 1
    mask = cv2.resize(thing, (side_px, side_px), interpolation=cv2.INTER_NEAREST)
    return scaled(cut_out.picture[part], side_px)[:, ::way], np.asarray(mask[:, ::way], dtype=np.uint8)


def _things(labels: Labels) -> Iterator[_Mask]:
    for kind in _THINGS:
        of_kind = (labels == kind).astype(np.uint8)
        if not of_kind.any():
            continue
        count, parts = cv2.connectedComponents(of_kind, connectivity=4)
        strangers = ((labels != 0) & (labels != kind)).astype(np.uint8)
        for number in range(1, count):
            thing = _filled((parts == number).astype(np.uint8))
            if _AREA[0] < thing.mean() < _AREA[1] and _is_whole(thing, strangers):
                yield thing


def _filled(thing: _Mask) -> _Mask:
    """Without holes: they are the segmenter's doubts."""
    outlines, _ = cv2.findContours(thing, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(thing), outlines, -1, 1, cv2.FILLED), dtype=np.uint8)


def _is_whole(thing: _Mask, strangers: _Mask) -> bool:
    outlines, _ = cv2.findContours(thing, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.contourArea(cv2.convexHull(outlines[0]))
    inmost = cv2.distanceTransform(np.pad(thing, 1), cv2.DIST_L2, 5).max()
    if float(thing.sum()) < _SOLID * max(1.0, hull) or inmost < _WIDEST * min(thing.shape):
        return False
    rim = (cv2.dilate(thing, np.ones((_RIM_PX, _RIM_PX), np.uint8)) > 0) & (thing == 0)
    return not rim.any() or float(strangers[rim].mean()) < _NEIGHBOURED
