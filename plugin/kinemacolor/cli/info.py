"""`kinemacolor info FILE`: what a film is, as the renderer sees it."""

from fractions import Fraction
from pathlib import Path

from kinemacolor.cli.parser import command_parser
from kinemacolor.media.probe import probe
from kinemacolor.media.types import SourceInfo, Track
from kinemacolor.render import console


def main(arguments: list[str]) -> int:
    """Print it.

    Raises:
        SourceError: It cannot be read.
    """
    parser = command_parser("info", "Say what a film or an image sequence is.")
    parser.add_argument("file", type=Path, metavar="FILE")
    values = parser.parse_args(arguments)
    info = probe(values.file)
    if values.json:
        console.put_json(info_values(info))
    else:
        console.put("\n".join(info_lines(info)))
    return 0


def info_values(info: SourceInfo) -> dict[str, object]:
    """For a machine: fractions as text, names of FFmpeg and ITU-T H.273."""
    encoding = info.encoding
    return {
        "path": str(info.path),
        "container": info.container,
        "codec": info.codec,
        "pixel_format": info.pixel_format.name,
        "coded_format": info.coded_format,
        "bits": info.pixel_format.bits,
        "width_px": info.width_px,
        "height_px": info.height_px,
        "sample_aspect_ratio": str(info.sample_aspect_ratio),
        "rotation_degrees": info.rotation_degrees,
        "field_order": info.field_order.value,
        "frame_rate": _text(info.frame_rate),
        "time_base": str(info.time_base),
        "frame_count": info.frame_count,
        "duration_seconds": None if info.duration_seconds is None else float(info.duration_seconds),
        "timecode": info.timecode,
        "matrix": encoding.matrix.name,
        "range": encoding.range.name,
        "transfer": encoding.transfer.name,
        "primaries": encoding.primaries.name,
        "assumed": list(encoding.assumed),
        "siting": None if info.siting is None else info.siting.name,
        "is_colour": info.is_colour,
        "is_toned": info.is_toned,
        "chapters": info.chapters,
        "tracks": [_track_values(track) for track in info.tracks],
        "metadata": info.metadata,
    }


def info_lines(info: SourceInfo) -> list[str]:
    """For a person."""
    encoding = info.encoding
    rate = "unknown rate" if info.frame_rate is None else f"{float(info.frame_rate):.3f} frames per second"
    length = "unknown length" if info.duration_seconds is None else f"{float(info.duration_seconds):.3f} s"
    count = "unknown number of" if info.frame_count is None else f"{info.frame_count}"
    assumed = f" (assumed: {', '.join(encoding.assumed)})" if encoding.assumed else ""
    lines = [
        f"file:     {info.path}",
        f"kind:     {info.container}, {info.codec}",
        f"picture:  {info.width_px}x{info.height_px}, sample aspect {info.sample_aspect_ratio}, "
        + f"rotated {info.rotation_degrees} degrees, {info.field_order.value}",
        f"samples:  {info.coded_format}, {info.pixel_format.bits} bits, {_chroma_word(info)}",
        f"encoding: matrix {encoding.matrix.name}, range {encoding.range.name}, "
        + f"transfer {encoding.transfer.name}, primaries {encoding.primaries.name}{assumed}",
        f"time:     {rate}, {length}, {count} frames, time base {info.time_base} s",
    ]
    lines += [f"timecode: {info.timecode}"] if info.timecode else []
    lines += [f"chapters: {info.chapters}"] if info.chapters else []
    lines += [f"track:    {_track_words(track)}" for track in info.tracks]
    return lines


def _chroma_word(info: SourceInfo) -> str:
    if info.is_toned:
        return "tinted"
    return {True: "in colour", False: "without colour", None: "colour unknown"}[info.is_colour]


def _track_values(track: Track) -> dict[str, object]:
    return {
        "index": track.index,
        "kind": track.kind.value,
        "codec": track.codec,
        "language": track.language,
        "title": track.title,
    }


def _track_words(track: Track) -> str:
    details = ", ".join(word for word in (track.codec, track.language, track.title) if word)
    return f"{track.index} {track.kind.value} ({details})"


def _text(value: Fraction | None) -> str | None:
    return None if value is None else str(value)
