"""A frame network that looks at smaller pictures than it is given: at the size of those it was trained on."""

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SmallLook"]


class SmallLook(nn.Module):
    """Takes L* and gives a*, b*, as `frames.PlainFrames` wants it.

    Args:
        network: The same at any size whose sides are multiples of `multiple_of`.
        short_side_px: To which pictures are reduced; smaller ones are not enlarged.
        multiple_of: Of the network.
    """

    def __init__(self, network: nn.Module, short_side_px: int, multiple_of: int) -> None:
        super().__init__()
        self.network = network
        self._short_side_px, self._multiple_of = short_side_px, multiple_of

    def forward(self, lightness: Tensor) -> Tensor:
        """(B, 1, H, W) CIE L* in [0, 100] to (B, 2, H, W) CIELAB a*, b*; sides multiples of `multiple_of`."""
        height, width = lightness.shape[-2:]
        scale = min(1.0, self._short_side_px / min(height, width))
        multiple = self._multiple_of
        size = [max(multiple, round(side * scale / multiple) * multiple) for side in (height, width)]
        small = F.interpolate(lightness, size=size, mode="bilinear", antialias=True, align_corners=False)
        ab: Tensor = self.network(small)
        return F.interpolate(ab, size=(height, width), mode="bicubic", align_corners=False)
