"""Decoded frames are the film's, with its numbers and times; packets of other tracks are the file's."""

import tracemalloc
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media import make

from kinemacolor.media.errors import SourceError
from kinemacolor.media.frame_index import count_frames, index_frames
from kinemacolor.media.probe import probe
from kinemacolor.media.reader import open_source
from kinemacolor.media.types import SourceFrame, TrackPacket

VFR = [0, 40, 100, 107, 300, 1001]
MILLISECOND = Fraction(1, 1000)


def frames_of(path: Path, **options: int) -> list[SourceFrame]:
    with open_source(path, **options) as source:
        return [item for item in source if isinstance(item, SourceFrame)]


def colour_planes(film: make.Film, number: int) -> Sequence[np.ndarray]:
    """As given to the encoder, in our order."""
    planes = film.planes[number]
    return [planes[at] for at in (2, 0, 1, *range(3, len(planes)))] if film.pixel_format.startswith("gbr") else planes


@pytest.mark.parametrize(
    ("name", "pixel_format"),
    [
        ("a.mkv", "yuv420p"), ("a.mkv", "yuv422p10le"), ("a.mkv", "yuv444p12le"), ("a.mkv", "yuv420p16le"),
        ("a.mkv", "yuv420p9le"), ("a.mkv", "gray"), ("a.mkv", "gray10le"), ("a.mkv", "gray16le"),
        ("a.mkv", "gbrp10le"), ("a.mkv", "gbrp16le"), ("a.avi", "gbrp"), ("a.mkv", "yuva444p10le"),
        ("a.mkv", "gbrap16le"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [(64, 48), (53, 35)])
def test_lossless_films_come_back_sample_for_sample(
    tmp_path: Path, name: str, pixel_format: str, size: tuple[int, int]
) -> None:
    film = make.film(tmp_path / name, pixel_format=pixel_format, width=size[0], height=size[1], frames=4, colour=True)
    frames = frames_of(film.path)
    assert [frame.number for frame in frames] == [0, 1, 2, 3]
    for frame in frames:
        found = [*frame.planes, frame.alpha] if frame.alpha is not None else list(frame.planes)
        for ours, given in zip(found, colour_planes(film, frame.number), strict=True):
            np.testing.assert_array_equal(ours, given)


def test_one_pixel(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", pixel_format="gray", width=1, height=1, frames=2)
    assert [int(frame.planes[0][0, 0]) for frame in frames_of(film.path)] == [int(p[0][0, 0]) for p in film.planes]


def test_upside_down_rows_are_turned(tmp_path: Path) -> None:
    """AVI keeps raw RGB bottom row first; FFmpeg hands it out with a negative line size."""
    film = make.film(
        tmp_path / "a.avi", codec="rawvideo", pixel_format="bgr24", codec_options={"pixel_format": "bgr24"}, frames=2
    )
    for frame in frames_of(film.path):
        given = film.planes[frame.number][0].reshape(48, 64, 3)
        for plane, at in zip(frame.planes, (2, 1, 0), strict=True):
            np.testing.assert_array_equal(plane, given[:, :, at])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_reordered_pictures_come_in_presentation_order(tmp_path: Path, name: str) -> None:
    film = make.film(
        tmp_path / name, codec="libx264", codec_options={"bf": "3", "b_strategy": "0", "crf": "4"}, frames=30
    )
    frames = frames_of(film.path)
    assert [frame.number for frame in frames] == list(range(30))
    pts = [frame.pts for frame in frames]
    assert pts == sorted(pts)
    for frame in frames:  # crf 4 is near lossless: the picture is the one of that number and no other
        assert np.abs(frame.planes[0].astype(int) - film.planes[frame.number][0]).mean() < 2


@pytest.mark.parametrize(
    ("name", "codec", "container_options"),
    [("a.mkv", "ffv1", {}), ("a.mp4", "libx264", {"video_track_timescale": "1000"})],
)
def test_variable_frame_rate_keeps_its_times(
    tmp_path: Path, name: str, codec: str, container_options: dict[str, str]
) -> None:
    film = make.film(tmp_path / name, codec=codec, pts=VFR, time_base=MILLISECOND, container_options=container_options)
    frames = frames_of(film.path)
    assert [frame.pts * frame.time_base for frame in frames if frame.pts is not None] == film.times


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(50)])
def test_exact_times_of_exact_rates(tmp_path: Path, rate: Fraction) -> None:
    film = make.film(tmp_path / "a.mov", codec="prores_ks", pixel_format="yuv422p10le", rate=rate)
    for frame in frames_of(film.path):
        assert frame.pts is not None
        assert frame.duration is not None
        assert frame.pts * frame.time_base == frame.number / rate
        assert frame.duration * frame.time_base == 1 / rate


@pytest.mark.parametrize(
    ("name", "codec", "audio", "subtitle"),
    [
        ("a.mkv", "ffv1", ("aac", "ac3"), "subrip"),
        ("a.mp4", "libx264", ("aac", "ac3"), "mov_text"),
        ("a.mov", "prores_ks", ("pcm_s24le", "aac"), "mov_text"),
    ],
)
def test_packets_of_other_tracks_are_the_files(
    tmp_path: Path, name: str, codec: str, audio: tuple[str, str], subtitle: str
) -> None:
    film = make.film(
        tmp_path / name,
        codec=codec,
        pixel_format="yuv422p10le" if codec == "prores_ks" else "yuv420p",
        audio=(make.Audio(audio[0]), make.Audio(audio[1], start=Fraction(1, 10))),
        subtitles=(make.Subtitle(subtitle),),
        timecode="01:00:00:00",
        frames=20,
    )
    with open_source(film.path) as source:
        packets = [item for item in source if isinstance(item, TrackPacket)]
        tracks = source.info.tracks
        assert [source.stream(track.index).index for track in tracks] == [track.index for track in tracks]
    for track in tracks:
        ours = [
            (bytes(item.payload), item.payload.pts, item.payload.dts, item.payload.duration)
            for item in packets
            if item.track_index == track.index
        ]
        assert ours == make.packets_of(film.path, track.index)
        assert ours


def test_frames_and_packets_come_together(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", codec="libx264", audio=(make.Audio(),), frames=100)
    with open_source(film.path) as source:
        order = ["frame" if isinstance(item, SourceFrame) else "packet" for item in source]
    assert "packet" in order[: len(order) // 4]
    assert "frame" in order[: len(order) // 2]


def test_tracks_can_be_left_out(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", audio=(make.Audio(),))
    with open_source(film.path, tracks=False) as source:
        assert all(isinstance(item, SourceFrame) for item in source)


def test_chapters_are_handed_on(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", chapters=((Fraction(0), Fraction(1, 5), "one"),))
    with open_source(film.path) as source:
        (chapter,) = source.chapters()
    assert chapter["metadata"] == {"title": "one"}
    assert chapter["end"] * chapter["time_base"] == Fraction(1, 5)


CODECS = [
    ("a.mp4", "libx264", {"g": "12", "bf": "2"}),
    ("a.mkv", "libx264", {"g": "12", "bf": "2", "x264-params": "open-gop=1"}),
    ("a.ts", "libx264", {"g": "12", "bf": "2"}),
    ("a.mkv", "libx265", {"x265-params": "keyint=12:log-level=none"}),
    ("a.mkv", "libvpx-vp9", {"g": "12"}),
    ("a.mkv", "ffv1", {}),
]


@pytest.mark.parametrize(("name", "codec", "options"), CODECS)
@pytest.mark.parametrize("start", [1, 77, 119])
def test_starting_later_gives_the_frames_of_a_whole_reading(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], start: int
) -> None:
    film = make.film(tmp_path / name, codec=codec, codec_options=options, frames=120, audio=(make.Audio(),))
    whole = frames_of(film.path)
    part = frames_of(film.path, start_frame=start)
    assert [frame.number for frame in part] == list(range(start, 120))
    for frame in part:
        assert frame.pts == whole[frame.number].pts
        np.testing.assert_array_equal(frame.planes[0], whole[frame.number].planes[0])


def test_starting_later_keeps_the_sound_from_there_on(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", codec="libx264", codec_options={"g": "10"}, frames=200, audio=(make.Audio(),))
    with open_source(film.path, start_frame=150) as source:
        early = [item.payload for item in source if isinstance(item, TrackPacket)]
    wanted = [pts for _, pts, _, _ in make.packets_of(film.path, 1) if pts is not None and pts >= 6000]
    found = [packet.pts for packet in early]
    assert found[0] > 0
    assert set(wanted) <= set(found)


def test_stopping_earlier(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", codec="libx264", frames=40, audio=(make.Audio(),))
    with open_source(film.path, start_frame=7, last_frame=9) as source:
        items = list(source)
    assert [item.number for item in items if isinstance(item, SourceFrame)] == [7, 8, 9]
    packets = [item for item in items if isinstance(item, TrackPacket)]
    assert len(packets) == len(make.packets_of(film.path, 1))


def test_a_frame_behind_the_end_is_an_error(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", frames=5)
    with pytest.raises(SourceError, match="no frame 5; its last frame is 4"):
        open_source(film.path, start_frame=5)


@pytest.mark.parametrize(("name", "codec", "options"), CODECS)
def test_the_index_counts_what_a_decoder_gives(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    film = make.film(tmp_path / name, codec=codec, codec_options=options, frames=30)
    index = index_frames(film.path)
    assert [frame.pts for frame in frames_of(film.path)] == list(index.pts)
    assert count_frames(film.path) == 30
    assert index.key_pts[0] == index.pts[0]


def test_a_recording_that_starts_between_key_frames(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.ts", codec="libx264", codec_options={"g": "10", "bf": "2"}, frames=40)
    cut = tmp_path / "cut.ts"
    cut.write_bytes(film.path.read_bytes()[188 * 20 :])
    whole = frames_of(cut)
    assert 20 < len(whole) < 40
    assert [frame.number for frame in whole] == list(range(len(whole)))
    assert count_frames(cut) == len(whole)  # fewer than packets: the decoder leaves out what refers to the lost part
    part = frames_of(cut, start_frame=9)
    assert [frame.pts for frame in part] == [frame.pts for frame in whole[9:]]


def test_a_source_is_read_once(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", frames=2)
    with open_source(film.path) as source:
        list(source)
        with pytest.raises(ValueError, match="once"):
            list(source)


@pytest.mark.parametrize("name", ["with space.mkv", "q'uo\"te.mkv", "Фильм é 映画.mkv", "100%d #1 %04d.mkv", "a:b.mkv"])
def test_any_file_name(tmp_path: Path, name: str) -> None:
    film = make.film(tmp_path / "plain.mkv", frames=2)
    odd = film.path.rename(tmp_path / name)
    assert len(frames_of(odd)) == 2


def test_a_relative_name_that_looks_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make.film(tmp_path / "plain.mkv", frames=2).path.rename(tmp_path / "http:film.mkv")
    monkeypatch.chdir(tmp_path)
    assert len(frames_of(Path("http:film.mkv"))) == 2


def test_known_info_is_used(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", frames=2)
    info = probe(film.path)
    with open_source(film.path, info=info) as source:
        assert source.info is info


def test_a_closed_source_is_closed(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", frames=2)
    with open_source(film.path) as source:
        frames = [item for item in source if isinstance(item, SourceFrame)]
    np.testing.assert_array_equal(frames[1].planes[0], film.planes[1][0])
    with pytest.raises(ValueError, match="closed"):
        list(source)


def test_memory_does_not_grow_with_the_film(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", codec="libx264", frames=200, width=48, height=32, audio=(make.Audio(),))
    with open_source(film.path, threads=1) as source:
        items = iter(source)
        for _ in range(50):
            next(items)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in items:
            pass
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert grown < 100_000
