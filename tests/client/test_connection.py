"""ColorizeClient against a real grpc server whose answers the test names."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import connect
from kinemacolor.client.errors import (
    ClipLostError,
    RequestRefusedError,
    ServerFaultError,
    ServerTimeoutError,
    ServerUnreachableError,
)
from kinemacolor.client.requests import OpenRequest, Timeouts
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.errors import WireError
from kinemacolor.wire.frame import Geometry
from kinemacolor.wire.reasons import ErrorReason

QUICK = Timeouts(connect=5, call=5, open=5, frame=5, end=5)
REQUEST = OpenRequest(clip_key="clip", geometry=Geometry(4, 2), transfer=1)


@contextmanager
def serving(folder, stream=None, models=None, health=b"\x08\x01"):
    """A server with this health, answering StreamFrames and ListModels by the given functions."""
    server = grpc.server(ThreadPoolExecutor(4))
    unary = grpc.unary_unary_rpc_method_handler
    checks = {"Check": unary(lambda request, context: health)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", checks)])
    methods = {}
    if stream is not None:
        methods["StreamFrames"] = grpc.stream_stream_rpc_method_handler(
            stream, pb.StreamFramesRequest.FromString, pb.StreamFramesResponse.SerializeToString
        )
    if models is not None:
        methods["ListModels"] = unary(models, pb.ListModelsRequest.FromString, pb.ListModelsResponse.SerializeToString)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("kinemacolor.v1.ColorizeService", methods)])
    address = f"unix:{folder}/s"
    server.add_insecure_port(address)
    server.start()
    try:
        yield ServerAddress.parse(address)
    finally:
        server.stop(0).wait()


def refuse(code, reason=None, expected=None, text="because"):
    def stream(requests, context):
        next(requests)
        if reason is not None:
            context.set_trailing_metadata(WireError(reason, text, expected).trailing_metadata())
        context.abort(code, text)
        yield

    return stream


def test_nobody_there(tmp_path):
    with pytest.raises(ServerUnreachableError, match="no server answers at unix:"):
        connect(ServerAddress.parse(f"unix:{tmp_path}/s"), QUICK)


def test_a_server_that_does_not_serve_yet(tmp_path):
    with serving(tmp_path, health=b"\x08\x02") as address, pytest.raises(ServerUnreachableError, match="not serving"):
        connect(address, QUICK)


def test_something_else_listens(tmp_path):
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    server.start()
    with pytest.raises(ServerFaultError, match="no Kinemacolor server"):
        connect(ServerAddress.parse(f"unix:{tmp_path}/s"), QUICK)
    server.stop(0).wait()


def test_a_proxy_of_the_environment_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(tmp_path) as address:
        connect(address, QUICK).close()


def test_models_are_listed(tmp_path):
    answer = pb.ListModelsResponse(models=[pb.Model(name="tiny", licence="Apache-2.0", is_default=True)])
    with serving(tmp_path, models=lambda request, context: answer) as address, connect(address, QUICK) as client:
        (model,) = client.list_models()
    assert (model.name, model.licence, model.is_default, model.takes_hints) == ("tiny", "Apache-2.0", True, False)


def test_a_question_that_the_server_does_not_know(tmp_path):
    with (
        serving(tmp_path) as address,
        connect(address, QUICK) as client,
        pytest.raises(ServerFaultError, match=r"does not speak kinemacolor\.v1"),
    ):
        client.server_info()


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (grpc.StatusCode.NOT_FOUND, ErrorReason.UNKNOWN_MODEL, RequestRefusedError),
        (grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.GEOMETRY, RequestRefusedError),
        (grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.SETTINGS_CHANGED, RequestRefusedError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorReason.TOO_MANY_CLIPS, RequestRefusedError),
        (grpc.StatusCode.UNAVAILABLE, ErrorReason.DRAINING, ServerUnreachableError),
        (grpc.StatusCode.UNAVAILABLE, None, ServerUnreachableError),
        (grpc.StatusCode.ABORTED, ErrorReason.SUPERSEDED, ClipLostError),
        (grpc.StatusCode.INTERNAL, ErrorReason.STEP_FAILED, ServerFaultError),
        (grpc.StatusCode.UNKNOWN, None, ServerFaultError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, None, ServerTimeoutError),
    ],
)
def test_every_status_becomes_one_error_of_the_tree(tmp_path, code, reason, error):
    with serving(tmp_path, refuse(code, reason)) as address, connect(address, QUICK) as client:
        with pytest.raises(error) as caught:
            client.open_clip(REQUEST)
        assert type(caught.value) is error
        assert caught.value.reason is reason
        assert "\n" not in str(caught.value)


def test_the_expected_frame_is_passed_on(tmp_path):
    script = refuse(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.OUT_OF_ORDER, expected=7)
    with (
        serving(tmp_path, script) as address,
        connect(address, QUICK) as client,
        pytest.raises(RequestRefusedError) as caught,
    ):
        client.open_clip(REQUEST)
    assert caught.value.expected == 7


def test_a_server_that_goes_away_is_unreachable(tmp_path):
    def stream(requests, context):
        next(requests)
        yield pb.StreamFramesResponse(clip_opened=pb.ClipOpened(clip_key="clip", model="tiny", window=2, epoch=1))
        for _request in requests:
            pass

    with serving(tmp_path, stream) as address:
        client = connect(address, QUICK)
        opened = client.open_clip(REQUEST)
    with client, opened, pytest.raises((ServerUnreachableError, ClipLostError)):
        opened.end()
