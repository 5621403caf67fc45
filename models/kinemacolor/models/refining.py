"""The refinement of Lei and Chen as a temporal network: the frame before, refined, is carried along the optical flow.

What the authors' script (main_whole.py) means to do, without its slips:

* The frame before is the last *refined* one, and it is that of the picture that was chosen.
* The colour to be refined is that of the same picture, not of the first.
* Results are clipped to [0, 1] where they are shown, never stretched to their range. What is carried is not clipped:
  the network was trained on such pictures.
* The flow is DIS (Kroeger et al. 2016) of the grey frames, in pixels of the very planes that the networks see. The
  authors take every second sample of both sides of frames of 480 lines, and half of a flow that was measured on all of
  them: planes of 240 lines with a flow in their own pixels. At the standard short side of 256 the frames here have that
  size already, so neither samples are left out nor flows divided.

The first frame of a shot is taken as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kinemacolor.models.api import Guide, ModelState, Proposal, StepResult
from kinemacolor.models.favc_frames import picture_ab
from kinemacolor.models.flow import flow_back
from kinemacolor.models.grey_input import grey_codes
from kinemacolor.models.networks.favc import FavcRefine
from kinemacolor.models.networks.favc_refinement import refinement_input

__all__ = ["RefineState", "RefineSteadying"]

_TENSORS = ("refined", "grey")


@dataclass(frozen=True, slots=True)
class RefineState:
    """What is remembered of a shot; both None before its first frame."""

    refined: Tensor | None = None
    """(3, H, W) R'G'B' of the frame before, not clipped."""
    grey: Tensor | None = None
    """(1, H, W) code values of that frame's grey picture, in [0, 1]."""

    @property
    def nbytes(self) -> int:
        """Bytes of device memory."""
        return sum(tensor.nbytes for tensor in self.tensors().values())

    def tensors(self) -> dict[str, Tensor]:
        """By name; empty before the first frame."""
        named = {"refined": self.refined, "grey": self.grey}
        return {name: tensor for name, tensor in named.items() if tensor is not None}


class RefineSteadying:
    """A `Steadying` for the proposals of `FavcFrames`.

    Args:
        network: With weights.
        device: Where it runs; the flow is measured on the CPU.
    """

    takes_references = False

    def __init__(self, network: FavcRefine, device: torch.device) -> None:
        layout = torch.channels_last
        self._network = network.eval().requires_grad_(False).to(device=device, memory_format=layout)  # type: ignore[call-overload]
        self._device = device

    def init_state(self, guides: Sequence[Guide] = ()) -> RefineState:
        """See `Steadying`."""
        return RefineState()

    @torch.no_grad()
    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        """See `Steadying`.

        Raises:
            TypeError: The state is another network's.
            ValueError: The state is of a frame of another size, or the proposal carries no picture.
        """
        if not isinstance(state, RefineState):
            raise TypeError(f"expected a RefineState, found {type(state).__name__}")
        colour, grey = proposal.features, grey_codes(proposal.lightness)
        if colour is None or colour.shape[0] != 3:
            raise ValueError("expected a proposal of favc, which carries a picture, found another")
        if state.refined is None or state.grey is None:
            return StepResult(RefineState(colour, grey.clone()), proposal.ab)
        if state.refined.shape != colour.shape:
            raise ValueError(f"expected a frame of {tuple(state.refined.shape)}, found {tuple(colour.shape)}")
        flow = _flow(state.grey, grey).to(self._device)
        before, now, grey_before, grey_now = (plane.unsqueeze(0) for plane in (state.refined, colour, state.grey, grey))
        seen = refinement_input(before, now, grey_before, grey_now, flow)
        refined = self._network(seen.planes.contiguous(memory_format=torch.channels_last))[0].contiguous().clone()
        return StepResult(RefineState(refined, grey.clone()), picture_ab(refined).contiguous())

    def restore_state(self, tensors: Mapping[str, Tensor], start: ModelState | None = None) -> RefineState:
        """See `Steadying`.

        Raises:
            ValueError: They are another state's, or one of them is missing or of another size than the other.
        """
        unknown = tensors.keys() - set(_TENSORS)
        if unknown:
            raise ValueError(f"expected the tensors of a RefineState, found {', '.join(sorted(unknown))}")
        if tensors:
            _check_tensors(tensors)
        return RefineState(**{name: tensor.to(self._device) for name, tensor in tensors.items()})


def _check_tensors(tensors: Mapping[str, Tensor]) -> None:
    """A picture without its grey frame would pass for the start of a shot."""
    missing = [name for name in _TENSORS if name not in tensors]
    if missing:
        raise ValueError(f"expected the tensors {', '.join(_TENSORS)}, found none of {', '.join(missing)}")
    refined, grey = (tuple(tensors[name].shape) for name in _TENSORS)
    if len(refined) != 3 or refined[0] != 3 or grey != (1, *refined[1:]):
        raise ValueError(f"expected tensors of (3, H, W) and (1, H, W), found {refined} and {grey}")


def _flow(before: Tensor, after: Tensor) -> Tensor:
    """(1, 2, H, W) from this frame's grey plane (1, H, W) to the one before."""
    codes = [np.asarray((plane[0] * 255.0).round().byte().cpu().numpy()) for plane in (before, after)]
    return torch.from_numpy(flow_back(*codes)).permute(2, 0, 1).unsqueeze(0).contiguous()
