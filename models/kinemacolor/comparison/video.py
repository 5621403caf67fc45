"""Videos for looking at: H.264 in MP4, made in memory."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from kinemacolor.evaluation.pictures import Picture

__all__ = ["Encoding", "encode_mp4"]

_BT709 = 1  # H.273: matrix, primaries and transfer of high definition television
_SRGB = 13  # transfer of H.273
_LONGEST_PX = 16384  # of a side, in x264
_LIMITED = 1  # AVCOL_RANGE_MPEG


@dataclass(frozen=True, slots=True)
class Encoding:
    """How small a video shall be."""

    crf: int
    """Constant rate factor of x264: 18 is hardly told from the source, 30 is coarse."""
    scale: float = 1.0
    """Of the sides, at most 1; less is taken if a side would be longer than H.264 can have it."""


def encode_mp4(pictures: Iterable[Picture], rate: Fraction, encoding: Encoding) -> bytes:
    """The file.

    Args:
        pictures: At least one (H, W, 3) sRGB, all of one size with even sides.
        rate: Frames per second.
        encoding: How small.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"  # what every browser plays
        # One thread: more would make other bytes on other machines. (Where x264 uses AVX-512 they may differ anyway.)
        stream.options = {"crf": str(encoding.crf), "preset": "medium", "threads": "1"}
        context = stream.codec_context
        context.color_range, context.colorspace = _LIMITED, _BT709
        context.color_primaries, context.color_trc = _BT709, _SRGB
        for number, picture in enumerate(pictures):
            frame = _frame(_scaled(picture, encoding.scale))
            if number == 0:
                stream.width, stream.height = frame.width, frame.height
            frame.pts, frame.time_base = number, 1 / rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def _scaled(picture: Picture, scale: float) -> Picture:
    fitting = min(scale, _LONGEST_PX / max(picture.shape[:2]))
    if fitting == 1.0:
        return picture
    height, width = (max(2, round(side * fitting / 2) * 2) for side in picture.shape[:2])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _frame(picture: Picture) -> av.VideoFrame:
    rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return rgb.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, threads=1)
