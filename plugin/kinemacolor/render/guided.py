"""Before a film with references and hints is coloured: where its shots begin, and what belongs to each of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kinemacolor.media.errors import TruncatedSourceError
from kinemacolor.media.types import SourceFrame
from kinemacolor.picture.proxy import Proxy
from kinemacolor.render.cuts import look_through
from kinemacolor.render.edit_list import EditList
from kinemacolor.render.errors import UsageError
from kinemacolor.render.film import Film
from kinemacolor.render.guidance import UNGUIDED, Guidance, guidance_of
from kinemacolor.render.guide_frames import AskedGuides, film_lumas
from kinemacolor.render.options import FrameRange
from kinemacolor.render.progress import Display
from kinemacolor.render.report import plural
from kinemacolor.wire.limits import MAX_CLIP_HINTS, MAX_GUIDES, MAX_SHOT_STARTS

__all__ = ["Guided", "guide_film"]


@dataclass(frozen=True, slots=True)
class Guided:
    """What was found out."""

    edit_list: EditList | None
    """None: the server detects the cuts."""
    guidance: Guidance


def guide_film(
    asked: AskedGuides,
    film: Film,
    make_proxy: Callable[[SourceFrame], Proxy],
    *,
    edit_list: EditList | None,
    frames: FrameRange | None,
    display: Display,
) -> Guided:
    """Find the shots unless a list says them, and the guides that change a frame that is wanted.

    Args:
        asked: What was asked for.
        film: The film.
        make_proxy: The luma that is sent.
        edit_list: The user's list of shots; None: they are to be found.
        frames: Which are wanted; None: all.
        display: Is told how it goes.

    Raises:
        UsageError: A frame has no part in what is wanted, or there are too many.
        SourceError: The film cannot be read.
    """
    if not asked:
        return Guided(edit_list, UNGUIDED)
    lumas: dict[int, Proxy] = {}
    shots = edit_list if edit_list is not None else _find_shots(asked, film, make_proxy, display, lumas)
    numbers = _numbers_wanted(asked, shots, frames, display)
    if not numbers:
        return Guided(edit_list, UNGUIDED)
    lumas |= film_lumas(film, make_proxy, [number for number in numbers if number in asked.hints.keys() - lumas.keys()])
    guides = [asked.guide(number, lumas.__getitem__) for number in numbers]
    return Guided(shots, guidance_of(guides, shots))


def _find_shots(
    asked: AskedGuides,
    film: Film,
    make_proxy: Callable[[SourceFrame], Proxy],
    display: Display,
    lumas: dict[int, Proxy],
) -> EditList:
    """As the server would find them; the lumas of hinted frames are taken along."""
    display.note("references and hints change whole shots: the cuts are found first")
    starts: list[int] = []
    try:
        with film.open() as source:
            for done, look in enumerate(look_through(source, make_proxy), start=1):
                if look.begins_shot:
                    starts.append(look.number)
                if look.number in asked.hints:
                    lumas[look.number] = look.luma
                display.searched(done, film.info.frame_count)
    except TruncatedSourceError:
        # The render comes to the same place and says what becomes of it.
        if not starts:
            raise
    if len(starts) > MAX_SHOT_STARTS:
        raise UsageError(f"expected at most {MAX_SHOT_STARTS} shots, found {len(starts)}")
    found = EditList(tuple(starts), f"found {plural(len(starts), 'shot')}")
    display.note(found.note)
    return found


def _numbers_wanted(asked: AskedGuides, shots: EditList, frames: FrameRange | None, display: Display) -> Sequence[int]:
    """The frames with guides in the shots of the wanted frames, in order."""
    numbers = sorted(asked.origins)
    if frames is not None:
        first, last = shots.start_of(frames.first), frames.last
        outside = [number for number in numbers if not first <= shots.start_of(number) <= last]
        for number in outside:
            if not asked.origins[number].is_file:
                text = f"frame {number} is in none of the shots of the frames {frames.first}-{frames.last}"
                raise asked.origins[number].error(text)
        if outside:
            what = plural(len(outside), "frame")
            display.note(f"references and hints for {what} are left out: they are of other shots")
        numbers = [number for number in numbers if number not in outside]
    if len(numbers) > MAX_GUIDES:
        raise UsageError(
            f"references and hints are for at most {MAX_GUIDES} frames, found {len(numbers)}; "
            "--frames renders a film in parts"
        )
    hints = sum(len(asked.hints.get(number, ())) for number in numbers)
    if hints > MAX_CLIP_HINTS:
        raise UsageError(
            f"there may be at most {MAX_CLIP_HINTS} hints in all, found {hints}; --frames renders a film in parts"
        )
    return numbers
