"""A store in a folder of its own."""

import sys
from pathlib import Path

import pytest

from kinemacolor.store.folder import StoreFolder

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def store(tmp_path):
    from stored import Store

    return Store(StoreFolder(tmp_path / "store"))
