"""Decides everything about the output before frame 1, and refuses there what cannot be done.

plan = plan_output(info, Path("film-colour.mov"), EncodeOptions())
for note in plan.notes: ...        # one line each, for the person
with open_sink(plan, folder) as sink: ...
join_film(plan, segments, tracks, source_path=info.path)
"""

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from av.codec.codec import Properties

from kinemacolor.colour.encoding import ColourEncoding, Range, Siting
from kinemacolor.media.containers import (
    SEQUENCE_ENCODERS,
    Clock,
    Container,
    EncoderChoice,
    container_for,
    default_encoders,
    encoder_choice,
    output_time_base,
    profile_options,
)
from kinemacolor.media.encoder import open_encoder
from kinemacolor.media.encoder_formats import choose_format, format_notes, has_property
from kinemacolor.media.errors import OutputError
from kinemacolor.media.frame_index import index_frames
from kinemacolor.media.output_file import check_writable
from kinemacolor.media.sequence_writer import plan_sequence
from kinemacolor.media.timing import nearest_tick
from kinemacolor.media.tracks import TrackSplit, split_tracks
from kinemacolor.media.trial import TrialResult, try_plan
from kinemacolor.media.types import EncodeOptions, OutputPlan, SourceInfo
from kinemacolor.picture.pixel import Family, PixelFormat

__all__ = [
    "MAX_THREADS",
    "check_constant_rate",
    "find_encoder",
    "is_always_lossless",
    "output_encoding",
    "plan_output",
    "thread_count",
]

# More encoder threads than this gain nothing at film sizes and cost memory.
MAX_THREADS = 16
# Encoders that are lossless only when told so; all others are asked what they are.
_LOSSLESS_BY_OPTION = frozenset(("libx264", "libx264rgb", "libx265", "libvpx-vp9"))
_RATE_KEYS = frozenset(("crf", "qp", "b", "q", "qscale", "lossless", "bitrate"))


@dataclass(frozen=True, slots=True)
class _Draft:
    """A plan that passed its trial, and what it costs."""

    plan: OutputPlan
    notes: list[str]
    lost_timecode: str | None
    """The source's timecode if the container cannot hold it; `plan.source` has none then."""


def plan_output(info: SourceInfo, path: Path, options: EncodeOptions) -> OutputPlan:
    """Everything that has to be known to write `path`.

    Args:
        info: What the source is.
        path: The film, by its extension, or a picture sequence such as `name.%04d.png`.
        options: What the user asked for.

    Raises:
        OutputError: It cannot be written as asked; the text is one clear line with the way out.
        UnsupportedTrackError: The container cannot hold a track, and `options.drop_unsupported` is not set.
    """
    if options.segment_frames < 1 or options.threads < 0:
        raise OutputError("segments need at least one frame, and threads cannot be negative")
    if path.suffix.lower() in SEQUENCE_ENCODERS:
        return plan_sequence(info, path, options, threads=thread_count(options))
    container = container_for(path)
    check_writable(path, overwrite=options.overwrite)
    draft = _first_that_works(info, path, options, container)
    split = split_tracks(draft.plan, container, lost_timecode=draft.lost_timecode, drop=options.drop_unsupported)
    return _completed(draft, split)


def thread_count(options: EncodeOptions) -> int:
    """The encoder threads to record in the plan: as asked, else the cores this process may use."""
    if options.threads:
        return options.threads
    return min(MAX_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _completed(draft: _Draft, split: TrackSplit) -> OutputPlan:
    plan, notes = draft.plan, list(draft.notes)
    if not plan.time_exact:
        notes.append(
            f"{plan.path.suffix} counts time in steps of {plan.time_base} s: "
            "frame times are rounded to the nearest step, at most half a step off"
        )
    notes += _assumption_notes(plan.encoding)
    notes += split.notes
    return replace(plan, copied_tracks=split.copied, dropped_tracks=split.dropped, notes=tuple(notes))


def _assumption_notes(encoding: ColourEncoding) -> list[str]:
    if not encoding.assumed:
        return []
    values = ", ".join(f"{name} {getattr(encoding, name).name}" for name in encoding.assumed if hasattr(encoding, name))
    return [f"the source does not say its {' and '.join(encoding.assumed)}; assumed and written: {values}"]


def _first_that_works(info: SourceInfo, path: Path, options: EncodeOptions, container: Container) -> _Draft:
    if options.codec is not None:
        choices: tuple[EncoderChoice, ...] = (
            encoder_choice(find_encoder(options.codec).name, container, info, lossless=options.lossless),
        )
    else:
        choices = default_encoders(container, info, lossless=options.lossless)
    first_error: OutputError | None = None
    for choice in choices:
        try:
            return _draft(info, path, options, container, choice)
        except OutputError as error:
            first_error = first_error or error
    raise first_error or OutputError(f"{path.name}: no encoder for this container")


def _draft(info: SourceInfo, path: Path, options: EncodeOptions, container: Container, choice: EncoderChoice) -> _Draft:
    codec = find_encoder(choice.codec)
    lossless = options.lossless or is_always_lossless(codec)
    if options.lossless and not (is_always_lossless(codec) or codec.name in _LOSSLESS_BY_OPTION):
        raise OutputError(f"{codec.name} cannot be lossless; the way out: -c ffv1 with a .mkv file")
    form = choose_format(codec, info, lossless=lossless, strict=options.lossless, asked=options.pixel_format).planes
    base, exact = output_time_base(container, info)
    if container.clock is Clock.FRAME:
        exact = check_constant_rate(info, container, base)
    plan = OutputPlan(
        path=path,
        source=info,
        container=container.muxer,
        codec=codec.name,
        codec_options=_codec_options(codec.name, choice, form, options),
        pixel_format=form,
        encoding=output_encoding(info, form),
        siting=_siting(info, form),
        lossless=lossless,
        threads=thread_count(options),
        segment_frames=options.segment_frames,
        time_base=base,
        time_exact=exact,
        copied_tracks=(),
        dropped_tracks=(),
        overwrite=options.overwrite,
    )
    open_encoder(plan, global_header=False)
    notes = format_notes(info, form, codec.name)
    return _tried(plan, container, notes, must_be_lossless=options.lossless)


def _tried(plan: OutputPlan, container: Container, notes: list[str], *, must_be_lossless: bool) -> _Draft:
    silent = replace(plan, source=replace(plan.source, timecode=None))
    try:
        result = try_plan(plan, container)
    except OutputError:
        if plan.source.timecode is None:
            raise
        # A timecode that does not fit the rate makes the header fail: then the rest must still be possible.
        result = try_plan(silent, container)
    lost = plan.source.timecode if result.timecode != plan.source.timecode else None
    plan = silent if lost else plan
    notes += _judge(plan, result, must_be_lossless=must_be_lossless)
    return _Draft(replace(plan, lossless=plan.lossless and result.samples_kept), notes, lost)


def _judge(plan: OutputPlan, result: TrialResult, *, must_be_lossless: bool) -> list[str]:
    """Refuse what would come out wrong; return a line for what only gets lost."""
    where = f"{plan.codec} in {plan.path.suffix}"
    if must_be_lossless and not result.samples_kept:
        raise OutputError(
            f"{where} does not return every sample of {plan.pixel_format.name} with these options; "
            "the way out: -c ffv1 with a .mkv file"
        )
    if not result.ticks_kept:
        raise OutputError(f"{where} does not keep the times of frames; try -e bf=0, or .mov or .mkv")
    _judge_shape(plan, result, where)
    return _judge_range(plan, result, where) + _judge_tags(plan, result, where)


def _judge_shape(plan: OutputPlan, result: TrialResult, where: str) -> None:
    source = plan.source
    if result.sample_aspect_ratio != source.sample_aspect_ratio:
        raise OutputError(
            f"{where} cannot hold the sample aspect ratio {source.sample_aspect_ratio}; use .mov, .mp4 or .mkv"
        )
    if (result.rotation_degrees - source.rotation_degrees) % 360:
        raise OutputError(
            f"{where} cannot hold the rotation of {source.rotation_degrees} degrees; use .mov, .mp4 or .mkv"
        )


def _judge_range(plan: OutputPlan, result: TrialResult, where: str) -> list[str]:
    wanted, found = plan.encoding.range, result.range_code
    if plan.pixel_format.family is Family.RGB and found in (0, Range.FULL.value):
        return []  # untagged RGB is full range everywhere
    if wanted is Range.FULL and found != Range.FULL.value:
        raise OutputError(
            f"{where} cannot say that samples are full range, so players would show wrong greys; "
            "use libx264, ffv1 or dnxhd in a container that can (.mkv; .mov and .mp4 with libx264)"
        )
    if wanted is Range.LIMITED and found == Range.FULL.value:
        raise OutputError(f"{where} marks all samples as full range and these are limited range; use libx264 or ffv1")
    if found != wanted.value:
        return [f"{where} cannot hold the range tag; players take such files for limited range, which this is"]
    return []


def _judge_tags(plan: OutputPlan, result: TrialResult, where: str) -> list[str]:
    encoding = plan.encoding
    pairs = [
        ("primaries", encoding.primaries.value, result.primaries_code),
        ("transfer", encoding.transfer.value, result.transfer_code),
    ]
    if plan.pixel_format.family is not Family.RGB:
        pairs.insert(0, ("matrix", encoding.matrix.value, result.matrix_code))
    lost = [name for name, wanted, found in pairs if wanted != found]
    return [f"{where} cannot hold the colour tags of this film: {', '.join(lost)}"] if lost else []


def check_constant_rate(info: SourceInfo, container: Container, base: Fraction) -> bool:
    """Whether all times of the source lie on a grid of `base` seconds. Reads the file's packets once.

    Raises:
        OutputError: Two frames fall on one tick, or there are gaps where the container cannot have them.
    """
    if info.container == "sequence":
        return True
    index = index_frames(info.path)
    ticks = [nearest_tick(pts, index.time_base, base) for pts in index.pts]
    steps = {later - earlier for earlier, later in pairwise(ticks)}
    if any(step < 1 or (step > 1 and not container.gaps) for step in steps):
        raise OutputError(
            f"{container.extensions[0]} needs a constant frame rate and the source's varies; use .mov, .mp4 or .mkv"
        )
    start = index.pts[0] if index.pts else 0
    return all(((pts - start) * index.time_base / base).denominator == 1 for pts in index.pts)


def find_encoder(name: str) -> av.Codec:
    """A video encoder by its FFmpeg name.

    Raises:
        OutputError: There is none of that name.
    """
    try:
        codec = av.Codec(name, "w")
    except ValueError as error:
        raise OutputError(f"there is no encoder {name} here; kinemacolor doctor lists them") from error
    if codec.type != "video":
        raise OutputError(f"{name} is no video encoder")
    return codec


def is_always_lossless(codec: av.Codec) -> bool:
    """Whether the codec has no lossy mode at all (ffv1, png, utvideo)."""
    return has_property(codec, Properties.LOSSLESS) and not has_property(codec, Properties.LOSSY)


def output_encoding(info: SourceInfo, form: PixelFormat) -> ColourEncoding:
    """The source's encoding; where RGB becomes Y'CbCr or back, with the range that is usual there."""
    source_is_rgb = info.pixel_format.family is Family.RGB
    if source_is_rgb and form.family is not Family.RGB:
        return replace(info.encoding, range=Range.LIMITED)
    if not source_is_rgb and form.family is Family.RGB:
        return replace(info.encoding, range=Range.FULL)
    return info.encoding


def _siting(info: SourceInfo, form: PixelFormat) -> Siting | None:
    if form.family is not Family.YUV or not (form.log2_chroma_w or form.log2_chroma_h):
        return None
    if info.pixel_format.family is Family.YUV:
        return info.siting
    return info.siting or Siting.LEFT  # what H.264, ProRes and DNxHR decoders take for granted


def _codec_options(
    codec: str, choice: EncoderChoice, form: PixelFormat, options: EncodeOptions
) -> tuple[tuple[str, str], ...]:
    merged = dict(choice.options)
    full_chroma = not (form.log2_chroma_w or form.log2_chroma_h)
    merged |= profile_options(codec, bits=form.bits, full_chroma=full_chroma, has_alpha=form.has_alpha)
    asked = dict(options.codec_options)
    if asked.keys() & _RATE_KEYS:
        # The user's own rate control replaces the default's; with both, the encoder would choose.
        merged = {key: value for key, value in merged.items() if key not in _RATE_KEYS}
    return tuple((merged | asked).items())
