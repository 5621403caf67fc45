"""Moving pictures for training the memory, with where each cell was in the previous frame.

Two kinds: clips, whose motion is measured (DIS flow of the true luma; at training only, the network never sees it), and
photos under a made camera with an object that passes in front, whose motion is known: a piece of a second photo, or a
thing cut out of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.flow import measure_motion
from kinemacolor.models.networks.memory import CELL
from kinemacolor.training.cut_outs import CutOut
from kinemacolor.training.photos import Picture, as_codes

__all__ = ["MotionSettings", "MovingPicture", "film_clip", "film_photos"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionSettings:
    """What a training sequence looks like."""

    frames: int = 8
    """Frames of a sequence."""
    side_px: int = 128
    """Side of the square that is shown; a multiple of 32."""
    strides: tuple[int, int] = (1, 3)
    """Fewest and most frames of a clip from one shown frame to the next."""
    pan_px: float = 6.0
    """Fastest pan of the made camera, pixels a frame for a photo at full size; it is enlarged up to 1.4 times."""
    zoom: float = 0.01
    """Fastest zoom of the made camera, share a frame."""
    object_px: float = 8.0
    """Fastest motion of the made object, as `pan_px`."""
    objects: float = 0.7
    """Share of the made sequences that have an object."""
    cut_outs: float = 0.0
    """Share of the objects that are things which a segmenter knows; the others are pieces of a photo."""


@dataclass(frozen=True, slots=True)
class MovingPicture:
    """One sequence."""

    rgb: Tensor
    """(T, 3, H, W) sRGB code values in [0, 1]."""
    origin: Tensor
    """(T - 1, h, w, 2) float32: x, y of each cell in the previous frame, in the units of `grid_sample` ([-1, 1])."""
    seen: Tensor
    """(T - 1, 1, h, w) float32: 1 where the cell was visible in the previous frame."""
    thing: Tensor | None = None
    """(T, 1, h, w) float32: share of each cell that a made object covers; None: there is no made object."""


def film_clip(frames: NDArray[np.uint8], settings: MotionSettings, rng: np.random.Generator) -> MovingPicture:
    """A piece of a clip, with its flow.

    Args:
        frames: (T, H, W, 3) sRGB, both sides at least `side_px`, at least two frames.
        settings: Length, size, strides. A short clip is played to and fro.
        rng: Source of randomness.
    """
    stride = int(rng.integers(settings.strides[0], settings.strides[1] + 1))
    start = int(rng.integers(len(frames)))
    there_and_back = np.concatenate([np.arange(len(frames)), np.arange(len(frames) - 2, 0, -1)])
    chosen = there_and_back[(start + stride * np.arange(settings.frames)) % len(there_and_back)]
    side = settings.side_px
    top, left = (int(rng.integers(length - side + 1)) for length in frames.shape[1:3])
    shown = frames[chosen, top : top + side, left : left + side]
    if rng.random() < 0.5:
        shown = shown[:, :, ::-1]
    shown = np.ascontiguousarray(shown)
    luma = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in shown])
    motion = measure_motion(np.asarray(luma, dtype=np.uint8))
    back = torch.from_numpy(np.stack([pair.back for pair in motion])).permute(0, 3, 1, 2).float()
    seen = torch.from_numpy(np.stack([pair.seen for pair in motion])).unsqueeze(1).float()
    cells = F.avg_pool2d(back, CELL) / side * 2.0
    return MovingPicture(
        as_codes(shown), _grid(side) + cells.permute(0, 2, 3, 1), (F.avg_pool2d(seen, CELL) > 0.99).float()
    )


def film_photos(
    photos: Sequence[Picture], settings: MotionSettings, rng: np.random.Generator, cut_outs: Sequence[CutOut] = ()
) -> MovingPicture:
    """A made shot: a photo under a panning and zooming camera, with an object that passes in front.

    Args:
        photos: Two pictures (H, W, 3) sRGB: the scene, and what the object is a piece of.
        settings: Length, size, speeds.
        rng: Source of randomness.
        cut_outs: Objects; none, if `settings.cut_outs` is 0.
    """
    side = settings.side_px
    scene = _Layer.draw(photos[0], side, settings.pan_px, settings.zoom, settings.frames, rng)
    frames, places = zip(*(scene.show(side, t) for t in range(settings.frames)), strict=True)
    covers = [np.zeros((side, side), np.float32)] * settings.frames
    has_thing = rng.random() < settings.objects
    if has_thing:
        passing, shape = _draw_object(photos[1], settings, rng, cut_outs)
        over, over_places = zip(*(passing.show(side, t) for t in range(settings.frames)), strict=True)
        # The object's texture moves with its outline.
        covers = [shape.cover(side, passing, t) for t in range(settings.frames)]
        frames = tuple(_blend(a, b, c) for a, b, c in zip(frames, over, covers, strict=True))
        origins = [
            np.where(covers[t][..., None] > 0.5, passing.before(over_places[t], t), scene.before(places[t], t))
            for t in range(1, settings.frames)
        ]
    else:
        origins = [scene.before(places[t], t) for t in range(1, settings.frames)]
    origin = torch.from_numpy(np.stack(origins)).permute(0, 3, 1, 2).float()
    cover = torch.from_numpy(np.stack(covers)).unsqueeze(1)
    seen = _visible(cover, origin, side)
    grid = (F.avg_pool2d(origin, CELL) + 0.5) / side * 2.0 - 1.0
    thing = F.avg_pool2d(cover, CELL) if has_thing else None
    return MovingPicture(as_codes(np.stack(frames)), grid.permute(0, 2, 3, 1), seen, thing)


def _draw_object(
    photo: Picture, settings: MotionSettings, rng: np.random.Generator, cut_outs: Sequence[CutOut]
) -> "tuple[_Layer, _Ellipse | _Outline]":
    """What moves, and how far it reaches."""
    side, cut_out = settings.side_px, None
    # A share of none draws nothing, so that runs by older recipes repeat.
    if settings.cut_outs > 0.0 and rng.random() < settings.cut_outs:
        cut_out = cut_outs[int(rng.integers(len(cut_outs)))]
        photo = cut_out.picture
    layer = _Layer.draw(photo, side, settings.object_px, settings.zoom, settings.frames, rng)
    if cut_out is None:
        return layer, _Ellipse.draw(side, rng)
    return layer.aimed_at(cut_out.thing, rng), _Outline(cut_out.thing)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A photo under a camera: pixel (x, y) of frame t shows the photo at scale(t) * ((x, y) - centre) + path(t)."""

    photo: Picture
    centre: float
    start: NDArray[np.float64]
    speed: NDArray[np.float64]
    scale: float
    zoom: float
    frames: int

    @classmethod
    def draw(
        cls, photo: Picture, side: int, speed: float, zoom: float, frames: int, rng: np.random.Generator
    ) -> "_Layer":
        height, width = photo.shape[:2]
        direction = rng.uniform(0.0, 2.0 * np.pi)
        step = speed * rng.random() ** 2 * np.array([np.cos(direction), np.sin(direction)])
        middle = np.array([width, height]) / 2.0 + rng.uniform(-0.2, 0.2, 2) * np.array([width, height])
        fit = min(height, width) / side
        start = middle - step * fit * (frames - 1) / 2.0
        return cls(
            photo, (side - 1) / 2.0, start, step * fit, fit * rng.uniform(0.7, 1.0), rng.uniform(-zoom, zoom), frames
        )

    def aimed_at(self, thing: NDArray[np.uint8], rng: np.random.Generator) -> "_Layer":
        """The same with a thing of the photo around the middle of the frame that is halfway, wherever it stands."""
        x, y, width, height = cv2.boundingRect(thing)
        aim = np.array([x, y]) + rng.uniform(0.2, 0.8, 2) * np.array([width, height])
        return replace(self, start=aim - self.speed * (self.frames - 1) / 2.0)

    def show(self, side: int, t: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """The frame, and where in the photo its pixels lie, (side, side, 2) x, y."""
        axis = np.arange(side) - self.centre
        places = np.stack(np.meshgrid(axis, axis), axis=-1) * self._scale(t) + self.start + t * self.speed
        x, y = (np.asarray(plane, dtype=np.float32) for plane in np.moveaxis(places, -1, 0))
        frame = cv2.remap(self.photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(frame, dtype=np.uint8), places

    def before(self, places: NDArray[np.float64], t: int) -> NDArray[np.float64]:
        """Which pixels (x, y) of frame t - 1 showed these places of the photo."""
        return (places - self.start - (t - 1) * self.speed) / self._scale(t - 1) + self.centre

    def _scale(self, t: int) -> float:
        return float(self.scale * (1.0 + self.zoom) ** t)


@dataclass(frozen=True, slots=True)
class _Ellipse:
    """The outline of an object, fixed to the texture of its layer."""

    centre: NDArray[np.float64]
    radii: NDArray[np.float64]

    @classmethod
    def draw(cls, side: int, rng: np.random.Generator) -> "_Ellipse":
        return cls(rng.uniform(0.2, 0.8, 2) * side, rng.uniform(0.12, 0.35, 2) * side)

    def cover(self, side: int, layer: _Layer, t: int) -> NDArray[np.float32]:
        """(side, side) how much of each pixel of frame t the object covers."""
        _, places = layer.show(side, t)
        first = (places - layer.start) / layer.scale + layer.centre  # where the place was in frame 0
        distance = np.sqrt((((first - self.centre) / self.radii) ** 2).sum(axis=-1))
        return np.asarray(np.clip((1.0 - distance) * self.radii.min() + 0.5, 0.0, 1.0), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Outline:
    """The outline of a thing in the photo of its layer."""

    thing: NDArray[np.uint8]
    """(H, W) 1 where it is."""

    def cover(self, side: int, layer: _Layer, t: int) -> NDArray[np.float32]:
        """As `_Ellipse.cover`."""
        _, places = layer.show(side, t)
        x, y = (np.asarray(plane, dtype=np.float32) for plane in np.moveaxis(places, -1, 0))
        cover = cv2.remap(self.thing.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(cover, dtype=np.float32)


def _blend(scene: NDArray[np.uint8], over: NDArray[np.uint8], cover: NDArray[np.float32]) -> NDArray[np.uint8]:
    share = cover[..., None]
    return np.asarray(np.round(scene * (1.0 - share) + over * share), dtype=np.uint8)


def _visible(covers: Tensor, origin: Tensor, side: int) -> Tensor:
    """Cells that show the same layer as where they came from, and came from inside the picture."""
    grid = ((origin + 0.5) / side * 2.0 - 1.0).permute(0, 2, 3, 1)
    then = F.grid_sample(covers[:-1], grid, mode="bilinear", padding_mode="border", align_corners=False)
    inside = (grid.abs() <= 1.0).all(dim=-1).unsqueeze(1).float()
    same = inside * ((then > 0.5) == (covers[1:] > 0.5)).float()
    return (F.avg_pool2d(same, CELL) > 0.99).float()


def _grid(side: int) -> Tensor:
    """(h, w, 2) centres of the cells in [-1, 1]."""
    axis = (torch.arange(side // CELL) + 0.5) * CELL / side * 2.0 - 1.0
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack((x, y), dim=-1)
