"""The contract between the networks and whoever runs them.

A colorizer has two stages, and the split is what makes it fast:

* `propose` is the heavy frame network. It has no memory, so it may be batched over clips and over frames ahead.
* `step` is the light temporal network. It is sequential: `step(state, proposal) -> (state, chroma)`.

State is a value. `step` never writes into the state that it is given and never keeps one: a reset is a new
`init_state()`, and two clips cannot meet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, device, dtype


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """What a server and its users need to know of a model before they run it."""

    name: str
    """The name users type, `kinema` or `eccv16+lai` for instance."""
    frame: str
    """Name of its frame network."""
    temporal: str
    """Name of its temporal network."""
    description: str
    """One line for `kinemacolor models list`."""
    weights_sha256: str
    """SHA-256 of the weights file, lower case hexadecimal; for a seeded network that of its parameters."""
    licence: str
    """SPDX identifier or short text of the terms of the weights."""
    terms: str
    """What that means for who uses them, in a sentence; empty if the licence says it."""
    multiple_of: int
    """Both sides of the lightness plane must be multiples of this (see `spatial.pad_to_multiple`)."""
    dtypes: tuple[dtype, ...]
    """Dtypes that the frame network was checked in; the first is the reference."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the frame network says of one frame, without memory. Tensors live on the model's device.

    The tensors of a Proposal are its own (not views that keep a whole batch alive).
    """

    lightness: Tensor
    """(1, H, W) float32, CIE L* in [0, 100], as given to `propose`."""
    ab: Tensor
    """(2, H, W) float32, CIELAB a*, b* at the same size."""
    features: Tensor | None = None
    """(C, h, w) features for the temporal network, or None if it needs none."""
    confidence: Tensor | None = None
    """(1, H, W) float32 in [0, 1], or None."""


class ModelState(Protocol):
    """What a model remembers between two frames of one shot. Immutable; every network has its own dataclass."""

    @property
    def nbytes(self) -> int:
        """Bytes of device memory that the state holds."""

    def tensors(self) -> dict[str, Tensor]:
        """All that the state holds, by name; empty before the first frame. `Colorizer.restore_state` takes it back."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """One advance by one frame."""

    state: ModelState
    """The state after the frame."""
    ab: Tensor
    """(2, H, W) float32, CIELAB a*, b* of the frame."""


class Colorizer(Protocol):
    """A frame network with its temporal network, on one device in one dtype."""

    @property
    def spec(self) -> ModelSpec:
        """What this model is."""

    @property
    def device(self) -> device:
        """Where it runs."""

    @property
    def dtype(self) -> dtype:
        """The dtype the frame network computes in; results are float32."""

    def propose(self, lightness: Tensor) -> list[Proposal]:
        """Run the frame network on a batch.

        Args:
            lightness: (B, 1, H, W) float32 CIE L* in [0, 100] on `device`; H and W multiples of `spec.multiple_of`.

        Returns:
            B proposals in the order of the batch.
        """

    def init_state(self) -> ModelState:
        """The state at the start of a shot, before its first frame."""

    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        """Advance one shot by one frame; pure."""

    def restore_state(self, tensors: Mapping[str, Tensor]) -> ModelState:
        """The state whose `tensors` these are, moved to `device`: from there on every byte is as if it had stayed."""
