"""`kinemacolor demo`: a short grey clip with camera motion and cuts, rendered, and a side-by-side picture of it.

The photos are colour pictures that scikit-image's wheel carries, so there is a truth to look at beside our guess.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import Matrix, Range
from kinemacolor.colour.matrix import code_scale, code_to_chroma, code_to_luma, luma_to_code, ycbcr_to_rgb
from kinemacolor.media.made_film import write_grey_film
from kinemacolor.media.reader import open_source
from kinemacolor.media.types import SourceFrame
from kinemacolor.picture.pixel import Samples
from kinemacolor.picture.proxy import luma_of_rgb
from kinemacolor.render.command import main as render
from kinemacolor.render.console import say

SHOTS = ("astronaut", "chelsea", "coffee", "rocket")
WIDTH_PX, HEIGHT_PX = 480, 270
FRAMES_A_SHOT = 24
RATE = Fraction(24)

Picture = NDArray[np.uint8]
"""(H, W, 3) sRGB codes, red first."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A slow pan with a zoom: where the view is at the start and at the end of a shot, in shares of the photo."""

    zoom: tuple[float, float]
    """Width of the view as a share of the largest view that fits."""
    x: tuple[float, float]
    y: tuple[float, float]
    """Position of the view in the room that is left, 0 to 1."""


CAMERAS = {
    "astronaut": Camera((0.95, 0.75), (0.2, 0.5), (0.0, 0.15)),
    "chelsea": Camera((0.8, 0.95), (0.1, 0.6), (0.3, 0.5)),
    "coffee": Camera((0.7, 0.9), (0.7, 0.4), (0.5, 0.4)),
    "rocket": Camera((0.9, 0.7), (0.4, 0.5), (0.9, 0.5)),
}


def main(arguments: Sequence[str]) -> int:
    """Make, render and draw; returns the exit code of the render."""
    parser = argparse.ArgumentParser(prog="kinemacolor demo", description="Colour a clip that is made here.")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), metavar="FOLDER", help="(%(default)s)")
    options, render_options = parser.parse_known_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    truth = list(views())
    grey, colour = options.out / "grey.mp4", options.out / "colour.mp4"
    write_grey_film(grey, (luma_codes(view) for view in truth), RATE)
    status = render([str(grey), str(colour), "-y", *render_options])
    if status == 0:
        picture = options.out / "side-by-side.png"
        draw(picture, truth, grey, colour)
        say(f"look at {picture}: the photos, their grey, our colour")
    return status


def views() -> Iterator[Picture]:
    """Every frame of the clip in its true colours."""
    from skimage import data

    for name in SHOTS:
        photo: Picture = np.ascontiguousarray(getattr(data, name)()[..., :3])
        for index in range(FRAMES_A_SHOT):
            yield view_of(photo, CAMERAS[name], index / (FRAMES_A_SHOT - 1))


def view_of(photo: Picture, camera: Camera, share: float) -> Picture:
    """What the camera sees after a share of its shot, (HEIGHT_PX, WIDTH_PX, 3)."""
    height, width = photo.shape[:2]

    def at(pair: tuple[float, float]) -> float:
        return pair[0] + (pair[1] - pair[0]) * share

    scale = min(width / WIDTH_PX, height / HEIGHT_PX) * at(camera.zoom)
    left = (width - 1 - scale * (WIDTH_PX - 1)) * at(camera.x)
    top = (height - 1 - scale * (HEIGHT_PX - 1)) * at(camera.y)
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(photo, matrix, (WIDTH_PX, HEIGHT_PX), flags=flags), np.uint8)


def luma_codes(view: Picture) -> NDArray[np.uint8]:
    """Limited-range BT.709 Y' codes of a view."""
    planes = (view[..., 0], view[..., 1], view[..., 2])
    luma = luma_of_rgb(planes, 8, Matrix.BT709, Range.FULL)
    return luma_to_code(luma, code_scale(8, Range.LIMITED)).astype(np.uint8)


def draw(path: Path, truth: Sequence[Picture], grey: Path, colour: Path) -> None:
    """One row a shot (its middle frame): truth, grey, ours."""
    middles = [shot * FRAMES_A_SHOT + FRAMES_A_SHOT // 2 for shot in range(len(SHOTS))]
    greys, colours = decoded(grey, middles), decoded(colour, middles)
    rows = [np.hstack([truth[number], greys[number], colours[number]]) for number in middles]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def decoded(path: Path, numbers: Sequence[int]) -> dict[int, Picture]:
    """Frames of a film as sRGB pictures."""
    with open_source(path) as source:
        frames = (item for item in source if isinstance(item, SourceFrame))
        return {frame.number: to_rgb(frame) for frame in frames if frame.number in numbers}


def to_rgb(frame: SourceFrame) -> Picture:
    """Decode limited-range BT.709 4:2:0 for the eye."""
    scale = code_scale(8, Range.LIMITED)
    luma, *chroma = (_full_size(plane) for plane in frame.planes)
    planes = np.stack([code_to_luma(luma, scale), *(code_to_chroma(plane, scale) for plane in chroma)])
    rgb = ycbcr_to_rgb(planes, Matrix.BT709)
    return np.asarray(np.round(np.clip(np.moveaxis(rgb, 0, -1), 0, 1) * 255), np.uint8)


def _full_size(plane: Samples) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(np.ascontiguousarray(plane), (WIDTH_PX, HEIGHT_PX)), np.uint8)
