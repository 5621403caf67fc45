"""The parameters of hints and references, in the renderer's words."""

import math
from pathlib import Path

import pytest

from kinemacolor.client.connection import ModelInfo
from kinemacolor.ofx.helper.effect import EffectError
from kinemacolor.ofx.parameters import Values, default_values
from kinemacolor.ofx.session.hints import guide_options, guides_line, shifted
from kinemacolor.render.guides import parse_hint

WHOLE = {"shotSource": "whole_clip"}
HINT = {"hint2On": True, "hint2Frame": 7, "hint2Point": (0.25, 0.75), "hint2Colour": (1.0, 0.5, 0.0)}
REFERENCE = {"reference1On": True, "reference1Frame": 3, "reference1File": " a.png "}


def said(**values: object) -> Values:
    return Values({**default_values().by_name, **values})


def model(**can: object) -> ModelInfo:
    facts = dict.fromkeys(("description", "licence", "weights_sha256", "frame", "temporal", "terms"), "")
    able = dict.fromkeys(("is_default", "is_loaded", "takes_references", "takes_hints", "has_confidence"), False)
    return ModelInfo(**{**facts, **able, "name": "m", "variants": 1, **can})


def test_what_is_off_is_nothing():
    assert not guide_options(said(hint1Frame=3, reference1File="a.png"))


def test_a_hint_is_that_of_the_command_line():
    """Up is down there, and colours have 8 bits."""
    (found,) = guide_options(said(**WHOLE, **HINT)).hints
    written = parse_hint("7:0.25,0.25=#ff8000,0.05")
    assert (found.frame, found.x, found.y, found.colour, found.radius) == (
        written.frame, written.x, written.y, written.colour, written.radius,
    )  # fmt: skip
    assert str(found.origin.error("is wrong")) == "Hint 2: is wrong"


def test_a_reference_is_a_file_for_a_frame():
    (found,) = guide_options(said(**WHOLE, **REFERENCE)).references
    assert (found.frame, found.image) == (3, Path("a.png"))


def test_frames_of_the_file_are_those_of_the_clip_and_where_it_begins():
    moved = shifted(guide_options(said(**WHOLE, **HINT, **REFERENCE)), 100)
    assert [each.frame for each in (*moved.references, *moved.hints)] == [103, 107]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({**WHOLE, **HINT, "hint2Frame": -1}, r"Hint 2: set Hint 2 frame.*\(this one is 12\)"),
        ({**WHOLE, **REFERENCE, "reference1File": " "}, "Reference 1: name its file"),
        ({**REFERENCE, **HINT}, "Reference 1, Hint 2: name the Media file or set Shot source"),
        ({"mediaFile": "a.mov", **HINT}, "Hint 2: set Media start"),
        ({**WHOLE, **HINT, "stability": "off"}, "Hint 2: acts on a whole shot"),
        ({**WHOLE, **REFERENCE, "reference1File": "~nobody-of-that-name/a.png"}, "Reference 1: nobody has the home"),
    ],
)
def test_what_is_not_said_in_full_is_refused(values, words):
    with pytest.raises(EffectError, match=words):
        guide_options(said(**values), 12.0)


def test_a_frame_is_named_only_where_it_is_known():
    with pytest.raises(EffectError, match=r"its place is$"):
        guide_options(said(**{**WHOLE, **HINT, "hint2Frame": -1}), math.nan)


def test_the_user_is_told_what_the_model_makes_of_it():
    options = guide_options(said(**WHOLE, **HINT, **REFERENCE))
    able = guides_line(options, 1, model(takes_references=True, takes_hints=True))
    assert able == "Reference 1 is for the shot of frame 3; Hint 2 is for the shot of frame 7"
    assert guides_line(options, 2, model()) == (
        "m takes no references: switch Reference 1 off; m takes no hints: switch Hint 2 off; "
        "m has 1 variant: choose another than 2"
    )
