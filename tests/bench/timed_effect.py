"""The colour effect with a clock in it, for `ofx_host.py`: the helper loads it by $KINEMACOLOR_OFX_EFFECT.

At its end it writes the fastest of each part to $KINEMACOLOR_BENCH_REPORT, in JSON, milliseconds.
"""

import functools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kinemacolor.ofx.pixels.painter import HostPainter
from kinemacolor.ofx.session.clip import ClipColours
from kinemacolor.ofx.session.effect import ColourEffect

FASTEST: dict[str, float] = {}


def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(work)
    def run(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        answer = work(*arguments, **options)
        FASTEST[name] = min(FASTEST.get(name, 1e9), (time.perf_counter() - started) * 1e3)
        return answer

    return run


class TimedEffect(ColourEffect):
    def close(self) -> None:
        Path(os.environ["KINEMACOLOR_BENCH_REPORT"]).write_text(json.dumps(FASTEST))
        super().close()


for name, kind, method in (
    ("luma", HostPainter, "read"),
    ("stored chroma", ClipColours, "colour"),
    ("colour", HostPainter, "colour"),
):
    setattr(kind, method, timed(name, getattr(kind, method)))
