"""Films of prints that were toned or tinted, with the grey that they were before, and films that are none.

A tone is a density for each channel (its power of grey), a tint what the dyed base lets through (a factor): with
`PRINTS["amber"]` grey 1.0 becomes (1, 0.78, 0.36). Planes are what `make.film(pictures=...)` takes.
"""

from dataclasses import dataclass

import make
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import Matrix
from kinemacolor.colour.matrix import rgb_to_ycbcr

WIDTH, HEIGHT = 160, 112
Grey = NDArray[np.float64]


@dataclass(frozen=True)
class Print:
    """What was done to a print."""

    powers: tuple[float, float, float] = (1.0, 1.0, 1.0)
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def rgb(self, grey: Grey) -> Grey:
        """(3, ...) R'G'B' of (...) grey in [0, 1]."""
        return np.stack([part * grey**power for power, part in zip(self.powers, self.tint, strict=True)])


PRINTS = {
    "sepia": Print(powers=(0.82, 1.0, 1.35)),
    "blue toned": Print(powers=(1.35, 1.0, 0.7)),
    "amber": Print(tint=(1.0, 0.78, 0.36)),
    "blue": Print(tint=(0.35, 0.6, 1.0)),
    "sepia on amber": Print(powers=(0.82, 1.0, 1.35), tint=(1.0, 0.85, 0.55)),
}


def grey(index: int) -> Grey:
    """A moving picture with black, white, soft slopes, edges and grain, in [0, 1]."""
    random = np.random.default_rng([7, index])
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    soft = 0.5 + 0.5 * np.sin((x + 3 * index) / 23.0) * np.cos(y / 17.0)
    blocks = np.kron(np.random.default_rng(5).random((7, 10)), np.ones((16, 16)))
    picture = 0.6 * soft + 0.4 * np.roll(blocks, 2 * index, axis=1) + random.normal(0.0, 0.012, soft.shape)
    return np.clip((picture - 0.08) / 0.84, 0.0, 1.0)


def planes(rgb: Grey, pixel_format: str) -> make.Planes:
    """Codes in BT.709, limited range for Y'CbCr and full range for gbrp; chroma is averaged as encoders do."""
    bits = 10 if "10" in pixel_format else 8
    dtype = np.dtype(np.uint8) if bits == 8 else np.dtype("<u2")
    if pixel_format.startswith("gbrp"):
        codes = [np.rint(plane * ((1 << bits) - 1)) for plane in rgb]
        return tuple(codes[channel].astype(dtype) for channel in (1, 2, 0))
    luma, cb, cr = rgb_to_ycbcr(rgb, Matrix.BT709)
    unit = 1 << (bits - 8)
    if "420" in pixel_format:
        cb, cr = (plane.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3)) for plane in (cb, cr))
    chroma = [np.rint(plane * 224 * unit + 128 * unit).astype(dtype) for plane in (cb, cr)]
    return np.rint(luma * 219 * unit + 16 * unit).astype(dtype), *chroma


def toned(print_: Print, pixel_format: str = "yuv420p"):
    """For `make.film`."""
    return lambda index: planes(print_.rgb(grey(index)), pixel_format)


def coloured(pixel_format: str = "yuv420p"):
    """A film with colours of its own: each area another hue, whatever its lightness."""

    def picture(index: int) -> make.Planes:
        shown = grey(index)
        x = np.arange(WIDTH)[None, :] / WIDTH
        share = [0.6 + 0.4 * np.sin(2 * np.pi * (x + third / 3)) for third in range(3)]
        return planes(np.stack([shown * part for part in share]), pixel_format)

    return picture


FORMATS = ("yuv420p", "yuv420p10le", "yuv444p", "gbrp", "gbrp10le")
SIZE = {"width": WIDTH, "height": HEIGHT, "matrix": 1, "transfer": 1, "primaries": 1}


def suffix(pixel_format: str) -> str:
    """Of a container that holds the format without loss."""
    return ".avi" if pixel_format == "gbrp" else ".mkv"
