"""Film files for the commands that are measured: the grey film they are given, the colour film they give back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["Film", "Size", "grey_codes", "read_film", "read_rgb", "write_grey_film"]

Size = Callable[[av.VideoFrame], tuple[int, int]]
"""The width and height at which a frame is wanted."""


_RATE = Fraction(24)
_BLACK, _SPAN = 16.0, 219.0  # limited range, BT.709 section 3
_NEUTRAL = 128
_SRGB = 13  # transfer characteristics of H.273: the pictures that are measured are sRGB
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_KR_KB = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}  # H.273 matrix coefficients
_KR_KB_UNTAGGED = (0.299, 0.114)  # BT.601: what FFmpeg and OpenCV write and read where a file says nothing


@dataclass(frozen=True, slots=True)
class Film:
    """A film that was read."""

    rgb: NDArray[np.uint8]
    """(T, H, W, 3) code values."""
    luma: NDArray[np.uint8]
    """(T, H, W) Y' as 8-bit codes of limited range, before anything was converted."""


def grey_codes(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Y' of full range (0 to 255) as codes of limited range (16 to 235)."""
    return np.asarray(np.round(_BLACK + luma * (_SPAN / 255.0)), dtype=np.uint8)


def write_grey_film(path: Path, codes: NDArray[np.uint8]) -> None:
    """Write a lossless grey film: FFV1, 4:2:0 with neutral chroma, limited range, BT.709 with sRGB's transfer.

    Args:
        path: Matroska file.
        codes: (T, H, W) Y' of limited range, both sides even.
    """
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=_RATE)
        stream.height, stream.width = codes.shape[1:]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, _SRGB
        for number, luma in enumerate(codes):
            frame = _grey_frame(luma)
            frame.pts, frame.time_base = number, 1 / _RATE
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def read_film(path: Path) -> Film:
    """Decode a film of one size.

    Raises:
        ValueError: It has no picture, or pictures of several sizes.
        OSError: It does not decode (errors of FFmpeg).
    """
    pictures = list(_pictures(path))
    sizes = {luma.shape for _, luma in pictures}
    if len(sizes) != 1:
        raise ValueError(f"expected pictures of one size, found {len(sizes)} sizes" if sizes else "it has no picture")
    return Film(np.stack([rgb for rgb, _ in pictures]), np.stack([luma for _, luma in pictures]))


def read_rgb(source: av.container.InputContainer, stream: av.VideoStream, size: Size) -> Iterator[NDArray[np.uint8]]:
    """The pictures (H, W, 3) of a film that was opened, each reduced by area and the right way up.

    Raises:
        OSError: It does not decode (errors of FFmpeg).
    """
    for frame in source.decode(stream):
        rgb, _ = _picture(frame, size(frame))
        yield np.rot90(rgb, round(frame.rotation / 90.0)).copy()


def _grey_frame(luma: NDArray[np.uint8]) -> av.VideoFrame:
    height, width = luma.shape
    chroma = np.full((height // 2, width), _NEUTRAL, np.uint8)
    frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")
    frame.color_range, frame.colorspace = 1, 1
    return frame


def _pictures(path: Path) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    with av.open(str(path)) as source:
        if not source.streams.video:
            return
        for frame in source.decode(source.streams.video[0]):
            yield _picture(frame, (frame.width, frame.height))


def _picture(frame: av.VideoFrame, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return _from_yuv(frame, size) if _is_yuv(frame) else _from_rgb(frame, size)


def _is_yuv(frame: av.VideoFrame) -> bool:
    return frame.format.name.startswith(("yuv", "nv", "p0"))


def _from_rgb(frame: av.VideoFrame, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rgb = np.asarray(_planes(frame, "rgb24", size), dtype=np.uint8)
    kr, kb = _KR_KB[1]
    luma = rgb @ np.array([kr, 1.0 - kr - kb, kb])
    return rgb, grey_codes(np.asarray(np.round(luma), dtype=np.uint8))


def _from_yuv(frame: av.VideoFrame, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Own arithmetic for the matrix; FFmpeg enlarges the chroma only, so Y' stays as it was decoded."""
    deep = frame.format.components[0].bits > 8
    full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
    even = "yuv444p16le" if deep else "yuvj444p" if full else "yuv444p"
    planes = _planes(frame, even, size).astype(np.float64) / (256.0 if deep else 1.0)
    y, cb, cr = planes if planes.shape[0] == 3 else np.moveaxis(planes, -1, 0)
    luma = y / 255.0 if full else (y - _BLACK) / _SPAN
    scale = 255.0 if full else 224.0
    kr, kb = _KR_KB.get(frame.colorspace, _KR_KB_UNTAGGED)
    red = luma + 2.0 * (1.0 - kr) * (cr - _NEUTRAL) / scale
    blue = luma + 2.0 * (1.0 - kb) * (cb - _NEUTRAL) / scale
    green = (luma - kr * red - kb * blue) / (1.0 - kr - kb)
    return _bytes(255.0 * np.stack([red, green, blue], axis=-1)), _bytes(_BLACK + _SPAN * luma)


def _planes(frame: av.VideoFrame, form: str, size: tuple[int, int]) -> NDArray[Any]:
    """Samples, 8 or 16 bit, in another format; reduced by area if the size is another."""
    if size == (frame.width, frame.height):
        return frame.to_ndarray(format=form)
    return frame.to_ndarray(format=form, width=size[0], height=size[1], interpolation="AREA")


def _bytes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.asarray(np.round(values).clip(0.0, 255.0), dtype=np.uint8)
