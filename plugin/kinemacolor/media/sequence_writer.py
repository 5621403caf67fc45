"""Picture sequences out: `name.%04d.png`, `.tif`, `.dpx`, one whole file per frame, numbered as the source's frames.

Pictures are full-range RGB, 8 bits for 8-bit sources, else 16 (PNG, TIFF) or the source's 10, 12 or 16 (DPX). Every
file is written under a hidden name and renamed when complete; pictures finished before a failure stay: each is whole.
"""

import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from kinemacolor.colour.encoding import Range
from kinemacolor.media.containers import SEQUENCE_ENCODERS
from kinemacolor.media.encoder import open_encoder
from kinemacolor.media.encoder_formats import choose_format, format_notes, planar_rgb
from kinemacolor.media.errors import OutputError, UnsupportedTrackError
from kinemacolor.media.ffmpeg_log import writing
from kinemacolor.media.frame_numbers import parse_pattern
from kinemacolor.media.output_file import DiskFullPolicy, OutputFile, check_writable
from kinemacolor.media.picture_frames import FrameFiller, check_planes
from kinemacolor.media.segment_file import hash_file
from kinemacolor.media.types import EncodeOptions, OutputFrame, OutputPlan, Part, SourceInfo
from kinemacolor.picture.pixel import PixelFormat

__all__ = ["SequenceSink", "picture_path", "plan_sequence"]

# DPX has no name for anything but these; PNG and TIFF know 8 and 16 only.
_DPX_BITS = (8, 10, 12, 16)


def plan_sequence(info: SourceInfo, path: Path, options: EncodeOptions, *, threads: int) -> OutputPlan:
    """The plan of a picture sequence.

    Raises:
        OutputError: No frame number in the name, or a codec, pixel format or option that these files do not have.
        UnsupportedTrackError: The source has tracks, and `options.drop_unsupported` is not set.
    """
    if parse_pattern(path) is None:
        raise OutputError(
            f"{path.name}: a picture sequence needs a place for the frame number: {path.stem}.%04d{path.suffix}"
        )
    encoder = SEQUENCE_ENCODERS[path.suffix.lower()]
    if options.codec not in (None, encoder):
        raise OutputError(f"{path.suffix} pictures are written by {encoder}, not by {options.codec}")
    check_writable(picture_path(path, 0), overwrite=True)
    dropped, notes = _side_tracks(info, path, options)
    plan = _sequence_plan(info, path, options, encoder, threads)
    chosen = choose_format(
        av.Codec(encoder, "w"),
        replace(info, pixel_format=_wanted(info, encoder)),
        lossless=True,
        strict=False,
        asked=options.pixel_format,
    )
    plan = replace(plan, pixel_format=chosen.planes, dropped_tracks=info.tracks if dropped else ())
    open_encoder(plan, global_header=False)
    return replace(plan, notes=tuple(notes + format_notes(info, plan.pixel_format, encoder)))


def _sequence_plan(info: SourceInfo, path: Path, options: EncodeOptions, encoder: str, threads: int) -> OutputPlan:
    defaults = {"tiff": {"compression_algo": "deflate"}, "png": {"pred": "up", "compression_level": "3"}}
    asked = defaults.get(encoder, {}) | dict(options.codec_options)
    return OutputPlan(
        path=path,
        source=info,
        container="sequence",
        codec=encoder,
        codec_options=tuple(asked.items()),
        pixel_format=_wanted(info, encoder),
        encoding=replace(info.encoding, range=Range.FULL),
        siting=None,
        lossless=True,
        threads=threads,
        segment_frames=1,
        time_base=1 / (info.frame_rate or Fraction(24)),
        time_exact=True,
        copied_tracks=(),
        dropped_tracks=(),
        overwrite=options.overwrite,
    )


def _wanted(info: SourceInfo, encoder: str) -> PixelFormat:
    depths = _DPX_BITS if encoder == "dpx" else (8, 16)
    bits = next(depth for depth in depths if depth >= info.pixel_format.bits)
    # DPX holds alpha with 8 and 16 bits only.
    if encoder == "dpx" and info.pixel_format.has_alpha and bits > 8:
        bits = 16
    return planar_rgb(bits, has_alpha=info.pixel_format.has_alpha)


def _side_tracks(info: SourceInfo, path: Path, options: EncodeOptions) -> tuple[bool, list[str]]:
    lost = [f"{track.kind.value} track {track.index} ({track.codec})" for track in info.tracks]
    lost += [f"{info.chapters} chapters"] if info.chapters else []
    if not lost:
        return False, []
    if not options.drop_unsupported:
        raise UnsupportedTrackError(
            f"pictures ({path.suffix}) cannot hold {'; '.join(lost)}; .mov or .mkv can; "
            "--drop-unsupported goes on without it"
        )
    return True, [f"left out, because pictures cannot hold it: {'; '.join(lost)}"]


def picture_path(path: Path, number: int) -> Path:
    """The picture of a frame in a sequence."""
    pattern = parse_pattern(path)
    return pattern.path(number) if pattern is not None else path


class SequenceSink:
    """Writes one picture file per frame, each of them a part of the output.

    Args:
        plan: Of the sequence.
        policy: What to do when the disk is full.
        position: Of the first frame that will come, counted from 0.
        replaceable: Names of pictures that may be replaced whatever the plan says: those of an earlier run.
    """

    def __init__(
        self, plan: OutputPlan, policy: DiskFullPolicy, position: int = 0, replaceable: frozenset[str] = frozenset()
    ) -> None:
        self._plan = plan
        self._policy = policy
        self._position = position
        self._replaceable = replaceable
        self._open = False

    def __enter__(self) -> Self:
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False

    def write_frame(self, frame: OutputFrame) -> Part:
        """Write the picture of `frame.number`.

        Raises:
            ValueError: The planes do not fit the plan.
            DiskFullError: No room left.
            OutputError: The file exists and may not be replaced, or writing failed.
        """
        self._check_open()
        check_planes(frame, self._plan)
        path = picture_path(self._plan.path, frame.number)
        with writing(path.name):
            data = self._encode(frame)
        digest = hashlib.sha256(data).hexdigest()
        self._write(path, data, digest)
        part = Part(
            index=self._position, first=self._position, frames=1, name=path.name, bytes=len(data), sha256=digest
        )
        self._position += 1
        return part

    def _write(self, path: Path, data: bytes, digest: str) -> None:
        may_replace = self._plan.overwrite or path.name in self._replaceable
        if not may_replace and path.is_file() and hash_file(path) == digest:
            return  # a run that was killed before it could take note of this very picture
        file = OutputFile(path, overwrite=may_replace, policy=self._policy)
        try:
            file.append(data)
            file.commit()
        finally:
            file.discard()

    def finish(self) -> None:
        """Every picture is complete already."""
        self._check_open()
        self._open = False

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError("the sink is not open")

    def _encode(self, frame: OutputFrame) -> bytes:
        context = open_encoder(self._plan, global_header=False)
        source = self._plan.source
        filler = FrameFiller(str(context.pix_fmt), source.width_px, source.height_px)
        picture = filler.fill(frame.planes, frame.alpha)
        picture.pts, picture.time_base = 0, self._plan.time_base
        picture.color_range, picture.colorspace = context.color_range, context.colorspace
        picture.color_primaries, picture.color_trc = context.color_primaries, context.color_trc
        return b"".join(bytes(packet) for packet in [*context.encode(picture), *context.encode(None)])
