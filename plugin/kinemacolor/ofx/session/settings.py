"""A host's request in our own terms: how its picture is read, what makes the colours, what is only painted. Pure."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from kinemacolor.client.model_names import with_temporal
from kinemacolor.colour.encoding import ColourEncoding, Transfer
from kinemacolor.ofx.helper.effect import EffectError
from kinemacolor.ofx.helper.protocol import (
    Analyse,
    Changed,
    ClipFacts,
    Components,
    Depth,
    Premultiplication,
    Purpose,
    Render,
)
from kinemacolor.ofx.parameters import Values
from kinemacolor.ofx.pixels.controls import Controls, Output
from kinemacolor.ofx.pixels.form import Components as Layout
from kinemacolor.ofx.pixels.form import Depth as Samples
from kinemacolor.ofx.pixels.form import HostColour, HostFormat, HostMatrix, HostTransfer
from kinemacolor.ofx.session.hints import guide_options, path_of
from kinemacolor.picture.proxy import QUALITY_SHORT_SIDE_PX, proxy_size
from kinemacolor.picture.upsampling import Upsampling
from kinemacolor.render.guides import GuideOptions
from kinemacolor.wire.frame import Geometry

__all__ = ["FrameSettings", "MediaSettings", "frame_settings", "media_settings"]

_WHOLE = 1e-3
"""Frames; times nearer to a whole number than this are frames, others lie between two."""
_SD_LINES, _LINES_OF_525, _HD_WIDTH = 576, 486, 1280
_FRAME_FIELDS = ("", "OfxFieldNone", "OfxFieldBoth")
_LINEAR_WORDS = ("linear", "acescg", "scene")
_DEPTHS = {
    Depth.BYTE: Samples.BYTE,
    Depth.SHORT: Samples.SHORT,
    Depth.HALF: Samples.HALF,
    Depth.FLOAT: Samples.FLOAT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSettings:
    """Everything about one frame but its pixels."""

    form: HostFormat
    colour: HostColour
    guesses_colour: bool
    """The encoding of `colour` is what films of this size usually have: nobody has said which."""
    controls: Controls
    geometry: Geometry
    """Of the luma for the network."""
    model: str
    variant: int
    server: str
    """As the user typed it."""
    alone: bool
    """Every frame is coloured for itself."""
    whole_clip: bool
    """The clip is one shot."""
    number: int
    is_between: bool
    """The host asks for a time between two frames."""
    first_number: int
    """Of the clip's first frame."""
    marks_provisional: bool
    guides: GuideOptions
    """By the numbers of the clip. Not in `network`: they change the colours of their shots only."""

    @property
    def transfer(self) -> Transfer:
        """Of the luma for the network."""
        return self.colour.encoding.transfer

    @property
    def network(self) -> tuple[object, ...]:
        """What makes another colour if it is another; the rest is only painted."""
        clip = (self.geometry, self.transfer, self.colour, self.alone, self.whole_clip)
        return (*clip, self.model, self.variant, self.server)

    def with_film(self, encoding: ColourEncoding) -> "FrameSettings":
        """With the encoding that a media file has, where nobody has said which."""
        if not self.guesses_colour or encoding.transfer in (Transfer.PQ, Transfer.HLG):
            return self
        return replace(self, colour=replace(self.colour, film=encoding))


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """The file that a clip shows."""

    path: Path
    quality: str
    model: str
    variant: int
    server: str
    shot_list: Path | None
    whole: bool
    """The file is one shot."""
    start: int | None
    """Frame of the file that the host's frame 0 shows; None: to be found out."""
    version: tuple[int, ...] = ()
    """Of the file: when it changed and how large it is; another one is another film."""


def frame_settings(request: Render) -> FrameSettings:
    """Read a request.

    Raises:
        EffectError: It asks for what cannot be done; one line.
    """
    values = request.values
    _check_supported(values, request.field)
    x1, y1, x2, y2 = request.bounds
    form = HostFormat(
        depth=_DEPTHS[request.depth],
        components=Layout.RGBA if request.components is Components.RGBA else Layout.RGB,
        width_px=x2 - x1,
        height_px=y2 - y1,
        premultiplied=request.clip.premultiplication is Premultiplication.PREMULTIPLIED
        and request.components is Components.RGBA,
    )
    size = (form.width_px, form.height_px)
    number = round(request.time)
    return FrameSettings(
        form=form,
        colour=HostColour(_transfer(values, request.clip), _matrix(values, request)),
        guesses_colour=values.choice("matrix") == "auto" and values.choice("inputTransfer") in ("auto", "display"),
        controls=_controls(values),
        geometry=Geometry(*proxy_size(*size, QUALITY_SHORT_SIDE_PX[values.choice("quality")], _aspect(request.clip))),
        model=model_name(values),
        variant=int(values.choice("variant")),
        server=values.text("server").strip(),
        alone=values.choice("stability") == "off",
        whole_clip=values.choice("shotSource") == "whole_clip",
        number=number,
        is_between=abs(request.time - number) > _WHOLE,
        first_number=_first_number(request.clip),
        marks_provisional=values.flag("markProvisional") and request.purpose is Purpose.FINAL,
        guides=guide_options(values),
    )


def media_settings(request: Render | Analyse | Changed) -> MediaSettings | None:
    """The media file that the user named; None: none.

    Raises:
        EffectError: It names a home directory that there is not.
    """
    values = request.values
    text = values.text("mediaFile").strip()
    if not text:
        return None
    shot_list = values.text("shotList").strip() if values.choice("shotSource") == "list" else ""
    start = values.whole("mediaStart")
    return MediaSettings(
        path=path_of("Media file", text),
        quality=values.choice("quality"),
        model=model_name(values),
        variant=int(values.choice("variant")),
        server=values.text("server").strip(),
        shot_list=path_of("Shot list", shot_list) if shot_list else None,
        whole=values.choice("shotSource") == "whole_clip",
        start=start if start >= 0 else None,
    )


def model_name(values: Values) -> str:
    """Frame network and temporal network as one name; empty: the server's own choice.

    Raises:
        EffectError: Both parameters name a temporal network.
    """
    temporal = values.choice("temporal")
    try:
        return with_temporal(values.text("model").strip(), "" if temporal == "auto" else temporal)
    except ValueError as error:
        raise EffectError(f"Model: {error}") from error


def _check_supported(values: Values, field: str) -> None:
    if field not in _FRAME_FIELDS:
        raise EffectError("the host renders single fields; deinterlace the clip before the effect")
    if values.choice("shotSource") == "list" and not values.text("mediaFile").strip():
        raise EffectError("Shot source: a list is of a media file; name the file, too")


def _controls(values: Values) -> Controls:
    outputs = {
        "colour": Output.COLOUR,
        "chroma_only": Output.CHROMA_ONLY,
        "confidence": Output.CONFIDENCE,
        "split": Output.SPLIT,
    }
    upsamplings = {"guided": Upsampling.GUIDED, "joint_bilateral": Upsampling.JOINT_BILATERAL}
    return Controls(
        amount=values.number("amount"),
        temperature=values.number("temperature"),
        tint=values.number("tint"),
        mix=values.number("mix"),
        output=outputs[values.choice("output")],
        upsampling=upsamplings[values.choice("upsampling")],
    )


def _transfer(values: Values, clip: ClipFacts) -> HostTransfer:
    chosen = values.choice("inputTransfer")
    if chosen == "auto":
        is_linear = any(word in clip.colourspace.lower() for word in _LINEAR_WORDS)
        return HostTransfer.SCENE_LINEAR if is_linear else HostTransfer.DISPLAY
    return HostTransfer.SCENE_LINEAR if chosen == "scene_linear" else HostTransfer.DISPLAY


def _matrix(values: Values, request: Render) -> HostMatrix:
    """What the renderer would take a film of this size and rate for that says nothing of it."""
    chosen = values.choice("matrix")
    width = (request.bounds[2] - request.bounds[0]) / _scale(request.scale_x)
    lines = (request.bounds[3] - request.bounds[1]) / _scale(request.scale_y)
    is_625 = lines > _LINES_OF_525 or round(request.clip.frame_rate, 3) in (25, 50)
    sd = HostMatrix.BT601_625 if is_625 else HostMatrix.BT601
    if chosen == "auto":
        return HostMatrix.BT709 if lines > _SD_LINES or width >= _HD_WIDTH else sd
    return {"bt601": sd, "bt709": HostMatrix.BT709, "bt2020": HostMatrix.BT2020}[chosen]


def _scale(number: float) -> float:
    return number if number > 0 else 1.0


def _aspect(clip: ClipFacts) -> Fraction:
    is_sane = math.isfinite(clip.pixel_aspect) and 0.05 <= clip.pixel_aspect <= 20
    return Fraction(clip.pixel_aspect).limit_denominator(1000) if is_sane else Fraction(1)


def _first_number(clip: ClipFacts) -> int:
    """Hosts that say nothing of it count from the beginning of the clip (MLT)."""
    return round(clip.first_frame) if math.isfinite(clip.first_frame) else 0
