"""OpenClip, checked: what a client asks for when it opens a clip."""

from dataclasses import dataclass

from kinemacolor.colour.encoding import Transfer
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire import codec
from kinemacolor.wire.errors import WireError
from kinemacolor.wire.frame import ClipKey, FrameNumber, Geometry
from kinemacolor.wire.limits import MAX_CLIENT_NAME_CHARS
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


def check_open(message: pb.OpenClip) -> OpenRequest:
    """Check every field of an OpenClip.

    Raises:
        WireError: GEOMETRY, BAD_FIELD.
    """
    settings = ClipSettings(
        model=message.model,
        geometry=codec.check_geometry(message.geometry),
        transfer=_check_transfer(message.transfer),
        shot_starts=codec.check_shot_starts(message),
        want_confidence=message.want_confidence,
    )
    first_frame = codec.check_frame_number(message.first_frame)
    return OpenRequest(
        clip_key=ClipKey(codec.check_clip_key(message.clip_key)),
        settings=settings,
        first_frame=first_frame,
        earliest_frame=_check_earliest(message, first_frame),
        restart=message.restart,
        client_name="".join(filter(str.isprintable, message.client_name[:MAX_CLIENT_NAME_CHARS])),
    )


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
