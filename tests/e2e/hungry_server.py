"""A server whose frame network wants more memory than any machine has.

python hungry_server.py --frames COUNT ARGUMENTS...     from its frame COUNT on
python hungry_server.py --samples COUNT ARGUMENTS...    for pictures of more than COUNT samples
python hungry_server.py --killed COUNT ARGUMENTS...     the same, and the system ends it before the allocation fails
"""

import os
import signal
import sys

import torch
from torch import Tensor

from kinemacolor.models.api import Proposal
from kinemacolor.models.networks.tiny import TinyColorizer
from kinemacolor.server.main import main


def run(what: str, count: int) -> int:
    propose, frames = TinyColorizer.propose, [0]

    def propose_or_starve(self: TinyColorizer, lightness: Tensor) -> list[Proposal]:
        frames[0] += 1
        wanted = frames[0] if what == "--frames" else lightness.shape[-2] * lightness.shape[-1]
        if wanted > count:
            if what == "--killed":
                os.kill(os.getpid(), signal.SIGKILL)
            torch.empty(1 << 60, dtype=torch.uint8)
        return propose(self, lightness)

    TinyColorizer.propose = propose_or_starve  # type: ignore[method-assign]
    return main(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], int(sys.argv[2])))
