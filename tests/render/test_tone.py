"""Prints in real files: what is found, what is said, and how near the network's luma is to that before the tone."""

from fractions import Fraction

import make
import numpy as np
import pytest
import toned

from kinemacolor.media.probe import probe
from kinemacolor.media.reader import open_source
from kinemacolor.media.types import SourceFrame
from kinemacolor.render.options import ToneUse
from kinemacolor.render.proxies import network_geometry, proxy_maker
from kinemacolor.render.tone import NO_TONE, read_tone

SHORT_SIDE = 56


def film(tmp_path, pictures, pixel_format="yuv420p", name="in", **options):
    path = tmp_path / f"{name}{toned.suffix(pixel_format)}"
    options = {"frames": 6, **toned.SIZE, **options}
    return make.film(path, pixel_format=pixel_format, pictures=pictures, **options).path


def proxies(path, use):
    """What the network would see, in 8-bit codes."""
    info = probe(path)
    tone = read_tone(path, info, use)
    make_proxy = proxy_maker(info, network_geometry(info, SHORT_SIDE), tone)
    with open_source(path, info=info) as source:
        return [make_proxy(item) / 257 for item in source if isinstance(item, SourceFrame)], tone


def errors(path, use):
    """Mean and 95th percentile of the distance from the luma before the print was toned, in 8-bit codes."""
    found, _ = proxies(path, use)
    before = [toned.grey(i).reshape(SHORT_SIDE, 2, 80, 2).mean(axis=(1, 3)) * 255 for i in range(len(found))]
    away = np.abs(np.array(found) - np.array(before))
    return away.mean(), np.percentile(away, 95)


@pytest.mark.parametrize("pixel_format", toned.FORMATS)
@pytest.mark.parametrize("name", toned.PRINTS)
def test_the_network_sees_the_luma_before_the_tone(tmp_path, name, pixel_format):
    path = film(tmp_path, toned.toned(toned.PRINTS[name], pixel_format), pixel_format)
    mean, most = errors(path, ToneUse.REMOVE)
    assert mean < 3.5
    assert most < 5.0
    if toned.PRINTS[name].powers == (1, 1, 1):
        assert most < 2.0
        assert errors(path, ToneUse.IGNORE)[0] > 15


def test_an_encoder_with_losses_does_not_hide_a_tint(tmp_path):
    path = tmp_path / "in.mp4"
    make.film(
        path, pictures=toned.toned(toned.PRINTS["amber"]), codec="libx264", codec_options={"crf": "20"}, frames=12,
        **toned.SIZE,
    )  # fmt: skip
    assert errors(path, ToneUse.REMOVE)[1] < 5.0


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("sepia", "toned print: sepia, luma is taken after removing it"),
        ("blue toned", "toned print: blue, luma is taken after removing it"),
        ("amber", "tinted print: amber, luma is taken after removing it"),
        ("blue", "tinted print: blue, luma is taken after removing it"),
        ("sepia on amber", "tinted print: amber, luma is taken after removing it"),
    ],
)
def test_what_was_found_is_said(tmp_path, name, note):
    path = film(tmp_path, toned.toned(toned.PRINTS[name]))
    removed, kept = (read_tone(path, probe(path), use) for use in (ToneUse.REMOVE, ToneUse.KEEP))
    assert removed.notes == (note,)
    assert kept.notes == (f"{note}; the tone comes back beside the colours",)
    assert len({removed.identity, kept.identity, NO_TONE.identity}) == 3
    assert read_tone(path, probe(path), ToneUse.REMOVE).identity == removed.identity


def test_a_tone_that_is_ignored_changes_nothing(tmp_path):
    path = film(tmp_path, toned.toned(toned.PRINTS["amber"]))
    tone = read_tone(path, probe(path), ToneUse.IGNORE)
    assert (tone.curve, tone.identity) == (None, NO_TONE.identity)
    assert tone.notes == ("the film is tinted; its chroma is replaced",)


@pytest.mark.parametrize("pixel_format", toned.FORMATS)
@pytest.mark.parametrize("use", ToneUse)
def test_of_a_neutral_film_the_luma_is_its_own_byte_for_byte(tmp_path, pixel_format, use):
    path = film(tmp_path, toned.toned(toned.Print(), pixel_format), pixel_format)
    found, tone = proxies(path, use)
    assert (tone.notes, tone.curve, tone.identity) == ((), None, NO_TONE.identity)
    info = probe(path)
    plain = proxy_maker(info, network_geometry(info, SHORT_SIDE))
    with open_source(path, info=info) as source:
        expected = [plain(item) / 257 for item in source if isinstance(item, SourceFrame)]
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("pixel_format", toned.FORMATS)
def test_a_film_with_colours_of_its_own_keeps_its_luma(tmp_path, pixel_format):
    path = film(tmp_path, toned.coloured(pixel_format), pixel_format)
    tone = read_tone(path, probe(path), ToneUse.REMOVE)
    assert tone.curve is None
    assert tone.notes == ("the film has colours of its own; its luma is used, its chroma is replaced",)


def test_scenes_of_several_tints_keep_their_luma(tmp_path):
    amber, blue = (toned.toned(toned.PRINTS[name]) for name in ("amber", "blue"))
    path = film(tmp_path, lambda i: (amber if i < 4 else blue)(i), frames=8)
    tone = read_tone(path, probe(path), ToneUse.REMOVE)
    assert tone.curve is None
    assert tone.notes == ("the film is tinted in more than one colour; its luma is used, its chroma is replaced",)


def test_a_tint_behind_a_black_beginning_is_found(tmp_path):
    amber = toned.toned(toned.PRINTS["amber"])
    black = toned.planes(np.zeros((3, toned.HEIGHT, toned.WIDTH)), "yuv420p")
    path = film(tmp_path, lambda i: black if i < 20 else amber(i), frames=60)
    assert read_tone(path, probe(path), ToneUse.REMOVE).curve is not None


def test_a_sequence_of_pictures_whose_first_is_black(tmp_path):
    for number in range(7, 15):
        rgb = toned.PRINTS["sepia"].rgb(toned.grey(number)) * (number > 7)
        codes = np.rint(np.moveaxis(rgb, 0, -1) * 255).astype(np.uint8).reshape(toned.HEIGHT, -1)
        make.still(tmp_path / f"s.{number:04d}.png", "rgb24", (codes,), toned.WIDTH, toned.HEIGHT)
    path = tmp_path / "s.%04d.png"
    tone = read_tone(path, probe(path), ToneUse.REMOVE)
    assert tone.notes == ("toned print: sepia, luma is taken after removing it",)


def test_grey_pixels_are_not_looked_at(tmp_path, monkeypatch):
    path = make.film(tmp_path / "in.mkv", pixel_format="gray10le", rate=Fraction(24)).path
    info = probe(path)
    path.unlink()
    assert read_tone(path, info, ToneUse.REMOVE) is NO_TONE
