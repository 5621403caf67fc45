"""Messages to values and back. Everything that arrives is checked here, once, before anything is allocated for it."""

import re
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire import limits
from kinemacolor.wire.errors import WireError
from kinemacolor.wire.frame import ColorPlanes, FrameNumber, Geometry, GuideFrame, HintPoint
from kinemacolor.wire.hints import hint_colour, hint_sample
from kinemacolor.wire.reasons import ErrorReason

_CLIP_KEY = re.compile(rf"[A-Za-z0-9._:-]{{1,{limits.MAX_CLIP_KEY_CHARS}}}", re.ASCII)
_LUMA_DTYPE = np.dtype("<u2")
_AB_DTYPE = np.dtype("<i2")


def parse_request(data: bytes) -> pb.StreamFramesRequest:
    """Parse one message of the stream.

    Raises:
        WireError: MALFORMED; the text never repeats what the parser said.
    """
    try:
        request = pb.StreamFramesRequest.FromString(data)
    except DecodeError as error:
        raise WireError(ErrorReason.MALFORMED, "the message is no StreamFramesRequest") from error
    if request.WhichOneof("message") is None:
        raise WireError(ErrorReason.MALFORMED, "the message has no known content")
    return request


def check_clip_key(key: str) -> str:
    """Return a key that is fit for logs and file names, or raise WireError (BAD_FIELD)."""
    if not _CLIP_KEY.fullmatch(key) or set(key) <= {"."}:
        raise WireError(ErrorReason.BAD_FIELD, "clip_key must be 1 to 128 characters of [A-Za-z0-9._:-]")
    return key


def check_model_name(name: str) -> str:
    """Return a name that may be said again, in logs and answers, or raise WireError (UNKNOWN_MODEL)."""
    if len(name) > limits.MAX_MODEL_NAME_CHARS or not (name.isascii() and name.isprintable()):
        raise WireError(ErrorReason.UNKNOWN_MODEL, "no model of that name")
    return name


def check_geometry(message: pb.PlaneGeometry) -> Geometry:
    """Return a geometry within the limits, or raise WireError (GEOMETRY)."""
    width, height = message.width_px, message.height_px
    if not (1 <= width <= limits.MAX_SIDE_PX and 1 <= height <= limits.MAX_SIDE_PX):
        raise WireError(ErrorReason.GEOMETRY, f"sides must be 1 to {limits.MAX_SIDE_PX} px, found {width}x{height}")
    if width * height > limits.MAX_PLANE_SAMPLES:
        expected = f"at most {limits.MAX_PLANE_SAMPLES} samples"
        raise WireError(ErrorReason.GEOMETRY, f"{expected}, found {width}x{height}")
    return Geometry(width, height)


def check_frame_number(number: int) -> FrameNumber:
    """Return a frame number that has a successor, or raise WireError (BAD_FIELD)."""
    if not 0 <= number <= limits.MAX_FRAME_NUMBER:
        raise WireError(ErrorReason.BAD_FIELD, f"frame numbers are 0 to {limits.MAX_FRAME_NUMBER}, found {number}")
    return FrameNumber(number)


def check_shot_starts(open_clip: pb.OpenClip) -> tuple[FrameNumber, ...] | None:
    """The edit list of an OpenClip, strictly increasing, or None where cuts are to be detected.

    Raises:
        WireError: BAD_FIELD.
    """
    has_list = open_clip.shot_source == pb.SHOT_SOURCE_EDIT_LIST
    if not has_list:
        if open_clip.shot_source not in (pb.SHOT_SOURCE_UNSPECIFIED, pb.SHOT_SOURCE_DETECT):
            raise WireError(ErrorReason.BAD_FIELD, f"unknown shot_source {open_clip.shot_source}")
        if open_clip.HasField("edit_list"):
            raise WireError(ErrorReason.BAD_FIELD, "edit_list needs shot_source EDIT_LIST")
        return None
    listed = open_clip.edit_list.shot_starts
    if len(listed) > limits.MAX_SHOT_STARTS:
        raise WireError(ErrorReason.BAD_FIELD, f"at most {limits.MAX_SHOT_STARTS} shots, found {len(listed)}")
    starts = tuple(FrameNumber(start) for start in listed)
    if any(later <= earlier for earlier, later in pairwise(starts)) or min(starts, default=0) < 0:
        raise WireError(ErrorReason.BAD_FIELD, "shot_starts must be 0 or more and strictly increasing")
    return starts


def decode_luma(data: bytes, geometry: Geometry) -> NDArray[np.uint16]:
    """(H, W) read-only view of the luma of a Frame, without a copy.

    Raises:
        WireError: PLANE_SIZE.
    """
    expected = geometry.samples * _LUMA_DTYPE.itemsize
    if len(data) != expected:
        raise WireError(ErrorReason.PLANE_SIZE, f"luma must have {expected} bytes, found {len(data)}")
    return np.frombuffer(data, _LUMA_DTYPE).reshape(geometry.height_px, geometry.width_px)


def check_guide(message: pb.Guide, geometry: Geometry) -> GuideFrame:
    """The guide of a Guide message; its planes are read-only views.

    Raises:
        WireError: BAD_FIELD, PLANE_SIZE.
    """
    if len(message.hints) > limits.MAX_GUIDE_HINTS:
        raise WireError(ErrorReason.BAD_FIELD, f"at most {limits.MAX_GUIDE_HINTS} hints, found {len(message.hints)}")
    if not message.ab and not message.hints:
        raise WireError(ErrorReason.BAD_FIELD, "a guide needs a picture or hints")
    return GuideFrame(
        frame_number=check_frame_number(message.frame_number),
        luma=decode_luma(message.luma, geometry),
        ab=_decode_ab(message.ab, geometry) if message.ab else None,
        hints=_check_hints(message.hints, geometry),
    )


def encode_guide(guide: GuideFrame) -> pb.Guide:
    """The message of a guide."""
    return pb.Guide(
        frame_number=guide.frame_number,
        luma=encode_luma(guide.luma),
        ab=b"" if guide.ab is None else encode_ab(guide.ab),
        hints=[pb.Hint(x=hint.x, y=hint.y, radius=hint.radius, a=hint.a, b=hint.b) for hint in guide.hints],
    )


def _check_hints(messages: Iterable[pb.Hint], geometry: Geometry) -> tuple[HintPoint, ...]:
    """Hints within their ranges, of which no two give one sample two colours."""
    hints = tuple(_check_hint(message) for message in messages)
    colours: dict[tuple[int, int], tuple[float, float]] = {}
    for hint in hints:
        colour = hint_colour(hint)
        if colours.setdefault(hint_sample(hint, geometry), colour) != colour:
            raise WireError(ErrorReason.BAD_FIELD, f"two hints of different colours at {hint.x:.4g}, {hint.y:.4g}")
    return hints


def _check_hint(hint: pb.Hint) -> HintPoint:
    # Written so that a NaN fails.
    if not (0.0 <= hint.x <= 1.0 and 0.0 <= hint.y <= 1.0 and 0.0 <= hint.radius <= 0.5):
        raise WireError(ErrorReason.BAD_FIELD, "a hint's x and y are 0 to 1, its radius 0 to 0.5")
    if not (-128.0 <= hint.a <= 127.0 and -128.0 <= hint.b <= 127.0):
        raise WireError(ErrorReason.BAD_FIELD, "a hint's a and b are -128 to 127")
    return HintPoint(hint.x, hint.y, hint.radius, hint.a, hint.b)


def encode_luma(luma: NDArray[np.uint16]) -> bytes:
    """The bytes of a (H, W) uint16 plane."""
    return np.ascontiguousarray(luma, _LUMA_DTYPE).tobytes()


def encode_ab(ab: NDArray[np.int16]) -> bytes:
    """The bytes of (2, H, W) int16 planes."""
    return np.ascontiguousarray(ab, _AB_DTYPE).tobytes()


def decode_color_frame(message: pb.ColorFrame, geometry: Geometry) -> ColorPlanes:
    """The planes of a ColorFrame, as read-only views.

    Raises:
        WireError: PLANE_SIZE if the server sent another size than the clip's.
    """
    ab = _decode_ab(message.ab, geometry)
    shape = (geometry.height_px, geometry.width_px)
    if message.confidence and len(message.confidence) != geometry.samples:
        found = len(message.confidence)
        raise WireError(ErrorReason.PLANE_SIZE, f"confidence must have {geometry.samples} bytes, found {found}")
    return ColorPlanes(
        frame_number=FrameNumber(message.frame_number),
        ab=ab,
        shot_start=message.shot_start,
        provisional=message.provisional,
        durable_through=FrameNumber(message.durable_through) if message.HasField("durable_through") else None,
        queue_us=message.queue_us,
        network_us=message.network_us,
        temporal_us=message.temporal_us,
        confidence=np.frombuffer(message.confidence, np.uint8).reshape(shape) if message.confidence else None,
    )


def _decode_ab(data: bytes, geometry: Geometry) -> NDArray[np.int16]:
    expected = 2 * geometry.samples * _AB_DTYPE.itemsize
    if len(data) != expected:
        raise WireError(ErrorReason.PLANE_SIZE, f"ab must have {expected} bytes, found {len(data)}")
    return np.frombuffer(data, _AB_DTYPE).reshape(2, geometry.height_px, geometry.width_px)
