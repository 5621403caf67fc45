"""A picture as the authors of DeOldify colour it, against Pillow and OpenCV themselves; each step left out is noticed.

Pillow is here because matplotlib needs it.
"""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.parity.seeded import RUNS, with_seeded_weights

from kinemacolor.models import Hint, colorize_image, deoldify_picture
from kinemacolor.models.deoldify_picture import coloured_as_authors
from kinemacolor.models.networks.deoldify import Deoldify
from kinemacolor.models.networks.imagenet import IMAGENET_MEAN, IMAGENET_STD
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.pillow_resize import resized

Picture = NDArray[np.uint8]
FACTOR = 3
SIZES = [(61, 83), (48, 48), (30, 90), (120, 75), (33, 1)]


@pytest.fixture(scope="module", params=["deoldify-wide", "deoldify-deep"])
def network(request: pytest.FixtureRequest) -> Deoldify:
    made = with_seeded_weights(RUNS[request.param][0]())
    assert isinstance(made, Deoldify)
    if made.settings.kind == "deep":  # livelier, so that it leaves the gamut, too
        made.layers[11][0].weight_u.mul_(0.3)
    return made


def picture(height: int, width: int, seed: int = 1) -> Picture:
    """Smooth and noisy places, in colour: what is no grey becomes grey."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(int)
    return np.clip(smooth + random.integers(-20, 21, (height, width, 3)), 0, 255).astype(np.uint8)


def rows_first(image: Image.Image, size: tuple[int, int], kind: Image.Resampling) -> Image.Image:
    """As Pillow did it always; later it begins with the columns for some shapes."""
    return image.resize((size[0], image.height), kind).resize(size, kind)


def by_the_book(network: Deoldify, image: Picture, factor: int, **steps: Callable[..., object]) -> Picture:
    """The steps of filters.py with the authors' libraries; `steps` puts others in their place."""
    original = Image.fromarray(image)
    square = rows_first(original, (16 * factor,) * 2, Image.Resampling.BILINEAR)
    grey = steps.get("grey", lambda found: found.convert("LA").convert("RGB"))(square)
    mean, std = (np.array(values, np.float32) for values in (IMAGENET_MEAN, IMAGENET_STD))
    x = torch.from_numpy((np.asarray(grey, np.float32) / 255 - mean) / std).permute(2, 0, 1)[None]
    with torch.no_grad():
        out = network(x)[0].permute(1, 2, 0).numpy() * std + mean
    codes = steps.get("codes", lambda found: (np.clip(found, 0, 1) * 255).astype(np.uint8))(out)
    large = np.asarray(rows_first(Image.fromarray(codes), original.size, Image.Resampling.BILINEAR))
    return steps.get("merge", merged)(image, large)


def merged(image: Picture, colour: Picture) -> Picture:
    yuv = cv2.cvtColor(image, cv2.COLOR_RGB2YUV)
    yuv[:, :, 1:] = cv2.cvtColor(colour, cv2.COLOR_RGB2YUV)[:, :, 1:]
    return cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB)


def within_a_code(found: Picture, expected: Picture) -> float:
    return float((np.abs(found.astype(int) - expected) <= 1).mean())


@pytest.mark.parametrize("size", SIZES)
def test_the_picture_is_that_of_the_authors_steps(network: Deoldify, size: tuple[int, int]) -> None:
    image = picture(*size)
    found = colorize_image(network, image, render_factor=FACTOR)
    assert within_a_code(found, by_the_book(network, image, FACTOR)) >= 0.999
    assert np.ptp(found.astype(int) - found.mean(axis=2, keepdims=True)) > 20, "it has colour"


def not_grey(found: Image.Image) -> Image.Image:
    return found


def grey_by_the_mean(found: Image.Image) -> Image.Image:
    mean = np.asarray(found).mean(axis=2, keepdims=True)
    return Image.fromarray(np.repeat(mean, 3, axis=2).astype(np.uint8))


def rounded(found: NDArray[np.float32]) -> Picture:
    return (np.clip(found, 0, 1) * 255).round().astype(np.uint8)


def without_clamp(found: NDArray[np.float32]) -> Picture:
    return (found * 255).astype(np.int64).astype(np.uint8)


def without_merge(image: Picture, colour: Picture) -> Picture:
    return colour


def merged_in_ycrcb(image: Picture, colour: Picture) -> Picture:
    codes = cv2.cvtColor(colour, cv2.COLOR_RGB2YUV)
    codes[:, :, 0] = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.cvtColor(codes, cv2.COLOR_YCrCb2RGB)


@pytest.mark.parametrize(
    "step",
    [
        {"grey": not_grey},
        {"grey": grey_by_the_mean},
        {"codes": without_clamp},
        {"merge": without_merge},
        {"merge": merged_in_ycrcb},
    ],
    ids=lambda step: next(iter(step.values())).__name__,
)
def test_a_step_done_otherwise_is_noticed(network: Deoldify, step: dict[str, Callable[..., object]]) -> None:
    image = picture(61, 83)
    found = colorize_image(network, image, render_factor=FACTOR)
    assert within_a_code(found, by_the_book(network, image, FACTOR, **step)) < 0.98


def test_codes_are_cut_off_not_rounded(network: Deoldify) -> None:
    """A difference of one code of the network's picture, which is not one of the tolerance: all of them are equal."""
    image = picture(48, 48)
    found = colorize_image(network, image, render_factor=FACTOR)
    assert np.array_equal(found, by_the_book(network, image, FACTOR))
    assert not np.array_equal(found, by_the_book(network, image, FACTOR, codes=rounded))


def test_the_render_factor_is_the_square_and_35_without_one(network: Deoldify, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(network, "forward", lambda x: seen.append(tuple(x.shape)) or x)
    for factor in (None, 21, 1):
        assert colorize_image(network, picture(30, 50), render_factor=factor).shape == (30, 50, 3)
    assert seen == [(1, 3, 560, 560), (1, 3, 336, 336), (1, 3, 16, 16)]


def test_the_exchange_of_luma_is_opencv_s() -> None:
    random = np.random.default_rng(3)
    one, other = (random.integers(0, 256, (400, 500, 3)).astype(np.uint8) for _ in range(2))
    planes = [torch.from_numpy(codes).permute(2, 0, 1)[None] for codes in (one, other)]
    found = deoldify_picture._with_chroma(*planes)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(found, merged(one, other))


@pytest.mark.parametrize("kind", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES)
def test_resizing_is_pillow_s(size: tuple[int, int], kind: str) -> None:
    image = picture(*size)
    expected = np.asarray(rows_first(Image.fromarray(image), (48, 40), getattr(Image.Resampling, kind.upper())))
    found = resized(torch.from_numpy(image).permute(2, 0, 1)[None], 40, 48, kind)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(found, expected)


def test_in_its_own_shape_a_picture_keeps_its_luma(network: Deoldify) -> None:
    image = picture(61, 83)
    found = colorize_image(network, image, short_side_px=40)
    assert found.shape == image.shape
    official = colorize_image(network, image, render_factor=FACTOR)
    assert not np.array_equal(found, official)


def test_what_does_not_go_with_the_network_is_refused(network: Deoldify) -> None:
    image = picture(16, 16)
    with pytest.raises(TypeError, match=r"takes hints \(siggraph17\), found deoldify"):
        colorize_image(network, image, hints=[Hint(0.5, 0.5, (1.0, 2.0))])
    with pytest.raises(TypeError, match=r"with a temperature \(eccv16\), found deoldify"):
        colorize_image(network, image, temperature=0.4)
    with pytest.raises(TypeError, match=r"expected a short side where deoldify"):
        colorize_image(network, image, enlarging="bicubic")
    assert colorize_image(network, image, short_side_px=8, enlarging="bicubic").shape == image.shape
    with pytest.raises(TypeError, match=r"with a render factor \(deoldify\), found siggraph17"):
        colorize_image(Siggraph17(), image, render_factor=21)
    with pytest.raises(ValueError, match="render factor of 1 or more, found 0"):
        coloured_as_authors(network, torch.zeros(1, 3, 16, 16, dtype=torch.uint8), 0)
