"""`--field bob`: each field a frame, its own lines untouched, at the exact half of the time between frames."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media import make

from kinemacolor.media.deinterlace import BobSource
from kinemacolor.media.errors import UnsupportedSourceError
from kinemacolor.media.reader import open_source
from kinemacolor.media.types import FieldOrder, SourceFrame, TrackPacket

FORMATS = [
    ("a.mkv", "ffv1", "yuv420p"), ("a.mkv", "ffv1", "gray10le"), ("a.mkv", "ffv1", "yuv422p10le"),
    ("a.mkv", "ffv1", "gbrp12le"), ("a.mkv", "ffv1", "yuv444p16le"), ("a.mov", "prores_ks", "yuva444p10le"),
    ("a.mkv", "ffv1", "yuv440p10le"),
]  # fmt: skip


def planes_of(frame: SourceFrame) -> list[np.ndarray]:
    return [*frame.planes, frame.alpha] if frame.alpha is not None else list(frame.planes)


def bobbed(path: Path) -> tuple[list[SourceFrame], list[SourceFrame]]:
    with open_source(path) as source:
        woven = [item for item in source if isinstance(item, SourceFrame)]
    with BobSource(open_source(path)) as source:
        return woven, [item for item in source if isinstance(item, SourceFrame)]


@pytest.mark.parametrize("order", ["tt", "bb"])
@pytest.mark.parametrize(("name", "codec", "pixel_format"), FORMATS)
def test_the_lines_of_a_field_keep_their_codes(
    tmp_path: Path, name: str, codec: str, pixel_format: str, order: str
) -> None:
    film = make.film(
        tmp_path / name, codec=codec, pixel_format=pixel_format, field_order=order, frames=4, colour=True, height=64
    )
    woven, fields = bobbed(film.path)
    assert [frame.number for frame in fields] == list(range(8))
    for frame in fields:
        line = (frame.number % 2) ^ (order == "bb")
        for made, whole in zip(planes_of(frame), planes_of(woven[frame.number // 2]), strict=True):
            assert made.dtype == whole.dtype
            np.testing.assert_array_equal(made[line::2], whole[line::2])


def test_made_lines_stay_in_the_range_of_the_depth(tmp_path: Path) -> None:
    def harsh(index: int) -> make.Planes:
        return (np.random.default_rng(index).choice(np.array([0, 1023], np.uint16), size=(48, 64)),)

    film = make.film(tmp_path / "a.mkv", pixel_format="gray10le", pictures=harsh, field_order="tt", frames=4)
    _, fields = bobbed(film.path)
    assert max(int(frame.planes[0].max()) for frame in fields) == 1023


def test_times_at_twice_the_rate(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    film = make.film(
        tmp_path / "a.mov", codec="prores_ks", pixel_format="yuv422p10le", field_order="tt", rate=rate, height=64,
        timecode="00:00:59;29",
    )  # fmt: skip
    _, fields = bobbed(film.path)
    with BobSource(open_source(film.path)) as source:
        info = source.info
    assert info.field_order is FieldOrder.PROGRESSIVE
    assert info.frame_rate == 2 * rate
    assert info.frame_count == 16
    assert info.timecode == "00:00:59;58"
    for frame in fields:
        assert frame.time_base == info.time_base
        assert frame.pts is not None
        assert frame.duration is not None
        assert frame.pts * frame.time_base == frame.number / (2 * rate)
        assert frame.duration * frame.time_base == 1 / (2 * rate)


def test_times_of_a_variable_rate(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", pts=[0, 40, 100, 300], time_base=Fraction(1, 1000), field_order="tt", frames=4)
    _, fields = bobbed(film.path)
    assert [frame.pts for frame in fields][:7] == [0, 40, 80, 140, 200, 400, 600]


def test_other_tracks_pass(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", field_order="tt", audio=(make.Audio("ac3"),))
    with BobSource(open_source(film.path)) as source:
        packets = [bytes(item.payload) for item in source if isinstance(item, TrackPacket)]
        assert source.stream(1).index == 1
    assert packets == [payload for payload, *_ in make.packets_of(film.path, 1)]


def test_a_progressive_film_is_refused(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", frames=2)
    with open_source(film.path) as source, pytest.raises(UnsupportedSourceError, match="not interlaced"):
        BobSource(source)


def test_a_film_too_small_is_refused(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", frames=2, width=4, height=4, field_order="tt")
    with open_source(film.path) as source, pytest.raises(UnsupportedSourceError, match="too small"):
        BobSource(source)
