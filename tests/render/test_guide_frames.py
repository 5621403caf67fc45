"""References as the network sees them, and lumas of hinted frames as they are sent."""

from functools import partial

import cv2
import make
import numpy as np
import pytest

from kinemacolor.colour.encoding import ColourEncoding, Matrix, Primaries, Range, Transfer
from kinemacolor.media.errors import SourceError
from kinemacolor.media.still import read_still
from kinemacolor.media.types import SourceFrame
from kinemacolor.picture.proxy import make_proxy_rgb
from kinemacolor.render import guide_frames
from kinemacolor.render.film import Film
from kinemacolor.render.guide_frames import film_lumas, reference_planes
from kinemacolor.render.guides import Turn
from kinemacolor.render.options import FilmOptions
from kinemacolor.render.proxies import network_geometry, proxy_maker
from kinemacolor.wire.frame import Geometry

SRGB = ColourEncoding(matrix=Matrix.BT709, range=Range.LIMITED, transfer=Transfer.SRGB, primaries=Primaries.BT709)
RED, GREY = (255, 0, 0), (128, 128, 128)
SIZE = Geometry(16, 12)


def flat(colour, width=64, height=48):
    return np.full((height, width, 3), colour, np.uint8)


# ---- references ----


def test_a_colour_is_what_it_is():
    luma, ab = reference_planes(flat(RED), SRGB, SIZE, Turn())
    assert (luma.shape, luma.dtype, ab.shape, ab.dtype) == ((12, 16), np.uint16, (2, 12, 16), np.int16)
    assert np.unique(luma).tolist() == [round(0.2126 * 65535)]
    assert np.unique(ab[0]).item() / 256 == pytest.approx(80.09, abs=0.02)
    assert np.unique(ab[1]).item() / 256 == pytest.approx(67.20, abs=0.02)
    assert not reference_planes(flat(GREY), SRGB, SIZE, Turn())[1].any()


@pytest.mark.parametrize("matrix", [Matrix.BT709, Matrix.SMPTE170M])
def test_its_luma_is_that_of_a_frame_with_these_colours(matrix):
    encoding = ColourEncoding(matrix=matrix, range=Range.FULL, transfer=Transfer.SRGB, primaries=Primaries.BT709)
    rgb = np.random.default_rng(5).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    luma, _ = reference_planes(rgb, encoding, SIZE, Turn())
    frame = make_proxy_rgb(tuple(np.moveaxis(rgb, 2, 0)), 8, matrix, Range.FULL, (16, 12))
    assert np.abs(luma.astype(int) - frame.astype(int)).max() <= 2  # sRGB to light and back in float32


@pytest.mark.parametrize(
    ("transfer", "primaries"),
    [(Transfer.BT709, Primaries.BT709), (Transfer.LINEAR, Primaries.BT709), (Transfer.BT2020_10, Primaries.BT2020)],
)
def test_its_luma_means_what_the_films_codes_mean_and_its_colour_stays(transfer, primaries):
    encoding = ColourEncoding(matrix=Matrix.BT709, range=Range.LIMITED, transfer=transfer, primaries=primaries)
    grey, _ = reference_planes(flat(GREY), encoding, SIZE, Turn())
    light = ((128 / 255 + 0.055) / 1.055) ** 2.4
    code = light if transfer is Transfer.LINEAR else light ** (1 / 2.4)
    assert grey[0, 0] == pytest.approx(code * 65535, abs=2)
    assert reference_planes(flat(RED), encoding, SIZE, Turn())[1][:, 0, 0] / 256 == pytest.approx((80.1, 67.2), abs=0.1)


@pytest.mark.parametrize(("width", "height"), [(64, 48), (640, 480), (8, 6), (16, 12), (13, 10)])
def test_a_picture_of_the_films_shape_is_taken_whole(width, height):
    halves = np.concatenate([flat(RED, width // 2, height), flat(GREY, width - width // 2, height)], axis=1)
    _, ab = reference_planes(halves, SRGB, SIZE, Turn())
    assert (ab[0, :, 0] > 75 * 256).all()
    assert (ab[0, :, -1] < 256).all()


@pytest.mark.parametrize(("width", "height"), [(100, 48), (64, 90), (1000, 12)])
def test_what_does_not_fit_is_cut_off_evenly(width, height):
    frame = flat(RED, width, height)
    kept_width, kept_height = min(width, round(height * 4 / 3)), min(height, round(width * 3 / 4))
    left, top = (width - kept_width) // 2, (height - kept_height) // 2
    frame[top : top + kept_height, left : left + kept_width] = GREY
    assert not reference_planes(frame, SRGB, SIZE, Turn())[1].any()


def test_a_picture_of_a_film_that_is_turned_is_upright():
    left_red = np.concatenate([flat(RED, 24, 64), flat(GREY, 24, 64)], axis=1)
    _, ab = reference_planes(left_red, SRGB, SIZE, Turn(1))
    # Turned counter-clockwise to be shown, the film's own upper edge is what is shown on the left.
    assert (ab[0, 0] > 75 * 256).all()
    assert (ab[0, -1] < 256).all()


# ---- stills ----


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tiff"])
def test_stills(tmp_path, name):
    assert cv2.imwrite(str(tmp_path / name), flat((0, 0, 255)))
    found = read_still(tmp_path / name)
    assert (found.shape, found.dtype) == ((48, 64, 3), np.uint8)
    assert np.abs(found.astype(int) - RED).max() <= 1


def test_stills_of_16_bits_with_alpha_and_without_colour(tmp_path):
    deep = np.full((4, 6, 4), (0, 0, 40_000, 65_535), np.uint16)
    assert cv2.imwrite(str(tmp_path / "deep.png"), deep)
    assert read_still(tmp_path / "deep.png")[0, 0].tolist() == [40_000, 0, 0]
    assert cv2.imwrite(str(tmp_path / "grey.png"), np.full((4, 6), 77, np.uint8))
    assert read_still(tmp_path / "grey.png")[0, 0].tolist() == [77, 77, 77]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: no such file"),
        (b"", "an empty file"),
        (b"no picture", "is not a PNG, JPEG or TIFF"),
        (b"\xff\xd8\xff\xe0 cut off", "the picture is damaged"),
    ],
)
def test_what_is_no_still_is_said_in_one_line(tmp_path, content, message):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=message) as caught:
        read_still(path)
    assert str(caught.value).startswith(f"{path}: ")


# ---- lumas of hinted frames ----


def sent(film, make_proxy):
    """The luma of every frame of a render."""
    with film.open() as source:
        return {item.number: make_proxy(item) for item in source if isinstance(item, SourceFrame)}


def opened(path, **options):
    film = Film(FilmOptions(source=path, **options))
    return film, proxy_maker(film.info, network_geometry(film.info, 24))


def check(film, make_proxy, numbers):
    expected = sent(film, make_proxy)
    found = film_lumas(film, make_proxy, numbers)
    assert sorted(found) == sorted(numbers)
    assert all(np.array_equal(found[number], expected[number]) for number in numbers)


@pytest.mark.parametrize("near", [1, 100])
@pytest.mark.parametrize("codec", ["ffv1", "libx264", "mpeg4"])
def test_the_luma_of_a_frame_is_what_is_sent(tmp_path, monkeypatch, codec, near):
    monkeypatch.setattr(guide_frames, "_NEAR_FRAMES", near)
    make_film = partial(make.film, codec=codec, frames=40, codec_options={} if codec == "ffv1" else {"g": "12"})
    check(*opened(make_film(tmp_path / "in.mkv").path), [39, 0, 17, 18, 25])


def test_the_luma_of_a_field_is_what_is_sent(tmp_path):
    path = make.film(tmp_path / "in.mkv", frames=12, field_order="tt").path
    check(*opened(path, bob=True), [3, 4, 23])


def test_the_luma_of_a_picture_of_a_sequence_is_what_is_sent(tmp_path):
    for number in range(8):
        make.still(tmp_path / f"s.{number + 1001}.png", "gray", make.picture("gray", 64, 48, number), 64, 48)
    check(*opened(tmp_path / "s.%04d.png"), [1001, 1008, 1004])


def test_a_film_that_ends_early_is_said(tmp_path):
    film, make_proxy = opened(make.film(tmp_path / "in.mkv", frames=4).path)
    with pytest.raises(SourceError, match=r"ends before frame 9|no frame 9"):
        film_lumas(film, make_proxy, [2, 9])
