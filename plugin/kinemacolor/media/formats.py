"""From what a decoder gives to planes: every pixel format of 8 to 16 bits becomes planar, native-endian and lossless.

Rules: no code value is ever scaled, only moved (interleaving undone, bytes swapped, padding bits dropped). Formats that
are planar already are not copied at all; the arrays are views into the decoder's own buffer, which they keep alive.
Everything that cannot be moved without arithmetic (float, Bayer, XYZ, fewer than 8 bits per sample) is refused.
Layouts of packed formats are FFmpeg's, libavutil/pixdesc.c; PyAV does not expose their offsets and shifts.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from kinemacolor.media.errors import UnsupportedSourceError
from kinemacolor.picture.pixel import Family, PixelFormat, Samples

__all__ = ["NATIVE", "Repacker", "palette_has_alpha", "planar_format"]

NATIVE = "le" if sys.byteorder == "little" else "be"
"""End of the names of native-endian formats."""

_SUBSAMPLING = {(1, 1): "420", (1, 0): "422", (0, 0): "444", (0, 1): "440", (2, 0): "411", (2, 2): "410"}

# One letter per sample, in memory order: Y U V luma and chroma, R G B, A alpha, x padding.
_INTERLEAVED = {
    "rgb24": "RGB", "bgr24": "BGR", "rgba": "RGBA", "bgra": "BGRA", "argb": "ARGB", "abgr": "ABGR",
    "rgb0": "RGBx", "bgr0": "BGRx", "0rgb": "xRGB", "0bgr": "xBGR",
    "rgb48": "RGB", "bgr48": "BGR", "rgba64": "RGBA", "bgra64": "BGRA",
    "ya8": "YA", "ya16": "YA",
    "yuyv422": "YUYV", "uyvy422": "UYVY", "yvyu422": "YVYU", "y210": "YUYV", "y212": "YUYV", "y216": "YUYV",
    "vuya": "VUYA", "vuyx": "VUYx", "ayuv": "AYUV", "uyva": "UYVA", "vyu444": "VYU",
    "ayuv64": "AYUV", "xv36": "UYVx", "xv48": "UYVx",
}  # fmt: skip
# Bits to drop at the low end: these formats keep their samples in the high bits of 16.
_SHIFT = {
    "p010": 6, "p210": 6, "p410": 6, "p012": 4, "p212": 4, "p412": 4, "y210": 6, "y212": 4, "xv36": 4,
}  # fmt: skip
# Three components of ten bits in 32: position of the lowest bit of each.
_WORDS = {
    "x2rgb10": {"R": 20, "G": 10, "B": 0},
    "x2bgr10": {"B": 20, "G": 10, "R": 0},
    "xv30": {"V": 20, "Y": 10, "U": 0},
    "v30x": {"V": 22, "Y": 12, "U": 2},
}
_SWAPPED_CHROMA = ("nv21", "nv42")
_COMPONENTS = {Family.GRAY: "Y", Family.YUV: "YUV", Family.RGB: "RGB"}

Unpacked = tuple[tuple[Samples, ...], Samples | None]


def planar_format(name: str, *, palette_alpha: bool = False) -> PixelFormat:
    """The planar, native-endian format that holds every code value of FFmpeg's format `name`.

    Full-range variants (`yuvj420p`) lose their `j`: range is a tag here, not a format. A palette becomes RGB, with
    alpha if `palette_alpha`; one bit per pixel becomes 8-bit gray of 0 and 255.

    Raises:
        UnsupportedSourceError: a format that has no lossless planar form of 8 to 16 bits.
    """
    form = av.VideoFormat(name, 16, 16)
    if form.has_palette:
        return _named(Family.RGB, 8, alpha=palette_alpha)
    if name in ("monow", "monob"):
        return _named(Family.GRAY, 8)
    components = form.components
    bits = {component.bits for component in components}
    if not _is_known(name, form) or len(bits) != 1 or not 8 <= min(bits) <= 16:
        raise UnsupportedSourceError(f"pixel format {name} cannot be read without loss; convert the film first")
    alpha = any(component.is_alpha for component in components)
    if form.is_rgb:
        return _named(Family.RGB, min(bits), alpha=alpha)
    if len(components) <= 2:
        return _named(Family.GRAY, min(bits), alpha=alpha)
    log2_w = (16 // form.chroma_width()).bit_length() - 1
    log2_h = (16 // form.chroma_height()).bit_length() - 1
    return _named(Family.YUV, min(bits), log2_w, log2_h, alpha)


def _is_known(name: str, form: av.VideoFormat) -> bool:
    if not form.components or form.is_bayer or form.is_bit_stream or name.startswith("xyz"):
        return False
    base = _base(name)
    if any(mark in base for mark in ("f16", "f32")):
        return False
    return _is_planar(form) or _is_semiplanar(form) or base in _INTERLEAVED or base in _WORDS


def _base(name: str) -> str:
    """The name without its byte order."""
    return name[:-2] if name.endswith(("le", "be")) else name


def _is_planar(form: av.VideoFormat) -> bool:
    planes = [component.plane for component in form.components]
    return len(set(planes)) == len(planes)


def _is_semiplanar(form: av.VideoFormat) -> bool:
    return [component.plane for component in form.components] == [0, 1, 1]


def _named(family: Family, bits: int, log2_w: int = 0, log2_h: int = 0, alpha: bool = False) -> PixelFormat:
    depth = "" if bits == 8 else f"{bits}{NATIVE}"
    if family is Family.GRAY:
        name = ("ya8" if bits == 8 else f"ya{depth}") if alpha else f"gray{depth}"
    elif family is Family.RGB:
        name = f"gbr{'a' if alpha else ''}p{depth}"
    else:
        name = f"yuv{'a' if alpha else ''}{_SUBSAMPLING[log2_w, log2_h]}p{depth}"
    return PixelFormat(name=name, family=family, bits=bits, log2_chroma_w=log2_w, log2_chroma_h=log2_h, has_alpha=alpha)


def palette_has_alpha(frame: av.VideoFrame) -> bool:
    """True if a paletted picture has an entry that is not opaque."""
    return frame.format.has_palette and bool((_palette(frame)[:, 3] != 255).any())


@dataclass(frozen=True, slots=True)
class _Grid:
    """Size of a decoded picture and of its chroma planes, in samples."""

    width: int
    height: int
    chroma_width: int
    chroma_height: int


class Repacker:
    """Turns decoded pictures of one FFmpeg format into planes of `target` = `planar_format(name)`."""

    def __init__(self, name: str, target: PixelFormat) -> None:
        form = av.VideoFormat(name, 16, 16)
        self.name = name
        self.target = target
        self._base = _base(name)
        self._item = np.dtype(np.uint8 if target.bits <= 8 else (">u2" if form.is_big_endian else "<u2"))
        self._word = np.dtype(">u4" if form.is_big_endian else "<u4")
        self._shift = _SHIFT.get(self._base, 16 - target.bits if "msb" in name else 0)
        self._unpack = self._method(form)

    def __call__(self, frame: av.VideoFrame) -> Unpacked:
        """Planes of `frame` in the order Y' | Y' Cb Cr | R' G' B', (H, W), read-only, and alpha if there is one."""
        chroma_w, chroma_h = self.target.chroma_size(frame.width, frame.height)
        found = self._unpack(frame, _Grid(frame.width, frame.height, chroma_w, chroma_h))
        for samples in found.values():
            samples.flags.writeable = False
        planes = tuple(found[component] for component in _COMPONENTS[self.target.family])
        return planes, found.get("A") if self.target.has_alpha else None

    def _method(self, form: av.VideoFormat) -> Callable[[av.VideoFrame, _Grid], dict[str, Samples]]:
        if form.has_palette:
            return self._from_palette
        if self._base in ("monow", "monob"):
            return self._from_bits
        if self._base in _WORDS:
            return self._from_words
        if self._base in _INTERLEAVED:
            return self._from_interleaved
        if _is_semiplanar(form):
            return self._from_semiplanar
        letters = _COMPONENTS[self.target.family] + ("A" if self.target.has_alpha else "")
        order = dict(zip(letters, (component.plane for component in form.components), strict=True))
        return lambda frame, grid: self._from_planar(frame, grid, order)

    def _from_planar(self, frame: av.VideoFrame, grid: _Grid, order: dict[str, int]) -> dict[str, Samples]:
        planes = frame.planes
        return {
            letter: self._native(_rows(planes[plane], self._item, *_size(letter, grid)))
            for letter, plane in order.items()
        }

    def _native(self, samples: NDArray[Any]) -> Samples:
        """The same codes in native byte order and in the low bits; no copy where that is so already."""
        native: NDArray[Any] = samples.astype(self.target.dtype, copy=False)
        shifted: NDArray[Any] = np.right_shift(native, self._shift) if self._shift else native
        return shifted

    def _from_semiplanar(self, frame: av.VideoFrame, grid: _Grid) -> dict[str, Samples]:
        luma, pairs = frame.planes
        y = _rows(luma, self._item, grid.height, grid.width)
        uv = _rows(pairs, self._item, grid.chroma_height, 2 * grid.chroma_width)
        first, second = (uv[:, 0::2], uv[:, 1::2])
        if self._base in _SWAPPED_CHROMA:
            first, second = second, first
        return {"Y": self._native(y), "U": self._packed(first), "V": self._packed(second)}

    def _packed(self, samples: NDArray[Any]) -> Samples:
        """A contiguous copy: planes that stay interleaved would be slow for everyone after us."""
        packed: NDArray[Any] = np.ascontiguousarray(self._native(samples))
        return packed

    def _from_interleaved(self, frame: av.VideoFrame, grid: _Grid) -> dict[str, Samples]:
        layout = _INTERLEAVED[self._base]
        if layout.count("Y") == 2:
            return self._from_pairs(frame, grid, layout)
        step = len(layout)
        rows = _rows(frame.planes[0], self._item, grid.height, grid.width * step)
        return {letter: self._packed(rows[:, at::step]) for at, letter in enumerate(layout) if letter != "x"}

    def _from_pairs(self, frame: av.VideoFrame, grid: _Grid, layout: str) -> dict[str, Samples]:
        """4:2:2: two pixels in four samples; an odd width has a padding luma sample at the end."""
        rows = _rows(frame.planes[0], self._item, grid.height, 4 * grid.chroma_width)
        at = layout.index("Y")
        luma = rows[:, at::2][:, : grid.width]
        chroma = {letter: self._packed(rows[:, layout.index(letter) :: 4]) for letter in "UV"}
        return {"Y": self._packed(luma), **chroma}

    def _from_words(self, frame: av.VideoFrame, grid: _Grid) -> dict[str, Samples]:
        words = _rows(frame.planes[0], self._word, grid.height, grid.width)
        return {letter: ((words >> low) & 0x3FF).astype(np.uint16) for letter, low in _WORDS[self._base].items()}

    def _from_palette(self, frame: av.VideoFrame, grid: _Grid) -> dict[str, Samples]:
        indices = _rows(frame.planes[0], np.dtype(np.uint8), grid.height, grid.width)
        palette = _palette(frame)
        return {letter: palette[:, at][indices] for at, letter in enumerate("RGBA")}

    def _from_bits(self, frame: av.VideoFrame, grid: _Grid) -> dict[str, Samples]:
        rows = _rows(frame.planes[0], np.dtype(np.uint8), grid.height, -(-grid.width // 8))
        bits = np.unpackbits(rows, axis=1)[:, : grid.width]
        white = np.uint8(0 if self._base == "monow" else 1)
        return {"Y": np.where(bits == white, np.uint8(255), np.uint8(0))}


def _size(letter: str, grid: _Grid) -> tuple[int, int]:
    if letter in "UV":
        return grid.chroma_height, grid.chroma_width
    return grid.height, grid.width


def _rows(plane: VideoPlane, item: np.dtype[Any], height: int, count: int) -> NDArray[Any]:
    """`count` items of each row as a view; rows are `line_size` bytes apart, upwards if that is negative."""
    step = plane.line_size
    offset = (height - 1) * -step if step < 0 else 0
    return np.ndarray((height, count), item, memoryview(plane), offset, (step, item.itemsize))


def _palette(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """(256, 4) R G B A. FFmpeg stores each entry as one native 32-bit word 0xAARRGGBB."""
    words = np.frombuffer(memoryview(frame.planes[1]), dtype=np.uint32, count=256)
    return np.stack([(words >> low) & 0xFF for low in (16, 8, 0, 24)], axis=1).astype(np.uint8)
