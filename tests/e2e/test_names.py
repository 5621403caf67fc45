"""Archives name their files as they like: names with bytes that are no characters are coloured as all others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import films
import make
import numpy as np
import pytest

PROGRAM = "import sys; from kinemacolor.cli.main import main; sys.exit(main())"


def picture(number):
    neutral = np.full((24, 32), 128, np.uint8)
    return np.tile(np.arange(64, dtype=np.uint8) * 3 + number, (48, 1)), neutral, neutral


NAMES = pytest.mark.parametrize("name", [b"r\xf6lle \xff", "月世界旅行".encode(), b"two\nlines", b"--help"])


@pytest.fixture
def film(tmp_path, name):
    path = Path(os.fsdecode(name + b".mkv"))
    try:
        make.film(tmp_path / "plain.mkv", pictures=picture, frames=4).path.rename(tmp_path / path)
    except OSError:
        pytest.skip("this file system takes no such name")
    return path


@pytest.fixture
def command(tmp_path, monkeypatch):
    """As a user would type it, next to the film."""
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")  # without what Python does for terminals of ASCII

    def run(*words):
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *words], cwd=tmp_path, capture_output=True, timeout=120, check=False
        )

    return run


@NAMES
def test_a_film_of_any_name_is_coloured(tmp_path, tiny_server, film, command):
    out = Path(f"{film.stem}-colour.mkv")
    done = command("render", f"./{film}", f"./{out}", "-c", "ffv1", "--server", tiny_server)
    assert done.returncode == 0, done.stderr
    assert films.has_colour(tmp_path / out)
    assert b"Traceback" not in done.stderr


@NAMES
def test_pictures_of_any_name_are_written_and_a_cut_film_is_kept(tmp_path, tiny_server, film, command):
    out = Path(f"{film.stem}.%04d.png")
    done = command("render", f"./{film}", f"./{out}", "--server", tiny_server)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob(f"{film.stem}.000?.png"))) == 4
    whole = (tmp_path / film).read_bytes()
    (tmp_path / film).write_bytes(whole[: len(whole) * 3 // 4])
    done = command("render", f"./{film}", f"./{film.stem}-cut.mkv", "--keep-going", "--server", tiny_server)
    assert (b"Traceback" in done.stderr, b"unexpected" in done.stderr) == (False, False), done.stderr


@NAMES
def test_its_colours_are_stored_and_listed(tiny_server, film, command):
    store = f"./{film.stem}-store"
    done = command("analyse", f"./{film}", "--store", store, "--server", tiny_server)
    assert done.returncode == 0, done.stderr
    for words in (["list"], ["list", "--json"], ["verify"]):
        done = command("cache", *words, "--store-dir", store)
        assert (done.returncode, done.stderr) == (0, b""), words
    assert json.loads(command("info", f"./{film}", "--json").stdout)["path"] == str(film)
