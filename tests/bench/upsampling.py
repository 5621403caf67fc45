"""Chroma upsampling compared: `KINEMACOLOR_DATA=... python tests/bench/upsampling.py`.

True chroma of 4:4:4 photographs is averaged down 2, 4 and 8 times and brought back beside the full-size luma. Printed
are the mean PSNR of Cb and Cr over the photographs, and the RMS error, in codes of 8 bits, of the tenth of the pixels
where true chroma changes most.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import Matrix
from kinemacolor.colour.matrix import rgb_to_ycbcr
from kinemacolor.picture.joint_bilateral import JointBilateralUpsampler
from kinemacolor.picture.upsample import ChromaUpsampler

Float32 = NDArray[np.float32]
Method = Callable[[Float32, Float32, Float32], Float32]
FACTORS = (2, 4, 8)


def photographs() -> Iterator[tuple[Float32, Float32]]:
    """Luma (h, w) and chroma (2, h, w) of each photograph, sides cut to multiples of 8."""
    for path in sorted((Path(os.environ["KINEMACOLOR_DATA"]) / "dev_eval" / "photos").glob("*.jpg")):
        rgb = cv2.imread(str(path))[:, :, ::-1].astype(np.float32).transpose(2, 0, 1) / 255
        height, width = (side // 8 * 8 for side in rgb.shape[1:])
        planes = np.ascontiguousarray(rgb_to_ycbcr(rgb, Matrix.BT709)[:, :height, :width])
        yield planes[0], planes[1:]


def plain(interpolation: int) -> Method:
    def method(chroma: Float32, proxy: Float32, luma: Float32) -> Float32:
        size = (luma.shape[1], luma.shape[0])
        return np.stack([cv2.resize(plane, size, interpolation=interpolation) for plane in chroma])

    return method


def guided(chroma: Float32, proxy: Float32, luma: Float32) -> Float32:
    upsampler = ChromaUpsampler(proxy_size=proxy.shape[::-1], luma_size=luma.shape[::-1])
    return upsampler.upsample(chroma, proxy, luma).copy()


def joint_bilateral(sigma_luma: float) -> Method:
    def method(chroma: Float32, proxy: Float32, luma: Float32) -> Float32:
        size = (proxy.shape[1], proxy.shape[0])
        upsampler = JointBilateralUpsampler(
            proxy_size=size, luma_size=(luma.shape[1], luma.shape[0]), sigma_luma=sigma_luma
        )
        return upsampler.upsample(chroma, proxy, luma)

    return method


def kopf(chroma: Float32, proxy: Float32, luma: Float32) -> Float32:
    """The paper's formula alone: 5 x 5 proxy samples, weighted by distance (sigma 0.7) and by luma (sigma 0.06)."""
    height, width = luma.shape
    x = (np.arange(width) + 0.5) * proxy.shape[1] / width - 0.5
    y = (np.arange(height) + 0.5) * proxy.shape[0] / height - 0.5
    total, result = np.zeros_like(luma), np.zeros((2, height, width), dtype=np.float32)
    for down in range(-2, 3):
        for right in range(-2, 3):
            column = np.rint(x).astype(int) + right
            row = np.rint(y).astype(int) + down
            distance = (column - x)[None] ** 2 + (row - y)[:, None] ** 2
            at = np.ix_(np.clip(row, 0, proxy.shape[0] - 1), np.clip(column, 0, proxy.shape[1] - 1))
            weight = np.exp(-distance / (2 * 0.7**2) - (proxy[at] - luma) ** 2 / (2 * 0.06**2)) + 1e-9
            total += weight
            for plane, out in zip(chroma, result, strict=True):
                out += weight * plane[at]
    return result / total


METHODS: dict[str, Method] = {
    "bilinear": plain(cv2.INTER_LINEAR),
    "bicubic": plain(cv2.INTER_CUBIC),
    "joint bilateral": kopf,
    **{f"chosen, {sigma}": joint_bilateral(sigma) for sigma in (0.06, 0.1, 0.15, 0.2)},
    "guided": guided,
}


def strongest_edges(chroma: Float32) -> NDArray[np.bool_]:
    slopes = [cv2.Sobel(plane, cv2.CV_32F, *way) for plane in chroma for way in ((1, 0), (0, 1))]
    energy = sum(slope**2 for slope in slopes)
    return np.asarray(energy >= np.quantile(energy, 0.9))


def main() -> None:
    psnr: dict[tuple[str, int], list[float]] = {(name, factor): [] for name in METHODS for factor in FACTORS}
    edges: dict[tuple[str, int], list[float]] = {key: [] for key in psnr}
    for luma, truth in photographs():
        strong = strongest_edges(truth)
        for factor in FACTORS:
            size = (luma.shape[1] // factor, luma.shape[0] // factor)
            proxy, *chroma = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (luma, *truth))
            for name, method in METHODS.items():
                squares = (method(np.stack(chroma), proxy, luma) - truth) ** 2
                psnr[name, factor].append(-10 * np.log10(squares.mean()))
                edges[name, factor].append(float(squares[:, strong].mean()))
    sys.stdout.write("method            " + "".join(f"|   1/{factor}: dB   edges " for factor in FACTORS) + "\n")
    for name in METHODS:
        cells = [
            f"|  {np.mean(psnr[name, factor]):9.2f} {np.sqrt(np.mean(edges[name, factor])) * 224:7.2f} "
            for factor in FACTORS
        ]
        sys.stdout.write(f"{name:18s}" + "".join(cells) + "\n")


if __name__ == "__main__":
    main()
