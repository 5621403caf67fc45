"""What a render says: its plan before, its summary after. Words for a person, values for a machine."""

from dataclasses import dataclass
from pathlib import Path

from kinemacolor.media.types import OutputPlan, SourceInfo, Track
from kinemacolor.picture.pixel import Family
from kinemacolor.store.clip_file import ServerIdentity
from kinemacolor.wire.frame import Geometry

_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class ReviewReport:
    """What a list of frames where a person should help says."""

    path: Path
    places: int
    shots: int
    """In which they are."""
    left_out: int
    """Places that the longest list does not hold."""
    unknown_frames: int
    """Frames of which this run does not know how sure their colours are."""

    def lines(self) -> list[str]:
        """For a person."""
        where = f" in {plural(self.shots, 'shot')}" if self.places else ""
        more = f", and {self.left_out} that need it less are left out" if self.left_out else ""
        lines = [f"{self.path}: {plural(self.places, 'place')} where a person should help{where}{more}"]
        if self.unknown_frames:
            unknown = plural(self.unknown_frames, "frame")
            lines.append(f"{self.path}: {unknown} coloured by an earlier run are unknown; kinemacolor analyse sees all")
        return lines


def review_values(report: ReviewReport | None) -> dict[str, object]:
    """For a machine."""
    return {
        "review": None if report is None else str(report.path),
        "review_places": None if report is None else report.places,
        "review_left_out": None if report is None else report.left_out,
        "review_unknown_frames": None if report is None else report.unknown_frames,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderReport:
    """What a render did."""

    output: Path
    complete: bool
    """False: the input broke off; the output ends where it did."""
    frames: int
    frames_resumed: int
    """Of these, how many an earlier run had finished."""
    breaks: int
    """How often the server was lost and found again."""
    frames_recomputed: int
    """Frames that the server computed again because of that."""
    shots: int
    seconds: float
    limited_samples: int
    """Chroma samples whose colour did not fit the gamut and lost saturation (never luma)."""
    luma_exact: bool
    """True: the output's Y' is the input's, bit for bit."""
    luma_psnr_db: float | None
    """Of Y', measured on a sample of frames; None for a lossless encoder."""
    luma_psnr_frames: int
    output_bytes: int
    network: Geometry
    """The network's picture."""
    frames_from_store: int = 0
    """Whose colour was there, so that no server was asked."""
    review: ReviewReport | None = None
    """None: no list was wanted."""

    @property
    def fps(self) -> float:
        """Frames per second of this run."""
        return (self.frames - self.frames_resumed) / self.seconds if self.seconds > 0 else 0.0

    def values(self) -> dict[str, object]:
        """For --progress json; the names are documented in --help."""
        return {
            "frames": self.frames,
            "frames_resumed": self.frames_resumed,
            "frames_from_store": self.frames_from_store,
            "breaks": self.breaks,
            "frames_recomputed": self.frames_recomputed,
            "shots": self.shots,
            "fps": round(self.fps, 3),
            "elapsed_seconds": round(self.seconds, 3),
            "limited_samples": self.limited_samples,
            "luma_exact": self.luma_exact,
            "luma_psnr_db": self.luma_psnr_db,
            "luma_psnr_frames": self.luma_psnr_frames,
            "complete": self.complete,
            "output": str(self.output),
            "output_bytes": self.output_bytes,
            "network_width_px": self.network.width_px,
            "network_height_px": self.network.height_px,
            **review_values(self.review),
        }

    def lines(self, plan: OutputPlan) -> list[str]:
        """For a person."""
        frames, shots = plural(self.frames, "frame"), plural(self.shots, "shot")
        parts = [(self.frames_resumed, "of an earlier run"), (self.frames_from_store, "coloured from the store")]
        told = ", ".join(f"{count} {words}" for count, words in parts if count)
        which = f" ({told})" if told else ""
        lines = [f"{self.output}: {frames}{which}, {shots}, {self.fps:.2f} frames per second"]
        if self.breaks:
            times = "once" if self.breaks == 1 else f"{self.breaks} times"
            again = plural(self.frames_recomputed, "frame")
            lines.append(f"the server was lost {times} and came back; {again} computed again, no colour differs")
        if self.limited_samples:
            lines.append(f"{self.limited_samples} chroma samples lost saturation to fit the gamut")
        lines.append(self._luma_line(plan))
        return [*lines, *(self.review.lines() if self.review is not None else [])]

    def _luma_line(self, plan: OutputPlan) -> str:
        if self.luma_exact:
            return f"luma kept bit for bit ({plan.codec} is lossless)"
        if plan.lossless:
            return f"encoded without loss ({plan.codec}); luma within half a code, {_why_not_exact(plan)}"
        if self.luma_psnr_db is None:
            return f"{plan.codec} is lossy; its luma cost was not measured"
        compared = plural(self.luma_psnr_frames, "frame")
        return f"luma cost: {plan.codec} keeps Y' at {self.luma_psnr_db:.1f} dB over {compared}, not bit-exact"


def _why_not_exact(plan: OutputPlan) -> str:
    if Family.RGB in (plan.source.pixel_format.family, plan.pixel_format.family):
        return "for RGB has no luma of its own"
    return f"for its {plan.source.pixel_format.bits} bits are stored as {plan.pixel_format.bits}"


def is_luma_exact(info: SourceInfo, plan: OutputPlan) -> bool:
    """True if the plan proves that the output's Y' equals the input's: same codes in, lossless encoder after."""
    same_codes = plan.pixel_format.bits == info.pixel_format.bits and plan.encoding.range is info.encoding.range
    has_luma = Family.RGB not in (info.pixel_format.family, plan.pixel_format.family)
    return plan.lossless and same_codes and has_luma


def source_notes(info: SourceInfo) -> list[str]:
    """What is to be said once about the input."""
    if info.is_toned:
        return ["the film is tinted; its chroma is replaced"]
    return ["the film has colour; its chroma is replaced"] if info.is_colour else []


def plan_lines(info: SourceInfo, plan: OutputPlan, geometry: Geometry, frames: int | None, memory: int) -> list[str]:
    """The plan for a person (--dry-run)."""
    rate = f"{float(info.frame_rate):.3f} frames per second" if info.frame_rate is not None else "rate unknown"
    options = " ".join(f"{key}={value}" for key, value in plan.codec_options)
    size, encoding = f"{info.width_px}x{info.height_px}", info.encoding
    lossless = " lossless" if plan.lossless else ""
    return [
        f"input:   {info.path} ({info.container}, {info.codec}, {info.coded_format}, {size}, {rate})",
        f"matrix:  {encoding.matrix.name}, {encoding.range.name.lower()} range, {encoding.transfer.name} transfer",
        f"network: {geometry.width_px}x{geometry.height_px}",
        f"output:  {plan.path} ({plan.container})",
        f"encoder: {plan.codec} {plan.pixel_format.name} {options} threads={plan.threads}{lossless}",
        f"copied:  {_tracks(plan.copied_tracks)}",
        *([f"dropped: {_tracks(plan.dropped_tracks)}"] if plan.dropped_tracks else []),
        f"frames:  {'unknown' if frames is None else frames}",
        f"memory:  about {max(1, memory // _MEGABYTE)} MB of pictures in this process, beside the codecs' own",
    ]


def plan_values(
    info: SourceInfo, plan: OutputPlan, geometry: Geometry, frames: int | None, memory: int
) -> dict[str, object]:
    """The plan for a machine (--dry-run --progress json)."""
    return {
        "event": "plan",
        "input": str(info.path),
        "output": str(plan.path),
        "container": plan.container,
        "encoder": plan.codec,
        "encoder_options": dict(plan.codec_options),
        "pixel_format": plan.pixel_format.name,
        "lossless": plan.lossless,
        "network_width_px": geometry.width_px,
        "network_height_px": geometry.height_px,
        "copied_tracks": [track.index for track in plan.copied_tracks],
        "dropped_tracks": [track.index for track in plan.dropped_tracks],
        "frames_total": frames,
        "memory_bytes": memory,
        "notes": list(plan.notes),
    }


def started_values(
    info: SourceInfo, plan: OutputPlan, opened: ServerIdentity, geometry: Geometry, frames: int | None
) -> dict[str, object]:
    """The first line of --progress json."""
    return {
        "event": "started",
        "input": str(info.path),
        "output": str(plan.path),
        "encoder": plan.codec,
        "pixel_format": plan.pixel_format.name,
        "model": opened.model,
        "weights_sha256": opened.weights_sha256,
        "licence": opened.terms.licence,
        "terms": opened.terms.sentence,
        "device_class": opened.device_class,
        "width_px": info.width_px,
        "height_px": info.height_px,
        "network_width_px": geometry.width_px,
        "network_height_px": geometry.height_px,
        "frames_total": frames,
    }


def memory_estimate(info: SourceInfo, plan: OutputPlan, frames_in_flight: int, frames_merged: int) -> int:
    """Bytes of full-size pictures that the queues may hold at once."""
    return frames_in_flight * _picture_bytes(info, None) + frames_merged * _picture_bytes(info, plan)


def _picture_bytes(info: SourceInfo, plan: OutputPlan | None) -> int:
    form = info.pixel_format if plan is None else plan.pixel_format
    width, height = info.width_px, info.height_px
    chroma_width, chroma_height = form.chroma_size(width, height)
    samples = {
        Family.GRAY: width * height,
        Family.YUV: width * height + 2 * chroma_width * chroma_height,
        Family.RGB: 3 * width * height,
    }[form.family] + (width * height if form.has_alpha else 0)
    return samples * (1 if form.bits <= 8 else 2)


def _tracks(tracks: tuple[Track, ...]) -> str:
    return ", ".join(f"{track.kind.value} {track.index} ({track.codec})" for track in tracks) or "no other tracks"


def plural(count: int, noun: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
