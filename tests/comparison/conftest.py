"""Made clips that move, a frame network of others with made weights, and one thread for tiny pictures."""

import sys
from pathlib import Path

import pytest

from threads import one_thread  # noqa: F401

# pytest's importlib mode leaves the helpers beside the tests off the path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _no_weights_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "no-models"))
