"""Frame networks: colour for each frame alone, whoever steadies it afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from kinemacolor.models.api import Proposal

__all__ = ["FrameNetwork", "PlainFrames", "cells_like", "one_by_one"]


class FrameNetwork(Protocol):
    """Colours frames one by one; the first half of a `Colorizer`."""

    def propose(self, lightness: Tensor) -> list[Proposal]:
        """(B, 1, H, W) float32 L* to B proposals."""
        ...

    def with_variant(self, variant: int) -> "FrameNetwork":
        """Another of its colourings, by a number that it has."""
        ...


@dataclass(frozen=True, slots=True)
class PlainFrames:
    """A network that takes L* and gives a*, b* of the same size; float32."""

    network: nn.Module
    multiple_of: int
    device: torch.device

    @classmethod
    def on(cls, device: torch.device, make: Callable[[], nn.Module], multiple_of: int) -> "PlainFrames":
        """The network on a device, in the layout that convolutions like."""
        layout = torch.channels_last
        network = make().eval().requires_grad_(False)
        return cls(network.to(device=device, memory_format=layout), multiple_of, device)  # type: ignore[call-overload]

    def with_variant(self, variant: int) -> "PlainFrames":
        """See `FrameNetwork`: there is one."""
        return self

    @torch.no_grad()
    def propose(self, lightness: Tensor) -> list[Proposal]:
        """See `FrameNetwork`.

        Raises:
            ValueError: The shape is another.
        """
        colours = one_by_one(self.network, lightness, self.multiple_of)
        return [Proposal(light.clone(), ab.clone()) for light, ab in zip(lightness, colours, strict=True)]


def one_by_one(network: nn.Module, lightness: Tensor, multiple_of: int) -> Tensor:
    """What a network gives for a batch; on a CPU frame by frame.

    Args:
        network: (B, 1, H, W) to (B, C, H, W).
        lightness: (B, 1, H, W) float32 L*.
        multiple_of: What both sides must be multiples of.

    Raises:
        ValueError: The shape is another.
    """
    shape, step = tuple(lightness.shape), multiple_of
    if len(shape) != 4 or shape[1] != 1 or shape[2] % step or shape[3] % step or 0 in shape:
        raise ValueError(f"expected lightness (B, 1, H, W) with sides in multiples of {step}, found {shape}")
    # In a batch float32 convolutions round differently on a CPU, and are no faster.
    size = 1 if lightness.device.type == "cpu" else shape[0]
    return torch.cat([network(part) for part in torch.split(lightness, size)]).to(torch.float32)


def cells_like(proposal: Proposal, cell: int) -> tuple[Tensor, Tensor]:
    """Colour and confidence of a proposal by cells, (1, 2, h, w) and (1, 1, h, w); half sure where it does not say."""
    ab = torch.nn.functional.avg_pool2d(proposal.ab.unsqueeze(0), cell)
    if proposal.confidence is None:
        return ab, torch.full_like(ab[:, :1], 0.5)
    return ab, torch.nn.functional.avg_pool2d(proposal.confidence.unsqueeze(0), cell)
