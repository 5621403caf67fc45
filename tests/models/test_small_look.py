"""A network that looks at smaller pictures colours large ones."""

import pytest
import torch
from torch import Tensor, nn

from kinemacolor.models.small_look import SmallLook


class Watched(nn.Module):
    """Says of each place its lightness as a*, and keeps what size it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.size: tuple[int, ...] = ()

    def forward(self, lightness: Tensor) -> Tensor:
        self.size = tuple(lightness.shape[-2:])
        return torch.cat((lightness, torch.zeros_like(lightness)), dim=1)


@pytest.mark.parametrize(
    ("given", "seen"), [((256, 448), (96, 160)), ((96, 96), (96, 96)), ((64, 176), (64, 176)), ((480, 32), (480, 32))]
)
def test_a_picture_is_reduced_to_the_short_side_and_never_enlarged(
    given: tuple[int, int], seen: tuple[int, int]
) -> None:
    network = Watched()
    ab = SmallLook(network, 96, 16)(torch.full((2, 1, *given), 40.0))
    assert network.size == seen
    assert ab.shape == (2, 2, *given)
    assert torch.allclose(ab[:, 0], torch.tensor(40.0), atol=1e-3)


def test_colours_stay_where_they_were() -> None:
    lightness = torch.linspace(0.0, 90.0, 320).expand(1, 1, 192, 320).contiguous()
    ab = SmallLook(Watched(), 96, 16)(lightness)
    assert float((ab[0, 0] - lightness[0, 0])[:, 8:-8].abs().max()) < 1.0
