"""Made clips that move, a frame network of others with made weights, and one thread for tiny pictures."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

# pytest's importlib mode leaves the helpers beside the tests off the path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _no_weights_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "no-models"))
