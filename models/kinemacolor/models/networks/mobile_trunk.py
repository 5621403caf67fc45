"""MobileNetV2 in the place of VGG19, for the `favc` of reduced width that is trained here.

VGG19's weights are not at hand, and its 15 million numbers are too many for the machines that this was trained on. A
network trained on these features is not the paper's, and its file is not one that the model `favc` takes.
"""

from torch import Tensor, nn

from kinemacolor.models.networks.mobilenet_v2 import TAP_CHANNELS, MobileNetV2Encoder

__all__ = ["TRUNK_CHANNELS", "TRUNK_MULTIPLE", "MobileTrunk"]

TRUNK_CHANNELS = TAP_CHANNELS
"""Of the features, finest first: at half the size of the picture and so on."""
TRUNK_MULTIPLE = 32
"""Both sides must be multiples of this: the coarsest features have a 32nd of the size."""
_SCALE = 0.25
"""The encoder's numbers are about 4 in the mean; the first layer is made for numbers of about 1."""


class MobileTrunk(nn.Module):
    """MobileNetV2 as `networks.vgg19.Vgg19` is used: R'G'B' in [0, 1] to five features, finest first.

    Args:
        encoder: With weights.
    """

    def __init__(self, encoder: MobileNetV2Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to (B, C, H / 2, W / 2) and coarser."""
        return [tap * _SCALE for tap in self.encoder(rgb * 2.0 - 1.0)]
