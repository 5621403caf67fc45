"""What a seam between two parts of a shot would look like, of a model whose memory is known."""

from dataclasses import dataclass

import pytest
import torch
from clip_material import moving_pictures

from kinemacolor.cli.main import main
from kinemacolor.evaluation.pictures import Clip
from kinemacolor.evaluation.seams import measure_seams
from kinemacolor.models.api import Proposal, StepResult

SLOWNESS = 0.9
BEGINNING = 30.0


@dataclass(frozen=True)
class State:
    ab: torch.Tensor | None

    @property
    def nbytes(self):
        return 0


class Slow:
    """Its a* goes from 30 to 0 within a shot, a tenth of the way with each frame."""

    device = torch.device("cpu")
    spec = type("Spec", (), {"multiple_of": 16})

    def init_state(self):
        return State(None)

    def propose(self, lightness):
        return [Proposal(lightness[0], torch.zeros(2, *lightness.shape[-2:]))]

    def step(self, state, proposal):
        a = torch.full_like(proposal.ab[:1], BEGINNING) if state.ab is None else SLOWNESS * state.ab[:1]
        ab = torch.cat((a, torch.zeros_like(a)))
        return StepResult(State(ab), ab)


@pytest.fixture
def clip():
    return Clip("moving", moving_pictures())


def test_the_longer_the_overlap_the_smaller_the_difference(clip):
    table = measure_seams(Slow(), [clip], overlaps=(1, 8, 16))
    means = [row["mean"] for row in table.values()]
    assert list(table) == ["1", "8", "16"]
    assert means[0] > means[1] > means[2] > 0
    for overlap, row in table.items():
        # Behind the overlap the old run has seen 16 frames more.
        start, end = (BEGINNING * SLOWNESS**age for age in (int(overlap), int(overlap) + 16))
        assert row["step p99"] >= (start - end) / int(overlap) * 0.999
        assert row["worst mean"] == row["mean"]


def test_a_model_without_memory_has_no_seams(clip):
    class Forgetful(Slow):
        def step(self, state, proposal):
            return super().step(self.init_state(), proposal)

    (row,) = measure_seams(Forgetful(), [clip], overlaps=(4,)).values()
    assert row == dict.fromkeys(row, 0.0)


def test_the_worst_clip_is_named_beside_the_mean(clip):
    dark = Clip("dark", moving_pictures() // 4)
    one, other, both = (measure_seams(Slow(), clips, overlaps=(8,))["8"] for clips in ([clip], [dark], [clip, dark]))
    assert both["mean"] == pytest.approx((one["mean"] + other["mean"]) / 2)
    assert both["worst mean"] == max(one["mean"], other["mean"])


def test_the_command_prints_a_line_for_each_overlap(clips, capsys):
    assert main(["evaluate", str(clips), "--frames", "3", "--model", "tiny", "--seams"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| overlap | mean | p99 |")
    assert [line.split()[1] for line in lines[2:]] == ["1", "8", "24", "48", "72", "96"]


def test_seams_are_of_clips(clips, capsys):
    assert main(["evaluate", str(clips), "--model", "tiny", "--seams", "--photos"]) == 2
    assert "--seams: " in capsys.readouterr().err
