"""A folder of clips that is made here, and one thread for its tiny pictures."""

import sys
from pathlib import Path

import pytest

from threads import one_thread  # noqa: F401

# pytest's importlib mode leaves the helpers beside the tests off the path.
sys.path.insert(0, str(Path(__file__).parent))

import clip_material


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "dev"
    clip_material.write_clip(folder / "clips" / "blobs", clip_material.moving_pictures())
    return folder
