"""Which containers can be written, what their clocks can hold, and the good default encoders of each.

Only what FFmpeg cannot be asked stands here. What a container really takes (tracks, tags, an encoder) is tried out
before frame 1, in `trial.py`.
"""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path

from kinemacolor.media.errors import OutputError
from kinemacolor.media.types import SourceInfo
from kinemacolor.picture.pixel import Family

__all__ = [
    "CONTAINERS",
    "SEQUENCE_ENCODERS",
    "Clock",
    "Container",
    "EncoderChoice",
    "container_for",
    "default_encoders",
    "encoder_choice",
    "output_time_base",
    "profile_options",
]


class Clock(Enum):
    """What times of frames a container can hold."""

    ANY = "any"
    """Every time base 1/n that fits 31 bits (mov, mp4: the timescale of the track)."""
    MILLISECOND = "millisecond"
    """Whole milliseconds (Matroska's usual TimestampScale, which FFmpeg always writes)."""
    FRAME = "frame"
    """The number of the frame at a constant rate (avi, mxf)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One kind of output file."""

    muxer: str
    """FFmpeg muxer name."""
    extensions: tuple[str, ...]
    clock: Clock
    reorders: bool = True
    """Whether decoding order may differ from presentation order. avi and mxf have no presentation times."""
    gaps: bool = True
    """Whether a frame may last longer than one tick of the clock."""
    needs_rate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderChoice:
    """An encoder with the options that make it a good default. The user's own options win over `options`."""

    codec: str
    options: tuple[tuple[str, str], ...] = ()


CONTAINERS = (
    Container(muxer="mov", extensions=(".mov",), clock=Clock.ANY),
    Container(muxer="mp4", extensions=(".mp4", ".m4v"), clock=Clock.ANY),
    Container(muxer="matroska", extensions=(".mkv",), clock=Clock.MILLISECOND),
    Container(muxer="webm", extensions=(".webm",), clock=Clock.MILLISECOND),
    Container(muxer="avi", extensions=(".avi",), clock=Clock.FRAME, reorders=False, needs_rate=True),
    Container(muxer="mxf", extensions=(".mxf",), clock=Clock.FRAME, reorders=False, gaps=False, needs_rate=True),
)
SEQUENCE_ENCODERS = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".dpx": "dpx"}


def container_for(path: Path) -> Container:
    """The container that the file name's extension stands for.

    Raises:
        OutputError: No container has that extension; the text lists those that exist.
    """
    for container in CONTAINERS:
        if path.suffix.lower() in container.extensions:
            return container
    known = " ".join(extension for container in CONTAINERS for extension in container.extensions)
    pictures = " ".join(SEQUENCE_ENCODERS)
    raise OutputError(
        f"{path.name}: the extension {path.suffix or '(none)'} says no container that can be written; "
        f"films: {known}; picture sequences such as name.%04d.png: {pictures}"
    )


def output_time_base(container: Container, info: SourceInfo) -> tuple[Fraction, bool]:
    """The time base of the output track, and whether every time of the source is a whole number of its ticks.

    Raises:
        OutputError: The container needs a constant rate and the source has none.
    """
    if container.clock is Clock.FRAME:
        if not info.frame_rate:
            raise OutputError(
                f"{container.extensions[0]} needs a constant frame rate and the source does not say one; "
                "use .mov, .mp4 or .mkv"
            )
        base = 1 / info.frame_rate
    elif container.clock is Clock.MILLISECOND:
        base = Fraction(1, 1000)
    else:
        base = _timescale(info)
    return base, (info.time_base / base).denominator == 1


def _timescale(info: SourceInfo) -> Fraction:
    # A base such as 1001/24000 is held by the timescale 24000: every time is a multiple of 1001 ticks.
    base = Fraction(1, info.time_base.denominator)
    return base if base.denominator < 2**31 else Fraction(1, 90000)


def default_encoders(container: Container, info: SourceInfo, *, lossless: bool) -> tuple[EncoderChoice, ...]:
    """Encoders to try for a container, best first; all that follow are for sources the first cannot hold."""
    makers = {"mov": _mov, "mp4": _mp4, "matroska": _matroska, "webm": _webm, "avi": _avi, "mxf": _mxf}
    names = makers[container.muxer](info, lossless)
    return tuple(encoder_choice(name, container, info, lossless=lossless) for name in names)


def _is_deep(info: SourceInfo) -> bool:
    return info.pixel_format.bits > 8


def _h264_lossless(info: SourceInfo) -> tuple[str, ...]:
    return ("libx264rgb",) if info.pixel_format.family is Family.RGB else ("libx264",)


def _mov(info: SourceInfo, lossless: bool) -> tuple[str, ...]:
    if lossless:
        return ("png",) if info.pixel_format.has_alpha else (*_h264_lossless(info), "png")
    if info.pixel_format.has_alpha or _is_deep(info):
        return ("prores_ks", "libx264")
    return ("libx264",)


def _mp4(info: SourceInfo, lossless: bool) -> tuple[str, ...]:
    return (*_h264_lossless(info), "ffv1") if lossless else ("libx264",)


def _matroska(info: SourceInfo, lossless: bool) -> tuple[str, ...]:
    return ("ffv1",) if lossless or info.pixel_format.has_alpha else ("libx264", "ffv1")


def _webm(info: SourceInfo, lossless: bool) -> tuple[str, ...]:
    return ("libvpx-vp9",)


def _avi(info: SourceInfo, lossless: bool) -> tuple[str, ...]:
    # Not H.264: FFmpeg reads it back from AVI one frame late, so the picture would trail the sound.
    return ("ffv1",)


def _mxf(info: SourceInfo, lossless: bool) -> tuple[str, ...]:
    return ("ffv1",) if lossless else ("dnxhd", "libx264")


def encoder_choice(codec: str, container: Container, info: SourceInfo, *, lossless: bool) -> EncoderChoice:
    """The options that a codec gets by default here."""
    options: dict[str, str] = {}
    if codec in ("libx264", "libx264rgb"):
        options = {"preset": "medium", "qp": "0"} if lossless else {"preset": "medium", "crf": "14"}
        if not container.reorders:
            options["bf"] = "0"
    elif codec == "libx265":
        quality = {"x265-params": "log-level=error:lossless=1"}
        options = {"preset": "medium"} | (quality if lossless else {"crf": "14", "x265-params": "log-level=error"})
    elif codec == "libvpx-vp9":
        options = {"lossless": "1"} if lossless else {"crf": "14", "b": "0"}
        options |= {"deadline": "good", "cpu-used": "4", "row-mt": "1"}
    elif codec == "ffv1":
        # Level 3 with a checksum per slice and only key frames is what film archives ask for.
        options = {"level": "3", "g": "1", "slicecrc": "1"}
        if min(info.width_px, info.height_px) < 8:
            options = {"level": "1", "g": "1"}  # without slices, which do not fit
        if info.width_px * info.height_px >= 1280 * 720:
            options["slices"] = "16"  # work for the threads; on small pictures FFmpeg's 4 are enough
    return EncoderChoice(codec=codec, options=tuple(options.items()))


def profile_options(codec: str, *, bits: int, full_chroma: bool, has_alpha: bool) -> dict[str, str]:
    """The profile that ProRes and DNxHR need for a pixel format; empty for all other codecs."""
    if codec == "prores_ks":
        return {"profile": "4444" if full_chroma or has_alpha else "hq", "vendor": "apl0"}
    if codec == "dnxhd":
        if full_chroma:
            return {"profile": "dnxhr_444"}
        return {"profile": "dnxhr_hqx" if bits > 8 else "dnxhr_hq"}
    return {}
