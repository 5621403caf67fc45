"""Plots over time as SVG: a colour for each frame network, a dash for each temporal network."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator

from kinemacolor.comparison.combinations import Combination
from kinemacolor.comparison.label_places import Box, places_of
from kinemacolor.comparison.results import GREY, TRUTH, ClipResult

__all__ = ["Drawing", "draw_means", "draw_over_time"]

_INK, _PAPER = "#010203", "#fdfcfb"  # stand-ins that nothing else is drawn in
_GREY = "#8a8a8a"
_COLOURS = ("#d55e00", "#0a84c6", "#009e73", "#b8689b", "#c79a00")
"""Told apart by most who are colour-blind (after Okabe and Ito), and seen on white and on black."""
_DASHES = {"none": (0, (1, 1.2)), "lai": (0, (5, 2)), "memory": "solid"}
_OWN_DASH = (0, (5, 2, 1, 2))
_WIDTH_IN, _PANEL_IN, _LEGEND_IN = 9.0, 2.6, 0.9
_LEGEND_COLUMNS = 4
_LOOK: Any = {
    "svg.fonttype": "none",  # text stays text
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "figure.facecolor": _PAPER,
    "axes.facecolor": "none",
    "font.size": 9.5,
}
_MEANS_IN = 4.0
_MARKERS = {"none": "o", "lai": "s", "memory": "D"}
_OWN_MARKER = "^"
_DIFFERENCE, _FLICKER = "ciede2000", "warp_error_e3"
_LEAST_FLICKER = 1e-3  # what is below has a place on the logarithmic scale, too
_WIDE_RANGE = 20.0  # between the largest and the smallest mean: on a linear scale the small ones are one line


_Style = dict[str, Any]
"""What `Axes.plot` is given."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG that is drawn once and used in two ways."""

    svg: str
    """In stand-ins for ink and paper."""

    @property
    def file(self) -> str:
        """Black on white, a document of its own."""
        return self.svg.replace(_INK, "#1a1a1a").replace(_PAPER, "#ffffff")

    @property
    def inline(self) -> str:
        """An element in the ink of the page around it."""
        element = self.svg[self.svg.index("<svg") :]
        return element.replace(_INK, "currentColor").replace(_PAPER, "none")


def draw_over_time(clip: ClipResult, combinations: Sequence[Combination]) -> Drawing:
    """Colour error frame by frame, if there is a truth, and below it flicker from frame to frame."""
    panels = int(clip.is_known) + 1
    with rc_context({**_LOOK, "svg.hashsalt": clip.name}):
        figure = Figure(figsize=(_WIDTH_IN, _PANEL_IN * panels + _LEGEND_IN), layout="constrained")
        axes = figure.subplots(panels, sharex=True, squeeze=False)[:, 0]
        styles = _styles(combinations)
        if clip.is_known:
            _draw_difference(axes[0], clip, styles)
        _draw_flicker(axes[-1], clip, styles)
        _add_legend(figure, axes[-1])
        return Drawing(_svg(figure, f"{clip.name}: colour over time"))


def draw_means(rows: Mapping[str, Mapping[str, float]], combinations: Sequence[Combination]) -> Drawing:
    """Colour error against flicker, a point for each combination; grey and the truth are lines.

    Args:
        rows: Mean figures by title, over clips whose colours are known.
        combinations: Those that are shown.
    """
    with rc_context({**_LOOK, "svg.hashsalt": "means"}):
        figure = Figure(figsize=(_WIDTH_IN, _MEANS_IN), layout="constrained")
        axes = figure.subplots()
        texts = [_draw_point(axes, one, rows, style) for one, style in _styled(combinations)]
        _draw_bounds(axes, rows)
        _dress(axes, "CIEDE2000", "Colour error and flicker: the lower and the further left, the better")
        places = {max(row[_FLICKER], _LEAST_FLICKER) for title, row in rows.items() if title != GREY}
        if len(places) == 1:  # as of clips of one frame: a logarithmic scale finds no range by itself
            axes.set_xlim(min(places) / 2.0, max(places) * 2.0)
        axes.set_xscale("log")
        axes.set_xlabel("warp error of a*b* × 10³ (log scale)")
        axes.margins(x=0.2, y=0.15)
        _set_apart(figure, axes, texts)
        return Drawing(_svg(figure, "Colour error and flicker, means"))


def _styled(combinations: Sequence[Combination]) -> list[tuple[Combination, _Style]]:
    styles = _styles(combinations)
    return [(one, styles[one.title]) for one in combinations]


def _draw_point(axes: Axes, one: Combination, rows: Mapping[str, Mapping[str, float]], style: _Style) -> Annotation:
    """A point, and its label upon it."""
    at = max(rows[one.title][_FLICKER], _LEAST_FLICKER), rows[one.title][_DIFFERENCE]
    marker = _MARKERS.get(one.spec.temporal, _OWN_MARKER)
    axes.plot(*at, marker=marker, markersize=8, linestyle="none", color=style["color"])
    return axes.annotate(one.title, at, xytext=(0, 0), textcoords="offset points", color=style["color"])


def _set_apart(figure: Figure, axes: Axes, texts: Sequence[Annotation]) -> None:
    """Move labels off each other and off the points; they have the colour of theirs."""
    figure.draw_without_rendering()  # so that places and sizes in pixels are known
    points = [tuple(axes.transData.transform(text.xy)) for text in texts]
    extents = [text.get_window_extent() for text in texts]
    frame = axes.get_window_extent()
    places = places_of(
        [(float(x), float(y)) for x, y in points],
        [(extent.width, extent.height) for extent in extents],
        Box(frame.x0, frame.y0, frame.width, frame.height),
    )
    for text, extent, place in zip(texts, extents, places, strict=True):
        pixels = np.array([place.left - extent.x0, place.bottom - extent.y0])
        text.set_position(tuple(pixels * 72.0 / figure.dpi))


def _draw_bounds(axes: Axes, rows: Mapping[str, Mapping[str, float]]) -> None:
    axes.axhline(rows[GREY][_DIFFERENCE], color=_GREY, linestyle="dashed", linewidth=1.2, label="colour error of grey")
    truth = max(rows[TRUTH][_FLICKER], _LEAST_FLICKER)
    axes.axvline(truth, color=_INK, linewidth=1.2, label="flicker of the truth")
    axes.legend(loc="best", frameon=False)


def _draw_difference(axes: Axes, clip: ClipResult, styles: Mapping[str, _Style]) -> None:
    for title, line in clip.lines.items():
        if title != TRUTH:
            _plot(axes, range(clip.frames), line.difference, title, styles[title])
    _dress(axes, "CIEDE2000 of each frame", "Colour error (lower is nearer to the truth)")
    axes.set_ylim(bottom=0.0)


def _draw_flicker(axes: Axes, clip: ClipResult, styles: Mapping[str, _Style]) -> None:
    shown = {title: line.flicker for title, line in clip.lines.items()}
    for title, values in shown.items():
        _plot(axes, range(1, 1 + len(values)), values, title, styles[title])
    _dress(axes, "warp error of a*b* × 10³", "Flicker: change of colour along the motion, from the frame before")
    axes.set_xlabel("frame")
    middle = [sum(values) / len(values) for title, values in shown.items() if title != GREY and values]
    if middle and min(middle) > 0.0 and max(middle) / min(middle) > _WIDE_RANGE:
        axes.set_yscale("log")
        axes.set_ylabel("warp error of a*b* × 10³ (log scale)")
    else:
        axes.set_ylim(bottom=0.0)


def _add_legend(figure: Figure, axes: Axes) -> None:
    """Line by line; matplotlib fills column by column."""
    handles, labels = axes.get_legend_handles_labels()
    order = [index for column in range(_LEGEND_COLUMNS) for index in range(column, len(labels), _LEGEND_COLUMNS)]
    ordered = [handles[index] for index in order], [labels[index] for index in order]
    figure.legend(*ordered, loc="outside lower center", ncols=_LEGEND_COLUMNS, frameon=False)


def _plot(axes: Axes, frames: Sequence[int], values: Sequence[float], title: str, style: _Style) -> None:
    marker = "o" if len(values) == 1 else None  # a line of one point is not seen
    axes.plot(frames, values, label=title, marker=marker, **style)


def _dress(axes: Axes, unit: str, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_ylabel(unit)
    axes.grid(color=_INK, alpha=0.15, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _styles(combinations: Sequence[Combination]) -> dict[str, _Style]:
    frames = list(dict.fromkeys(one.spec.frame for one in combinations))
    styles: dict[str, _Style] = {
        one.title: {
            "color": _COLOURS[frames.index(one.spec.frame) % len(_COLOURS)],
            "linestyle": _DASHES.get(one.spec.temporal, _OWN_DASH),
            "linewidth": 1.7,
        }
        for one in combinations
    }
    styles[GREY] = {"color": _GREY, "linestyle": "dashed", "linewidth": 1.2}
    styles[TRUTH] = {"color": _INK, "linestyle": "solid", "linewidth": 1.2}
    return styles


def _svg(figure: Figure, title: str) -> str:
    file = io.StringIO()
    FigureCanvasSVG(figure).print_svg(file, metadata={"Title": title, "Date": None, "Creator": None})
    return file.getvalue()
