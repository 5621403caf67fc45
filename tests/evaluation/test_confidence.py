"""Confidence against error: ranks, ties, tenths."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from clip_material import moving_pictures

from kinemacolor.evaluation import command
from kinemacolor.evaluation.confidence import Sample, agreement, calibration, joined, rank_correlation, sampled
from kinemacolor.evaluation.pictures import Clip
from kinemacolor.evaluation.rows import colorize
from kinemacolor.models.api import StepResult
from kinemacolor.models.registry import load_model


def numbers(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_ranks_by_hand():
    assert rank_correlation(numbers(1, 2, 3, 4), numbers(10, 20, 30, 4000)) == pytest.approx(1.0)
    assert rank_correlation(numbers(1, 2, 3), numbers(3, 2, 1)) == pytest.approx(-1.0)
    # Ranks 1, 2, 3, 4 and 1, 3, 2, 4: 1 - 6 (1 + 1) / (4 * 15).
    assert rank_correlation(numbers(1, 2, 3, 4), numbers(1, 3, 2, 4)) == pytest.approx(0.8)
    # Equal ones share ranks: 1.5, 1.5, 3 against 1, 2, 3.
    assert rank_correlation(numbers(5, 5, 7), numbers(1, 2, 3)) == pytest.approx(np.sqrt(0.75))
    assert rank_correlation(numbers(5, 5, 5), numbers(1, 2, 3)) == 0.0


def test_the_surer_the_nearer_is_one():
    sample = Sample(numbers(0.9, 0.5, 0.1), numbers(1.0, 2.0, 30.0))
    assert agreement(sample) == pytest.approx(1.0)
    assert agreement(Sample(sample.confidence, sample.error[::-1].copy())) == pytest.approx(-1.0)
    both = joined([sample, sample])
    assert len(both.error) == 6
    assert agreement(both) == pytest.approx(1.0)


def test_tenths_are_in_the_order_of_confidence():
    confidence = np.random.default_rng(0).permutation(100).astype(np.float32) / 100
    deciles = calibration(Sample(confidence, 1.0 - confidence))
    assert len(deciles) == 10
    assert deciles[0].confidence == pytest.approx(0.045)
    assert [one.error for one in deciles] == pytest.approx([1.0 - one.confidence for one in deciles])
    assert len(calibration(Sample(confidence[:3], confidence[:3]))) == 3


def test_pixels_of_a_fixed_grid_are_taken():
    plane = torch.arange(2 * 16 * 24, dtype=torch.float32).view(2, 1, 16, 24)
    found = sampled(plane, 2.0 * plane).confidence
    assert found.tolist() == plane[:, 0, [4, 12]][..., [4, 12, 20]].flatten().tolist()


class Sure:
    """`tiny` with a confidence: the proposal's says 0.5; that of a step, if it has one, falls from left to right."""

    def __init__(self, by_step: bool) -> None:
        self._tiny, self._by_step = load_model("tiny"), by_step

    def __getattr__(self, name: str) -> object:
        return getattr(self._tiny, name)

    def propose(self, lightness):
        found = self._tiny.propose(lightness)
        return [replace(one, confidence=torch.full_like(one.lightness, 0.5)) for one in found]

    def step(self, state, proposal):
        result = self._tiny.step(state, proposal)
        width = proposal.lightness.shape[-1]
        falling = torch.linspace(1.0, 0.0, width).expand_as(proposal.lightness)
        return StepResult(result.state, result.ab, falling if self._by_step else None)


def test_the_confidence_of_a_step_goes_before_that_of_its_proposal():
    lightness = Clip("blobs", moving_pictures()).lightness
    assert colorize(load_model("tiny"), lightness).confidence is None
    assert colorize(Sure(by_step=False), lightness).confidence.unique().tolist() == [0.5]
    whole = colorize(Sure(by_step=True), lightness).confidence
    assert whole.shape == (4, 1, 36, 49)
    assert whole[0, 0, 0, 0] > whole[0, 0, 0, -1]


def test_it_is_in_the_table_and_the_json(clips, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "load_model", lambda *_, **__: Sure(by_step=True))
    found = tmp_path / "found.json"
    assert command.main([str(clips), "--json", str(found)]) == 0
    out = capsys.readouterr().out
    heads, rows = out.splitlines()[0], [line for line in out.splitlines() if line.startswith("| ")]
    assert heads.endswith("| confidence |")
    assert next(row for row in rows if row.startswith("| grey |")).endswith("| - |")
    assert "of 7 targets met" in out
    values = json.loads(found.read_text())["rows"]
    assert "confidence" not in values["grey"]
    confidence = values["tiny"]["confidence"]
    assert confidence["rank_correlation"] == confidence["clips"]["blobs"]
    assert len(confidence["deciles"]) == 10
