"""What the first worker does at each line of the log: terminal, TensorBoard, sample sheets, early look at failure."""

import logging
import time
from collections.abc import Callable

import cv2

from kinemacolor.training.errors import TrainingFailed
from kinemacolor.training.events import EventWriter
from kinemacolor.training.loop import LogLine, Schedule, TrainingLoop
from kinemacolor.training.photos import Picture
from kinemacolor.training.recipe import Watch

__all__ = ["Watcher", "early_look", "progress_line"]

_log = logging.getLogger(__name__)


class Watcher:
    """Looks at one run; call it with each line of the log.

    Args:
        trainer: The run.
        watch: Intervals and bound.
        draw: Makes a sample sheet; None if there is nothing to show.
    """

    def __init__(self, trainer: TrainingLoop, watch: Watch, draw: Callable[[], Picture] | None) -> None:
        self._trainer, self._watch, self._draw = trainer, watch, draw
        self._events = EventWriter(trainer.out / "tensorboard", trainer.step)
        self._sheet_time = float("-inf")

    def __call__(self, line: LogLine) -> None:
        """Report the line.

        Raises:
            TrainingFailed: The early look found that the run does not learn.
        """
        _log.info("%s", progress_line(line, self._trainer.schedule))
        step = int(line["step"])
        self._events.scalars({name: value for name, value in line.items() if name != "step"}, step)
        early_look(line, self._watch)
        if self._draw is not None and time.monotonic() - self._sheet_time >= self._watch.sheet_minutes * 60.0:
            self._keep(self._draw(), step)
            self._sheet_time = time.monotonic()

    def _keep(self, sheet: Picture, step: int) -> None:
        folder = self._trainer.out / "samples"
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"step_{step:06d}.png"), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        self._events.picture("held out", sheet, step)


def progress_line(line: LogLine, schedule: Schedule) -> str:
    """One line for the terminal."""
    share = schedule.elapsed_share(int(line["step"]), line["minutes"])
    left = line["minutes"] * (1.0 - share) / share if share > 0.0 else float("inf")
    of = f" of {schedule.steps}" if schedule.steps is not None else ""
    return (
        f"step {int(line['step'])}{of}  {share:4.0%}  loss {line['loss']:.3f}  "
        f"{line['steps_per_second']:.2f} steps/s  {line['minutes']:.0f} min, {left:.0f} min left"
    )


def early_look(line: LogLine, watch: Watch) -> None:
    """Stop a run that does not learn, at the first line of the log from `early_steps` on.

    Raises:
        TrainingFailed: The loss is not below the bound.
    """
    first = watch.early_steps <= line["step"] < watch.early_steps + watch.log_every_steps
    if watch.early_steps > 0 and first and not line["loss"] < watch.early_loss:
        raise TrainingFailed(
            f"step {int(line['step'])}: expected a loss below {watch.early_loss:g} by now, found {line['loss']:.3f}; "
            "look at the data, the encoder and the rates"
        )
