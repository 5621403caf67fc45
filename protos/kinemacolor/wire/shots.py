"""Cut detection on two neighbouring proxies. Causal and local, so the answer does not depend on access order."""

import numpy as np
from numpy.typing import NDArray


def is_cut(previous: NDArray[np.uint16], present: NDArray[np.uint16]) -> bool:
    """Whether a new shot begins with `present`.

    Args:
        previous: (h, w) proxy luma of the frame before, 0 black to 65535 white.
        present: (h, w) proxy luma.

    Returns:
        True for a cut. Proxies of different size are always a cut.
    """
    if previous.shape != present.shape:
        return True
    difference = np.abs(previous.astype(np.float32) - present.astype(np.float32)).mean()
    return bool(difference > 0.15 * 65535)
