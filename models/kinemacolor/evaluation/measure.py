"""Measure models on clips with known colours: `python -m kinemacolor.evaluation.measure --model kinema`.

The network sees the lightness of the clip's luma. Its a*b* is shown at the true L*, so that the numbers speak of
colour alone. Grey (no colour at all) and the truth are in the same table: whoever is not better than grey in
CIEDE2000 guesses, and whoever reaches the truth's warp error by having no colour has gained nothing.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kinemacolor.evaluation.metrics import cdc, ciede2000, colourfulness, psnr, warp_error
from kinemacolor.evaluation.pictures import Clip, read_clips
from kinemacolor.models.api import Colorizer
from kinemacolor.models.color import lab_to_srgb
from kinemacolor.models.registry import load_model
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["Figures", "colorize", "main", "mean_figures", "measure_ab"]


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one clip, or the mean over clips."""

    psnr_db: float
    """PSNR of RGB; higher is nearer to the true picture, and grey is not bad at it."""
    ciede2000: float
    """Mean CIEDE2000; lower is better."""
    colourfulness: float
    """Hasler and Suesstrunk; to be compared with the truth's."""
    colourfulness_error: float
    """Mean absolute difference of colourfulness to the truth, frame by frame."""
    warp_error_e3: float
    """Warp error of a*b*, times 1000; to be compared with the truth's."""
    cdc_e3: float
    """Colour distribution consistency, times 1000."""


def colorize(model: Colorizer, lightness: Tensor, *, memory: bool = True) -> Tensor:
    """Run one shot through a model.

    Args:
        model: The colorizer.
        lightness: (T, 1, H, W) float32 L*, any size.
        memory: False leaves the temporal network out.

    Returns:
        (T, 2, H, W) float32 a*, b* on the CPU.
    """
    padded, padding = pad_to_multiple(lightness, model.spec.multiple_of)
    state, planes = model.init_state(), []
    for frame in padded:
        proposal = model.propose(frame.unsqueeze(0).to(model.device))[0]
        if memory:
            result = model.step(state, proposal)
            state, ab = result.state, result.ab
        else:
            ab = proposal.ab
        planes.append(crop(ab, padding).cpu())
    return torch.stack(planes)


def measure_ab(clip: Clip, ab: Tensor) -> Figures:
    """Figures of a*b* planes (T, 2, H, W) for one clip, shown at the clip's true lightness."""
    true_lab = clip.lab
    found_lab = torch.cat((true_lab[:, :1], ab), dim=1)
    found = _to_bytes(lab_to_srgb(found_lab))
    difference = ciede2000(_last(true_lab), _last(found_lab))
    colours = [(colourfulness(a), colourfulness(b)) for a, b in zip(found, clip.rgb, strict=True)]
    return Figures(
        psnr_db=float(np.mean([psnr(a, b) for a, b in zip(clip.rgb, found, strict=True)])),
        ciede2000=float(difference.mean()),
        colourfulness=float(np.mean([found_one for found_one, _ in colours])),
        colourfulness_error=float(np.mean([abs(a - b) for a, b in colours])),
        warp_error_e3=1000.0 * warp_error(_last(ab), clip.luma_8bit),
        cdc_e3=1000.0 * cdc(found),
    )


def mean_figures(figures: Iterable[Figures]) -> Figures:
    """Mean over clips, each with the same weight."""
    rows = [tuple(asdict(one).values()) for one in figures]
    return Figures(*(float(value) for value in np.mean(np.array(rows), axis=0)))


def _to_bytes(rgb: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray((rgb * 255.0).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())


def _last(planes: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(planes.permute(0, 2, 3, 1).double().numpy())


def _table(rows: dict[str, Figures]) -> str:
    names = [field.name for field in fields(Figures)]
    lines = ["| | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for title, figures in rows.items():
        lines.append(f"| {title} | " + " | ".join(f"{value:.2f}" for value in asdict(figures).values()) + " |")
    return "\n".join(lines)


def _measure_all(model: Colorizer, clips: Sequence[Clip]) -> dict[str, Figures]:
    grey = [measure_ab(clip, torch.zeros_like(clip.lab[:, 1:])) for clip in clips]
    truth = [measure_ab(clip, clip.lab[:, 1:]) for clip in clips]
    alone = [measure_ab(clip, colorize(model, clip.lightness, memory=False)) for clip in clips]
    whole = [measure_ab(clip, colorize(model, clip.lightness)) for clip in clips]
    titles = ("grey", f"{model.spec.name}, frames alone", model.spec.name, "truth")
    return dict(zip(titles, map(mean_figures, (grey, alone, whole, truth)), strict=True))


def _add_to_card(card: Path, rows: dict[str, Figures], protocol: str) -> None:
    content = json.loads(card.read_text(encoding="utf-8"))
    rounded = {
        title: {key: round(value, 3) for key, value in asdict(one).items() if np.isfinite(value)}
        for title, one in rows.items()
    }
    content["figures"] = {"protocol": protocol, **rounded}
    card.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure a model on clips with known colours.")
    parser.add_argument("--model", default="kinema", help="name of the model")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="dtype of the frame network")
    parser.add_argument("--data", type=Path, default=os.environ.get("KINEMACOLOR_DATA"), help="folder of the data")
    parser.add_argument("--frames", type=int, help="measure that many frames of each clip at most")
    parser.add_argument("--threads", type=int, help="threads of the network")
    parser.add_argument("--card", type=Path, help="model card (JSON) that shall carry the figures")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("name the folder of the data with --data or KINEMACOLOR_DATA")
    return arguments


def main() -> None:
    """Measure and write the table to the standard output."""
    arguments = _arguments()
    dtype = None if arguments.dtype is None else getattr(torch, arguments.dtype)
    model = load_model(arguments.model, dtype=dtype, threads=arguments.threads)
    clips = read_clips(Path(arguments.data) / "dev_eval" / "clips", arguments.frames)
    rows = _measure_all(model, clips)
    sys.stdout.write(_table(rows) + "\n")
    if arguments.card is not None:
        frames = sum(len(clip.rgb) for clip in clips)
        protocol = f"{len(clips)} clips, {frames} frames, short side 256, {model.dtype}, mean over clips"
        _add_to_card(arguments.card, rows, protocol)


if __name__ == "__main__":
    main()
