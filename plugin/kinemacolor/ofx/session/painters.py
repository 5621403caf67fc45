"""The painters of a helper: they hold work arrays, so few are kept."""

import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from kinemacolor.ofx.pixels.form import HostColour, HostFormat
from kinemacolor.ofx.pixels.painter import HostPainter
from kinemacolor.ofx.session.settings import FrameSettings

__all__ = ["Painters"]

_KEPT = 3
"""A clip, its thumbnails, and one more. 33 MB each at 1080p."""
_MOST_THREADS = 8


class Painters:
    """For one thread at a time."""

    def __init__(self) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(min(cores, _MOST_THREADS), thread_name_prefix="kinemacolor-paint")
        self._kept: OrderedDict[tuple[HostFormat, HostColour, tuple[int, int]], HostPainter] = OrderedDict()

    def of(self, settings: FrameSettings) -> HostPainter:
        """The painter of a frame."""
        size = (settings.geometry.width_px, settings.geometry.height_px)
        key = (settings.form, settings.colour, size)
        if key not in self._kept:
            self._kept[key] = HostPainter(settings.form, settings.colour, size, map_=self._threads.map)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
