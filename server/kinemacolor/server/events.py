"""What can happen to a clip (events) and what its machine wants done (instructions).

Lumas, proposals, states and chroma are opaque here: the machine passes them on and never looks inside. `generation`
tells results of work that cannot be stopped any more (a running network) from wanted ones: the machine raises it
whenever the line of frames breaks, and drops results of an older one.
"""

from dataclasses import dataclass
from enum import Enum

from kinemacolor.wire.frame import FrameNumber
from kinemacolor.wire.reasons import ErrorReason


class ClipPhase(Enum):
    """Where a clip stands."""

    DETACHED = "detached"
    """No stream; the state waits for a resume."""
    STREAMING = "streaming"
    SEEKING = "seeking"
    """A seek waits for the frames before it."""
    ENDING = "ending"
    """EndClip was read; the last frames are on their way."""
    CLOSED = "closed"
    """Ended, evicted or failed: the machine takes no more events."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A state that was read back: the clip can go on at `next_frame`."""

    next_frame: FrameNumber
    shot_start: FrameNumber
    state: object | None = None
    """None at a shot start."""
    luma: bytes = b""
    """Of the frame before `next_frame`; empty at a shot start."""


# ---- events ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamAttached:
    """A stream opened this clip; allowed in DETACHED only."""

    first_frame: FrameNumber
    restart: bool = False
    earliest_frame: FrameNumber | None = None
    """The client can go back to here; None: not before `first_frame`."""
    restored: Restored | None = None
    """The last snapshot that lies between the two."""


@dataclass(frozen=True, slots=True)
class StreamLost:
    """The stream is gone without EndClip."""


@dataclass(frozen=True, slots=True)
class FrameArrived:
    """One luma plane, checked for size."""

    number: FrameNumber
    luma: bytes
    pre_roll: bool = False


@dataclass(frozen=True, slots=True)
class ShotChanged:
    """The client says that a shot begins at `number`; remembered for the life of the clip."""

    number: FrameNumber


@dataclass(frozen=True, slots=True)
class SeekRequested:
    """The client wants to go on at `number`."""

    number: FrameNumber


@dataclass(frozen=True, slots=True)
class EndRequested:
    """EndClip was read."""


@dataclass(frozen=True, slots=True)
class ProposalDone:
    """The frame network has finished a frame; `is_cut` compares it with the frame before."""

    number: FrameNumber
    generation: int
    proposal: object
    is_cut: bool


@dataclass(frozen=True, slots=True)
class StepDone:
    """The temporal network has finished a frame."""

    number: FrameNumber
    generation: int
    state: object
    chroma: object


@dataclass(frozen=True, slots=True)
class WorkWaits:
    """A frame waits for its turn on the device, or for the start of its shot: neither lost nor forgotten."""

    generation: int


@dataclass(frozen=True, slots=True)
class WorkFailed:
    """A network failed on a frame."""

    number: FrameNumber
    generation: int
    reason: ErrorReason
    message: str


@dataclass(frozen=True, slots=True)
class Evicted:
    """The clip has to go: an operator, the idle limit, or room for others."""

    message: str
    keeps_snapshots: bool = False
    """True: only its place is needed, it may come back."""


@dataclass(frozen=True, slots=True)
class SnapshotFound:
    """What there was to FindSnapshot."""

    generation: int
    restored: Restored | None


Event = (
    StreamAttached
    | StreamLost
    | FrameArrived
    | ShotChanged
    | SeekRequested
    | EndRequested
    | ProposalDone
    | StepDone
    | WorkWaits
    | WorkFailed
    | Evicted
    | SnapshotFound
)

# ---- instructions ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunPropose:
    """Run the frame network. May be batched with anything, ahead of everything."""

    number: FrameNumber
    generation: int
    luma: bytes
    previous_luma: bytes | None
    """The luma to detect a cut against; None: no detection, the answer is `is_cut=False`."""


@dataclass(frozen=True, slots=True)
class RunStep:
    """Run the temporal network; at most one per clip is under way."""

    number: FrameNumber
    generation: int
    state: object | None
    """None: a shot begins, start from the model's initial state."""
    proposal: object


@dataclass(frozen=True, slots=True)
class EmitOpened:
    """Tell the client where it stands."""

    resume_from: FrameNumber
    resumed: bool


@dataclass(frozen=True, slots=True)
class EmitFrame:
    """Answer a frame."""

    number: FrameNumber
    chroma: object
    shot: FrameNumber
    """The first frame of its shot."""

    @property
    def shot_start(self) -> bool:
        """True if the state was reset before this frame."""
        return self.number == self.shot


@dataclass(frozen=True, slots=True)
class EmitProgress:
    """Pre-roll through this number is consumed, or a seek to the number after it is done, or that number takes long."""

    consumed_through: int
    shot: FrameNumber | None = None
    """The first frame of the shot of this frame, if it has just been consumed."""


@dataclass(frozen=True, slots=True)
class EmitNeedFrames:
    """Ask for pre-roll."""

    first: FrameNumber
    last: FrameNumber


@dataclass(frozen=True, slots=True)
class EmitFrameError:
    """This frame will have no colour."""

    number: FrameNumber
    reason: ErrorReason
    message: str


@dataclass(frozen=True, slots=True)
class EmitEnded:
    """All frames are answered."""

    frames_answered: int
    shots: int


@dataclass(frozen=True, slots=True)
class RefuseStream:
    """End the stream with a status; the clip lives on unless ReleaseClip follows."""

    reason: ErrorReason
    message: str
    expected: FrameNumber | None = None


@dataclass(frozen=True, slots=True)
class ReleaseClip:
    """Forget the clip; its state is gone."""


@dataclass(frozen=True, slots=True)
class SaveSnapshot:
    """Make durable that the clip can go on at `next_frame`, when the disk has time."""

    next_frame: FrameNumber
    shot_start: FrameNumber
    state: object | None
    """None at a shot start."""
    luma: bytes
    """Of the frame before `next_frame`; empty at a shot start."""
    needed: FrameNumber
    """The client has the answers of all frames before this one: it goes on here or later."""
    expected: FrameNumber
    """The client goes on here at the latest."""


@dataclass(frozen=True, slots=True)
class FindSnapshot:
    """Look for the last snapshot to go on from at a frame from `lowest` to `highest`; answer with SnapshotFound."""

    generation: int
    lowest: FrameNumber
    highest: FrameNumber


Instruction = (
    RunPropose
    | RunStep
    | EmitOpened
    | EmitFrame
    | EmitProgress
    | EmitNeedFrames
    | EmitFrameError
    | EmitEnded
    | RefuseStream
    | ReleaseClip
    | SaveSnapshot
    | FindSnapshot
)
