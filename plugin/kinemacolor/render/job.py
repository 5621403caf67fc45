"""A render from its parts: find out which are missing, have them coloured, join them."""

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction

from kinemacolor.client.errors import RequestRefusedError, ServerStartError, StateLostError
from kinemacolor.client.lasting_stream import Recovery
from kinemacolor.media.errors import OutputError, SourceError, TruncatedSourceError
from kinemacolor.media.join import join_film
from kinemacolor.media.output_file import DiskFullPolicy
from kinemacolor.media.timing import FrameClock
from kinemacolor.media.types import OutputPlan
from kinemacolor.media.writer import open_sink
from kinemacolor.render.colour_source import ColourSource
from kinemacolor.render.colours import OpenSession, open_colours
from kinemacolor.render.film import ShotSearch
from kinemacolor.render.film_pipeline import FilmPipeline, Span, Tally
from kinemacolor.render.identity import colour_note, colour_values, made_of, source_values
from kinemacolor.render.manifest import End, differences
from kinemacolor.render.partial import partial_path
from kinemacolor.render.parts import Parts, kept_note
from kinemacolor.render.pipeline import StageClock
from kinemacolor.render.prepare import Prepared, find_shots, why_not_resumable
from kinemacolor.render.progress import Display
from kinemacolor.render.report import RenderReport, ReviewReport, is_luma_exact, plural, started_values
from kinemacolor.render.review_list import FilmReview
from kinemacolor.render.runs import Run
from kinemacolor.render.server_choice import ServerSession, open_server
from kinemacolor.render.server_streams import Watch
from kinemacolor.render.tracks import copied_packets
from kinemacolor.render.work_size import at_size_of_parts, fitted, saying_what_helps
from kinemacolor.store.clip_file import ServerIdentity

_OpenServer = Callable[[], AbstractContextManager[ServerSession]]
_PASSES_IN_VAIN = 3
"""So many times in a row without a finished part, and the state is lost for a reason that stays."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished render and what it cost."""

    report: RenderReport
    tally: Tally
    clock: StageClock


def render(prepared: Prepared, display: Display) -> RenderReport:
    """Render the film. Nothing stands under the output's name unless this returns.

    What is finished of a render that fails is kept for --resume.

    Raises:
        ClientError: The server's side.
        MediaError: The input's or the output's side.
        UsageError: The server does not have the model, or the parts that are there are of another render.
    """
    options = prepared.options
    try:
        return _render_fitted(prepared, lambda: open_server(options.server, options.model), display).report
    except (RequestRefusedError, ServerStartError) as error:
        raise saying_what_helps(error, options) from error


def _render_fitted(prepared: Prepared, open_own: _OpenServer, display: Display) -> Rendered:
    """At the size asked for; or, if that is allowed, at the one for which there is memory."""
    options = prepared.options
    private = options.server.address is None
    known = at_size_of_parts(prepared) if options.allow_smaller else prepared
    if known is not None:
        return _render(known, open_own, display, private=private)
    with open_own() as session:
        return _render(fitted(prepared, session, display), lambda: nullcontext(session), display, private=private)


def render_on(prepared: Prepared, session: ServerSession, display: Display) -> Rendered:
    """As `render`, on a server that is connected already."""
    return _render(prepared, lambda: nullcontext(session), display, private=False)


def _render(prepared: Prepared, open_session: OpenSession, display: Display, *, private: bool) -> Rendered:
    for told in prepared.notes:
        display.note(told)
    prepared = find_shots(prepared, display)
    job = _Job(prepared, display)
    with job.parts:
        try:
            missing = job.missing()
            if missing:
                with open_colours(prepared.footage, open_session, job.watch, private=private) as colours:
                    job.colour(missing, colours)
            return job.finish()
        except BaseException:
            job.say_notes()
            note = kept_note(job.parts)
            if note is not None:
                display.note(note)
            raise


class _Job:
    """One render: its parts, and what it has done."""

    def __init__(self, prepared: Prepared, display: Display) -> None:
        self._prepared = prepared
        self._display = display
        self._waiter = _DiskWaiter(display)
        self._policy = self._waiter.policy(prepared.options.disk_full_wait_seconds)
        self._tally = Tally(started=time.monotonic())
        self._clock = StageClock()
        self._truncated: TruncatedSourceError | None = None
        self._has_started = False
        self._from_store = 0
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Notes of other threads."""
        options, plan = prepared.options, prepared.plan
        wanted = options.review
        self._review = FilmReview(wanted, prepared.film, prepared.first_number) if wanted is not None else None
        self.parts = Parts(
            plan,
            first_number=prepared.first_number,
            frames_total=prepared.frames_certain,
            made_of=made_of(
                options,
                plan,
                prepared.sizes,
                prepared.frames,
                prepared.edit_list,
                prepared.colouring.tone,
                prepared.guidance,
            ),
            resume=options.resume,
            is_kept=why_not_resumable(options.encode) is None,
            policy=self._policy,
        )

    def missing(self) -> list[Run]:
        """What has to be coloured; counts what is there."""
        parts, tally = self.parts, self._tally
        tally.resumed = tally.encoded = parts.totals.frames
        tally.shots = parts.totals.shots
        runs = parts.missing()
        if not tally.resumed or not runs or runs[-1].last is not None:
            return runs
        # A run that was killed between its last part and the end of its manifest.
        is_behind = self._prepared.first_number + runs[-1].first * parts.part_frames > self._prepared.film.last_number
        return runs[:-1] if is_behind else runs

    def colour(self, missing: list[Run], colours: ColourSource) -> None:
        """Have the missing parts coloured, one run after the other.

        A clip that cannot go on where it was goes on after the last finished part, as a render does that was killed.

        Raises:
            ClientError: The server's side.
            MediaError: The input's or the output's side.
        """
        for run in missing:
            self._pass_again(run, colours)
        self._from_store = colours.frames_from_store
        first, count = self._prepared.first_number, self.parts.totals.frames
        if self._prepared.frames is None and self._truncated is None and count:
            colours.note_extent(first, first + count - 1)

    def _pass_again(self, run: Run, colours: ColourSource) -> None:
        before, in_vain = self.parts.totals.frames, 0
        while True:
            try:
                self._pass(run, colours)
                return
            except StateLostError as error:
                done, rest = self.parts.totals.frames, self.parts.missing()
                in_vain = in_vain + 1 if done == before else 0
                if in_vain >= _PASSES_IN_VAIN or not rest:
                    raise
                self._said.put(f"{error}; going on after the last finished part")
                before = self._tally.encoded = done
                run = replace(run, first=rest[0].first)

    def _pass(self, run: Run, colours: ColourSource) -> None:
        prepared, parts = self._prepared, self.parts
        span = self._span(run)
        if self._review is not None:
            self._review.begin_pass(span.feed_from)
        with (
            prepared.film.open(span.feed_from) as source,
            open_sink(prepared.plan, parts.folder, self._policy, parts.before(run.first), parts.replaceable) as sink,
            colours.open(span) as opened,
        ):
            parts.start(colour_values(opened.identity))
            self._say_started(opened.identity)
            pipeline = FilmPipeline(
                source,
                prepared.colouring,
                opened.stream,
                sink,
                span=span,
                output_first=prepared.first_number,
                piece=prepared.piece,
                tally=self._tally,
                record=parts.add,
                clock=self._clock,
                review=self._review,
            )
            with self._waiter.woken_by(pipeline.stages.abort.sleep):
                pipeline.run(self._look_up)
            self._end_pass(pipeline)

    @property
    def watch(self) -> Watch:
        """Who is told of what happens to the server and the store, in whatever thread."""
        return Watch(self._said.put, self._note_recovery)

    def _note_recovery(self, recovery: Recovery) -> None:
        self._tally.breaks += 1
        self._tally.recomputed += recovery.frames_again
        again = plural(recovery.frames_again, "frame")
        self._said.put(f"the server is back after {recovery.seconds:.1f} s; it computes {again} again")

    def _span(self, run: Run) -> Span:
        size, offset = self.parts.part_frames, self._prepared.first_number
        first = offset + run.first * size
        last = None if run.last is None else offset + (run.last + 1) * size - 1
        if self._prepared.frames is not None:
            last = self._prepared.frames.last if last is None else min(last, self._prepared.frames.last)
        if first == self._prepared.film.first_number:
            return Span(first=first, last=last, feed_from=first)
        shots = self._prepared.edit_list or ShotSearch(self._prepared.film, self._prepared.colouring.make_proxy)
        return Span(first=first, last=last, feed_from=shots.start_of(first))

    def _end_pass(self, pipeline: FilmPipeline) -> None:
        broken = pipeline.truncated
        if broken is not None and not self._keeps_broken:
            raise TruncatedSourceError(f"{broken}; --keep-going keeps the film up to there") from broken
        self._truncated = broken
        pipeline.finish_part()

    @property
    def _keeps_broken(self) -> bool:
        return self._prepared.options.keep_going and self._prepared.plan.container != "sequence"

    def finish(self) -> Rendered:
        """Make the output of its parts.

        Raises:
            TruncatedSourceError: The input broke off; what there is has a name of its own now.
            MediaError: The input has changed, or the output cannot be written.
        """
        self.say_notes()
        parts, plan = self.parts, self._prepared.plan
        if not parts.totals.frames:
            raise OutputError(f"{plan.path}: no frame was written")
        parts.close(End(frames=parts.totals.frames, truncated=str(self._truncated) if self._truncated else None))
        self._check_source()
        broken = parts.end.truncated if parts.end is not None else None
        if broken is not None and not self._keeps_broken:
            raise TruncatedSourceError(f"{broken}; --keep-going keeps the film up to there")
        if broken is not None:
            plan = replace(plan, path=partial_path(plan.path), overwrite=True)
        with self._listing() as listed:
            size = self._join(plan, is_broken=broken is not None)
            parts.finish()
        if broken is not None:
            raise TruncatedSourceError(f"{broken}; the {parts.totals.frames} frames before are in {plan.path}")
        return Rendered(self._report(size, listed), self._tally, self._clock)

    @contextmanager
    def _listing(self) -> Iterator[ReviewReport | None]:
        """Write the list, if one is wanted, and let it appear when the body has made the film.

        So a full disk is found before the film has its name, and there is no list of a film that was not made.
        """
        if self._review is None:
            yield None
            return
        last = self._prepared.first_number + self.parts.totals.frames - 1
        file, report = self._review.write(last, self._policy)
        try:
            yield report
            file.commit()
        finally:
            file.discard()

    def _check_source(self) -> None:
        source, begin = self._prepared.options.source, self.parts.begin
        if self.parts.missing():
            raise SourceError(f"{source}: has fewer frames than its index says")
        changed = None if begin is None else differences(begin.made_of, source_values(source))
        if changed is not None:
            raise SourceError(f"{source}: was changed while it was rendered: {changed}")

    def _join(self, plan: OutputPlan, *, is_broken: bool) -> int:
        parts, prepared = self.parts, self._prepared
        if plan.container == "sequence":
            return parts.totals.bytes
        broken_at = self._end_seconds(plan) if is_broken else None
        return join_film(
            plan,
            parts.segments(),
            copied_packets(prepared.film, prepared.piece, broken_at) if plan.copied_tracks else (),
            source_path=prepared.options.source,
            origin_ticks=parts.last.origin_ticks,
            note="" if parts.begin is None else colour_note(parts.begin.made_of),
            disk_full=self._policy,
            look_up=self._look_up,
        )

    def _end_seconds(self, plan: OutputPlan) -> Fraction:
        """Where the last frame ends, on the clock of the copied tracks."""
        last = self.parts.last
        nominal = FrameClock(plan.time_base, plan.source.frame_rate).nominal_ticks
        return (last.last_tick + last.origin_ticks + nominal) * plan.time_base

    def _say_started(self, opened: ServerIdentity) -> None:
        if self._has_started:
            return
        self._has_started = True
        prepared = self._prepared
        geometry, total = prepared.colouring.geometry, prepared.frames_total
        self._display.event(started_values(prepared.film.info, prepared.plan, opened, geometry, total))

    def say_notes(self) -> None:
        """Show what other threads had to say."""
        while not self._said.empty():
            self._display.note(self._said.get())

    def _look_up(self) -> None:
        self.say_notes()
        self._display.update(self._tally, self._prepared.frames_total)

    def _report(self, size: int, listed: ReviewReport | None) -> RenderReport:
        prepared, totals = self._prepared, self.parts.totals
        quality = totals.luma.quality(prepared.plan)
        return RenderReport(
            output=prepared.plan.path,
            complete=True,
            frames=totals.frames,
            frames_resumed=self._tally.resumed,
            breaks=self._tally.breaks,
            frames_recomputed=self._tally.recomputed,
            shots=totals.shots,
            seconds=time.monotonic() - self._tally.started,
            limited_samples=totals.limited_samples,
            luma_exact=is_luma_exact(prepared.info, prepared.plan),
            luma_psnr_db=quality.psnr_db if quality is not None else None,
            luma_psnr_frames=totals.luma.frames,
            output_bytes=size,
            network=self._prepared.colouring.geometry,
            frames_from_store=self._from_store,
            review=listed,
        )


class _DiskWaiter:
    """What is done when the disk is full: say so once, wait so that an abort wakes it."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._sleep: Callable[[float], None] = time.sleep

    def policy(self, seconds: float) -> DiskFullPolicy:
        """For sinks, parts and the joined film."""
        return DiskFullPolicy(wait_seconds=seconds, poll_seconds=1.0, on_wait=self._say, sleep=self._wait)

    @contextmanager
    def woken_by(self, sleep: Callable[[float], None]) -> Iterator[None]:
        """Wait by this function for as long as the body runs."""
        self._sleep = sleep
        try:
            yield
        finally:
            self._sleep = time.sleep

    def _say(self, waited: float) -> bool:
        if not waited:
            self._display.note("no room left on the output's disk; waiting for some")
        return True

    def _wait(self, seconds: float) -> None:
        self._sleep(seconds)
