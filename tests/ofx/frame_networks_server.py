"""A server with frame networks of others: DeOldify's and DDColor's layouts at an eighth of the width, seeded weights.

python frame_networks_server.py FOLDER ARGUMENTS...     the weights are imported into FOLDER
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.parity.seeded import RUNS, weights

from kinemacolor.models import official
from kinemacolor.models.files import load
from kinemacolor.models.library import import_weights
from kinemacolor.server.main import main

SMALL = {"deoldify-video": "deoldify-wide", "deoldify-artistic": "deoldify-deep", "ddcolor-t": "ddcolor"}


def install(folder: Path) -> None:
    """Import the networks as a user would, from files of their authors' form."""
    os.environ["KINEMACOLOR_MODELS"] = str(folder / "models")
    made = {name: RUNS[run][0] for name, run in SMALL.items()}
    small = {name: replace(official.OFFICIAL[name], make=make) for name, make in made.items()}
    official.OFFICIAL = load.OFFICIAL = {**official.OFFICIAL, **small}
    for name, make in made.items():
        path = folder / f"{name}.pth"
        torch.save(weights(make().state_dict()), path)
        import_weights(name, path)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
