"""The values that pass between the reader, the renderer and the writer. No av here, so tests can make them by hand."""

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

from kinemacolor.colour.encoding import ColourEncoding, Siting
from kinemacolor.picture.pixel import PixelFormat, Samples


class FieldOrder(Enum):
    """Whether a picture is one moment or two woven ones."""

    PROGRESSIVE = "progressive"
    TOP_FIRST = "top field first"
    BOTTOM_FIRST = "bottom field first"


class TrackKind(Enum):
    """What a track carries that is not the film picture."""

    VIDEO = "video"
    """A second picture track or a cover picture; copied, never coloured."""
    AUDIO = "audio"
    SUBTITLE = "subtitle"
    DATA = "data"
    ATTACHMENT = "attachment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One track beside the film picture."""

    index: int
    """Stream index in the input file."""
    kind: TrackKind
    codec: str
    """FFmpeg codec name, `aac`, `subrip`, `tmcd`; for attachments the MIME type."""
    language: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What a source is, known before the first frame is coloured."""

    path: Path
    container: str
    """FFmpeg demuxer name, or `sequence`."""
    codec: str
    pixel_format: PixelFormat
    """Of the frames that the reader yields (planar, native endian)."""
    coded_format: str
    """FFmpeg name of what the decoder gave (`nv12`, `yuvj420p`), for messages."""
    width_px: int
    height_px: int
    encoding: ColourEncoding
    siting: Siting | None
    """None: the file does not say."""
    sample_aspect_ratio: Fraction
    """1 where unknown."""
    rotation_degrees: int
    """Display rotation from the display matrix, counter-clockwise, as FFmpeg reports it; pixels are not turned."""
    field_order: FieldOrder
    frame_rate: Fraction | None
    """Average rate; None if unknown (never used for time: pts are)."""
    time_base: Fraction
    """Unit of the pts of frames."""
    duration_seconds: Fraction | None
    frame_count: int | None
    """From the container, or estimated from duration and rate; None if unknown. For progress only."""
    timecode: str | None
    """Start timecode `HH:MM:SS:FF`, with `;` before FF for drop frame."""
    tracks: tuple[Track, ...] = ()
    chapters: int = 0
    is_colour: bool | None = None
    """True if the first frames carry visible chroma; None if not looked at."""
    metadata: dict[str, str] = field(default_factory=dict)
    is_toned: bool = False
    """True if the visible chroma is one tint that follows luma: a sepia or tinted print, not a colour film."""
    display_matrix: tuple[int, ...] | None = None
    """The nine numbers of the display matrix as FFmpeg stores them, flips included; None if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFrame:
    """One decoded picture with its exact time."""

    number: int
    """0-based position in the clip in presentation order; for sequences the number in the file name."""
    pts: int | None
    """In units of `time_base`; None where the container has none (raw streams)."""
    duration: int | None
    """In units of `time_base`."""
    time_base: Fraction
    planes: tuple[Samples, ...]
    """GRAY: (Y',). YUV: (Y', Cb, Cr). RGB: (R', G', B'). Read-only arrays that stay valid."""
    alpha: Samples | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPacket:
    """One packet of a copied track. `payload` is the av.Packet itself, opaque to all but the writer."""

    track_index: int
    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFrame:
    """One picture to encode, in the pixel format of the output plan."""

    number: int
    pts: int | None
    duration: int | None
    time_base: Fraction
    planes: tuple[Samples, ...]
    """YUV: (Y', Cb, Cr). RGB: (R', G', B')."""
    alpha: Samples | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeOptions:
    """What the user asked of the output; None means the good default of the container."""

    codec: str | None = None
    pixel_format: str | None = None
    codec_options: tuple[tuple[str, str], ...] = ()
    lossless: bool = False
    drop_unsupported: bool = False
    threads: int = 0
    """Encoder threads, 0 = a fixed number derived from the core count, recorded in the plan."""
    segment_frames: int = 240
    """Length of a closed segment."""
    overwrite: bool = False
    """Whether an existing output may be replaced (only once the new one is complete)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPlan:
    """Everything decided before frame 1. Making it is what refuses; executing it does not."""

    path: Path
    source: SourceInfo
    """What is coloured: its size, shape, rotation, rate, timecode and metadata go into the output."""
    container: str
    """FFmpeg muxer name, or `sequence`."""
    codec: str
    """FFmpeg encoder name."""
    codec_options: tuple[tuple[str, str], ...]
    pixel_format: PixelFormat
    encoding: ColourEncoding
    """Tags to write; the range is always written."""
    siting: Siting | None
    lossless: bool
    """True only if the encoder returns every sample as given."""
    threads: int
    segment_frames: int
    time_base: Fraction
    """Of the output track; equals the source's where the container can hold it."""
    time_exact: bool
    """False: pts are rounded to the nearest tick of `time_base`, to be said once."""
    copied_tracks: tuple[Track, ...]
    dropped_tracks: tuple[Track, ...]
    overwrite: bool = False
    notes: tuple[str, ...] = ()
    """One clear line each, for the person: rounded depth, rounded time base, assumed tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A finished, durable part of the output: a closed segment of a film, or one picture of a sequence."""

    index: int
    """Which part, counted from 0; all but the last have `OutputPlan.segment_frames` frames."""
    first: int
    """Position of its first frame in the output, counted from 0."""
    frames: int
    name: str
    """Of its file."""
    bytes: int
    sha256: str
    """Of its file, lower case hexadecimal."""
    origin_ticks: int = 0
    """What is taken off the time of every frame of this film."""
    last_tick: int = 0
    """Time of its last frame."""
    luma_squares: float = 0.0
    """What the encoder cost in Y': sum of squared differences over `luma_samples` samples of `luma_frames` frames."""
    luma_samples: int = 0
    luma_frames: int = 0
