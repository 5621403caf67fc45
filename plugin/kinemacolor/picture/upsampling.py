"""Which way chroma comes from the proxy grid to the film's; a choice of the user."""

from enum import Enum

from kinemacolor.colour.encoding import Siting

from .joint_bilateral import JointBilateralUpsampler
from .upsample import ChromaUpsampler

__all__ = ["Upsampling", "make_upsampler"]


class Upsampling(Enum):
    """Both follow the edges of the full-size luma."""

    GUIDED = "guided"
    """`upsample`: chroma as a line of luma; nearest to the truth on photographs, and the faster one."""
    JOINT_BILATERAL = "joint-bilateral"
    """`joint_bilateral`: colours of the network, mixed by likeness of luma."""


def make_upsampler(
    kind: Upsampling,
    *,
    proxy_size: tuple[int, int],
    luma_size: tuple[int, int],
    log2_chroma: tuple[int, int] = (0, 0),
    siting: Siting = Siting.LEFT,
) -> ChromaUpsampler | JointBilateralUpsampler:
    """An upsampler for one geometry.

    Args:
        kind: Which.
        proxy_size: (width, height) of the proxy.
        luma_size: (width, height) of the full-size luma.
        log2_chroma: Horizontal and vertical subsampling of the chroma grid.
        siting: Where subsampled chroma lies.
    """
    make = ChromaUpsampler if kind is Upsampling.GUIDED else JointBilateralUpsampler
    return make(
        proxy_size=proxy_size,
        luma_size=luma_size,
        log2_chroma_w=log2_chroma[0],
        log2_chroma_h=log2_chroma[1],
        siting=siting,
    )
