"""Published tables of class weights, by rule: what others made of the prior of their photos."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["smoothed_along_table"]

_SIGMA_SAMPLES = 5.0
_SAMPLES = 1000
_WINDOW = 2000


def smoothed_along_table(prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth a prior as foamliu/Colorful-Image-Colorization does: along the table of bins, not over the ab plane.

    Bins that follow each other in the table are neighbours in b*, or lie at two ends of the gamut: there this smoothing
    mixes what does not belong together. It is here to regenerate their table; training here smooths by soft encoding.

    Args:
        prior: (Q,) shares, sum 1.

    Returns:
        (Q,) shares, sum 1.
    """
    place = np.arange(len(prior), dtype=np.float64)
    fine = np.linspace(0, len(prior) - 1, _SAMPLES)
    offset = np.arange(_WINDOW) - (_WINDOW - 1) / 2  # an even number: the table moves by half a sample
    window = np.exp(-0.5 * (offset / _SIGMA_SAMPLES) ** 2)
    whole = np.convolve(np.interp(fine, place, prior / prior.sum()), window / window.sum())
    begin = (_WINDOW - 1) // 2
    smooth = np.interp(place, fine, whole[begin : begin + _SAMPLES])
    return np.asarray(smooth / smooth.sum(), dtype=np.float64)
