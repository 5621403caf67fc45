"""The networks of a run's checkpoint, as they are used: averaged weights, batch norm folded."""

from pathlib import Path
from typing import Any

import torch

from kinemacolor.models.networks.kinema import KinemaNet, fold_batch_norm
from kinemacolor.models.networks.memory import MemoryNet

__all__ = ["load_checkpoint", "load_memory_run", "load_run"]


def load_checkpoint(run: Path) -> dict[str, Any]:
    """The content of a run's checkpoint.

    Raises:
        FileNotFoundError: The run has none.
    """
    content: dict[str, Any] = torch.load(run / "run.pt", map_location="cpu", weights_only=True)
    return content


def load_run(run: Path) -> KinemaNet:
    """The frame network of a run, folded."""
    net = KinemaNet(norm=True)
    net.load_state_dict(load_checkpoint(run)["average"])
    return fold_batch_norm(net.eval())


def load_memory_run(run: Path) -> MemoryNet:
    """The memory of a run."""
    net = MemoryNet()
    net.load_state_dict(load_checkpoint(run)["average"])
    return net.eval()
