"""Runs networks on the device. Used by the device thread only; knows nothing of streams.

Law 2 lives here: what a frame's colour may depend on besides the frames themselves is fixed when the engine is made
(device, dtype, threads, allowed batch sizes) and named in `device_class`.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from kinemacolor.colour.encoding import Transfer
from kinemacolor.colour.lightness import lightness_table
from kinemacolor.models.api import (
    Colorizer,
    Guide,
    HintSpot,
    ModelSpec,
    ModelState,
    Opening,
    Proposal,
    StepResult,
    finish,
)
from kinemacolor.models.native_dtype import has_native_bf16
from kinemacolor.models.registry import describe_model, list_models, load_model
from kinemacolor.models.selftest import batch_sizes_equal, sample_lightness
from kinemacolor.server.code_identity import code_sha256
from kinemacolor.server.config import ConfigError, ServerConfig
from kinemacolor.server.guided_shots import GuidedShot, guided_shot_at
from kinemacolor.server.open_request import ClipSettings
from kinemacolor.server.shot_starts import ShotStarts
from kinemacolor.wire.codec import decode_luma, encode_ab
from kinemacolor.wire.frame import AB_STEPS_PER_UNIT, FrameNumber, Geometry, GuideFrame
from kinemacolor.wire.shots import is_cut

_AB_LIMIT = 32767
_CODE_CHARS = 12
"""Of the hash of the code in a device class, which people read, too."""
_STARTS_BYTES = 256 << 20
"""Device memory for starts of shots that may be wanted again: 450 pictures at 448 x 256."""


class NonFiniteColorError(Exception):
    """A network returned NaN or infinity: the frame fails aloud instead of coming back grey.

    Args:
        pixels: How many of the frame's have no colour; 0 where it is the state that cannot be gone on from.
    """

    def __init__(self, pixels: int) -> None:
        super().__init__(f"{pixels} pixels have no colour" if pixels else "the state is no number")
        self.pixels = pixels


class UnsupportedError(Exception):
    """The model has not what a clip asks for; the text is one line for a person."""


@dataclass(frozen=True, slots=True)
class ClipSetup:
    """What the work of one clip needs besides its frames."""

    model: Colorizer
    """In the clip's variant."""
    geometry: Geometry
    lightness: NDArray[np.float32]
    """(65536,) L* by luma code."""
    want_confidence: bool
    guided_shots: tuple[GuidedShot, ...] = ()
    transfer: Transfer = Transfer.SRGB
    """What `lightness` is the table of."""

    @property
    def padded(self) -> tuple[int, int]:
        """(height, width) that the network sees: the geometry rounded up to the model's multiple."""
        step = self.model.spec.multiple_of
        return -(-self.geometry.height_px // step) * step, -(-self.geometry.width_px // step) * step


@dataclass(frozen=True, slots=True)
class TimedProposal:
    """A proposal with what it cost."""

    proposal: Proposal
    queue_us: int
    network_us: int


@dataclass(frozen=True, slots=True)
class Chroma:
    """One frame's answer in wire form."""

    ab: bytes
    confidence: bytes
    queue_us: int
    network_us: int
    temporal_us: int


class Engine:
    """Models on one device.

    Args:
        config: device, dtype, threads and the largest batch are read from it, once.

    Raises:
        ConfigError: the device is not there.
    """

    def __init__(self, config: ServerConfig) -> None:
        self._device = _choose_device(config.device)
        if config.threads:
            torch.set_num_threads(config.threads)
        _make_deterministic(self._device)
        self._dtype = config.dtype
        self._code = code_sha256()[:_CODE_CHARS]
        # Batches gain nothing on a CPU (measured): its self-test is one picture.
        self._max_batch = config.max_batch if self._device.type == "cuda" else 1
        self._models: dict[str, Colorizer] = {}
        self._load_seconds: dict[str, float] = {}
        self._variants: dict[tuple[str, int], Colorizer] = {}
        self._tables: dict[Transfer, NDArray[np.float32]] = {}
        self._starts = ShotStarts(_STARTS_BYTES)
        self._batch_sizes: dict[tuple[Colorizer, tuple[int, int]], tuple[int, ...]] = {}

    @property
    def device(self) -> torch.device:
        """Where the networks run."""
        return self._device

    @property
    def device_name(self) -> str:
        """The device as a person would call it."""
        return _device_name(self._device)

    @property
    def loaded(self) -> frozenset[str]:
        """Names of the models that answer at once."""
        return frozenset(self._models)

    @property
    def load_seconds(self) -> dict[str, float]:
        """How long it took to load each of them."""
        return dict(self._load_seconds)

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """What each model is; of a loaded one what was loaded, for its weights on disk may be others by now."""
        loaded = {name: model.spec for name, model in list(self._models.items())}
        return tuple(loaded.get(known.name, known) for known in list_models())

    def model(self, name: str) -> Colorizer:
        """Load a model, or return the loaded one.

        Raises:
            ModelError: unknown name, or its weights cannot be used.
        """
        if name not in self._models:
            started = time.perf_counter()
            self._models[name] = self._load(name)
            self._load_seconds[name] = time.perf_counter() - started
        return self._models[name]

    def _variant(self, name: str, variant: int) -> Colorizer:
        """One object for all clips of a variant, so that they share batches; the first variant is the model itself."""
        model = self.model(name)
        if variant == 1:
            return model
        if (name, variant) not in self._variants:
            self._variants[name, variant] = model.with_variant(variant)
        return self._variants[name, variant]

    def _load(self, name: str) -> Colorizer:
        """Load in the dtype that was asked for, if the model was checked in it; else in its reference dtype."""
        if self._wants_bf16() and torch.bfloat16 in describe_model(name).dtypes:
            model = load_model(name, device=self._device, dtype=torch.bfloat16)
            if self._dtype == "bf16" or _is_repeatable(model):
                return model
        return load_model(name, device=self._device)

    def _wants_bf16(self) -> bool:
        return self._dtype == "bf16" or (self._dtype == "auto" and has_native_bf16(self._device))

    def device_class(self, model: Colorizer) -> str:
        """Everything besides the frames, the weights and the settings that can change a byte of a colour."""
        dtype = str(model.dtype).removeprefix("torch.")
        threads = torch.get_num_threads() if self._device.type == "cpu" else 0
        batches = f"batch<={self._max_batch}"
        code = f"code={self._code}"
        return f"{self.device_name}|{dtype}|threads={threads}|eager|torch={torch.__version__}|{batches}|{code}"

    def setup(self, settings: ClipSettings) -> ClipSetup:
        """Everything a clip needs before its first frame; loads the model and runs the self-test of this geometry.

        A picture that finds no memory fails here, with an error that `is_out_of_memory`, and not as the first frame.

        Raises:
            ModelError: as `model`.
            UnsupportedError: the model takes no guides of that kind, has no such variant, or no confidence.
        """
        _refuse_unsupported(self.model(settings.model).spec, settings)
        setup = ClipSetup(
            model=self._variant(settings.model, settings.variant),
            geometry=settings.geometry,
            lightness=self._tables.setdefault(settings.transfer, lightness_table(settings.transfer)),
            want_confidence=settings.want_confidence,
            guided_shots=settings.guided_shots,
            transfer=settings.transfer,
        )
        self.batch_sizes(setup)
        return setup

    def batch_sizes(self, setup: ClipSetup) -> tuple[int, ...]:
        """Batch sizes whose results equal batch 1 byte for byte at this clip's size."""
        key = (setup.model, setup.padded)
        if key not in self._batch_sizes:
            sizes = tuple(size for size in (1, 2, 4, 8, 16, 32, 64) if size <= self._max_batch)
            self._batch_sizes[key] = batch_sizes_equal(setup.model, *setup.padded, sizes)
        return self._batch_sizes[key]

    def allow_batches_below(self, setup: ClipSetup, size: int) -> None:
        """A batch of this size found no memory: only smaller ones from now on. No byte changes, for all are equal."""
        smaller = tuple(each for each in self.batch_sizes(setup) if each < size)
        self._batch_sizes[setup.model, setup.padded] = smaller or (1,)

    def memory(self) -> tuple[int, int]:
        """Bytes of the device's own memory that are taken, by whomever, and that there are; 0, 0 on a CPU."""
        if self._device.type != "cuda":
            return 0, 0
        free, total = torch.cuda.mem_get_info(self._device)
        return total - free, total

    def own_memory(self) -> tuple[int, int]:
        """Bytes of the device's memory that this process's tensors take, and that torch keeps; 0, 0 on a CPU."""
        if self._device.type != "cuda":
            return 0, 0
        return torch.cuda.memory_allocated(self._device), torch.cuda.memory_reserved(self._device)

    def release_cached(self) -> bool:
        """Give back what torch keeps of the device's memory for later; False where it keeps none."""
        if self._device.type != "cuda":
            return False
        torch.cuda.empty_cache()
        return True

    def propose(self, setup: ClipSetup, lumas: Sequence[bytes], waited_us: Sequence[int]) -> list[TimedProposal]:
        """Run the frame network on lumas of clips that share a model and a padded size."""
        started = time.perf_counter_ns()
        planes = np.stack([_lightness_plane(setup, luma) for luma in lumas])[:, np.newaxis]
        proposals = setup.model.propose(torch.from_numpy(planes).to(self._device))
        _synchronize(self._device)
        share_us = (time.perf_counter_ns() - started) // 1000 // len(lumas)
        return [
            TimedProposal(proposal, waited, share_us) for proposal, waited in zip(proposals, waited_us, strict=True)
        ]

    def step(
        self, setup: ClipSetup, number: FrameNumber, state: ModelState | None, timed: TimedProposal
    ) -> tuple[ModelState, Chroma]:
        """Advance a clip by frame `number`; `state` None starts a shot, with the guides of the shot it is in.

        Raises:
            NonFiniteColorError: the result is no colour, or the state would give none from now on.
        """
        started = time.perf_counter_ns()
        before = state if state is not None else finish(self.opening(setup, number))
        result = setup.model.step(before, timed.proposal)
        height, width = setup.geometry.height_px, setup.geometry.width_px
        ab = _quantise(result.ab[:, :height, :width])
        _check_finite(result.state)
        confidence = _confidence_bytes(result, timed.proposal, setup) if setup.want_confidence else b""
        took_us = (time.perf_counter_ns() - started) // 1000
        return result.state, Chroma(encode_ab(ab), confidence, timed.queue_us, timed.network_us, took_us)

    def opening(self, setup: ClipSetup, number: FrameNumber) -> Opening:
        """The start of the shot that frame `number` is in, with its guides; at once if it was made not long ago."""
        shot = guided_shot_at(setup.guided_shots, number)
        if shot is None:
            return setup.model.init_state()
        key = (setup.model, setup.transfer, shot.guide_hash)
        start = self._starts.get(key)
        if start is None:
            start = yield from setup.model.opening(self._guides_at(setup, number))
            self._starts.put(key, start)
        return start

    def forget_starts(self) -> int:
        """Forget the starts of shots but for the newest; returns how many. They are made again when they are wanted."""
        return self._starts.make_room()

    def restore(self, setup: ClipSetup, number: FrameNumber, tensors: Mapping[str, torch.Tensor]) -> ModelState:
        """A state of the shot that frame `number` is in, of what `ModelState.tensors` gave."""
        return setup.model.restore_state(tensors, finish(self.opening(setup, number)))

    def _guides_at(self, setup: ClipSetup, number: FrameNumber) -> tuple[Guide, ...]:
        shot = guided_shot_at(setup.guided_shots, number)
        return () if shot is None else tuple(_model_guide(setup, guide, self._device) for guide in shot.guides)


def _refuse_unsupported(spec: ModelSpec, settings: ClipSettings) -> None:
    guides = [guide for shot in settings.guided_shots for guide in shot.guides]
    if not spec.takes_references and any(guide.ab is not None for guide in guides):
        raise UnsupportedError(f"model {spec.name} takes no references")
    if not spec.takes_hints and any(guide.hints for guide in guides):
        raise UnsupportedError(f"model {spec.name} takes no hints")
    if settings.want_confidence and not spec.has_confidence:
        raise UnsupportedError(f"model {spec.name} does not say how sure it is")
    if settings.variant > spec.variants:
        raise UnsupportedError(
            f"model {spec.name}: expected a variant of 1 to {spec.variants}, found {settings.variant}"
        )


def cut_between(geometry: Geometry, previous: bytes | None, present: bytes) -> bool:
    """The causal, local cut detector on wire lumas; without a previous frame there is nothing to detect."""
    if previous is None:
        return False
    return is_cut(decode_luma(previous, geometry), decode_luma(present, geometry))


def _lightness_plane(setup: ClipSetup, luma: bytes) -> NDArray[np.float32]:
    """(H, W) float32 L* as the network sees it."""
    return _padded(setup, setup.lightness[decode_luma(luma, setup.geometry)])


def _padded(setup: ClipSetup, planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., H, W), sides padded to the network's multiple by edge replication."""
    height, width = setup.padded
    bottom, right = height - setup.geometry.height_px, width - setup.geometry.width_px
    return np.pad(planes, (*[(0, 0)] * (planes.ndim - 2), (0, bottom), (0, right)), mode="edge")


def _model_guide(setup: ClipSetup, guide: GuideFrame, device: torch.device) -> Guide:
    """A guide as the model takes it. Padding is at the right and bottom, so positions are those of the picture."""
    width, height = setup.geometry.width_px, setup.geometry.height_px
    lightness = _padded(setup, setup.lightness[guide.luma])[np.newaxis]
    ab = None if guide.ab is None else _padded(setup, np.divide(guide.ab, AB_STEPS_PER_UNIT, dtype=np.float32))
    return Guide(
        lightness=torch.from_numpy(lightness).to(device),
        ab=None if ab is None else torch.from_numpy(ab).to(device),
        hints=tuple(
            HintSpot(
                # The far border is the last sample, not the first one of the padding.
                min(hint.x * width, width - 0.5),
                min(hint.y * height, height - 0.5),
                hint.radius * min(width, height),
                hint.a,
                hint.b,
            )
            for hint in guide.hints
        ),
    )


def _quantise(ab: torch.Tensor) -> NDArray[np.int16]:
    codes = (ab.float() * AB_STEPS_PER_UNIT).round()
    finite = torch.isfinite(codes)
    if not bool(finite.all()):
        raise NonFiniteColorError(int((~finite).any(dim=0).sum()))
    return codes.clamp(-_AB_LIMIT - 1, _AB_LIMIT).to(torch.int16).cpu().numpy()


def _check_finite(state: ModelState) -> None:
    """One answer of the device for all tensors: a state that is kept, and saved, must be worth going on from."""
    finite = [torch.isfinite(tensor).all() for tensor in state.tensors().values() if tensor.is_floating_point()]
    if finite and not bool(torch.stack(finite).all()):
        raise NonFiniteColorError(0)


def _confidence_bytes(result: StepResult, proposal: Proposal, setup: ClipSetup) -> bytes:
    confidence = proposal.confidence if result.confidence is None else result.confidence
    if confidence is None:
        return b""
    plane = confidence[0, : setup.geometry.height_px, : setup.geometry.width_px]
    return bytes((plane.float() * 255).round().clamp(0, 255).to(torch.uint8).cpu().contiguous().numpy().tobytes())


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdecimal()) or (kind == "cpu" and index):
        raise ConfigError(f"--device must be auto, cpu or cuda:N, found {name}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"--device {name}: this machine has no CUDA device that torch can use")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, counted from 0")
    return torch.device(name)


def _make_deterministic(device: torch.device) -> None:
    """Kernels must not be chosen by timing, or the same frame would get two colours on two days."""
    if device.type != "cuda":
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


def _is_repeatable(model: Colorizer) -> bool:
    """The least that law 2 asks of a dtype: the same frame twice gives the same bytes."""
    step = model.spec.multiple_of
    sample = sample_lightness(1, 4 * step, 7 * step).to(model.device)
    first, second = (model.propose(sample)[0].ab for _ in range(2))
    return bool(torch.equal(first, second))


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"cpu/{torch.backends.cpu.get_cpu_capability()}"


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
