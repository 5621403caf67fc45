"""The networks of others that this project knows: where their authors' weights are, and under which terms.

Addresses, hashes and layouts: richzhang/colorization, phoenix104104/fast_blind_video_consistency, piddnad/DDColor,
jantic/DeOldify, ChenyangLEI/automatic-video-colorization (November 2026).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from torch import Tensor, nn

from kinemacolor.models.errors import UnknownModelError
from kinemacolor.models.networks.ddcolor import LARGE, REDUCED, TINY, DDColor, DDColorSettings
from kinemacolor.models.networks.deoldify import DEEP, WIDE, Deoldify, DeoldifySettings
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.favc import FavcColour, FavcImage, FavcRefine
from kinemacolor.models.networks.lai import Lai
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.networks.sizes import (
    eccv16_reduced,
    favc_reduced,
    favc_refine_reduced,
    zhao_of_paper,
    zhao_reduced,
)
from kinemacolor.models.networks.vgg19 import Vgg19
from kinemacolor.models.networks.zhao import Zhao

__all__ = ["OFFICIAL", "OfficialNetwork", "official_network"]

_ZHANG = "https://colorizers.s3.us-east-2.amazonaws.com/"
_DEEPAI = "https://data.deepai.org/deoldify/"

_ZHANG_TERMS = (
    "The authors say nothing of the weights, which were trained on ImageNet, whose terms allow non-commercial "
    "research and education."
)


_FAVC_DRIVE = "https://hkustconnect-my.sharepoint.com/:u:/g/personal/cleiaa_connect_ust_hk/"
_FAVC_MODELS = f"{_FAVC_DRIVE}EX1uICZZJghHidfgeL8NdDMB5Pz9xtp7wXZ7PFGuGYII1Q?e=y35LiY&download=1"


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
    trainer: str = ""
    """The module of this project that trains it, where its authors have no file of it: a size of ours."""
    page: str = ""
    """What a person finds where, if a program cannot fetch it."""
    tf_scope: str = ""
    """Of the network's variables in a checkpoint of TensorFlow, with what stands before a layer's name."""
    needs: tuple[str, ...] = ()
    """Names of the other networks without which the model of this name does not run."""
    like: Callable[[Mapping[str, Tensor]], nn.Module] | None = None
    """The network of the size of a file's tensors; None: it has one size."""
    smaller_than: tuple[str, ...] = ()
    """Names of the paper's networks that this one is a reduced form of."""


def _ddcolor(
    name: str, url: str, settings: DDColorSettings, description: str, *, sha256: str = "", others: str = ""
) -> OfficialNetwork:
    return OfficialNetwork(
        name=name,
        description=description,
        paper="Kang, Yang, Ouyang, Ren, Li, Xie: DDColor: Towards Photo-Realistic Image Colorization via Dual "
        "Decoders, ICCV 2023",
        make=partial(DDColor, settings),
        url=url,
        sha256=sha256,
        licence="Apache-2.0",
        terms="That is the licence of the code, and as others report of the weights, too, by the cards beside them; "
        "they were trained on ImageNet, whose terms allow non-commercial research and education.",
        source="github.com/piddnad/DDColor",
        # A classifier that the training of the encoder left behind.
        ignored=("encoder.arch.head_cls.weight", "encoder.arch.head_cls.bias"),
        others=others,
    )


def _ddcolor_reduced() -> OfficialNetwork:
    return replace(
        _ddcolor("ddcolor-reduced", "", REDUCED, "DDColor at reduced width: weights trained with this project"),
        licence="CC-BY-NC-4.0, if trained on this project's photos",
        terms="Reduced weights, made by training here and not by the authors: their terms are those of the photos.",
        trainer="kinemacolor.training.ddcolor",
    )


def _deoldify(name: str, url: str, settings: DeoldifySettings, description: str) -> OfficialNetwork:
    return OfficialNetwork(
        name=name,
        description=description,
        paper="Antic: DeOldify, 2018 to 2019 (no paper), after Zhang et al.: Self-Attention GAN, ICML 2019",
        make=lambda: Deoldify(settings),
        url=url,
        sha256="",  # the project publishes none
        licence="MIT, for code and weights",
        terms="The authors' README releases them so. They were trained on ImageNet, whose terms allow non-commercial "
        "research and education.",
        source="github.com/jantic/DeOldify",
    )


def _deoldify_reduced() -> OfficialNetwork:
    reduced = replace(DEEP, width=8)
    return replace(
        _deoldify("deoldify-reduced", "", reduced, "DeOldify at reduced width: weights trained with this project"),
        licence="CC-BY-NC-4.0, if trained on this project's photos",
        terms="Reduced weights, made by training here and not by the authors: their terms are those of the photos.",
        trainer="kinemacolor.training.deoldify",
    )


def _reduced(
    name: str,
    description: str,
    paper: str,
    like: Callable[[Mapping[str, Tensor]], nn.Module],
    trainer: str,
    *,
    smaller_than: tuple[str, ...],
    needs: tuple[str, ...] = (),
    also: str = "",
) -> OfficialNetwork:
    return OfficialNetwork(
        name=name,
        description=description,
        paper=paper,
        make=lambda: like({}),
        url="",
        sha256="",
        licence="CC-BY-NC-4.0, if trained on this project's photos",
        terms="Reduced weights, made by training here and not by the authors: their terms are those of the "
        f"photos.{also}",
        source=f"none; {trainer}",
        trainer=trainer,
        needs=needs,
        like=like,
        smaller_than=smaller_than,
    )


def _favc(
    name: str, make: Callable[[], nn.Module], description: str, page: str, tf_scope: str, needs: tuple[str, ...] = ()
) -> OfficialNetwork:
    return OfficialNetwork(
        name=name,
        description=description,
        paper=_FAVC_PAPER,
        make=make,
        url="",
        sha256="",
        licence="none stated for the weights",
        terms="The authors say nothing of the weights, which were trained on ImageNet and DAVIS, whose terms allow "
        "non-commercial research and education.",
        source="github.com/ChenyangLEI/automatic-video-colorization",
        page=page,
        tf_scope=tf_scope,
        needs=needs,
    )


_ECCV16_PAPER = "Zhang, Isola, Efros: Colorful Image Colorization, ECCV 2016"
_ZHAO_PAPER = "Zhao, Liu, Snoek, Han, Shao: Pixel-level Semantics Guided Image Colorization, BMVC 2018"
_FAVC_PAPER = "Lei, Chen: Fully Automatic Video Colorization with Self-Regularization and Diversity, CVPR 2019"

OFFICIAL: Mapping[str, OfficialNetwork] = MappingProxyType(
    {
        network.name: network
        for network in (
            OfficialNetwork(
                name="eccv16",
                description="313 ab bins, annealed mean; lively, each frame alone",
                paper=_ECCV16_PAPER,
                make=Eccv16,
                url=f"{_ZHANG}colorization_release_v2-9b330a0b.pth",
                sha256="9b330a0bae53f4ded77b1e23defbf78beaa09c10ebc4c4999e8e4f4a160b93f9",
                licence="none stated for the weights, BSD-2-Clause for the code",
                terms=_ZHANG_TERMS,
                source="github.com/richzhang/colorization",
            ),
            _reduced(
                "eccv16-reduced",
                "eccv16 at reduced width: weights trained with this project",
                _ECCV16_PAPER,
                eccv16_reduced,
                "kinemacolor.training.eccv16",
                smaller_than=("eccv16",),
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
            _ddcolor(
                "ddcolor-t",
                "https://huggingface.co/piddnad/DDColor-models/resolve/main/ddcolor_paper_tiny.pth",
                TINY,
                "colour queries over a small ConvNeXt; lively, each frame alone",
            ),
            _ddcolor(
                "ddcolor-l",
                "https://modelscope.cn/models/damo/cv_ddcolor_image-colorization/resolve/master/pytorch_model.pt",
                LARGE,
                "colour queries over a large ConvNeXt; lively, each frame alone",
                sha256="17c460d7e55b32a598370621d77173be59e03c24b0823f06821db23a50c263ce",  # as others have noted it
                others="ddcolor_paper, ddcolor_artistic",
            ),
            _ddcolor_reduced(),
            _deoldify(
                "deoldify-video",
                f"{_DEEPAI}ColorizeVideo_gen.pth",
                WIDE,
                "wide U-Net trained for film: calm, few colours; each frame alone",
            ),
            _deoldify(
                "deoldify-stable",
                # The README's address ends in dl=0, which is a page around the file.
                "https://www.dropbox.com/s/axsd2g85uyixaho/ColorizeStable_gen.pth?dl=1",
                WIDE,
                "wide U-Net trained for portraits and landscapes; each frame alone",
            ),
            _deoldify(
                "deoldify-artistic",
                f"{_DEEPAI}ColorizeArtistic_gen.pth",
                DEEP,
                "deep U-Net: lively colours, least stable; each frame alone",
            ),
            _deoldify_reduced(),
            OfficialNetwork(
                name="zhao",
                description="eccv16 that has learned what things are, too; each frame alone",
                paper=_ZHAO_PAPER,
                make=Zhao,
                url="",  # its authors published none
                sha256="",
                licence="as their trainer says",
                terms="There is no file of the authors; kinemacolor.training.zhao makes one, and it is bound by the "
                "terms of the photos and labels that it was trained on.",
                source="none; trained by the user",
                like=zhao_of_paper,
            ),
            _reduced(
                "zhao-reduced",
                "zhao at reduced width: weights trained with this project",
                _ZHAO_PAPER,
                zhao_reduced,
                "kinemacolor.training.zhao",
                smaller_than=("zhao",),
            ),
            _favc(
                "favc",
                FavcColour,
                "four colour pictures of a frame, on features of VGG19",
                f"model_div_woflow/model.ckpt.* in pretrained_models.zip, {_FAVC_MODELS}",
                "individual/g_",
                needs=("vgg19", "favc-refine"),
            ),
            _favc(
                "favc-refine",
                FavcRefine,
                "brings the frames of favc in line with each other, along optical flow",
                "a checkpoint, https://drive.google.com/file/d/1u1w1mhcWVtrTJxZ9hg-FJ3bqV676skod/view",
                "VCRNr_",
            ),
            _favc(
                "favc-image",
                FavcImage,
                "the same authors' network for single pictures, on features of VGG19",
                f"model_imagecolor/model.ckpt.* in pretrained_models.zip, {_FAVC_MODELS}",
                "siamese_nework/g_",
                needs=("vgg19",),
            ),
            _reduced(
                "favc-reduced",
                "favc at reduced width, on features of MobileNetV2, with weights trained by this project",
                _FAVC_PAPER,
                favc_reduced,
                "kinemacolor.training.favc",
                smaller_than=("favc", "vgg19"),
                needs=("favc-refine-reduced",),
                also=" Its encoder is MobileNetV2 of google-coral/test_data (Apache-2.0), trained on ImageNet, whose "
                "terms allow non-commercial research and education.",
            ),
            _reduced(
                "favc-refine-reduced",
                "refinement of favc-reduced: weights trained with this project",
                _FAVC_PAPER,
                favc_refine_reduced,
                "kinemacolor.training.favc",
                smaller_than=("favc-refine",),
            ),
            OfficialNetwork(
                name="vgg19",
                description="features for favc; colours nothing itself",
                paper="Simonyan, Zisserman: Very Deep Convolutional Networks for Image Recognition, ICLR 2015",
                make=Vgg19,
                url="",
                sha256="",
                licence="CC-BY-4.0, as others report",
                terms="It was trained on ImageNet, whose terms allow non-commercial research and education.",
                source="www.robots.ox.ac.uk/~vgg/research/very_deep",
                page=(
                    "imagenet-vgg-verydeep-19.mat in VGG_Model.zip, "
                    f"{_FAVC_DRIVE}EZeGsvuqh1dJr0E2Fxf6IKoBQ7wZpGi3NFqZxhzC8-3GHg?e=LLWUZT&download=1"
                ),
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
