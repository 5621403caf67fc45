"""TensorBoard event files, if the package `tensorboard` is installed; without it training says so once."""

import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from kinemacolor.training.photos import Picture

__all__ = ["EventWriter"]

_log = logging.getLogger(__name__)


class _Writer(Protocol):
    """What is used of torch.utils.tensorboard.SummaryWriter."""

    def add_scalar(self, tag: str, value: float, step: int) -> None: ...

    def add_image(self, tag: str, picture: Picture, step: int, *, dataformats: str) -> None: ...

    def flush(self) -> None: ...


class EventWriter:
    """Writes scalars and sheets for TensorBoard, or nothing.

    Args:
        folder: Where the event files go.
        step: Step at which the run starts or goes on; what a killed run wrote after it is hidden.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._writer = _open(folder, step)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Add one point to each curve."""
        if self._writer is None:
            return
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Add a picture (H, W, 3) RGB."""
        if self._writer is not None:
            self._writer.add_image(name, picture, step, dataformats="HWC")


def _open(folder: Path, step: int) -> _Writer | None:
    try:
        module = importlib.import_module("torch.utils.tensorboard")
    except ModuleNotFoundError:
        _log.info("no TensorBoard files: pip install tensorboard writes them; everything else works without it")
        return None
    return cast(_Writer, module.SummaryWriter(str(folder), purge_step=step or None))
