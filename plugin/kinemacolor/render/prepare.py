"""Before a render: what the input is, what the output will be, and everything that can be refused by then."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kinemacolor.media.frame_numbers import expand, parse_pattern, sequence_pattern
from kinemacolor.media.plan import plan_output
from kinemacolor.media.types import EncodeOptions, OutputPlan, SourceInfo
from kinemacolor.render.colouring import Colouring
from kinemacolor.render.edit_list import EditList, read_edit_list
from kinemacolor.render.errors import UsageError
from kinemacolor.render.film import Film
from kinemacolor.render.film_pipeline import DECODED_FRAMES, MERGED_FRAMES, merge_threads
from kinemacolor.render.footage import Footage
from kinemacolor.render.guidance import UNGUIDED, Guidance
from kinemacolor.render.guide_frames import AskedGuides, read_guides
from kinemacolor.render.guided import guide_film
from kinemacolor.render.identity import size_values
from kinemacolor.render.manifest import MadeOf
from kinemacolor.render.options import FrameRange, RenderOptions
from kinemacolor.render.piece import Piece
from kinemacolor.render.progress import Display
from kinemacolor.render.proxies import network_geometry
from kinemacolor.render.report import memory_estimate, plan_lines, plan_values, plural
from kinemacolor.render.review_list import check_review_output
from kinemacolor.render.tone import read_tone
from kinemacolor.wire.limits import DEFAULT_WINDOW_FRAMES

_BITRATE_KEYS = frozenset(("b", "ab", "bitrate", "tbr", "pass", "passes", "passlogfile", "stats"))
_PASS_FLAGS = ("pass1", "pass2")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A render that nothing speaks against before the server is asked."""

    options: RenderOptions
    film: Film
    frames: FrameRange | None
    """None: all."""
    piece: Piece | None
    """The frames as a film of their own; None: all of them."""
    info: SourceInfo
    """Of what will be written: the film, or the piece."""
    plan: OutputPlan
    colouring: Colouring
    edit_list: EditList | None
    """None: the server detects the cuts."""
    asked: AskedGuides
    """References and hints whose shots have to be found before the film is coloured."""
    guidance: Guidance = UNGUIDED
    """References and hints in their shots; with some, there is an edit list."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said once before it begins."""
        by_list = [self.edit_list.note] if self.edit_list is not None else []
        return (*self.colouring.tone.notes, *self.plan.notes, *by_list)

    @property
    def footage(self) -> Footage:
        """What the server sees of it."""
        return Footage(
            purpose="render",
            options=self.options,
            film=self.film,
            geometry=self.colouring.geometry,
            make_proxy=self.colouring.make_proxy,
            edit_list=self.edit_list,
            tone=self.colouring.tone,
            guidance=self.guidance,
        )

    @property
    def sizes(self) -> MadeOf:
        """The network's picture; and the one that was asked for, where that is another."""
        asked = network_geometry(self.info, self.options.quality.short_side_px)
        return size_values(self.colouring.geometry, asked)

    @property
    def first_number(self) -> int:
        """Of the output's first frame."""
        return self.frames.first if self.frames is not None else self.film.first_number

    @property
    def frames_certain(self) -> int | None:
        """Frames that will be written, where that is certain."""
        return self.frames.last - self.frames.first + 1 if self.frames is not None else None

    @property
    def frames_total(self) -> int | None:
        """Frames that will be written, as far as is known."""
        return self.frames_certain if self.frames is not None else self.info.frame_count

    @property
    def memory_bytes(self) -> int:
        """Full-size pictures that the queues may hold at once."""
        in_flight = DECODED_FRAMES + DEFAULT_WINDOW_FRAMES + 1
        return memory_estimate(self.info, self.plan, in_flight, MERGED_FRAMES + 2 * merge_threads() + 1)


def prepare(options: RenderOptions) -> Prepared:
    """Read the input, decide the output, refuse what cannot be done. Touches nothing.

    Raises:
        SourceError: The input cannot be read or honestly coloured.
        OutputError: The output or the list cannot be written as asked.
        UsageError: The options do not fit the input.
    """
    _check_not_the_same(options.source, options.output)
    check_review_output(options)
    film = Film(options)
    frames = film.select(options.range) if options.range is not None else None
    piece = film.piece(frames) if frames is not None else None
    edit_list = read_edit_list(options.shots, film, options.shots_start) if options.shots is not None else None
    info = film.info if piece is None else piece.info(film.info)
    reason = why_not_resumable(options.encode)
    if options.resume and reason is not None:
        raise UsageError(f"--resume: {reason}")
    plan = plan_output(info, options.output, options.encode)
    tone = read_tone(options.source, film.info, options.tone)
    colouring = Colouring(info, plan, options.short_side_px, options.amount, options.upsampling, tone)
    asked = read_guides(options.guides, film, colouring.geometry)
    return Prepared(options, film, frames, piece, info, plan, colouring, edit_list, asked)


def find_shots(prepared: Prepared, display: Display) -> Prepared:
    """The render with its references and hints in their shots, which are found unless a list says them.

    Raises:
        SourceError: The input cannot be read.
        UsageError: The references and hints do not fit the frames that are wanted.
    """
    guided = guide_film(
        prepared.asked,
        prepared.film,
        prepared.colouring.make_proxy,
        edit_list=prepared.edit_list,
        frames=prepared.frames,
        display=display,
    )
    return replace(prepared, edit_list=guided.edit_list, guidance=guided.guidance)


def why_not_resumable(encode: EncodeOptions) -> str | None:
    """Why a render with these options cannot go on after an interruption; None if it can.

    An encoder that has a bitrate to keep, or statistics of a first pass, decides by more than the frames of a segment.
    """
    for key, value in encode.codec_options:
        words = [key, *(word.partition("=")[0] for word in value.split(":") if key.endswith("-params"))]
        has_passes = key == "flags" and any(flag in value for flag in _PASS_FLAGS)
        if has_passes or (_BITRATE_KEYS.intersection(words) and (key, value) != ("b", "0")):
            return f"an encode with a bitrate or two passes ({key}={value}) cannot be resumed; -e crf=N can"
    return None


def dry_run(prepared: Prepared) -> tuple[list[str], dict[str, object]]:
    """The plan in lines for a person and in values for a machine."""
    arguments = (
        prepared.film.info,
        prepared.plan,
        prepared.colouring.geometry,
        prepared.frames_total,
        prepared.memory_bytes,
    )
    guided = plural(len(prepared.asked.origins), "frame")
    guides = [f"references and hints for {guided}"] if prepared.asked else []
    notes = [f"note:    {note}" for note in (*prepared.notes, *guides)]
    return [*plan_lines(*arguments), *notes], plan_values(*arguments)


def _check_not_the_same(source: Path, output: Path) -> None:
    if source == output or any(_is_same(read, written) for read, written in _file_pairs(source, output)):
        raise UsageError(f"{output}: input and output are the same file")


def _file_pairs(source: Path, output: Path) -> Iterator[tuple[Path, Path]]:
    """Each file of the input with the one that is written for it."""
    pictures, target = sequence_pattern(source), parse_pattern(output)
    if pictures is None or target is None:
        yield source, output
        return
    # Two patterns can name the same files: another way to the folder, another width of the number.
    for number in expand(pictures):
        yield pictures.path(number), target.path(number)


def _is_same(read: Path, written: Path) -> bool:
    return read.exists() and written.exists() and read.samefile(written)
