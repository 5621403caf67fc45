"""`--tone`: the film's luma stays the film's whatever the network sees, and the print's tone comes back if asked."""

import json

import films
import make
import numpy as np
import pytest
import toned

from kinemacolor.colour.encoding import Matrix
from kinemacolor.colour.matrix import rgb_to_ycbcr

USES = ("remove", "keep", "ignore")


def film(tmp_path, pictures, pixel_format="yuv420p", name="in"):
    path = tmp_path / f"{name}{toned.suffix(pixel_format)}"
    return make.film(path, pixel_format=pixel_format, pictures=pictures, frames=4, **toned.SIZE)


@pytest.fixture
def coloured(tmp_path, render):
    """Renders without loss; returns the planes of the frames."""

    def command(source, *options, name="out"):
        out = tmp_path / f"{name}.mkv"
        done = render(source.path, out, "-c", "ffv1", "--quality", "draft", "-y", *options)
        assert done.code == 0, done.err
        return films.planes_of(out)

    return command


def same(some, others):
    frames = zip(some, others, strict=True)
    return all(np.array_equal(a, b) for one, other in frames for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("name", ["sepia", "amber"])
def test_luma_is_the_films_byte_for_byte_and_the_network_sees_another(tmp_path, coloured, name, pixel_format):
    """But not that of a print whose white is white."""
    source = film(tmp_path, toned.toned(toned.PRINTS[name], pixel_format), pixel_format)
    outputs = {use: coloured(source, "--tone", use) for use in USES}
    for planes in outputs.values():
        assert all(np.array_equal(one[0], other[0]) for one, other in zip(planes, source.planes, strict=True))
    assert not same(outputs["remove"], outputs["keep"])
    assert same(outputs["remove"], outputs["ignore"]) == (name == "sepia")
    assert same(outputs["remove"], coloured(source))


def test_rgb_keeps_luma_within_half_a_code(tmp_path, coloured):
    source = film(tmp_path, toned.toned(toned.PRINTS["amber"], "gbrp10le"), "gbrp10le")
    weights = np.array([0.7152, 0.0722, 0.2126])
    for use in USES:
        for after, before in zip(coloured(source, "--tone", use), source.planes, strict=True):
            moved = np.tensordot(weights, np.stack(after).astype(float) - np.stack(before).astype(float), 1)
            assert np.abs(moved).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("use", USES[1:])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "gbrp10le"])
def test_a_neutral_film_is_the_same_whatever_is_asked(tmp_path, coloured, pixel_format, use):
    source = film(tmp_path, toned.toned(toned.Print(), pixel_format), pixel_format)
    assert same(coloured(source, "--tone", use), coloured(source))


@pytest.mark.parametrize("name", ["sepia", "amber", "blue"])
def test_without_colours_the_kept_tone_is_the_print_again(tmp_path, coloured, name):
    source = film(tmp_path, toned.toned(toned.PRINTS[name]))
    assert all(np.ptp(plane) == 0 for planes in coloured(source, "--amount", "0") for plane in planes[1:])
    for planes, before in zip(coloured(source, "--amount", "0", "--tone", "keep"), source.planes, strict=True):
        for plane, old in zip(planes[1:], before[1:], strict=True):
            assert np.abs(plane.astype(int) - old.astype(int)).mean() < 1.5


def test_the_kept_tone_lies_beside_the_colours(tmp_path, coloured):
    source = film(tmp_path, toned.toned(toned.PRINTS["sepia"]))
    removed, kept = coloured(source), coloured(source, "--tone", "keep")
    _, cb, cr = rgb_to_ycbcr(toned.PRINTS["sepia"].rgb(np.array([0.5])), Matrix.BT709)[:, 0] * 224
    for index, expected in ((1, cb), (2, cr)):
        moved = np.mean([new[index].astype(float) - old[index] for new, old in zip(kept, removed, strict=True)])
        assert moved == pytest.approx(expected, abs=8)
        assert np.sign(moved) == np.sign(expected)


def test_what_was_found_is_said_once(tmp_path, run, tiny_server):
    source = film(tmp_path, toned.toned(toned.PRINTS["amber"]))
    done = run("render", source.path, tmp_path / "out.mkv", "--server", tiny_server)
    assert done.err.count("tinted print: amber, luma is taken after removing it") == 1
    assert "chroma is replaced" not in done.err
    planned = run("render", source.path, tmp_path / "out2.mkv", "--dry-run")
    assert "note:    tinted print: amber" in planned.out


def test_a_stored_colour_is_never_that_of_another_luma(tmp_path, coloured):
    source = film(tmp_path, toned.toned(toned.PRINTS["amber"]))
    plain = {use: coloured(source, "--tone", use) for use in USES}
    for use in (*USES, *USES):
        assert same(coloured(source, "--tone", use, "--store", tmp_path / "store"), plain[use])


def test_an_analysis_sees_the_luma_of_a_render(tmp_path, run, coloured, tiny_server):
    source, folder = film(tmp_path, toned.toned(toned.PRINTS["amber"])), tmp_path / "store"
    done = run(
        "analyse", source.path, "--store", folder, "--quality", "draft", "--server", tiny_server, "--progress", "json"
    )  # fmt: skip
    assert done.code == 0, done.err
    notes = [event["text"] for event in map(json.loads, done.out.splitlines()) if event["event"] == "note"]
    assert notes == ["tinted print: amber, luma is taken after removing it"]
    out = tmp_path / "again.mkv"
    done = run(
        "render", source.path, out, "-c", "ffv1", "--quality", "draft", "--store", folder, "--server", tiny_server,
        "--tone", "keep", "--progress", "json",
    )  # fmt: skip
    assert json.loads(done.out.splitlines()[-1])["frames_from_store"] == 4
    assert same(films.planes_of(out), coloured(source, "--tone", "keep"))


def test_keeping_is_not_for_an_analysis(tmp_path, run):
    assert run("analyse", tmp_path / "in.mkv", "--tone", "keep").code == 2
