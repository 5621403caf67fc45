"""What the colours of a shot depend on besides its luma, as one hash. Pure.

States, snapshots and stored chroma are keyed by it, so a change of one shot's dependencies leaves the other shots'
alone. Whatever may change a byte of a colour has a field here; what is no field cannot be told apart.
"""

import hashlib
import json
from bisect import bisect_right
from dataclasses import dataclass

from kinemacolor.server.guided_shots import GuidedShot, guided_shot_at
from kinemacolor.wire.frame import FrameNumber, Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipDependencies:
    """What all shots of a clip have in common, and where an edit list puts them."""

    model: str
    weights_sha256: str
    code_sha256: str
    """Of the sources that turn luma into colour: weights alone do not pin a result, nor does a version number."""
    device_class: str
    """As in ClipOpened: device model, dtype, threads, batch sizes, torch version."""
    geometry: Geometry
    transfer: int
    """Code point of ITU-T H.273 table 3."""
    shot_starts: tuple[FrameNumber, ...] | None
    """The edit list, strictly increasing; None: cuts are detected."""
    variant: int = 1
    """Which of the model's colourings."""
    guided_shots: tuple[GuidedShot, ...] = ()

    def clip_hash(self) -> str:
        """SHA-256, hexadecimal, of what all shots share: neither edit list nor guides, which belong to single shots."""
        return _sha256(self._shared())

    def shot_hash(self, shot_start: FrameNumber) -> str:
        """SHA-256, hexadecimal, of everything that the shot beginning at `shot_start` depends on.

        The end of a shot is known from an edit list only; a detected one lasts until its cut comes.
        """
        guided = guided_shot_at(self.guided_shots, shot_start)
        own = {
            "shot_start": shot_start,
            "shot_end": self._end_of(shot_start),
            "guides": "" if guided is None else guided.guide_hash,
        }
        return _sha256({**self._shared(), **own})

    def _shared(self) -> dict[str, object]:
        return {
            "model": self.model,
            "weights_sha256": self.weights_sha256,
            "code_sha256": self.code_sha256,
            "device_class": self.device_class,
            "width_px": self.geometry.width_px,
            "height_px": self.geometry.height_px,
            "transfer": self.transfer,
            "variant": self.variant,
            "shot_source": "detect" if self.shot_starts is None else "edit_list",
        }

    def _end_of(self, shot_start: FrameNumber) -> FrameNumber | None:
        if self.shot_starts is None:
            return None
        after = bisect_right(self.shot_starts, shot_start)
        return self.shot_starts[after] if after < len(self.shot_starts) else None


def _sha256(fields: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
