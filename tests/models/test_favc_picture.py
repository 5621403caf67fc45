"""`colorize_image` with the networks of Lei and Chen: a picture as their `test.py` does it, and beside its own luma."""

import numpy as np
import pytest
import torch
from PIL import Image
from tests.parity.seeded import SMALL_FAVC, with_seeded_weights

from kinemacolor.models import colorize_image
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.favc import FavcColour, FavcImage, FavcPainter
from kinemacolor.models.networks.vgg19 import Vgg19
from kinemacolor.models.pillow_grey import pillow_grey
from kinemacolor.models.published_lab import published_lightness

VGG = with_seeded_weights(Vgg19(SMALL_FAVC[0]))


def image_network() -> FavcImage:
    network = with_seeded_weights(FavcImage(SMALL_FAVC, 8))
    assert isinstance(network, FavcImage)
    return network


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)


def lightness(image: np.ndarray) -> torch.Tensor:
    return published_lightness(torch.from_numpy(image).permute(2, 0, 1)[None].double() / 255)


def test_grey_is_that_of_pillow() -> None:
    image = picture(40, 56, 3)
    expected = np.array(Image.fromarray(image).convert("L"))
    assert np.array_equal(pillow_grey(torch.from_numpy(image).permute(2, 0, 1)[None])[0, 0].numpy(), expected)


def test_the_network_s_own_picture_comes_out_clipped() -> None:
    image, network = picture(64, 96, 3), image_network()
    grey = torch.from_numpy(np.array(Image.fromarray(image).convert("L"))).float()[None, None] / 255
    with torch.no_grad():
        painted = FavcPainter(VGG, network)(grey)[0].permute(1, 2, 0)
    assert (painted > 1).any(), "else clipping would not show"
    found = colorize_image(network, image, features=VGG)
    assert np.array_equal(found, (painted.clamp(0, 1) * 255).round().byte().numpy())


@pytest.mark.parametrize("shape", [(64, 96, 3), (37, 51, 3), (37, 51), (1, 1, 3)])
@pytest.mark.parametrize("short_side", [None, 24])
def test_a_picture_of_any_size_is_coloured(shape: tuple[int, ...], short_side: int | None) -> None:
    found = colorize_image(image_network(), picture(*shape), features=VGG, short_side_px=short_side)
    assert found.shape == (*shape[:2], 3)
    assert found.dtype == np.uint8


def test_with_a_short_side_the_picture_s_own_lightness_stays() -> None:
    image = np.repeat(np.linspace(90, 160, 96).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    found = colorize_image(image_network(), image, features=VGG, short_side_px=64)
    own = colorize_image(image_network(), image, features=VGG)
    in_gamut = torch.from_numpy(((found > 0) & (found < 255)).all(axis=2))
    assert in_gamut.any()
    assert np.ptp(found.astype(int), axis=2).max() > 5, "there is colour"
    assert float((lightness(found) - lightness(image))[0, 0][in_gamut].abs().max()) < 1.0
    assert float((lightness(own) - lightness(image)).abs().max()) > 5.0


def test_of_several_pictures_the_first_is_taken() -> None:
    network = with_seeded_weights(FavcColour(SMALL_FAVC, 8))
    assert isinstance(network, FavcColour)
    image, painter = picture(64, 96, 3), FavcPainter(VGG, network)
    grey = pillow_grey(torch.from_numpy(image).permute(2, 0, 1)[None]).float() / 255
    with torch.no_grad():
        first = (painter(grey)[0, :3].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    assert np.array_equal(colorize_image(network, image, features=VGG), first)
    assert np.array_equal(colorize_image(painter, image), first), "a network with its features inside"


def test_features_go_with_these_networks_alone() -> None:
    image = picture(32, 32, 3)
    with pytest.raises(TypeError, match=r'features=load_network\("vgg19", FILE\)\), found none'):
        colorize_image(image_network(), image)
    with pytest.raises(TypeError, match="looks through VGG19"):
        colorize_image(Eccv16(width=4), image, features=VGG)
    with pytest.raises(TypeError, match="expected a short side"):
        colorize_image(image_network(), image, features=VGG, enlarging="bicubic")
    with pytest.raises(TypeError, match="render factor"):
        colorize_image(image_network(), image, features=VGG, render_factor=20)
