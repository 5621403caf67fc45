"""One clip after the other is coloured, measured, shown and forgotten; figures and what the page needs are kept."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kinemacolor.comparison.colouring import Colours, colour_clip
from kinemacolor.comparison.combinations import Combination
from kinemacolor.comparison.folder import OutputFolder
from kinemacolor.comparison.material import Piece
from kinemacolor.comparison.measuring import measure_clip
from kinemacolor.comparison.media import ClipMedia, make_media
from kinemacolor.comparison.results import ClipResult, Times
from kinemacolor.comparison.truth import has_colour
from kinemacolor.evaluation.measure import Footage, Truth
from kinemacolor.models.api import Colorizer

__all__ = ["Route", "take_tour"]

_PAGE_VIDEO_BYTES = 3 << 20
_PAGE_VIDEOS_BYTES = 48 << 20  # browsers hold a page of a hundred megabytes, with pictures and base64, without trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How each clip is treated."""

    combinations: tuple[Combination, ...]
    families: Sequence[Sequence[Colorizer]]
    """Their models."""
    no_truth: bool
    """Take no colours for known."""
    clips: int
    """As many as there will be, at most."""


def take_tour(pieces: Iterable[Piece], route: Route, folder: OutputFolder) -> list[tuple[ClipResult, ClipMedia]]:
    """Compare on all clips; progress goes to stderr.

    Raises:
        ComparisonError: A file cannot be written.
    """
    found = []
    for number, piece in enumerate(pieces, start=1):
        sys.stderr.write(f"{number}/{route.clips} {piece.clip.name}\n")
        found.append(_compare(piece, route, folder))
    return found


def _compare(piece: Piece, route: Route, folder: OutputFolder) -> tuple[ClipResult, ClipMedia]:
    known = not route.no_truth and has_colour(piece.clip)
    footage = Truth(piece.clip) if known else Footage(piece.clip)
    frames, height, width = piece.clip.rgb.shape[:3]
    _tell(f"{frames} frames of {width}x{height}, {'known colours' if known else 'no known colours'}")
    colours = _colour(footage, route)
    _tell("coloured")
    measured = measure_clip(footage, {title: one.ab for title, one in colours.items()})
    _tell("measured")
    result = ClipResult(
        name=piece.clip.name,
        frames=frames,
        width_px=width,
        height_px=height,
        rate=piece.rate,
        lines={title: one.line for title, one in measured.items()},
        times={title: Times(one.propose_s, one.step_s) for title, one in colours.items()},
    )
    video_bytes = min(_PAGE_VIDEO_BYTES, _PAGE_VIDEOS_BYTES // route.clips)
    return result, make_media(folder, result, route.combinations, measured, video_bytes)


def _colour(footage: Footage, route: Route) -> dict[str, Colours]:
    found = colour_clip(route.families, footage.clip.lightness)
    return {one.title: found[one.spec.name] for one in route.combinations}


def _tell(text: str) -> None:
    sys.stderr.write(f"    {text}\n")
