"""A layer painted onto a band of a host's picture: back to the host's light, alpha, mix and codes, in place."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.arrays import Float32
from kinemacolor.colour.encoding import Range
from kinemacolor.colour.matrix import code_scale
from kinemacolor.picture.merge import round_to_codes

from .controls import Controls, Output
from .film_grid import FilmGrid
from .form import HostFormat, Pixels
from .layers import Layer
from .reading import Band, BandReader, join_components, without_nan

__all__ = ["Brush", "Stroke", "draw_split_line"]

_SPLIT_LINE_PART = 960
"""Of the width; the line is this part of it, 2 pixels at 1080p."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """Pixels of a band that are counted."""

    limited: int
    nonfinite: int


class Brush:
    """Paints bands of one picture.

    Args:
        form: Of the picture.
        reader: For its bands.
        grid: Of the picture's film.
        layer: What is painted.
        controls: Mix and output.
    """

    def __init__(
        self, form: HostFormat, reader: BandReader, grid: FilmGrid | None, layer: Layer, controls: Controls
    ) -> None:
        self._form, self._reader, self._grid, self._layer, self._controls = form, reader, grid, layer, controls
        self._split_px = _split_px(form) if controls.output is Output.SPLIT else 0

    def paint(self, pixels: Pixels, rows: slice) -> Stroke:
        """Read and repaint the rows of a picture, given as (h, W, C)."""
        band = self._reader.read(pixels, self._grid)
        with np.errstate(all="ignore"):  # of NaN and infinity, which `_kept` puts right
            rgb, limited = self._layer.paint(band, rows)
            self._to_host(rgb, band)
            self._write(pixels, rgb, band)
        return Stroke(limited, band.nonfinite_pixels)

    def _to_host(self, rgb: Float32, band: Band) -> None:
        """R'G'B' of the layer to the numbers of the host, with 1.0 for white; in place."""
        kept = self._kept(rgb, band)
        if self._reader.is_linear:
            for plane in rgb:
                plane[:] = self._reader.to_light(plane)
        if band.alpha is not None:
            rgb *= band.alpha
        if self._controls.mix < 1:
            for plane, source in zip(rgb, band.source, strict=True):
                plane -= source
                plane *= np.float32(self._controls.mix)
                plane += source
        if kept is not None:
            for plane, source in zip(rgb, band.source, strict=True):
                np.copyto(plane, source, where=kept)
        if self._split_px:
            for plane, source in zip(rgb, band.source, strict=True):
                plane[:, : self._split_px] = source[:, : self._split_px]

    def _kept(self, rgb: Float32, band: Band) -> NDArray[np.bool_] | None:
        """Pixels that stay as they came: without luma, or neutral where the way to Y' and back would cost a bit."""
        if not self._reader.is_linear and band.alpha is None and band.is_luma_of_codes:
            return band.kept
        same: NDArray[np.bool_] = rgb[0] == band.luma
        same &= rgb[1] == band.luma
        same &= rgb[2] == band.luma
        if not band.is_grey:
            same &= band.is_neutral
        if band.kept is not None:
            same |= band.kept
        return same

    def _write(self, pixels: Pixels, rgb: Float32, band: Band) -> None:
        planes = [self._rounded(plane, band.unit) for plane in rgb]
        planes += [without_nan(alpha) if band.nonfinite_pixels else alpha for alpha in band.raw[3:]]
        join_components(planes, pixels)

    def _rounded(self, plane: Float32, unit: float) -> NDArray[Any]:
        bits = self._form.depth.integer_bits
        if bits is None:
            return plane.astype(self._form.depth.dtype, copy=False)
        return round_to_codes(plane, code_scale(bits, Range.FULL), unit)


def _split_px(form: HostFormat) -> int:
    return form.width_px // 2


def draw_split_line(picture: Pixels, form: HostFormat) -> None:
    """A thin white line where the source ends; alpha stays."""
    left = _split_px(form)
    line = picture[:, left : left + max(1, round(form.width_px / _SPLIT_LINE_PART))]
    bits = form.depth.integer_bits
    if form.premultiplied:
        line[:, :, :3] = line[:, :, 3:]
    else:
        line[:, :, :3] = 1 if bits is None else (1 << bits) - 1
