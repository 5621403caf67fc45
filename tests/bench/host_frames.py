"""What a host's frame costs in the effect, from stored chroma: `make bench-ofx`.

A frame is `proxy` and `colour` in place at 1080p RGBA. Wall time is the smallest of many frames with two threads; core
time is that of the process with one. Promised on two cores: 25 ms for bytes and 40 ms for floats of a grey film. The
figures of a busy machine say nothing about wall time.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.ofx.pixels.controls import Controls
from kinemacolor.ofx.pixels.form import Components, Depth, HostColour, HostFormat, HostTransfer, Pixels
from kinemacolor.ofx.pixels.marks import mark_provisional
from kinemacolor.ofx.pixels.painter import HostPainter
from kinemacolor.picture.proxy import proxy_size

SIZE = (1920, 1080)
PROMISED_MS = {Depth.BYTE: 25.0, Depth.FLOAT: 40.0}
Values = NDArray[np.float64]


def soft(sides: tuple[int, int], planes: int, seed: int) -> Values:
    """(H, W, planes) of soft shapes, -1 to 1."""
    noise = np.random.default_rng(seed).normal(0, 1, (sides[1], sides[0], planes))
    shapes = np.reshape(cv2.GaussianBlur(noise, (0, 0), sides[1] / 25), noise.shape)
    return np.asarray(shapes / np.abs(shapes).max())


def pictures() -> Iterator[tuple[str, Values]]:
    """(H, W, 3) R'G'B'."""
    grain = np.random.default_rng(3).normal(0, 0.01, (SIZE[1], SIZE[0], 1))
    film = np.clip(0.5 + 0.4 * soft(SIZE, 1, 1) + grain, 0, 1) * np.ones(3)
    yield "film", np.rint(film * 219) / 219
    yield "grey", film
    yield "dark grey", film * 0.12
    yield "tinted", np.clip(film * (1.0, 0.95, 0.8), 0, 1)


def host_picture(form: HostFormat, rgb: Values, alpha: float) -> Pixels:
    bits = form.depth.integer_bits
    values = np.dstack([rgb * alpha, np.full(rgb.shape[:2], alpha)]) * (1 if bits is None else (1 << bits) - 1)
    rounded = values if bits is None else np.rint(values)
    return form.view(bytearray(rounded.astype(form.depth.dtype).tobytes()))


def fastest_ms(
    work: Callable[[], object], before: Callable[[], object], clock: Callable[[], float], runs: int
) -> float:
    taken = []
    for _ in range(runs):
        before()
        started = clock()
        work()
        taken.append(clock() - started)
    return min(taken) * 1e3


def measure(name: str, form: HostFormat, colour: HostColour, rgb: Values, runs: int, pool: ThreadPoolExecutor) -> str:
    proxy = proxy_size(*SIZE, 256)
    ab = np.rint(soft(proxy, 2, 2) * 50 * 256).astype(np.int16).transpose(2, 0, 1).copy()
    source = host_picture(form, rgb, 0.7 if form.premultiplied else 1.0)
    picture = source.copy()

    def frame(painter: HostPainter) -> int:
        return painter.colour(picture, painter.read(picture), ab, Controls(), in_place=True).limited_pixels

    def restore() -> None:
        np.copyto(picture, source)

    alone, both = HostPainter(form, colour, proxy), HostPainter(form, colour, proxy, map_=pool.map)
    cv2.setNumThreads(1)
    core = fastest_ms(lambda: frame(alone), restore, time.process_time, runs)
    cv2.setNumThreads(2)
    wall = fastest_ms(lambda: frame(both), restore, time.perf_counter, runs)
    restore()
    limited = frame(alone) / (SIZE[0] * SIZE[1])
    return f"{name:42}  wall {wall:6.1f} ms  core {core:6.1f} ms  {limited:6.1%} of the pixels limited\n"


def cases() -> Iterator[tuple[str, HostFormat, HostColour, Values]]:
    films = dict(pictures())
    for depth in Depth:
        for transfer in HostTransfer:
            for premultiplied in (False, True):
                form = HostFormat(
                    depth=depth,
                    components=Components.RGBA,
                    width_px=SIZE[0],
                    height_px=SIZE[1],
                    premultiplied=premultiplied,
                )
                kinds = (
                    films
                    if depth in PROMISED_MS and not premultiplied
                    else {kind: films[kind] for kind in ("film", "grey")}
                )
                for kind, rgb in kinds.items():
                    alpha = ", see-through" if premultiplied else ""
                    yield f"{depth.value}, {transfer.value}{alpha}, {kind}", form, HostColour(transfer), rgb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="frames of which the fastest counts (default: 20)")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    chosen = parser.parse_args()
    with ThreadPoolExecutor(2) as pool:
        for name, form, colour, rgb in cases():
            if chosen.only in name:
                sys.stdout.write(measure(name, form, colour, rgb, chosen.runs, pool))
                sys.stdout.flush()
    form = HostFormat(depth=Depth.BYTE, components=Components.RGBA, width_px=SIZE[0], height_px=SIZE[1])
    picture = form.view(bytearray(form.nbytes))
    mark = fastest_ms(lambda: mark_provisional(picture, form), lambda: None, time.perf_counter, chosen.runs)
    sys.stdout.write(f"{'the provisional mark, byte':42}  wall {mark:6.1f} ms\n")
    for depth, promised in PROMISED_MS.items():
        sys.stdout.write(f"promised for {depth.value}, display, grey: wall {promised:.0f} ms on two free cores\n")


if __name__ == "__main__":
    main()
