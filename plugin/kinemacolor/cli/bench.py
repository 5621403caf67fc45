"""`kinemacolor bench`: frames per second end to end, and what every stage costs.

Core-milliseconds are CPU time per frame, over all threads that work for a stage:

    decode    a pass that only decodes: the process's CPU time
    proxy     its thread's
    transfer  sending and receiving here (their threads, the answers' thread), the server's event loop and grpc threads
    queue     none; the time a frame waits at the server
    network   the rest of the server's CPU time, shared with `temporal` by the time each took there
    temporal  as above
    merge     its thread's
    encode    the rest of this process: encoder threads, muxing, and what belongs to no stage

Wall-milliseconds are the time a stage is busy with one frame. Stages overlap, so the slowest one bounds the rate, or
the cores do where they are all busy.
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.cli.bench_seek import FRAMES, measure_seeks
from kinemacolor.cli.bench_store import grainy_pan, measure_index, measure_store
from kinemacolor.cli.parser import add_server, command_parser, server_options
from kinemacolor.media.made_film import write_grey_film
from kinemacolor.media.types import EncodeOptions, SourceFrame
from kinemacolor.render import console
from kinemacolor.render.film_pipeline import Tally
from kinemacolor.render.job import Rendered, render_on
from kinemacolor.render.options import Quality, RenderOptions
from kinemacolor.render.prepare import Prepared, prepare
from kinemacolor.render.progress import QuietDisplay
from kinemacolor.render.server_choice import ServerSession, open_server

SIZES: Mapping[str, tuple[int, int]] = {"480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
TARGET_CORE_MS = 60.0
"""At 1080p, of everything but the networks."""
_STAGES = ("decode", "proxy", "transfer", "queue", "network", "temporal", "merge", "encode")
_FAST_PRESET = EncodeOptions(
    codec="libx264",
    codec_options=(("preset", "ultrafast"), ("crf", "18")),
    drop_unsupported=True,
    overwrite=True,
)
_GRAIN_CODES = 0.8
"""Standard deviation of the grain: 14 Mbit/s at 1080p in the H.264 that is made here, as a good master has."""
_BUSY = 0.85


@dataclass(frozen=True, slots=True)
class Cost:
    """What one stage costs per frame."""

    core_ms: float
    wall_ms: float


@dataclass(frozen=True, slots=True)
class Result:
    """One size, measured."""

    name: str
    width_px: int
    height_px: int
    input_mbits: float
    """Megabits per second of the film that is read: decoding costs in proportion to it."""
    frames: int
    seconds: float
    costs: Mapping[str, Cost]
    cores: int

    @property
    def fps(self) -> float:
        """Frames per second, from the first decoded frame to the named file."""
        return self.frames / self.seconds

    @property
    def other_core_ms(self) -> float:
        """Core-milliseconds of everything but the networks."""
        return sum(cost.core_ms for stage, cost in self.costs.items() if stage not in ("network", "temporal"))

    @property
    def busy_cores(self) -> float:
        """Cores in use on average."""
        return sum(cost.core_ms for cost in self.costs.values()) * self.fps / 1000

    def bound(self) -> str:
        """What limits the rate, in words."""
        walls = {stage: cost.wall_ms for stage, cost in self.costs.items() if stage not in ("queue", "transfer")}
        walls["networks"] = walls.pop("network") + walls.pop("temporal")
        slowest = max(walls, key=lambda stage: walls[stage])
        share = f"{slowest} busy {100 * walls[slowest] * self.fps / 1000:.0f} % of the time"
        if self.busy_cores >= _BUSY * self.cores:
            return f"the processor: {self.busy_cores:.1f} of {self.cores} cores busy; most of it {slowest} ({share})"
        return f"{share}; {self.busy_cores:.1f} of {self.cores} cores busy"

    def values(self) -> dict[str, object]:
        """For a machine."""
        return {
            "size": self.name,
            "width_px": self.width_px,
            "height_px": self.height_px,
            "input_mbits": round(self.input_mbits, 2),
            "frames": self.frames,
            "fps": round(self.fps, 3),
            "stages": {
                stage: {"core_ms": round(cost.core_ms, 3), "wall_ms": round(cost.wall_ms, 3)}
                for stage, cost in self.costs.items()
            },
            "other_core_ms": round(self.other_core_ms, 3),
            "cores": self.cores,
            "busy_cores": round(self.busy_cores, 2),
            "bound": self.bound(),
        }

    def lines(self) -> list[str]:
        """For a person."""
        film = f"{self.width_px}x{self.height_px}, {self.frames} frames, {self.input_mbits:.0f} Mbit/s"
        head = f"{self.name} ({film}): {self.fps:.2f} frames per second"
        rows = [f"  {stage:<9}{cost.core_ms:>9.2f}{cost.wall_ms:>9.2f}" for stage, cost in self.costs.items()]
        return [
            head,
            f"  {'stage':<9}{'core-ms':>9}{'wall-ms':>9}   per frame",
            *rows,
            f"  everything but the networks: {self.other_core_ms:.1f} core-ms (at 1080p at most {TARGET_CORE_MS:.0f})",
            f"  bound by {self.bound()}",
        ]


def main(arguments: list[str]) -> int:
    """Measure and print.

    Raises:
        Exception: As a render.
    """
    parser = command_parser("bench", "Render films that are made here, and say what each stage costs.")
    parser.add_argument("--sizes", default="480p,1080p", help=f"of {', '.join(SIZES)} (%(default)s)")
    parser.add_argument("--input", type=Path, metavar="FILM", help="measure this film instead")
    parser.add_argument("--frames", type=int, default=120, metavar="N", help="of each film made here (%(default)s)")
    parser.add_argument("--model", default="", metavar="NAME")
    parser.add_argument("--quality", choices=[item.value for item in Quality], default=Quality.STANDARD.value)
    add_server(parser)
    parser.add_argument("--store", action="store_true", help="measure the chroma store instead of a render")
    values = parser.parse_args(arguments)
    unknown = [name for name in values.sizes.split(",") if name not in SIZES]
    if unknown or values.frames < 2:
        parser.error(f"--sizes takes {', '.join(SIZES)} and --frames at least 2")
    with (
        tempfile.TemporaryDirectory(prefix="kinemacolor-bench-") as folder,
        open_server(server_options(values), values.model) as session,
    ):
        if values.store:
            _measure_store(session, values.model, Path(folder), values.frames, as_json=values.json)
            return 0
        bench = _Bench(Path(folder), session, values.model, Quality(values.quality))
        if values.input is not None:
            results = [bench.measure(values.input.name, values.input)]
        else:
            results = [bench.measure_made(name, values.frames) for name in values.sizes.split(",")]
        server = f"{session.where}, {session.client.server_info().device_class}"
    if values.json:
        console.put_json([result.values() for result in results])
    else:
        console.put("\n".join([server, *(line for each in results for line in each.lines())]))
    return 0


def _measure_store(session: ServerSession, model: str, folder: Path, frames: int, *, as_json: bool) -> None:
    results = list(measure_store(session, model, folder, frames))
    seeks = measure_seeks(session, model, grainy_pan(FRAMES))
    index_ms = measure_index(folder)
    server = f"{session.where}, {session.client.server_info().device_class}"
    if as_json:
        contents = [result.values() for result in results]
        index = {"index_of_two_hours_ms": round(index_ms, 1)}
        console.put_json({"server": server, "contents": contents, "seeks": seeks.values(), **index})
        return
    last = f"a film of two hours can be asked by luma {index_ms:.0f} ms after it was opened, by frame number at once"
    lines = [line for result in results for line in result.lines()] + seeks.lines()
    console.put("\n".join([server, *lines, last]))


class _Bench:
    """Measures one film after the other on one server."""

    def __init__(self, folder: Path, session: ServerSession, model: str, quality: Quality) -> None:
        self._folder, self._session, self._model, self._quality = folder, session, model, quality

    def measure_made(self, name: str, frames: int) -> Result:
        """A film that is made here."""
        path = self._folder / f"{name}.mp4"
        write_grey_film(path, _pictures(*SIZES[name], frames), Fraction(24))
        return self.measure(name, path)

    def measure(self, name: str, film: Path) -> Result:
        """A film."""
        options = RenderOptions(
            source=film,
            output=self._folder / f"{name}-colour.mp4",
            model=self._model,
            quality=self._quality,
            encode=EncodeOptions(
                codec=_FAST_PRESET.codec,
                codec_options=_FAST_PRESET.codec_options,
                overwrite=True,
                drop_unsupported=True,
            ),
        )
        prepared = prepare(options)
        decode = _decode_cost(prepared)
        # The first render pays for kernels, caches and allocations of the server; it is not measured.
        render_on(prepared, self._session, QuietDisplay())
        return self._measured(name, prepared, decode)

    def _measured(self, name: str, prepared: Prepared, decode: Cost) -> Result:
        pid = self._session.private.pid if self._session.private is not None else None
        sampler = _Sampler()
        server, loop = _server_seconds(pid)
        own, started = time.process_time(), time.monotonic()
        rendered = render_on(prepared, self._session, sampler)
        seconds, own = time.monotonic() - started, time.process_time() - own
        server_after, loop_after = _server_seconds(pid)
        costs = _costs(rendered, decode, own, server_after - server, loop_after - loop, sampler.answers_seconds)
        info = prepared.info
        return Result(
            name=name,
            width_px=info.width_px,
            height_px=info.height_px,
            input_mbits=_megabits(prepared),
            frames=rendered.tally.encoded,
            seconds=seconds,
            costs=costs,
            cores=len(os.sched_getaffinity(0)),
        )


def _costs(
    rendered: Rendered, decode: Cost, own: float, server: float, server_loop: float, answers: float
) -> dict[str, Cost]:
    """Costs per frame from seconds of the whole render: CPU of this process, of the server, of its event loop."""
    tally, stages = rendered.tally, rendered.clock.stages
    each = 1000 / max(1, tally.encoded)
    cpu = {name: stage.cpu_seconds * each for name, stage in stages.items()}
    wall = {name: stage.wall_seconds * each for name, stage in stages.items()}
    here = cpu["send"] + cpu["receive"] + answers * each
    rest = max(0.0, own * each - decode.core_ms - cpu["proxy"] - cpu["merge"] - here)
    network_ms, temporal_ms = tally.network_us * each / 1e6, tally.temporal_us * each / 1e6
    share = network_ms / (network_ms + temporal_ms) if network_ms + temporal_ms else 1.0
    inference = max(0.0, server - server_loop) * each
    costs = {
        "decode": Cost(decode.core_ms, wall["decode"]),
        "proxy": Cost(cpu["proxy"], wall["proxy"]),
        "transfer": Cost(here + server_loop * each, here),
        "queue": Cost(0.0, tally.queue_us * each / 1e6),
        "network": Cost(inference * share, network_ms),
        "temporal": Cost(inference * (1 - share), temporal_ms),
        "merge": Cost(cpu["merge"], wall["merge"]),
        "encode": Cost(rest, wall["encode"]),
    }
    return {stage: costs[stage] for stage in _STAGES}


def _megabits(prepared: Prepared) -> float:
    seconds, path = prepared.info.duration_seconds, prepared.film.path
    return path.stat().st_size * 8e-6 / float(seconds) if seconds and path.is_file() else 0.0


def _decode_cost(prepared: Prepared) -> Cost:
    cpu, wall, frames = time.process_time(), time.monotonic(), 0
    with prepared.film.open() as source:
        frames = sum(isinstance(item, SourceFrame) for item in source)
    each = 1000 / max(1, frames)
    return Cost((time.process_time() - cpu) * each, (time.monotonic() - wall) * each)


class _Sampler(QuietDisplay):
    """Reads the CPU clock of the thread that takes the answers, which belongs to no stage of the pipeline."""

    def __init__(self) -> None:
        self.answers_seconds = 0.0

    def update(self, tally: Tally, total: int | None) -> None:
        """Look at its clock while it lives."""
        for thread in threading.enumerate():
            if thread.name == "kinemacolor-answers" and thread.ident is not None:
                clock = time.pthread_getcpuclockid(thread.ident)
                self.answers_seconds = max(self.answers_seconds, time.clock_gettime(clock))


def _server_seconds(pid: int | None) -> tuple[float, float]:
    """CPU seconds of a process so far: all of it, and its main thread (the event loop) with grpc's threads."""
    total = loop = 0.0
    if pid is None or not Path("/proc/self/task").is_dir():
        # A foreign server's machine cannot be looked into.
        return 0.0, 0.0
    tick = os.sysconf("SC_CLK_TCK")
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        fields = rest.split()
        seconds = (int(fields[11]) + int(fields[12])) / tick
        total += seconds
        if task.name == str(pid) or name.startswith(("event_engine", "grpc", "default-exec", "resolver-exec")):
            loop += seconds
    return total, loop


def _pictures(width_px: int, height_px: int, frames: int) -> Iterator[NDArray[np.uint8]]:
    """A pan over soft shapes with film grain: motion and noise cost a decoder and an encoder what a film costs them."""
    random = np.random.default_rng(1)
    small = random.random((height_px // 8 + 16, (width_px + 2 * frames) // 8 + 16), dtype=np.float32)
    wide = cv2.resize(cv2.GaussianBlur(small, (0, 0), 3), None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    shapes = 40 + 160 * (wide - wide.min()) / float(np.ptp(wide))
    for number in range(frames):
        view = shapes[:height_px, 2 * number : 2 * number + width_px]
        grain = random.standard_normal(view.shape, dtype=np.float32) * _GRAIN_CODES
        yield np.clip(np.rint(view + grain), 16, 235).astype(np.uint8)[: height_px // 2 * 2, : width_px // 2 * 2]
