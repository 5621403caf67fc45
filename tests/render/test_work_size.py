"""Which sizes are tried where there is no memory; tests/e2e/test_work_size.py has the rest."""

import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

import make

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import connect
from kinemacolor.client.errors import ClientError, RequestRefusedError, ServerStartError
from kinemacolor.client.requests import OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.render.arguments import parse
from kinemacolor.render.prepare import Prepared, prepare
from kinemacolor.render.progress import QuietDisplay
from kinemacolor.render.server_choice import ServerSession
from kinemacolor.render.work_size import fitted
from kinemacolor.wire.reasons import ErrorReason


class ServerWithoutMemory(ServerSession):
    """Fails with `error` for pictures of more than `samples`."""

    error: ClientError
    samples = 0
    tried: tuple[str, ...] = ()

    def open_clip(self, request: OpenRequest, broken_by: ClientError | None = None) -> ClipStream:
        self.tried += (f"{request.geometry.width_px}x{request.geometry.height_px}",)
        if request.geometry.samples > self.samples:
            raise self.error
        return super().open_clip(request)


def prepared(folder: Path, width: int, height: int, *options: str) -> Prepared:
    source = make.film(folder / "in.mkv", width=width, height=height, frames=1, codec="libx264").path
    return prepare(parse([str(source), str(folder / "out.mkv"), "--allow-smaller", *options]))


def tried(address: str, film: Prepared, error: ClientError, samples: int = 0) -> tuple[str, ...]:
    with closing(ServerWithoutMemory(connect(ServerAddress.parse(address)), None)) as session:
        session.error, session.samples = error, samples
        if samples:
            fitted(film, session, QuietDisplay())
            return session.tried
        with pytest.raises(type(error)):
            fitted(film, session, QuietDisplay())
        return session.tried


NO_MEMORY = RequestRefusedError("no memory", ErrorReason.OUT_OF_MEMORY)


def test_sizes_go_down_from_that_of_the_quality(tmp_path: Path, tiny_server: str) -> None:
    film = prepared(tmp_path, 640, 480, "--quality", "high")
    assert tried(tiny_server, film, NO_MEMORY) == (
        "384x288", "341x256", "299x224", "256x192", "213x160", "171x128",
    )  # fmt: skip


def test_a_small_film_has_few_sizes(tmp_path: Path, tiny_server: str) -> None:
    assert tried(tiny_server, prepared(tmp_path, 240, 180), NO_MEMORY) == ("240x180", "213x160", "171x128")
    assert tried(tiny_server, prepared(tmp_path, 64, 48), NO_MEMORY) == ("64x48",)


def test_a_private_server_that_is_killed_had_no_memory(tmp_path: Path, tiny_server: str) -> None:
    """It is started again first: it may have been killed for what another program took."""
    killed = ServerStartError("the private server ended: it was killed", -signal.SIGKILL)
    film = prepared(tmp_path, 400, 300)
    assert tried(tiny_server, film, killed, samples=70_000) == ("341x256",) * 4 + ("299x224",)


def test_another_refusal_is_no_reason_for_a_smaller_size(tmp_path: Path, tiny_server: str) -> None:
    refusal = RequestRefusedError("no such variant", ErrorReason.UNSUPPORTED)
    assert tried(tiny_server, prepared(tmp_path, 400, 300), refusal) == ("341x256",)
