"""Decoded frames as the network sees them."""

from collections.abc import Callable
from functools import partial

from kinemacolor.media.types import SourceFrame, SourceInfo
from kinemacolor.picture.pixel import Family
from kinemacolor.picture.proxy import Proxy, make_proxy, make_proxy_rgb, proxy_size
from kinemacolor.render.tone import NO_TONE, FilmTone
from kinemacolor.wire.frame import Geometry

__all__ = ["network_geometry", "neutral_proxy_of", "proxy_maker", "proxy_of"]


def network_geometry(info: SourceInfo, short_side_px: int) -> Geometry:
    """The size at which the network sees a film."""
    return Geometry(*proxy_size(info.width_px, info.height_px, short_side_px, info.sample_aspect_ratio))


def proxy_of(info: SourceInfo, geometry: Geometry, frame: SourceFrame) -> Proxy:
    """(H, W) luma of the film at the network's size, 0 = black, 65535 = white."""
    form, encoding = info.pixel_format, info.encoding
    size = (geometry.width_px, geometry.height_px)
    if form.family is Family.RGB:
        return make_proxy_rgb(frame.planes, form.bits, encoding.matrix, encoding.range, size)
    return make_proxy(frame.planes[0], form.bits, encoding.range, size)


def neutral_proxy_of(info: SourceInfo, geometry: Geometry, tone: FilmTone, frame: SourceFrame) -> Proxy:
    """(H, W) luma for the network: the film's own, before its print was toned."""
    return tone.neutral(proxy_of(info, geometry, frame))


def proxy_maker(info: SourceInfo, geometry: Geometry, tone: FilmTone = NO_TONE) -> Callable[[SourceFrame], Proxy]:
    """`neutral_proxy_of` for the frames of one film."""
    return partial(neutral_proxy_of, info, geometry, tone)
