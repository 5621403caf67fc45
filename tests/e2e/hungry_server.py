"""A server whose frame network wants more memory than any machine has, from its frame COUNT on.

python hungry_server.py COUNT ARGUMENTS...
"""

import sys

import torch
from torch import Tensor

from kinemacolor.models.api import Proposal
from kinemacolor.models.networks.tiny import TinyColorizer
from kinemacolor.server.main import main


def run(count: int) -> int:
    propose, calls = TinyColorizer.propose, [0]

    def propose_or_starve(self: TinyColorizer, lightness: Tensor) -> list[Proposal]:
        calls[0] += 1
        if calls[0] > count:
            torch.empty(1 << 60, dtype=torch.uint8)
        return propose(self, lightness)

    TinyColorizer.propose = propose_or_starve  # type: ignore[method-assign]
    return main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1])))
