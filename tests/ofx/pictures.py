"""Pictures as hosts hold them, and their colour."""

import cv2
import numpy as np

from kinemacolor.ofx.pixels.form import Components, Depth, HostFormat
from kinemacolor.picture.proxy import proxy_size

SIZES = [(1, 1), (3, 2), (1, 2000), (2000, 1), (64, 36), (131, 77)]


def form(
    depth: Depth = Depth.BYTE,
    components: Components = Components.RGBA,
    size: tuple[int, int] = (131, 77),
    *,
    premultiplied: bool = False,
) -> HostFormat:
    return HostFormat(
        depth=depth, components=components, width_px=size[0], height_px=size[1], premultiplied=premultiplied
    )


def white(how: HostFormat) -> float:
    bits = how.depth.integer_bits
    return 1.0 if bits is None else float((1 << bits) - 1)


def soft(size: tuple[int, int], seed: int = 1, planes: int = 1) -> np.ndarray:
    """(H, W, planes) of soft shapes with grain, all of [0, 1] in use."""
    random = np.random.default_rng(seed)
    width, height = size
    wide = random.normal(0, 1, (height, width, planes))
    wide = np.reshape(cv2.GaussianBlur(wide, (0, 0), max(1.0, width / 30)), wide.shape)
    return np.clip(0.5 + 0.55 * wide / max(float(np.abs(wide).max()), 1e-9) + random.normal(0, 0.01, wide.shape), 0, 1)


def packed(how: HostFormat, rgb: np.ndarray, alpha: np.ndarray | float = 1.0) -> np.ndarray:
    """A picture of values with 1.0 for white; R, G, B as they are to lie there."""
    height, width, components = how.shape
    values = np.empty((height, width, 4))
    values[:, :, :3] = rgb
    values[:, :, 3] = alpha
    values = values[:, :, :components] * white(how)
    return np.ascontiguousarray((np.rint(values) if how.depth.integer_bits else values).astype(how.depth.dtype))


def grey(how: HostFormat, seed: int = 1, alpha: np.ndarray | float = 1.0) -> np.ndarray:
    """Black-and-white film."""
    values = soft((how.width_px, how.height_px), seed)
    return packed(how, values * np.asarray(alpha)[..., None] if how.premultiplied else values, alpha)


def proxy_of(how: HostFormat, short_side_px: int = 24) -> tuple[int, int]:
    return proxy_size(how.width_px, how.height_px, short_side_px)


def chroma(proxy: tuple[int, int], strength: float = 30.0, seed: int = 2) -> np.ndarray:
    ab = np.random.default_rng(seed).normal(0, strength, (2, proxy[1], proxy[0]))
    return np.clip(np.rint(ab * 256), -32768, 32767).astype(np.int16)


def values_of(how: HostFormat, picture: np.ndarray) -> np.ndarray:
    """(3, H, W) float64 R, G, B with 1.0 for white."""
    return picture[:, :, :3].astype(np.float64).transpose(2, 0, 1) / white(how)
