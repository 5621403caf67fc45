"""Labels: light text on a dark strip of its own, so that it can be read whatever the picture below shows."""

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kinemacolor.evaluation.pictures import Picture

__all__ = ["GROUND", "LABEL_HEIGHT_PX", "label"]

LABEL_HEIGHT_PX = 32
GROUND = (24, 24, 24)
"""sRGB of the strip and of the gaps: neutral, a tint would change how colours are seen."""

_GROUND_HEX = "#" + bytes(GROUND).hex()
_TEXT = "#f4f4f4"
_DPI = 100
_POINTS = 12.0
_MARGIN_PX = 8


def label(text: str, width_px: int) -> Picture:
    """A strip (LABEL_HEIGHT_PX, width_px, 3) with a text, which is set smaller if it is too long."""
    with rc_context({"text.hinting": "no_hinting"}):  # hinted, a plus sign is as thick as a bar
        return _draw(text, width_px)


def _draw(text: str, width_px: int) -> Picture:
    figure = Figure(figsize=(width_px / _DPI, LABEL_HEIGHT_PX / _DPI), dpi=_DPI, facecolor=_GROUND_HEX)
    canvas = FigureCanvasAgg(figure)
    written = figure.text(_MARGIN_PX / width_px, 0.5, text, color=_TEXT, fontsize=_POINTS, va="center_baseline")
    found_px = written.get_window_extent().width
    written.set_fontsize(_POINTS * min(1.0, max(1, width_px - 2 * _MARGIN_PX) / max(1.0, found_px)))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), dtype=np.uint8)[..., :3].copy()
