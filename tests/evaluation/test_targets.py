"""What a model has to reach: no single figure wins, and neither grey nor a tint may."""

import json

import pytest
import torch
from clip_material import moving_pictures

from kinemacolor.cli.main import main
from kinemacolor.evaluation.measure import Truth, measure_ab
from kinemacolor.evaluation.pictures import Clip
from kinemacolor.evaluation.report import CLIP, GREY, PHOTO, TRUTH, Report, Row, Section, table
from kinemacolor.evaluation.rows import TINT_AB, constant
from kinemacolor.evaluation.targets import Aim, judge, verdict

TIME = {"warp ab e3 (1.2 times the truth's)", "CDC e3 (1.3 times the truth's)"}


@pytest.fixture(scope="module")
def means():
    """Rows of a made clip: grey, one tint, the truth, and the truth's colours at a part of their chroma."""
    truth = Truth(Clip("blobs", moving_pictures()))
    ab = truth.lab[:, 1:]
    colours = {"grey": torch.zeros_like(ab), "tint": constant(*ab.shape[::2], ab.shape[3], TINT_AB), "truth": ab}
    colours |= {"lively": 0.95 * ab, "pale": 0.7 * ab}
    return {title: Row((measure_ab(truth, planes),)).mean for title, planes in colours.items()}


def verdicts(means, title, agreement=None):
    return {one.target: one for one in judge(means[title], means["grey"], means["truth"], agreement)}


@pytest.mark.parametrize("title", ["grey", "tint"])
def test_neither_grey_nor_a_tint_passes(title, means):
    found = verdicts(means, title)
    assert means[title]["warp_error_e3"] < means["truth"]["warp_error_e3"]  # calmer than the truth
    assert not any(one.met for one in found.values())
    assert all("too pale" in found[target].note for target in TIME)


def test_the_truth_passes_and_so_does_what_is_near_to_it(means):
    for title in ("truth", "lively"):
        assert all(one.met for one in verdicts(means, title, agreement=0.4).values())


def test_calm_counts_with_colour_only(means):
    found = verdicts(means, "pale")
    missed = {target for target, one in found.items() if not one.met}
    assert missed >= TIME | {"colourfulness (85% of the truth's)"}
    assert found["CIEDE2000 (0.85 of grey's)"].met
    assert all(found[target].found <= found[target].limit for target in TIME)


def test_confidence_is_a_target_of_who_gives_it(means):
    assert len(verdicts(means, "truth")) == 6
    assert not verdicts(means, "truth", agreement=0.39)["rank correlation of confidence"].met


def test_a_limit_is_met_on_it_and_no_number_meets_it():
    assert verdict("x", Aim.AT_MOST, 2.0, 2.0).text() == "met: x at most 2.00, found 2.00"
    assert verdict("x", Aim.AT_LEAST, 2.0, 1.99).text() == "missed: x at least 2.00, found 1.99"
    assert not verdict("x", Aim.AT_LEAST, 2.0, float("nan")).met
    assert not verdict("x", Aim.AT_MOST, 2.0, float("nan")).met


def test_verdicts_are_below_the_table_and_in_the_json(clips, tmp_path, capsys):
    found = tmp_path / "found.json"
    assert main(["evaluate", str(clips), "--model", "tiny", "--json", str(found)]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.endswith("of 6 targets met"))
    assert lines[start].startswith("tiny: ")
    assert all(line.startswith(("- met: ", "- missed: ")) for line in lines[start + 1 : start + 7])
    values = json.loads(found.read_text())["targets"]["tiny"]
    assert [value["met"] for value in values] == [line.startswith("- met") for line in lines[start + 1 : start + 7]]


def test_nobody_is_judged_without_truth(means):
    truth = Truth(Clip("blobs", moving_pictures()))
    row = Row((measure_ab(truth, truth.lab[:, 1:]),))
    known = Section(CLIP, ("a",), 4, {GREY: row, "x": row, TRUTH: row})
    unknown = Section(CLIP, ("a",), 4, {GREY: row, "x": row})
    assert "targets met" in table(Report("float32", known, Section(PHOTO), ("x",)))
    assert "targets met" not in table(Report("float32", unknown, Section(PHOTO), ("x",)))
