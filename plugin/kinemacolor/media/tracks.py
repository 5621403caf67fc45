"""Which tracks of the source the output can hold, found out by writing headers into memory."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from kinemacolor.media.containers import CONTAINERS, Container, default_encoders, output_time_base
from kinemacolor.media.encoder_formats import choose_format
from kinemacolor.media.errors import OutputError, UnsupportedTrackError
from kinemacolor.media.languages import quicktime_language
from kinemacolor.media.muxer import Muxer, SourceFile, is_remade, open_source
from kinemacolor.media.trial import try_plan
from kinemacolor.media.types import OutputPlan, Track, TrackKind

__all__ = ["TrackSplit", "describe", "split_tracks"]


@dataclass(frozen=True, slots=True)
class TrackSplit:
    """What is copied, what is not, and what a person should know."""

    copied: tuple[Track, ...]
    dropped: tuple[Track, ...]
    notes: tuple[str, ...] = ()


class _Scratch(io.BytesIO):
    """A file for headers. `abandoned` keeps PyAV from writing the end of a film that never began."""

    closed = False  # PyAV reads the attribute

    def abandon(self) -> None:
        self.closed = True


def split_tracks(plan: OutputPlan, container: Container, *, lost_timecode: str | None, drop: bool) -> TrackSplit:
    """Sort the source's tracks by whether the plan's container can hold them.

    Args:
        plan: A draft that passed its trial.
        container: Of the plan.
        lost_timecode: The source's timecode where the container cannot hold it; the plan has none then.
        drop: Go on without what does not fit.

    Raises:
        UnsupportedTrackError: Something does not fit and `drop` is not set; names it and a container that holds all.
    """
    source = open_source(plan.source)
    with _closing(source):
        copied = tuple(t for t in plan.source.tracks if source is not None and not is_remade(t, source))
        delayed = _delayed(container, source, copied)
        punctual = tuple(track for track in copied if track not in delayed)
        refused = [*_refused(plan, container, source, punctual), *delayed]
        lost = [describe(track) + delayed.get(track, "") for track in refused]
        lost += [] if lost_timecode is None else [f"the timecode {lost_timecode} at this frame rate"]
        lost += [describe(track) for track in _unreadable_timecodes(plan, source, lost_timecode)]
        lost += [] if _holds_chapters(plan, source) else [f"{plan.source.chapters} chapters"]
        if lost and not drop:
            wanted = replace(plan, source=replace(plan.source, timecode=lost_timecode or plan.source.timecode))
            raise UnsupportedTrackError(
                f"{plan.path.suffix} cannot hold {'; '.join(lost)}; {_way_out(wanted, source, copied)}"
            )
    kept = tuple(track for track in copied if track not in refused)
    notes = (f"left out, because {plan.path.suffix} cannot hold it: {'; '.join(lost)}",) if lost else ()
    return TrackSplit(kept, tuple(refused), (*notes, *_language_notes(plan, kept), *_ending_notes(plan, kept)))


def _delayed(container: Container, source: SourceFile | None, tracks: tuple[Track, ...]) -> dict[Track, str]:
    """Sound that does not start with the picture, where a container has no times: it would be moved there."""
    if source is None or not container.needs_rate:
        return {}
    picture = source.container.streams[source.picture_index]
    tolerance = 1 / (2 * picture.average_rate) if picture.average_rate else Fraction(0)
    start, delayed = _start_seconds(picture), {}
    for track in tracks:
        if track.kind is TrackKind.AUDIO:
            late = _start_seconds(source.container.streams[track.index]) - start
            if abs(late) > tolerance:
                delayed[track] = f", which starts {float(late):+.3f} s from the picture"
    return delayed


def _start_seconds(stream: Any) -> Fraction:
    base = stream.time_base
    return (stream.start_time or 0) * Fraction(base.numerator, base.denominator)


def _ending_notes(plan: OutputPlan, tracks: tuple[Track, ...]) -> list[str]:
    if plan.container != "mxf" or not any(track.kind is TrackKind.AUDIO for track in tracks):
        return []
    return [".mxf ends with the last picture: sound that goes on after it is cut off"]


def _unreadable_timecodes(plan: OutputPlan, source: SourceFile | None, lost_timecode: str | None) -> list[Track]:
    """Timecode tracks whose start nobody could read, so that it cannot be written again."""
    if source is None or plan.source.timecode or lost_timecode:
        return []
    return [t for t in plan.source.tracks if t.codec == "tmcd" and is_remade(t, source)]


def _language_notes(plan: OutputPlan, tracks: tuple[Track, ...]) -> list[str]:
    if plan.container != "mov":
        return []
    unknown = [t for t in tracks if t.language is not None and quicktime_language(t.language) is None]
    return [f".mov has no code for the language {t.language} of {t.kind.value} track {t.index}" for t in unknown]


def describe(track: Track) -> str:
    """A track in a few words: `subtitle track 3 (subrip, eng)`."""
    details = ", ".join(part for part in (track.codec, track.language, track.title) if part)
    return f"{track.kind.value} track {track.index} ({details})"


@contextmanager
def _closing(source: SourceFile | None) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(av.FFmpegError):
            if source is not None:
                source.container.close()


def _refused(
    plan: OutputPlan, container: Container, source: SourceFile | None, tracks: tuple[Track, ...]
) -> list[Track]:
    if not tracks or _takes(plan, container, source, tracks):
        return []
    refused = [track for track in tracks if not _takes(plan, container, source, (track,))]
    left = tuple(track for track in tracks if track not in refused)
    if left and not _takes(plan, container, source, left):
        # Each alone is fine and together they are not (a limit on the number of tracks): keep from the front.
        return [*refused, *_overflow(plan, container, source, left)]
    return refused


def _overflow(
    plan: OutputPlan, container: Container, source: SourceFile | None, tracks: tuple[Track, ...]
) -> list[Track]:
    kept: tuple[Track, ...] = ()
    over = []
    for track in tracks:
        if _takes(plan, container, source, (*kept, track)):
            kept = (*kept, track)
        else:
            over.append(track)
    return over


def _takes(plan: OutputPlan, container: Container, source: SourceFile | None, tracks: tuple[Track, ...]) -> bool:
    if plan.container in _NO_ATTACHMENTS and any(track.kind is TrackKind.ATTACHMENT for track in tracks):
        return False
    if plan.container == "mp4" and any(_has_nameless_channels(track, source) for track in tracks):
        return False
    scratch = _Scratch()
    try:
        Muxer(replace(plan, copied_tracks=tracks), container, scratch, source).start()
    except OutputError:
        return False
    finally:
        scratch.abandon()
    return True


def _has_nameless_channels(track: Track, source: SourceFile | None) -> bool:
    """PCM that does not say which channel is which, as in MXF: the mp4 muxer refuses it, but only at the end."""
    if source is None or track.kind is not TrackKind.AUDIO or not track.codec.startswith("pcm_"):
        return False
    layout: str = source.container.streams[track.index].codec_context.layout.name
    return layout.endswith(" channels")


# These muxers write an attachment's header entry without its content, or nothing at all, and do not complain.
_NO_ATTACHMENTS = frozenset(("mov", "mp4", "avi", "mxf", "webm"))
_NO_CHAPTERS = frozenset(("avi", "mxf"))


def _holds_chapters(plan: OutputPlan, source: SourceFile | None) -> bool:
    return source is None or plan.container not in _NO_CHAPTERS or not source.container.chapters()


def _way_out(plan: OutputPlan, source: SourceFile | None, tracks: tuple[Track, ...]) -> str:
    for container in CONTAINERS:
        if container.muxer != plan.container and _could_hold(plan, container, source, tracks):
            return f"{container.extensions[0]} can; --drop-unsupported goes on without it"
    return "no container here holds all tracks of this film; --drop-unsupported goes on without it"


def _could_hold(plan: OutputPlan, container: Container, source: SourceFile | None, tracks: tuple[Track, ...]) -> bool:
    info = plan.source
    if _delayed(container, source, tracks):
        return False
    with suppress(OutputError):
        base, exact = output_time_base(container, info)
        choice = default_encoders(container, info, lossless=False)[0]
        other = replace(
            plan,
            path=Path(plan.path).with_suffix(container.extensions[0]),
            container=container.muxer,
            time_base=base,
            time_exact=exact,
        )
        swapped = _with_codec(other, choice.codec, dict(choice.options))
        return _holds_all(other, container, source, tracks) or _holds_all(swapped, container, source, tracks)
    return False


def _holds_all(plan: OutputPlan, container: Container, source: SourceFile | None, tracks: tuple[Track, ...]) -> bool:
    if not _takes(plan, container, source, tracks) or not _holds_chapters(plan, source):
        return False
    if plan.source.timecode is None:
        return True
    with suppress(OutputError):  # a header with a timecode may be written and yet hold another one
        return try_plan(plan, container).timecode == plan.source.timecode
    return False


def _with_codec(plan: OutputPlan, codec: str, options: dict[str, str]) -> OutputPlan:
    form = choose_format(av.Codec(codec, "w"), plan.source, lossless=False, strict=False, asked=None).planes
    return replace(plan, codec=codec, codec_options=tuple(options.items()), pixel_format=form)
