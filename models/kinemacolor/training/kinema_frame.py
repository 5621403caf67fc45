"""Train the frame network without a recipe file: `python -m kinemacolor.training.kinema_frame --out DIR --minutes N`.

The same as the first part of `kinemacolor train kinema --resume`, with the schedule on the wall clock, from the encoder
instead of from weights, and with no photo held out: for trials on other data. A run whose folder has a checkpoint goes
on from there.

The pictures come from the folder that the environment variable KINEMACOLOR_DATA names (or --data).
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from kinemacolor.training.errors import TrainingError
from kinemacolor.training.launch import train
from kinemacolor.training.recipe import Plan, Watch, read_recipe
from kinemacolor.training.trainer import Recipe

__all__ = ["main"]


def main() -> int:
    """Read the photos, go on where the folder's run stopped, train."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        train(_plan(arguments), Path(arguments.data), arguments.out, resume=True, limit=arguments.limit)
    except TrainingError as error:
        logging.getLogger(__name__).error("%s", error)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the frame network kinema.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoint and log")
    parser.add_argument("--minutes", type=float, required=True, help="time budget; the learning rate follows it")
    parser.add_argument("--steps", type=int, help="stop after that many steps even if time is left")
    parser.add_argument("--data", type=Path, default=os.environ.get("KINEMACOLOR_DATA"), help="folder of the data")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread that share the batch")
    parser.add_argument("--limit", type=int, help="read at most that many photos of each kind, for quick runs")
    parser.add_argument("--seed", type=int, default=Recipe(minutes=1.0).seed, help="seed of all draws")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("name the folder of the data with --data or KINEMACOLOR_DATA")
    return arguments


def _plan(arguments: argparse.Namespace) -> Plan:
    shipped = read_recipe("kinema")
    return Plan(
        name="kinema_frame",
        small_photos=shipped.small_photos,
        large_photos=shipped.large_photos,
        held_out_one_in=0,
        clips=shipped.clips,
        encoder=shipped.encoder,
        numbers=Recipe(minutes=arguments.minutes, steps=arguments.steps, seed=arguments.seed),
        watch=Watch(workers=arguments.workers, early_steps=0),
    )


if __name__ == "__main__":
    sys.exit(main())
