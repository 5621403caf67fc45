"""`kinema`: the frame network of `networks.kinema` with the memory of `shot_memory`, as one Colorizer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.api import (
    Guide,
    ModelSpec,
    ModelState,
    Opening,
    Proposal,
    StepResult,
    check_variant,
    finish,
    refuse_guides,
)
from kinemacolor.models.completing import KnownPicture, completed
from kinemacolor.models.guides import guide_cells, guide_layers
from kinemacolor.models.networks.kinema import STRIDE_IN, DecodeSettings, KinemaNet, expected_error
from kinemacolor.models.networks.memory import CELL, MemoryNet
from kinemacolor.models.networks.recall import RecallNet
from kinemacolor.models.networks.spread import SpreadNet
from kinemacolor.models.shot_memory import KinemaState, ShotNets, advance, open_shot
from kinemacolor.models.spreading import spreading
from kinemacolor.models.temporal import Cells, TemporalSettings, observe

__all__ = ["KINEMA_DTYPES", "LOOKS_PX", "VARIANTS", "KinemaColorizer", "KinemaWeights", "confidence_of_spread"]

KINEMA_DTYPES = (torch.float32, torch.bfloat16)
"""The dtypes the frame network was checked in."""

VARIANTS: tuple[tuple[float, float], ...] = ((0.0, 0.0), (7.0, 35.0), (8.0, 265.0), (9.0, 145.0))
"""Lean and its hue in degrees: the likeliest colours; warm, blue and green ones where the picture leaves it open."""

LOOKS_PX = (128, 192)
"""Short sides at which a picture is looked at, where it is not smaller: motifs then have the size that they had in
training, and one look sees wider and the other finer (docs/experiments.md)."""

_SPREAD_HALF = 20.0  # CIELAB units of spread at which the posterior is half as confident as at none
_ERROR_HALF = 15.0  # CIELAB units of expected error at which a colour is half sure


class KinemaWeights(nn.Module):
    """Everything of `kinema` that was trained: what a weights file holds.

    Args:
        frame: The frame network, folded.
        memory: The learned parts of the memory.
        recall: The learned parts of the bank.
        spread: Spreads hints.
    """

    def __init__(
        self,
        frame: KinemaNet | None = None,
        memory: MemoryNet | None = None,
        recall: RecallNet | None = None,
        spread: SpreadNet | None = None,
    ) -> None:
        super().__init__()
        self.frame = frame if frame is not None else KinemaNet(norm=False)
        self.memory = memory if memory is not None else MemoryNet()
        self.recall = recall if recall is not None else RecallNet()
        self.spread = spread if spread is not None else SpreadNet()

    @property
    def shot(self) -> ShotNets:
        """The parts that remember."""
        return ShotNets(self.memory, self.recall)


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
        self._nets = weights.shot.to(device)
        self._spread = weights.spread.to(device)
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
        lean, degrees = VARIANTS[variant - 1]
        return self.with_decode(replace(self._decode, lean=lean, lean_degrees=degrees))

    def init_state(self, guides: Sequence[Guide] = ()) -> ModelState:
        """See `Colorizer`."""
        return finish(self.opening(guides))

    @torch.no_grad()
    def opening(self, guides: Sequence[Guide] = ()) -> Opening:
        """See `Colorizer`; it yields between two looks at a colour of a picture's hints, and after every picture.

        Several pictures, one of them with hints, are told what the others say: `completing`.
        """
        refuse_guides(self._spec, guides)
        # References alone say a colour everywhere and have nothing to tell each other: that look is saved.
        tell = len(guides) > 1 and any(guide.hints for guide in guides)
        keys, known, pictures = [], [], []
        for guide in guides:
            picture, spread = guide.lightness.unsqueeze(0), None
            _check_shape(picture)
            keys.append(self._nets.recall.key(picture))
            if guide.hints:
                spread = yield from spreading(self._spread, self._net, guide.lightness, guide.hints, self._dtype)
            if tell:
                pictures.append(KnownPicture(keys[-1], self._observe(picture)[0], guide_layers(guide, spread)))
            else:
                known.append(guide_cells(self._nets.memory, guide, spread))
            yield
        if tell:
            said = yield from completed(self._nets.recall, pictures)
            known = [
                replace(picture.observed, ab=layer.ab, confidence=layer.cover)
                for picture, layer in zip(pictures, said, strict=True)
            ]
        return open_shot(keys, list(zip(guides, known, strict=True)))

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
        observed = Cells.unstack(proposal.features.unsqueeze(0))
        shot = advance(self._nets, state, observed, proposal.lightness, self._temporal)
        return StepResult(state=shot.state, ab=_enlarge(shot.ab)[0], confidence=surer(proposal.confidence, shot.told))

    def _observe(self, lightness: Tensor) -> tuple[Cells, Tensor]:
        """Cells of pictures, and the error that is expected of their colour, (B, 1, h, w)."""
        ab, spread, error = self._look(lightness)
        return observe(self._nets.memory, lightness, ab, confidence_of_spread(spread)), error

    def _propose_at_once(self, lightness: Tensor) -> list[Proposal]:
        cells, error = self._observe(lightness)
        full = _enlarge(torch.cat((cells.ab, confidence_of_error(error)), dim=1))
        return [
            Proposal(light.clone(), picture[:2].clone(), cell.clone(), picture[2:].clamp(0.0, 1.0))
            for light, picture, cell in zip(lightness, full, cells.stacked(), strict=True)
        ]

    def _look(self, lightness: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Colour, spread and expected error by cells, (B, 2 or 1, h, w): the mean of what is seen at several sizes."""
        size = [side // CELL for side in lightness.shape[-2:]]
        seen = []
        for short_side in LOOKS_PX:
            answer = self._net(_reduced(lightness, short_side).to(self._dtype))
            ab, spread = self._net.decode(answer, self._decode)
            planes = torch.cat((ab, spread, expected_error(answer)), dim=1)
            seen.append(F.interpolate(planes, size=size, mode="bicubic", align_corners=False))
        ab, spread, error = torch.split(torch.stack(seen).mean(dim=0), [2, 1, 1], dim=1)
        return ab, spread.clamp_min(0.0), error.clamp_min(0.0)

    def restore_state(self, tensors: Mapping[str, Tensor], start: ModelState | None = None) -> KinemaState:
        """See `Colorizer`."""
        return KinemaState.from_tensors({name: tensor.to(self._device) for name, tensor in tensors.items()}, start)


def confidence_of_spread(spread: Tensor) -> Tensor:
    """The evidence of the frame network for the memory, in (0, 1], from its posterior's spread in CIELAB units."""
    return 1.0 / (1.0 + (spread / _SPREAD_HALF) ** 2)


def confidence_of_error(error: Tensor) -> Tensor:
    """How sure a colour is, in (0, 1], from the expected distance from the truth in CIELAB units."""
    return 1.0 / (1.0 + (error.clamp_min(0.0) / _ERROR_HALF) ** 2)


def surer(confidence: Tensor | None, told: Tensor) -> Tensor | None:
    """A confidence (1, H, W) where a share of the colour, (1, h, w) by cells, is a person's word."""
    if confidence is None:
        return None
    share = F.interpolate(told.unsqueeze(0), size=confidence.shape[-2:], mode="bilinear", align_corners=False)[0]
    return (confidence + (1.0 - confidence) * share).clamp(0.0, 1.0)


def _check_shape(lightness: Tensor) -> None:
    shape = tuple(lightness.shape)
    if len(shape) != 4 or shape[1] != 1 or shape[2] % STRIDE_IN or shape[3] % STRIDE_IN or 0 in shape:
        raise ValueError(f"expected lightness (B, 1, H, W) with sides in multiples of {STRIDE_IN}, found {shape}")


def _reduced(lightness: Tensor, short_side: int) -> Tensor:
    """Pictures reduced to a short side, both sides rounded to multiples of the network's; never enlarged."""
    height, width = lightness.shape[-2:]
    scale = min(1.0, short_side / min(height, width))
    size = [max(STRIDE_IN, round(side * scale / STRIDE_IN) * STRIDE_IN) for side in (height, width)]
    if size == [height, width]:
        return lightness
    return F.interpolate(lightness, size=size, mode="bilinear", antialias=True, align_corners=False)


def _enlarge(cells: Tensor) -> Tensor:
    return F.interpolate(cells, scale_factor=float(CELL), mode="bicubic", align_corners=False)
