"""What the refinement of a reduced `favc` does: `python tests/bench/favc.py FOLDER CLIPS [--frames N] [--clips N]`.

FOLDER has what `python -m kinemacolor.training.favc --export` wrote; CLIPS is a folder of clips with known colours;
KINEMACOLOR_DATA names the data with the encoder. Printed: figures of each variant, each frame alone and refined, means
over the clips, and how far the variants are apart.
"""

import argparse
import itertools
import os
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from kinemacolor.evaluation.material import find_clips, read_truth
from kinemacolor.evaluation.measure import Figures, mean_figures, measure_ab
from kinemacolor.models.api import Colorizer
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.models.spatial import crop, pad_to_multiple
from kinemacolor.training.favc_reduced import load_reduced
from kinemacolor.training.recipe import read_recipe

_COLUMNS = ("ciede2000", "colourfulness", "cdc_e3", "warp_error_rgb_e3", "warp_error_e3")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("clips_folder", type=Path, metavar="clips")
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--clips", type=int, default=14)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = load_reduced(arguments.folder, _encoder())
    figures: dict[tuple[str, int], list[Figures]] = {}
    apart: dict[str, list[float]] = {"alone": [], "refined": []}
    for path in find_clips(arguments.clips_folder)[: arguments.clips]:
        truth = read_truth(path, arguments.frames)
        colours: dict[tuple[str, int], Tensor] = {}
        for variant in range(1, model.spec.variants + 1):
            alone, refined = _coloured(model.with_variant(variant), truth.lightness)
            colours["alone", variant], colours["refined", variant] = alone, refined
        for key, ab in colours.items():
            figures.setdefault(key, []).append(measure_ab(truth, ab))
        for how, found in apart.items():
            planes = [ab for key, ab in colours.items() if key[0] == how]
            pairs = itertools.combinations(planes, 2)
            found.append(float(torch.stack([(one - other).norm(dim=1).mean() for one, other in pairs]).mean()))
        sys.stderr.write(f"{path}\n")
    sys.stdout.write("variant, " + ", ".join(_COLUMNS) + "\n")
    for (how, variant), found in sorted(figures.items(), key=lambda item: (item[0][1], item[0][0])):
        mean = asdict(mean_figures(found))
        sys.stdout.write(f"{variant} {how}: " + ", ".join(f"{mean[name]:.3f}" for name in _COLUMNS) + "\n")
    for how, distances in apart.items():
        sys.stdout.write(f"mean distance of two variants, {how}: {sum(distances) / len(distances):.2f} ab\n")


def _coloured(model: Colorizer, lightness: Tensor) -> tuple[Tensor, Tensor]:
    """(T, 2, H, W) of a clip, each frame alone and refined."""
    padded, padding = pad_to_multiple(lightness, model.spec.multiple_of)
    state, alone, refined = model.init_state(), [], []
    for frame in padded:
        (proposal,) = model.propose(frame.unsqueeze(0))
        result = model.step(state, proposal)
        state = result.state
        alone.append(proposal.ab)
        refined.append(result.ab)
    return crop(torch.stack(alone), padding), crop(torch.stack(refined), padding)


def _encoder() -> MobileNetV2Encoder:
    source = read_recipe("kinema").encoder
    if source is None:
        raise SystemExit("expected a recipe with an encoder, found none")
    encoder = MobileNetV2Encoder()
    path = Path(os.environ["KINEMACOLOR_DATA"]) / source.file
    encoder.load_dequantised(torch.load(path, weights_only=True)["state"])
    return encoder


if __name__ == "__main__":
    main()
