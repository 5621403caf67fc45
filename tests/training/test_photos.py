import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from kinemacolor.training.photos import CropSettings, is_colourful, read_photos, sample_crops


def _tar(path: Path, pictures: list[np.ndarray], mode: str) -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for number, picture in enumerate(pictures):
            data = cv2.imencode(".jpg", picture)[1].tobytes()
            member = tarfile.TarInfo(f"{number}.jpg")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def _blue(height: int = 32, width: int = 48) -> np.ndarray:
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[..., 0] = 200  # opencv's order: blue first
    return picture


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_photos_come_out_in_rgb_and_grey_ones_are_left_out(tmp_path: Path, mode: str) -> None:
    tar = _tar(tmp_path / "photos.tar", [_blue(), np.full((32, 48, 3), 128, dtype=np.uint8), _blue()], mode)
    pictures = read_photos([tar])
    assert len(pictures) == 2
    assert pictures[0].shape == (32, 48, 3)
    assert pictures[0][0, 0, 2] > 150 > pictures[0][0, 0, 0]
    assert len(read_photos([tar], limit=1)) == 1


def test_no_tars_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="at least one tar"):
        read_photos([])


def test_crops_have_the_size_asked_for_and_are_seeded() -> None:
    settings = CropSettings(count=5, side_px=16)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (24, 40, 3), dtype=np.uint8) for _ in range(3)]
    crops = sample_crops(pictures, settings, np.random.default_rng(1))
    assert crops.shape == (5, 3, 16, 16)
    assert float(crops.min()) >= 0.0
    assert float(crops.max()) <= 1.0
    assert crops.equal(sample_crops(pictures, settings, np.random.default_rng(1)))


def test_colourful() -> None:
    assert is_colourful(_blue())
    assert not is_colourful(np.full((32, 32, 3), 90, dtype=np.uint8))
