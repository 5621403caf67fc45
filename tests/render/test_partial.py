from pathlib import Path

from kinemacolor.render.partial import partial_path


def test_the_partial_name_keeps_the_extension():
    assert partial_path(Path("a/film.v2.mov")) == Path("a/film.v2.partial.mov")
