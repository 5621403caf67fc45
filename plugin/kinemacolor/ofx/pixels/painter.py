"""From a host's picture to the luma that the network sees, and colour back into the picture.

The rules of a pixel
  * Its Y' is the source's: but for rounding in floats, and within half a code where codes are rounded. (Scene linear:
    Y' is that of the sRGB-coded light. Premultiplied: Y' is that of the colour before it was multiplied. Film that the
    host has decoded to integers: Y' is the film's own, which the host has rounded; see `film_grid`.)
  * Colour that does not fit R'G'B' in [0, 1] at this Y' loses saturation and is counted. Floats have no upper limit but
    the same rule: so byte and float renders of a frame look alike, and no later clip finds what the source had not.
  * Y' below 0 or above 1 gets no colour, and a neutral pixel comes out as it came: highlights keep their value.
  * Without a finite Y', or premultiplied without alpha, it stays as it came, except that NaN becomes 0.
  * A neutral pixel to which no colour is added keeps every bit. The source's own colour, if it has any, is replaced.
  * mix 0, and amount 0 of plain colour, give the source bit for bit, whatever it holds.

A picture is worked on in bands of rows; bands are the same however many threads work on them, so results are, too.
Chroma is solved at proxy size, as the renderer does, with the same arithmetic.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from kinemacolor.colour.arrays import Float32
from kinemacolor.colour.encoding import Range
from kinemacolor.colour.solve import ChromaSolver
from kinemacolor.picture.joint_bilateral import JointBilateralUpsampler
from kinemacolor.picture.merge import Ab
from kinemacolor.picture.proxy import Proxy, make_proxy, proxy_of_float
from kinemacolor.picture.upsample import ChromaLine, ChromaUpsampler, fit_lines
from kinemacolor.picture.upsampling import Upsampling

from .brush import Brush, draw_split_line
from .controls import Controls, Output
from .film_grid import FilmGrid, Greys, grids_of
from .form import Depth, HostColour, HostFormat, Pixels
from .layers import ChromaSource, ColourLayer, GreyLayer, Layer, chroma_of_lines
from .reading import BandReader

__all__ = ["Confidence", "HostPainter", "Map", "Painted", "PictureLuma"]

Confidence = NDArray[np.uint8]
"""(h, w) on the proxy grid, 255 = sure."""

_BAND_PIXELS = 1 << 18
_SOLVED_PIXELS = 1 << 16
"""How large bands are: small for the cache, but not so small that two threads wait for Python's lock after each step of
a few microseconds. Half or twice as many pixels cost a fifth more with two threads."""
_MID_LUMA = 0.5
_LOOKED_AT_PIXELS = 16384
"""So many are looked at first, so that a picture which is no film costs next to nothing."""
_FEWEST_GREYS = 32
"""Of a picture of unknown range. Pictures of full range with fewer lie on a film's grid by chance: with 8 greys half of
them, with 20 a tenth, with 30 a fiftieth."""

A = TypeVar("A")
T = TypeVar("T")


class Map(Protocol):
    """`map`, or that of an executor: calls a function with every item and gives the results in order."""

    def __call__(self, work: Callable[[A], T], items: Iterable[A], /) -> Iterable[T]:
        """The results, in the order of the items."""
        ...


def _one_by_one(work: Callable[[A], T], items: Iterable[A], /) -> Iterable[T]:
    return map(work, items)


@dataclass(frozen=True, slots=True, eq=False)
class PictureLuma:
    """Luma of one picture."""

    proxy: Proxy
    """The network's, (h, w) uint16, 0 = black, 65535 = white."""
    grid: FilmGrid | None
    """Of the film, if the picture shows its codes."""


@dataclass(frozen=True, slots=True)
class Painted:
    """A picture that came out."""

    picture: Pixels
    limited_pixels: int
    """Pixels that lost saturation because their luma had no room for it."""
    nonfinite_pixels: int
    """Pixels that stayed without colour because a component is NaN or infinite."""


class HostPainter:
    """Proxy and colour for pictures of one format. Holds work arrays, so use one per thread; remembers nothing else.

    Args:
        form: Of the pictures.
        colour: What their numbers stand for.
        proxy_size: (width, height) of the network's luma, as `proxy_size` gave it.
        map_: Who works on the bands; `ThreadPoolExecutor.map` for instance.

    Raises:
        ValueError: The proxy is larger than the picture.
    """

    def __init__(
        self,
        form: HostFormat,
        colour: HostColour,
        proxy_size: tuple[int, int],
        *,
        map_: Map = _one_by_one,
    ) -> None:
        width, height = form.width_px, form.height_px
        if not (1 <= proxy_size[0] <= width and 1 <= proxy_size[1] <= height):
            raise ValueError(f"expected a proxy within {width} x {height}, found {proxy_size[0]} x {proxy_size[1]}")
        self._form, self._proxy_size, self._map = form, proxy_size, map_
        self._matrix = colour.encoding.matrix
        self._film_range = colour.film.range if colour.film is not None else None
        self._reader = BandReader(form, colour)
        self._solver = ChromaSolver(colour.encoding)
        self._upsampler = ChromaUpsampler(proxy_size=proxy_size, luma_size=(width, height))
        self._work = np.empty((4, height, width), dtype=np.float32)

    def read(self, picture: Pixels) -> PictureLuma:
        """What the network sees of a picture.

        Args:
            picture: (H, W, C); only read. What lies outside black and white is clipped before it is averaged.

        Raises:
            ValueError: It is not of the painter's format.
        """
        self._form.check(picture)
        film = self._film(picture)
        if film is None:
            return PictureLuma(self._proxy(picture), None)
        grid, greys = film
        return PictureLuma(make_proxy(grid.film_codes(greys), grid.bits, Range.LIMITED, self._proxy_size), grid)

    def _film(self, picture: Pixels) -> tuple[FilmGrid, Greys] | None:
        """The grid of film codes that a picture lies on, and its (H, W) greys."""
        step = max(1, math.isqrt(picture.shape[0] * picture.shape[1] // _LOOKED_AT_PIXELS))
        few: Pixels = picture[::step, ::step].copy()
        first = self._reader.greys(few) if self._may_be_film(few) else None
        grids = [] if first is None else [grid for grid in grids_of(self._form.depth) if grid.holds(first)]
        if not grids:
            return None
        greys: Greys = np.empty(picture.shape[:2], dtype=picture.dtype)

        def read(rows: slice) -> list[bool]:
            found = self._reader.greys(picture[rows])
            if found is None:
                return [False] * len(grids)
            greys[rows] = found
            return [grid.holds(found) for grid in grids]

        held = self._each(picture.shape, _BAND_PIXELS, read)
        return next(
            ((grid, greys) for grid, all_ in zip(grids, zip(*held, strict=True), strict=True) if all(all_)), None
        )

    def _may_be_film(self, few: Pixels) -> bool:
        """Whether its greys can be those of a film of limited range, as far as is known or likely."""
        if self._film_range is not None:
            return self._film_range is Range.LIMITED
        return len(np.unique(few[:, :, 1])) >= _FEWEST_GREYS

    def _proxy(self, picture: Pixels) -> Proxy:
        luma = np.empty(picture.shape[:2], dtype=np.float32)

        def read(rows: slice) -> None:
            luma[rows] = self._reader.read(picture[rows]).visible_luma

        self._each(picture.shape, _BAND_PIXELS, read)
        return proxy_of_float(luma, self._proxy_size)

    def colour(
        self,
        picture: Pixels,
        luma: PictureLuma,
        ab: Ab,
        controls: Controls,
        *,
        confidence: Confidence | None = None,
        in_place: bool = False,
    ) -> Painted:
        """Colour for a picture.

        Args:
            picture: (H, W, C).
            luma: Of this picture, as `read` found it.
            ab: (2, h, w) its a*b* in 1/256 units.
            controls: What the user set.
            confidence: For the output that shows it.
            in_place: Write the result into `picture`.

        Raises:
            ValueError: Something is not of the painter's format, or a confidence is to be shown and there is none.
        """
        self._check(picture, luma.proxy, ab)
        layer = self._layer(luma.proxy, ab, controls, confidence)
        out = picture if in_place else picture.copy()
        if controls.keeps_source:
            return Painted(out, 0, 0)
        brush = Brush(self._form, self._reader, luma.grid, layer, controls)
        strokes = self._each(out.shape, _BAND_PIXELS, lambda rows: brush.paint(out[rows], rows))
        if controls.output is Output.SPLIT:
            draw_split_line(out, self._form)
        return Painted(out, sum(one.limited for one in strokes), sum(one.nonfinite for one in strokes))

    def _layer(self, proxy: Proxy, ab: Ab, controls: Controls, confidence: Confidence | None) -> Layer:
        if controls.output is Output.CONFIDENCE:
            return GreyLayer(self._grey(confidence))
        luma = proxy * np.float32(1 / 65535)
        graded = controls.graded(ab, luma)
        shown = _MID_LUMA if controls.output is Output.CHROMA_ONLY else None
        place = luma if shown is None else np.full_like(luma, shown)
        solved = np.empty_like(graded)

        def solve(rows: slice) -> None:
            solved[:, rows] = self._solver.solve(place[rows], graded[:, rows])

        self._each(luma.shape, _SOLVED_PIXELS, solve)
        return ColourLayer(
            self._chroma(solved, luma, controls.upsampling), self._matrix, 0.5 / _counted_codes(self._form.depth), shown
        )

    def _chroma(self, solved: Float32, luma: Float32, upsampling: Upsampling) -> ChromaSource:
        """Full-size chroma from that of the proxy."""
        if upsampling is Upsampling.GUIDED:
            return chroma_of_lines(self._enlarged(fit_lines(solved, luma)))
        size = (self._form.width_px, self._form.height_px)
        return partial(JointBilateralUpsampler(proxy_size=self._proxy_size, luma_size=size).band, solved, luma)

    def _enlarged(self, lines: tuple[ChromaLine, ChromaLine]) -> tuple[ChromaLine, ChromaLine]:
        """On the full grid, in the work arrays."""
        (cb_slope, cb_offset), (cr_slope, cr_offset) = lines
        jobs = zip((cb_slope, cb_offset, cr_slope, cr_offset), self._work, strict=True)
        planes = list(self._map(lambda job: self._upsampler.interpolate(*job), jobs))
        return ChromaLine(planes[0], planes[1]), ChromaLine(planes[2], planes[3])

    def _grey(self, confidence: Confidence | None) -> Float32:
        if confidence is None:
            raise ValueError("expected a confidence plane to show, found none: this model does not give one")
        self._check_plane("confidence", confidence, (), np.uint8)
        size = (self._form.width_px, self._form.height_px)
        grey = cv2.resize(confidence.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(grey, dtype=np.float32).reshape(size[1], size[0]) * np.float32(1 / 255)

    def _each(self, shape: tuple[int, ...], samples: int, work: Callable[[slice], T]) -> list[T]:
        """The work for every band of so many samples of a (rows, columns, ...) picture."""
        rows = max(1, samples // shape[1])
        return list(self._map(work, [slice(top, top + rows) for top in range(0, shape[0], rows)]))

    def _check(self, picture: Pixels, proxy: Proxy, ab: Ab) -> None:
        self._form.check(picture)
        self._check_plane("proxy", proxy, (), np.uint16)
        self._check_plane("a*b*", ab, (2,), np.int16)

    def _check_plane(self, name: str, plane: NDArray[Any], lead: tuple[int, ...], dtype: DTypeLike) -> None:
        width, height = self._proxy_size
        if plane.shape != (*lead, height, width) or plane.dtype != dtype:
            wanted = f"{np.dtype(dtype)} {name} of {width} x {height}"
            raise ValueError(f"expected {wanted}, found {plane.dtype} of shape {plane.shape}")


def _counted_codes(depth: Depth) -> int:
    """Codes of the depth; floats are counted as 16 bits."""
    return 255 if depth is Depth.BYTE else 65535
