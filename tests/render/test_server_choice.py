"""What a private server is started with."""

import os
import signal
import time

import numpy as np
import pytest

from kinemacolor.client.connection import ModelInfo
from kinemacolor.client.errors import ClientError, ServerStartError, ServerTimeoutError, ServerUnreachableError
from kinemacolor.client.requests import OpenRequest
from kinemacolor.render.errors import UsageError
from kinemacolor.render.options import ServerOptions
from kinemacolor.render.server_choice import network_threads, open_server, refuse_unable
from kinemacolor.wire.frame import FrameNumber, Geometry, GuideFrame, HintPoint


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 2), (16, 15)])
def test_a_core_is_left_for_the_render_itself(cores: int, threads: int) -> None:
    assert network_threads(cores) == threads


def test_the_users_number_of_threads_is_taken() -> None:
    with open_server(ServerOptions(threads=2, device="cpu"), "tiny") as session:
        assert "|threads=2|" in session.client.server_info().device_class


@pytest.mark.parametrize("noticed_as", [ServerTimeoutError("silent"), ServerUnreachableError("ping timeout")])
def test_a_private_server_that_hangs_is_started_again(noticed_as: ClientError) -> None:
    request = OpenRequest(clip_key="clip", geometry=Geometry(48, 32), transfer=13)
    with open_server(ServerOptions(device="cpu"), "tiny") as session:
        assert session.private is not None
        frozen = session.private.pid
        os.kill(frozen, signal.SIGSTOP)
        with session.open_clip(request, noticed_as) as stream:
            assert stream.info.model == "tiny"
        assert session.private.pid != frozen


def test_a_private_server_that_is_killed_while_it_opens_a_clip_says_so() -> None:
    """A server that is gone is waited for, as long as it takes; one that the system ends is not."""
    request = OpenRequest(clip_key="clip", geometry=Geometry(48, 32), transfer=13)
    with open_server(ServerOptions(device="cpu"), "tiny") as session:
        assert session.private is not None
        os.kill(session.private.pid, signal.SIGKILL)
        with pytest.raises(ServerStartError, match="it was killed, perhaps for lack of memory") as caught:
            session.open_clip(request)
        assert caught.value.exit_status == -signal.SIGKILL
        with session.open_clip(request, caught.value) as stream:
            assert stream.info.model == "tiny"


def test_the_end_does_not_wait_for_a_private_server_that_hangs() -> None:
    with open_server(ServerOptions(device="cpu"), "tiny") as session:
        assert session.private is not None
        os.kill(session.private.pid, signal.SIGSTOP)
        started = time.monotonic()
    assert time.monotonic() - started < 30


def model(*, references: bool = False, hints: bool = False, variants: int = 1, confidence: bool = False) -> ModelInfo:
    return ModelInfo(
        name="m",
        description="",
        licence="",
        weights_sha256="",
        is_default=True,
        is_loaded=True,
        takes_references=references,
        takes_hints=hints,
        has_confidence=confidence,
        frame="m",
        temporal="none",
        terms="",
        variants=variants,
    )


LUMA = np.zeros((2, 4), np.uint16)
HINTED = GuideFrame(FrameNumber(0), LUMA, hints=(HintPoint(0.5, 0.5, 0.0, 1.0, 1.0),))
REFERENCE = GuideFrame(FrameNumber(1), LUMA, ab=np.zeros((2, 2, 4), np.int16))


def test_a_model_is_asked_for_nothing_that_it_does_not_do() -> None:
    refuse_unable(model(), (), 1)
    refuse_unable(model(references=True, hints=True, variants=4), (HINTED, REFERENCE), 4)
    with pytest.raises(UsageError, match="m takes no references"):
        refuse_unable(model(hints=True), (HINTED, REFERENCE), 1)
    with pytest.raises(UsageError, match="m takes no hints"):
        refuse_unable(model(references=True), (HINTED, REFERENCE), 1)
    with pytest.raises(UsageError, match="m has 1 variant, found variant 2"):
        refuse_unable(model(), (), 2)
    with pytest.raises(UsageError, match=r"m does not say how sure it is \(--review\)"):
        refuse_unable(model(), (), 1, wants_confidence=True)
    refuse_unable(model(confidence=True), (), 1, wants_confidence=True)
