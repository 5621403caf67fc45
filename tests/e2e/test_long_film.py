"""A 10-minute film in flat memory. `python tests/bench/long_film.py` prints the same numbers."""

import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

GROWTH_MB = 40
"""Allocators and caches settle in the first minute; 9 minutes of this film have 3 GB of luma."""


def test_memory_does_not_grow_with_the_film(tmp_path):
    path = Path(__file__).parents[1] / "bench" / "long_film.py"
    spec = importlib.util.spec_from_file_location("long_film", path)
    long_film = importlib.util.module_from_spec(spec)
    sys.modules["long_film"] = long_film
    spec.loader.exec_module(long_film)
    rows = long_film.measure(tmp_path, 10, "tiny", (320, 240))
    assert [round(row.minutes) for row in rows] == [1, 5, 10]
    for later in rows[1:]:
        assert later.client_mb - rows[0].client_mb < GROWTH_MB, rows
        assert later.server_mb - rows[0].server_mb < GROWTH_MB, rows
