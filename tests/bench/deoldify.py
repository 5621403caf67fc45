"""What DeOldify costs by render factor: `python tests/bench/deoldify.py [--kind wide|deep] [--factors 21 35 60]`.

Attention as it is here (in parts of bounded memory) against the plain form (all places at once), for the whole
network and for the layer alone. One process per figure, one thread, random weights, norms folded as for use. Printed:
seconds of one core (process time, so that other work on the machine does not count) and peak memory above that before
the frame, weights not counted. A process that wants more address space than --limit-gb is said not to fit.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from kinemacolor.models.deoldify_picture import RENDER_UNIT_PX
from kinemacolor.models.networks import attention
from kinemacolor.models.networks.deoldify import DEEP, WIDE, Deoldify
from kinemacolor.models.networks.normed_convs import fold_norms

_GIGABYTE = 1 << 30
_STRIDE = 8
"""Of the attention."""
_CHANNELS = {"wide": 512, "deep": 768}
"""Of the attention."""
_NO_MEMORY = 77


def plain(f: Tensor, g: Tensor, h: Tensor) -> Tensor:
    """All weights at once, as the authors' code has it."""
    return torch.bmm(h, torch.softmax(torch.bmm(f.transpose(1, 2).contiguous(), g), dim=1))


def measure(kind: str, what: str, form: str, factor: int) -> dict[str, float]:
    """Seconds and bytes of one frame, in this process."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    if form == "plain":
        attention.attend = plain  # type: ignore[assignment]
    side = factor * RENDER_UNIT_PX
    used: Callable[[Tensor], Tensor]
    if what == "network":
        used, given = _ready(Deoldify(WIDE if kind == "wide" else DEEP)), torch.randn(1, 3, side, side)
    else:
        channels = _CHANNELS[kind]
        used = _ready(attention.SelfAttention(channels))
        given = torch.randn(1, channels, side // _STRIDE, side // _STRIDE)
    before = _memory("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as marks:
        marks.write("5")  # the high-water mark begins anew
    began = time.process_time()
    with torch.no_grad():
        used(given)
    return {"seconds": time.process_time() - began, "bytes": _memory("VmHWM") - before}


def _ready(network: nn.Module) -> nn.Module:
    layout = torch.channels_last
    return fold_norms(network.eval()).to(memory_format=layout)  # type: ignore[call-overload,no-any-return]


def _memory(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return 1024 * int(next(line for line in status if line.startswith(name)).split()[1])


def _in_a_process(words: list[str], limit_gb: float) -> str:
    command = [sys.executable, __file__, "--limit-gb", str(limit_gb), "--one", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode == _NO_MEMORY:
        return f"not in {limit_gb:g} GB"
    if done.returncode:
        raise RuntimeError(done.stderr)
    found = json.loads(done.stdout)
    return f"{found['seconds']:.1f} s, {found['bytes'] / (1 << 20):.0f} MB"


def main() -> None:
    """Measure all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=("wide", "deep"), default="wide")
    parser.add_argument("--factors", type=int, nargs="+", default=[21, 35, 60])
    parser.add_argument("--limit-gb", type=float, default=8.0, help="of address space, for each process (8)")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        resource.setrlimit(resource.RLIMIT_AS, (int(options.limit_gb * _GIGABYTE),) * 2)
        kind, what, form, factor = options.one
        try:
            sys.stdout.write(json.dumps(measure(kind, what, form, int(factor))))
        except (MemoryError, RuntimeError) as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(_NO_MEMORY)
        return
    heads = ("render factor", "places", "network", "network, plain", "attention", "attention, plain")
    sys.stdout.write(f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|\n")
    for factor in options.factors:
        cells = [str(factor), str((factor * RENDER_UNIT_PX // _STRIDE) ** 2)]
        for what in ("network", "attention"):
            for form in ("ours", "plain"):
                cells.append(_in_a_process([options.kind, what, form, str(factor)], options.limit_gb))
        sys.stdout.write(f"| {' | '.join(cells)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
