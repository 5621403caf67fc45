"""How long a person who scrubs waits for a frame, alone and beside renders on the same server.

    python tests/bench/scrubbing.py [--renders 4] [--frames 20] [--rounds 3] [--model kinema]

A private server; the person opens a shot that is known to the server, seeks to a frame, sends what the server asks for
and waits for the colour; then another frame, at random, as a timeline is scrubbed. Renders send as fast as they get
answers. Each round measures the person alone, beside the renders, and beside them without its priority, so that noise
spreads over all three. Printed: median and p95 in milliseconds and their ratio to the person alone.
"""

import argparse
import contextlib
import functools
import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import connect
from kinemacolor.client.private_server import private_server
from kinemacolor.client.requests import OpenRequest
from kinemacolor.wire.frame import Geometry

GEOMETRY = Geometry(448, 256)
SHOT_FRAMES = 48
SETTINGS = {"alone": True, "beside renders": True, "beside renders, no priority": False}
"""Of the person's clip: whether it asks for priority. Renders are there in all but the first."""


def frame(number: int) -> np.ndarray:
    """(256, 448) uint16 of a shot that repeats: made once, for whoever sends frames should not wait for numpy."""
    return made_frame(number % SHOT_FRAMES)


@functools.cache
def made_frame(seed: int) -> np.ndarray:
    """Soft blobs that move with the number."""
    x, y = np.meshgrid(np.arange(GEOMETRY.width_px), np.arange(GEOMETRY.height_px))
    wave = np.sin((x + 3 * seed) / 31) + np.cos((y - 2 * seed) / 23)
    return ((wave + 2) / 4 * 65535).astype(np.uint16)


def request(key: str, model: str, *, is_interactive: bool) -> OpenRequest:
    return OpenRequest(
        clip_key=key, geometry=GEOMETRY, transfer=13, model=model, shot_starts=(0,), is_interactive=is_interactive
    )


def scrub(
    address: ServerAddress,
    model: str,
    frames: int,
    key: str,
    beside: contextlib.AbstractContextManager[object],
    *,
    is_interactive: bool,
) -> list[float]:
    """Milliseconds from a seek to its colour, while `beside` lasts."""
    random_frames = random.Random(7)
    waits = []
    with connect(address) as client, client.open_clip(request(key, model, is_interactive=is_interactive)) as stream:
        for number in range(SHOT_FRAMES):  # once through the shot, so that the server has snapshots of it
            stream.send(number, frame(number))
            stream.receive()
        with beside:
            for _ in range(frames):
                wanted = random_frames.randrange(SHOT_FRAMES)
                began = time.perf_counter()
                for number in range(stream.seek(wanted), wanted):
                    stream.send(number, frame(number), pre_roll=True)
                stream.send(wanted, frame(wanted))
                stream.receive()
                waits.append(1000 * (time.perf_counter() - began))
    return waits


@contextlib.contextmanager
def renders(address: ServerAddress, model: str, count: int, total: list[int]) -> Iterator[None]:
    """Clips that take all they get; adds to `total` the number of frames that they got meanwhile."""
    done, stop = [0] * count, threading.Event()

    def render(index: int) -> None:
        with (
            connect(address) as client,
            client.open_clip(request(f"render-{index}", model, is_interactive=False)) as stream,
        ):
            number = 0
            while not stop.is_set():
                while stream.free_slots:
                    stream.send(number, frame(number))
                    number += 1
                stream.receive()
                done[index] += 1

    threads = [threading.Thread(target=render, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    while min(done, default=1) == 0:
        time.sleep(0.05)
    before = sum(done)
    try:
        yield
    finally:
        total.append(sum(done) - before)
        stop.set()
        for thread in threads:
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--renders", type=int, default=4)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="kinema")
    parser.add_argument("--threads", default="1")
    values = parser.parse_args()
    waits: dict[str, list[float]] = {name: [] for name in SETTINGS}
    rendered: dict[str, list[int]] = {name: [] for name in SETTINGS}
    with private_server(["--model", values.model, "--threads", values.threads]) as server:
        address = server.address
        assert address is not None
        for turn in range(values.rounds):
            for place, (name, is_interactive) in enumerate(SETTINGS.items()):
                beside = renders(address, values.model, values.renders if place else 0, rendered[name])
                key = f"person-{turn}-{place}"
                waits[name] += scrub(address, values.model, values.frames, key, beside, is_interactive=is_interactive)
    alone = np.percentile(waits["alone"], 95)
    for name, values_ms in waits.items():
        p95 = np.percentile(values_ms, 95)
        rate = sum(rendered[name]) / sum(values_ms) * 1000
        median = statistics.median(values_ms)
        share = f"p95 {p95:7.1f} ms  p95 x {p95 / alone:.2f}"
        say(f"{name:<30} median {median:7.1f} ms  {share}  renders {rate:.2f} frames/s")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
