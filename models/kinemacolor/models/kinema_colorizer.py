"""`kinema`: the frame network of `networks.kinema` with the memory of `temporal`, as one Colorizer."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.api import Guide, ModelSpec, ModelState, Proposal, StepResult, check_variant, refuse_guides
from kinemacolor.models.networks.kinema import STRIDE_IN, DecodeSettings, KinemaNet
from kinemacolor.models.networks.memory import CELL, MemoryNet
from kinemacolor.models.temporal import Cells, KinemaState, TemporalSettings, advance, observe

__all__ = ["KINEMA_DTYPES", "KinemaColorizer", "KinemaWeights", "confidence_of_spread"]

KINEMA_DTYPES = (torch.float32, torch.bfloat16)
"""The dtypes the frame network was checked in."""

_SPREAD_HALF = 20.0  # CIELAB units of spread at which the posterior is half as confident as at none


class KinemaWeights(nn.Module):
    """Everything of `kinema` that was trained: what a weights file holds.

    Args:
        frame: The frame network, folded.
        memory: The learned parts of the memory.
    """

    def __init__(self, frame: KinemaNet | None = None, memory: MemoryNet | None = None) -> None:
        super().__init__()
        self.frame = frame if frame is not None else KinemaNet(norm=False)
        self.memory = memory if memory is not None else MemoryNet()


class KinemaColorizer:
    """The colorizer.

    Args:
        weights: The networks, the frame network folded; they are moved, and the frame network is converted.
        spec: What the model is.
        device: Where it runs.
        dtype: One of `KINEMA_DTYPES`; the memory and all results are float32 whatever it is.
        decode: How a posterior becomes a colour.
        temporal: Constants of the memory.
    """

    def __init__(
        self,
        weights: KinemaWeights,
        spec: ModelSpec,
        device: torch.device,
        dtype: torch.dtype,
        *,
        decode: DecodeSettings,
        temporal: TemporalSettings,
    ) -> None:
        layout = torch.channels_last  # the convolutions' own order: a third faster than planes on a CPU
        self._weights = weights.eval().requires_grad_(False)
        self._net = weights.frame.to(device=device, memory_format=layout)  # type: ignore[call-overload]
        self._memory = weights.memory.to(device)
        for module in (self._net.encoder, *self._net.decoder_modules()):
            module.to(dtype)
        self._spec, self._device, self._dtype = spec, device, dtype
        self._decode, self._temporal = decode, temporal

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
        """The dtype of the frame network."""
        return self._dtype

    @property
    def decode_settings(self) -> DecodeSettings:
        """How a posterior becomes a colour."""
        return self._decode

    def with_decode(self, decode: DecodeSettings) -> "KinemaColorizer":
        """The same network, decoded in another way; the weights are shared."""
        return KinemaColorizer(
            self._weights, self._spec, self._device, self._dtype, decode=decode, temporal=self._temporal
        )

    @torch.no_grad()
    def propose(self, lightness: Tensor) -> list[Proposal]:
        """Colour without memory: (B, 1, H, W) float32 L* in [0, 100], H and W multiples of 32, to B proposals.

        Raises:
            ValueError: The shape is another.
        """
        _check_shape(lightness)
        # On a CPU a batch is no faster per picture (measured), but float32 convolutions round differently in it.
        size = 1 if self._device.type == "cpu" else lightness.shape[0]
        return [proposal for part in torch.split(lightness, size) for proposal in self._propose_at_once(part)]

    def with_variant(self, variant: int) -> "KinemaColorizer":
        """See `Colorizer`."""
        check_variant(self._spec, variant)
        return self

    def init_state(self, guides: Sequence[Guide] = ()) -> KinemaState:
        """See `Colorizer`."""
        refuse_guides(self._spec, guides)
        return KinemaState()

    @torch.no_grad()
    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        """Advance one shot by one frame; pure.

        Raises:
            TypeError: The state is another network's.
            ValueError: The proposal has no features, or the state is of a frame of another size.
        """
        if not isinstance(state, KinemaState):
            raise TypeError(f"expected a KinemaState, found {type(state).__name__}")
        if proposal.features is None:
            raise ValueError("expected a proposal of kinema, found one without features")
        after = advance(self._memory, state, Cells.unstack(proposal.features.unsqueeze(0)), self._temporal)
        if after.memory is None:
            raise RuntimeError("the memory gave no colour")
        return StepResult(state=after, ab=_enlarge(Cells.unstack(after.memory.unsqueeze(0)).ab)[0])

    def _propose_at_once(self, lightness: Tensor) -> list[Proposal]:
        logits, _ = self._net(lightness.to(self._dtype).contiguous(memory_format=torch.channels_last))
        ab, spread = self._net.decode(logits, self._decode)
        cells = observe(self._memory, lightness, ab, confidence_of_spread(spread))
        full = _enlarge(torch.cat((cells.ab, cells.confidence), dim=1))
        return [
            Proposal(light.clone(), picture[:2].clone(), cell.clone(), picture[2:].clamp(0.0, 1.0))
            for light, picture, cell in zip(lightness, full, cells.stacked(), strict=True)
        ]

    def restore_state(self, tensors: Mapping[str, Tensor]) -> KinemaState:
        """The state that `KinemaState.tensors` gave, on this model's device."""
        return KinemaState.from_tensors({name: tensor.to(self._device) for name, tensor in tensors.items()})


def confidence_of_spread(spread: Tensor) -> Tensor:
    """How sure the frame network is, in (0, 1], from the spread of its posterior in CIELAB units."""
    return 1.0 / (1.0 + (spread / _SPREAD_HALF) ** 2)


def _check_shape(lightness: Tensor) -> None:
    shape = tuple(lightness.shape)
    if len(shape) != 4 or shape[1] != 1 or shape[2] % STRIDE_IN or shape[3] % STRIDE_IN or 0 in shape:
        raise ValueError(f"expected lightness (B, 1, H, W) with sides in multiples of {STRIDE_IN}, found {shape}")


def _enlarge(cells: Tensor) -> Tensor:
    return F.interpolate(cells, scale_factor=float(CELL), mode="bicubic", align_corners=False)
