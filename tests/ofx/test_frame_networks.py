"""Frame networks of others in the effect, with and without what steadies them: every pixel is that of a render."""

import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hosted import HEIGHT, WIDTH, colours, hosted, is_error, is_marked, kinemacolor, picture, rgb_planes
from shim_child import in_child

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

import make

from kinemacolor.ofx.parameters import PARAMETERS

PROGRAM = Path(__file__).with_name("frame_networks_server.py")
HUNGRY = Path(__file__).parents[1] / "e2e" / "hungry_server.py"
BEFORE_CUT, FRAMES = 8, 9
MODELS = ["deoldify-video", "deoldify-video+memory", "deoldify-artistic+lai", "ddcolor-t+memory", "ddcolor-t+lai"]


def grey(number: int) -> tuple[np.ndarray, ...]:
    """Full range, the same in R, G and B, across the cut at 13: a host has every code of it."""
    return (picture(number + BEFORE_CUT)[0],) * 3


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.avi"
    return make.film(path, pictures=grey, pixel_format="gbrp", frames=FRAMES, width=WIDTH, height=HEIGHT).path


@pytest.fixture(scope="module")
def address(launch: Callable[..., object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server that has the networks."""
    program = (sys.executable, str(PROGRAM), str(tmp_path_factory.mktemp("networks")))
    with TemporaryDirectory(prefix="kc", dir="/tmp") as folder:
        yield launch(Path(folder), "--model", "tiny", program=program).address


def hashes(pictures: list[np.ndarray]) -> list[str]:
    return [sha256(np.ascontiguousarray(picture[..., :3]).tobytes()).hexdigest() for picture in pictures]


def index_of(parameter: str, choice: str) -> int:
    """As a host keeps it."""
    (found,) = (each for each in PARAMETERS if each.name == parameter)
    return [each.name for each in found.choices].index(choice)


@in_child
@pytest.mark.parametrize("model", MODELS)
def test_every_pixel_is_that_of_a_render(shim: Path, film: Path, address: str, tmp_path: Path, model: str) -> None:
    rendered = tmp_path / "out.mkv"
    kinemacolor("render", film, rendered, "-c", "ffv1", "--server", address, "--model", model, "-q")
    wanted = rgb_planes(rendered)
    frames = [np.dstack([*[luma] * 3, np.full_like(luma, 255)]) for luma, *_ in map(grey, range(FRAMES))]
    frame, _, temporal = model.partition("+")
    chosen = {"temporal": index_of("temporal", temporal or "auto"), "matrix": index_of("matrix", "bt709")}
    with hosted(shim, frames, tmp_path, server=address, model=frame, **chosen) as (_, instance):
        found = colours(instance, range(FRAMES))
    assert not any(is_marked(picture) for picture in found)
    assert max(np.ptp(picture[..., :3].astype(int), axis=-1).max() for picture in found) > 8, "it has no colour"
    assert hashes(found) == hashes(wanted)


@pytest.fixture(scope="module")
def hungry_address(launch: Callable[..., object]) -> Iterator[str]:
    """Of a server that has no memory for pictures of more than 128 x 96 samples."""
    program = (sys.executable, str(HUNGRY), "--samples", str(128 * 96))
    with TemporaryDirectory(prefix="kc", dir="/tmp") as folder:
        yield launch(Path(folder), "--model", "tiny", program=program).address


@in_child
def test_a_picture_for_which_there_is_no_memory_says_so_and_is_not_grey(
    shim: Path, hungry_address: str, tmp_path: Path
) -> None:
    frames = [np.dstack([*[luma] * 3, np.full_like(luma, 255)]) for luma, *_ in map(grey, range(2))]
    with hosted(shim, frames, tmp_path, server=hungry_address) as (host, instance):
        assert is_error(colours(instance, [0])[0])
        told = host.record.persistent or ""
    assert "no memory for model tiny at 160 x 120; a lower quality or another model needs less" in told
