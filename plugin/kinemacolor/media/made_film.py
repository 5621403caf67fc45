"""Writes a small grey film from arrays, for the demo and the benchmark."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

_NEUTRAL = 128


def write_grey_film(path: Path, lumas: Iterable[NDArray[np.uint8]], rate: Fraction) -> None:
    """Write limited-range BT.709 H.264 in 4:2:0 with neutral chroma.

    Args:
        path: Film to write, overwritten; its ending chooses the container.
        lumas: (H, W) Y' codes of each frame, 16 to 235, all of one even size.
        rate: Frames per second.
    """
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=rate, options={"crf": "12", "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
        for number, luma in enumerate(lumas):
            if number == 0:
                stream.height, stream.width = luma.shape
            frame = _frame(luma)
            frame.pts, frame.time_base = number, 1 / rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _frame(luma: NDArray[np.uint8]) -> av.VideoFrame:
    height, width = luma.shape
    chroma = np.full((height // 2, width), _NEUTRAL, np.uint8)
    frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")
    frame.color_range, frame.colorspace = 1, 1
    return frame
