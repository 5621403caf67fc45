"""`kinemacolor shots`: cuts found, lists shown and written."""

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from kinemacolor.cli.main import main

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))
import make

EDL = "FCM: NON-DROP FRAME\n001 AX V C 00:00:00:00 00:00:00:07 01:00:00:00 01:00:00:07\n* FROM CLIP NAME: dawn\n"


def picture(number):
    blocks = np.random.default_rng(number >= 5).integers(30, 220, (6, 8)).astype(np.uint8)
    return (np.kron(blocks, np.ones((8, 8), np.uint8)),)


@pytest.fixture
def film(tmp_path):
    return make.film(tmp_path / "in.mkv", frames=12, pixel_format="gray", pictures=picture, timecode="01:00:00:00").path


@pytest.fixture
def run(capsys):
    """Runs `kinemacolor shots ...`; gives code, lines of stdout, stderr."""

    def run_shots(*arguments):
        code = main(["shots", *(str(argument) for argument in arguments)])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err

    return run_shots


def test_shots_are_detected(film, run):
    assert run("detect", film) == (0, ["0-4", "5-11"], "")
    code, out, _ = run("detect", film, "--json")
    assert (code, json.loads("\n".join(out))) == (0, [{"first": 0, "last": 4}, {"first": 5, "last": 11}])


def test_a_table_is_written(film, run, tmp_path):
    code, out, err = run("export", film, "--to", tmp_path / "a.csv")
    assert (code, out, err) == (0, [], f"{tmp_path}/a.csv: 2 shots\n")
    assert (tmp_path / "a.csv").read_text() == "first,last\n0,4\n5,11\n"


def test_an_edl_is_written_in_the_timecode_of_the_film(film, run, tmp_path):
    assert run("export", film, "--to", tmp_path / "a.edl")[0] == 0
    assert (tmp_path / "a.edl").read_text() == (
        "TITLE: in\nFCM: NON-DROP FRAME\n\n"
        "001  AX       V     C        01:00:00:00 01:00:00:05 01:00:00:00 01:00:00:05\n* FROM CLIP NAME: in.mkv\n"
        "002  AX       V     C        01:00:00:05 01:00:00:12 01:00:00:05 01:00:00:12\n* FROM CLIP NAME: in.mkv\n"
    )


def test_drop_frame_stays_drop_frame(run, tmp_path):
    film = make.film(
        tmp_path / "in.mov", codec="libx264", frames=12, rate=Fraction(30000, 1001), pixel_format="gray",
        pictures=picture, timecode="00:00:59;25",
    ).path  # fmt: skip
    assert run("export", film, "--to", tmp_path / "a.edl")[0] == 0
    text = (tmp_path / "a.edl").read_text()
    assert "FCM: DROP FRAME" in text
    assert "00:00:59;25 00:01:00;02 00:00:59;25 00:01:00;02" in text
    code, out, _ = run("show", tmp_path / "a.edl", "--film", film)
    assert (code, out) == (0, ["0-4  in.mov", "5-11  in.mov"])


def test_a_list_is_replaced_only_if_asked(film, run, tmp_path):
    (tmp_path / "a.csv").write_text("mine")
    code, _, err = run("export", film, "--to", tmp_path / "a.csv")
    assert (code, "exists; -y replaces it" in err) == (1, True)
    assert (tmp_path / "a.csv").read_text() == "mine"
    assert run("export", film, "--to", tmp_path / "a.csv", "-y")[0] == 0
    assert (tmp_path / "a.csv").read_text().startswith("first")


def test_a_name_that_is_no_list_is_refused_before_the_film_is_read(run, tmp_path):
    code, _, err = run("export", tmp_path / "not-there.mkv", "--to", tmp_path / "a.txt")
    assert (code, "expected a list of shots, NAME.edl or NAME.csv" in err) == (1, True)


def test_a_list_is_shown_as_it_counts(run, tmp_path):
    (tmp_path / "a.csv").write_text("first\n3\n5\n")
    assert run("show", tmp_path / "a.csv") == (0, ["3", "5"], "")
    (tmp_path / "a.edl").write_text(EDL)
    assert run("show", tmp_path / "a.edl", "--rate", "25") == (0, ["01:00:00:00-01:00:00:06  dawn"], "")
    code, out, _ = run("show", tmp_path / "a.edl", "--rate", "25", "--json")
    assert (code, json.loads("\n".join(out))) == (
        0, [{"first": "01:00:00:00", "last": "01:00:00:06", "name": "dawn"}],
    )  # fmt: skip


def test_a_list_is_shown_as_the_film_has_it(film, run, tmp_path):
    (tmp_path / "a.edl").write_text(EDL)
    assert run("show", tmp_path / "a.edl", "--film", film) == (0, ["0-6  dawn", "7-11"], "")
    start = ("--shots-start", "00:59:59:23")
    assert run("show", tmp_path / "a.edl", "--film", film, *start) == (0, ["0-1", "2-8  dawn", "9-11"], "")


def test_a_film_without_timecode_begins_where_the_list_does_and_that_is_said(run, tmp_path):
    film = make.film(tmp_path / "in.mkv", frames=12, pixel_format="gray").path
    (tmp_path / "a.edl").write_text(EDL)
    code, out, err = run("show", tmp_path / "a.edl", "--film", film)
    assert (code, out) == (0, ["0-6  dawn", "7-11"])
    assert err == f"note: {tmp_path}/a.edl is taken to begin where {film} does\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "a.edl"], 4, "a.edl: an EDL counts in timecode"),
        (["show", "a.edl", "--rate", "25", "--shots-start", "01:00:00:00"], 2, "--film"),
        (["show", "a.edl", "--film", "in.mkv", "--rate", "25"], 2, "--rate is for picture sequences"),
        (["show", "a.edl", "--rate", "0"], 2, "a rate is more than 0"),
        (["show", "a.edl", "--film", "in.mkv", "--shots-start", "now"], 2, "'now' is no timecode"),
        (["export", "in.mkv"], 2, "--to"),
        ([], 2, "ACTION"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(film, run, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    Path("a.edl").write_text(EDL)
    found, out, err = run(*arguments)
    assert (found, out, err.count("\n")) == (code, [], 1)
    assert message in err


def test_names_in_other_encodings_do_not_hinder(run, tmp_path):
    for encoding in ("utf-8-sig", "latin-1", "utf-16"):
        (tmp_path / "a.edl").write_text(EDL.replace("dawn", "Dämmerung"), encoding=encoding)
        assert run("show", tmp_path / "a.edl", "--rate", "25")[1] == ["01:00:00:00-01:00:00:06  Dämmerung"]
