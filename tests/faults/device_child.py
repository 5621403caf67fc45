"""A server whose device fails at its frame COUNT, in one of the ways that devices fail.

    python device_child.py hangs|illegal-access COUNT ARGUMENTS...

No machine of the tests has a GPU, so its words are played; what follows from them is real.
"""

import sys
import threading

from torch import Tensor

from kinemacolor.models.api import Proposal
from kinemacolor.models.networks.tiny import TinyColorizer
from kinemacolor.server.main import main


def hang() -> None:
    threading.Event().wait()


def fail_for_good() -> None:
    raise RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be ...")


WAYS = {"hangs": hang, "illegal-access": fail_for_good}


def run(way: str, count: int) -> int:
    propose, calls = TinyColorizer.propose, [0]

    def propose_or_fail(self: TinyColorizer, lightness: Tensor) -> list[Proposal]:
        calls[0] += 1
        if calls[0] > count:
            WAYS[way]()
        return propose(self, lightness)

    TinyColorizer.propose = propose_or_fail  # type: ignore[method-assign]
    return main(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], int(sys.argv[2])))
