"""Weights out of a seed, for networks of others; and what ours make of them."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.models.networks.ddcolor import DDColor, DDColorSettings
from kinemacolor.models.networks.deoldify import Deoldify, DeoldifySettings
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.favc import FavcColour, FavcImage, FavcPainter, FavcRefine
from kinemacolor.models.networks.favc_refinement import refinement_input
from kinemacolor.models.networks.lai import Lai
from kinemacolor.models.networks.resnet import ResNetKind
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.networks.vgg19 import Vgg19

GOLDEN = Path(__file__).with_name("golden.json")
SIDE = (48, 64)
SMALL_DDCOLOR = DDColorSettings(
    depths=(1, 1, 2, 1),
    widths=(16, 24, 32, 48),
    decoder_width=32,
    queries=10,
    query_width=32,
    heads=4,
    inner_width=64,
    rounds=2,
)
"""Quick to run; the comparison with the authors' code was at full size."""


def weights(layout: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Numbers of the size that keeps activations alive, by name: the order of the layout does not matter."""
    made = {}
    for name, like in layout.items():
        random = np.random.default_rng([1908, *name.encode()])
        if not like.dtype.is_floating_point:
            made[name] = torch.zeros_like(like)
            continue
        if name in ("mean", "std"):  # constants of the picture
            made[name] = like.clone()
            continue
        if name.endswith(("running_var", "gamma")) or (like.ndim == 1 and name.endswith("weight")):
            numbers = random.uniform(0.5, 1.5, like.shape)
        elif like.ndim > 1:
            numbers = random.normal(0, np.sqrt(2 / like[0].numel()), like.shape)
        else:
            numbers = random.normal(0, 0.1, like.shape)
        made[name] = torch.from_numpy(np.asarray(numbers, dtype=np.float32))
    for name in [name.removesuffix("_orig") for name in made if name.endswith("weight_orig")]:
        made[f"{name}_u"], made[f"{name}_v"] = _half_a_step(made[f"{name}_orig"], made[f"{name}_u"])
    return made


def _half_a_step(kernel: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors of length 1 that keep activations alive, but no singular ones, so that bettering them is noticed."""
    rows, u = kernel.flatten(1).double(), torch.nn.functional.normalize(u.double(), dim=0)
    return u.float(), torch.nn.functional.normalize(rows.T @ u, dim=0).float()


def with_seeded_weights(network: nn.Module) -> nn.Module:
    network.load_state_dict(weights(network.state_dict()))
    return network.eval().requires_grad_(False)


def uniform(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32))


def eccv16(network: nn.Module) -> Tensor:
    return network(uniform(1, 1, 1, *SIDE) * 100)


def siggraph17(network: nn.Module) -> Tensor:
    hint, mask = (uniform(3, 1, 2, *SIDE) - 0.5) * 100, (uniform(4, 1, 1, *SIDE) > 0.9).float()
    lightness = uniform(2, 1, 1, *SIDE) * 100
    return torch.cat((network(lightness), network(lightness, hint * mask, mask)))


def lai(network: nn.Module) -> Tensor:
    frames = uniform(5, 6, 1, 3, *SIDE)
    processed = uniform(6, 6, 1, 3, *SIDE)
    output, memory, outputs = processed[0], None, []
    for number in range(1, 6):
        output, memory = network(processed[number], output, frames[number], frames[number - 1], memory)
        outputs.append(output)
    return torch.cat(outputs)


def deoldify(network: nn.Module) -> Tensor:
    """One picture, of a size whose half is odd further down: there the nearest samples are taken."""
    return network((uniform(8, 1, 3, 54, 74) - 0.45) / 0.225)


def reduced(kind: Literal["wide", "deep"], factor: float) -> Callable[[], Deoldify]:
    """An eighth of the authors' width, and fewer blocks."""
    encoder = ResNetKind((1, 2, 1, 1), bottleneck=kind == "wide")
    return lambda: Deoldify(DeoldifySettings(kind=kind, encoder=encoder, width=8, factor=factor))


def ddcolor(network: nn.Module) -> Tensor:
    return network(uniform(8, 2, 1, 64, 96).expand(-1, 3, -1, -1))


def favc(network: nn.Module) -> Tensor:
    return network(uniform(9, 2, 1, *SIDE))


def favc_image(network: nn.Module) -> Tensor:
    return network(uniform(10, 2, 1, 64, 96))


def favc_refine(network: nn.Module) -> Tensor:
    """A picture before that was much the same, and moves a little."""
    before, grey = uniform(11, 1, 3, *SIDE), uniform(12, 1, 1, *SIDE)
    colour = before + 0.1 * (uniform(13, 1, 3, *SIDE) - 0.5)
    flow = 6 * (uniform(14, 1, 2, *SIDE) - 0.5) * (uniform(15, 1, 1, *SIDE) > 0.5)
    return network(refinement_input(before, colour, grey, grey * 0.98, flow).planes)


SMALL_FAVC = (8, 16, 32, 64, 64)
"""Features of a VGG19 of an eighth of the width; the comparison with the authors' code was at full size."""


RUNS = {
    "eccv16": (Eccv16, eccv16),
    "siggraph17": (Siggraph17, siggraph17),
    "lai": (Lai, lai),
    "ddcolor": (lambda: DDColor(SMALL_DDCOLOR), ddcolor),
    "deoldify-wide": (reduced("wide", 2.0), deoldify),
    "deoldify-deep": (reduced("deep", 1.5), deoldify),
    "favc": (lambda: FavcPainter(Vgg19(SMALL_FAVC[0]), FavcColour(SMALL_FAVC, 8)), favc),
    "favc-image": (lambda: FavcPainter(Vgg19(SMALL_FAVC[0]), FavcImage(SMALL_FAVC, 8)), favc_image),
    "favc-refine": (lambda: FavcRefine(8), favc_refine),
}


def sample(output: Tensor) -> list[float]:
    """Some numbers of it, from everywhere."""
    flat = output.flatten()
    places = np.random.default_rng(7).choice(flat.numel(), 40, replace=False)
    return [round(float(flat[place]), 5) for place in places]


if __name__ == "__main__":
    golden = {name: sample(run(with_seeded_weights(make()))) for name, (make, run) in RUNS.items()}
    sys.stdout.write(json.dumps(golden, indent=1) + "\n")
