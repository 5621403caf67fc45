"""The networks of others that this project knows: where their authors' weights are, and under which terms.

Addresses, hashes and layouts: richzhang/colorization, phoenix104104/fast_blind_video_consistency, piddnad/DDColor
(November 2026).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from torch import Tensor, nn

from kinemacolor.models.errors import UnknownModelError
from kinemacolor.models.networks.ddcolor import LARGE, TINY, DDColor
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.lai import Lai
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.networks.zhao import Zhao, zhao_like

__all__ = ["OFFICIAL", "OfficialNetwork", "official_network"]

_ZHANG = "https://colorizers.s3.us-east-2.amazonaws.com/"

_ZHANG_TERMS = (
    "The authors say nothing of the weights, which were trained on ImageNet, whose terms allow non-commercial "
    "research and education."
)


_DDCOLOR_PAPER = (
    "Kang, Yang, Ouyang, Ren, Li, Xie: DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders, ICCV 2023"
)
_DDCOLOR_TERMS = (
    "That is the licence of the code, and as others report of the weights, too, by the cards beside them; they were "
    "trained on ImageNet, whose terms allow non-commercial research and education."
)
_DDCOLOR_IGNORED = ("encoder.arch.head_cls.weight", "encoder.arch.head_cls.bias")
"""A classifier that the training of the encoder left behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialNetwork:
    """One network and its authors' file."""

    name: str
    """What users type."""
    description: str
    paper: str
    make: Callable[[], nn.Module]
    """The network, with numbers that mean nothing yet."""
    url: str
    """Of the file; empty: it is not to be had any more."""
    sha256: str
    """Of the file, lower case hexadecimal; its first digits, where no more is known; empty, where nothing is."""
    licence: str
    """Terms of the weights, in short."""
    terms: str
    """What that means for who uses them, in a sentence."""
    source: str
    """Repository of the authors."""
    ignored: tuple[str, ...] = ()
    """Ends of the names of tensors in the file that the network does not use."""
    optional: tuple[str, ...] = ("num_batches_tracked",)
    """Ends of the names of tensors that older files lack."""
    others: str = ""
    """More files of the authors for the same network, whose hashes are not known."""
    like: Callable[[Mapping[str, Tensor]], nn.Module] | None = None
    """The network of the size of a file's tensors; None: it has one size."""


OFFICIAL: Mapping[str, OfficialNetwork] = MappingProxyType(
    {
        network.name: network
        for network in (
            OfficialNetwork(
                name="eccv16",
                description="313 ab bins, annealed mean; lively, each frame alone",
                paper="Zhang, Isola, Efros: Colorful Image Colorization, ECCV 2016",
                make=Eccv16,
                url=f"{_ZHANG}colorization_release_v2-9b330a0b.pth",
                sha256="9b330a0bae53f4ded77b1e23defbf78beaa09c10ebc4c4999e8e4f4a160b93f9",
                licence="none stated for the weights, BSD-2-Clause for the code",
                terms=_ZHANG_TERMS,
                source="github.com/richzhang/colorization",
            ),
            OfficialNetwork(
                name="siggraph17",
                description="U-Net that takes colour hints; calm, each frame alone",
                paper="Zhang et al.: Real-Time User-Guided Image Colorization with Learned Deep Priors, SIGGRAPH 2017",
                make=Siggraph17,
                url=f"{_ZHANG}siggraph17-df00044c.pth",
                sha256="df00044c0a4d7c3edcecf6f75437ce346a66e7a42612d9b968e1a7e17dbc6f66",
                licence="none stated for the weights, BSD-2-Clause for the code",
                terms=_ZHANG_TERMS,
                source="github.com/richzhang/colorization",
            ),
            OfficialNetwork(
                name="lai",
                description="recurrent network that steadies the frames of any other; no optical flow",
                paper="Lai et al.: Learning Blind Video Temporal Consistency, ECCV 2018",
                make=Lai,
                url="",  # its server has answered 404 since 2019, and no copy is known
                sha256="",
                licence="none stated for the weights, MIT for the code",
                terms="The authors say nothing of the weights.",
                source="github.com/phoenix104104/fast_blind_video_consistency",
                ignored=("norm_layer.running_mean", "norm_layer.running_var", "norm_layer.num_batches_tracked"),
            ),
            OfficialNetwork(
                name="zhao",
                description="eccv16 that has learned what things are, too; each frame alone",
                paper="Zhao, Liu, Snoek, Han, Shao: Pixel-level Semantics Guided Image Colorization, BMVC 2018",
                make=Zhao,
                url="",  # its authors published none
                sha256="",
                licence="as their trainer says",
                terms="There is no file of the authors; kinemacolor.training.zhao makes one, and it is bound by the "
                "terms of the photos and labels that it was trained on.",
                source="none; trained by the user",
                like=zhao_like,
            ),
            OfficialNetwork(
                name="ddcolor-t",
                description="colour queries over a small ConvNeXt; lively, each frame alone",
                paper=_DDCOLOR_PAPER,
                make=partial(DDColor, TINY),
                url="https://huggingface.co/piddnad/DDColor-models/resolve/main/ddcolor_paper_tiny.pth",
                sha256="",
                licence="Apache-2.0",
                terms=_DDCOLOR_TERMS,
                source="github.com/piddnad/DDColor",
                ignored=_DDCOLOR_IGNORED,
            ),
            OfficialNetwork(
                name="ddcolor-l",
                description="colour queries over a large ConvNeXt; lively, each frame alone",
                paper=_DDCOLOR_PAPER,
                make=partial(DDColor, LARGE),
                url="https://modelscope.cn/models/damo/cv_ddcolor_image-colorization/resolve/master/pytorch_model.pt",
                sha256="17c460d7e55b32a598370621d77173be59e03c24b0823f06821db23a50c263ce",  # as others have noted it
                licence="Apache-2.0",
                terms=_DDCOLOR_TERMS,
                source="github.com/piddnad/DDColor",
                ignored=_DDCOLOR_IGNORED,
                others="ddcolor_paper, ddcolor_artistic",
            ),
        )
    }
)


def official_network(name: str) -> OfficialNetwork:
    """The network of a name.

    Raises:
        UnknownModelError: There is none.
    """
    if name not in OFFICIAL:
        raise UnknownModelError(f"no network {name!r}; there are: {', '.join(OFFICIAL)}")
    return OFFICIAL[name]
