"""What a render is asked to do, as values."""

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path

from kinemacolor.client.access import AccessFiles
from kinemacolor.client.address import ServerAddress
from kinemacolor.client.reconnect import ReconnectPolicy
from kinemacolor.colour.encoding import Transfer
from kinemacolor.media.sequence_reader import Missing
from kinemacolor.media.types import EncodeOptions
from kinemacolor.picture.proxy import QUALITY_SHORT_SIDE_PX
from kinemacolor.picture.upsampling import Upsampling
from kinemacolor.render.guides import GuideOptions
from kinemacolor.store.folder import DEFAULT_MAX_BYTES


class Quality(Enum):
    """How large the network sees the film. Always the same for a name, whatever the film's size or the host's proxy."""

    DRAFT = "draft"
    STANDARD = "standard"
    HIGH = "high"

    @property
    def short_side_px(self) -> int:
        """Short side of the luma that goes to the network."""
        return QUALITY_SHORT_SIDE_PX[self.value]


class ProgressStyle(Enum):
    """How progress is told."""

    AUTO = "auto"
    """A bar on stderr if that is a terminal."""
    JSON = "json"
    """One JSON object per line on stdout."""
    NONE = "none"


class ToneUse(Enum):
    """What becomes of the tone of a sepia, toned or tinted print."""

    REMOVE = "remove"
    """The network sees the luma before it; the picture has the network's colours only."""
    KEEP = "keep"
    """The same, and the picture has the print's own tone beside the colours."""
    IGNORE = "ignore"
    """The network sees the film's luma as it is."""


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames `first` to `last`, both included, in the source's numbering."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Times from the film's beginning, in seconds: `start` included, `end` not; None leaves that side open."""

    start: Fraction | None
    end: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Which server colours the film."""

    address: ServerAddress | None = None
    """None: a private one, with the settings below."""
    device: str | None = None
    threads: int | None = None
    patience_seconds: float = ReconnectPolicy().patience_seconds
    """How long the server may be gone before a render gives up."""
    access: AccessFiles = field(default_factory=AccessFiles)
    """For a server that `address` names."""


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """Of the list of frames where a person should help."""

    path: Path
    overwrite: bool = False
    """True: a file of that name is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmOptions:
    """Which film, and how its frames are read."""

    source: Path
    """A film, or an image sequence such as `scan.%04d.png`."""
    bob: bool = False
    """True: every field becomes a frame."""
    transfer: Transfer | None = None
    """Overrides the file's tag."""
    sequence_rate: Fraction | None = None
    missing: Missing = Missing.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourOptions(FilmOptions):
    """Which film, and which colours for it."""

    server: ServerOptions = ServerOptions()
    model: str = ""
    """Empty: the server's default."""
    variant: int = 1
    """Which of the model's distinct colourings, from 1, the likeliest."""
    guides: GuideOptions = field(default_factory=GuideOptions)
    """References and hints."""
    quality: Quality = Quality.STANDARD
    tone: ToneUse = ToneUse.REMOVE
    store: Path | None = None
    """Folder of the chroma store; None: it is not used."""
    store_bytes: int = DEFAULT_MAX_BYTES
    """What the store may take on disk."""
    shots: Path | None = None
    """A list of shots instead of detected cuts: an EDL or comma-separated values."""
    shots_start: str | None = None
    """Timecode of the film's first frame in an EDL; None: the film's own."""
    review: ReviewOptions | None = None
    """None: no list is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions(ColourOptions):
    """Everything that `kinemacolor render` can be told."""

    output: Path
    amount: float = 1.0
    """Factor on the chroma, 0 to 2; never changes luma."""
    upsampling: Upsampling = Upsampling.GUIDED
    allow_smaller: bool = False
    """True: a size that finds no memory is followed by the next smaller one (`work_size`)."""
    smaller_side_px: int | None = None
    """Short side that is taken in place of that of `quality`; None: none is."""
    range: FrameRange | TimeRange | None = None
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    disk_full_wait_seconds: float = 300.0
    resume: bool = False
    """True: go on with the finished parts of an earlier run that ended early."""
    keep_going: bool = False
    """True: if the input breaks off, what came before is kept under a name of its own."""
    dry_run: bool = False
    progress: ProgressStyle = ProgressStyle.AUTO
    quiet: bool = False

    @property
    def short_side_px(self) -> int:
        """Short side of the luma that goes to the network."""
        return self.quality.short_side_px if self.smaller_side_px is None else self.smaller_side_px
