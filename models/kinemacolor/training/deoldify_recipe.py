"""Recipes of DeOldify's NoGAN training: those of the three networks of the authors, and two that a CPU can carry out.

Numbers of the first three are those of the authors' notebooks (jantic/DeOldify, ColorizeTraining*.ipynb) and of their
README; their photos were the 1.28 million of ImageNet. Passes count crops that are drawn, real and generated alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from kinemacolor.models.networks.deoldify import DEEP, WIDE, DeoldifySettings
from kinemacolor.training.deoldify_pictures import ScatteredNoise
from kinemacolor.training.feature_loss import FeatureWeights
from kinemacolor.training.one_cycle import Phase
from kinemacolor.training.stop_rule import StopRule
from kinemacolor.training.warped_photos import Augmentation

__all__ = ["NOGAN_RECIPES", "GanRecipe", "NoGanRecipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GanRecipe:
    """The third stage: generator and critic against each other."""

    passes: float
    """Photos seen in each of the repeats, as a share of all, at most."""
    side_px: int
    """Side of the crops."""
    count: int
    """Crops of a batch."""
    rate: float
    """Of the generator, constant; its encoder stays as it is, apart from its batch norms."""
    feature_weight: float
    """Weight of FeatureLoss beside the critic's word, which weighs 1: the second of fastai's `weights_gen`."""
    repeats: int = 1
    """How often critic and GAN follow each other, all in all."""
    critic_rate_factor: float = 5.0
    """Rate of the critic in units of the generator's."""
    switch_below: float = 0.65
    """Loss of the critic, in nats, below which it is the generator's turn, for one step."""
    betas: tuple[float, float] = (0.0, 0.9)
    """Of Adam."""
    stop: StopRule = field(default_factory=StopRule)
    """When to stop before the passes are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoGanRecipe:
    """Everything that decides the result of the three stages, apart from the photos."""

    network: DeoldifySettings
    """The generator."""
    critic_width: int = 256
    """Channels of the critic's first layer."""
    generator: tuple[Phase, ...]
    """The first stage."""
    critic: tuple[Phase, ...]
    """The second stage."""
    critic_again: tuple[Phase, ...]
    """The second stage from the second repeat on."""
    gan: GanRecipe
    """The third stage."""
    loss: FeatureWeights = field(default_factory=FeatureWeights)
    """Of the generator."""
    changes: Augmentation = field(default_factory=Augmentation)
    """How crops of generator and GAN are changed."""
    critic_changes: Augmentation = field(default_factory=lambda: Augmentation(zoom=2.0, lighting=0.2, warp=0.2))
    """How crops of the critic are: fastai's usual ones, but for the zoom."""
    noise: ScatteredNoise | None = None
    """On the grey pictures."""
    weight_decay: float = 1e-3
    """Decoupled from the gradient."""
    seed: int = 1906
    """Of all draws."""


_SEEN_BY_CRITIC = 0.17
"""Of ImageNet in one of the critic's epochs: 8.5 % of it coloured, and its 100,000 test pictures."""

_CRITIC_192 = Phase(passes=4 * _SEEN_BY_CRITIC, side_px=192, count=16, rate=1e-4)
_CRITIC = (Phase(passes=6 * _SEEN_BY_CRITIC, side_px=128, count=64, rate=1e-3), _CRITIC_192)

_ARTISTIC = NoGanRecipe(
    network=DEEP,
    generator=(
        Phase(passes=1.0, side_px=64, count=88, rate=1e-3, first_rate=1e-4, rise=0.8, frozen=True),
        Phase(passes=1.0, side_px=64, count=88, rate=3e-4, first_rate=3e-7, rise=0.0),
        Phase(passes=1.0, side_px=128, count=22, rate=1e-4, first_rate=1e-7, rise=0.0),
        Phase(passes=0.5, side_px=192, count=11, rate=5e-5, first_rate=5e-8, rise=0.0),
    ),
    critic=_CRITIC,
    critic_again=(_CRITIC_192,),
    gan=GanRecipe(passes=0.32 / 5, side_px=192, count=9, rate=1e-5, feature_weight=2.0, repeats=5),
)

_STABLE = replace(
    _ARTISTIC,
    network=WIDE,
    generator=(
        *_ARTISTIC.generator[:2],
        replace(_ARTISTIC.generator[2], count=20),
        replace(_ARTISTIC.generator[3], count=8),
    ),
    gan=GanRecipe(passes=0.07 / 3, side_px=192, count=5, rate=2e-5, feature_weight=1.5, repeats=3),
)

_VIDEO = replace(
    _STABLE,
    generator=(Phase(passes=0.25, side_px=192, count=8, rate=5e-5, first_rate=5e-8, rise=0.0),),
    gan=GanRecipe(passes=0.022, side_px=192, count=5, rate=5e-6, feature_weight=1.5),
    noise=ScatteredNoise(),
)

_ARTISTIC_CPU = NoGanRecipe(
    network=replace(DEEP, width=8),
    critic_width=32,
    generator=(
        Phase(passes=0.65, side_px=64, count=16, rate=1e-3),
        # Not later: at 64 px the deepest maps are 2 x 2, and no place sees all nine taps of a convolution. After 900
        # steps of it some photos of 96 px came out red all over.
        Phase(passes=0.9, side_px=96, count=8, rate=7e-4, rise=0.0),
    ),
    critic=(Phase(passes=0.4, side_px=96, count=16, rate=1e-3),),
    critic_again=(Phase(passes=0.2, side_px=96, count=16, rate=1e-4),),
    gan=GanRecipe(passes=0.6, side_px=96, count=8, rate=1e-4, feature_weight=2.0, repeats=2),
)

_STABLE_CPU = replace(_ARTISTIC_CPU, network=replace(WIDE, width=8), gan=replace(_ARTISTIC_CPU.gan, feature_weight=1.5))

NOGAN_RECIPES: Mapping[str, NoGanRecipe] = MappingProxyType(
    {
        "artistic": _ARTISTIC,
        "stable": _STABLE,
        "video": _VIDEO,
        "artistic-cpu": _ARTISTIC_CPU,
        "stable-cpu": _STABLE_CPU,
    }
)
"""By name. `video` begins with the generator of `stable`; its critic from noise, the author's had learned before.

The last two are an eighth as wide. There is no trained ResNet of that width to begin with, so their encoders learn from
noise, at the rate of all, and are not frozen at first.
"""
