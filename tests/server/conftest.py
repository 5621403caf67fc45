"""What the tests of the server share; pytest's importlib mode leaves the helpers beside them off the path."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from box import Box


@pytest.fixture
def box(start_server: Callable[..., object], short_folder: Path) -> Iterator[Box]:
    box = Box(start_server, short_folder)
    yield box
    box.close()
