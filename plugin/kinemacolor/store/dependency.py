"""What a stored colour depends on besides the frames of its shot: settings, where the shot begins, and its guides.

A shot's first frame stands for the whole list of shots: of another list, only the shots that it changes are coloured
again. That cuts were detected, or listed, makes no difference to a colour. Neither do guides of other shots.

A shot with guides is kept under settings of its own, made of the clip's and of its guides, so whoever asks for a colour
without guides finds none that has them, nor the other way round. The first variant and a shot without guides have the
names that they had before there was either.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from typing import NewType

from kinemacolor.store.prints import HASH_BYTES

__all__ = ["ColourSettings", "Dependency", "DependencyHash", "GuidedShot", "SettingsHash", "dependency_hash"]

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
    variant: int = 1
    """Which of the model's distinct colourings."""

    @cached_property
    def hash(self) -> SettingsHash:
        """Names the settings, of shots without guides."""
        values = asdict(self)
        if self.variant == 1:
            del values["variant"]
        words = json.dumps(values, sort_keys=True, ensure_ascii=False).encode()
        return SettingsHash(blake2b(words, digest_size=HASH_BYTES, person=b"kc settings").digest())

    def with_guides(self, guides: str) -> SettingsHash:
        """Names the settings of a shot whose guides have this hash (`wire.guides.guide_hash`); empty: it has none."""
        if not guides:
            return self.hash
        words = self.hash + guides.encode()
        return SettingsHash(blake2b(words, digest_size=HASH_BYTES, person=b"kc guided").digest())


@dataclass(frozen=True, slots=True)
class GuidedShot:
    """A shot that has guides."""

    first: int
    last: int | None
    """None: the clip's last frame."""
    guides: str
    """Their hash."""

    def has(self, number: int) -> bool:
        """Whether a frame is in it."""
        return self.first <= number and (self.last is None or number <= self.last)


@dataclass(frozen=True)
class Dependency:
    """Of one shot."""

    settings: ColourSettings
    shot_start: int
    """Number of the shot's first frame."""
    guides: str = ""
    """Hash of the shot's guides (`wire.guides.guide_hash`); empty: it has none."""

    @cached_property
    def settings_hash(self) -> SettingsHash:
        """Names the settings that the shot is kept under."""
        return self.settings.with_guides(self.guides)

    @cached_property
    def hash(self) -> DependencyHash:
        """Names the dependency."""
        return dependency_hash(self.settings_hash, self.shot_start)


def dependency_hash(settings: SettingsHash, shot_start: int) -> DependencyHash:
    """The hash of a shot's dependency."""
    words = settings + shot_start.to_bytes(8, "little", signed=True)
    return DependencyHash(blake2b(words, digest_size=HASH_BYTES, person=b"kc depends").digest())
