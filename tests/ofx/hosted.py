"""What the tests of the effect in a host share: a film with three shots, a host that shows it, what comes back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np

from kinemacolor.ofx.minihost import MLT, HostImage, HostTraits, Layout, MiniHost

CUTS = (0, 13, 30)
FRAMES = 43
WIDTH, HEIGHT = 160, 120
LAYOUT = Layout(bounds=(0, 0, WIDTH, HEIGHT), top_down=True)


def picture(number: int) -> tuple[np.ndarray, ...]:
    """Blocks of another scene after each cut, in motion."""
    random = np.random.default_rng(sum(cut <= number for cut in CUTS))
    blocks = random.integers(30, 220, (12, 16)).astype(np.uint8)
    luma = np.roll(np.kron(blocks, np.ones((10, 10), np.uint8)), 2 * number, axis=1)
    return luma, *(np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8) for _ in range(2))


def kinemacolor(*arguments: object, **environment: str) -> None:
    command = [str(Path(sys.executable).with_name("kinemacolor")), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr


def as_host_has_it(path: Path) -> list[np.ndarray]:
    """(H, W, 4): what a host makes of a grey film, rounded to the nearest code."""
    with av.open(str(path)) as container:
        lumas = [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)]
    greys = [np.clip(np.rint((luma.astype(float) - 16) * 255 / 219), 0, 255).astype(np.uint8) for luma in lumas]
    return [np.dstack([grey, grey, grey, np.full_like(grey, 255)]) for grey in greys]


def rgb_planes(path: Path) -> list[np.ndarray]:
    """(H, W, 3) of a gbrp film, as its planes are; a conversion by swscale is off by a code or two."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gbrp") for frame in container.decode(video=0)]


@contextmanager
def hosted(
    shim: Path,
    frames: list[np.ndarray],
    folder: Path,
    cache: Path | None = None,
    traits: HostTraits = MLT,
    layout: Layout = LAYOUT,
    **values: object,
) -> Iterator[tuple[MiniHost, object]]:
    """A host with the effect on a clip."""
    os.environ["XDG_CACHE_HOME"] = str(cache or folder)
    os.environ["KINEMACOLOR_OFX_LOG"] = str(folder / "ofx.log")
    with MiniHost(shim, traits) as host:
        host.load()
        instance = host.describe().create(
            lambda time: HostImage(layout, frames[round(time)]) if 0 <= time < len(frames) else None,
            {"OfxImageEffectPropFrameRate": (25.0,)},
        )
        yield host, instance.set(**values)


def colours(instance: object, numbers: object, **how: object) -> list[np.ndarray]:
    found = []
    for number in numbers:
        answer = instance.render(float(number), **how)
        assert answer.ok
        found.append(answer.image.picture.copy())
    return found


def is_marked(picture: np.ndarray) -> bool:
    """The striped border of a provisional frame."""
    corner = {tuple(pixel) for pixel in picture[0, :, :3].tolist()}
    return corner == {(255, 208, 0), (0, 0, 0)}


def is_error(picture: np.ndarray) -> bool:
    """Stripes that no film has; a long text covers much of them in a small picture."""
    return float((picture[..., :3] == (255, 0, 255)).all(axis=-1).mean()) > 0.03


def check_like(found: np.ndarray, wanted: np.ndarray, source: np.ndarray) -> None:
    """Within one code wherever the host's picture is neither black nor white: there it may have lost codes."""
    inside = (source[..., 0] > 0) & (source[..., 0] < 255)
    assert inside.mean() > 0.4
    assert np.abs(found[..., :3].astype(int) - wanted[..., :3])[inside].max() <= 1
