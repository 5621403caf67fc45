"""Image sequences: names, numbers, gaps, depths and what a DPX header adds."""

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media import make

from kinemacolor.colour.encoding import Matrix, Primaries, Range, Transfer
from kinemacolor.media.dpx import exact_rate, parse_dpx_header
from kinemacolor.media.errors import SourceError
from kinemacolor.media.frame_numbers import expand, parse_pattern, sequence_pattern
from kinemacolor.media.probe import Assume, probe
from kinemacolor.media.reader import open_source
from kinemacolor.media.sequence_reader import Missing
from kinemacolor.media.types import SourceFrame
from kinemacolor.picture.pixel import Family

WIDTH, HEIGHT = 21, 14


def write(folder: Path, name: str, numbers: range | list[int], pixel_format: str = "rgb24") -> dict[int, np.ndarray]:
    """Pictures of random samples; returns the raw rows of each."""
    rows = {}
    for number in numbers:
        rows[number] = make.random_rows(pixel_format, WIDTH, HEIGHT, number)[0]
        make.still(folder / (name % number), pixel_format, (rows[number],), WIDTH, HEIGHT)
    return rows


def read(path: Path, **options: object) -> list[SourceFrame]:
    with open_source(path, **options) as source:  # type: ignore[arg-type]
        return [item for item in source if isinstance(item, SourceFrame)]


@pytest.mark.parametrize(
    ("text", "number", "name"),
    [
        ("shot.%04d.png", 7, "shot.0007.png"), ("shot.####.dpx", 1001, "shot.1001.dpx"),
        ("shot.@@@.tif", 7, "shot.007.tif"), ("shot_%d.tiff", 7, "shot_7.tiff"),
        ("s%02d.####.png", 7, "s%02d.0007.png"), ("shot.%04d.PNG", 12345, "shot.12345.PNG"),
    ],
)  # fmt: skip
def test_patterns(text: str, number: int, name: str) -> None:
    pattern = parse_pattern(Path("reel 1") / text)
    assert pattern is not None
    assert pattern.path(number) == Path("reel 1") / name


@pytest.mark.parametrize("text", ["film.mov", "film.%04d.mov", "plain.png", "100%.png"])
def test_what_is_no_pattern(text: str) -> None:
    assert parse_pattern(Path(text)) is None


def test_a_file_of_that_very_name_is_no_pattern(tmp_path: Path) -> None:
    path = tmp_path / "take#1.png"
    assert sequence_pattern(path) is not None
    path.touch()
    assert sequence_pattern(path) is None


def test_only_names_of_the_pattern_count(tmp_path: Path) -> None:
    for name in ("a.0009.png", "a.0010.png", "a.00011.png", "a.012.png", "b.0013.png", "a.0014.png.bak", "a.10000.png"):
        (tmp_path / name).touch()
    pattern = parse_pattern(tmp_path / "a.%04d.png")
    assert pattern is not None
    assert expand(pattern) == (9, 10, 10000)


@pytest.mark.parametrize(
    ("suffix", "pixel_format", "family", "bits", "channels"),
    [
        ("png", "gray", Family.GRAY, 8, 1), ("png", "gray16be", Family.GRAY, 16, 1),
        ("png", "rgb24", Family.RGB, 8, 3), ("png", "rgba", Family.RGB, 8, 4),
        ("png", "rgb48be", Family.RGB, 16, 3), ("png", "rgba64be", Family.RGB, 16, 4),
        ("png", "ya8", Family.GRAY, 8, 2), ("tif", "gray", Family.GRAY, 8, 1),
        ("tif", "gray16le", Family.GRAY, 16, 1), ("tif", "rgb48le", Family.RGB, 16, 3),
        ("tiff", "rgba64le", Family.RGB, 16, 4), ("tif", "rgb24", Family.RGB, 8, 3),
        ("dpx", "rgb24", Family.RGB, 8, 3), ("dpx", "rgb48be", Family.RGB, 16, 3),
        ("dpx", "gray16be", Family.GRAY, 16, 1), ("dpx", "rgba64be", Family.RGB, 16, 4),
    ],
)  # fmt: skip
def test_samples_of_every_kind_come_back(
    tmp_path: Path, suffix: str, pixel_format: str, family: Family, bits: int, channels: int
) -> None:
    rows = write(tmp_path, f"a.%04d.{suffix}", range(5, 8), pixel_format)
    frames = read(tmp_path / f"a.####.{suffix}")
    assert [frame.number for frame in frames] == [5, 6, 7]
    dtype = np.dtype(np.uint8 if bits == 8 else (">u2" if pixel_format.endswith("be") else "<u2"))
    for frame in frames:
        found = [*frame.planes, frame.alpha] if frame.alpha is not None else list(frame.planes)
        given = rows[frame.number].view(dtype).reshape(HEIGHT, WIDTH, channels)
        assert len(found) == channels
        for at, plane in enumerate(found):
            np.testing.assert_array_equal(plane, given[:, :, at])
    assert probe(tmp_path / f"a.####.{suffix}").pixel_format.family is family


@pytest.mark.parametrize("bits", [10, 12])
def test_dpx_of_ten_and_twelve_bits(tmp_path: Path, bits: int) -> None:
    name = f"gbrp{bits}be"
    planes = make.picture(name, WIDTH, HEIGHT, 1, colour=True)
    make.still(tmp_path / "a.0001.dpx", name, planes, WIDTH, HEIGHT)
    (frame,) = read(tmp_path / "a.%04d.dpx")
    for plane, at in zip(frame.planes, (2, 0, 1), strict=True):
        np.testing.assert_array_equal(plane, planes[at])
    assert probe(tmp_path / "a.%04d.dpx").pixel_format.bits == bits


def test_what_a_sequence_says(tmp_path: Path) -> None:
    write(tmp_path, "a.%04d.png", range(1001, 1011))
    info = probe(tmp_path / "a.%04d.png")
    assert (info.container, info.codec, info.coded_format) == ("sequence", "png", "rgb24")
    assert (info.width_px, info.height_px) == (WIDTH, HEIGHT)
    assert (info.frame_rate, info.time_base, info.frame_count) == (24, Fraction(1, 24), 10)
    assert info.duration_seconds == Fraction(10, 24)
    assert (info.encoding.matrix, info.encoding.range) == (Matrix.BT709, Range.FULL)
    assert (info.encoding.transfer, info.encoding.primaries) == (Transfer.SRGB, Primaries.BT709)
    assert info.is_colour is True
    assert info.tracks == ()


def test_the_rate_is_the_users(tmp_path: Path) -> None:
    write(tmp_path, "a.%04d.png", range(3, 6))
    rate = Fraction(24000, 1001)
    frames = read(tmp_path / "a.%04d.png", assume=Assume(frame_rate=rate))
    assert [(frame.pts, frame.duration, frame.time_base) for frame in frames] == [(n, 1, 1 / rate) for n in range(3)]


def test_a_part_of_a_sequence_keeps_its_numbers_and_times(tmp_path: Path) -> None:
    write(tmp_path, "a.%04d.png", range(1001, 1011))
    frames = read(tmp_path / "a.%04d.png", start_frame=1004, last_frame=1006)
    assert [(frame.number, frame.pts) for frame in frames] == [(1004, 3), (1005, 4), (1006, 5)]


@pytest.mark.parametrize(("options"), [{"start_frame": 1000}, {"start_frame": 1011}, {"last_frame": 2000}])
def test_frames_that_a_sequence_does_not_have(tmp_path: Path, options: dict[str, int]) -> None:
    write(tmp_path, "a.%04d.png", range(1001, 1011))
    with pytest.raises(SourceError, match="its frames are 1001 to 1010"):
        read(tmp_path / "a.%04d.png", **options)


def test_a_gap_is_an_error_that_names_the_first_missing_number(tmp_path: Path) -> None:
    write(tmp_path, "a.%04d.png", [1, 2, 5, 6, 8])
    with pytest.raises(SourceError, match=r"frame 3 is missing \(a\.0003\.png\)"):
        open_source(tmp_path / "a.%04d.png")


def test_a_gap_outside_the_wanted_part_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path, "a.%04d.png", [1, 2, 5, 6, 8])
    assert [frame.number for frame in read(tmp_path / "a.%04d.png", start_frame=5, last_frame=6)] == [5, 6]


def test_a_gap_can_be_held(tmp_path: Path) -> None:
    write(tmp_path, "a.%04d.png", [1, 2, 5])
    frames = read(tmp_path / "a.%04d.png", missing=Missing.HOLD)
    assert [(frame.number, frame.pts) for frame in frames] == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)]
    for held in (2, 3):
        np.testing.assert_array_equal(frames[held].planes[0], frames[1].planes[0])
    (first, *_) = read(tmp_path / "a.%04d.png", missing=Missing.HOLD, start_frame=4)
    np.testing.assert_array_equal(first.planes[0], frames[1].planes[0])


def test_a_gap_can_be_black(tmp_path: Path) -> None:
    write(tmp_path, "a.%04d.png", [1, 3], "rgba64be")
    frames = read(tmp_path / "a.%04d.png", missing=Missing.BLACK)
    assert [frame.number for frame in frames] == [1, 2, 3]
    assert all(not plane.any() for plane in frames[1].planes)
    alpha = frames[1].alpha
    assert alpha is not None
    assert (alpha == 65535).all()
    assert [plane.shape for plane in frames[1].planes] == [(HEIGHT, WIDTH)] * 3


def test_no_file_fits(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file fits"):
        probe(tmp_path / "a.%04d.png")
    with pytest.raises(SourceError, match="no such file"):
        probe(tmp_path / "gone" / "a.%04d.png")


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.0001.png").write_bytes(b"text")
    with pytest.raises(SourceError, match=r"a\.0001\.png: is not a PNG, TIFF or DPX"):
        probe(tmp_path / "a.%04d.png")


@pytest.mark.parametrize("suffix", ["png", "tif", "dpx"])
def test_a_damaged_picture_is_named(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, f"a.%04d.{suffix}", range(1, 4))
    spoiled = tmp_path / f"a.0002.{suffix}"
    spoiled.write_bytes(spoiled.read_bytes()[: 400 if suffix != "dpx" else 2100])
    with pytest.raises(SourceError, match=r"a\.0002"):
        read(tmp_path / f"a.%04d.{suffix}")


def test_a_picture_of_another_size_or_depth(tmp_path: Path) -> None:
    write(tmp_path, "a.%04d.png", range(1, 3))
    make.still(tmp_path / "a.0003.png", "rgb24", (np.zeros((4, 12), np.uint8),), 4, 4)
    with pytest.raises(SourceError, match=r"a\.0003\.png: is 4x4, the sequence is 21x14"):
        read(tmp_path / "a.%04d.png")
    write(tmp_path, "a.%04d.png", [3], "gray")
    with pytest.raises(SourceError, match="pixel format gray, the sequence rgb24"):
        read(tmp_path / "a.%04d.png")


def test_odd_folder_names(tmp_path: Path) -> None:
    folder = tmp_path / "reel #1 %04d ü"
    folder.mkdir()
    write(folder, "a%%b.%04d.png", range(2))
    assert len(read(folder / "a%b.%04d.png")) == 2


def dpx_header(order: str = ">", **fields: tuple[int, bytes]) -> bytes:
    header = bytearray(b"\xff" * 2048)
    header[:4] = b"SDPX" if order == ">" else b"XPDS"
    for at, value in fields.values():
        header[at : at + len(value)] = value
    return bytes(header)


@pytest.mark.parametrize("order", [">", "<"])
def test_a_dpx_header(order: str) -> None:
    found = parse_dpx_header(
        dpx_header(
            order,
            timecode=(1920, struct.pack(f"{order}I", 0x01020304)),
            rate=(1724, struct.pack(f"{order}f", 24000 / 1001)),
            key=(1664, b"0212345678901234"),
            transfer=(801, bytes([1])),
        )
    )
    assert found is not None
    assert found.timecode == "01:02:03:04"
    assert found.frame_rate == Fraction(24000, 1001)
    assert found.film_key == "0212345678901234"
    assert found.transfer == "printing density"


def test_an_empty_dpx_header() -> None:
    found = parse_dpx_header(dpx_header())
    assert found is not None
    assert (found.timecode, found.frame_rate, found.film_key, found.transfer) == (None, None, None, None)
    assert parse_dpx_header(b"\x89PNG" + bytes(3000)) is None
    assert parse_dpx_header(dpx_header()[:100]) is None


def test_the_header_of_a_dpx_sequence_is_used(tmp_path: Path) -> None:
    write(tmp_path, "a.%04d.dpx", range(1, 3))
    first = tmp_path / "a.0001.dpx"
    data = bytearray(first.read_bytes())
    order = ">" if data[:4] == b"SDPX" else "<"
    data[1920:1924] = struct.pack(f"{order}I", 0x10000000)
    data[1940:1944] = struct.pack(f"{order}f", 25.0)
    first.write_bytes(data)
    info = probe(tmp_path / "a.%04d.dpx")
    assert (info.timecode, info.frame_rate) == ("10:00:00:00", 25)
    assert probe(tmp_path / "a.%04d.dpx", assume=Assume(frame_rate=Fraction(18))).frame_rate == 18


@pytest.mark.parametrize(
    ("rate", "exact"),
    [
        (24.0, Fraction(24)), (23.976, Fraction(24000, 1001)), (29.97, Fraction(30000, 1001)), (12.5, Fraction(25, 2)),
        (0.0, None), (float("nan"), None), (float("inf"), None),
    ],
)  # fmt: skip
def test_rates_of_floats(rate: float, exact: Fraction | None) -> None:
    assert exact_rate(rate) == exact
