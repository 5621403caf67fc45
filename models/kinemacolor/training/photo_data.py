"""The photos of the recipe `kinema`, for trainers of networks of others that learn from photos alone."""

import argparse
from dataclasses import replace
from pathlib import Path

from kinemacolor.training.data import TrainingData, read_data
from kinemacolor.training.recipe import read_recipe

__all__ = ["SMALL_PHOTOS_PX", "read_photo_data"]

SMALL_PHOTOS_PX = 128
"""Short side of the small photos; larger crops are taken from the large ones."""
_HELD_OUT_ONE_IN = 100


def read_photo_data(
    arguments: argparse.Namespace, held_out: int, *, large: bool = False, encoder: bool = True
) -> TrainingData:
    """Read from the folder of a command line, one photo in 100 held out.

    Args:
        arguments: Of `run_command.parse_run`.
        held_out: How many held-out photos are wanted.
        large: Whether the photos are the sharper ones, if the recipe has any.
        encoder: Whether the pretrained trunk is read, too.

    Raises:
        RecipeError: A file is missing or is not the one that the recipe was made for.
    """
    plan = read_recipe("kinema")
    photos = plan.large_photos if large and plan.large_photos is not None else plan.small_photos
    plan = replace(
        plan,
        small_photos=photos,
        large_photos=None,
        clips=None,
        encoder=plan.encoder if encoder else None,
        memory=None,
        recall=None,
        held_out_one_in=_HELD_OUT_ONE_IN,
    )
    return read_data(plan, Path(arguments.data), arguments.limit, held_out)
