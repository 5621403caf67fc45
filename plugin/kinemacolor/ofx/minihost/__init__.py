"""A small OpenFX host in Python: loads the compiled effect and plays hosts to it, well behaved ones and others.

It is what `kinemacolor plugin check` and the tests load the effect with. It keeps a record of all that the effect did.
"""

from kinemacolor.ofx.minihost.host import Effect, Instance, MiniHost, Rendered
from kinemacolor.ofx.minihost.images import HostImage, Layout, PixelDepth
from kinemacolor.ofx.minihost.traits import MLT, NATRON, RESOLVE, HostTraits, RenderArguments

__all__ = [
    "MLT",
    "NATRON",
    "RESOLVE",
    "Effect",
    "HostImage",
    "HostTraits",
    "Instance",
    "Layout",
    "MiniHost",
    "PixelDepth",
    "RenderArguments",
    "Rendered",
]
