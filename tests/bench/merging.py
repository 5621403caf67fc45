"""What the merge costs and what solving on the proxy loses: `KINEMACOLOR_DATA=... python tests/bench/merging.py`.

Cost is processor time of one core, the smallest of six means over 30 frames after a warm-up. The picture is the first
frame of an evaluation clip, enlarged and given grain, with its true a*b*.

Loss: photographs are taken as full-size pictures four times as large as their proxy. The merge (solve on the proxy,
upsample Cb, Cr) is compared with the full-size way (upsample a*, b* with the same upsampler, solve every pixel), and
both with the true chroma. In codes of 8 bits.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import ColourEncoding, Matrix, Primaries, Range, Siting, Transfer
from kinemacolor.colour.gamut import gamut_scale
from kinemacolor.colour.lab import linear_rgb_to_lab
from kinemacolor.colour.matrix import code_scale, code_to_chroma, code_to_luma, luma_to_code, rgb_to_ycbcr
from kinemacolor.colour.solve import ChromaSolver
from kinemacolor.colour.transfer import to_linear
from kinemacolor.picture.limit import GamutLimiter
from kinemacolor.picture.merge import ChromaMerger
from kinemacolor.picture.pixel import Family, PixelFormat
from kinemacolor.picture.proxy import make_proxy, proxy_size
from kinemacolor.picture.upsample import ChromaUpsampler

HD = ColourEncoding(matrix=Matrix.BT709, range=Range.LIMITED, transfer=Transfer.BT709, primaries=Primaries.BT709)
DATA = Path(os.environ.get("KINEMACOLOR_DATA", "."))
CASES: dict[str, tuple[tuple[int, int], int, tuple[int, int], Siting]] = {
    "1080p 4:2:0  8 bit, left": ((1920, 1080), 8, (1, 1), Siting.LEFT),
    "1080p 4:2:0  8 bit, centre": ((1920, 1080), 8, (1, 1), Siting.CENTER),
    "1080p 4:2:2 10 bit, left": ((1920, 1080), 10, (1, 0), Siting.LEFT),
    "1080p 4:4:4 16 bit": ((1920, 1080), 16, (0, 0), Siting.LEFT),
    "2160p 4:2:0 10 bit, topleft": ((3840, 2160), 10, (1, 1), Siting.TOPLEFT),
}


def picture(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.float64]:
    """(3, H, W) R'G'B' in [0, 1]."""
    image = cv2.imread(str(path))[:, :, ::-1]
    if size:
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(image.transpose(2, 0, 1) / 255)


def lab_of(rgb: NDArray[np.float64]) -> NDArray[np.float32]:
    """(2, H, W) a*, b*."""
    return linear_rgb_to_lab(to_linear(rgb, HD.transfer), HD.primaries)[1:].astype(np.float32)


def reduced(ab: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.int16]:
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in ab]
    return np.rint(np.clip(np.stack(planes), -128, 127) * 256).astype(np.int16)


def luma_codes(rgb: NDArray[np.float64], bits: int, grain: float) -> NDArray[np.uint8] | NDArray[np.uint16]:
    y = rgb_to_ycbcr(rgb, HD.matrix)[0]
    y += np.random.default_rng(0).normal(0, grain, y.shape)
    scale = code_scale(bits, HD.range)
    codes = np.clip(luma_to_code(y, scale), scale.luma_black, scale.luma_white)
    return codes.astype(np.uint8) if bits == 8 else codes


def merger(
    size: tuple[int, int], proxy: tuple[int, int], bits: int, chroma: tuple[int, int], at: Siting
) -> ChromaMerger:
    return ChromaMerger(
        source=PixelFormat(name="gray", family=Family.GRAY, bits=bits),
        target=PixelFormat(name="yuv", family=Family.YUV, bits=bits, log2_chroma_w=chroma[0], log2_chroma_h=chroma[1]),
        encoding=HD,
        siting=at,
        size=size,
        proxy_size=proxy,
    )


def core_ms(work: Callable[[], object], frames: int = 30) -> float:
    for _ in range(4):
        work()
    means = []
    for _ in range(6):
        started = time.process_time()
        for _ in range(frames):
            work()
        means.append((time.process_time() - started) / frames * 1e3)
    return min(means)


class Stopwatch:
    """Adds up the processor time spent in some methods while it is worn."""

    def __init__(self, *methods: tuple[type, str]) -> None:
        self.seconds = dict.fromkeys([f"{owner.__name__}.{name}" for owner, name in methods], 0.0)
        for owner, name in methods:
            setattr(owner, name, self._timed(f"{owner.__name__}.{name}", getattr(owner, name)))

    def _timed(self, label: str, method: Callable[..., object]) -> Callable[..., object]:
        def timed(*args: object, **kwargs: object) -> object:
            started = time.process_time()
            result = method(*args, **kwargs)
            self.seconds[label] += time.process_time() - started
            return result

        return timed


def costs(watch: Stopwatch) -> Iterator[str]:
    path = DATA / "dev_eval" / "clips" / "davis_blackswan" / "00000.jpg"
    for name, (size, bits, chroma, siting) in CASES.items():
        rgb = picture(path, size)
        proxy = proxy_size(*size, 256)
        luma, ab = luma_codes(rgb, bits, 2 / 255), reduced(lab_of(rgb), proxy)
        one = merger(size, proxy, bits, chroma, siting)
        total = core_ms(lambda one=one, luma=luma, ab=ab: one.merge(luma, ab))
        proxy_ms = core_ms(lambda luma=luma, bits=bits, proxy=proxy: make_proxy(luma, bits, HD.range, proxy))
        watch.seconds = dict.fromkeys(watch.seconds, 0.0)
        for _ in range(30):
            limited = one.merge(luma, ab).limited_samples
        parts = ", ".join(f"{label} {seconds / 30 * 1e3:.1f}" for label, seconds in watch.seconds.items())
        yield f"{name}: merge {total:.1f} core-ms ({parts}); make_proxy {proxy_ms:.1f}; {limited} samples limited\n"
    rgb_planes = tuple(luma_codes(picture(path, (1920, 1080)), 16, 2 / 255) for _ in range(3))
    one = ChromaMerger(
        source=PixelFormat(name="gbrp16le", family=Family.RGB, bits=16),
        target=PixelFormat(name="gbrp16le", family=Family.RGB, bits=16),
        encoding=HD,
        siting=Siting.LEFT,
        size=(1920, 1080),
        proxy_size=(455, 256),
    )
    ab = reduced(lab_of(picture(path, (1920, 1080))), (455, 256))
    yield f"1080p RGB 16 bit: {core_ms(lambda: one.merge_rgb(rgb_planes, ab), 5):.1f} core-ms\n"


def losses() -> str:
    solver = ChromaSolver(HD)
    scale = code_scale(16, HD.range)
    proxy_way, full_way, between = [], [], []
    for path in sorted((DATA / "dev_eval" / "photos").glob("*.jpg")):
        rgb = picture(path)
        height, width = (side // 4 * 4 for side in rgb.shape[1:])
        rgb = np.ascontiguousarray(rgb[:, :height, :width])
        truth = rgb_to_ycbcr(rgb, HD.matrix)[1:]
        size, proxy = (width, height), (width // 4, height // 4)
        luma, ab = luma_codes(rgb, 16, 0.0), reduced(lab_of(rgb), proxy)
        merged = merger(size, proxy, 16, (0, 0), Siting.LEFT).merge(luma, ab)
        ours = np.stack([code_to_chroma(plane, scale) for plane in (merged.cb, merged.cr)])
        y = code_to_luma(luma, scale)
        small = make_proxy(luma, 16, HD.range, proxy) / np.float32(65535)
        wide = ChromaUpsampler(proxy_size=proxy, luma_size=size).upsample(ab / np.float32(256), small, y)
        full = solver.solve(y, wide)
        full *= gamut_scale(y, full, HD.matrix)
        for errors, one, other in ((proxy_way, ours, truth), (full_way, full, truth), (between, ours, full)):
            errors.append(np.abs(one - other).ravel() * 224)

    def words(errors: list[NDArray[np.float64]]) -> str:
        every = np.concatenate(errors)
        psnr = np.mean([-10 * np.log10(np.mean((part / 224) ** 2)) for part in errors])
        return f"rms {np.sqrt(np.mean(every**2)):.2f}, 99 % below {np.quantile(every, 0.99):.1f} codes ({psnr:.2f} dB)"

    return (
        f"solve on the proxy, against truth: {words(proxy_way)}\n"
        f"solve at full size, against truth: {words(full_way)}\n"
        f"one against the other:             {words(between)}\n"
    )


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.stdout.write(losses())
    stopwatch = Stopwatch(
        (ChromaSolver, "solve"),
        (ChromaUpsampler, "mean_at_chroma"),
        (ChromaUpsampler, "upsample"),
        (GamutLimiter, "apply"),
    )
    for line in costs(stopwatch):
        sys.stdout.write(line)
