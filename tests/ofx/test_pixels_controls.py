"""Amount, temperature and tint of the colour that is added."""

import math

import numpy as np
import pytest

from kinemacolor.ofx.pixels.controls import FULL_SHIFT, Controls, Output

LUMA = np.linspace(0, 1, 5, dtype=np.float32)[None]
AB = np.array([[[0, 256, -512, 2560, 100]], [[0, 0, 256, -256, 3]]], dtype=np.int16)


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0, 2.0])
def test_amount_is_a_factor(amount: float) -> None:
    assert np.allclose(Controls(amount=amount).graded(AB, LUMA), AB / 256 * amount, atol=1e-6)


def test_temperature_moves_b_and_tint_a_most_at_mid_luma() -> None:
    warm = Controls(temperature=100, tint=-50).graded(AB, LUMA) - AB / 256
    assert np.allclose(warm[1], FULL_SHIFT * np.array([[0, 0.75, 1, 0.75, 0]]), atol=1e-5)
    assert np.allclose(warm[0], -FULL_SHIFT / 2 * np.array([[0, 0.75, 1, 0.75, 0]]), atol=1e-5)


def test_opposite_temperatures_are_symmetric_and_amount_scales_them() -> None:
    zero = np.zeros_like(AB)
    cold, warm = (Controls(temperature=t).graded(zero, LUMA) for t in (-30, 30))
    assert np.array_equal(cold, -warm)
    assert np.allclose(Controls(temperature=30, amount=0.5).graded(zero, LUMA), warm / 2)


@pytest.mark.parametrize(
    ("name", "low", "high"), [("amount", 0, 2), ("temperature", -100, 100), ("tint", -100, 100), ("mix", 0, 1)]
)
def test_what_is_out_of_range_is_refused(name: str, low: float, high: float) -> None:
    for value in (low - 0.01, high + 0.01, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"expected a {name} of {low} to {high}, found"):
            Controls(**{name: value})
    assert getattr(Controls(**{name: low}), name) == low
    assert getattr(Controls(**{name: high}), name) == high


def test_which_settings_keep_the_source() -> None:
    assert Controls(mix=0, output=Output.CHROMA_ONLY).keeps_source
    assert Controls(amount=0).keeps_source
    assert not Controls(amount=0, output=Output.CHROMA_ONLY).keeps_source
    assert not Controls().keeps_source
