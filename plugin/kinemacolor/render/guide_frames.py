"""References and hints as they are sent: pictures as the network sees the film, and the lumas of hinted frames."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import ColourEncoding, Primaries, Transfer
from kinemacolor.colour.lab import linear_rgb_to_lab, relative_xyz_to_rgb, rgb_to_relative_xyz
from kinemacolor.colour.matrix import luma_weights
from kinemacolor.colour.transfer import from_linear, to_linear
from kinemacolor.media.errors import SourceError
from kinemacolor.media.still import read_still
from kinemacolor.media.types import SourceFrame
from kinemacolor.picture.proxy import Proxy
from kinemacolor.render.film import Film
from kinemacolor.render.guides import (
    GuideOptions,
    HintOption,
    Origin,
    ReferenceOption,
    ShownPicture,
    Turn,
    hints_by_frame,
    references_by_frame,
)
from kinemacolor.wire.frame import AB_STEPS_PER_UNIT, FrameNumber, Geometry, GuideFrame, HintPoint
from kinemacolor.wire.hints import hint_colour, hint_sample

__all__ = ["NOTHING_ASKED", "AskedGuides", "ask_guides", "film_lumas", "read_guides", "reference_planes"]

_NEAR_FRAMES = 100
"""Frames that are rather read through than jumped over; a jump decodes from the key frame before its goal anyway."""

_Codes = NDArray[np.uint8] | NDArray[np.uint16]
_Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AskedGuides:
    """References and hints that fit the film; which shots they belong to is not known yet."""

    references: Mapping[int, GuideFrame] = field(default_factory=dict)
    """By frame, as they are sent."""
    hints: Mapping[int, tuple[HintPoint, ...]] = field(default_factory=dict)
    """By frame, whose luma goes with them."""
    origins: Mapping[int, Origin] = field(default_factory=dict)
    """Who named each of these frames first."""

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.origins)

    def guide(self, frame: int, luma_of: Callable[[int], Proxy]) -> GuideFrame:
        """What is said of a frame, as it is sent.

        Args:
            frame: One of those that something is said of.
            luma_of: Gives the luma of a frame with hints.
        """
        if frame in self.references:
            return self.references[frame]
        return GuideFrame(FrameNumber(frame), luma_of(frame), hints=self.hints[frame])


NOTHING_ASKED = AskedGuides()


def read_guides(
    options: GuideOptions, film: Film, geometry: Geometry, shown: ShownPicture | None = None
) -> AskedGuides:
    """Read the pictures, find the points.

    Args:
        options: What was asked for.
        film: The film.
        geometry: At which the network sees it.
        shown: How its pictures are shown to whoever says it; None: as the file says.

    Raises:
        UsageError: It cannot be meant, together or for this film.
        ProjectFileError: The same, in a project file.
        SourceError: A picture or the film cannot be read.
    """
    if not options:
        return NOTHING_ASKED
    extent = (film.first_number, film.last_number)
    return ask_guides(options, extent, film.info.encoding, geometry, shown or ShownPicture.of(film.info))


def ask_guides(
    options: GuideOptions,
    extent: tuple[int, int],
    encoding: ColourEncoding,
    geometry: Geometry,
    shown: ShownPicture,
) -> AskedGuides:
    """`read_guides`, of pictures that need not be a file's.

    Args:
        options: What was asked for.
        extent: The first and the last frame that there is.
        encoding: Of the pictures' luma.
        geometry: At which the network sees them.
        shown: How they are shown.

    Raises:
        UsageError: It cannot be meant, together or for these frames.
        ProjectFileError: The same, in a project file.
        SourceError: A picture cannot be read.
    """
    references = references_by_frame(options.references)
    hints = hints_by_frame(options.hints, references)
    origins = {frame: said.origin for frame, said in references.items()}
    origins |= {frame: said[0].origin for frame, said in hints.items()}
    for frame in sorted(origins):
        if not extent[0] <= frame <= extent[1]:
            raise origins[frame].error(f"the film has the frames {extent[0]}-{extent[1]}, found {frame}")
    pictures = {}
    for frame, said in references.items():
        luma, ab = reference_planes(_still(said), encoding, geometry, shown.turn)
        pictures[frame] = GuideFrame(FrameNumber(frame), luma, ab)
    points = {frame: _points(said, geometry, shown) for frame, said in hints.items()}
    return AskedGuides(pictures, points, origins)


def _still(said: ReferenceOption) -> _Codes:
    try:
        return read_still(said.image)
    except SourceError as error:
        if said.origin.is_file:
            raise said.origin.error(f"image: {error}") from error
        raise


def _points(said: Sequence[HintOption], geometry: Geometry, shown: ShownPicture) -> tuple[HintPoint, ...]:
    """The hints of one frame. An option takes the place of a file's hint at the same sample of the network's picture.

    Raises:
        UsageError: One lies outside, or two say different colours of one place.
        ProjectFileError: The same, in a project file.
    """
    found: dict[tuple[int, int], list[tuple[HintOption, HintPoint]]] = {}
    for hint in said:
        point = shown.point(hint)
        there = found.setdefault(hint_sample(point, geometry), [])
        others = [old for old, known in there if hint_colour(known) != hint_colour(point)]
        other = next((old for old in others if hint.origin.is_file or not old.origin.is_file), None)
        if other is not None:
            raise hint.origin.error(
                f"there is another colour at this place of frame {hint.frame}: {other.origin.words}"
            )
        if others:
            there[:] = [pair for pair in there if not pair[0].origin.is_file]
        there.append((hint, point))
    # In an order of their own: what is said the other way round is the same, and is in the store.
    points = [point for there in found.values() for _, point in there]
    return tuple(sorted(points, key=lambda point: (point.y, point.x, point.radius, point.a, point.b)))


def reference_planes(
    rgb: _Codes, encoding: ColourEncoding, geometry: Geometry, turn: Turn
) -> tuple[Proxy, NDArray[np.int16]]:
    """A colour picture as if it were a frame of a film: scaled to cover the film's picture, cut around its middle.

    Args:
        rgb: (H, W, 3) sRGB codes of 8 or 16 bits, upright.
        encoding: Of the film, whose luma the picture's is made like.
        geometry: At which the network sees the film.
        turn: How the film's pictures are turned to be upright.

    Returns:
        (H, W) luma and (2, H, W) a*, b* as they are sent.
    """
    covered = _covering(turn.picture_in_film(rgb), geometry)
    light = to_linear(covered, Transfer.SRGB)
    if encoding.primaries is not Primaries.BT709:
        light = _between_primaries(light, Primaries.BT709, encoding.primaries)
    coded = from_linear(light, encoding.transfer)
    red, green, blue = luma_weights(encoding.matrix)
    luma = coded[0] * np.float32(red) + coded[1] * np.float32(green) + coded[2] * np.float32(blue)
    ab = linear_rgb_to_lab(light, encoding.primaries)[1:] * np.float32(AB_STEPS_PER_UNIT)
    return (
        np.clip(np.rint(luma * np.float32(65535)), 0, 65535).astype(np.uint16),
        np.clip(np.rint(ab), -128 * AB_STEPS_PER_UNIT, 127 * AB_STEPS_PER_UNIT).astype(np.int16),
    )


def _covering(rgb: _Codes, geometry: Geometry) -> _Float32:
    """(3, H, W) in [0, 1] at the size of the geometry, of the largest middle part that has its shape."""
    height, width = rgb.shape[:2]
    kept_width = min(width, max(1, round(height * geometry.width_px / geometry.height_px)))
    kept_height = min(height, max(1, round(width * geometry.height_px / geometry.width_px)))
    left, top = (width - kept_width) // 2, (height - kept_height) // 2
    kept = rgb[top : top + kept_height, left : left + kept_width]
    # Averaging is for what becomes smaller; OpenCV takes the nearest sample where it does not.
    shrinks = kept_width >= geometry.width_px and kept_height >= geometry.height_px
    how, size = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR, (geometry.width_px, geometry.height_px)
    whole = np.float32(np.iinfo(rgb.dtype).max)
    planes = [cv2.resize(kept[:, :, plane].astype(np.float32), size, interpolation=how) for plane in range(3)]
    scaled: _Float32 = np.stack(planes).reshape(3, geometry.height_px, geometry.width_px) / whole
    return scaled


def _between_primaries(light: _Float32, source: Primaries, target: Primaries) -> _Float32:
    matrix = (relative_xyz_to_rgb(target) @ rgb_to_relative_xyz(source)).astype(np.float32)
    rows = [row[0] * light[0] + row[1] * light[1] + row[2] * light[2] for row in matrix]
    mixed: _Float32 = np.maximum(np.stack(rows), np.float32(0))
    return mixed


def film_lumas(film: Film, make_proxy: Callable[[SourceFrame], Proxy], numbers: Iterable[int]) -> dict[int, Proxy]:
    """The lumas of some frames as they are sent.

    Raises:
        SourceError: The film cannot be read up to one of them.
    """
    found: dict[int, Proxy] = {}
    waiting = sorted(set(numbers), reverse=True)
    while waiting:
        wanted = waiting[-1]
        _take_lumas(film, make_proxy, waiting, found)
        if waiting and waiting[-1] == wanted:
            raise SourceError(f"{film.path}: ends before frame {wanted}")
    return found


def _take_lumas(
    film: Film, make_proxy: Callable[[SourceFrame], Proxy], waiting: list[int], found: dict[int, Proxy]
) -> None:
    """Take frames off the end of `waiting`, as long as the next one is near."""
    with film.open(waiting[-1]) as source:
        for item in source:
            if isinstance(item, SourceFrame) and item.number == waiting[-1]:
                found[item.number] = make_proxy(item)
                waiting.pop()
                if not waiting or (film.can_seek and waiting[-1] - item.number > _NEAR_FRAMES):
                    return
