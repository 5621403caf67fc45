"""The pretrained MobileNetV2 of a recipe, as losses look through it: as it is, without gradients of its own."""

from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.training.data import TrainingData
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.proposing import frozen

__all__ = ["pretrained_trunk"]


def pretrained_trunk(data: TrainingData) -> MobileNetV2Encoder:
    """The network.

    Args:
        data: Read by a recipe that names an encoder.

    Raises:
        RecipeError: It names none.
    """
    if data.trunk is None:
        raise RecipeError("expected a recipe with an encoder, found none")
    encoder = MobileNetV2Encoder()
    encoder.load_dequantised(data.trunk)
    return frozen(encoder, "cpu")
