"""Made material: short clips in folders, and small commands that colour a film well, badly or not at all."""

import sys
from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 36, 49  # an odd side: the protocol leaves the last column out


def moving_pictures(count: int = 4, shift_px: int = 2) -> np.ndarray:
    """(T, H, W, 3) sRGB: soft colour blobs that move to the left."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(30, 226, (6, 12, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (WIDTH + shift_px * count, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.stack([wide[:, shift_px * t : shift_px * t + WIDTH] for t in range(count)])


def write_clip(folder: Path, pictures: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:05d}.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return folder


def write_photos(folder: Path, pictures: np.ndarray) -> Path:
    """Each picture a photo: a.jpg, b.jpg ..."""
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{chr(97 + number)}.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return folder


def grey_of(pictures: np.ndarray) -> np.ndarray:
    """What a scan of one channel has: (T, H, W, 3) with equal channels."""
    return np.repeat(pictures[..., 1:2], 3, axis=-1)


def command(folder: Path, body: str) -> str:
    """A command line whose Python script has `source` and `target`, the paths it is given."""
    script = folder / "colorizer.py"
    script.write_text(f"import sys\nsource, target = sys.argv[1:]\n{body}\n")
    return f"{sys.executable} {script} {{in}} {{out}}"


COPY = "import shutil; shutil.copy(source, target)"
"""The grey film as it is."""

REWRITE = """
import av
import numpy as np
with av.open(source) as film:
    planes = [frame.to_ndarray() for frame in film.decode(video=0)]
planes = change(planes)
with av.open(target, "w") as film:
    stream = film.add_stream("ffv1", rate=24)
    stream.height, stream.width = planes[0].shape[0] * 2 // 3, planes[0].shape[1]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.color_range, stream.codec_context.colorspace = 1, 1
    for plane in planes:
        film.mux(stream.encode(av.VideoFrame.from_ndarray(plane, format="yuv420p")))
    film.mux(stream.encode(None))
"""


def rewriting(folder: Path, change: str) -> str:
    """A command that decodes, applies `change` to the list of 4:2:0 arrays `p`, and encodes again, without loss."""
    return command(folder, f"def change(p):\n    return {change}\n{REWRITE}")
