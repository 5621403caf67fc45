"""`info` and `bench` on films that are made here."""

import json
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from kinemacolor.cli.main import main

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))
import make


def test_info_says_what_a_film_is(tmp_path, capsys):
    film = make.film(
        tmp_path / "in.mov", codec="libx264", frames=6, rate=Fraction(24000, 1001), timecode="01:00:00:00",
        audio=(make.Audio("aac", language="fra"),), matrix=1, color_range=1, transfer=1, primaries=1,
    ).path  # fmt: skip
    assert main(["info", str(film), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["frame_rate"], info["timecode"], info["width_px"]) == ("24000/1001", "01:00:00:00", 64)
    assert (info["matrix"], info["range"], info["assumed"]) == ("BT709", "LIMITED", [])
    assert (info["tracks"][0]["codec"], info["tracks"][0]["language"]) == ("aac", "fra")
    assert main(["info", str(film)]) == 0
    assert "23.976 frames per second" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["info", "shots detect"])
def test_a_missing_file_is_an_input_error(tmp_path, capsys, command):
    assert main([*command.split(), str(tmp_path / "nothing.mov")]) == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_bench_splits_the_cost(tmp_path, capsys, tiny_server):
    film = make.film(tmp_path / "in.mkv", frames=12, width=160, height=120).path
    assert main(["bench", "--input", str(film), "--json", "--server", tiny_server]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["frames"] == 12
    assert result["fps"] > 0
    assert list(result["stages"]) == [
        "decode", "proxy", "transfer", "queue", "network", "temporal", "merge", "encode",
    ]  # fmt: skip
    assert all(stage["wall_ms"] >= 0 for stage in result["stages"].values())
    assert result["bound"]


def test_bench_refuses_sizes_it_does_not_know(capsys):
    assert main(["bench", "--sizes", "9000p"]) == 2
    assert "1080p" in capsys.readouterr().err
