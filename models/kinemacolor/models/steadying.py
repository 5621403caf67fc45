"""Temporal networks that go with any frame network: none, that of Lai et al., the memory of `kinema`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.api import Guide, ModelState, Proposal, StepResult
from kinemacolor.models.color import infinity_as_nan, lab_to_srgb, luma, srgb_to_lab
from kinemacolor.models.frames import cells_like
from kinemacolor.models.guides import guide_cells
from kinemacolor.models.networks.lai import Lai, LaiMemory
from kinemacolor.models.networks.memory import CELL
from kinemacolor.models.shot_memory import KinemaState, ShotNets, advance, open_shot
from kinemacolor.models.temporal import TemporalSettings, observe

__all__ = ["EmptyState", "LaiState", "LaiSteadying", "MemorySteadying", "NoSteadying", "Steadying"]


class Steadying(Protocol):
    """The second half of a `Colorizer`; its methods are the Colorizer's."""

    takes_references: bool
    """Whether guides with a colour picture are taken."""

    def init_state(self, guides: Sequence[Guide] = ()) -> ModelState:
        """The state at the start of a shot, for guides that it takes."""
        ...

    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        """Advance by one frame; pure."""
        ...

    def restore_state(self, tensors: Mapping[str, Tensor], start: ModelState | None = None) -> ModelState:
        """The state whose tensors these are."""
        ...


# ---- none ----


@dataclass(frozen=True, slots=True)
class EmptyState:
    """Nothing is remembered."""

    @property
    def nbytes(self) -> int:
        """None."""
        return 0

    def tensors(self) -> dict[str, Tensor]:
        """None."""
        return {}


class NoSteadying:
    """Each frame as the frame network has it."""

    takes_references = False

    def init_state(self, guides: Sequence[Guide] = ()) -> EmptyState:
        """See `Steadying`."""
        return EmptyState()

    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        """See `Steadying`."""
        return StepResult(state=EmptyState(), ab=proposal.ab)

    def restore_state(self, tensors: Mapping[str, Tensor], start: ModelState | None = None) -> EmptyState:
        """See `Steadying`."""
        return EmptyState()


# ---- Lai ----


@dataclass(frozen=True, slots=True)
class LaiState:
    """What `lai` remembers of a shot; all None before its first frame, the last two after it."""

    frame: Tensor | None = None
    """(3, H, W) I of the frame before, R'G'B'."""
    output: Tensor | None = None
    """(3, H, W) O of the frame before, R'G'B', not clipped."""
    hidden: Tensor | None = None
    cell: Tensor | None = None
    """(C, H / 4, W / 4) of the ConvLSTM."""

    @property
    def nbytes(self) -> int:
        """Bytes of device memory."""
        return sum(tensor.nbytes for tensor in self.tensors().values())

    def tensors(self) -> dict[str, Tensor]:
        """By name; empty before the first frame."""
        named = {"frame": self.frame, "output": self.output, "hidden": self.hidden, "cell": self.cell}
        return {name: tensor for name, tensor in named.items() if tensor is not None}


class LaiSteadying:
    """`networks.lai` as the temporal network of any frame network.

    The first frame of a shot is taken as it is. Outputs are fed back as floats; the authors' test reads them back from
    JPEG files instead, which costs what JPEG costs. Luma is the film's: of an output only its colour is used, at the
    luma of what was processed.

    Args:
        network: With weights.
        device: Where it runs.
    """

    takes_references = False

    def __init__(self, network: Lai, device: torch.device) -> None:
        layout = torch.channels_last
        self._network = network.eval().requires_grad_(False).to(device=device, memory_format=layout)  # type: ignore[call-overload]
        self._device = device

    def init_state(self, guides: Sequence[Guide] = ()) -> LaiState:
        """See `Steadying`."""
        return LaiState()

    @torch.no_grad()
    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        """See `Steadying`.

        Raises:
            TypeError: The state is another network's.
            ValueError: The state is of a frame of another size.
        """
        if not isinstance(state, LaiState):
            raise TypeError(f"expected a LaiState, found {type(state).__name__}")
        grey = torch.cat((proposal.lightness, torch.zeros_like(proposal.ab)))
        frame = lab_to_srgb(grey)
        processed = lab_to_srgb(torch.cat((proposal.lightness, infinity_as_nan(proposal.ab))))
        if state.frame is None or state.output is None:
            return StepResult(LaiState(frame, processed), proposal.ab)
        if state.frame.shape != frame.shape:
            raise ValueError(f"expected a frame of {tuple(state.frame.shape)}, found {tuple(frame.shape)}")
        memory = None
        if state.hidden is not None and state.cell is not None:
            memory = LaiMemory(state.hidden.unsqueeze(0), state.cell.unsqueeze(0))
        planes = (processed, state.output, frame, state.frame)
        output, after = self._network(*(plane.unsqueeze(0) for plane in planes), memory)
        coloured = infinity_as_nan(output[0] - luma(output[0]) + luma(processed))
        ab = srgb_to_lab(coloured.clamp(0.0, 1.0))[1:]
        own = LaiState(frame, output[0].clone(), after.hidden[0].clone(), after.cell[0].clone())
        return StepResult(own, ab.contiguous())

    def restore_state(self, tensors: Mapping[str, Tensor], start: ModelState | None = None) -> LaiState:
        """See `Steadying`.

        Raises:
            ValueError: They are another state's.
        """
        unknown = tensors.keys() - {"frame", "output", "hidden", "cell"}
        if unknown:
            raise ValueError(f"expected the tensors of a LaiState, found {', '.join(sorted(unknown))}")
        return LaiState(**{name: tensor.to(self._device) for name, tensor in tensors.items()})


# ---- the memory of kinema ----


class MemorySteadying:
    """The memory of `temporal` for a frame network that does not give its features.

    Args:
        networks: Its learned parts.
        device: Where it runs.
        settings: Its constants.
    """

    takes_references = True

    def __init__(self, networks: ShotNets, device: torch.device, settings: TemporalSettings) -> None:
        self._networks, self._device = networks.eval().requires_grad_(False).to(device), device
        self._settings = settings

    @torch.no_grad()
    def init_state(self, guides: Sequence[Guide] = ()) -> KinemaState:
        """See `Steadying`."""
        nets = self._networks
        keys = [nets.recall.key(guide.lightness.unsqueeze(0)) for guide in guides]
        return open_shot(keys, [(guide, guide_cells(nets.memory, guide, None)) for guide in guides])

    @torch.no_grad()
    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        """See `Steadying`.

        Raises:
            TypeError: The state is another network's.
            ValueError: The state is of a frame of another size.
        """
        if not isinstance(state, KinemaState):
            raise TypeError(f"expected a KinemaState, found {type(state).__name__}")
        cells, sure = cells_like(proposal, CELL)
        observed = observe(self._networks.memory, proposal.lightness.unsqueeze(0), cells, sure)
        shot = advance(self._networks, state, observed, proposal.lightness, self._settings)
        # What the memory changes is changed in the full picture: the frame network may be sharper than a cell.
        change = shot.ab - cells
        ab = proposal.ab + F.interpolate(change, scale_factor=float(CELL), mode="bilinear", align_corners=False)[0]
        return StepResult(shot.state, ab)

    def restore_state(self, tensors: Mapping[str, Tensor], start: ModelState | None = None) -> KinemaState:
        """See `Steadying`."""
        return KinemaState.from_tensors({name: tensor.to(self._device) for name, tensor in tensors.items()}, start)
