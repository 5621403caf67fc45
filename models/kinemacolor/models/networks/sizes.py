"""Networks of the size that a file's tensors have.

Those of reduced width are as wide as the file says, and never as wide as the paper's: a file of the paper's width gets
the layout of another width, which it does not have. So what was trained here and what its authors trained stay apart.
"""

from collections.abc import Mapping

from torch import Tensor

from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.favc import FavcColour, FavcPainter, FavcRefine
from kinemacolor.models.networks.mobile_trunk import TRUNK_CHANNELS, MobileTrunk
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.models.networks.zhao import VOC_CLASS_COUNT, Zhao

__all__ = [
    "eccv16_like",
    "eccv16_reduced",
    "favc_reduced",
    "favc_refine_reduced",
    "zhao_like",
    "zhao_of_paper",
    "zhao_reduced",
]

_ZHANG_FIRST, _ZHANG_WIDTH, _ZHANG_USUAL = "model1.0.weight", 64, 16
_FAVC_FIRST, _FAVC_WIDTH, _FAVC_USUAL = "conv1_1.weight", 32, 12
_MAX_WIDTH, _MAX_CLASSES = 512, 4096
"""Of files, whose shapes may be any number; eight times the paper's are two thousand million parameters."""


def eccv16_like(tensors: Mapping[str, Tensor]) -> Eccv16:
    """Of the file's width, whatever it is; the paper's where it does not say."""
    return Eccv16(_first_axis(tensors, _ZHANG_FIRST, _ZHANG_WIDTH))


def eccv16_reduced(tensors: Mapping[str, Tensor]) -> Eccv16:
    """Of the file's width; 16 where it does not say, or says the paper's 64 or more."""
    return Eccv16(_reduced_width(tensors, _ZHANG_FIRST, _ZHANG_WIDTH, _ZHANG_USUAL))


def zhao_reduced(tensors: Mapping[str, Tensor]) -> Zhao:
    """Likewise, and of the file's classes."""
    return Zhao(_reduced_width(tensors, _ZHANG_FIRST, _ZHANG_WIDTH, _ZHANG_USUAL), _class_count(tensors))


def zhao_of_paper(tensors: Mapping[str, Tensor]) -> Zhao:
    """Of the paper's width and the file's classes; those of VOC where it does not say."""
    return Zhao(_ZHANG_WIDTH, _class_count(tensors))


def zhao_like(tensors: Mapping[str, Tensor]) -> Zhao:
    """Of the file's width, whatever it is, and classes."""
    return Zhao(_first_axis(tensors, _ZHANG_FIRST, _ZHANG_WIDTH), _class_count(tensors))


def favc_reduced(tensors: Mapping[str, Tensor]) -> FavcPainter:
    """The colour network with the encoder whose features it was trained on; of width 12 for the paper's 32."""
    width = _reduced_width(tensors, f"network.{_FAVC_FIRST}", _FAVC_WIDTH, _FAVC_USUAL)
    return FavcPainter(MobileTrunk(MobileNetV2Encoder()), FavcColour(TRUNK_CHANNELS, width))


def favc_refine_reduced(tensors: Mapping[str, Tensor]) -> FavcRefine:
    """The refinement; of width 12 for the paper's 32."""
    return FavcRefine(_reduced_width(tensors, _FAVC_FIRST, _FAVC_WIDTH, _FAVC_USUAL))


def _reduced_width(tensors: Mapping[str, Tensor], first: str, paper: int, usual: int) -> int:
    width = _first_axis(tensors, first, usual)
    return width if width < paper else usual


def _class_count(tensors: Mapping[str, Tensor]) -> int:
    return _first_axis(tensors, "segment9.4.weight", VOC_CLASS_COUNT, _MAX_CLASSES)


def _first_axis(tensors: Mapping[str, Tensor], name: str, otherwise: int, limit: int = _MAX_WIDTH) -> int:
    """Length of the first axis, if it is one of a network; what is not is refused later, by its shape."""
    found = tensors.get(name)
    return otherwise if found is None or found.ndim == 0 or not 1 <= len(found) <= limit else len(found)
