"""Which films have one tone, what their luma was before it, and that the tone comes back as it was."""

import numpy as np
import pytest

from kinemacolor.colour.encoding import ColourEncoding, Matrix, Primaries, Range, Siting, Transfer
from kinemacolor.colour.matrix import rgb_to_ycbcr, ycbcr_to_rgb
from kinemacolor.picture.merge import ChromaMerger
from kinemacolor.picture.pixel import Family, PixelFormat
from kinemacolor.picture.tone import Finding, find_tone, name_tone, neutral_table, tone_ab_table, tone_samples

ENCODING = ColourEncoding(
    matrix=Matrix.BT709, range=Range.LIMITED, transfer=Transfer.BT709, primaries=Primaries.BT709
)  # fmt: skip
SEPIA = ((0.82, 1.0, 1.35), (1.0, 1.0, 1.0))
AMBER = ((1.0, 1.0, 1.0), (1.0, 0.78, 0.36))
BLUE = ((1.0, 1.0, 1.0), (0.35, 0.6, 1.0))
GREY = ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))


def samples(kind, seed=1, low=0.0, high=1.0, noise=0.004):
    """One picture of a print."""
    random = np.random.default_rng(seed)
    grey = random.uniform(low, high, 3000)
    rgb = np.stack([part * grey**power for power, part in zip(*kind, strict=True)])
    return (rgb_to_ycbcr(rgb, Matrix.BT709) + random.normal(0, noise, (3, 3000))).astype(np.float32)


def luma_of(kind, grey):
    rgb = np.stack([part * grey**power for power, part in zip(*kind, strict=True)])
    return rgb_to_ycbcr(rgb, Matrix.BT709)[0]


def error_codes(curve, kind):
    grey = np.linspace(0.02, 0.98, 97)
    luma = np.rint(luma_of(kind, grey) * 65535).astype(int)
    return np.abs(neutral_table(curve, Matrix.BT709)[luma] / 65535 - grey).max() * 255


@pytest.mark.parametrize(
    ("kind", "name", "is_tinted", "codes"),
    [(SEPIA, "sepia", False, 4), (AMBER, "amber", True, 1.5), (BLUE, "blue", True, 1.5)],
)
def test_a_tone_is_found_and_the_luma_before_it_too(kind, name, is_tinted, codes):
    finding, curve = find_tone([samples(kind, seed) for seed in range(4)])
    assert finding is Finding.TONED
    assert (name_tone(curve, ENCODING).name, name_tone(curve, ENCODING).is_tinted) == (name, is_tinted)
    assert error_codes(curve, kind) < codes


@pytest.mark.parametrize("kind", [SEPIA, AMBER, BLUE])
def test_a_print_without_a_white_is_continued_to_it(kind):
    _, curve = find_tone([samples(kind, seed, low=0.05, high=0.7) for seed in range(4)])
    assert error_codes(curve, kind) < 6


def test_noise_beside_grey_is_no_tone():
    assert find_tone([samples(GREY, seed, noise=0.01) for seed in range(4)]) == (Finding.NEUTRAL, None)
    assert find_tone([]) == (Finding.NEUTRAL, None)


def test_two_tints_are_not_one():
    assert find_tone([samples(AMBER), samples(BLUE)]) == (Finding.SEVERAL, None)
    assert find_tone([samples(AMBER), samples(GREY)]) == (Finding.SEVERAL, None)


def test_one_coloured_picture_makes_a_coloured_film():
    coloured = samples(SEPIA)
    coloured[1:] += np.random.default_rng(3).uniform(-0.15, 0.15, coloured[1:].shape).astype(np.float32)
    assert find_tone([samples(SEPIA), coloured]) == (Finding.COLOURED, None)
    assert find_tone([coloured]) == (Finding.COLOURED, None)


def test_black_pictures_between_toned_ones_change_nothing():
    finding, curve = find_tone([samples(AMBER, seed) for seed in range(3)] + [samples(AMBER, 9, high=0.01)] * 3)
    assert finding is Finding.TONED
    assert error_codes(curve, AMBER) < 1.5


@pytest.mark.parametrize("kind", [SEPIA, AMBER, BLUE, ((1, 1, 1), (0.02, 0.02, 1.0))])
def test_the_table_rises_and_leaves_black(kind):
    _, curve = find_tone([samples(kind)])
    table = neutral_table(curve, Matrix.BT709)
    assert table[0] == 0
    assert np.all(np.diff(table.astype(int)) >= 0)
    assert np.all(table >= np.arange(65536, dtype=np.uint16))


@pytest.mark.parametrize("kind", [SEPIA, AMBER, BLUE])
def test_the_tone_alone_is_the_print_again(kind):
    """The merge of the tone's a*b*, at the film's own luma, gives back the film's chroma."""
    _, curve = find_tone([samples(kind, seed, noise=0.0) for seed in range(4)])
    grey = np.linspace(0.05, 1.0, 64)
    rgb = np.stack([part * grey**power for power, part in zip(*kind, strict=True)])
    codes = rgb_to_ycbcr(rgb, Matrix.BT709) * np.array([[876], [896], [896]]) + np.array([[64], [512], [512]])
    luma = np.repeat(np.rint(codes[:1]), 16, axis=0).astype(np.uint16)
    form = PixelFormat(name="yuv444p10le", family=Family.YUV, bits=10)
    merger = ChromaMerger(
        source=form, target=form, encoding=ENCODING, siting=Siting.LEFT, size=(64, 16), proxy_size=(64, 16)
    )  # fmt: skip
    proxy = np.rint((luma.astype(float) - 64) / 876 * 65535).astype(np.uint16)
    merged = merger.merge(luma, np.ascontiguousarray(tone_ab_table(curve, ENCODING)[:, proxy]))
    assert np.abs(merged.cb[8] - codes[1]).max() < 6  # 10-bit codes
    assert np.abs(merged.cr[8] - codes[2]).max() < 6


def test_samples_are_the_same_from_every_layout():
    random = np.random.default_rng(5)
    rgb = np.kron(random.uniform(0.2, 0.8, (3, 8, 8)), np.ones((1, 8, 8)))
    luma, cb, cr = rgb_to_ycbcr(rgb, Matrix.BT709)
    wide = PixelFormat(name="gbrp16le", family=Family.RGB, bits=16)
    full = ColourEncoding(
        matrix=Matrix.BT709, range=Range.FULL, transfer=Transfer.BT709, primaries=Primaries.BT709
    )  # fmt: skip
    expected = tone_samples(tuple(np.rint(plane * 65535).astype(np.uint16) for plane in rgb), wide, full)
    small = PixelFormat(name="yuv420p", family=Family.YUV, bits=8, log2_chroma_w=1, log2_chroma_h=1)
    codes = [luma * 219 + 16, cb[::2, ::2] * 224 + 128, cr[::2, ::2] * 224 + 128]
    found = tone_samples(tuple(np.rint(plane).astype(np.uint8) for plane in codes), small, ENCODING)
    assert np.abs(ycbcr_to_rgb(found, Matrix.BT709)).max() < 1
    assert found.shape == (3, 16 * 16)
    reduced = expected.reshape(3, 32, 32).reshape(3, 16, 2, 16, 2).mean(axis=(2, 4)).reshape(3, -1)
    assert np.abs(found - reduced).max() < 1 / 200
