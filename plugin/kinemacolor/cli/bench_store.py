"""`kinemacolor bench --store`: how fast the chroma store answers, what a frame takes, beside the server that it spares.

Films are made here and coloured by the server at 448 x 256, so that the bytes are those of real colours. Figures of the
server and of the store come from one run; what is to be compared between machines is their ratio. The files lie in the
system's file cache, as after any render.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.client.requests import OpenRequest
from kinemacolor.render.server_choice import ServerSession
from kinemacolor.render.stored_stream import ColourStream, ShotTracker, StoredStream
from kinemacolor.store.clip_file import ClipFile, NewColour
from kinemacolor.store.clip_store import ClipStore
from kinemacolor.store.dependency import ColourSettings, Dependency
from kinemacolor.store.folder import StoreFolder
from kinemacolor.store.look import LOOK_BYTES, Look, look_of
from kinemacolor.store.lookup import ClipIndex, Picture, Query
from kinemacolor.store.packing import pack
from kinemacolor.store.prints import HASH_BYTES, LumaHash, luma_hash, prints_of
from kinemacolor.store.thumb import THUMB_BYTES, Thumb, thumb_of
from kinemacolor.wire.frame import Geometry

__all__ = ["StoreResult", "grainy_pan", "measure_index", "measure_store"]

Proxy = NDArray[np.uint16]
GEOMETRY = Geometry(448, 256)
SEEK_TARGET_MS = 150.0
_BT709 = 1
_SEEKS = 200
_FILM_FRAMES = 172_800
"""Two hours at 24 frames a second."""


@dataclass(frozen=True, slots=True)
class StoreResult:
    """One kind of content, measured."""

    content: str
    frames: int
    frame_bytes: float
    """On disk, per frame."""
    raw_bytes: int
    server_fps: float
    write_fps: float
    store_fps: float
    """Frames a second out of the store, by number, checked and unpacked."""
    render_fps: float
    """The same as a render asks: with hashes of luma and shot, and cut detection."""
    read_ms: tuple[float, float]
    """Of one frame anywhere: median and 95th percentile."""
    seek_ms: tuple[float, float]
    """From a luma whose place nobody says to its colour, in a clip that is open."""
    open_seek_ms: float
    """The same, from a store that nobody has open."""

    def values(self) -> dict[str, object]:
        """For a machine."""
        return {
            "content": self.content,
            "frames": self.frames,
            "bytes_per_frame": round(self.frame_bytes),
            "raw_bytes": self.raw_bytes,
            "server_fps": round(self.server_fps, 2),
            "write_fps": round(self.write_fps, 1),
            "store_fps": round(self.store_fps, 1),
            "render_fps": round(self.render_fps, 1),
            "times_the_server": round(self.render_fps / self.server_fps, 2),
            "read_ms": [round(value, 3) for value in self.read_ms],
            "seek_ms": [round(value, 3) for value in self.seek_ms],
            "open_and_seek_ms": round(self.open_seek_ms, 3),
        }

    def lines(self) -> list[str]:
        """For a person."""
        share = 100 * self.frame_bytes / self.raw_bytes
        times = self.render_fps / self.server_fps
        rates = f"{self.store_fps:.0f}, as a render asks {self.render_fps:.0f} ({times:.1f} times the server)"
        seek = f"{self.seek_ms[0]:.2f} ms, 95 %: {self.seek_ms[1]:.2f} ms"
        return [
            f"{self.content} ({self.frames} frames of {GEOMETRY.width_px}x{GEOMETRY.height_px}):",
            f"  bytes per frame  {self.frame_bytes:.0f} ({share:.0f} % of {self.raw_bytes})",
            f"  server           {self.server_fps:.1f} frames per second",
            f"  store            {rates}; written {self.write_fps:.0f}",
            f"  one frame        {self.read_ms[0]:.2f} ms, 95 %: {self.read_ms[1]:.2f} ms",
            f"  seek             {seek}; with opening {self.open_seek_ms:.1f} ms (at most {SEEK_TARGET_MS:.0f})",
        ]


def measure_store(session: ServerSession, model: str, folder: Path, frames: int) -> Iterator[StoreResult]:
    """Measure every kind of content.

    Raises:
        ClientError: The server's side.
    """
    for content, picture in _contents().items():
        lumas = [picture(number) for number in range(frames)]
        store = StoreFolder(folder / "store")
        yield _Measurement(session, model, content, lumas, store).result()


def grainy_pan(frames: int) -> list[Proxy]:
    """Lumas of a film of one shot."""
    picture = _contents()["a pan with grain"]
    return [picture(number) for number in range(frames)]


def measure_index(folder: Path) -> float:
    """Milliseconds until a film of two hours can be asked by luma: once for each opening, not for each seek."""
    path = folder / "film.chroma"
    size = (GEOMETRY.width_px, GEOMETRY.height_px)
    with ClipFile(path) as file:
        chosen = random.Random(1)
        pictures = (
            (
                Picture(number, LumaHash(chosen.randbytes(HASH_BYTES)), Look(chosen.randbytes(LOOK_BYTES))),
                Thumb(chosen.randbytes(THUMB_BYTES)),
            )
            for number in range(_FILM_FRAMES)
        )
        file.put_pictures((*size, *picture) for picture in pictures)
        file.set_extent(*size, 0, _FILM_FRAMES - 1)
    with ClipFile(path) as file:
        started = time.perf_counter()
        index = ClipIndex(file.pictures(*size), file.extent(*size))
        elapsed = time.perf_counter() - started
    if not index.is_complete:
        raise RuntimeError("the index of the made film is not complete")
    return 1000 * elapsed


class _Measurement:
    """One kind of content."""

    def __init__(
        self, session: ServerSession, model: str, content: str, lumas: list[Proxy], folder: StoreFolder
    ) -> None:
        self._session, self._model, self._content, self._lumas, self._folder = session, model, content, lumas, folder
        self._key = blake2b(content.encode(), digest_size=16).hexdigest()
        self._settings, self._planes, self._server_fps = self._colour()
        self._new = self._rows()

    def result(self) -> StoreResult:
        """All figures."""
        write_fps = self._write()
        entry = next(entry for entry in self._folder.entries() if entry.key == self._key)
        with self._open() as store:
            store_fps = self._rate(lambda: self._read_all(store))
            render_fps = self._rate(lambda: self._stream_all(store))
            read = self._times(lambda number: self._exact(store, number))
            seek = self._times(lambda number: self._find(store, number))
        return StoreResult(
            content=self._content,
            frames=len(self._lumas),
            frame_bytes=entry.bytes / len(self._lumas),
            raw_bytes=2 * 2 * GEOMETRY.samples,
            server_fps=self._server_fps,
            write_fps=write_fps,
            store_fps=store_fps,
            render_fps=render_fps,
            read_ms=_percentiles(read),
            seek_ms=_percentiles(seek),
            open_seek_ms=float(np.median(self._times(self._open_and_find, 20))),
        )

    def _open(self) -> ClipStore:
        return ClipStore(self._folder, self._key, self._content, _fail)

    def _colour(self) -> tuple[ColourSettings, list[NDArray[np.int16]], float]:
        request = OpenRequest(
            clip_key=f"bench-{self._key}", geometry=GEOMETRY, transfer=_BT709, model=self._model, shot_starts=(0,)
        )
        planes = []
        with self._session.client.open_clip(request) as stream:
            started = time.perf_counter()
            for number, luma in enumerate(self._lumas):
                while not stream.free_slots:
                    planes.append(_received(stream))
                stream.send(number, luma)
            stream.send_end()
            planes += [color.ab for color in stream]
            fps = len(planes) / (time.perf_counter() - started)
            info = stream.info
        settings = ColourSettings(
            model=info.model,
            weights_sha256=info.weights_sha256,
            device_class=info.device_class,
            transfer=_BT709,
            width_px=GEOMETRY.width_px,
            height_px=GEOMETRY.height_px,
        )
        return settings, planes, fps

    def _rows(self) -> list[NewColour]:
        rows, history = [], None
        for number, (luma, ab) in enumerate(zip(self._lumas, self._planes, strict=True)):
            prints = prints_of(luma_hash(luma), history)
            history = prints.history
            dependency = Dependency(self._settings, 0)
            rows.append(
                NewColour(
                    dependency=dependency,
                    number=number,
                    prints=prints,
                    look=look_of(luma),
                    thumb=thumb_of(luma),
                    planes=pack(ab),
                )
            )
        return rows

    def _write(self) -> float:
        started = time.perf_counter()
        with self._open() as store:
            for row, ab in zip(self._new, self._planes, strict=True):
                pack(ab)
                store.put(row)
            store.note_extent(self._settings, 0, len(self._new) - 1)
        return len(self._new) / (time.perf_counter() - started)

    def _rate(self, work: Callable[[], None]) -> float:
        work()
        started = time.perf_counter()
        work()
        return len(self._new) / (time.perf_counter() - started)

    def _read_all(self, store: ClipStore) -> None:
        for number in range(len(self._new)):
            self._exact(store, number)

    def _stream_all(self, store: ClipStore) -> None:
        stream = StoredStream(store, self._settings, ShotTracker(None), _no_stream, lambda first, last: ())
        for number, luma in enumerate(self._lumas):
            stream.send(number, luma)
            _same(_received(stream), self._planes[number])

    def _exact(self, store: ClipStore, number: int) -> None:
        row = self._new[number]
        found = store.exact(row.dependency, number, row.prints)
        _same(found.ab if found is not None else None, self._planes[number])

    def _find(self, store: ClipStore, number: int) -> None:
        found = store.find(self._settings, Query(luma=luma_hash(self._lumas[number])))
        _same(found.colour.ab if found is not None else None, self._planes[number])

    def _open_and_find(self, number: int) -> None:
        with self._open() as store:
            self._find(store, number)

    def _times(self, work: Callable[[int], None], count: int = _SEEKS) -> list[float]:
        chosen, times = random.Random(1), []
        for _ in range(count):
            number = chosen.randrange(len(self._new))
            started = time.perf_counter()
            work(number)
            times.append(1000 * (time.perf_counter() - started))
        return times


def _contents() -> Mapping[str, Callable[[int], Proxy]]:
    random_shapes = np.random.default_rng(1)
    small = random_shapes.random((GEOMETRY.height_px // 16 + 40, GEOMETRY.width_px // 16 + 40), dtype=np.float32)
    wide = cv2.resize(cv2.GaussianBlur(small, (0, 0), 1.5), None, fx=16, fy=16, interpolation=cv2.INTER_CUBIC)
    shapes = (wide - wide.min()) / float(np.ptp(wide))

    def view(number: int, step: int, grain: float, seed: int) -> Proxy:
        at = (step * number) % 500
        part = shapes[at // 2 : at // 2 + GEOMETRY.height_px, at : at + GEOMETRY.width_px]
        noise = np.random.default_rng(seed).standard_normal(part.shape, dtype=np.float32) * grain
        levels: Proxy = np.clip(np.rint((part * 0.8 + 0.1 + noise) * 65535), 0, 65535).astype(np.uint16)
        return levels

    return {
        "a pan with grain": lambda number: view(number, 3, 0.01, number),
        "a still scene with grain": lambda number: view(0, 0, 0.01, number),
        "a clean pan": lambda number: view(number, 3, 0.0, 0),
    }


def _received(stream: ColourStream) -> NDArray[np.int16]:
    planes = stream.receive()
    if planes is None:
        raise RuntimeError("a frame was not answered")
    return planes.ab


def _same(found: NDArray[np.int16] | None, expected: NDArray[np.int16]) -> None:
    if found is None or not np.array_equal(found, expected):
        raise RuntimeError("the store did not answer with the colour that was stored")


def _percentiles(times: list[float]) -> tuple[float, float]:
    return float(np.percentile(times, 50)), float(np.percentile(times, 95))


def _fail(text: str) -> None:
    raise RuntimeError(text)


def _no_stream(first: int, sleep: Callable[[float], None]) -> ColourStream:
    raise RuntimeError(f"frame {first} is not in the store")
