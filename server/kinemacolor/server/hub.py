"""All clips of a server: opens, feeds and evicts them, and does what their machines say. Lives on the event loop."""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import cast

from kinemacolor.models.api import ModelState
from kinemacolor.models.errors import MissingPackageError, ModelError, UnknownModelError
from kinemacolor.models.out_of_memory import is_out_of_memory
from kinemacolor.models.registry import canonical_name
from kinemacolor.server import events as ev
from kinemacolor.server import messages
from kinemacolor.server.clip_machine import ClipMachine
from kinemacolor.server.code_identity import code_sha256
from kinemacolor.server.config import ServerConfig
from kinemacolor.server.dependency import ClipDependencies
from kinemacolor.server.device_jobs import ProposeJob, StepJob
from kinemacolor.server.device_worker import DeviceWorker
from kinemacolor.server.engine import Chroma, ClipSetup, UnsupportedError
from kinemacolor.server.epochs import Epochs
from kinemacolor.server.events import ClipPhase
from kinemacolor.server.metrics import Outcome, ServerMetrics
from kinemacolor.server.open_request import OpenRequest
from kinemacolor.server.rates import RateMeter
from kinemacolor.server.session import Session
from kinemacolor.server.snapshot_store import Found, SnapshotClip, SnapshotStore
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.errors import WireError
from kinemacolor.wire.frame import ClipKey, FrameNumber
from kinemacolor.wire.reasons import ErrorReason

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The last answered frame of a clip, for whoever wants to see it; as it came and went over the wire."""

    number: FrameNumber
    luma: bytes
    ab: bytes


@dataclass(slots=True, eq=False)
class Clip:
    """One clip: its settings, its machine and the stream that is attached, if any."""

    request: OpenRequest
    setup: ClipSetup
    identity: SnapshotClip
    """What its colours depend on."""
    machine: ClipMachine
    touched: float
    """Clock reading of the last sign of life."""
    session: Session | None = None
    epoch: int = 0
    client_name: str = ""
    is_interactive: bool = False
    """Of the stream that is attached, as the name."""
    frames_answered: int = field(default=0)
    """Over all streams of the clip."""
    last_answer: Answer | None = None
    rate: RateMeter = field(default_factory=RateMeter)
    """Of its answers."""
    has_been_made_room: bool = False
    """Another clip gave way for it, and it has had no answer since: who never fits must not empty the server."""
    largest_state_bytes: int = 0
    """The most that its states have taken so far."""

    @property
    def key(self) -> ClipKey:
        """The name the client gave it."""
        return self.request.clip_key

    @property
    def state_bytes(self) -> int:
        """Device memory of the states that are kept."""
        return sum(cast(ModelState, state).nbytes for state in self.machine.states)


class ClipHub:
    """The clips of a server, at most `config.max_clips`.

    Args:
        config: limits.
        worker: the device thread.
        default_model: name that an empty OpenClip.model means.
        snapshots: what outlives this server; None: nothing does.
        epochs: numbers the streams.
        clock: seconds on a clock that never jumps.
        metrics: what is counted.
    """

    def __init__(
        self,
        config: ServerConfig,
        worker: DeviceWorker,
        default_model: str,
        *,
        snapshots: SnapshotStore | None = None,
        epochs: Epochs | None = None,
        clock: Callable[[], float] = time.monotonic,
        metrics: ServerMetrics | None = None,
    ) -> None:
        self._config = config
        self._metrics = metrics or ServerMetrics()
        self._worker = worker
        self._default_model = default_model
        self._snapshots = snapshots
        self._epochs = epochs or Epochs(None)
        self._clock = clock
        self._code_sha256 = code_sha256()
        self._clips: dict[ClipKey, Clip] = {}
        self._loop = asyncio.get_running_loop()
        self._finishing: set[Session] = set()
        """Streams whose clip has ended, while their last answers are written."""
        self._stream_ended = asyncio.Event()
        self._rooms_made = 0
        """How often a clip had to give way for want of memory."""
        self.draining = False

    @property
    def clips(self) -> tuple[Clip, ...]:
        """All clips, in the order in which they were opened."""
        return tuple(self._clips.values())

    @property
    def default_model(self) -> str:
        """Name of the model that is used where none is asked for."""
        return self._default_model

    @property
    def has_snapshots(self) -> bool:
        """True if states outlive this server."""
        return self._snapshots is not None

    # ---- open and close ----

    async def open(self, request: OpenRequest, session: Session) -> Clip:
        """Attach a stream to a new or a waiting clip and answer with ClipOpened.

        Raises:
            WireError: unknown model, one that has not what is asked for, other settings, too many clips, draining.
        """
        request = self._with_model_named(request)
        self._refuse_if_draining()
        setup, identity = await self._prepare(request)
        restored = await self._find_restored(request, identity)
        self._refuse_if_draining()  # it may have begun meanwhile
        clip = self._clips.get(request.clip_key)
        if clip is not None and clip.request.settings != request.settings:
            if not request.restart:
                text = f"clip {request.clip_key} is open with other settings; set restart to drop its state"
                raise WireError(ErrorReason.SETTINGS_CHANGED, text)
            self.evict(clip, "restarted with other settings")
            clip = None
        if clip is None:
            clip = self._add(request, setup, identity)
        self._supersede(clip)
        self._attach(clip, request, session, restored)
        return clip

    def _with_model_named(self, request: OpenRequest) -> OpenRequest:
        """A model is the same setting, however it is named."""
        named = replace(request.settings, model=canonical_name(request.settings.model, self._default_model))
        return replace(request, settings=named)

    def _refuse_if_draining(self) -> None:
        if self.draining:
            raise WireError(ErrorReason.DRAINING, "this server is draining; try another or later")

    async def _prepare(self, request: OpenRequest) -> tuple[ClipSetup, SnapshotClip]:
        """Load the model in the device thread; most of the time it is there already."""
        name = request.settings.model
        future = self._worker.call(
            lambda engine: (engine.setup(request.settings), engine.device_class(engine.model(name)))
        )
        try:
            setup, device_class = await asyncio.wrap_future(future)
        except UnknownModelError as error:
            raise WireError(ErrorReason.UNKNOWN_MODEL, str(error)) from error
        except (UnsupportedError, MissingPackageError) as error:  # waiting changes neither: a client must not try again
            raise WireError(ErrorReason.UNSUPPORTED, str(error)) from error
        except ModelError as error:
            _log.error("model failed to load", exc_info=error, extra={"model": name})
            raise WireError(ErrorReason.INTERNAL, f"model {name} cannot be loaded on this server") from error
        except (MemoryError, OSError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            _log.error("no memory for a model", exc_info=error, extra={"model": name})
            # What the failed picture had computed lives as long as the error; the next clip may need the memory.
            traceback.clear_frames(error.__traceback__)
            raise WireError(ErrorReason.OUT_OF_MEMORY, _no_memory(request)) from error
        return setup, SnapshotClip(request.clip_key, self._dependencies(request, setup, device_class))

    def _dependencies(self, request: OpenRequest, setup: ClipSetup, device_class: str) -> ClipDependencies:
        settings, spec = request.settings, setup.model.spec
        return ClipDependencies(
            model=spec.name,
            weights_sha256=spec.weights_sha256,
            code_sha256=self._code_sha256,
            device_class=device_class,
            geometry=settings.geometry,
            transfer=settings.transfer.value,
            shot_starts=settings.shot_starts,
            variant=settings.variant,
            guided_shots=settings.guided_shots,
        )

    async def _find_restored(self, request: OpenRequest, identity: SnapshotClip) -> ev.Restored | None:
        """The last snapshot within the client's reach, unless a state in memory is at least as good."""
        clip = self._clips.get(request.clip_key)
        last = FrameNumber(request.first_frame - 1)
        kept = None if clip is None else clip.machine.newest_state(FrameNumber(request.earliest_frame - 1), last)
        if self._snapshots is None or request.restart or kept == last:
            return None
        while True:
            earliest = request.earliest_frame if kept is None else FrameNumber(kept + 2)
            search = self._snapshots.find(identity, earliest, request.first_frame)
            found = await asyncio.wrap_future(search)
            if found is None:
                return None
            if found.is_current:
                return found.restored

    def _add(self, request: OpenRequest, setup: ClipSetup, identity: SnapshotClip) -> Clip:
        self._make_room()
        machine = ClipMachine(window=self._config.window, shot_starts=request.settings.shot_starts)
        clip = Clip(request, setup, identity, machine, self._clock())
        self._clips[request.clip_key] = clip
        return clip

    def _make_room(self) -> None:
        """A clip that waits for a resume gives way to a new one, the one idle longest first; an attached one never."""
        if len(self._clips) < self._config.max_clips:
            return
        waiting = [clip for clip in self._clips.values() if clip.session is None]
        if not waiting:
            raise WireError(ErrorReason.TOO_MANY_CLIPS, f"all {self._config.max_clips} clips of this server are busy")
        self.evict(min(waiting, key=lambda clip: clip.touched), "room for a new clip", keeps_snapshots=True)

    def _supersede(self, clip: Clip) -> None:
        if clip.session is None:
            return
        clip.session.fail(WireError(ErrorReason.SUPERSEDED, f"clip {clip.key} was opened by a newer stream"))
        self.detach(clip, clip.session)

    def _attach(self, clip: Clip, request: OpenRequest, session: Session, restored: ev.Restored | None) -> None:
        if self._snapshots is not None:
            if request.restart:
                self._snapshots.drop(clip.key)
            self._snapshots.attach(clip.identity)
        clip.session = session
        clip.epoch = self._epochs.take()
        clip.client_name, clip.is_interactive = request.client_name, request.is_interactive
        extra = {"clip": clip.key, "model": clip.setup.model.spec.name, "epoch": clip.epoch}
        _log.info("clip opened", extra={**extra, "client": clip.client_name})
        self.feed(clip, ev.StreamAttached(request.first_frame, request.restart, request.earliest_frame, restored))

    def detach(self, clip: Clip, session: Session) -> None:
        """The stream is gone. Does nothing if another stream has taken the clip over, or it is closed."""
        if clip.session is not session:
            return
        self._let_go(clip)
        clip.touched = self._clock()
        if clip.machine.phase not in (ClipPhase.DETACHED, ClipPhase.CLOSED):
            _log.info("stream lost, state kept", extra={"clip": clip.key, "frame": clip.machine.expected})
            self.feed(clip, ev.StreamLost())

    def _let_go(self, clip: Clip) -> None:
        """No stream is attached any more."""
        if clip.session is not None and self._snapshots is not None:
            self._snapshots.detach(clip.identity)
        clip.session = None
        self._stream_ended.set()

    def written(self, session: Session) -> None:
        """Nothing more is written to this stream."""
        self._finishing.discard(session)
        self._stream_ended.set()

    def evict(self, clip: Clip, why: str, *, keeps_snapshots: bool = False) -> None:
        """Drop a clip and its state; its stream, if any, ends with ABORTED.

        With `keeps_snapshots` what is in memory goes to disk first, and the clip may come back.
        """
        _log.info("clip evicted", extra={"clip": clip.key, "why": why})
        self.feed(clip, ev.Evicted(f"clip {clip.key} was evicted: {why}", keeps_snapshots))
        if self._snapshots is not None and not keeps_snapshots:
            self._snapshots.drop(clip.key)

    def find(self, key: str) -> Clip:
        """The clip of this key, or WireError (UNKNOWN_CLIP)."""
        clip = self._clips.get(ClipKey(key))
        if clip is None:
            raise WireError(ErrorReason.UNKNOWN_CLIP, "no clip of that key")
        return clip

    def evict_idle(self) -> None:
        """Drop clips whose stream is lost or silent for too long."""
        now = self._clock()
        for clip in self.clips:
            limit = self._config.resume_ttl_seconds if clip.session is None else self._config.idle_seconds
            if now - clip.touched > limit and clip.machine.waiting == 0:
                self.evict(clip, f"idle for more than {limit:g} s", keeps_snapshots=True)

    def idle_seconds(self, clip: Clip) -> float:
        """Seconds since the last sign of life."""
        return self._clock() - clip.touched

    def frames_per_second(self, clip: Clip) -> float:
        """Answers over the last seconds."""
        return clip.rate.per_second(self._clock())

    def last_snapshot(self, clip: Clip) -> FrameNumber | None:
        """The last frame before the next one whose state is on disk; None: there is none, or no snapshots."""
        if self._snapshots is None:
            return None
        return self._snapshots.durable_through(clip.identity, clip.machine.expected)

    async def wait_until_streams_end(self) -> None:
        """Return when no stream is attached and the last answers of those that were are written."""
        while self._finishing or any(clip.session is not None for clip in self._clips.values()):
            self._stream_ended.clear()
            await self._stream_ended.wait()

    # ---- events in, instructions out ----

    def feed(self, clip: Clip, event: ev.Event) -> None:
        """Give one event to a clip's machine and do what it says."""
        clip.touched = self._clock()
        generation = clip.machine.generation
        instructions = clip.machine.handle(event)
        if clip.machine.generation != generation:
            self._worker.forget(clip.setup)
        for instruction in instructions:
            _EXECUTE[type(instruction)](self, clip, instruction)

    def _feed_result(self, clip: Clip, event: ev.Event) -> None:
        """As `feed`, but a callback of the loop: an exception would vanish there and leave the client waiting."""
        try:
            self.feed(clip, event)
        except Exception as error:  # noqa: BLE001 - the border of the loop
            _log.error("result failed", exc_info=error, extra={"clip": clip.key})
            self._give_up(clip)

    def _give_up(self, clip: Clip) -> None:
        """A fault of ours: the stream is told, the clip is gone, whatever state it was in."""
        if clip.session is not None:
            clip.session.fail(WireError(ErrorReason.INTERNAL, "the server failed on this clip"))
        if clip.machine.phase is not ClipPhase.CLOSED:
            self.feed(clip, ev.Evicted(f"clip {clip.key} was evicted: the server failed on it"))
        self._release(clip, ev.ReleaseClip())

    def _run_again(self, clip: Clip, event: ev.Event, again: Callable[[], None], rooms: int) -> None:
        """As `_feed_result`; but where memory ran out, the clip that came last gives way, and the work is done again.

        `rooms` is how often that had happened when the work was queued: what failed before others gave way may fit now.
        """
        if isinstance(event, ev.WorkFailed) and event.reason is ErrorReason.OUT_OF_MEMORY:
            is_wanted = clip.session is not None and event.generation == clip.machine.generation
            if is_wanted and (rooms < self._rooms_made or self._make_memory(clip)):
                again()
                return
        self._feed_result(clip, event)

    def _make_memory(self, clip: Clip) -> bool:
        """Refuse the clip that was opened last; False if that is this one, or one has given way for it in vain."""
        newest = [each for each in self._clips.values() if each.session is not None][-1]
        if newest is clip or newest.session is None or clip.has_been_made_room:
            return False
        clip.has_been_made_room = True
        _log.warning("clip gives way for want of memory", extra={"clip": newest.key, "for": clip.key})
        text = "the device has no memory for one more clip; the one that came last gives way"
        newest.session.fail(WireError(ErrorReason.OUT_OF_MEMORY, text))
        self.evict(newest, "no memory on the device", keeps_snapshots=True)
        self._rooms_made += 1
        return True

    def _reply_for(self, clip: Clip, again: Callable[[], None] | None = None) -> Callable[[ev.Event], None]:
        """How another thread gives a result back to the loop; `again` queues the same work once more."""
        rooms = self._rooms_made

        def reply(event: ev.Event) -> None:
            try:
                if again is None:
                    self._loop.call_soon_threadsafe(self._feed_result, clip, event)
                else:
                    self._loop.call_soon_threadsafe(self._run_again, clip, event, again, rooms)
            except RuntimeError:
                _log.debug("result after the loop closed", extra={"clip": clip.key})

        return reply

    def _run_propose(self, clip: Clip, instruction: ev.RunPropose) -> None:
        reply = self._reply_for(clip, lambda: self._run_propose(clip, instruction))
        self._worker.propose(ProposeJob(clip.setup, instruction, reply, clip.is_interactive))

    def _run_step(self, clip: Clip, instruction: ev.RunStep) -> None:
        reply = self._reply_for(clip, lambda: self._run_step(clip, instruction))
        self._worker.step(StepJob(clip.setup, instruction, reply, clip.is_interactive))

    def _opened(self, clip: Clip, instruction: ev.EmitOpened) -> None:
        spec = clip.setup.model.spec
        if instruction.resumed:
            self._metrics.resumed()
        opened = pb.ClipOpened(
            clip_key=clip.key,
            model=spec.name,
            weights_sha256=spec.weights_sha256,
            device_class=clip.identity.dependencies.device_class,
            window=self._config.window,
            resume_from=instruction.resume_from,
            resumed=instruction.resumed,
            epoch=clip.epoch,
            resume_ttl_seconds=int(self._config.resume_ttl_seconds),
            licence=spec.licence,
            terms=spec.terms,
        )
        self._deliver(clip, pb.StreamFramesResponse(clip_opened=opened))

    def _frame(self, clip: Clip, instruction: ev.EmitFrame) -> None:
        clip.frames_answered += 1
        clip.has_been_made_room = False
        self._count(clip, Outcome.COLORED)
        luma = clip.machine.luma_of(instruction.number)
        clip.last_answer = (
            None if luma is None else Answer(instruction.number, luma, cast(Chroma, instruction.chroma).ab)
        )
        clip.rate.note(self._clock())
        clip.largest_state_bytes = max(clip.largest_state_bytes, clip.state_bytes)
        durable = self._note(clip, instruction.number, instruction.shot)
        self._deliver(clip, messages.color_frame(instruction, durable))

    def _note(self, clip: Clip, number: FrameNumber, shot: FrameNumber) -> FrameNumber | None:
        """Tell the snapshots where a frame belongs; returns the last frame before it that will not be needed again."""
        if self._snapshots is None:
            return None
        self._snapshots.note(clip.identity, number, shot)
        return self._snapshots.durable_through(clip.identity, number)

    def _progress(self, clip: Clip, instruction: ev.EmitProgress) -> None:
        if instruction.shot is not None:
            self._count(clip, Outcome.PRE_ROLL)
            self._note(clip, FrameNumber(instruction.consumed_through), instruction.shot)
        self._deliver(clip, messages.progress(instruction))

    def _save_snapshot(self, clip: Clip, instruction: ev.SaveSnapshot) -> None:
        if self._snapshots is not None:
            self._snapshots.save(clip.identity, instruction)

    def _find_snapshot(self, clip: Clip, instruction: ev.FindSnapshot) -> None:
        reply = self._reply_for(clip)
        if self._snapshots is None:
            reply(ev.SnapshotFound(instruction.generation, None))
            return
        search = self._snapshots.find(clip.identity, instruction.lowest, instruction.highest)

        def tell(done: "Future[Found | None]") -> None:
            found = None if done.cancelled() or done.exception() else done.result()
            reply(ev.SnapshotFound(instruction.generation, None if found is None else found.restored))

        search.add_done_callback(tell)

    def _need_frames(self, clip: Clip, instruction: ev.EmitNeedFrames) -> None:
        self._deliver(clip, messages.need_frames(instruction))

    def _frame_error(self, clip: Clip, instruction: ev.EmitFrameError) -> None:
        self._count(clip, Outcome.FAILED)
        self._deliver(clip, messages.frame_error(instruction))

    def _ended(self, clip: Clip, instruction: ev.EmitEnded) -> None:
        self._deliver(clip, messages.clip_ended(instruction))
        if self._snapshots is not None:
            self._snapshots.drop(clip.key)
        if clip.session is not None:
            clip.session.finish()
            self._finishing.add(clip.session)
        values = {"frames": instruction.frames_answered, "state_bytes": clip.largest_state_bytes}
        _log.info("clip ended", extra={"clip": clip.key, **values})

    def _count(self, clip: Clip, outcome: Outcome) -> None:
        self._metrics.frame(clip.setup.model.spec.name, outcome)

    def _deliver(self, clip: Clip, response: pb.StreamFramesResponse) -> None:
        if clip.session is not None:
            clip.session.deliver(response)

    def _refuse(self, clip: Clip, instruction: ev.RefuseStream) -> None:
        _log.warning("stream refused", extra={"clip": clip.key, "reason": instruction.reason.name})
        if clip.session is not None:
            clip.session.fail(WireError(instruction.reason, instruction.message, instruction.expected))

    def _release(self, clip: Clip, instruction: ev.ReleaseClip) -> None:
        if self._clips.get(clip.key) is clip:
            del self._clips[clip.key]
        self._let_go(clip)


def _no_memory(request: OpenRequest) -> str:
    size, name = request.settings.geometry, request.settings.model
    what = f"model {name} at {size.width_px} x {size.height_px}"
    return f"this server has no memory for {what}; a lower quality or another model needs less"


_EXECUTE: dict[type, Callable[[ClipHub, Clip, ev.Instruction], None]] = cast(
    "dict[type, Callable[[ClipHub, Clip, ev.Instruction], None]]",
    {
        ev.RunPropose: ClipHub._run_propose,
        ev.RunStep: ClipHub._run_step,
        ev.EmitOpened: ClipHub._opened,
        ev.EmitFrame: ClipHub._frame,
        ev.EmitProgress: ClipHub._progress,
        ev.EmitNeedFrames: ClipHub._need_frames,
        ev.EmitFrameError: ClipHub._frame_error,
        ev.EmitEnded: ClipHub._ended,
        ev.RefuseStream: ClipHub._refuse,
        ev.ReleaseClip: ClipHub._release,
        ev.SaveSnapshot: ClipHub._save_snapshot,
        ev.FindSnapshot: ClipHub._find_snapshot,
    },
)
