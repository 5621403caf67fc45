"""Instructions of the clip machine as messages of the contract."""

from typing import cast

from kinemacolor.server import events as ev
from kinemacolor.server.engine import Chroma
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.frame import FrameNumber

_INT32_MAX = 2**31 - 1
"""36 minutes; a server that was frozen for longer must not lose a frame over its statistics."""


def color_frame(instruction: ev.EmitFrame, durable_through: FrameNumber | None) -> pb.StreamFramesResponse:
    """The answer to a frame, and what the client may drop."""
    chroma = cast(Chroma, instruction.chroma)
    return pb.StreamFramesResponse(
        color_frame=pb.ColorFrame(
            frame_number=instruction.number,
            shot_start=instruction.shot_start,
            durable_through=durable_through,
            queue_us=min(chroma.queue_us, _INT32_MAX),
            network_us=min(chroma.network_us, _INT32_MAX),
            temporal_us=min(chroma.temporal_us, _INT32_MAX),
            confidence=chroma.confidence,
            ab=chroma.ab,
        )
    )


def progress(instruction: ev.EmitProgress) -> pb.StreamFramesResponse:
    """Pre-roll is consumed."""
    return pb.StreamFramesResponse(progress=pb.Progress(consumed_through=instruction.consumed_through))


def need_frames(instruction: ev.EmitNeedFrames) -> pb.StreamFramesResponse:
    """Pre-roll is wanted."""
    return pb.StreamFramesResponse(need_frames=pb.NeedFrames(first=instruction.first, last=instruction.last))


def frame_error(instruction: ev.EmitFrameError) -> pb.StreamFramesResponse:
    """A frame has failed."""
    reason = cast(pb.ErrorReason, instruction.reason.value)
    error = pb.FrameError(frame_number=instruction.number, reason=reason, message=instruction.message)
    return pb.StreamFramesResponse(frame_error=error)


def clip_ended(instruction: ev.EmitEnded) -> pb.StreamFramesResponse:
    """The clip is complete."""
    ended = pb.ClipEnded(frames_answered=instruction.frames_answered, shots=instruction.shots)
    return pb.StreamFramesResponse(clip_ended=ended)
