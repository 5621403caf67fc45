"""The contract between the networks and whoever runs them.

A colorizer has two stages, and the split is what makes it fast:

* `propose` is the heavy frame network. It has no memory, so it may be batched over clips and over frames ahead.
* `step` is the light temporal network. It is sequential: `step(state, proposal) -> (state, chroma)`.

State is a value. `step` never writes into the state that it is given and never keeps one: a reset is a new
`init_state()`, and two clips cannot meet.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

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
    takes_references: bool = False
    """Guides with a colour picture are taken."""
    takes_hints: bool = False
    """Guides with hints are taken."""
    has_confidence: bool = False
    """Every frame comes with a confidence plane."""
    variants: int = 1
    """How many distinct plausible colourings there are."""


@dataclass(frozen=True, slots=True)
class HintSpot:
    """The colour of the thing that is seen at a point."""

    x_px: float
    y_px: float
    """Centre, in pixels of the lightness plane from its top left corner."""
    radius_px: float
    """Of the spot that certainly has the colour, 0 or more; a model may take less beside another spot."""
    a: float
    b: float
    """CIELAB a*, b*."""


@dataclass(frozen=True, slots=True)
class Guide:
    """What a person says of the colours of a shot. Tensors live on the model's device."""

    lightness: Tensor
    """(1, H, W) float32 CIE L* in [0, 100], as `propose` takes it: of the colour picture, else of the hinted frame."""
    ab: Tensor | None = None
    """(2, H, W) float32 CIELAB of the colour picture, or None."""
    hints: tuple[HintSpot, ...] = ()


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
        """Bytes of device memory that the state holds, together with what all states of its shot share."""

    def tensors(self) -> dict[str, Tensor]:
        """What the frames of the shot have left in it, by name; empty before the first one.

        What the shot's guides say is not part of it: that is the same for all frames, and follows from the guides.
        `Colorizer.restore_state` puts both together again.
        """


Opening = Generator[None, None, ModelState]
"""Work on the start of a shot: whoever runs it may do other work wherever it yields; it returns the state."""


def finish(opening: Opening) -> ModelState:
    """Do all of the work at once."""
    while True:
        try:
            next(opening)
        except StopIteration as done:
            return cast(ModelState, done.value)


@dataclass(frozen=True, slots=True)
class StepResult:
    """One advance by one frame."""

    state: ModelState
    """The state after the frame."""
    ab: Tensor
    """(2, H, W) float32, CIELAB a*, b* of the frame."""
    confidence: Tensor | None = None
    """(1, H, W) float32 in [0, 1], how sure this colour is; None: as the proposal says."""


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

    def with_variant(self, variant: int) -> "Colorizer":
        """The same network, giving another of its plausible colourings; weights are shared.

        Args:
            variant: 1, the likeliest, to `spec.variants`.

        Raises:
            ValueError: There is no such variant.
        """

    def init_state(self, guides: Sequence[Guide] = ()) -> ModelState:
        """The state at the start of a shot, before its first frame.

        Args:
            guides: Those of the shot, all of one size, in the order of their frames. They act on every frame of it.

        Raises:
            ValueError: The model takes none of that kind.
        """

    def opening(self, guides: Sequence[Guide] = ()) -> Opening:
        """As `init_state`, in parts: what many hints say takes seconds, in which other clips want the device, too."""

    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        """Advance one shot by one frame; pure."""

    def restore_state(self, tensors: Mapping[str, Tensor], start: ModelState | None = None) -> ModelState:
        """The state whose `tensors` these are, moved to `device`: from there on every byte is as if it had stayed.

        Args:
            tensors: What `ModelState.tensors` gave.
            start: The state at the start of its shot; None: `init_state()`.
        """


def said_once(*texts: str) -> str:
    """Licences or terms of several files as one text, in their order; what another of them says, too, is left out."""
    each = dict.fromkeys(filter(None, texts))
    return " / ".join(text for text in each if not any(text in other for other in each if other != text))


def refuse_guides(spec: ModelSpec, guides: Sequence[Guide]) -> None:
    """Check that a model takes these guides.

    Raises:
        ValueError: It does not.
    """
    if not spec.takes_references and any(guide.ab is not None for guide in guides):
        raise ValueError(f"{spec.name} takes no references")
    if not spec.takes_hints and any(guide.hints for guide in guides):
        raise ValueError(f"{spec.name} takes no hints")


def check_variant(spec: ModelSpec, variant: int) -> None:
    """Check that a model has this variant.

    Raises:
        ValueError: It has not.
    """
    if not 1 <= variant <= spec.variants:
        raise ValueError(f"{spec.name}: expected a variant of 1 to {spec.variants}, found {variant}")
