"""`kinemacolor render` arguments: text to `RenderOptions`, every mistake in one line."""

import argparse
import math
import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from kinemacolor.client.access import AccessFiles
from kinemacolor.client.address import ServerAddress
from kinemacolor.client.model_names import with_temporal
from kinemacolor.colour.encoding import Transfer
from kinemacolor.media.frame_times import parse_frame_range, parse_time
from kinemacolor.media.sequence_reader import Missing
from kinemacolor.media.timecode import parse_timecode
from kinemacolor.media.types import EncodeOptions
from kinemacolor.picture.upsampling import Upsampling
from kinemacolor.render.errors import UsageError
from kinemacolor.render.guides import GuideOptions, parse_hint, parse_reference
from kinemacolor.render.options import (
    FrameRange,
    ProgressStyle,
    Quality,
    RenderOptions,
    ReviewOptions,
    ServerOptions,
    TimeRange,
    ToneUse,
)
from kinemacolor.render.project_file import Project, read_project
from kinemacolor.store.folder import DEFAULT_MAX_BYTES, default_folder
from kinemacolor.store.sizes import parse_bytes
from kinemacolor.wire.limits import MAX_VARIANT

_Value = TypeVar("_Value")
Add = Callable[..., argparse.Action]
"""`add_argument` of a parser or a group."""

TRANSFER_NAMES = {
    "bt709": Transfer.BT709,
    "gamma22": Transfer.GAMMA22,
    "gamma28": Transfer.GAMMA28,
    "smpte170m": Transfer.SMPTE170M,
    "smpte240m": Transfer.SMPTE240M,
    "linear": Transfer.LINEAR,
    "srgb": Transfer.SRGB,
    "bt2020-10": Transfer.BT2020_10,
    "bt2020-12": Transfer.BT2020_12,
    "pq": Transfer.PQ,
    "hlg": Transfer.HLG,
}

_STORE_HELP = "keep colours and take those that are there; after IN and OUT, or with a FOLDER (the user's cache)"

_EPILOG = """exit codes: 0 done, 1 error or output, 2 usage, 3 server, 4 input, 5 out of memory, 130 interrupted.

--progress json writes one object per line on stdout. Every object has "event":
  started   input, output, encoder, pixel_format, model, weights_sha256, licence, terms, device_class, width_px,
            height_px, network_width_px, network_height_px, frames_total
  note      text
  searching frames_done, frames_total
  progress  frames_done, frames_total, fps, eta_seconds, shot, elapsed_seconds
  done      frames, frames_resumed, frames_from_store, breaks, frames_recomputed, shots, fps, elapsed_seconds,
            limited_samples, luma_exact, luma_psnr_db, luma_psnr_frames, complete, output, output_bytes,
            network_width_px, network_height_px, review, review_places, review_left_out, review_unknown_frames
A film with references or hints and without --shots is searched for cuts first; `started` comes after that.
A failure is one line on stderr and the exit code. Unknown values are null."""


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong as an exception of ours instead of printing the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{message} ({self.prog} --help lists the options)")


def parse(arguments: Sequence[str]) -> RenderOptions:
    """The options of a render.

    Raises:
        UsageError: The arguments make no sense; one line.
        SystemExit: For --help.
    """
    values = _parser().parse_args(list(arguments))
    if values.store_size is not None and values.store is None:
        raise UsageError("--store-size is for --store")
    source = _one(values.inputs[:1], values.input, "IN")
    return RenderOptions(
        **colour_fields(source, values),
        output=_one(values.inputs[1:], values.output, "OUT"),
        amount=values.amount,
        upsampling=Upsampling(values.upsampling),
        allow_smaller=values.allow_smaller,
        range=_range(values),
        encode=EncodeOptions(
            codec=values.codec,
            pixel_format=values.pix_fmt,
            codec_options=tuple(values.encoder_option),
            lossless=values.lossless,
            drop_unsupported=values.drop_unsupported,
            overwrite=values.overwrite,
        ),
        disk_full_wait_seconds=values.disk_full_wait,
        resume=values.resume,
        keep_going=values.keep_going,
        dry_run=values.dry_run,
        progress=ProgressStyle(values.progress),
        quiet=values.quiet,
    )


def colour_fields(source: Path, values: argparse.Namespace) -> dict[str, Any]:
    """The fields of `ColourOptions`, from what `add_reading`, `add_model`, `add_tone` and so on read.

    Raises:
        UsageError: The arguments make no sense.
        ProjectFileError: The project file does not.
    """
    project = read_project(values.project) if values.project is not None else Project()
    return {
        "source": source,
        "bob": values.field == "bob",
        "transfer": TRANSFER_NAMES[values.transfer] if values.transfer else None,
        "sequence_rate": values.rate,
        "missing": Missing(values.missing),
        "server": _server(values),
        "model": _model(values, project),
        "variant": values.variant or project.variant or 1,
        "guides": _guides(values, project),
        "quality": Quality(values.quality or project.quality or Quality.STANDARD.value),
        "tone": ToneUse(values.tone),
        "store": values.store,
        "store_bytes": DEFAULT_MAX_BYTES if values.store_size is None else int(values.store_size),
        "review": ReviewOptions(values.review, values.overwrite) if values.review is not None else None,
        **_shots(values, project),
    }


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="kinemacolor render",
        usage="kinemacolor render IN OUT [OPTIONS]",
        description="Colour a black-and-white film. Luma, tracks and times of the film are kept.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_files(parser)
    _add_colour(parser)
    _add_encoder(parser)
    _add_running(parser)
    return parser


def _add_files(parser: OneLineParser) -> None:
    add = parser.add_argument_group("files").add_argument
    add("inputs", nargs="*", metavar="IN OUT", help="film or image sequence (scan.%%04d.png)")
    add("-i", dest="input", metavar="IN", help="the same as the first argument")
    add("-o", dest="output", metavar="OUT", help="the same as the second argument")
    add("-y", dest="overwrite", action="store_true", help="replace OUT and the list, but only by complete ones")
    add("--resume", action="store_true", help="go on with what an earlier run of this command had finished")
    add("--frames", type=checked(_frame_range), metavar="A-B", help="only these frames, both included")
    add("-ss", dest="start", type=checked(parse_time), metavar="TIME", help="from this time ([HH:]MM:SS[.mmm] or s)")
    add("-to", dest="end", type=checked(parse_time), metavar="TIME", help="up to this time")
    add("--keep-going", action="store_true", help="if IN breaks off, keep what is good as OUT's NAME.partial.EXT")
    add_reading(add)


def add_reading(add: Add) -> None:
    """How a film's frames are read, and where its shots begin."""
    add("--rate", type=checked(parse_rate), metavar="FPS", help="of an image sequence (24, 24000/1001)")
    add("--missing", choices=[item.value for item in Missing], default="error", help="numbers a sequence lacks")
    add("--shots", type=Path, metavar="FILE", help="the shots of IN, an EDL or CSV, instead of detected cuts")
    add("--shots-start", type=checked(parse_timecode), metavar="TIMECODE", help="of IN's first frame in the EDL")
    add("--field", choices=["bob"], help="interlaced film: every field becomes a frame")
    add("--transfer", choices=list(TRANSFER_NAMES), metavar="NAME", help=", ".join(TRANSFER_NAMES))


def add_model(add: Add) -> None:
    """What makes the colours."""
    add("--model", default="", metavar="NAME", help="kinemacolor models list shows them")
    add(
        "--temporal",
        default="",
        metavar="NAME",
        help="network that steadies the colours: none, lai, memory, refine (of favc)",
    )
    add("--quality", choices=[item.value for item in Quality], help="(standard)")
    add("--variant", type=checked(_variant), metavar="1..N", help="other colours that are plausible, too (1)")
    add(
        "--reference",
        type=checked(parse_reference),
        action="append",
        default=[],
        metavar="FRAME=PICTURE",
        help="a colour picture for the shot of FRAME; may be repeated",
    )
    add(
        "--hint",
        type=checked(parse_hint),
        action="append",
        default=[],
        metavar="FRAME:X,Y=#rrggbb[,RADIUS]",
        help="the colour at a point of FRAME, for its shot; fractions, or pixels (320px); may be repeated",
    )
    add("--project", type=Path, metavar="FILE", help="a file that says these (TOML); options add to it")


def add_review(add: Add) -> None:
    """What is said about the colours."""
    add("--review", type=Path, metavar="FILE", help="write a list of the frames where a person should help (NAME.csv)")


def add_tone(add: Add, uses: Iterable[ToneUse]) -> None:
    """What becomes of a print's tone."""
    add("--tone", choices=[use.value for use in uses], default="remove", help="of sepia or tinted prints (remove)")


def _add_colour(parser: OneLineParser) -> None:
    add = parser.add_argument_group("colour").add_argument
    add_model(add)
    add_review(add)
    add_tone(add, ToneUse)
    add("--amount", type=checked(_amount), default=1.0, metavar="0..2", help="strength of the colour (%(default)s)")
    add("--allow-smaller", action="store_true", help="of a size that finds no memory take a smaller one, and say so")
    add("--upsampling", choices=[item.value for item in Upsampling], default="guided", help="to full size (guided)")


def _add_encoder(parser: OneLineParser) -> None:
    add = parser.add_argument_group("encoder").add_argument
    add("-c", dest="codec", metavar="ENCODER", help="default: a good one for OUT's container")
    add("--pix-fmt", metavar="FORMAT", help="FFmpeg name; default: keeps the depth")
    add("-e", dest="encoder_option", type=checked(_key_value), action="append", default=[], metavar="KEY=VALUE")
    add("--lossless", action="store_true", help="every sample as computed; luma bit for bit")
    add("--drop-unsupported", action="store_true", help="leave out tracks that OUT's container cannot hold")


SERVER_HELP = "unix:/path, host:port or tls:host:port; default: own"


def add_server(add: Add) -> None:
    """Which server, and how long it may be gone."""
    add("--server", type=checked(ServerAddress.parse), metavar="ADDRESS", help=SERVER_HELP)
    add_access(add)
    add("--device", metavar="auto|cpu|cuda:N", help="of the own server")
    add("--threads", type=checked(_threads), metavar="N", help="of the own server's networks (all cores but one)")
    add(
        "--patience",
        type=checked(_wait),
        default=600.0,
        metavar="SECONDS",
        help="for a server that is gone (%(default)g)",
    )


def add_access(add: Add) -> None:
    """How the client shows who it is, and whom it trusts."""
    add("--token-file", type=Path, metavar="FILE", help="the server's token ($KINEMACOLOR_TOKEN[_FILE])")
    add("--tls-ca", type=Path, metavar="FILE", help="who signs the server's certificate ($KINEMACOLOR_TLS_CA)")
    add("--tls-cert", type=Path, metavar="FILE", help="own certificate ($KINEMACOLOR_TLS_CERT)")
    add("--tls-key", type=Path, metavar="FILE", help="its key ($KINEMACOLOR_TLS_KEY)")


def access_files(values: argparse.Namespace) -> AccessFiles:
    """What `add_access` read."""
    return AccessFiles(token=values.token_file, ca=values.tls_ca, certificate=values.tls_cert, key=values.tls_key)


def add_store_size(add: Add) -> None:
    """How large the store may become."""
    add("--store-size", type=checked(parse_bytes), metavar="SIZE", help="that the store may take (40G)")


def add_progress(add: Add) -> None:
    """How progress is told."""
    add("--progress", choices=[item.value for item in ProgressStyle], default="auto", help="(%(default)s)")
    add("-q", "--quiet", action="store_true", help="only errors")


def _add_running(parser: OneLineParser) -> None:
    add = parser.add_argument_group("running").add_argument
    add_server(add)
    add("--disk-full-wait", type=checked(_wait), default=300.0, metavar="SECONDS", help="(%(default)g)")
    add("--store", type=Path, nargs="?", const=default_folder(), metavar="FOLDER", help=_STORE_HELP)
    add_store_size(add)
    add("--dry-run", action="store_true", help="say what would be done; touch nothing")
    add_progress(add)


def _one(positional: list[str], named: str | None, what: str) -> Path:
    given = [*positional, *([named] if named is not None else [])]
    if len(given) != 1 or not given[0]:
        raise UsageError(f"expected one IN and one OUT (found {len(given)} for {what}): kinemacolor render IN OUT")
    return Path(given[0])


def _server(values: argparse.Namespace) -> ServerOptions:
    if values.server is not None and (values.device is not None or values.threads is not None):
        raise UsageError("--device and --threads are for the own server; they cannot be set with --server")
    return ServerOptions(
        address=values.server,
        device=values.device,
        threads=values.threads,
        patience_seconds=values.patience,
        access=access_files(values),
    )


def _model(values: argparse.Namespace, project: Project) -> str:
    try:
        return with_temporal(values.model or project.model, values.temporal)
    except ValueError as error:
        raise UsageError(f"--model {error}") from error


def _range(values: argparse.Namespace) -> FrameRange | TimeRange | None:
    by_time = values.start is not None or values.end is not None
    if values.frames is not None and by_time:
        raise UsageError("--frames and -ss/-to exclude each other")
    if values.start is not None and values.end is not None and values.start >= values.end:
        raise UsageError("-ss must be before -to")
    frames: FrameRange | None = values.frames
    return TimeRange(values.start, values.end) if by_time else frames


def _shots(values: argparse.Namespace, project: Project) -> dict[str, Any]:
    """The list of the project and its start belong together."""
    shots, start = values.shots, values.shots_start
    if shots is None:
        shots, start = project.shots, start or project.shots_start
    if start is not None and shots is None:
        raise UsageError("--shots-start is for a list of shots (--shots)")
    return {"shots": shots, "shots_start": start}


def _guides(values: argparse.Namespace, project: Project) -> GuideOptions:
    return project.guides.with_more(GuideOptions(tuple(values.reference), tuple(values.hint)))


# ---- words to values: each raises ValueError with one line ----


def checked(read: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """For argparse, which keeps the message of its own kind of error only."""

    def convert(text: str) -> _Value:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def _frame_range(text: str) -> FrameRange:
    return FrameRange(*parse_frame_range(text))


def parse_rate(text: str) -> Fraction:
    """Frames a second: `24`, `23.976` or `24000/1001`.

    Raises:
        ValueError: It is none; one line.
    """
    if not re.fullmatch(r"\d{1,9}(?:\.\d{1,6})?(?:/\d{1,9})?", text, re.ASCII) or text.endswith("/0"):
        raise ValueError(f"expected frames per second such as 24 or 24000/1001, found {text!r}")
    number, _, divisor = text.partition("/")
    rate = Fraction(number) / int(divisor or 1)
    if not 0 < rate <= 1000:
        raise ValueError(f"a rate is more than 0 and at most 1000, found {text}")
    return rate


def _amount(text: str) -> float:
    amount = _number(text, float)
    if not 0.0 <= amount <= 2.0:
        raise ValueError(f"the amount is 0 to 2, found {text}")
    return amount


def _variant(text: str) -> int:
    variant = _number(text, int)
    if not 1 <= variant <= MAX_VARIANT:
        raise ValueError(f"variants are 1 to {MAX_VARIANT}, found {text}")
    return variant


def _threads(text: str) -> int:
    threads = _number(text, int)
    if not 1 <= threads <= 1024:
        raise ValueError(f"threads are 1 to 1024, found {text}")
    return threads


def _wait(text: str) -> float:
    seconds = _number(text, float)
    if not 0.0 <= seconds < math.inf:
        raise ValueError(f"expected seconds, 0 or more, found {text}")
    return seconds


def _number(text: str, read: Callable[[str], _Value]) -> _Value:
    try:
        return read(text)
    except ValueError:
        raise ValueError(f"expected {'a whole number' if read is int else 'a number'}, found {text!r}") from None


def _key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError(f"expected KEY=VALUE, found {text!r}")
    return key, value
