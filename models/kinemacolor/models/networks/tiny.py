"""`tiny`: a seeded recurrent colorizer without a weights file, for tests and demonstrations.

Its colours have no meaning. It exists to make mistakes of order, reset and interleaving visible: the colour depends
on the luma, and on all earlier frames of the shot with decaying weight. It computes with sums, products and
quotients only, which IEEE 754 defines to the last bit, so neither process nor batch size changes a byte.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.api import Guide, ModelSpec, Opening, Proposal, StepResult, check_variant
from kinemacolor.models.api import ModelState as AnyState
from kinemacolor.models.checkpoint import sha256_of_parameters

__all__ = ["TINY_DESCRIPTION", "TinyColorizer", "TinyState"]

TINY_DESCRIPTION = "seeded test network, colours have no meaning"

_SEED = 1908  # the year of the first Kinemacolor film, "A Visit to the Seaside"
_CELL = 4
_CHANNELS = 6
_DECAY = 0.8  # after 10 frames a tenth of a frame's influence is left
_SIGNS = ((1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0))
_GAIN = 45.0  # CIELAB units, the limit of |a*| and |b*|


@dataclass(frozen=True, slots=True)
class TinyState:
    """What `tiny` remembers: None before the first frame."""

    memory: Tensor | None = None
    """(2, h, w) float32, decaying sum of earlier frames."""
    guide: Tensor | None = None
    """(3, h, w) float32: a*, b* of the shot's guides, and 1 where they say anything; None: it has none."""

    @property
    def nbytes(self) -> int:
        """Bytes of device memory that the state holds."""
        return sum(tensor.nbytes for tensor in (self.memory, self.guide) if tensor is not None)

    def tensors(self) -> dict[str, Tensor]:
        """The state as named tensors, for a snapshot, without what guides say."""
        return {} if self.memory is None else {"memory": self.memory}


class TinyColorizer:
    """The colorizer; see the head of the module.

    Args:
        device: Where it runs.
        variant: 1 to 4: the signs of a* and b*.
    """

    def __init__(self, device: torch.device | str = "cpu", variant: int = 1) -> None:
        generator = torch.Generator().manual_seed(_SEED)
        taps = torch.rand(2, _CHANNELS, 1, 1, generator=generator) * 4.0 - 2.0
        self._device = torch.device(device)
        self._taps = (taps * torch.tensor(_SIGNS[variant - 1]).view(2, 1, 1, 1)).to(self._device)
        self._spec = ModelSpec(
            name="tiny",
            description=TINY_DESCRIPTION,
            weights_sha256=sha256_of_parameters({"taps": taps}),
            licence="Apache-2.0",
            terms="",
            frame="tiny",
            temporal="tiny",
            multiple_of=_CELL,
            dtypes=(torch.float32,),
            takes_references=True,
            takes_hints=True,
            variants=len(_SIGNS),
        )

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
        """Always float32."""
        return torch.float32

    @torch.no_grad()
    def propose(self, lightness: Tensor) -> list[Proposal]:
        """Colour from luma alone: (B, 1, H, W) L* in [0, 100], H and W multiples of 4, to B proposals.

        Raises:
            ValueError: The shape is another.
        """
        _check_shape(lightness)
        features = _features(lightness)
        drive = (features.unsqueeze(1) * self._taps).sum(dim=2)  # (B, 2, h, w)
        ab = _enlarge(_bounded(drive))
        planes = zip(lightness, ab, drive, strict=True)
        return [Proposal(lightness=light.clone(), ab=a.clone(), features=d.clone()) for light, a, d in planes]

    def with_variant(self, variant: int) -> "TinyColorizer":
        """See `Colorizer`."""
        check_variant(self._spec, variant)
        return TinyColorizer(self._device, variant)

    def init_state(self, guides: Sequence[Guide] = ()) -> TinyState:
        """The state at the start of a shot. Guides are laid over each frame of it, the last one on top."""
        said = None
        for guide in guides:
            said = _lay(_guide_cells(guide), over=said)
        return TinyState(guide=said)

    def opening(self, guides: Sequence[Guide] = ()) -> Opening:
        """See `Colorizer`."""
        yield from ()
        return self.init_state(guides)

    @torch.no_grad()
    def step(self, state: AnyState, proposal: Proposal) -> StepResult:
        """Mix the frame with the memory; pure.

        Raises:
            TypeError: The state is another network's.
            ValueError: The proposal has no features, or the state is of a frame of another size.
        """
        if not isinstance(state, TinyState):
            raise TypeError(f"expected a TinyState, found {type(state).__name__}")
        drive = proposal.features
        if drive is None:
            raise ValueError("expected a proposal of tiny, found one without features")
        memory = torch.zeros_like(drive) if state.memory is None else state.memory
        if memory.shape != drive.shape:
            raise ValueError(f"expected a frame of {tuple(memory.shape)} cells, found {tuple(drive.shape)}")
        memory = _DECAY * memory + (1.0 - _DECAY) * drive
        cells = _bounded(0.5 * drive + memory)
        if state.guide is not None:
            cells = torch.where(state.guide[2:] > 0, state.guide[:2], cells)
        return StepResult(state=replace(state, memory=memory), ab=_enlarge(cells.unsqueeze(0))[0])

    def restore_state(self, tensors: Mapping[str, Tensor], start: AnyState | None = None) -> TinyState:
        """See `Colorizer`.

        Raises:
            TypeError: The start is another network's.
        """
        if start is not None and not isinstance(start, TinyState):
            raise TypeError(f"expected a TinyState, found {type(start).__name__}")
        said = None if start is None else start.guide
        return TinyState(**{name: tensor.to(self._device) for name, tensor in tensors.items()}, guide=said)


def _guide_cells(guide: Guide) -> Tensor:
    """(3, h, w): what one guide says of each cell, and 1 where it says anything."""
    level = F.avg_pool2d(guide.lightness, _CELL)
    cells = torch.zeros(3, *level.shape[-2:], device=level.device)
    if guide.ab is not None:
        cells[:2], cells[2] = F.avg_pool2d(guide.ab, _CELL), 1.0
    for hint in guide.hints:
        reach = hint.radius_px / _CELL + 0.5
        for y in range(cells.shape[1]):
            for x in range(cells.shape[2]):
                away = (x + 0.5 - hint.x_px / _CELL) ** 2 + (y + 0.5 - hint.y_px / _CELL) ** 2
                if away <= reach**2:
                    cells[:, y, x] = torch.tensor((hint.a, hint.b, 1.0))
    return cells


def _lay(cells: Tensor, over: Tensor | None) -> Tensor:
    return cells if over is None else torch.where(cells[2:] > 0, cells, over)


def _check_shape(lightness: Tensor) -> None:
    shape = tuple(lightness.shape)
    if len(shape) != 4 or shape[1] != 1 or shape[2] % _CELL or shape[3] % _CELL or 0 in shape:
        raise ValueError(f"expected lightness (B, 1, H, W) with sides in multiples of {_CELL}, found {shape}")


def _features(lightness: Tensor) -> Tensor:
    """Mean lightness of each cell, its slopes and products of them, (B, 6, h, w) near [-1, 1]."""
    level = F.avg_pool2d(lightness, _CELL) / 50.0 - 1.0
    padded = F.pad(level, (1, 1, 1, 1), mode="replicate")
    slope_x = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    slope_y = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    bias = torch.full_like(level, 0.3)
    return torch.cat((level, slope_x, slope_y, level * level, level * slope_x, bias), dim=1)


def _bounded(drive: Tensor) -> Tensor:
    return _GAIN * drive / (1.0 + drive.abs())


def _enlarge(cells: Tensor) -> Tensor:
    return cells.repeat_interleave(_CELL, dim=-1).repeat_interleave(_CELL, dim=-2)
