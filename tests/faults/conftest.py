"""What the fault tests share; the helpers of the server's, the films' and the renders' tests are theirs, too."""

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("faults", "server", "media", "e2e", "fuzz"))

from box import Box
from disk import Disk, small_disk
from film import Film, unbroken
from streams import connect


@pytest.fixture(scope="session")
def solo(tiny_server: str) -> Iterator[Callable[[Film], dict[int, str]]]:
    """The colours of a film that nothing disturbs: SHA-256 by frame."""
    with connect(tiny_server) as stub:
        yield cache(lambda film: unbroken(stub, film, f"solo-{hash(film)}"))


@pytest.fixture
def box(start_server: Callable[..., object], short_folder: Path) -> Iterator[Box]:
    box = Box(start_server, short_folder)
    yield box
    box.close()


@pytest.fixture
def disk(short_folder: Path) -> Iterator[Disk]:
    """20 MB."""
    with small_disk(short_folder / "disk") as made:
        yield made
