"""The mean colour of training photos, for the row of a constant tint: `python -m kinemacolor.evaluation.tint TARS`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from kinemacolor.evaluation.pictures import read_jpegs
from kinemacolor.models.color import srgb_to_lab

__all__ = ["main", "mean_tint"]


def mean_tint(tars: Sequence[Path]) -> tuple[float, float, int]:
    """Mean a* and b* over pictures, each its mean over pixels, and the number of pictures."""
    means = []
    for _, picture in read_jpegs(tars):
        lab = srgb_to_lab(torch.from_numpy(picture).permute(2, 0, 1).float() / 255.0)
        means.append(lab[1:].double().mean(dim=(1, 2)))
    a, b = torch.stack(means).mean(dim=0).tolist()
    return a, b, len(means)


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description="Mean a* and b* of photos in tars.")
    parser.add_argument("tars", type=Path, nargs="+")
    a, b, count = mean_tint(parser.parse_args().tars)
    sys.stdout.write(f"a* {a:.3f}, b* {b:.3f} of {count} pictures\n")


if __name__ == "__main__":
    main()
