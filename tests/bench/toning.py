"""What is taken for a tone, and how near the luma after its removal is to that before it:
`KINEMACOLOR_DATA=... python tests/bench/toning.py`.

Eight frames of each evaluation clip are made grey, toned and tinted, and stored as JPEG in 4:2:0; each clip is then a
film. Errors are those of luma in 8-bit codes, at 64 x 48 samples, mean and 95th percentile over the clips, beside those
of the film's luma as it is. The clips and photographs with their own colours must never be taken for a toned print.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import ColourEncoding, Matrix, Primaries, Range, Transfer
from kinemacolor.picture.pixel import Family, PixelFormat
from kinemacolor.picture.tone import find_tone, name_tone, neutral_table, tone_samples

Picture = NDArray[np.uint8]
_RGB = PixelFormat(name="gbrp", family=Family.RGB, bits=8)
_ENCODING = ColourEncoding(
    matrix=Matrix.BT709, range=Range.FULL, transfer=Transfer.SRGB, primaries=Primaries.BT709
)  # fmt: skip
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_GREY = (1.0, 1.0, 1.0)
PRINTS = {
    "neutral": (_GREY, _GREY),
    "sepia toned": ((0.82, 1.0, 1.35), _GREY),
    "blue toned": ((1.35, 1.02, 0.7), _GREY),
    "warm cast": (_GREY, (1.0, 0.95, 0.85)),
    "amber tinted": (_GREY, (1.0, 0.78, 0.36)),
    "red tinted": (_GREY, (1.0, 0.35, 0.25)),
    "blue tinted": (_GREY, (0.35, 0.6, 1.0)),
    "sepia toned, amber tinted": ((0.82, 1.0, 1.35), (1.0, 0.85, 0.55)),
}
"""Power and factor of R', G', B'."""


def rgb_of(path: Path) -> Picture:
    return np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def seen(rgb: Picture) -> NDArray[np.float32]:
    return tone_samples(tuple(np.ascontiguousarray(rgb[..., i]) for i in range(3)), _RGB, _ENCODING)


def printed(grey: NDArray[np.float64], kind: tuple[tuple[float, ...], tuple[float, ...]]) -> Picture:
    powers, tint = (np.array(values) for values in kind)
    rgb = np.rint((grey[..., None] / 255) ** powers * tint * 255).astype(np.uint8)
    factor = cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90, *factor])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def small(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.resize(plane, (64, 48), interpolation=cv2.INTER_AREA), np.float64)


def lines(root: Path) -> Iterator[str]:
    clips = [sorted(folder.glob("*.jpg"))[::4] for folder in sorted((root / "clips").iterdir()) if folder.is_dir()]
    found = Counter(find_tone([seen(rgb_of(path)) for path in clip])[0].value for clip in clips)
    yield f"clips in colour: {dict(found)}"
    found = Counter(find_tone([seen(rgb_of(path))])[0].value for path in sorted((root / "photos").glob("*.jpg")))
    yield f"photographs, each as a film: {dict(found)}"
    for name, kind in PRINTS.items():
        found, names, errors = Counter(), Counter(), []
        for clip in clips:
            greys = [np.rint(rgb_of(path) @ _LUMA) for path in clip]
            prints = [printed(grey, kind) for grey in greys]
            finding, curve = find_tone([seen(rgb) for rgb in prints])
            found[finding.value] += 1
            if curve is None:
                continue
            names[name_tone(curve, _ENCODING).name] += 1
            luma = np.array([small(rgb @ _LUMA) for rgb in prints])
            table = neutral_table(curve, Matrix.BT709) / 257
            before = np.array([small(grey) for grey in greys])
            away = [np.abs(plane - before) for plane in (table[np.rint(luma * 257).astype(int)], luma)]
            errors.append([figure for part in away for figure in (part.mean(), np.percentile(part, 95))])
        figures = "".join(f" {figure:6.1f}" for figure in np.mean(errors, axis=0)) if errors else ""
        yield f"{name}: {dict(found)} {dict(names)}{figures}"


if __name__ == "__main__":
    for line in lines(Path(os.environ["KINEMACOLOR_DATA"]) / "dev_eval"):
        sys.stdout.write(line + "\n")
