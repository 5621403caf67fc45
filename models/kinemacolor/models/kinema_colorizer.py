"""`kinema`: the frame network of `networks.kinema` with the memory of `temporal`, as one Colorizer."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.api import ModelSpec, ModelState, Proposal, StepResult
from kinemacolor.models.networks.kinema import STRIDE_IN, DecodeSettings, KinemaNet
from kinemacolor.models.temporal import CELL, KinemaState, TemporalSettings, advance, describe

__all__ = ["KINEMA_DTYPES", "KinemaColorizer"]

KINEMA_DTYPES = (torch.float32, torch.bfloat16)
"""The dtypes the frame network was checked in."""

_SPREAD_HALF = 20.0  # CIELAB units of spread at which the posterior is half as confident as at none


class KinemaColorizer:
    """The colorizer.

    Args:
        net: A folded network; it is moved and converted.
        spec: What the model is.
        device: Where it runs.
        dtype: One of `KINEMA_DTYPES`; the memory and all results are float32 whatever it is.
        decode: How a posterior becomes a colour.
        temporal: Constants of the memory.
    """

    def __init__(
        self,
        net: KinemaNet,
        spec: ModelSpec,
        device: torch.device,
        dtype: torch.dtype,
        *,
        decode: DecodeSettings,
        temporal: TemporalSettings,
    ) -> None:
        layout = torch.channels_last  # the convolutions' own order: a third faster than planes on a CPU
        self._net = net.eval().to(device=device, memory_format=layout)  # type: ignore[call-overload]
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
        return KinemaColorizer(self._net, self._spec, self._device, self._dtype, decode=decode, temporal=self._temporal)

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

    def init_state(self) -> KinemaState:
        """The state at the start of a shot."""
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
        descriptor, ab, confidence = torch.split(proposal.features, [4, 2, 1])
        after = advance(state, descriptor, ab, confidence, self._temporal)
        if after.ab is None:
            raise RuntimeError("the memory gave no colour")
        return StepResult(state=after, ab=_enlarge(after.ab.unsqueeze(0))[0])

    def _propose_at_once(self, lightness: Tensor) -> list[Proposal]:
        logits, _ = self._net(lightness.to(self._dtype).contiguous(memory_format=torch.channels_last))
        ab, spread = self._net.decode(logits, self._decode)
        confidence = 1.0 / (1.0 + (spread / _SPREAD_HALF) ** 2)
        cells = torch.cat((describe(lightness), ab, confidence), dim=1).contiguous()
        full = _enlarge(cells[:, 4:])
        return [
            Proposal(light.clone(), picture[:2].clone(), cell.clone(), picture[2:].clamp(0.0, 1.0))
            for light, picture, cell in zip(lightness, full, cells, strict=True)
        ]

    def restore_state(self, tensors: Mapping[str, Tensor]) -> KinemaState:
        """The state that `KinemaState.tensors` gave, on this model's device."""
        return KinemaState.from_tensors({name: tensor.to(self._device) for name, tensor in tensors.items()})


def _check_shape(lightness: Tensor) -> None:
    shape = tuple(lightness.shape)
    if len(shape) != 4 or shape[1] != 1 or shape[2] % STRIDE_IN or shape[3] % STRIDE_IN or 0 in shape:
        raise ValueError(f"expected lightness (B, 1, H, W) with sides in multiples of {STRIDE_IN}, found {shape}")


def _enlarge(cells: Tensor) -> Tensor:
    return F.interpolate(cells, scale_factor=float(CELL), mode="bicubic", align_corners=False)
