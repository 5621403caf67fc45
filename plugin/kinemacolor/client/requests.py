"""What a caller asks for when it opens a clip, and what it gets told."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.codec import encode_guide
from kinemacolor.wire.frame import FrameNumber, Geometry, GuideFrame
from kinemacolor.wire.limits import MAX_GUIDE_HINTS, MAX_GUIDES
from kinemacolor.wire.text import as_characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each kind of answer may take, in seconds. Complete on purpose: no wait is without a bound."""

    connect: float = 10.0
    """From the first try to a healthy answer."""
    call: float = 10.0
    """One short question (ListModels, GetServerInfo)."""
    open: float = 180.0
    """OpenClip; the server may have to load and warm up the model first."""
    frame: float = 180.0
    """While the server owes anything: the longest silence. Not the age of a frame, so a deep queue is no timeout."""
    end: float = 180.0
    """From EndClip to ClipEnded."""
    close: float = 5.0
    """For the threads of a cancelled stream to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest:
    """The settings of a clip; the .proto says what each means."""

    clip_key: str
    geometry: Geometry
    transfer: int
    """Code point of ITU-T H.273 table 3, as in the .proto."""
    model: str = ""
    """Empty: the server's default."""
    first_frame: int = 0
    earliest_frame: int | None = None
    """The first frame that can still be sent, where that lies before `first_frame`; None: `first_frame`."""
    restart: bool = True
    """True: a state that the server keeps under this key is dropped."""
    want_confidence: bool = False
    shot_starts: tuple[int, ...] | None = None
    """None: the server detects the cuts."""
    guides: tuple[GuideFrame, ...] = ()
    """In the order of their frames; only with `shot_starts`."""
    variant: int = 1
    """Which of the model's distinct colourings, from 1, the likeliest."""
    client_name: str = "kinemacolor"
    is_interactive: bool = False
    """A person waits for the frames: they go before those of renders."""

    def __post_init__(self) -> None:
        """Refuse guides that no server takes: they are encoded where nobody could be told of an error any more."""
        numbers = [guide.frame_number for guide in self.guides]
        shape = (self.geometry.height_px, self.geometry.width_px)
        if numbers and self.shot_starts is None:
            raise ValueError("guides need shot_starts")
        if len(numbers) > MAX_GUIDES or any(later <= earlier for earlier, later in pairwise(numbers)):
            raise ValueError(f"expected at most {MAX_GUIDES} guides in the order of their frames, found {numbers}")
        for guide in self.guides:
            if guide.luma.shape != shape or (guide.ab is not None and guide.ab.shape != (2, *shape)):
                raise ValueError(f"the planes of a guide must be {shape}, found {guide.luma.shape}")
            if len(guide.hints) > MAX_GUIDE_HINTS:
                raise ValueError(f"expected at most {MAX_GUIDE_HINTS} hints, found {len(guide.hints)}")

    def messages(self) -> Iterator[pb.StreamFramesRequest]:
        """What a stream of this clip begins with: the OpenClip, and the guides."""
        yield pb.StreamFramesRequest(open_clip=self.message())
        for guide in self.guides:
            yield pb.StreamFramesRequest(guide=encode_guide(guide))

    def message(self) -> pb.OpenClip:
        """The OpenClip of this request."""
        has_list = self.shot_starts is not None
        return pb.OpenClip(
            clip_key=self.clip_key,
            model=self.model,
            geometry=pb.PlaneGeometry(width_px=self.geometry.width_px, height_px=self.geometry.height_px),
            transfer=cast(pb.Transfer, self.transfer),
            first_frame=self.first_frame,
            earliest_frame=self.earliest_frame,
            restart=self.restart,
            want_confidence=self.want_confidence,
            shot_source=pb.SHOT_SOURCE_EDIT_LIST if has_list else pb.SHOT_SOURCE_DETECT,
            edit_list=pb.EditList(shot_starts=self.shot_starts) if self.shot_starts is not None else None,
            # A file's name may hold bytes that are no characters, which no message takes.
            client_name=as_characters(self.client_name),
            priority=pb.PRIORITY_INTERACTIVE if self.is_interactive else pb.PRIORITY_BULK,
            guide_count=len(self.guides),
            variant=self.variant,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedClip:
    """The server's answer to an OpenRequest."""

    clip_key: str
    model: str
    weights_sha256: str
    device_class: str
    window: int
    resume_from: FrameNumber
    resumed: bool
    epoch: int
    resume_ttl_seconds: int
    licence: str
    terms: str

    @classmethod
    def from_message(cls, message: pb.ClipOpened) -> "OpenedClip":
        """The values of a ClipOpened."""
        return cls(
            clip_key=message.clip_key,
            model=message.model,
            weights_sha256=message.weights_sha256,
            device_class=message.device_class,
            window=message.window,
            resume_from=FrameNumber(message.resume_from),
            resumed=message.resumed,
            epoch=message.epoch,
            resume_ttl_seconds=message.resume_ttl_seconds,
            licence=message.licence,
            terms=message.terms,
        )


@dataclass(frozen=True, slots=True)
class ClipSummary:
    """The server's last word on a clip."""

    frames_answered: int
    shots: int
