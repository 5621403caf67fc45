"""Pictures from all over a film: of every kind of file, the same ones each time, never more than asked for."""

import make
import numpy as np
import pytest

from kinemacolor.media.probe import probe
from kinemacolor.media.spread import spread_pictures


def numbered(index):
    """A picture whose luma is its number."""
    return (np.full((48, 64), 20 + 2 * index, np.uint8), *(np.full((24, 32), 128, np.uint8) for _ in range(2)))


def numbers(path, count=8):
    info = probe(path)
    return [int(np.rint((planes[0].mean() - 20) / 2)) for planes in spread_pictures(path, info, count)]


def test_of_a_film_of_key_frames_each_part_is_seen(tmp_path):
    found = numbers(make.film(tmp_path / "a.mkv", frames=80, pictures=numbered).path)
    assert 6 <= len(found) <= 8
    assert found == sorted(found)
    assert found[0] < 12
    assert found[-1] >= 70


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_of_a_film_with_few_key_frames_its_beginning_is_looked_through(tmp_path, suffix):
    path = make.film(tmp_path / f"a.{suffix}", codec="libx264", frames=80, pictures=numbered).path
    found = numbers(path)
    assert {0, 8, 16, 24, 32, 40, 48, 56} <= set(found)
    assert found == numbers(path)


def test_of_a_long_group_all_key_frames_are_seen(tmp_path):
    path = make.film(
        tmp_path / "a.mp4", codec="libx264", codec_options={"g": "10", "sc_threshold": "0"}, frames=100,
        pictures=numbered,
    ).path  # fmt: skip
    found = numbers(path)
    assert 6 <= len(found) <= 8
    assert found[-1] >= 90


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_film_of_few_pictures(tmp_path, frames):
    found = numbers(make.film(tmp_path / "a.mkv", frames=frames, pictures=numbered).path)
    assert 0 in found
    assert max(found) < frames


def test_of_a_sequence_with_gaps_only_what_exists_is_read(tmp_path):
    for number in (3, 4, 9, 12):
        grey = np.full((48, 64), 20 + 2 * number, np.uint8)
        make.still(tmp_path / f"s.{number:04d}.png", "gray", (grey,), 64, 48)
    assert numbers(tmp_path / "s.%04d.png") == [3, 4, 9, 12]
    assert numbers(tmp_path / "s.%04d.png", 2) == [4, 12]


def test_what_is_damaged_is_left_out(tmp_path):
    whole = make.film(tmp_path / "a.mkv", frames=80, pictures=numbered)
    broken = make.cut(whole.path, tmp_path / "b.mkv", keep=0.5)
    found = numbers(broken)
    assert found
    assert max(found) <= 45
