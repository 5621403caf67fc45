"""A run whose schedule is a list of phases, each with its size of crops and its own cycle of the rate."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from kinemacolor.training.loop import ParameterGroup, Schedule, TrainingLoop
from kinemacolor.training.one_cycle import Phase, Place, one_cycle, place_in

__all__ = ["PhasedTrainer"]

_SECOND_BETA = 0.99
"""Of Adam, as fastai 1 has it; the first goes with the cycle."""


class PhasedTrainer(TrainingLoop):
    """A run; what a step looks at is the subclass's.

    Args:
        out: Folder of the run; made if missing.
        schedule: Length of the run: that of all phases.
        phases: At least one.
        ends: After how many steps each of them ends.
        net: The network.
        groups: Its parameters, from the first layers to the last.
    """

    def __init__(
        self,
        out: Path,
        schedule: Schedule,
        phases: Sequence[Phase],
        ends: Sequence[int],
        net: nn.Module,
        groups: Sequence[ParameterGroup],
    ) -> None:
        self._phases, self._ends = phases, ends
        super().__init__(out, schedule, net, groups)

    @property
    def place(self) -> Place:
        """Where the next step lies."""
        return place_in(self._phases, self._ends, self.step)

    def set_rates(self) -> None:
        """Those of the next step, and its momentum."""
        place, groups = self.place, self.optimiser.param_groups
        factor, momentum = one_cycle(place.share, place.phase.rise)
        for group, peak in zip(groups, place.phase.rates(len(groups)), strict=True):
            group["lr"], group["betas"] = factor * peak, (momentum, _SECOND_BETA)
