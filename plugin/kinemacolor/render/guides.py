"""References and hints as people say them: words to values, and where a hint lies in the pictures of the film. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import Primaries, Transfer
from kinemacolor.colour.lab import linear_rgb_to_lab
from kinemacolor.colour.transfer import to_linear
from kinemacolor.media.errors import ProjectFileError, SourceError
from kinemacolor.media.types import SourceInfo
from kinemacolor.render.errors import RenderError, UsageError
from kinemacolor.wire.frame import HintPoint
from kinemacolor.wire.limits import MAX_FRAME_NUMBER, MAX_GUIDE_HINTS

__all__ = [
    "DEFAULT_RADIUS", "GuideOptions", "HintOption", "Measure", "Origin", "ReferenceOption", "ShownPicture", "Turn",
    "hints_by_frame", "parse_colour", "parse_hint", "parse_measure", "parse_reference", "references_by_frame",
]  # fmt: skip

_HINT = re.compile(r"(?P<frame>[^:]*):(?P<x>[^,=]*),(?P<y>[^,=]*)=(?P<colour>[^,]*)(?:,(?P<radius>.*))?")
_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}", re.ASCII)
_LARGEST_RADIUS = 0.5

Rgb = tuple[int, int, int]
"""sRGB, 0 to 255."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where somebody said something, for messages."""

    words: str
    """`--hint 12:...`, or `film.toml: hint 2`."""
    is_file: bool

    def error(self, text: str) -> RenderError | SourceError:
        """What to raise about it: a file is input, an option is usage."""
        message = f"{self.words}: {text}"
        return ProjectFileError(message) if self.is_file else UsageError(message)


@dataclass(frozen=True, slots=True)
class Measure:
    """A length in the picture as it is shown."""

    value: float
    is_pixels: bool
    """False: a fraction of a side."""

    def of(self, side_px: float) -> float:
        """As a fraction of a side of this length."""
        return self.value / side_px if self.is_pixels else self.value


DEFAULT_RADIUS = Measure(0.01, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HintOption:
    """The colour of the thing that is seen at a point of a frame."""

    origin: Origin
    frame: int
    """In the film's numbering, that of `--frames`."""
    x: Measure
    y: Measure
    """From the left and upper edge of the picture as it is shown."""
    colour: Rgb
    radius: Measure = DEFAULT_RADIUS
    """Fractions are of the shorter side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceOption:
    """A colour picture of what is seen in the shot of a frame."""

    origin: Origin
    frame: int
    image: Path


@dataclass(frozen=True, slots=True)
class GuideOptions:
    """Everything that is said of a film's colours."""

    references: tuple[ReferenceOption, ...] = ()
    hints: tuple[HintOption, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.references or self.hints)

    def with_more(self, more: "GuideOptions") -> "GuideOptions":
        """These and others; a reference for the same frame takes the place of the one that was there."""
        replaced = {reference.frame for reference in more.references}
        kept = tuple(reference for reference in self.references if reference.frame not in replaced)
        return GuideOptions(kept + more.references, self.hints + more.hints)


# ---- words to values: each raises ValueError with one line ----


def parse_hint(text: str) -> HintOption:
    """`FRAME:X,Y=#rrggbb[,RADIUS]`.

    Raises:
        ValueError: It is none; one line.
    """
    parts = _HINT.fullmatch(text)
    if parts is None:
        raise ValueError(f"expected FRAME:X,Y=#rrggbb[,RADIUS] such as 120:0.4,0.6=#a05030, found {text!r}")
    radius = parts["radius"]
    return HintOption(
        origin=Origin(f"--hint {text}", False),
        frame=_frame(parts["frame"]),
        x=parse_measure(parts["x"]),
        y=parse_measure(parts["y"]),
        colour=parse_colour(parts["colour"]),
        radius=DEFAULT_RADIUS if radius is None else parse_measure(radius, _LARGEST_RADIUS),
    )


def parse_reference(text: str) -> ReferenceOption:
    """`FRAME=PICTURE`.

    Raises:
        ValueError: It is none; one line.
    """
    frame, equals, image = text.partition("=")
    if not equals or not image:
        raise ValueError(f"expected FRAME=PICTURE such as 120=still.png, found {text!r}")
    return ReferenceOption(origin=Origin(f"--reference {text}", False), frame=_frame(frame), image=Path(image))


def parse_measure(text: str, largest: float = 1.0) -> Measure:
    """A fraction such as `0.25`, or pixels such as `320px`.

    Raises:
        ValueError: It is none, or a fraction above `largest`; one line.
    """
    number = text.removesuffix("px")
    if not _NUMBER.fullmatch(number) or not math.isfinite(float(number)):
        raise ValueError(f"expected a fraction such as 0.25 or pixels such as 320px, found {text!r}")
    measure = Measure(float(number), number != text)
    if not measure.is_pixels and measure.value > largest:
        raise ValueError(f"a fraction is 0 to {largest:g}, found {text}; pixels end with px")
    return measure


def parse_colour(text: str) -> Rgb:
    """`#rrggbb`.

    Raises:
        ValueError: It is none; one line.
    """
    if not _COLOUR.fullmatch(text):
        raise ValueError(f"expected a colour such as #a05030, found {text!r}")
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def _frame(text: str) -> int:
    if not re.fullmatch(r"\d{1,19}", text, re.ASCII) or int(text) > MAX_FRAME_NUMBER:
        raise ValueError(f"expected a frame number, found {text!r}")
    return int(text)


# ---- in the film ----


@dataclass(frozen=True, slots=True)
class Turn:
    """How a film's own picture becomes the one that is shown: perhaps mirrored first, then turned."""

    quarters: int = 0
    """Counter-clockwise, 0 to 3."""
    is_mirrored: bool = False
    """Left for right."""

    @classmethod
    def of_matrix(cls, matrix: Sequence[int]) -> "Turn":
        """That of a display matrix (libavutil/display.h): (x, y) is shown at (x m0 + y m3, x m1 + y m4)."""
        right, down = (matrix[0], matrix[1]), (matrix[3], matrix[4])
        is_mirrored = right[0] * down[1] < right[1] * down[0]
        sign = -1 if is_mirrored else 1
        quarters = round(math.atan2(-sign * right[1], sign * right[0]) / (math.pi / 2)) % 4
        return cls(quarters, is_mirrored)

    def point_in_film(self, right: float, down: float) -> tuple[float, float]:
        """Where a point of the shown picture lies in the film's own, both in fractions."""
        turned = ((right, down), (1.0 - down, right), (1.0 - right, 1.0 - down), (down, 1.0 - right))
        x, y = turned[self.quarters]
        return (1.0 - x if self.is_mirrored else x), y

    def point_shown(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the film's own picture is shown, both in fractions."""
        across = 1.0 - x if self.is_mirrored else x
        return ((across, y), (y, 1.0 - across), (1.0 - across, 1.0 - y), (1.0 - y, across))[self.quarters]

    def picture_in_film(self, shown: NDArray[Any]) -> NDArray[Any]:
        """A picture (H, W, ...) that is upright, as the film has its pictures."""
        turned: NDArray[Any] = np.rot90(shown, -self.quarters)
        return turned[:, ::-1] if self.is_mirrored else turned


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """How a film's pictures are shown: with square pixels, and upright."""

    width_px: float
    height_px: float
    turn: Turn

    @classmethod
    def of(cls, info: SourceInfo) -> "ShownPicture":
        """That of a film."""
        turn = Turn(round(info.rotation_degrees / 90) % 4)
        if info.display_matrix is not None:
            turn = Turn.of_matrix(info.display_matrix)
        sides = (float(info.width_px * info.sample_aspect_ratio), float(info.height_px))
        return cls(*(sides[::-1] if turn.quarters % 2 else sides), turn)

    @classmethod
    def as_stored(cls, info: SourceInfo) -> "ShownPicture":
        """A film that somebody shows as its pictures are stored, whatever the file says of turning them."""
        return cls(float(info.width_px * info.sample_aspect_ratio), float(info.height_px), Turn())

    def point(self, hint: HintOption) -> HintPoint:
        """The hint in the film's own picture.

        Raises:
            UsageError: It lies outside, or is too large.
            ProjectFileError: The same, of a project file.
        """
        right, down = hint.x.of(self.width_px), hint.y.of(self.height_px)
        radius = hint.radius.of(min(self.width_px, self.height_px))
        if max(right, down) > 1.0 or radius > _LARGEST_RADIUS:
            size = f"{self.width_px:.0f}x{self.height_px:.0f}"
            raise hint.origin.error(f"lies outside the picture, which is {size}, or is larger than half of it")
        return HintPoint(*self.turn.point_in_film(right, down), radius, *_ab_of_srgb(hint.colour))


def _ab_of_srgb(colour: Rgb) -> tuple[float, float]:
    """CIELAB a*, b*."""
    linear = to_linear(np.array(colour, np.float64) / 255.0, Transfer.SRGB)
    lab = linear_rgb_to_lab(linear, Primaries.BT709)
    return float(lab[1]), float(lab[2])


def references_by_frame(references: Sequence[ReferenceOption]) -> Mapping[int, ReferenceOption]:
    """One for a frame at most.

    Raises:
        UsageError: There are two for one frame.
        ProjectFileError: The same, in a project file.
    """
    found: dict[int, ReferenceOption] = {}
    for reference in references:
        if reference.frame in found:
            raise reference.origin.error(f"frame {reference.frame} has a reference already")
        found[reference.frame] = reference
    return found


def hints_by_frame(
    hints: Sequence[HintOption], references: Mapping[int, ReferenceOption]
) -> Mapping[int, tuple[HintOption, ...]]:
    """All of a frame together.

    Raises:
        UsageError: There are too many for a frame, or the frame has a reference.
        ProjectFileError: The same, in a project file.
    """
    found: dict[int, tuple[HintOption, ...]] = {}
    for hint in hints:
        # Beside a colour picture, hints are points of that picture.
        if hint.frame in references:
            way_out = "give one of them another frame of the same shot"
            raise hint.origin.error(f"frame {hint.frame} has a reference; {way_out}")
        found[hint.frame] = (*found.get(hint.frame, ()), hint)
        if len(found[hint.frame]) > MAX_GUIDE_HINTS:
            raise hint.origin.error(f"frame {hint.frame} has more than {MAX_GUIDE_HINTS} hints")
    return found
