"""Fault 13 in a host: a clip of NaN beside another on one server; that one has the colours of a run alone."""

from pathlib import Path

import numpy as np
import pytest
from hosted import HEIGHT, WIDTH, hosted, is_error, picture
from shim_child import in_child

from kinemacolor.ofx.minihost import HostImage, Layout
from kinemacolor.ofx.minihost.images import PixelDepth

FLOATS = Layout(bounds=(0, 0, WIDTH, HEIGHT), depth=PixelDepth.FLOAT, top_down=True)
FRAMES = 12


def grey(number: int) -> np.ndarray:
    luma = picture(number)[0].astype(np.float32) / 255
    return np.dstack([luma, luma, luma, np.ones_like(luma)])


def no_numbers(number: int) -> np.ndarray:
    """Each frame is bad in another way."""
    frame = np.ones((HEIGHT, WIDTH, 4), np.float32)
    frame[..., :3] = (np.nan, np.inf, -np.inf, -5.0, 7.0, 1e30)[number % 6]
    return frame


@in_child
@pytest.mark.fault(13, "NaN, Inf, negative, more than 1")
def test_a_clip_of_no_numbers_does_not_touch_the_clip_beside_it(shim: Path, tiny_server: str, tmp_path: Path) -> None:
    frames, bad = [grey(number) for number in range(FRAMES)], [no_numbers(number) for number in range(FRAMES)]
    with hosted(shim, frames, tmp_path, layout=FLOATS, server=tiny_server) as (_, instance):
        solo = [instance.render(float(number)).image.picture.copy() for number in range(FRAMES)]
    with hosted(shim, frames, tmp_path, layout=FLOATS, server=tiny_server) as (host, instance):
        other = host.describe().create(
            lambda time: HostImage(FLOATS, bad[round(time)]) if 0 <= time < FRAMES else None,
            {"OfxImageEffectPropFrameRate": (25.0,)},
        )
        other.set(server=tiny_server)
        for number in range(FRAMES):
            spoilt = other.render(float(number))
            assert spoilt.ok
            assert not np.isnan(spoilt.image.picture).any()
            found = instance.render(float(number))
            assert found.ok
            assert not is_error(found.image.picture)
            assert np.array_equal(found.image.picture, solo[number])
        infinite = other.render(1.0).image.picture
    assert np.isposinf(infinite[..., :3]).all(), "what is no number comes out as it came"
    assert any(np.ptp(one[..., :3], axis=2).max() > 0.02 for one in solo), "nothing was coloured"
