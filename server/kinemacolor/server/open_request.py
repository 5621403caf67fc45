"""OpenClip and the guides after it, checked: what a client asks for when it opens a clip."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kinemacolor.colour.encoding import Transfer
from kinemacolor.server.guided_shots import GuidedShot, guided_shots
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire import codec
from kinemacolor.wire.errors import WireError
from kinemacolor.wire.frame import ClipKey, FrameNumber, Geometry, GuideFrame
from kinemacolor.wire.limits import MAX_CLIENT_NAME_CHARS, MAX_GUIDES, MAX_VARIANT
from kinemacolor.wire.reasons import ErrorReason


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """The settings that reach the network: a clip is resumed only if all of them are equal."""

    model: str
    """Empty: the server's default."""
    geometry: Geometry
    transfer: Transfer
    shot_starts: tuple[FrameNumber, ...] | None
    want_confidence: bool
    variant: int = 1
    guided_shots: tuple[GuidedShot, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """One OpenClip within all limits."""

    clip_key: ClipKey
    settings: ClipSettings
    first_frame: FrameNumber
    earliest_frame: FrameNumber
    """At most first_frame."""
    restart: bool
    client_name: str
    is_interactive: bool = False
    """A person waits for its frames."""
    guide_count: int = 0
    """Guides that follow the OpenClip."""


def check_open(message: pb.OpenClip) -> OpenRequest:
    """Check every field of an OpenClip.

    Raises:
        WireError: GEOMETRY, BAD_FIELD, UNKNOWN_MODEL.
    """
    settings = ClipSettings(
        model=codec.check_model_name(message.model),
        geometry=codec.check_geometry(message.geometry),
        transfer=_check_transfer(message.transfer),
        shot_starts=codec.check_shot_starts(message),
        want_confidence=message.want_confidence,
        variant=_check_range("variant", message.variant, MAX_VARIANT) or 1,
    )
    first_frame = codec.check_frame_number(message.first_frame)
    return OpenRequest(
        clip_key=ClipKey(codec.check_clip_key(message.clip_key)),
        settings=settings,
        first_frame=first_frame,
        earliest_frame=_check_earliest(message, first_frame),
        restart=message.restart,
        client_name="".join(filter(str.isprintable, message.client_name[:MAX_CLIENT_NAME_CHARS])),
        is_interactive=message.priority == pb.PRIORITY_INTERACTIVE,
        guide_count=_check_guide_count(message, settings),
    )


def check_guide(message: pb.StreamFramesRequest, request: OpenRequest, before: GuideFrame | None) -> GuideFrame:
    """Check a message that comes where a guide is due.

    Args:
        message: What came.
        request: The OpenClip that announced guides.
        before: The guide before it, if there was one.

    Raises:
        WireError: OUT_OF_ORDER, BAD_FIELD, PLANE_SIZE.
    """
    kind = message.WhichOneof("message")
    if kind != "guide":
        text = f"expected {request.guide_count} guides after open_clip, found a message {kind}"
        raise WireError(ErrorReason.OUT_OF_ORDER, text)
    guide = codec.check_guide(message.guide, request.settings.geometry)
    if before is not None and guide.frame_number <= before.frame_number:
        text = f"expected a guide after frame {before.frame_number}, found one of frame {guide.frame_number}"
        raise WireError(ErrorReason.OUT_OF_ORDER, text)
    starts = request.settings.shot_starts or ()
    if not starts or guide.frame_number < starts[0]:
        raise WireError(ErrorReason.BAD_FIELD, f"frame {guide.frame_number} of a guide is in no shot of the edit list")
    return guide


def with_guides(request: OpenRequest, guides: Sequence[GuideFrame]) -> OpenRequest:
    """The request with the guides that followed it."""
    shots = guided_shots(guides, request.settings.shot_starts or ())
    return replace(request, settings=replace(request.settings, guided_shots=shots))


def _check_guide_count(message: pb.OpenClip, settings: ClipSettings) -> int:
    count = _check_range("guide_count", message.guide_count, MAX_GUIDES)
    if count and settings.shot_starts is None:
        raise WireError(ErrorReason.BAD_FIELD, "guides need shot_source EDIT_LIST: their shots have to be known")
    return count


def _check_range(name: str, value: int, highest: int) -> int:
    if not 0 <= value <= highest:
        raise WireError(ErrorReason.BAD_FIELD, f"{name} must be 0 to {highest}, found {value}")
    return value


def _check_transfer(code: int) -> Transfer:
    try:
        return Transfer(code)
    except ValueError as error:
        raise WireError(ErrorReason.BAD_FIELD, f"transfer must be set to a known value, found {code}") from error


def _check_earliest(message: pb.OpenClip, first_frame: FrameNumber) -> FrameNumber:
    if not message.HasField("earliest_frame"):
        return first_frame
    earliest = codec.check_frame_number(message.earliest_frame)
    if earliest > first_frame:
        text = f"earliest_frame must not be after first_frame {first_frame}, found {earliest}"
        raise WireError(ErrorReason.BAD_FIELD, text)
    return earliest
