from dataclasses import dataclass
from pathlib import Path

import pytest

from kinemacolor.media.errors import OutputError
from kinemacolor.render.target import Target, partial_path


@dataclass(frozen=True)
class Plan:
    path: Path
    overwrite: bool = False
    container: str = "mov"


def test_the_partial_name_keeps_the_extension():
    assert partial_path(Path("a/film.v2.mov")) == Path("a/film.v2.partial.mov")


def test_without_keep_going_the_sink_names_the_film(tmp_path):
    target = Target(Plan(tmp_path / "film.mov"), keep_going=False)
    assert target.plan.path == tmp_path / "film.mov"
    assert target.partial is None
    target.publish()


def test_with_keep_going_a_whole_film_gets_its_name(tmp_path):
    target = Target(Plan(tmp_path / "film.mov"), keep_going=True)
    target.plan.path.write_text("film")
    target.publish()
    assert [path.name for path in tmp_path.iterdir()] == ["film.mov"]


def test_a_name_that_was_taken_meanwhile_is_not_replaced(tmp_path):
    target = Target(Plan(tmp_path / "film.mov"), keep_going=True)
    target.plan.path.write_text("film")
    (tmp_path / "film.mov").write_text("another")
    with pytest.raises(OutputError, match=r"the film is in .*film\.partial\.mov"):
        target.publish()
    assert (tmp_path / "film.mov").read_text() == "another"


def test_overwriting_replaces(tmp_path):
    (tmp_path / "film.mov").write_text("old")
    target = Target(Plan(tmp_path / "film.mov", overwrite=True), keep_going=True)
    target.plan.path.write_text("new")
    target.publish()
    assert (tmp_path / "film.mov").read_text() == "new"


def test_sequences_have_no_partial_name(tmp_path):
    assert Target(Plan(tmp_path / "f.%d.png", container="sequence"), keep_going=True).partial is None
