"""A server whose network gives no numbers on some pictures: as colours of white ones, in the state after black ones.

python nan_child.py ARGUMENTS...
"""

import sys
from dataclasses import replace

import torch
from torch import Tensor

from kinemacolor.models.api import ModelState, Proposal, StepResult
from kinemacolor.models.networks.tiny import TinyColorizer, TinyState
from kinemacolor.server.main import main

WHITE, BLACK = 99.9, 0.1
"""L* of all of a picture: above, below."""


def run() -> int:
    propose, step = TinyColorizer.propose, TinyColorizer.step

    def propose_or_fail(self: TinyColorizer, lightness: Tensor) -> list[Proposal]:
        return [
            replace(proposal, features=torch.full_like(proposal.ab[:, ::4, ::4], torch.nan))
            if proposal.lightness.min() > WHITE
            else proposal
            for proposal in propose(self, lightness)
        ]

    def step_or_fail(self: TinyColorizer, state: ModelState, proposal: Proposal) -> StepResult:
        result = step(self, state, proposal)
        if proposal.lightness.max() > BLACK or not isinstance(result.state, TinyState):
            return result
        assert result.state.memory is not None
        return replace(result, state=replace(result.state, memory=torch.full_like(result.state.memory, torch.inf)))

    TinyColorizer.propose = propose_or_fail  # type: ignore[method-assign]
    TinyColorizer.step = step_or_fail  # type: ignore[method-assign]
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run())
