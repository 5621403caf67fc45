"""One frame through an installed effect, in a process that may crash: `python -I -m kinemacolor.ofx.install.trial`.

Loads the effect as a host does, renders a grey picture and prints one line of JSON. Arguments: the shim, and the
server's address or nothing.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from kinemacolor.ofx.minihost import MLT, HostImage, Layout, MiniHost

_LAYOUT = Layout(bounds=(0, 0, 320, 180), top_down=True)


def main(shim: str, server: str) -> dict[str, object]:
    """What came of it."""
    # A host that takes failed renders for success: the effect has to draw what is wrong.
    with MiniHost(Path(shim), MLT) as host:
        if (loaded := host.load()) != 0:
            return {"error": f"the effect does not load: status {loaded}"}
        effect = host.describe()
        grey = _grey()
        source = HostImage(_LAYOUT, grey)
        instance = effect.create(lambda _: source).set(server=server)
        started = time.monotonic()
        rendered = instance.render(0.0)
        if host.record.persistent:
            return {"error": host.record.persistent}
        return {
            "parameters": len(effect.params),
            "status": rendered.status,
            "seconds": round(time.monotonic() - started, 2),
            "colour": _mean_colour(rendered.image.picture),
            "luma_codes": _luma_difference(rendered.image.picture, grey),
        }


def _grey() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A horizon: bright above, dark and rough below."""
    height, width, _ = _LAYOUT.shape
    rows = np.linspace(0.85, 0.6, height)[:, None] * np.ones((1, width))
    rough = np.random.default_rng(1).uniform(0.15, 0.45, (height // 10 + 1, width // 10 + 1))
    ground = np.kron(rough, np.ones((10, 10)))[:height, :width]
    luma = np.where(np.arange(height)[:, None] < height // 2, rows, ground)
    codes = np.rint(255 * luma).astype(np.uint8)
    return np.dstack([codes, codes, codes, np.full_like(codes, 255)])


def _mean_colour(picture: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> float:
    """Mean difference of the largest and the smallest of R', G', B'; codes."""
    return round(float(np.ptp(picture[..., :3].astype(np.int64), axis=-1).mean()), 2)


def _luma_difference(
    picture: np.ndarray[tuple[int, ...], np.dtype[np.generic]], grey: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> float:
    """Largest difference of Y'; codes. BT.601 is what the effect takes a picture of this size for."""
    weights = np.array([0.299, 0.587, 0.114])
    return round(float(np.abs(picture[..., :3] @ weights - grey[..., 0]).max()), 3)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")) + "\n")
