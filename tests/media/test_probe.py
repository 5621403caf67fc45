"""What a file says about itself, and what is said to be assumed where it does not."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.media import make

from kinemacolor.colour.encoding import Matrix, Primaries, Range, Siting, Transfer
from kinemacolor.media import file_probe
from kinemacolor.media.errors import UnsupportedSourceError
from kinemacolor.media.probe import Assume, probe
from kinemacolor.media.types import FieldOrder, Track, TrackKind
from kinemacolor.picture.pixel import Family, PixelFormat

FIFTH = Fraction(1, 5)


def test_a_tagged_film_is_read_as_tagged(tmp_path: Path) -> None:
    film = make.film(
        tmp_path / "a.mkv", pixel_format="yuv420p10le", matrix=9, color_range=1, transfer=14, primaries=9, frames=5
    )
    info = probe(film.path)
    assert info.pixel_format == PixelFormat(
        name="yuv420p10le", family=Family.YUV, bits=10, log2_chroma_w=1, log2_chroma_h=1
    )
    assert (info.container, info.codec) == ("matroska,webm", "ffv1")
    assert (info.width_px, info.height_px) == (64, 48)
    encoding = info.encoding
    assert (encoding.matrix, encoding.range) == (Matrix.BT2020_NCL, Range.LIMITED)
    assert (encoding.transfer, encoding.primaries) == (Transfer.BT2020_10, Primaries.BT2020)
    assert encoding.assumed == ()
    assert (info.frame_rate, info.time_base) == (25, Fraction(1, 1000))
    assert (info.duration_seconds, info.frame_count) == (FIFTH, 5)
    assert info.is_colour is False
    assert info.field_order is FieldOrder.PROGRESSIVE


@pytest.mark.parametrize(
    ("size", "rate", "matrix", "primaries"),
    [
        ((720, 576), 25, Matrix.BT470BG, Primaries.BT470BG),
        ((720, 480), Fraction(30000, 1001), Matrix.SMPTE170M, Primaries.SMPTE170M),
        ((640, 480), 24, Matrix.SMPTE170M, Primaries.SMPTE170M),
        ((384, 288), 25, Matrix.BT470BG, Primaries.BT470BG),
        ((1280, 720), 24, Matrix.BT709, Primaries.BT709),
        ((1280, 536), 24, Matrix.BT709, Primaries.BT709),
        ((3840, 2160), 24, Matrix.BT709, Primaries.BT709),
    ],
)
def test_an_untagged_film_gets_the_defaults_of_its_size(
    tmp_path: Path, size: tuple[int, int], rate: Fraction, matrix: Matrix, primaries: Primaries
) -> None:
    film = make.film(tmp_path / "a.mkv", codec="libx264", width=size[0], height=size[1], rate=Fraction(rate), frames=1)
    encoding = probe(film.path).encoding
    assert (encoding.matrix, encoding.primaries, encoding.range) == (matrix, primaries, Range.LIMITED)
    assert encoding.assumed == ("matrix", "range", "transfer", "primaries")


@pytest.mark.parametrize(
    ("name", "pixel_format", "family", "matrix"),
    [("a.mkv", "gray10le", Family.GRAY, Matrix.BT470BG), ("a.mkv", "gbrp10le", Family.RGB, Matrix.BT709)],
)
def test_untagged_gray_and_rgb_are_full_range(
    tmp_path: Path, name: str, pixel_format: str, family: Family, matrix: Matrix
) -> None:
    film = make.film(tmp_path / name, pixel_format=pixel_format, frames=1)
    info = probe(film.path)
    assert info.pixel_format.family is family
    assert (info.encoding.range, info.encoding.matrix) == (Range.FULL, matrix)


def test_limited_gray_is_limited(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", pixel_format="gray", color_range=1, frames=1)
    assert probe(film.path).encoding.range is Range.LIMITED


def test_rgb_takes_the_luma_weights_of_its_primaries(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", pixel_format="gbrp10le", primaries=9, transfer=14, matrix=0, frames=1)
    encoding = probe(film.path).encoding
    assert (encoding.matrix, encoding.primaries) == (Matrix.BT2020_NCL, Primaries.BT2020)
    assert encoding.assumed == ("matrix", "range")


def test_yuvj_is_full_range_without_a_guess(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mov", codec="mjpeg", pixel_format="yuvj420p", frames=1)
    info = probe(film.path)
    assert (info.coded_format, info.pixel_format.name) == ("yuvj420p", "yuv420p")
    assert info.encoding.range is Range.FULL
    assert "range" not in info.encoding.assumed


@pytest.mark.parametrize(("code", "transfer"), [(16, Transfer.PQ), (18, Transfer.HLG)])
def test_hdr_is_reported(tmp_path: Path, code: int, transfer: Transfer) -> None:
    film = make.film(tmp_path / "a.mkv", pixel_format="yuv420p10le", matrix=9, transfer=code, primaries=9, frames=1)
    assert probe(film.path).encoding.transfer is transfer


def test_what_the_user_says_beats_the_tags_and_is_not_assumed(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", transfer=16, field_order="tt", frames=2)
    said = Assume(
        matrix=Matrix.BT709, range=Range.FULL, transfer=Transfer.BT709, primaries=Primaries.BT2020,
        field_order=FieldOrder.PROGRESSIVE,
    )  # fmt: skip
    info = probe(film.path, assume=said)
    assert info.encoding == replace(
        info.encoding,
        matrix=Matrix.BT709, range=Range.FULL, transfer=Transfer.BT709, primaries=Primaries.BT2020, assumed=(),
    )  # fmt: skip
    assert info.field_order is FieldOrder.PROGRESSIVE


@pytest.mark.parametrize(("matrix", "transfer"), [(8, 1), (1, 9)])
def test_an_encoding_that_is_not_ours_is_refused(tmp_path: Path, matrix: int, transfer: int) -> None:
    film = make.film(tmp_path / "a.mkv", matrix=matrix, transfer=transfer, frames=1)
    with pytest.raises(UnsupportedSourceError, match=str(film.path)):
        probe(film.path)


@pytest.mark.parametrize(
    ("siting", "expected"),
    [("left", Siting.LEFT), ("topleft", Siting.TOPLEFT), ("center", Siting.CENTER), (None, None)],
)
def test_chroma_siting(tmp_path: Path, siting: str | None, expected: Siting | None) -> None:
    film = make.film(tmp_path / "a.mkv", siting=siting, frames=1, audio=(make.Audio("pcm_s16le", language="eng"),))
    assert probe(film.path).siting is expected


def test_siting_means_nothing_without_subsampling(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", pixel_format="yuv444p", siting="topleft", frames=1)
    assert probe(film.path).siting is None


def test_probing_leaves_ffmpegs_log_off(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    film = make.film(tmp_path / "a.mkv", attachments=(("f.ttf", "font/ttf", b"x"),), frames=1)
    probe(film.path)
    assert av.logging.get_level() is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_rotation_and_its_matrix(tmp_path: Path, container: str) -> None:
    film = make.film(tmp_path / f"a.{container}", codec="libx264", rotation=90, hflip=True, frames=2)
    info = probe(film.path)
    plain = probe(make.film(tmp_path / f"b.{container}", codec="libx264", rotation=90, frames=2).path)
    assert plain.rotation_degrees == 90
    assert info.display_matrix is not None
    assert plain.display_matrix is not None
    assert info.display_matrix != plain.display_matrix
    assert len(info.display_matrix) == 9
    assert (info.width_px, info.height_px) == (64, 48)


def test_a_still_with_exif_is_a_film_of_one_frame(tmp_path: Path) -> None:
    """FFmpeg hands out EXIF as side data that PyAV does not know."""
    rows = make.random_rows("rgb24", 32, 20, 1)
    info = probe(make.still(tmp_path / "a.tif", "rgb24", rows, 32, 20))
    assert (info.codec, info.display_matrix, info.rotation_degrees) == ("tiff", None, 0)


@pytest.mark.parametrize("degrees", [90, -90, 180, 45])
def test_the_matrix_of_a_rotation_is_ffmpegs(tmp_path: Path, degrees: int) -> None:
    info = probe(make.film(tmp_path / "a.mp4", codec="libx264", rotation=degrees, frames=1).path)
    ours = file_probe._rotation_matrix(info.rotation_degrees)
    assert ours is not None
    assert info.display_matrix is not None
    assert np.abs(np.subtract(ours, info.display_matrix)).max() <= 1


def test_sample_aspect_ratio(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mp4", codec="libx264", sample_aspect_ratio=Fraction(16, 15), frames=1)
    assert probe(film.path).sample_aspect_ratio == Fraction(16, 15)
    assert probe(make.film(tmp_path / "b.mp4", codec="libx264", frames=1).path).sample_aspect_ratio == 1


@pytest.mark.parametrize("flag", ["tt", "bb"])
@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mkv", "libx264", "yuv420p"), ("a.ts", "mpeg2video", "yuv420p"), ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.mkv", "ffv1", "yuv422p"),
    ],
)  # fmt: skip
def test_interlaced_film_is_found(tmp_path: Path, name: str, codec: str, pixel_format: str, flag: str) -> None:
    film = make.film(tmp_path / name, codec=codec, pixel_format=pixel_format, field_order=flag, frames=3, height=64)
    expected = FieldOrder.TOP_FIRST if flag == "tt" else FieldOrder.BOTTOM_FIRST
    assert probe(film.path).field_order is expected


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(24)])
def test_exact_rates(tmp_path: Path, rate: Fraction) -> None:
    info = probe(make.film(tmp_path / "a.mp4", codec="libx264", rate=rate).path)
    assert info.frame_rate == rate
    assert info.duration_seconds == 8 / rate
    assert info.frame_count == 8


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "label", "expected"),
    [
        ("a.mov", "prores_ks", "yuv422p10le", "10:00:00:00", "10:00:00:00"),
        ("a.mp4", "libx264", "yuv420p", "01:00:00;02", "01:00:00;02"),
        ("a.mkv", "ffv1", "yuv420p", "01:00:00.02", "01:00:00;02"),
        ("a.mkv", "ffv1", "yuv420p", "reel 7", None),
        ("a.mkv", "ffv1", "yuv420p", None, None),
    ],
)
def test_timecode(
    tmp_path: Path, name: str, codec: str, pixel_format: str, label: str | None, expected: str | None
) -> None:
    film = make.film(
        tmp_path / name, codec=codec, pixel_format=pixel_format, timecode=label, rate=Fraction(30000, 1001)
    )
    assert probe(film.path).timecode == expected


def test_mxf_timecode(tmp_path: Path) -> None:
    film = make.film(
        tmp_path / "a.mxf", codec="mpeg2video", pixel_format="yuv422p", timecode="01:02:03:04", frames=2,
        width=720, height=576, codec_options={"b": "30000000"},
    )  # fmt: skip
    assert probe(film.path).timecode == "01:02:03:04"


def test_all_tracks_of_a_matroska_file(tmp_path: Path) -> None:
    film = make.film(
        tmp_path / "a.mkv",
        audio=(make.Audio("aac", language="eng", title="Piano"), make.Audio("ac3", language="deu")),
        subtitles=(make.Subtitle(language="fra"),),
        attachments=(("f.ttf", "font/ttf", b"font"),),
        chapters=((Fraction(0), FIFTH, "one"), (FIFTH, 2 * FIFTH, "two")),
        metadata={"title": "A film"},
    )
    info = probe(film.path)
    assert info.tracks == (
        Track(index=1, kind=TrackKind.AUDIO, codec="aac", language="eng", title="Piano"),
        Track(index=2, kind=TrackKind.AUDIO, codec="ac3", language="deu"),
        Track(index=3, kind=TrackKind.SUBTITLE, codec="subrip", language="fra"),
        Track(index=4, kind=TrackKind.ATTACHMENT, codec="font/ttf"),
    )
    assert info.chapters == 2
    assert info.metadata["title"] == "A film"


def test_the_chapter_track_of_mp4_is_no_track_of_its_own(tmp_path: Path) -> None:
    film = make.film(
        tmp_path / "a.mp4", codec="libx264", chapters=((Fraction(0), FIFTH, "one"),), timecode="01:00:00:00",
        subtitles=(make.Subtitle("mov_text"),),
    )  # fmt: skip
    info = probe(film.path)
    assert info.chapters == 1
    assert [(track.kind, track.codec) for track in info.tracks] == [
        (TrackKind.SUBTITLE, "mov_text"),
        (TrackKind.DATA, "tmcd"),
    ]


def test_a_cover_and_a_second_picture_are_tracks_to_copy(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mp4", codec="libx264", cover=True, second_video=True)
    info = probe(film.path)
    assert (info.codec, info.width_px) == ("h264", 64)
    assert [(track.kind, track.codec) for track in info.tracks] == [
        (TrackKind.VIDEO, "mpeg4"),
        (TrackKind.VIDEO, "png"),
    ]


def test_data_tracks_are_tracks(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.ts", codec="libx264", data=(b"one", b"two"))
    assert [(track.kind, track.codec) for track in probe(film.path).tracks] == [(TrackKind.DATA, "klv")]


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "gbrp10le"])
def test_colour_is_seen(tmp_path: Path, pixel_format: str) -> None:
    info = probe(make.film(tmp_path / "a.mkv", pixel_format=pixel_format, colour=True, frames=2).path)
    assert (info.is_colour, info.is_toned) == (True, False)


def test_colour_behind_a_black_beginning_is_seen(tmp_path: Path) -> None:
    film = make.film(
        tmp_path / "a.mp4", codec="libx264", codec_options={"g": "10", "crf": "10"}, frames=60,
        pictures=lambda i: make.picture("yuv420p", 64, 48, i, colour=i >= 20),
    )  # fmt: skip
    assert probe(film.path).is_colour is True


def test_sepia_is_toned(tmp_path: Path) -> None:
    def sepia(index: int) -> make.Planes:
        luma = make.picture("yuv444p", 64, 48, index)[0]
        tint = luma.astype(np.float64) / 255.0
        return luma, (128 - 22 * tint).round().astype(np.uint8), (128 + 16 * tint).round().astype(np.uint8)

    info = probe(make.film(tmp_path / "a.mkv", pixel_format="yuv444p", pictures=sepia, frames=2).path)
    assert (info.is_colour, info.is_toned) == (True, True)


def test_noise_in_neutral_chroma_is_no_colour(tmp_path: Path) -> None:
    def noisy(index: int) -> make.Planes:
        random = np.random.default_rng(index)
        luma, cb, cr = make.picture("yuv420p", 64, 48, index)
        return luma, *(c + random.integers(-3, 4, c.shape).astype(np.uint8) for c in (cb, cr))

    assert probe(make.film(tmp_path / "a.mkv", pictures=noisy, frames=2).path).is_colour is False
