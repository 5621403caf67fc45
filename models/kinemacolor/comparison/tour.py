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

__all__ = ["Route", "page_video_bytes", "take_tour"]

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
    is_exact: bool
    """Whether there will be as many; nobody knows how many shots a film has."""


def take_tour(pieces: Iterable[Piece], route: Route, folder: OutputFolder) -> list[tuple[ClipResult, ClipMedia]]:
    """Compare on all clips; progress goes to stderr.

    Raises:
        ComparisonError: A file cannot be written.
    """
    found: list[tuple[ClipResult, ClipMedia]] = []
    rest = _PAGE_VIDEOS_BYTES
    for number, piece in enumerate(pieces, start=1):
        sys.stderr.write(f"{number}/{route.clips} {piece.clip.name}\n")
        left = route.clips - number + 1
        found.append(_compare(piece, route, folder, page_video_bytes(rest, left, route.is_exact)))
        rest -= len(found[-1][1].video)
    return found


def page_video_bytes(rest: int, clips: int, is_exact: bool) -> int:
    """How large the next video of the page may be.

    Args:
        rest: Bytes that all the videos to come may have.
        clips: How many will come.
        is_exact: False: that many at most. Then more than would fit are not reckoned with, and each has a part of what
            is left, so that a short film's videos are not small and a long one's page does not grow without end.
    """
    share = clips if is_exact else min(clips, _PAGE_VIDEOS_BYTES // _PAGE_VIDEO_BYTES)
    return max(0, min(_PAGE_VIDEO_BYTES, rest // share))


def _compare(piece: Piece, route: Route, folder: OutputFolder, video_bytes: int) -> tuple[ClipResult, ClipMedia]:
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
    return result, make_media(folder, result, route.combinations, measured, video_bytes)


def _colour(footage: Footage, route: Route) -> dict[str, Colours]:
    found = colour_clip(route.families, footage.clip.lightness)
    return {one.title: found[one.spec.name] for one in route.combinations}


def _tell(text: str) -> None:
    sys.stderr.write(f"    {text}\n")
