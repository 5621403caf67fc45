"""What the OpenFX effect costs a host: the scan, the way of a picture, a whole frame from stored chroma.

    python tests/bench/ofx_host.py [--runs N]

A mini host in this process plays the editor; its own share (property sets in Python) is in all figures, and is shown.
The fastest run of each counts. 1920 x 1080, RGBA. Where KINEMACOLOR_MELT names a folder of tests/melt/setup.sh, melt's
own scan is timed, too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.host_frames import PROMISED_MS, SIZE, pictures
from tests.conftest import launch_server
from tests.media import make

from kinemacolor.cli.main import main as kinemacolor
from kinemacolor.ofx.build import build_bundle, this_machine
from kinemacolor.ofx.bundle import binary_path
from kinemacolor.ofx.minihost import MLT, HostImage, Instance, Layout, MiniHost, PixelDepth
from kinemacolor.ofx.pixels.form import Depth

TRANSPORT_PROMISED_MS = {PixelDepth.BYTE: 3.0, PixelDepth.FLOAT: 12.0}
FRAMES = 4


def say(name: str, milliseconds: float, promised: float | None = None) -> None:
    limit = "" if promised is None else f"   promised: {promised:.0f} ms"
    sys.stdout.write(f"{name:58} {milliseconds:7.2f} ms{limit}\n")
    sys.stdout.flush()


def fastest_ms(work: Callable[[], object], runs: int) -> float:
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken) * 1e3


def host_image(depth: PixelDepth, grey: np.ndarray, size: tuple[int, int] = SIZE) -> HostImage:
    """A picture of greys in [0, 1], (H, W)."""
    layout = Layout(bounds=(0, 0, *size), depth=depth, top_down=True)
    white = np.iinfo(depth.dtype).max if depth.dtype.kind == "u" else 1.0
    values = grey * white
    rounded = np.rint(values) if depth.dtype.kind == "u" else values
    return HostImage(layout, np.dstack([rounded] * 3 + [np.full_like(rounded, white)]).astype(depth.dtype))


def render_ms(instance: Instance, layout: Layout, times: Iterator[float], runs: int) -> float:
    """Of the render action alone; the pictures are there already."""
    output = HostImage(layout)

    def frame() -> None:
        if not instance.render(next(times), into=output).ok:
            raise SystemExit("a frame failed")

    frame()
    return fastest_ms(frame, runs)


def scan(shim: Path, runs: int) -> None:
    def once() -> None:
        with MiniHost(shim, MLT) as host:
            host.load()
            host.describe()

    once()
    say("a scan: load, describe, unload", fastest_ms(once, runs))
    if "KINEMACOLOR_MELT" not in os.environ:
        return
    for name, folder in (("without the effect", "/opt/none"), ("with it", "/opt/ofx")):
        say(f"melt -query filters, {name}", fastest_ms(partial(melt_scan, folder), 10))


def melt_scan(folder: str) -> None:
    box = ["chroot", os.environ["KINEMACOLOR_MELT"], "/usr/bin/env", "-i", "PATH=/usr/bin", f"OFX_PLUGIN_PATH={folder}"]
    subprocess.run([*box, "melt", "-query", "filters"], check=True, capture_output=True)


def transport(shim: Path, runs: int) -> None:
    os.environ["KINEMACOLOR_OFX_EFFECT"] = "passthrough"
    grey = next(pictures())[1][:, :, 0]
    for depth in (PixelDepth.BYTE, PixelDepth.FLOAT):
        small = host_image(depth, grey[:16, :16], (16, 16))
        large = host_image(depth, grey)
        with MiniHost(shim, MLT) as host:
            found = []
            for image in (small, large):
                instance = host.describe().create(lambda _, image=image: image)
                found.append(render_ms(instance, image.layout, forever(1), runs))
        name = f"transport, {depth.name.lower()}"
        say(f"{name}: a picture of 16 x 16 (round trip, mini host)", found[0])
        say(f"{name}: 1080p, there and back", found[1], TRANSPORT_PROMISED_MS[depth])
    del os.environ["KINEMACOLOR_OFX_EFFECT"]


def forever(count: int) -> Iterator[float]:
    while True:
        yield from map(float, range(count))


@contextmanager
def analysed_film(folder: Path) -> Iterator[tuple[Path, str]]:
    """A film whose colours are stored, and the server that made them."""
    film = folder / "in.mkv"
    grey = next(pictures())[1][:, :, 0]
    codes = np.rint(grey * 219 + 16).astype(np.uint8)
    neutral = np.full((SIZE[1] // 2, SIZE[0] // 2), 128, np.uint8)
    make.film(
        film,
        pictures=lambda number: (np.roll(codes, 40 * number, axis=1), neutral, neutral),
        frames=FRAMES,
        width=SIZE[0],
        height=SIZE[1],
        color_range=1,
        matrix=1,
    )
    server = launch_server(folder, "--model", "tiny")
    try:
        if kinemacolor(["analyse", str(film), "--server", server.address, "-q"]) != 0:
            raise SystemExit("the film could not be analysed")
        yield film, server.address
    finally:
        server.stop()


def stored(shim: Path, runs: int) -> None:
    grey = next(pictures())[1][:, :, 0]
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, ExitStack() as stack:
        report = Path(folder) / "report.json"
        os.environ |= {
            "XDG_CACHE_HOME": folder,
            "KINEMACOLOR_OFX_EFFECT": f"{Path(__file__).with_name('timed_effect.py')}:TimedEffect",
            "KINEMACOLOR_BENCH_REPORT": str(report),
        }
        film, address = stack.enter_context(analysed_film(Path(folder)))
        for depth, painted in ((PixelDepth.BYTE, Depth.BYTE), (PixelDepth.FLOAT, Depth.FLOAT)):
            images = [host_image(depth, np.roll(np.rint(grey * 219) / 219, 40 * n, axis=1)) for n in range(FRAMES)]
            with MiniHost(shim, MLT) as host:
                instance = host.describe().create(lambda when, images=images: images[round(when)])
                instance.set(server=address, mediaFile=str(film))
                taken = render_ms(instance, images[0].layout, forever(FRAMES), runs)
            say(f"a whole frame from stored chroma, {depth.name.lower()}", taken, PROMISED_MS[painted])
            for part, milliseconds in json.loads(report.read_text()).items():
                say(f"    of it {part}", milliseconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40, help="of which the fastest counts (default: 40)")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KINEMACOLOR_OFX_LOG"] = f"{folder}/ofx.log"
        bundle = build_bundle(Path(folder), python=Path(sys.executable))
        shim = binary_path(bundle, this_machine().folder)
        scan(shim, runs)
        transport(shim, runs)
        stored(shim, runs)


if __name__ == "__main__":
    main()
