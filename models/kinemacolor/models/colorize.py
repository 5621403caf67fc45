"""One picture through a network of others, as its authors do it."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from kinemacolor.models.ddcolor_picture import ddcolor_ab, ddcolor_square
from kinemacolor.models.deoldify_picture import IMAGE_RENDER_FACTOR, coloured_as_authors, deoldify_ab
from kinemacolor.models.errors import NonFiniteColourError
from kinemacolor.models.favc_picture import favc_ab, favc_as_authors
from kinemacolor.models.networks.ddcolor import DDColor
from kinemacolor.models.networks.deoldify import Deoldify
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.favc import FavcColour, FavcImage, FavcPainter
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.networks.vgg19 import Vgg19
from kinemacolor.models.pillow_resize import shortened
from kinemacolor.models.published_lab import opencv_lightness, published_lightness, published_srgb
from kinemacolor.models.zhang_picture import Hint, zhang_ab, zhang_square

__all__ = ["colorize_image"]

Image = NDArray[np.uint8]
Enlarging = Literal["official", "bicubic"]


@torch.no_grad()
def colorize_image(
    network: nn.Module,
    image: Image,
    *,
    short_side_px: int | None = None,
    hints: Sequence[Hint] = (),
    temperature: float | None = None,
    render_factor: int | None = None,
    enlarging: Enlarging = "official",
    features: nn.Module | None = None,
) -> Image:
    """Colour a picture.

    The authors' procedure. Zhang et al. (richzhang/colorization, demo_release.py): squashed to 256 x 256, bicubic; its
    L* through the network; a* and b* enlarged, bilinear; joined with the L* of the full picture. DDColor
    (piddnad/DDColor, ddcolor/pipeline.py): squashed to 512 x 512, bilinear without a filter; a* and b* enlarged by
    repeating the nearest. DeOldify (jantic/DeOldify, deoldify/filters.py): squashed to the square of the render factor;
    its grey through the network; the result enlarged, bilinear; joined with the Y' of the full picture. Lei and Chen
    (ChenyangLEI/automatic-video-colorization, test.py): the whole picture at its own size; what the network paints is
    the result, its own luma with it. So 8-bit R'G'B' come out that were clipped to the gamut: this is for comparison
    with others. `kinemacolor render` keeps luma and gamut.

    Args:
        network: `Eccv16`, `Siggraph17`, `DDColor`, `Deoldify` or `FavcImage`, from `load_network`; of `favc` and
            `favc-reduced` the first of their pictures is taken.
        image: (H, W, 3) sRGB codes or (H, W) grey; the colour in it is not looked at.
        short_side_px: None: the square, or the picture's own size; else the picture keeps its shape and is reduced to
            this short side. Of `Deoldify` and `FavcImage` a* and b* are then taken, as `kinemacolor render` does.
        hints: For `Siggraph17`; where they overlap the later one holds.
        temperature: For `Eccv16`, of the annealed mean; None: that of the authors' files, 1 / 2.606.
        render_factor: For `Deoldify`: the square has 16 times this; None: 35, theirs for pictures (for film it is 21).
            Not with `short_side_px`.
        enlarging: How a* and b* come to the size of the picture: as the authors do it, or bicubic, which shows no
            squares where a large picture is coloured by DDColor. `Deoldify` and `FavcImage` give a* and b* with
            `short_side_px` alone.
        features: For `FavcImage`: what it looks through, `load_network("vgg19", ...)`.

    Returns:
        (H, W, 3) sRGB codes.

    Raises:
        TypeError: The network is of another kind or takes no such option, or the picture is not of bytes.
        NonFiniteColourError: The network gives what are no colours.
        ValueError: The picture has another shape; the side, the temperature or the factor is not positive; or there is
            no such way of enlarging.
    """
    if enlarging not in get_args(Enlarging):
        raise ValueError(f"expected one of {', '.join(get_args(Enlarging))}, found {enlarging!r}")
    network = _with_features(network, features)
    if not isinstance(network, (Eccv16, Siggraph17, DDColor, Deoldify, FavcPainter)):
        raise TypeError(f"expected a network that colours pictures, found {type(network).__name__}")
    _refuse_others_options(network, hints, temperature, render_factor)
    if render_factor is not None and short_side_px is not None:
        raise TypeError("expected a render factor, which is of the square, or a short side, found both")
    if isinstance(network, (Deoldify, FavcPainter)) and short_side_px is None and enlarging != "official":
        name = type(network).__name__.lower()
        raise TypeError(f"expected a short side where {name}'s a* and b* shall be enlarged otherwise, found none")
    rgb = _planes(image)
    small = None if short_side_px is None else shortened(rgb, short_side_px)
    if small is None and isinstance(network, (Deoldify, FavcPainter)):
        return _codes(_painted(network, rgb, render_factor))
    ab = _ab(network, rgb, small, hints, temperature)
    if not torch.isfinite(ab).all():
        raise NonFiniteColourError(f"{_name(network)}: expected colours, found NaN or infinity")
    return _codes(_joined(rgb, ab, enlarging, is_of_opencv=isinstance(network, DDColor)))


def _with_features(network: nn.Module, features: nn.Module | None) -> nn.Module:
    """A network of Lei and Chen together with what it looks through; any other as it is."""
    if isinstance(network, (FavcColour, FavcImage)):
        if not isinstance(features, Vgg19):
            raise TypeError('expected the features of VGG19 (features=load_network("vgg19", FILE)), found none')
        return FavcPainter(features, network)
    if features is not None:
        found = type(network).__name__.lower()
        raise TypeError(f"expected a network that looks through VGG19 (favc, favc-image), found {found}")
    return network


def _painted(network: Deoldify | FavcPainter, rgb: Tensor, render_factor: int | None) -> Tensor:
    """Of the networks that paint a picture of their own, (1, 3, H, W) uint8."""
    if isinstance(network, FavcPainter):
        return favc_as_authors(network, rgb)
    return coloured_as_authors(network, rgb, IMAGE_RENDER_FACTOR if render_factor is None else render_factor)


def _ab(
    network: nn.Module, rgb: Tensor, small: Tensor | None, hints: Sequence[Hint], temperature: float | None
) -> Tensor:
    """(1, 2, h, w) a*, b*; `small` is there for the networks that paint."""
    if isinstance(network, Deoldify) and small is not None:
        return deoldify_ab(network, small)
    if isinstance(network, FavcPainter) and small is not None:
        return favc_ab(network, small)
    if isinstance(network, DDColor):
        return ddcolor_ab(network, ddcolor_square(rgb / 255) if small is None else small / 255)
    if isinstance(network, (Eccv16, Siggraph17)):
        return zhang_ab(network, zhang_square(rgb) if small is None else small, hints, temperature)
    raise TypeError(f"expected a network that gives a* and b*, found {type(network).__name__}")


def _codes(rgb: Tensor) -> Image:
    """(1, 3, H, W) uint8 to (H, W, 3)."""
    codes: Image = rgb[0].permute(1, 2, 0).contiguous().numpy()
    return codes


def _refuse_others_options(
    network: nn.Module, hints: Sequence[Hint], temperature: float | None, render_factor: int | None
) -> None:
    name = _name(network)
    if hints and not isinstance(network, Siggraph17):
        raise TypeError(f"expected a network that takes hints (siggraph17), found {name}")
    if temperature is not None and not isinstance(network, Eccv16):
        raise TypeError(f"expected a network with a temperature (eccv16), found {name}")
    if render_factor is not None and not isinstance(network, Deoldify):
        raise TypeError(f"expected a network with a render factor (deoldify), found {name}")


def _name(network: nn.Module) -> str:
    return type(network).__name__.lower()


def _joined(rgb: Tensor, ab: Tensor, enlarging: Enlarging, *, is_of_opencv: bool) -> Tensor:
    """The picture's L* with a*, b* of any size, (1, 3, H, W) uint8; as DDColor's authors do it, or as Zhang et al."""
    if is_of_opencv:
        lightness, mode = opencv_lightness(rgb / 255), "nearest"
    else:
        lightness, mode = published_lightness(rgb.double() / 255), "bilinear"
    ab = _enlarged(ab, rgb.shape[-2:], mode if enlarging == "official" else enlarging)
    out = published_srgb(torch.cat((lightness, ab), dim=1), z_from_zero=not is_of_opencv)
    return (out * 255).round().to(torch.uint8)


def _enlarged(ab: Tensor, size: tuple[int, ...], mode: str) -> Tensor:
    if ab.shape[-2:] == size:
        return ab
    if mode == "nearest":
        return F.interpolate(ab, size=size, mode=mode)
    return F.interpolate(ab, size=size, mode=mode, align_corners=False)


def _planes(image: Image) -> Tensor:
    """(1, 3, H, W) uint8."""
    if image.dtype != np.uint8:
        raise TypeError(f"expected a picture of bytes, found {image.dtype}")
    if image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected a picture (H, W, 3) or (H, W), found shape {image.shape}")
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
