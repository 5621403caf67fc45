"""References and hints as the parameters have them, in the renderer's words. Pure."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kinemacolor.client.connection import ModelInfo
from kinemacolor.ofx.helper.effect import EffectError
from kinemacolor.ofx.parameters import HINTS, REFERENCES, Values
from kinemacolor.render.guides import GuideOptions, HintOption, Measure, Origin, ReferenceOption
from kinemacolor.render.report import plural

__all__ = ["UNGUIDED", "guide_options", "guides_line", "names_of", "path_of", "shifted"]

UNGUIDED = GuideOptions()


def guide_options(values: Values, shown: float = math.nan) -> GuideOptions:
    """The hints and references that are on, by the frames of the clip.

    Args:
        values: The parameters.
        shown: The frame that the user sees, to be named where one is missing; NaN: not known.

    Raises:
        EffectError: One is not said in full, or cannot be honoured with the other parameters; one line.
    """
    references = tuple(
        _reference(values, number) for number in range(1, REFERENCES + 1) if values.flag(f"reference{number}On")
    )
    hints = tuple(_hint(values, number, shown) for number in range(1, HINTS + 1) if values.flag(f"hint{number}On"))
    options = GuideOptions(references, hints)
    if options:
        _check_shots_are_known(values, names_of((*references, *hints)))
    return options


def names_of(said: Sequence[ReferenceOption | HintOption]) -> str:
    """What the user calls them: `Reference 1, Hint 2`."""
    return ", ".join(each.origin.words for each in said)


def guides_line(options: GuideOptions, variant: int, model: ModelInfo) -> str:
    """For the user: what a model makes of them."""
    words = []
    for said, takes, kind in (
        (options.references, model.takes_references, "references"),
        (options.hints, model.takes_hints, "hints"),
    ):
        if said and takes:
            words += [f"{each.origin.words} is for the shot of frame {each.frame}" for each in said]
        elif said:
            words.append(f"{model.name} takes no {kind}: switch {names_of(said)} off")
    if variant > model.variants:
        words.append(f"{model.name} has {plural(model.variants, 'variant')}: choose another than {variant}")
    return "; ".join(words)


def shifted(options: GuideOptions, frames: int) -> GuideOptions:
    """The same with this number added to their frames."""
    return GuideOptions(
        tuple(replace(said, frame=said.frame + frames) for said in options.references),
        tuple(replace(said, frame=said.frame + frames) for said in options.hints),
    )


def path_of(name: str, text: str) -> Path:
    """A path as the user typed it.

    Raises:
        EffectError: It names a home directory that there is not.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise EffectError(f"{name}: nobody has the home directory of {text}") from error


def _hint(values: Values, number: int, shown: float) -> HintOption:
    name = f"Hint {number}"
    frame = values.whole(f"hint{number}Frame")
    if frame < 0:
        this = f" (this one is {round(shown)})" if math.isfinite(shown) else ""
        raise EffectError(f"{name}: set {name} frame, the frame in which its place is{this}")
    right, up = values.numbers(f"hint{number}Point")
    red, green, blue = (round(255 * part) for part in values.numbers(f"hint{number}Colour"))
    return HintOption(
        origin=Origin(name, False),
        frame=frame,
        x=Measure(right, False),
        y=Measure(1.0 - up, False),
        colour=(red, green, blue),
        radius=Measure(values.number(f"hint{number}Radius"), False),
    )


def _reference(values: Values, number: int) -> ReferenceOption:
    name = f"Reference {number}"
    text = values.text(f"reference{number}File").strip()
    if not text:
        raise EffectError(f"{name}: name its file")
    frame = values.whole(f"reference{number}Frame")
    return ReferenceOption(origin=Origin(name, False), frame=frame, image=path_of(name, text))


def _check_shots_are_known(values: Values, names: str) -> None:
    """A hint acts on a whole shot: where that begins and ends has to be known."""
    if values.choice("stability") == "off":
        raise EffectError(f"{names}: acts on a whole shot, and Stability off sees each frame alone")
    if values.text("mediaFile").strip():
        if values.whole("mediaStart") < 0:
            raise EffectError(f"{names}: set Media start, so that its frame in the media file is known")
    elif values.choice("shotSource") != "whole_clip":
        raise EffectError(f"{names}: name the Media file or set Shot source to Whole clip, so that its shot is known")
