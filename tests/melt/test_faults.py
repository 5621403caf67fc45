"""What goes wrong while MLT renders: it takes a failed frame for success, so nothing may fail quietly."""

import signal
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import ServerProcess
from tests.melt.box import FILTER, Box, lossless
from tests.melt.conftest import Note, StartServer
from tests.melt.strips import FRAMES, codes_of, hashes_of, neutral_frames

IN_ORDER, THREE_THREADS = -1, -3
MAGENTA = (255, 0, 255)


def by_file(films: str) -> tuple[str, ...]:
    """The colours come from the server while melt renders; what a frame needs of the past is in the file."""
    return (f"{films}/grey8.mkv", "-filter", FILTER, f"mediaFile={films}/grey8.mkv", "mediaStart=0")


def unbroken(box: Box, films: str) -> list[str]:
    out = box.melt(*by_file(films), *lossless(box.place, False, IN_ORDER, "whole.nut"), out="whole.nut", cache="whole")
    return hashes_of(out)


@pytest.mark.parametrize("order", [IN_ORDER, THREE_THREADS])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_helper_that_is_killed_or_hangs_costs_nothing(
    box: Box, server: ServerProcess, films: str, number: signal.Signals, order: int
) -> None:
    melt = box.start(*by_file(films), *lossless(box.place, False, order), KINEMACOLOR_OFX_DEADLINE_MS=2000)
    hit = 0
    for frame in (4, 14, 24):
        melt.wait_for_frames(frame)
        helper = melt.helper()
        if helper is not None:  # the rest of the film may be on its way already
            helper.send_signal(number)
            hit += 1
        if number == signal.SIGKILL and helper is not None:
            helper.wait(timeout=30)
    assert hit >= 2
    assert hashes_of(melt.finish()) == unbroken(box, films)
    assert "helper" in melt.log


@pytest.mark.parametrize("order", [IN_ORDER, THREE_THREADS])
def test_a_server_that_is_killed_and_started_again_costs_nothing(
    box: Box, start_server: StartServer, films: str, order: int
) -> None:
    server = start_server()
    melt = box.start(*by_file(films), *lossless(box.place, False, order))
    for frame in (9, 27):
        melt.wait_for_frames(frame)
        server.stop(signal.SIGKILL)
        server = start_server()
    assert hashes_of(melt.finish()) == unbroken(box, films)


def test_a_server_killed_for_good_leaves_no_frame_neutral(
    box: Box, server: ServerProcess, films: str, record_property: Note
) -> None:
    melt = box.start(*by_file(films), *lossless(box.place, False, IN_ORDER), KINEMACOLOR_OFX_PATIENCE=2)
    melt.wait_for_frames(20)
    server.stop(signal.SIGKILL)
    codes = codes_of(melt.finish())
    assert len(codes) == FRAMES
    assert neutral_frames(codes) == []
    striped = [number for number, frame in enumerate(codes) if is_magenta(frame)]
    record_property("frames that say there is no server", f"{len(striped)} of {FRAMES}, from {striped[0]}")
    assert striped == list(range(striped[0], FRAMES))
    assert 10 <= striped[0] <= 40
    assert "server" in melt.log


def is_magenta(frame: np.ndarray) -> bool:
    return float((frame == MAGENTA).all(axis=-1).mean()) > 0.2


def test_without_a_server_or_a_media_file_every_frame_says_so(box: Box, films: str) -> None:
    for number, settings in enumerate(((), (f"mediaFile={films}/none.mkv",))):
        out = f"{number}.nut"
        arguments = (f"{films}/grey8.mkv", "out=5", "-filter", FILTER, *settings)
        path = box.melt(*arguments, *lossless(box.place, False, IN_ORDER, out), out=out, KINEMACOLOR_OFX_PATIENCE=1)
        codes = codes_of(path)
        assert len(codes) == 6
        assert all(is_magenta(frame) for frame in codes)
    assert "none.mkv" in (box.folder / "ofx.log").read_text()


def test_descriptors_of_melt_do_not_grow(box: Box, server: ServerProcess, films: str) -> None:
    film = f"{films}/grey8.mkv"
    settings = ("-filter", FILTER, f"mediaFile={film}", "analyseNow=1")
    melt = box.start(film, film, film, *settings, *lossless(box.place, False, IN_ORDER))
    melt.wait_for_frames(2 * FRAMES + 4)  # all three files are open
    early = melt.descriptors
    melt.wait_for_frames(3 * FRAMES - 6)
    assert melt.descriptors <= early
    melt.finish()


def test_a_helper_whose_python_is_gone_is_named_in_the_log(box: Box, films: str) -> None:
    arguments = (f"{films}/grey8.mkv", "out=2", "-filter", FILTER)
    out = box.melt(*arguments, *lossless(box.place, False, IN_ORDER), KINEMACOLOR_PYTHON="/opt/gone/bin/python")
    assert all(is_magenta(frame) for frame in codes_of(out))
    log = (box.folder / "ofx.log").read_text()
    assert "/opt/gone/bin/python" in log
    assert Path(box.inside("/opt/ofx")).is_dir()
