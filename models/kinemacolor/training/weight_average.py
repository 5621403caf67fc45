"""The running mean of a network's weights over its training (Polyak, Juditsky 1992): steadier than the last weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """An exponential mean of a network's state, statistics of batch norms included.

    Args:
        net: The network whose present state is the start.
        decay: Weight of the old mean at each step, in [0, 1); 0 follows the network exactly.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self._decay = decay
        self.state: dict[str, Tensor] = {name: value.detach().clone() for name, value in net.state_dict().items()}

    @torch.no_grad()
    def follow(self, net: nn.Module, step: int) -> None:
        """Take in the state after a step; early steps, which know little, are forgotten faster."""
        decay = min(self._decay, (1.0 + step) / (10.0 + step))
        present = net.state_dict()
        floating = [name for name, value in self.state.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.state[name] for name in floating], [present[name] for name in floating], 1.0 - decay)
        for name in self.state.keys() - set(floating):
            self.state[name].copy_(present[name])

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the mean of a checkpoint."""
        for name, value in self.state.items():
            value.copy_(state[name])
