"""The effect's parameters: one table, from which the shim's C table, the wire and the helper's values are made. Pure.

Rules
  * Names are for ever: hosts save values under them. Choices are saved by index (most hosts) or by label (MLT), so
    choices are only ever added at the end and labels never change.
  * A cheap parameter never makes the network run again; the others do.
  * No parameter carries a secret: hosts save them in the project file in clear text.
  * The order of the table is the order in the host's panel and on the wire.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

__all__ = [
    "EFFECT_ID",
    "EFFECT_VERSION",
    "HINTS",
    "PARAMETERS",
    "REFERENCES",
    "TEXT_LIMIT",
    "VALUED",
    "VARIANTS",
    "Choice",
    "Kind",
    "Parameter",
    "Value",
    "Values",
    "default_values",
    "parameter",
]

EFFECT_ID = "io.kinemacolor.colorize"
"""The effect's name in projects; without a colon, which MLT would change."""
EFFECT_VERSION = (1, 0)
"""The first number changes if old projects would no longer look the same."""
TEXT_LIMIT = 4096
"""Bytes of a text value in UTF-8, its end mark included: the longest path of Linux."""
HINTS = 4
"""Places a user can give at once."""
REFERENCES = 2
"""Pictures a user can give at once."""
VARIANTS = 4
"""As many as the model with the most has."""

Value = bool | int | float | str | tuple[float, ...]
_T = TypeVar("_T")


class Kind(Enum):
    """What a parameter is; the value is the kind's name in the C table."""

    CHOICE = "KC_CHOICE"
    DOUBLE = "KC_DOUBLE"
    BOOLEAN = "KC_BOOLEAN"
    INTEGER = "KC_INTEGER"
    TEXT = "KC_TEXT"
    FILE = "KC_FILE"
    """A text that names a file; hosts offer a file dialogue."""
    LABEL = "KC_LABEL"
    """A text that the effect writes and the user only reads."""
    POINT = "KC_POINT"
    """x and y from the lower left corner, as parts of the picture's width and height."""
    COLOUR = "KC_COLOUR"
    """R'G'B' in [0, 1]."""
    BUTTON = "KC_BUTTON"
    GROUP = "KC_GROUP"

    @property
    def is_text(self) -> bool:
        """Whether its value is a text."""
        return self in (Kind.TEXT, Kind.FILE, Kind.LABEL)

    @property
    def has_value(self) -> bool:
        """Whether it has a value at all."""
        return self not in (Kind.BUTTON, Kind.GROUP)


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a choice."""

    name: str
    """What code calls it."""
    label: str
    """What the user reads, and what MLT saves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter, button or group."""

    name: str
    kind: Kind
    label: str
    hint: str
    """One or two sentences for a person."""
    group: str = ""
    """Name of the group it lies in; empty: always visible."""
    default: Value = 0
    """A choice's is the name of the option."""
    minimum: float = 0.0
    maximum: float = 0.0
    choices: tuple[Choice, ...] = ()
    animates: bool = False
    cheap: bool = False
    """Whether the network's work stays valid when it changes."""
    evaluates: bool = True
    """Whether a change makes the host render again."""

    def value_of(self, raw: Value) -> Value:
        """A value from the wire as code uses it: inside the bounds, finite, choices by name.

        Args:
            raw: An int for choices, booleans and whole numbers; a float, a text or a tuple of floats for the others.
        """
        match self.kind:
            case Kind.CHOICE:
                index = raw if isinstance(raw, int) else -1
                return self.choices[index].name if 0 <= index < len(self.choices) else self.default
            case Kind.BOOLEAN:
                return bool(raw)
            case Kind.INTEGER:
                return int(self._bounded(float(raw))) if isinstance(raw, int) else self.default
            case Kind.DOUBLE:
                return self._bounded(raw) if isinstance(raw, float) and math.isfinite(raw) else self.default
            case Kind.POINT | Kind.COLOUR:
                numbers = raw if isinstance(raw, tuple) else ()
                return tuple(self._bounded(n) for n in numbers) if all(map(math.isfinite, numbers)) else self.default
            case _:
                return raw if isinstance(raw, str) else self.default

    def _bounded(self, number: float) -> float:
        return min(max(number, self.minimum), self.maximum)

    @property
    def choice_index(self) -> int:
        """The index of a choice's default."""
        return [choice.name for choice in self.choices].index(str(self.default))


@dataclass(frozen=True, slots=True)
class Values:
    """The values of all parameters at one time. Names that do not exist, or of another kind, are a `KeyError`."""

    by_name: Mapping[str, Value]

    def choice(self, name: str) -> str:
        """The option's name."""
        return self._of(name, str)

    def text(self, name: str) -> str:
        """The text as the user typed it."""
        return self._of(name, str)

    def flag(self, name: str) -> bool:
        """A boolean."""
        return self._of(name, bool)

    def whole(self, name: str) -> int:
        """A whole number."""
        return self._of(name, int)

    def number(self, name: str) -> float:
        """A finite number inside its bounds."""
        return self._of(name, float)

    def numbers(self, name: str) -> tuple[float, ...]:
        """A point's x, y or a colour's R', G', B'."""
        return self._of(name, tuple)

    def _of(self, name: str, kind: type[_T]) -> _T:
        value = self.by_name[name]
        if not isinstance(value, kind):
            raise KeyError(f"{name} is a {type(value).__name__}")
        return value


def _group(name: str, label: str, hint: str) -> Parameter:
    return Parameter(name=name, kind=Kind.GROUP, label=label, hint=hint)


def _choices(*pairs: tuple[str, str]) -> tuple[Choice, ...]:
    return tuple(Choice(name, label) for name, label in pairs)


def _visible() -> Iterator[Parameter]:
    yield Parameter(
        name="quality",
        kind=Kind.CHOICE,
        label="Quality",
        hint="How finely the picture is looked at. Draft is quicker and coarser; the same at every preview size.",
        default="standard",
        choices=_choices(("draft", "Draft"), ("standard", "Standard"), ("high", "High")),
    )
    yield Parameter(
        name="amount",
        kind=Kind.DOUBLE,
        label="Colour amount",
        hint="How strong the added colour is. 0 leaves the picture as it was, 1 is as the network found it.",
        default=1.0,
        maximum=2.0,
        animates=True,
        cheap=True,
    )
    for name, label, hint in (
        ("temperature", "Temperature", "Makes the added colour warmer (above 0) or cooler (below 0)."),
        ("tint", "Tint", "Shifts the added colour towards magenta (above 0) or green (below 0)."),
    ):
        yield Parameter(
            name=name,
            kind=Kind.DOUBLE,
            label=label,
            hint=hint,
            default=0.0,
            minimum=-100.0,
            maximum=100.0,
            animates=True,
            cheap=True,
        )
    yield Parameter(
        name="stability",
        kind=Kind.CHOICE,
        label="Stability",
        hint="Whether a colour is held from frame to frame. Off sees each frame alone, which flickers.",
        default="standard",
        choices=_choices(("off", "Off"), ("standard", "Standard")),
    )
    yield Parameter(
        name="mix",
        kind=Kind.DOUBLE,
        label="Mix",
        hint="Between the untouched picture (0) and the coloured one (1).",
        default=1.0,
        maximum=1.0,
        animates=True,
        cheap=True,
    )
    yield Parameter(
        name="mediaFile",
        kind=Kind.FILE,
        label="Media file",
        hint="The file that this clip shows. Analysed, or with its start, it gives frames in any order final colours.",
        default="",
    )
    yield Parameter(
        name="output",
        kind=Kind.CHOICE,
        label="Output",
        hint="What the effect shows: the picture, its colour alone, how sure the network is, or before and after.",
        default="colour",
        choices=_choices(
            ("colour", "Colour"), ("chroma_only", "Chroma only"), ("confidence", "Confidence"), ("split", "Split")
        ),
        cheap=True,
    )
    yield Parameter(
        name="status",
        kind=Kind.LABEL,
        label="Status",
        hint="What the effect has to say about this clip.",
        default="",
        cheap=True,
        evaluates=False,
    )


def _shots() -> Iterator[Parameter]:
    yield _group("shots", "Shots", "Where the cuts of the clip are.")
    yield Parameter(
        name="shotSource",
        kind=Kind.CHOICE,
        label="Shot source",
        hint="How cuts are found: from the picture, from a list, or not at all because the clip is one shot.",
        group="shots",
        default="auto",
        choices=_choices(("auto", "Automatic"), ("list", "List"), ("whole_clip", "Whole clip")),
    )
    yield Parameter(
        name="shotList",
        kind=Kind.FILE,
        label="Shot list",
        hint="An EDL (CMX 3600) or CSV file with the cuts of the media file. Used if the shot source is List.",
        group="shots",
        default="",
    )


def _analyse() -> Iterator[Parameter]:
    yield _group("analysis", "Analyse", "Colours the whole media file once, so that every frame is ready at once.")
    yield Parameter(
        name="analyse",
        kind=Kind.BUTTON,
        label="Analyse",
        hint="Colours the whole media file in order and keeps the colours.",
        group="analysis",
        evaluates=False,
    )
    yield Parameter(
        name="analyseNow",
        kind=Kind.BOOLEAN,
        label="Analyse now",
        hint="The same as the button, for hosts that show none: the next frame that is rendered begins the analysis.",
        group="analysis",
        default=False,
        cheap=True,
    )

    yield Parameter(
        name="mediaStart",
        kind=Kind.INTEGER,
        label="Media start",
        hint="Frame of the media file that the effect's frame 0 shows. -1: found by comparing pictures.",
        group="analysis",
        default=-1,
        minimum=-1,
        maximum=2**31 - 1,
    )


def _hints() -> Iterator[Parameter]:
    yield _group("hints", "Hints", "Places whose colour you know. Each acts on the whole shot of its frame.")
    for number in range(1, HINTS + 1):
        # A hint is one fact about one frame; if it were animated, frames of one shot would have different hints.
        yield Parameter(
            name=f"hint{number}On",
            kind=Kind.BOOLEAN,
            label=f"Hint {number}",
            hint="Whether this hint is used.",
            group="hints",
            default=False,
        )
        yield Parameter(
            name=f"hint{number}Frame",
            kind=Kind.INTEGER,
            label=f"Hint {number} frame",
            hint="The frame of the clip that shows the place. The hint acts on its whole shot. -1: not said.",
            group="hints",
            default=-1,
            minimum=-1,
            maximum=2**31 - 1,
        )
        yield Parameter(
            name=f"hint{number}Point",
            kind=Kind.POINT,
            label=f"Hint {number} place",
            hint="Where it is: 0, 0 is the lower left corner of the picture, 1, 1 the upper right.",
            group="hints",
            default=(0.5, 0.5),
            maximum=1.0,
        )
        yield Parameter(
            name=f"hint{number}Colour",
            kind=Kind.COLOUR,
            label=f"Hint {number} colour",
            hint="The colour of that place. Its brightness is the film's and is not changed.",
            group="hints",
            default=(0.5, 0.5, 0.5),
            maximum=1.0,
        )
        yield Parameter(
            name=f"hint{number}Radius",
            kind=Kind.DOUBLE,
            label=f"Hint {number} radius",
            hint="Of the spot that certainly has the colour, as a part of the picture's shorter side.",
            group="hints",
            default=0.05,
            maximum=0.5,
        )


def _references() -> Iterator[Parameter]:
    yield _group(
        "references",
        "References",
        "Pictures whose colours a shot should have: the whole shot of a frame.",
    )
    for number in range(1, REFERENCES + 1):
        yield Parameter(
            name=f"reference{number}On",
            kind=Kind.BOOLEAN,
            label=f"Reference {number}",
            hint="Whether this reference is used.",
            group="references",
            default=False,
        )
        yield Parameter(
            name=f"reference{number}File",
            kind=Kind.FILE,
            label=f"Reference {number} file",
            hint="A colour picture: a frame of this clip that was coloured by hand, or a similar scene.",
            group="references",
            default="",
        )
        yield Parameter(
            name=f"reference{number}Frame",
            kind=Kind.INTEGER,
            label=f"Reference {number} frame",
            hint="The frame of the clip that the picture belongs to; its whole shot takes the picture's colours.",
            group="references",
            default=0,
            minimum=0,
            maximum=2**31 - 1,
        )


def _server() -> Iterator[Parameter]:
    yield _group("service", "Server and errors", "Where the colours come from, and what happens when they do not.")
    yield Parameter(
        name="server",
        kind=Kind.TEXT,
        label="Server",
        hint="Address of the colour server: unix:/path, host:port or tls:host:port. Empty: the one on this machine.",
        group="service",
        default="",
        evaluates=False,
    )
    yield Parameter(
        name="model",
        kind=Kind.TEXT,
        label="Model",
        hint="Name of the model that colours. Empty: the server's own choice.",
        group="service",
        default="",
    )
    yield Parameter(
        name="variant",
        kind=Kind.CHOICE,
        label="Variant",
        hint="Other plausible colours for all that nobody knows. 1 is the likeliest; some models have no other.",
        group="service",
        default="1",
        choices=_choices(*((str(number), f"Variant {number}") for number in range(1, VARIANTS + 1))),
    )
    yield Parameter(
        name="temporal",
        kind=Kind.CHOICE,
        label="Temporal network",
        hint="What steadies the colours from frame to frame. Auto is the one that goes with the model.",
        group="service",
        default="auto",
        choices=_choices(("auto", "Auto"), ("none", "None"), ("memory", "Memory"), ("lai", "Lai")),
    )
    yield Parameter(
        name="upsampling",
        kind=Kind.CHOICE,
        label="Upsampling",
        hint="How colour comes from the network's size to the picture's; both follow the picture's edges.",
        group="service",
        default="guided",
        choices=_choices(("guided", "Guided"), ("joint_bilateral", "Joint bilateral")),
        cheap=True,
    )
    yield Parameter(
        name="onError",
        kind=Kind.CHOICE,
        label="On error",
        hint="Whether a frame without colour becomes a picture that says why, or a failed render.",
        group="service",
        default="fail",
        choices=_choices(("picture", "Picture"), ("fail", "Fail")),
        cheap=True,
    )
    yield Parameter(
        name="markProvisional",
        kind=Kind.BOOLEAN,
        label="Mark provisional colours",
        hint="Draws a mark on frames whose colour may still change because the frames before were not at hand.",
        group="service",
        default=True,
        cheap=True,
    )
    yield Parameter(
        name="inputTransfer",
        kind=Kind.CHOICE,
        label="Input transfer",
        hint="Whether the host's pictures are as seen on a display or in scene-linear light.",
        group="service",
        default="auto",
        choices=_choices(("auto", "Automatic"), ("display", "Display"), ("scene_linear", "Scene linear")),
    )
    yield Parameter(
        name="matrix",
        kind=Kind.CHOICE,
        label="Matrix",
        hint="The weights of red, green and blue in the film's brightness.",
        group="service",
        default="auto",
        choices=_choices(("auto", "Automatic"), ("bt709", "BT.709"), ("bt601", "BT.601"), ("bt2020", "BT.2020")),
    )


PARAMETERS: tuple[Parameter, ...] = (
    *_visible(),
    *_shots(),
    *_analyse(),
    *_hints(),
    *_references(),
    *_server(),
)
"""All of them, in order; a group stands before what lies in it."""

VALUED: tuple[Parameter, ...] = tuple(each for each in PARAMETERS if each.kind.has_value)
"""Those with a value, in the order of the wire."""


def parameter(name: str) -> Parameter:
    """The parameter of that name; `KeyError` if there is none."""
    return {each.name: each for each in PARAMETERS}[name]


def default_values() -> Values:
    """What a new instance has."""
    return Values({each.name: each.default for each in VALUED})
