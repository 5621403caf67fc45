"""Recipes of DDColor's training: those of the authors' two sizes, and one that a CPU can carry out.

Numbers of the first two are those of the authors' options (piddnad/DDColor, options/train/train_ddcolor.yml), whose
steps had four GPUs with four pictures each; what differs is said where it stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from kinemacolor.models.networks.ddcolor import LARGE, REDUCED, TINY, DDColorSettings
from kinemacolor.training.loop import Schedule
from kinemacolor.training.photos import CropSettings

__all__ = ["DDCOLOR_RECIPES", "DDColorRecipe", "DDColorWeights"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DDColorWeights:
    """Of the terms of the loss."""

    pixels: float = 0.1
    """L1 distance of a*, b*, in CIELAB units."""
    perceptual: float = 5.0
    """Distance of features from those of the enhanced target."""
    features: tuple[float, float, float] = (0.04, 0.08, 0.16)
    """Within the perceptual term, of MobileNetV2 at strides 4, 8 and 16. Each is twice the one before, as in the
    authors' five layers of VGG16; together they make a grey picture cost about 0.6."""
    dullness: float = 2.0
    """1 less the colourfulness, mean of the pictures. The authors weigh the sum of a GPU's four by 0.5."""
    fooling: float = 1.0
    """The critic's word, where there is a critic."""
    enhancement: float = 1.2
    """Colour of the target of features and critic, in units of the true one; a*, b* are asked for as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DDColorRecipe(Schedule):
    """Everything that decides the result of a run, apart from the photos."""

    network: DDColorSettings
    """Its size. The encoder learns from noise, the authors' had seen ImageNet-22k."""
    weight_decay: float = 0.01
    """Of the network; the critic has none."""
    rate: float = 1e-4
    """Of the network, after the warm-up. The authors have none and halve the rate at step 80,000 and each 40,000."""
    critic_width: int = 64
    """Channels of the critic's first layer; 0: no critic, and no term of it."""
    critic_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    """Of Adam, for both."""
    crops: CropSettings = field(default_factory=lambda: CropSettings(count=16, side_px=256))
    """Pictures of a batch. Crops have their shape; the authors squash whole pictures to a square."""
    late_crops: CropSettings | None = None
    """Those of the last part of the run; None: the same."""
    late_share: float = 0.3
    """How much of the schedule the last part is."""
    loss: DDColorWeights = field(default_factory=DDColorWeights)


_OFFICIAL_STEPS = 400_000
_LARGE = DDColorRecipe(network=LARGE, steps=_OFFICIAL_STEPS)

DDCOLOR_RECIPES: Mapping[str, DDColorRecipe] = MappingProxyType(
    {
        "l": _LARGE,
        "t": replace(_LARGE, network=TINY),
        "reduced": DDColorRecipe(
            network=REDUCED,
            steps=1500,
            rate=1e-3,
            warm_up_steps=100,
            critic_width=0,
            crops=CropSettings(count=16, side_px=64),
            # At 64 px the encoder's coarsest map has 2 x 2 places, and films are larger.
            late_crops=CropSettings(count=4, side_px=128),
        ),
    }
)
"""By size."""
