"""Real clips of the evaluation pictures, put into files and rendered with the shipped network.

    KINEMACOLOR_DATA=... make test-slow ARGS='-k real_clips'

Genuine footage has no true colours, so what is asked is what can be known: every frame is there, coloured, with its
luma byte for byte. The colours are for the eye: set KINEMACOLOR_SHEETS to a folder and a contact sheet of each clip is
written there.
"""

import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import films
import numpy as np
import pytest

from kinemacolor.cli.main import main
from kinemacolor.media.made_film import write_grey_film

pytestmark = [pytest.mark.slow, pytest.mark.needs_data, pytest.mark.timeout(900)]

CLIPS = {"dev_eval": 14, "archival_dev": 4}


def luma_codes(path: Path) -> np.ndarray:
    """Limited-range codes of a grey or colour JPEG, cut to even sides."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    grey = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
    return np.round(16 + grey * (219 / 255)).astype(np.uint8)


def contact_sheet(path: Path, film: Path) -> None:
    with av.open(str(film)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    picked = [frames[round(share * (len(frames) - 1))] for share in (0, 0.33, 0.67, 1)]
    cv2.imwrite(str(path), np.hstack(picked))


@pytest.mark.parametrize("part", CLIPS)
def test_real_clips_render(data_folder: Path, tmp_path: Path, part: str) -> None:
    folders = sorted(path for path in (data_folder / part / "clips").iterdir() if path.is_dir())
    assert len(folders) == CLIPS[part]
    for folder in folders:
        pictures = sorted(folder.glob("*.jpg"))
        grey, colour = tmp_path / f"{folder.name}.mkv", tmp_path / f"{folder.name}-colour.mkv"
        write_grey_film(grey, map(luma_codes, pictures), Fraction(24))
        assert main(["render", str(grey), str(colour), "--lossless", "-q"]) == 0
        before, after = films.luma_of(grey), films.luma_of(colour)
        assert len(before) == len(after) == len(pictures)
        assert all((one == other).all() for one, other in zip(before, after, strict=True))
        assert films.has_colour(colour)
        if "KINEMACOLOR_SHEETS" in os.environ:
            contact_sheet(Path(os.environ["KINEMACOLOR_SHEETS"]) / f"{folder.name}.png", colour)
