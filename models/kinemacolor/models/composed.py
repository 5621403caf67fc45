"""A frame network and a temporal network as one Colorizer."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from kinemacolor.models.api import (
    Guide,
    ModelSpec,
    ModelState,
    Opening,
    Proposal,
    StepResult,
    check_variant,
    refuse_guides,
)
from kinemacolor.models.frames import FrameNetwork
from kinemacolor.models.steadying import Steadying

__all__ = ["ComposedColorizer"]


class ComposedColorizer:
    """`kinemacolor.models.api.Colorizer`.

    Args:
        spec: What it is.
        frames: Colours each frame.
        steadying: Steadies the colours.
        device: Of both.
        dtype: Of the frame network; the temporal one is float32.
    """

    def __init__(
        self,
        spec: ModelSpec,
        frames: FrameNetwork,
        steadying: Steadying,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._spec, self._frames, self._steadying = spec, frames, steadying
        self._device, self._dtype = device, dtype

    @property
    def spec(self) -> ModelSpec:
        """What this model is."""
        return self._spec

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._device

    @property
    def dtype(self) -> torch.dtype:
        """Of the frame network."""
        return self._dtype

    def propose(self, lightness: Tensor) -> list[Proposal]:
        """See `Colorizer`."""
        return self._frames.propose(lightness)

    def with_variant(self, variant: int) -> "ComposedColorizer":
        """See `Colorizer`."""
        check_variant(self._spec, variant)
        frames = self._frames.with_variant(variant)
        return ComposedColorizer(self._spec, frames, self._steadying, self._device, self._dtype)

    def init_state(self, guides: Sequence[Guide] = ()) -> ModelState:
        """See `Colorizer`."""
        refuse_guides(self._spec, guides)
        return self._steadying.init_state(guides)

    def opening(self, guides: Sequence[Guide] = ()) -> Opening:
        """See `Colorizer`; in one part, for it takes no hints."""
        yield from ()
        return self.init_state(guides)

    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        """See `Colorizer`."""
        return self._steadying.step(state, proposal)

    def restore_state(self, tensors: Mapping[str, Tensor], start: ModelState | None = None) -> ModelState:
        """See `Colorizer`."""
        return self._steadying.restore_state(tensors, start)
