"""What the refinement of a reduced `favc` does: `python tests/bench/favc.py FOLDER CLIPS [--frames N] [--clips N]`.

FOLDER has what `python -m kinemacolor.training.favc --export` wrote of both stages; CLIPS is a folder of clips with
known colours. Printed: figures of each variant, each frame alone and refined, means over the clips, and how far the
variants are apart.
"""

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from kinemacolor.evaluation.material import find_clips, read_truth
from kinemacolor.evaluation.measure import Figures, mean_figures, measure_ab
from kinemacolor.models import load_network
from kinemacolor.models.api import Proposal
from kinemacolor.models.favc_frames import FavcFrames, picture_ab
from kinemacolor.models.networks.favc import VARIANTS, FavcPainter, FavcRefine
from kinemacolor.models.networks.mobile_trunk import TRUNK_MULTIPLE
from kinemacolor.models.refining import RefineSteadying
from kinemacolor.models.spatial import crop, pad_to_multiple

_CPU = torch.device("cpu")
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
    frames, refinement = _load(arguments.folder)
    figures: dict[tuple[str, int], list[Figures]] = {}
    apart: dict[str, list[float]] = {"alone": [], "refined": []}
    for path in find_clips(arguments.clips_folder)[: arguments.clips]:
        truth = read_truth(path, arguments.frames)
        colours = _coloured(frames, refinement, truth.lightness)
        for key, ab in colours.items():
            figures.setdefault(key, []).append(measure_ab(truth, ab))
        for how, found in apart.items():
            planes = [ab for key, ab in colours.items() if key[0] == how]
            pairs = itertools.combinations(planes, 2)
            found.append(float(torch.stack([(one - other).norm(dim=1).mean() for one, other in pairs]).mean()))
        sys.stderr.write(f"{path}, so far:\n{_table(figures, apart)}")
    sys.stdout.write(_table(figures, apart))


def _table(figures: Mapping[tuple[str, int], Sequence[Figures]], apart: Mapping[str, Sequence[float]]) -> str:
    """Of the clips measured so far."""
    lines = ["variant, " + ", ".join(_COLUMNS)]
    for (how, variant), found in sorted(figures.items(), key=lambda item: (item[0][1], item[0][0])):
        mean = asdict(mean_figures(found))
        lines.append(f"{variant} {how}: " + ", ".join(f"{mean[name]:.3f}" for name in _COLUMNS))
    for how, distances in apart.items():
        lines.append(f"mean distance of two variants, {how}: {sum(distances) / len(distances):.2f} ab")
    return "\n".join(lines) + "\n"


@torch.no_grad()
def _coloured(frames: FavcFrames, refinement: RefineSteadying, lightness: Tensor) -> dict[tuple[str, int], Tensor]:
    """(T, 2, H, W) of a clip in all variants, each frame alone and refined; the pictures of a frame are made once."""
    padded, padding = pad_to_multiple(lightness, frames.multiple_of)
    states = [refinement.init_state()] * VARIANTS
    found: dict[tuple[str, int], list[Tensor]] = {}
    for frame in padded:
        pictures = frames.network(frame.unsqueeze(0))[0].contiguous()
        for place, rgb in enumerate(torch.split(pictures, 3)):
            proposal = Proposal(frame, picture_ab(rgb), rgb.clone())
            result = refinement.step(states[place], proposal)
            states[place] = result.state
            found.setdefault(("alone", place + 1), []).append(proposal.ab)
            found.setdefault(("refined", place + 1), []).append(result.ab)
    return {key: crop(torch.stack(planes), padding) for key, planes in found.items()}


def _load(folder: Path) -> tuple[FavcFrames, RefineSteadying]:
    painter = load_network("favc-reduced", folder / "favc-reduced.safetensors")
    refinement = load_network("favc-refine-reduced", folder / "favc-refine-reduced.safetensors")
    if not isinstance(painter, FavcPainter) or not isinstance(refinement, FavcRefine):
        raise TypeError("expected the networks of favc, found others")
    return FavcFrames.on(_CPU, painter, TRUNK_MULTIPLE), RefineSteadying(refinement, _CPU)


if __name__ == "__main__":
    main()
