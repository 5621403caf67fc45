"""A folder of clips that is made here, and one thread for its tiny pictures."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

# pytest's importlib mode leaves the helpers beside the tests off the path.
sys.path.insert(0, str(Path(__file__).parent))

import clip_material


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "dev"
    clip_material.write_clip(folder / "clips" / "blobs", clip_material.moving_pictures())
    return folder
