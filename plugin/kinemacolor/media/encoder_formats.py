"""Which sample layouts an encoder takes, and which of them serves a source best."""

from dataclasses import dataclass

import av
from av.codec.codec import Properties

from kinemacolor.media.errors import OutputError
from kinemacolor.media.types import SourceInfo
from kinemacolor.picture.pixel import Family, PixelFormat

__all__ = [
    "PACKED",
    "WHOLE_CHROMA_ONLY",
    "EncoderFormat",
    "choose_format",
    "describe",
    "format_notes",
    "formats_of",
    "has_property",
    "planar_rgb",
    "wanted_format",
]

# Packed RGB layouts that `picture_frames` can fill. 8-bit ffv1 has bgr0, PNG is big-endian.
PACKED = frozenset(
    ("rgb24", "bgr24", "bgr0", "rgba", "bgra", "argb", "abgr", "rgb48le", "rgb48be", "rgba64le", "rgba64be")
)
# These refuse a size that the chroma subsampling does not divide (others round the chroma size up).
WHOLE_CHROMA_ONLY = frozenset(("libx264", "libx265", "libsvtav1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderFormat:
    """A layout that an encoder takes, and the planar format that the frames for it are handed over in."""

    name: str
    """FFmpeg name of the layout the encoder is opened with."""
    planes: PixelFormat


def has_property(codec: av.Codec, wanted: Properties) -> bool:
    """Whether FFmpeg says that of the codec."""
    # PyAV's enum lacks newer bits of FFmpeg and refuses them, so only the three in question are looked at.
    return wanted in Properties(int(codec.properties) & 0b111)


def describe(name: str) -> EncoderFormat | None:
    """The planar format behind an FFmpeg layout; None if frames of it cannot be filled here."""
    if name.startswith("yuvj"):
        return None
    layout = av.VideoFormat(name, 16, 16)
    components = layout.components
    if not components:
        return None  # a handle of a graphics card's memory: its encoders list those too
    planar = len({component.plane for component in components}) == len(components)
    if not (planar or name in PACKED) or layout.has_palette or not _is_integer(name):
        return None
    bits, alpha = components[0].bits, any(component.is_alpha for component in components)
    if layout.is_rgb:
        return EncoderFormat(name=name, planes=planar_rgb(bits, has_alpha=alpha))
    if len(components) < 3 or layout.is_big_endian or not name.startswith("yuv"):
        return None
    log2_w = {16: 0, 8: 1, 4: 2}[components[1].width]
    log2_h = {16: 0, 8: 1, 4: 2}[components[1].height]
    planes = PixelFormat(
        name=name, family=Family.YUV, bits=bits, log2_chroma_w=log2_w, log2_chroma_h=log2_h, has_alpha=alpha
    )
    return EncoderFormat(name=name, planes=planes)


def _is_integer(name: str) -> bool:
    return not any(mark in name for mark in ("f16", "f32", "msb"))


def planar_rgb(bits: int, *, has_alpha: bool) -> PixelFormat:
    """The planar RGB format of a depth, 8 to 16 bits."""
    base = "gbrap" if has_alpha else "gbrp"
    name = base if bits == 8 else f"{base}{bits}le"
    return PixelFormat(name=name, family=Family.RGB, bits=bits, has_alpha=has_alpha)


def formats_of(codec: av.Codec, info: SourceInfo) -> list[EncoderFormat]:
    """All layouts of an encoder that can be filled here and that hold the source's size."""
    names = [layout.name for layout in codec.video_formats or ()]
    described = [found for name in names if (found := describe(name)) is not None]
    if codec.name not in WHOLE_CHROMA_ONLY:
        return described
    return [found for found in described if _divides(found.planes, info)]


def _divides(planes: PixelFormat, info: SourceInfo) -> bool:
    return not (info.width_px % (1 << planes.log2_chroma_w) or info.height_px % (1 << planes.log2_chroma_h))


def wanted_format(info: SourceInfo, *, lossless: bool) -> PixelFormat:
    """What a perfect encoder would be given for this source.

    Grey becomes yuv420p (8 bit) or yuv422p10 (deeper), the usual formats; lossless keeps its depth in 4:4:4.
    """
    source = info.pixel_format
    if source.family is not Family.GRAY:
        return source
    bits, width, height = source.bits, 0, 0
    if not lossless:
        bits, width, height = (8, 1, 1) if source.bits <= 8 else (10, 1, 0)
    return PixelFormat(
        name="", family=Family.YUV, bits=bits, log2_chroma_w=width, log2_chroma_h=height, has_alpha=source.has_alpha
    )


def choose_format(
    codec: av.Codec, info: SourceInfo, *, lossless: bool, strict: bool, asked: str | None
) -> EncoderFormat:
    """The layout of an encoder that loses least of the source, then the one that wastes least.

    Args:
        codec: The encoder.
        info: The source.
        lossless: Keep the source's depth also where the usual format of delivery has less.
        strict: Refuse if anything of the source would be lost.
        asked: The user's choice, which wins; None leaves it to this function.

    Raises:
        OutputError: The encoder lacks the layout asked for, or cannot hold the source without loss when it must.
    """
    available = formats_of(codec, info)
    if asked is not None:
        return _asked_format(codec, asked, available)
    if not available:
        raise OutputError(f"{codec.name} has no colour pixel format for a picture of {info.width_px}x{info.height_px}")
    wanted = wanted_format(info, lossless=lossless)
    best = min(available, key=lambda found: _loss(found, wanted))
    if strict and not _holds(best.planes, wanted):
        raise OutputError(
            f"{codec.name} cannot hold {_words(wanted)} without loss; the way out: -c ffv1 with a .mkv file"
        )
    return best


def _asked_format(codec: av.Codec, asked: str, available: list[EncoderFormat]) -> EncoderFormat:
    for found in available:
        if asked in (found.name, found.planes.name):
            return found
    names = " ".join(found.name for found in available)
    raise OutputError(f"{codec.name} cannot be given the pixel format {asked} here; it takes: {names}")


def _loss(found: EncoderFormat, wanted: PixelFormat) -> tuple[int | bool, ...]:
    """Smaller is better: first what would be lost, then what would be wasted."""
    planes = found.planes
    return (
        planes.family is not wanted.family,
        wanted.has_alpha and not planes.has_alpha,
        max(0, wanted.bits - planes.bits),
        max(0, planes.log2_chroma_w - wanted.log2_chroma_w) + max(0, planes.log2_chroma_h - wanted.log2_chroma_h),
        planes.bits - wanted.bits,
        planes.has_alpha,
        wanted.log2_chroma_w - planes.log2_chroma_w + wanted.log2_chroma_h - planes.log2_chroma_h,
        found.name in PACKED,
    )


def _holds(planes: PixelFormat, wanted: PixelFormat) -> bool:
    return (
        planes.family is wanted.family
        and planes.bits == wanted.bits
        and planes.has_alpha >= wanted.has_alpha
        and planes.log2_chroma_w <= wanted.log2_chroma_w
        and planes.log2_chroma_h <= wanted.log2_chroma_h
    )


def _words(wanted: PixelFormat) -> str:
    kind = "RGB" if wanted.family is Family.RGB else "Y'CbCr"
    alpha = " with alpha" if wanted.has_alpha else ""
    return f"{wanted.bits}-bit {kind}{alpha}"


def format_notes(info: SourceInfo, chosen: PixelFormat, codec: str) -> list[str]:
    """One line for everything that the chosen format does not keep of the source."""
    source, notes = info.pixel_format, []
    if chosen.bits < source.bits:
        notes.append(
            f"{codec} holds {chosen.bits} bits: the {source.bits}-bit samples are rounded to {chosen.bits} bits"
        )
    elif chosen.bits > source.bits:
        notes.append(f"the {source.bits}-bit samples are stored as {chosen.bits} bits, which {codec} needs")
    if source.has_alpha and not chosen.has_alpha:
        notes.append(f"alpha is lost: {codec} ({chosen.name}) has none; prores_ks in .mov and ffv1 in .mkv keep it")
    if source.family is Family.RGB and chosen.family is Family.YUV:
        notes.append(f"{codec} has no RGB here: the picture is stored as Y'CbCr ({chosen.name})")
    if source.family is not Family.RGB and chosen.family is Family.RGB:
        notes.append(f"{codec} holds RGB: Y' is kept to half a code before rounding, not bit by bit")
    if source.family is Family.YUV and chosen.family is Family.YUV and _coarser(chosen, source):
        notes.append(f"chroma is stored coarser than the source's ({chosen.name}); luma is not touched")
    if source.family is Family.GRAY and (chosen.log2_chroma_w, chosen.log2_chroma_h) == (0, 0) and _is_odd(info):
        notes.append(f"the odd size {info.width_px}x{info.height_px} is stored as {chosen.name}")
    return notes


def _coarser(chosen: PixelFormat, source: PixelFormat) -> bool:
    return (chosen.log2_chroma_w, chosen.log2_chroma_h) > (source.log2_chroma_w, source.log2_chroma_h)


def _is_odd(info: SourceInfo) -> bool:
    return bool(info.width_px % 2 or info.height_px % 2)
