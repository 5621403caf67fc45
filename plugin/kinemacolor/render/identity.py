"""Everything that decides a byte of an output, by name: two runs with the same values make the same parts."""

import hashlib
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import av
import cv2
import numpy as np

from kinemacolor.media.encoder import cpu_choice
from kinemacolor.media.errors import SourceError
from kinemacolor.media.frame_numbers import expand, sequence_pattern
from kinemacolor.media.types import OutputPlan
from kinemacolor.render.edit_list import EditList
from kinemacolor.render.guidance import Guidance
from kinemacolor.render.manifest import MadeOf
from kinemacolor.render.options import FrameRange, RenderOptions
from kinemacolor.render.tone import FilmTone
from kinemacolor.store.clip_file import ServerIdentity
from kinemacolor.wire.frame import Geometry

_END_BYTES = 1 << 20
_SIZE_KEY, _ASKED_SIZE_KEY = "the network's picture", "the network's picture that found no memory"
_COLOUR_KEYS = (
    "the model", "the weights' SHA-256", "the weights' licence", "the weights' terms", "the device class",
)  # fmt: skip


def made_of(
    options: RenderOptions,
    plan: OutputPlan,
    sizes: MadeOf,
    frames: FrameRange | None,
    edit_list: EditList | None,
    tone: FilmTone,
    guidance: Guidance,
) -> MadeOf:
    """What is known before the server is asked.

    Raises:
        SourceError: The input cannot be read.
    """
    return {
        **source_values(options.source),
        "the frames": "all" if frames is None else f"{frames.first}-{frames.last}",
        "the variant": str(options.variant),
        "the references and hints": guidance.hash or "none",
        "--shots": "none" if edit_list is None else _digest([repr(edit_list.starts).encode()]),
        "--field": "bob" if options.bob else "none",
        "--missing": options.missing.value,
        **sizes,
        "--amount": repr(options.amount),
        "--tone": tone.identity,
        "--upsampling": options.upsampling.value,
        **_plan_values(plan),
        "the software": build(),
    }


def size_of(geometry: Geometry) -> str:
    """Width and height in words."""
    return f"{geometry.width_px}x{geometry.height_px}"


def size_values(taken: Geometry, asked: Geometry) -> MadeOf:
    """The size of the network's picture; and the one that was asked for, where that was larger."""
    values = {_SIZE_KEY: size_of(taken)}
    return values if taken == asked else {**values, _ASKED_SIZE_KEY: size_of(asked)}


def colour_values(opened: ServerIdentity) -> MadeOf:
    """What the server adds."""
    terms = opened.terms
    values = (opened.model, opened.weights_sha256, terms.licence, terms.sentence, opened.device_class)
    return dict(zip(_COLOUR_KEYS, values, strict=True))


def colour_note(made: MadeOf) -> str:
    """Whose colours an output has, for its metadata."""
    model, weights, licence, terms = (made[key] for key in _COLOUR_KEYS[:4])
    said = (
        f"Colour by Kinemacolor {version('kinemacolor')}, model {model}, weights SHA-256 {weights}, "
        f"licence of the weights: {licence}"
    )
    if _ASKED_SIZE_KEY in made:
        said += f". The network's picture is {made[_SIZE_KEY]} in place of {made[_ASKED_SIZE_KEY]}, for want of memory"
    return f"{said}. {terms}" if terms else said


def source_values(path: Path) -> MadeOf:
    """Size, date and content of the input, as far as a look at its ends tells; of a sequence, of all its pictures."""
    pattern = sequence_pattern(path)
    try:
        if pattern is not None:
            return {"the input": _digest(_picture_words(pattern.path(number) for number in expand(pattern)))}
        status = path.stat()
        return {
            "the input's size": str(status.st_size),
            "the input's date": _date(status.st_mtime_ns),
            "the input's first and last bytes": _digest(_ends(path, status.st_size)),
        }
    except OSError as error:
        raise SourceError(f"{path}: {(error.strerror or str(error)).lower()}") from error


def build() -> str:
    """Versions of everything that computes samples or bytes here."""
    libraries = " ".join(f"{name[3:]} {'.'.join(map(str, found))}" for name, found in av.library_versions.items())
    return (
        f"kinemacolor {version('kinemacolor')}, PyAV {av.__version__} ({av.ffmpeg_version_info}; {libraries}), "
        f"numpy {np.__version__}, OpenCV {cv2.__version__}, {platform.machine()} {cpu_choice()}"
    )


def _plan_values(plan: OutputPlan) -> MadeOf:
    source = plan.source
    return {
        "the container": plan.container,
        "the encoder": plan.codec,
        "the encoder's options": " ".join(f"{key}={value}" for key, value in plan.codec_options) or "none",
        "the encoder's threads": str(plan.threads),
        "the pixel format": plan.pixel_format.name,
        "the colour tags": repr((plan.encoding, plan.siting)),
        "the time base": f"{plan.time_base} at {source.frame_rate}",
        "the length of segments": str(plan.segment_frames),
        "the copied tracks": " ".join(str(track.index) for track in plan.copied_tracks) or "none",
        "the shape": repr((source.sample_aspect_ratio, source.rotation_degrees, source.display_matrix)),
        "the timecode": str(source.timecode),
        "the chapters": str(source.chapters),
    }


def _date(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:09d} UTC"


def _ends(path: Path, size: int) -> Iterable[bytes]:
    with path.open("rb") as file:
        yield file.read(_END_BYTES)
        file.seek(max(0, size - _END_BYTES))
        yield file.read(_END_BYTES)


def _picture_words(paths: Iterable[Path]) -> Iterable[bytes]:
    for path in paths:
        status = path.stat()
        yield os.fsencode(f"{path.name} {status.st_size} {status.st_mtime_ns}\n")


def _digest(blocks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
