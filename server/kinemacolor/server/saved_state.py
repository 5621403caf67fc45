"""A state as it was read from a disk, before the device has it again."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class SavedState:
    """A `ModelState` without what the guides of its shot say, which only the device's own thread can work out."""

    saved: Mapping[str, Tensor]
    """As `ModelState.tensors` gave them, on the CPU."""

    @property
    def nbytes(self) -> int:
        """None of the device's."""
        return 0

    def tensors(self) -> dict[str, Tensor]:
        """They are written again if the clip is put away before it has gone on."""
        return dict(self.saved)
