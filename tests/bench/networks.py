"""What each network costs: `python tests/bench/networks.py [--frames N] [--short-side PX] [--square] [--models a,b]`.

One process per model, so that memory is its own. Weights of others are seeded ones, which cost what the authors' cost.
Printed per model: milliseconds of one core for a frame of the frame network and for a step of the temporal one (process
time, so that other work on the machine does not count), alone and in a shot with one and four pictures for references,
state of one clip without them, and peak memory above that of a bare process with torch, while frames are coloured and
while the weights are loaded.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from kinemacolor.models.api import Colorizer, Guide, Proposal
from kinemacolor.models.library import import_weights, models_folder
from kinemacolor.models.official import OFFICIAL
from kinemacolor.models.registry import list_models, load_model
from kinemacolor.models.selftest import sample_lightness
from kinemacolor.models.spatial import pad_to_multiple

_MEGABYTE = 1 << 20
_PICTURES = (1, 4)
"""References of a shot."""


def measure(name: str, frames: int, short_side: int, square: bool) -> dict[str, float]:
    """Figures of one model, in this process."""
    torch.set_num_threads(1)
    before = _peak_bytes()
    model = load_model(name, threads=1)
    loading = _peak_bytes() - before
    _forget_peak()
    width = short_side if square else round(short_side * 16 / 9)
    lightness, _ = pad_to_multiple(sample_lightness(frames + 1, short_side, width), model.spec.multiple_of)
    state, propose_s, step_s = model.init_state(), 0.0, 0.0
    for number, frame in enumerate(lightness):
        began = time.process_time()
        (proposal,) = model.propose(frame.unsqueeze(0))
        proposed = time.process_time()
        state = model.step(state, proposal).state
        if number:  # the first call of a size is slower
            propose_s, step_s = propose_s + proposed - began, step_s + time.process_time() - proposed
    memory = _peak_bytes() - before
    proposals = [model.propose(frame.unsqueeze(0))[0] for frame in lightness] if model.spec.takes_references else []
    guided = {
        f"guided_{count}_ms": _guided_ms(model, proposals, [torch.roll(lightness[0], 8 * i, 2) for i in range(count)])
        for count in _PICTURES
        if proposals
    }
    return {
        **guided,
        "propose_ms": 1000 * propose_s / frames,
        "step_ms": 1000 * step_s / frames,
        "state_mb": state.nbytes / _MEGABYTE,
        "memory_mb": memory / _MEGABYTE,
        "loading_mb": loading / _MEGABYTE,
    }


def _guided_ms(model: Colorizer, proposals: Sequence[Proposal], pictures: Sequence[Tensor]) -> float:
    """Of a step in a shot whose references these are, of any colour."""
    state = model.init_state([Guide(picture, torch.zeros(2, *picture.shape[1:])) for picture in pictures])
    seconds = 0.0
    for number, proposal in enumerate(proposals):
        began = time.process_time()
        state = model.step(state, proposal).state
        seconds += time.process_time() - began if number else 0.0
    return 1000 * seconds / (len(proposals) - 1)


def _peak_bytes() -> int:
    """High-water mark of this process; that of getrusage begins with the parent's."""
    with open("/proc/self/status", encoding="ascii") as status:
        return 1024 * int(next(line for line in status if line.startswith("VmHWM")).split()[1])


def _forget_peak() -> None:
    """From here on the high-water mark is that of what follows (proc(5), clear_refs)."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as marks:
        marks.write("5")


def _import_seeded(frames: set[str]) -> None:
    for name, official in OFFICIAL.items():
        if name not in frames:
            continue
        torch.manual_seed(1)
        path = models_folder() / f"{name}.pth"
        torch.save(official.make().state_dict(), path)
        import_weights(name, path)
        path.unlink()


def main() -> None:
    """Measure all models and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--short-side", type=int, default=256, help="of the luma that the network sees (256)")
    parser.add_argument("--square", action="store_true", help="as DDColor's authors do it; 16:9 otherwise")
    parser.add_argument("--models", help="names with commas between them (all)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(measure(options.one, options.frames, options.short_side, options.square)))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KINEMACOLOR_MODELS"] = folder
        names = options.models.split(",") if options.models else [spec.name for spec in list_models()]
        frames = {name.partition("+")[0] for name in names}
        _import_seeded(frames.union(*(OFFICIAL[name].needs for name in frames if name in OFFICIAL)))
        sys.stdout.write(
            "| model | frame network | temporal network | with 1, 4 pictures | state | memory | while loading |\n"
            "| --- | --- | --- | --- | --- | --- | --- |\n"
        )
        for name in names:
            again = ["--one", name, "--frames", str(options.frames), "--short-side", str(options.short_side)]
            again += ["--square"] if options.square else []
            done = subprocess.run([sys.executable, __file__, *again], check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            guided = ", ".join(f"{found[key]:.0f}" for key in found if key.startswith("guided"))
            sys.stdout.write(
                f"| `{name}` | {found['propose_ms']:.0f} ms | {found['step_ms']:.1f} ms | {guided} | "
                f"{found['state_mb']:.1f} MB | {found['memory_mb']:.0f} MB | {found['loading_mb']:.0f} MB |\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
