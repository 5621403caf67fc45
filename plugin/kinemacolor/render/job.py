"""A render from beginning to end: prepare (everything that can be refused), then run."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.client.connection import ColorizeClient
from kinemacolor.client.requests import OpenRequest
from kinemacolor.media.errors import TruncatedSourceError
from kinemacolor.media.frame_numbers import expand, parse_pattern, sequence_pattern
from kinemacolor.media.output_file import DiskFullPolicy
from kinemacolor.media.plan import plan_output
from kinemacolor.media.types import OutputPlan, SinkReport, SourceInfo
from kinemacolor.media.writer import Sink, open_sink
from kinemacolor.render.colouring import Colouring
from kinemacolor.render.edit_list import EditList, read_edit_list
from kinemacolor.render.errors import UsageError
from kinemacolor.render.film import Film, ShotSearch
from kinemacolor.render.film_pipeline import DECODED_FRAMES, MERGED_FRAMES, FilmPipeline, Tally, merge_threads
from kinemacolor.render.options import FrameRange, RenderOptions
from kinemacolor.render.piece import Piece
from kinemacolor.render.pipeline import StageClock
from kinemacolor.render.progress import Display
from kinemacolor.render.report import (
    RenderReport,
    is_luma_exact,
    memory_estimate,
    plan_lines,
    plan_values,
    source_notes,
    started_values,
)
from kinemacolor.render.server_choice import check_model, open_server
from kinemacolor.render.target import Target
from kinemacolor.wire.limits import DEFAULT_WINDOW_FRAMES


@dataclass(frozen=True, slots=True)
class Prepared:
    """A render that nothing speaks against before the server is asked."""

    options: RenderOptions
    film: Film
    frames: FrameRange | None
    """None: all."""
    info: SourceInfo
    """Of what will be written: the film, or the piece as a film of its own."""
    plan: OutputPlan
    colouring: Colouring
    edit_list: EditList | None
    """None: the server detects the cuts."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said once before it begins."""
        by_list = [self.edit_list.note] if self.edit_list is not None else []
        return (*source_notes(self.film.info), *self.plan.notes, *by_list)

    @property
    def frames_total(self) -> int | None:
        """Frames that will be written, as far as is known."""
        return self.frames.last - self.frames.first + 1 if self.frames is not None else self.info.frame_count

    @property
    def memory_bytes(self) -> int:
        """Full-size pictures that the queues may hold at once."""
        in_flight = DECODED_FRAMES + DEFAULT_WINDOW_FRAMES + 1
        return memory_estimate(self.info, self.plan, in_flight, MERGED_FRAMES + 2 * merge_threads() + 1)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished render and what it cost."""

    report: RenderReport
    tally: Tally
    clock: StageClock


def prepare(options: RenderOptions) -> Prepared:
    """Read the input, decide the output, refuse what cannot be done. Touches nothing.

    Raises:
        SourceError: The input cannot be read or honestly coloured.
        OutputError: The output cannot be written as asked.
        UsageError: The options do not fit the input.
    """
    _check_not_the_same(options.source, options.output)
    film = Film(options)
    frames = film.select(options.range) if options.range is not None else None
    edit_list = read_edit_list(options.shots, film, options.shots_start) if options.shots is not None else None
    info = film.info if frames is None else film.piece(frames, frames.first).info(film.info)
    plan = plan_output(info, options.output, options.encode)
    colouring = Colouring(info, plan, options.quality.short_side_px, options.amount)
    return Prepared(options, film, frames, info, plan, colouring, edit_list)


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


def dry_run(prepared: Prepared) -> tuple[list[str], dict[str, object]]:
    """The plan in lines for a person and in values for a machine."""
    arguments = (
        prepared.film.info,
        prepared.plan,
        prepared.colouring.geometry,
        prepared.frames_total,
        prepared.memory_bytes,
    )
    notes = [f"note:    {note}" for note in prepared.notes]
    return [*plan_lines(*arguments), *notes], plan_values(*arguments)


def render(prepared: Prepared, display: Display) -> RenderReport:
    """Render the film. Nothing stands under the output's name unless this returns.

    Raises:
        ClientError: The server's side.
        MediaError: The input's or the output's side.
        UsageError: The server does not have the model.
    """
    for note in prepared.notes:
        display.note(note)
    options = prepared.options
    with open_server(options.server, options.model) as session:
        return render_on(prepared, session.client, display).report


def render_on(prepared: Prepared, client: ColorizeClient, display: Display) -> Rendered:
    """As `render`, on a server that is connected already."""
    model = check_model(client, prepared.options.model)
    piece = _find_piece(prepared)
    target = Target(prepared.plan, prepared.options.keep_going)
    colouring, film = prepared.colouring, prepared.film
    started = time.monotonic()
    waiter = _DiskWaiter(display)
    sink_policy = waiter.policy(prepared.options.disk_full_wait_seconds)
    with (
        film.open(piece.shot_start if piece is not None else None) as source,
        open_sink(target.plan, prepared.options.source, sink_policy) as sink,
        client.open_clip(_open_request(prepared, piece, model)) as stream,
    ):
        display.event(started_values(film.info, prepared.plan, stream.info, colouring.geometry, prepared.frames_total))
        pipeline = FilmPipeline(source, colouring, stream, sink, piece)
        waiter.sleep = pipeline.stages.abort.sleep
        pipeline.run(lambda: display.update(pipeline.tally, prepared.frames_total))
        waiter.sleep = time.sleep
        report = _finish(sink, target, pipeline.truncated)
    seconds = time.monotonic() - started
    return Rendered(_report(prepared, pipeline, report, seconds), pipeline.tally, pipeline.clock)


def _finish(sink: Sink, target: Target, truncated: TruncatedSourceError | None) -> SinkReport:
    """Name the film if its input was whole; keep or drop what there is otherwise."""
    if truncated is None:
        report = sink.finish()
        target.publish()
        return report
    if target.partial is None:
        raise TruncatedSourceError(f"{truncated}; --keep-going keeps the film up to there") from truncated
    report = sink.finish()
    raise TruncatedSourceError(f"{truncated}; the {report.frames} frames before are in {target.partial}") from truncated


def _find_piece(prepared: Prepared) -> Piece | None:
    frames = prepared.frames
    if frames is None:
        return None
    shots = prepared.edit_list or ShotSearch(prepared.film, prepared.colouring.make_proxy)
    return prepared.film.piece(frames, shots.start_of(frames.first))


def _open_request(prepared: Prepared, piece: Piece | None, model: str) -> OpenRequest:
    return OpenRequest(
        clip_key=f"render-{uuid.uuid4().hex}",
        geometry=prepared.colouring.geometry,
        transfer=prepared.info.encoding.transfer.value,
        model=model,
        first_frame=piece.shot_start if piece is not None else prepared.film.first_number,
        shot_starts=prepared.edit_list.starts if prepared.edit_list is not None else None,
        client_name=f"render {prepared.options.source.name}",
    )


def _report(prepared: Prepared, pipeline: FilmPipeline, sink: SinkReport, seconds: float) -> RenderReport:
    return RenderReport(
        output=prepared.plan.path,
        complete=True,
        frames=sink.frames,
        shots=pipeline.tally.shots,
        seconds=seconds,
        limited_samples=pipeline.tally.limited_samples,
        luma_exact=is_luma_exact(prepared.info, prepared.plan),
        luma_psnr_db=sink.y_psnr_db,
        luma_psnr_frames=sink.y_psnr_frames,
        output_bytes=sink.bytes,
    )


class _DiskWaiter:
    """What the sink does when the disk is full: say so once, wait so that an abort wakes it."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self.sleep: Callable[[float], None] = time.sleep

    def policy(self, seconds: float) -> DiskFullPolicy:
        """The sink's policy."""
        return DiskFullPolicy(wait_seconds=seconds, poll_seconds=1.0, on_wait=self._say, sleep=self._wait)

    def _say(self, waited: float) -> bool:
        if not waited:
            self._display.note("no room left on the output's disk; waiting for some")
        return True

    def _wait(self, seconds: float) -> None:
        self.sleep(seconds)
