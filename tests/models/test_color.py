"""Colour conversions against scikit-image, which implements the same standards independently."""

import numpy as np
import torch
from skimage.color import lab2rgb, rgb2lab

from kinemacolor.models.color import lab_to_srgb, lightness_from_luminance, luma, srgb_to_lab, srgb_to_linear


def _colours() -> torch.Tensor:
    return torch.rand(3, 17, 23, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_srgb_to_lab_agrees_with_skimage() -> None:
    rgb = _colours()
    expected = rgb2lab(rgb.permute(1, 2, 0).numpy())
    # The white points differ in the fifth digit.
    np.testing.assert_allclose(srgb_to_lab(rgb).permute(1, 2, 0).numpy(), expected, atol=0.05)


def test_lab_to_srgb_agrees_with_skimage() -> None:
    lab = srgb_to_lab(_colours())
    expected = lab2rgb(lab.permute(1, 2, 0).numpy())
    np.testing.assert_allclose(lab_to_srgb(lab).permute(1, 2, 0).numpy(), expected, atol=3e-3)  # the constants again


def test_lab_round_trip_is_exact() -> None:
    rgb = _colours()
    torch.testing.assert_close(lab_to_srgb(srgb_to_lab(rgb)), rgb, atol=1e-7, rtol=0)


def test_grey_has_no_chroma_and_its_lightness_is_that_of_its_luma() -> None:
    grey = torch.linspace(0, 1, 11, dtype=torch.float64).view(1, 1, 11).expand(3, 1, 11)
    lab = srgb_to_lab(grey)
    assert float(lab[1:].abs().max()) < 1e-6
    lightness = lightness_from_luminance(srgb_to_linear(luma(grey)))
    torch.testing.assert_close(lightness[0], lab[0], atol=1e-6, rtol=0)
    assert float(lab[0, 0, 0]) == 0.0
    assert float(lab[0, 0, -1]) == 100.0
