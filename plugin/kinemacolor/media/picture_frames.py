"""Planes to av.VideoFrame and back, at any depth, honouring strides. Only here are FFmpeg's plane orders known."""

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from kinemacolor.media.types import OutputFrame, OutputPlan
from kinemacolor.picture.pixel import Family, PixelFormat, Samples

__all__ = ["FrameFiller", "check_planes", "packed_dtype", "plane_view", "read_luma", "read_planes"]

# FFmpeg keeps planar RGB as G, B, R; ours is (R', G', B').
_RGB_TO_GBR = (1, 2, 0)
_PACKED_ORDER = {
    "rgb24": "RGB",
    "bgr24": "BGR",
    "bgr0": "BGR0",
    "rgba": "RGBA",
    "bgra": "BGRA",
    "argb": "ARGB",
    "abgr": "ABGR",
    "rgb48le": "RGB",
    "rgb48be": "RGB",
    "rgba64le": "RGBA",
    "rgba64be": "RGBA",
}


class FrameFiller:
    """Makes av.VideoFrames of one layout and size.

    The same memory is used again once the encoder has let go of it (fresh memory costs as much as the copying).
    """

    def __init__(self, layout: str, width_px: int, height_px: int) -> None:
        self._layout = layout
        self._frame = av.VideoFrame(width_px, height_px, layout)

    def fill(self, planes: tuple[Samples, ...], alpha: Samples | None) -> av.VideoFrame:
        """The frame with these planes; valid until the next call, unless an encoder holds it.

        `planes` are (Y', Cb, Cr) or (R', G', B'), each (H, W) of its own size. Alpha that the layout has and the
        caller does not is opaque.
        """
        frame, layout = self._frame, self._layout
        frame.make_writable()
        if layout in _PACKED_ORDER:
            _fill_packed(frame, layout, planes, alpha)
            return frame
        ordered = [planes[i] for i in _RGB_TO_GBR] if layout.startswith("gbr") else list(planes)
        if len(frame.planes) > len(ordered):
            ordered.append(_opaque(layout, (frame.height, frame.width)) if alpha is None else alpha)
        for plane, samples in zip(frame.planes, ordered, strict=True):
            height, width = samples.shape
            plane_view(plane, samples.dtype, 1)[:height, :width, 0] = samples
        return frame


def _opaque(layout: str, shape: tuple[int, int]) -> Samples:
    bits = av.VideoFormat(layout, 16, 16).components[0].bits
    opaque = (1 << bits) - 1
    return np.full(shape, opaque, np.uint8) if bits <= 8 else np.full(shape, opaque, np.uint16)


def _fill_packed(frame: av.VideoFrame, layout: str, planes: tuple[Samples, ...], alpha: Samples | None) -> None:
    order = _PACKED_ORDER[layout]
    view = plane_view(frame.planes[0], packed_dtype(layout), len(order))
    height, width = planes[0].shape
    for position, component in enumerate(order):
        target = view[:height, :width, position]
        if component in "RGB":
            target[:] = planes["RGB".index(component)]
        elif component == "A" and alpha is not None:
            target[:] = alpha
        else:
            target[:] = np.iinfo(view.dtype).max


def packed_dtype(layout: str) -> np.dtype[Any]:
    """The sample type of a packed layout in its own byte order."""
    if "48" not in layout and "64" not in layout:
        return np.dtype(np.uint8)
    return np.dtype(">u2" if layout.endswith("be") else "<u2")


def plane_view(plane: Any, dtype: Any, channels: int) -> NDArray[Any]:
    """The memory of a plane as (rows, columns with padding, channels), without a copy."""
    store = np.frombuffer(plane, dtype=dtype)
    columns = plane.line_size // (store.itemsize * channels)
    used = columns * channels
    rows = store.reshape(plane.height, -1) if plane.height else store.reshape(0, used)
    return rows[:, :used].reshape(rows.shape[0], columns, channels)


def read_planes(frame: av.VideoFrame, form: PixelFormat) -> tuple[Samples, ...]:
    """Copies of the colour planes of a decoded frame with samples as in `form`: (Y', Cb, Cr) or (R', G', B')."""
    layout, width, height = frame.format.name, frame.width, frame.height
    if layout in _PACKED_ORDER:
        order = _PACKED_ORDER[layout]
        view = plane_view(frame.planes[0], packed_dtype(layout), len(order))
        return tuple(
            np.ascontiguousarray(view[:height, :width, order.index(name)]).astype(form.dtype) for name in "RGB"
        )
    sizes = [(width, height)] + [form.chroma_size(width, height) if form.family is Family.YUV else (width, height)] * 2
    views = [
        np.array(plane_view(plane, form.dtype, 1)[: size[1], : size[0], 0])
        for plane, size in zip(frame.planes, sizes, strict=False)
    ]
    if form.family is Family.RGB:
        green, blue, red = views
        return red, green, blue
    return tuple(views)


def read_luma(frame: av.VideoFrame, form: PixelFormat) -> Samples:
    """A view of the Y' plane of a decoded Y'CbCr frame, (H, W); valid as long as the frame is."""
    return plane_view(frame.planes[0], form.dtype, 1)[: frame.height, : frame.width, 0]


def check_planes(frame: OutputFrame, plan: OutputPlan) -> None:
    """Refuse planes that do not fit the plan.

    Raises:
        ValueError: Says what was expected and what was given.
    """
    form, source = plan.pixel_format, plan.source
    luma = (source.height_px, source.width_px)
    chroma = form.chroma_size(source.width_px, source.height_px)[::-1] if form.family is Family.YUV else luma
    expected = [(luma, form.dtype), (chroma, form.dtype), (chroma, form.dtype)]
    given = [(plane.shape, plane.dtype) for plane in frame.planes]
    if given != expected:
        raise ValueError(f"frame {frame.number}: planes {given} do not fit {form.name}: expected {expected}")
    if frame.alpha is not None and not form.has_alpha:
        raise ValueError(f"frame {frame.number} has alpha and {form.name} has none")
    if frame.alpha is not None and frame.alpha.shape != luma:
        raise ValueError(f"frame {frame.number}: alpha is {frame.alpha.shape}, expected {luma}")
