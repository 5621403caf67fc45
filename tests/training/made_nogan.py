"""A recipe of NoGAN for tests, and photos for it."""

import numpy as np

from kinemacolor.models.networks.deoldify import DeoldifySettings
from kinemacolor.models.networks.resnet import ResNetKind
from kinemacolor.training.deoldify_recipe import GanRecipe, NoGanRecipe
from kinemacolor.training.one_cycle import Phase
from kinemacolor.training.photos import Picture

SIDE = 64
NETWORK = DeoldifySettings(kind="deep", encoder=ResNetKind((1, 1, 1, 1), bottleneck=False), width=8, factor=1.5)
RECIPE = NoGanRecipe(
    network=NETWORK,
    critic_width=8,
    generator=(
        Phase(passes=1.0, side_px=SIDE, count=2, rate=2e-3, first_rate=2e-4, frozen=True),
        Phase(passes=1.0, side_px=SIDE, count=2, rate=1e-3, rise=0.0),
    ),
    critic=(Phase(passes=1.0, side_px=SIDE, count=4, rate=2e-3),),
    critic_again=(Phase(passes=1.0, side_px=SIDE, count=4, rate=2e-4),),
    gan=GanRecipe(passes=1.0, side_px=SIDE, count=2, rate=1e-4, feature_weight=2.0),
    seed=7,
)


def photos(count: int = 4) -> list[Picture]:
    """Blue above, green below."""
    random, made = np.random.default_rng(1), []
    for _ in range(count):
        picture = np.zeros((SIDE, 80, 3))
        picture[:32], picture[32:] = (90, 140, 220), (60, 150, 40)
        made.append((picture * random.uniform(0.7, 1.1, (SIDE, 80, 1))).clip(0, 255).astype(np.uint8))
    return made
