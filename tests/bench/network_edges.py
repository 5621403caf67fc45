"""A network's own colours enlarged: `KINEMACOLOR_DATA=... python tests/bench/network_edges.py NAME FILE [PHOTOS]`.

`eccv16` and `zhao` answer at a quarter of the size at which they look. Their colours for the photographs of dev_eval
are brought to full size beside the luma, as `--upsampling` of `render` does it, and bilinear. Printed are the RMS
errors of a*, b* against the truth, everywhere and on the tenth of the pixels where true colour changes most, and how
steep the found colours are there, as a share of the truth's steepness.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from upsampling import Float32, Method, guided, joint_bilateral, plain, strongest_edges

from kinemacolor.evaluation.pictures import read_photo
from kinemacolor.models import load_network
from kinemacolor.models.color import luma
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.zhang_layers import AB_UNIT

METHODS: dict[str, Method] = {
    "bilinear": plain(1),  # cv2.INTER_LINEAR
    "joint-bilateral": joint_bilateral(0.15),
    "guided": guided,
}
QUARTER = 4


def main() -> None:
    name, path = sys.argv[1:3]
    network = load_network(name, Path(path))
    count = int(sys.argv[3]) if len(sys.argv) > 3 else None
    rows: dict[str, list[tuple[float, float, float]]] = {method: [] for method in METHODS}
    for small, proxy, full, truth in photographs(network, count):
        strong = strongest_edges(truth)
        for method, enlarge in METHODS.items():
            found = enlarge(small, proxy, full)
            squares = ((found - truth) ** 2).sum(axis=0)
            steep = steepness(found)[strong].mean() / steepness(truth)[strong].mean()
            rows[method].append((squares.mean(), squares[strong].mean(), steep))
    sys.stdout.write("method           everywhere   edges   steepness\n")
    for method, found in rows.items():
        everywhere, edges, steep = np.mean(found, axis=0)
        sys.stdout.write(f"{method:16s} {everywhere**0.5:10.2f} {edges**0.5:7.2f} {100 * steep:10.1f} %\n")


@torch.no_grad()
def photographs(network: Eccv16, count: int | None) -> Iterator[tuple[Float32, Float32, Float32, Float32]]:
    """Found a*, b* at a quarter of the size, luma there, luma, true a*, b*."""
    folder = Path(os.environ["KINEMACOLOR_DATA"]) / "dev_eval" / "photos"
    for path in sorted(folder.glob("*.jpg"))[:count]:
        clip = read_photo(path)
        height, width = (side // 8 * 8 for side in clip.rgb.shape[1:3])
        share = torch.softmax(network.logits(clip.lightness[..., :height, :width]), dim=1)
        codes = torch.from_numpy(clip.rgb[:, :height, :width]).permute(0, 3, 1, 2).float() / 255
        full = luma(codes)
        proxy = torch.nn.functional.avg_pool2d(full, QUARTER)
        truth = clip.lab[0, 1:, :height, :width]
        small = network.model_out(share)[0] * AB_UNIT
        yield small.numpy(), proxy[0, 0].numpy(), full[0, 0].numpy(), np.ascontiguousarray(truth.numpy())


def steepness(planes: Float32) -> Float32:
    """Length of the slope of both planes."""
    slopes = [slope for plane in planes for slope in np.gradient(plane)]
    return np.sqrt(sum(slope**2 for slope in slopes))


if __name__ == "__main__":
    main()
