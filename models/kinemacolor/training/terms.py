"""Under which terms the weights are that are trained here, and where the training pictures came from."""

import textwrap

__all__ = ["LICENCE", "SOURCES", "TERMS", "licence_text"]

LICENCE = "CC-BY-NC-4.0"
"""Terms of the weights: a part of the training pictures has non-commercial, research-only or unclear terms."""

TERMS = (
    "The weights were trained on photos and clips from research data sets, a part of which has non-commercial, "
    "research-only or unclear terms; use them for research and for private, non-commercial work. The code has a "
    "licence of its own."
)

SOURCES = (
    "trunk: ImageNet MobileNetV2 of google-coral/test_data (Apache-2.0)",
    "Flickr8k (research and education, non-commercial), from RlNZLER/Image-Text-Matching, quantumnaan/sic_translator",
    (
        "SUN scene database (research), from Yorkbenno, akshay993 and colegulino "
        "/Spatial-Pyramid-Matching-for-Scene-Classification, marvinbai/CMU-16720, "
        "nhantd/CMU16720-Scene-Classification, mishra39/16720_ComputerVision"
    ),
    "scene photos from several sets (none stated), from andre3racks/scene-classification",
    "house fronts and interiors (asks for a citation: Ahmed and Moustafa 2016), from emanhamed/Houses-dataset",
    (
        "cat and dog pictures (Asirra and others; none stated), from chanakya2734/Image-classification-using-CNN, "
        "Chuck-man/laba5"
    ),
    "Clothing Co-Parsing (Apache-2.0), from bearpaw/clothing-co-parsing",
    "PASCAL VOC 2007 (Flickr terms), from BernieChen96/ImageClassification",
    "faces from the web (MIT stated), from chandrikadeb7/Face-Mask-Detection",
    (
        "ImageNet samples (non-commercial research and education), from EliSchwartz/imagenet-sample-images, "
        "zhangtao7750/syn"
    ),
    "sky and weather (unclear), from ndb796/weather_dataset",
    "Stanford Cars (non-commercial research), from fmejbah/car_dataset1",
    "BSDS500, training and validation part (non-commercial research and education), from BIDS/BSDS500",
    "raccoons from the web (MIT stated), from datitran/raccoon_dataset",
    "PolyU real-world noisy images (academic use), from csjunxu/PolyU-Real-World-Noisy-Images-Dataset",
    (
        "landscapes (Unsplash, CC0, CC BY-SA), from linuxdeepin/deepin-wallpapers, pop-os/wallpapers, "
        "elementary/wallpapers"
    ),
    (
        "clips (MIT stated by the repository, the clips are often from DAVIS 2017, the web or "
        "other sets), from KwaiVGI/LivePortrait, YBYBZhang/ControlVideo, aharley/pips, ali-vilab/videocomposer, "
        "andrewssobral/bgslibrary, finite-infinity/tensorflow-serving-yolov3, gaomingqi/Track-Anything, "
        "lixirui142/VidToMe, researchmm/STTN, udacity/CarND-LaneLines-P1"
    ),
    (
        "clips (Apache-2.0 stated; samples of Kinetics, UCF101, NTU, DAVIS 2017 among them), "
        "from open-mmlab/mmaction2, showlab/Tune-A-Video, google-ai-edge/mediapipe-samples, tensorflow/tfjs-models, "
        "PaddlePaddle/PaddleVideo, DepthAnything/Video-Depth-Anything, LiheYoung/Depth-Anything, dmlc/decord"
    ),
    (
        "clips: intel-iot-devkit/sample-videos (CC BY 4.0), mdn/learning-area (CC0), "
        "facebookresearch/co-tracker (CC BY-NC 4.0), sczhou/ProPainter (S-Lab 1.0, non-commercial), "
        "martin-danelljan/ECO (GPL-3.0; OTB), hyeonseobnam/py-MDNet (research licence; OTB), "
        "baaivision/vid2vid-zero, ChenyangLEI/deep-video-prior and imageio/imageio-binaries (none stated)"
    ),
)
"""Where the training pictures came from, with the terms that are stated or known."""


_LICENCE_TEXT = """\
Terms of the network weights of Kinemacolor

These terms are for the trained weights (*.safetensors in kinemacolor/models/weights) and for nothing else. The
code, with the recipe that makes the weights, is under the Apache License 2.0: see LICENSE.

Licence
-------

{licence}: Creative Commons Attribution-NonCommercial 4.0 International.
Full text: https://creativecommons.org/licenses/by-nc/4.0/legalcode

You may use, share and adapt the weights for non-commercial purposes if you name the Kinemacolor project, link to the
licence and say what you changed. They come as they are, without warranty of any kind.

Why, and what else to know
--------------------------

{terms}

The project can license only what is its own to license. It holds no rights in the training pictures, passes none of
them on, and has not cleared the terms of each picture. Whether such terms reach weights that were trained on the
pictures is not settled law everywhere: whoever wants to use the weights commercially has to train their own, on
pictures with fitting terms (docs/training.md tells how).

Sources
-------

With the terms that their repositories state or that are known of the data sets behind them:

{sources}
"""


def licence_text() -> str:
    """The text of LICENSE-WEIGHTS."""
    lines = [f"- {source}" for source in SOURCES]
    terms, sources = (
        "\n".join(textwrap.fill(line, 118, subsequent_indent=indent, break_on_hyphens=False) for line in part)
        for part, indent in (([TERMS], ""), (lines, "  "))
    )
    return _LICENCE_TEXT.format(licence=LICENCE, terms=terms, sources=sources)
