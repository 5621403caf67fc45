"""What a stored colour depends on besides the frames of its shot: the settings of the clip, and where the shot begins.

A shot's first frame stands for the whole list of shots: of another list, only the shots that it changes are coloured
again. That cuts were detected, or listed, makes no difference to a colour.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from typing import NewType

from kinemacolor.store.prints import HASH_BYTES

__all__ = ["ColourSettings", "Dependency", "DependencyHash", "SettingsHash", "dependency_hash"]

SettingsHash = NewType("SettingsHash", bytes)
DependencyHash = NewType("DependencyHash", bytes)


@dataclass(frozen=True, kw_only=True)
class ColourSettings:
    """Everything that changes a colour of a clip, except its frames and shots.

    Amount, hue and mix do not: they come after the store.
    """

    model: str
    weights_sha256: str
    device_class: str
    transfer: int
    """Code point of ITU-T H.273 table 3."""
    width_px: int
    height_px: int
    """Of the luma that goes to the server."""

    @cached_property
    def hash(self) -> SettingsHash:
        """Names the settings."""
        words = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode()
        return SettingsHash(blake2b(words, digest_size=HASH_BYTES, person=b"kc settings").digest())


@dataclass(frozen=True)
class Dependency:
    """Of one shot."""

    settings: ColourSettings
    shot_start: int
    """Number of the shot's first frame."""

    @cached_property
    def hash(self) -> DependencyHash:
        """Names the dependency."""
        return dependency_hash(self.settings.hash, self.shot_start)


def dependency_hash(settings: SettingsHash, shot_start: int) -> DependencyHash:
    """The hash of a shot's dependency."""
    words = settings + shot_start.to_bytes(8, "little", signed=True)
    return DependencyHash(blake2b(words, digest_size=HASH_BYTES, person=b"kc depends").digest())
