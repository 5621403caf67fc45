"""Law 1 in files: Y' that comes out is Y' that went in, byte for byte; for RGB within half a code."""

import av
import films
import make
import numpy as np
import pytest

MATRICES = {"601": 6, "709": 1, "2020": 9}
RANGES = {"limited": 1, "full": 2}
WITH_LUMA = ["yuv420p", "yuv422p10le", "yuv444p12le", "gray", "gray10le", "gray16le"]
WEIGHTS = {"601": (0.299, 0.587, 0.114), "709": (0.2126, 0.7152, 0.0722), "2020": (0.2627, 0.678, 0.0593)}


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("color_range", RANGES)
@pytest.mark.parametrize("pixel_format", WITH_LUMA)
def test_ffv1_keeps_every_luma_sample(tmp_path, render, pixel_format, color_range, matrix):
    source = make.film(
        tmp_path / "in.mkv", frames=3, width=50, height=38, pixel_format=pixel_format,
        matrix=MATRICES[matrix], color_range=RANGES[color_range],
    )  # fmt: skip
    done = render(source.path, tmp_path / "out.mkv", "-c", "ffv1")
    assert done.code == 0, done.err
    frames = films.frames_of(tmp_path / "out.mkv")
    assert len(frames) == 3
    for frame, planes in zip(frames, source.planes, strict=True):
        assert np.array_equal(films.plane_of(frame, 0), planes[0])
        assert (frame.color_range, frame.colorspace) == (RANGES[color_range], MATRICES[matrix])
    assert films.has_colour(tmp_path / "out.mkv")


def test_joint_bilateral_upsampling_is_another_way_for_colour_and_none_for_luma(tmp_path, render):
    source = make.film(tmp_path / "in.mkv", frames=3, width=150, height=110)
    found = {}
    for way in ("guided", "joint-bilateral"):
        out = tmp_path / f"{way}.mkv"
        done = render(source.path, out, "--upsampling", way, "--quality", "draft", "-c", "ffv1")
        assert done.code == 0, done.err
        found[way] = films.frames_of(out)
    for one, other, planes in zip(*found.values(), source.planes, strict=True):
        assert np.array_equal(films.plane_of(one, 0), planes[0])
        assert np.array_equal(films.plane_of(other, 0), planes[0])
        difference = np.abs(films.plane_of(one, 1).astype(int) - films.plane_of(other, 1).astype(int))
        assert 0 < difference.mean() < 8


@pytest.mark.parametrize("pixel_format", ["gbrp", "gbrp10le", "gbrp16le", "rgb24"])
def test_rgb_keeps_luma_within_half_a_code(tmp_path, render, pixel_format):
    codec = {"rgb24": "png"}.get(pixel_format)
    suffix = {"rgb24": "mov", "gbrp": "avi"}.get(pixel_format, "mkv")
    pictures = grey_rgb24 if pixel_format == "rgb24" else None
    source = make.film(
        tmp_path / f"in.{suffix}", frames=2, width=50, height=38, pixel_format=pixel_format, codec=codec,
        pictures=pictures,
    )  # fmt: skip
    done = render(source.path, tmp_path / "out.mkv", "-c", "ffv1")
    assert done.code == 0, done.err
    pairs = zip(films.frames_of(source.path), films.frames_of(tmp_path / "out.mkv"), strict=True)
    weights = np.array(WEIGHTS["709"])
    for before, after in pairs:
        assert after.format.components[0].bits == before.format.components[0].bits
        rgb = np.stack(films.rgb_of(after)).astype(float)
        old, new = (np.tensordot(weights, planes, 1) for planes in (np.stack(films.rgb_of(before)), rgb))
        assert np.abs(new - old).max() <= 0.5 + 1e-6
        assert np.abs(rgb[0] - rgb[2]).max() > 2


def grey_rgb24(index):
    grey = make.picture("gray", 50, 38, index)[0]
    return (np.repeat(grey, 3, axis=1).reshape(38, 150),)


def test_the_default_of_mp4_is_lossy_and_says_what_it_cost(tmp_path, run, tiny_server):
    source = make.film(tmp_path / "in.mp4", codec="libx264", frames=10)
    done = run("render", source.path, tmp_path / "out.mp4", "--server", tiny_server)
    assert done.code == 0
    assert "luma cost: libx264 keeps Y' at" in done.err
    assert "not bit-exact" in done.err
    assert "bit for bit" not in done.err


def test_only_a_lossless_encoder_is_called_exact(tmp_path, run, tiny_server):
    source = make.film(tmp_path / "in.mkv", frames=2)
    done = run("render", source.path, tmp_path / "out.mkv", "--lossless", "--server", tiny_server)
    assert done.code == 0
    assert "luma kept bit for bit" in done.err


def test_lossless_grey_becomes_444_of_the_same_depth(tmp_path, render):
    source = make.film(tmp_path / "in.mkv", frames=2, pixel_format="gray10le")
    assert render(source.path, tmp_path / "out.mkv", "--lossless").code == 0
    assert films.frames_of(tmp_path / "out.mkv")[0].format.name == "yuv444p10le"


@pytest.mark.parametrize(
    ("pixel_format", "width", "height"), [("yuv420p", 51, 37), ("gray", 1, 1), ("yuv420p", 9, 200)]
)
def test_odd_and_tiny_sizes(tmp_path, render, pixel_format, width, height):
    source = make.film(tmp_path / "in.mkv", frames=2, width=width, height=height, pixel_format=pixel_format)
    done = render(source.path, tmp_path / "out.mkv", "-c", "ffv1")
    assert done.code == 0, done.err
    for luma, planes in zip(films.luma_of(tmp_path / "out.mkv"), source.planes, strict=True):
        assert np.array_equal(luma, planes[0])


def test_amount_changes_colour_and_never_luma(tmp_path, render):
    source = make.film(tmp_path / "in.mkv", frames=2)
    spread = {}
    for amount in ("0", "1", "2"):
        out = tmp_path / f"out{amount}.mkv"
        assert render(source.path, out, "-c", "ffv1", "--amount", amount).code == 0
        frames = films.planes_of(out)
        spread[amount] = sum(np.abs(planes[1].astype(int) - 128).mean() for planes in frames)
        assert all(np.array_equal(planes[0], film[0]) for planes, film in zip(frames, source.planes, strict=True))
    assert spread["0"] == 0 < spread["1"] < spread["2"]


def test_a_colour_film_loses_its_own_chroma_and_is_told_so_once(tmp_path, run, tiny_server):
    grey = make.film(tmp_path / "grey.mkv", frames=2)
    colour = make.film(tmp_path / "colour.mkv", frames=2, colour=True)
    outputs = []
    for source in (grey, colour):
        out = tmp_path / f"{source.path.stem}-out.mkv"
        done = run("render", source.path, out, "-c", "ffv1", "--server", tiny_server)
        assert done.code == 0
        assert done.err.count("its chroma is replaced") == (1 if source is colour else 0)
        outputs.append(films.planes_of(out))
    for old, new in zip(*outputs, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def test_alpha_is_passed_through(tmp_path, render):
    source = make.film(tmp_path / "in.mkv", frames=2, pixel_format="yuva420p")
    assert render(source.path, tmp_path / "out.mkv", "-c", "ffv1").code == 0
    frames = films.frames_of(tmp_path / "out.mkv")
    assert all(av.VideoFormat(frame.format.name).components[-1].is_alpha for frame in frames)
    for frame, planes in zip(frames, source.planes, strict=True):
        assert np.array_equal(films.plane_of(frame, 3), planes[3])
