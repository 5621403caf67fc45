"""The contract over a real server process and a real socket, spoken with plain messages: no client of ours between."""

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from streams import DEADLINE_SECONDS, END, HEIGHT, WIDTH, Request, Stream, connect, frame, open_clip, wait_until

from kinemacolor.server.code_identity import code_sha256
from kinemacolor.server.config import ServerConfig
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc


@pytest.fixture
def stub(tiny_server: str) -> Iterator[pb_grpc.ColorizeServiceStub]:
    with connect(tiny_server) as made:
        yield made


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).replace("[", ":").replace("]", "")[:100].replace(" ", "_")


def render(
    stub: pb_grpc.ColorizeServiceStub, key: str, seed: int, frames: int, gate: threading.Event | None = None
) -> list[bytes]:
    """The chroma of a whole clip, sent one frame at a time; with a gate, the second half waits for it."""
    stream = Stream(stub)
    stream.opened(open_clip(key))
    chroma = []
    for number in range(frames):
        if gate is not None and number == frames // 2:
            gate.wait(DEADLINE_SECONDS)
        chroma.append(stream.color(frame(number, seed)).ab)
    stream.send(END)
    stream.take("clip_ended")
    return chroma


def test_a_clip_comes_back_in_order_and_ends(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    stream = Stream(stub)
    opened = stream.opened(open_clip(key))
    assert (opened.clip_key, opened.model, opened.resume_from, opened.resumed) == (key, "tiny", 0, False)
    assert "tiny" not in opened.device_class
    assert "torch=" in opened.device_class
    assert opened.device_class.endswith(f"|code={code_sha256()[:12]}"), (
        "what is stored is told from an upgrade's colours"
    )
    stream.send(*(frame(number) for number in range(opened.window)))
    answers = [stream.take("color_frame") for _ in range(opened.window)]
    assert [answer.frame_number for answer in answers] == list(range(opened.window))  # type: ignore[attr-defined]
    assert [answer.shot_start for answer in answers] == [True] + [False] * (opened.window - 1)  # type: ignore[attr-defined]
    assert len(answers[0].ab) == 2 * WIDTH * HEIGHT * 2  # type: ignore[attr-defined]
    assert any(np.frombuffer(answers[0].ab, "<i2") != 0)  # type: ignore[attr-defined]
    stream.send(END)
    ended = stream.take("clip_ended")
    assert (ended.frames_answered, ended.shots) == (opened.window, 1)  # type: ignore[attr-defined]
    assert list(stream.call) == []
    assert stream.call.code() is grpc.StatusCode.OK


def test_the_state_matters(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    """Guards the tests below: if the colour did not depend on the past, they would prove nothing."""
    [*_, with_past] = render(stub, key, seed=1, frames=3)
    stream = Stream(stub)
    stream.opened(open_clip(key, first_frame=2))
    assert stream.color(frame(2, seed=1)).ab != with_past


def test_clips_rendered_together_equal_clips_rendered_alone(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    alone = {seed: render(stub, f"{key}{seed}", seed, 12) for seed in range(4)}
    gate = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        slow = pool.submit(render, stub, f"{key}0", 0, 12, gate)
        fast = [pool.submit(render, stub, f"{key}{seed}", seed, 12) for seed in (1, 2, 3)]
        together = {seed: result.result() for seed, result in zip((1, 2, 3), fast, strict=True)}
        gate.set()
        together[0] = slow.result()
    assert together == alone


def test_pre_roll_gives_the_colours_of_the_whole_clip(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    whole = render(stub, key, seed=2, frames=8)
    stream = Stream(stub)
    stream.opened(open_clip(key))
    for number in range(5):
        stream.send(frame(number, 2, pre_roll=True))
        assert stream.take("progress").consumed_through == number  # type: ignore[attr-defined]
    assert [stream.color(frame(number, 2)).ab for number in (5, 6, 7)] == whole[5:]


def test_a_broken_stream_is_resumed_with_the_same_bytes(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    whole = render(stub, key, seed=3, frames=8)
    first = Stream(stub)
    epoch = first.opened(open_clip(key)).epoch
    got = [first.color(frame(number, 3)).ab for number in range(4)]
    first.call.cancel()
    second = Stream(stub)
    opened = second.opened(open_clip(key, first_frame=4))
    assert (opened.resumed, opened.resume_from) == (True, 4)
    assert opened.epoch > epoch
    got += [second.color(frame(number, 3)).ab for number in range(4, 8)]
    assert got == whole


def test_a_client_may_close_its_side_right_after_the_end(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    stream = Stream(stub)
    stream.send(open_clip(key), *(frame(number) for number in range(5)), END)
    stream.half_close()
    kinds = [response.WhichOneof("message") for response in stream.call]
    assert kinds == ["clip_opened", *["color_frame"] * 5, "clip_ended"]
    assert stream.call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("late", [frame(1), END], ids=["frame", "end"])
def test_a_message_after_the_last_answer_is_still_a_mistake(
    stub: pb_grpc.ColorizeServiceStub, key: str, late: Request
) -> None:
    stream = Stream(stub)
    stream.opened(open_clip(key))
    stream.color(frame(0))
    stream.send(END)
    stream.take("clip_ended")
    stream.send(late)
    stream.half_close()
    assert stream.refusal() == (grpc.StatusCode.FAILED_PRECONDITION, "AFTER_END")


def test_a_newer_stream_takes_the_clip_over(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    older = Stream(stub)
    older.opened(open_clip(key))
    older.color(frame(0))
    newer = Stream(stub)
    assert newer.opened(open_clip(key, first_frame=1)).resumed
    assert older.refusal() == (grpc.StatusCode.ABORTED, "SUPERSEDED")
    assert newer.color(frame(1)).frame_number == 1


def test_a_hard_cut_starts_a_shot(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    stream = Stream(stub)
    stream.opened(open_clip(key))
    one, other = (np.kron(np.random.default_rng(seed).integers(0, 65536, (8, 12)), np.ones((4, 4))) for seed in (1, 2))
    starts = [
        stream.color(Request(frame=pb.Frame(frame_number=number, luma=picture.astype("<u2").tobytes()))).shot_start
        for number, picture in enumerate([one, one, other, other])
    ]
    assert starts == [True, False, True, False]


def test_seeks_are_answered(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    whole = render(stub, key, seed=5, frames=20)
    stream = Stream(stub)
    stream.opened(open_clip(key))
    for number in range(20):
        stream.color(frame(number, 5))
    stream.send(Request(seek=pb.Seek(frame_number=3)))
    need = stream.take("need_frames")
    assert (need.first, need.last) == (0, 2)  # type: ignore[attr-defined]
    for number in range(3):
        stream.send(frame(number, 5, pre_roll=True))
        stream.take("progress")
    assert stream.color(frame(3, 5)).ab == whole[3]


INVALID, PHASE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
SHORT = Request(frame=pb.Frame(frame_number=0, luma=bytes(10)))
NOWHERE = pb.PlaneGeometry(width_px=2**30, height_px=2**30)
MISUSE = {
    "frame first": ([frame(0)], PHASE, "FIRST_MESSAGE"),
    "nothing": ([], PHASE, "FIRST_MESSAGE"),
    "empty message": ([Request()], INVALID, "MALFORMED"),
    "opened twice": ([open_clip("k"), open_clip("k")], PHASE, "ALREADY_OPEN"),
    "gap": ([open_clip("k"), frame(1)], PHASE, "OUT_OF_ORDER"),
    "short plane": ([open_clip("k"), SHORT], INVALID, "PLANE_SIZE"),
    "frame after end": ([open_clip("k"), frame(0), END, frame(1)], PHASE, "AFTER_END"),
    "negative number": ([open_clip("k"), frame(0), Request(seek=pb.Seek(frame_number=-1))], INVALID, "BAD_FIELD"),
    "unknown model": ([open_clip("k", model="no-such")], grpc.StatusCode.NOT_FOUND, "UNKNOWN_MODEL"),
    "no transfer": (
        [Request(open_clip=pb.OpenClip(clip_key="k", geometry=pb.PlaneGeometry(width_px=4, height_px=4)))],
        INVALID,
        "BAD_FIELD",
    ),
    "number without a successor": ([open_clip("k", first_frame=2**63 - 1)], INVALID, "BAD_FIELD"),
    "earliest after first": ([open_clip("k", first_frame=4, earliest_frame=5)], INVALID, "BAD_FIELD"),
    "huge geometry": ([open_clip("k", geometry=NOWHERE)], INVALID, "GEOMETRY"),
    "path as key": ([open_clip("../../etc/passwd")], INVALID, "BAD_FIELD"),
    "guide that was not announced": ([open_clip("k"), Request(guide=pb.Guide())], PHASE, "OUT_OF_ORDER"),
    "end without end": ([open_clip("k"), frame(0)], PHASE, "OUT_OF_ORDER"),
}


@pytest.mark.parametrize("case", MISUSE)
def test_misuse_gets_its_status_and_the_server_lives(stub: pb_grpc.ColorizeServiceStub, case: str) -> None:
    requests, code, reason = MISUSE[case]
    stream = Stream(stub)
    stream.send(*requests)
    stream.half_close()
    assert stream.refusal() == (code, reason)
    assert stub.GetServerInfo(pb.GetServerInfoRequest()).version


def test_raw_garbage_is_malformed_and_its_text_stays_inside(tiny_server: str) -> None:
    with grpc.insecure_channel(tiny_server) as channel:
        call = channel.stream_stream("/kinemacolor.v1.ColorizeService/StreamFrames")
        with pytest.raises(grpc.RpcError) as caught:
            list(call(iter([b"\xff\xff\xff garbage"]), timeout=DEADLINE_SECONDS))
    assert caught.value.code() is INVALID
    assert caught.value.details() == "the message is no StreamFramesRequest"


def test_a_client_that_ignores_the_window_is_refused_alone(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    greedy, modest = Stream(stub), Stream(stub)
    window = greedy.opened(open_clip(f"{key}greedy")).window
    modest.opened(open_clip(f"{key}modest"))
    greedy.send(*(frame(number) for number in range(20 * window)))
    assert greedy.refusal() == (grpc.StatusCode.RESOURCE_EXHAUSTED, "WINDOW_EXCEEDED")
    assert modest.color(frame(0)).frame_number == 0


def test_other_settings_need_a_restart(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    first = Stream(stub)
    first.opened(open_clip(key))
    first.color(frame(0))
    first.call.cancel()
    second = Stream(stub)
    second.send(open_clip(key, transfer=pb.TRANSFER_LINEAR))
    assert second.refusal() == (PHASE, "SETTINGS_CHANGED")
    third = Stream(stub)
    assert not third.opened(open_clip(key, transfer=pb.TRANSFER_LINEAR, restart=True)).resumed


def test_models_and_info_are_told(stub: pb_grpc.ColorizeServiceStub) -> None:
    models = {model.name: model for model in stub.ListModels(pb.ListModelsRequest()).models}
    assert models["tiny"].is_default
    assert models["tiny"].is_loaded
    assert len(models["tiny"].weights_sha256) == 64
    assert (models["tiny"].takes_references, models["tiny"].takes_hints, models["tiny"].variants) == (True, True, 4)
    assert not models["tiny"].has_confidence
    assert all(model.variants >= 1 for model in models.values())
    info = stub.GetServerInfo(pb.GetServerInfoRequest())
    assert info.max_clips == 64
    assert info.resident_bytes > 10_000_000
    assert info.has_snapshots


def test_clips_are_listed_and_evicted(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    stream = Stream(stub)
    stream.opened(open_clip(key, client_name="a test"))
    stream.color(frame(0))
    [clip] = [clip for clip in stub.ListClips(pb.ListClipsRequest()).clips if clip.clip_key == key]
    assert (clip.client_name, clip.attached, clip.next_frame, clip.frames_answered) == ("a test", True, 1, 1)
    assert clip.state_bytes > 0
    stub.EvictClip(pb.EvictClipRequest(clip_key=key))
    assert stream.refusal() == (grpc.StatusCode.ABORTED, "EVICTED")
    with pytest.raises(grpc.RpcError) as caught:
        stub.EvictClip(pb.EvictClipRequest(clip_key=key))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_health_and_reflection_answer(tiny_server: str) -> None:
    with grpc.insecure_channel(tiny_server) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", "kinemacolor.v1.ColorizeService"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=DEADLINE_SECONDS)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        [answer] = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
        assert "kinemacolor.v1.ColorizeService" in {service.name for service in answer.list_services_response.service}


Start = Callable[..., object]


def test_lost_clips_expire(start_server: Start) -> None:
    server = start_server("--resume-ttl", "0.2")
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.opened(open_clip())
        stream.color(frame(0))
        stream.call.cancel()
        wait_until(lambda: not stub.ListClips(pb.ListClipsRequest()).clips)


def test_silent_streams_expire(start_server: Start) -> None:
    server = start_server("--idle", "0.2")
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.opened(open_clip())
        assert stream.refusal() == (grpc.StatusCode.ABORTED, "EVICTED")


def test_streams_that_never_open_a_clip_expire(start_server: Start) -> None:
    server = start_server("--idle", "0.2")
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        assert Stream(stub).refusal() == (grpc.StatusCode.ABORTED, "EVICTED")


def test_streams_are_bounded(start_server: Start) -> None:
    server = start_server("--max-clips", "1")
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        streams = [Stream(stub) for _ in range(ServerConfig(max_clips=1).max_streams + 1)]
        wait_until(lambda: any(stream.call.done() for stream in streams))
        [refused] = [stream for stream in streams if stream.call.done()]
        assert refused.refusal() == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CLIPS")
        for stream in streams:
            stream.call.cancel()
        wait_until(lambda: is_opened(stub))


def is_opened(stub: pb_grpc.ColorizeServiceStub) -> bool:
    stream = Stream(stub)
    stream.send(open_clip())
    try:
        return bool(next(stream.call).WhichOneof("message") == "clip_opened")
    except grpc.RpcError:
        return False


def test_a_client_that_vanishes_is_no_error_in_the_log(start_server: Start) -> None:
    server = start_server()
    wide = pb.PlaneGeometry(width_px=640, height_px=360)
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.opened(open_clip(geometry=wide))
        plane = bytes(2 * wide.width_px * wide.height_px)
        stream.send(*(Request(frame=pb.Frame(frame_number=number, luma=plane)) for number in range(8)))
        wait_until(lambda: stub.ListClips(pb.ListClipsRequest()).clips[0].frames_answered == 8)
        stream.call.cancel()
        wait_until(lambda: not stub.ListClips(pb.ListClipsRequest()).clips[0].attached)
    assert server.stop() == 0, server.log  # type: ignore[attr-defined]
    assert "Traceback" not in server.log  # type: ignore[attr-defined]


def test_clips_are_bounded_and_a_lost_one_gives_way(start_server: Start) -> None:
    server = start_server("--max-clips", "1")
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        first, second = Stream(stub), Stream(stub)
        first.opened(open_clip("first"))
        second.send(open_clip("second"))
        assert second.refusal() == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CLIPS")
        first.call.cancel()
        wait_until(lambda: not any(clip.attached for clip in stub.ListClips(pb.ListClipsRequest()).clips))
        assert Stream(stub).opened(open_clip("third")).resume_from == 0


def test_sigterm_finishes_open_clips_and_takes_no_new_ones(start_server: Start) -> None:
    server = start_server()
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.opened(open_clip())
        stream.color(frame(0))
        server.process.send_signal(signal.SIGTERM)  # type: ignore[attr-defined]
        wait_until(lambda: stub.GetServerInfo(pb.GetServerInfoRequest()).draining)
        late = Stream(stub)
        late.send(open_clip("late"))
        assert late.refusal() == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert stream.color(frame(1)).frame_number == 1
        stream.send(END)
        stream.take("clip_ended")
    assert server.process.wait(DEADLINE_SECONDS) == 0  # type: ignore[attr-defined]


def test_a_second_signal_ends_at_once(start_server: Start) -> None:
    server = start_server()
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.opened(open_clip())
        server.process.send_signal(signal.SIGINT)  # type: ignore[attr-defined]
        wait_until(lambda: stub.GetServerInfo(pb.GetServerInfoRequest()).draining)
        server.process.send_signal(signal.SIGINT)  # type: ignore[attr-defined]
        assert server.process.wait(DEADLINE_SECONDS) == 0  # type: ignore[attr-defined]


def test_drain_by_an_operator_ends_the_server_when_its_clips_end(start_server: Start) -> None:
    server = start_server()
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.opened(open_clip())
        assert stub.Drain(pb.DrainRequest()).open_clips == 1
        stream.send(END)
        stream.take("clip_ended")
    assert server.process.wait(DEADLINE_SECONDS) == 0  # type: ignore[attr-defined]


def test_an_evicted_stream_is_no_error_in_the_log(start_server: Start) -> None:
    server = start_server()
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        for _ in range(40):
            stream = Stream(stub)
            stream.opened(open_clip())
            stream.send(*(frame(number) for number in range(6)))
            stub.EvictClip(pb.EvictClipRequest(clip_key="clip"))
            assert stream.refusal() == (grpc.StatusCode.ABORTED, "EVICTED")
    assert server.stop() == 0, server.log  # type: ignore[attr-defined]
    assert "Traceback" not in server.log  # type: ignore[attr-defined]


def test_a_drain_ends_when_the_last_client_leaves_its_clip(start_server: Start) -> None:
    server = start_server()
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.opened(open_clip())
        stub.Drain(pb.DrainRequest())
        stream.call.cancel()
        assert server.process.wait(DEADLINE_SECONDS) == 0  # type: ignore[attr-defined]


def test_a_signal_limits_an_operators_drain(start_server: Start) -> None:
    server = start_server("--grace", "0.2")
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.opened(open_clip())
        stub.Drain(pb.DrainRequest())
        server.process.send_signal(signal.SIGTERM)  # type: ignore[attr-defined]
        assert server.process.wait(DEADLINE_SECONDS) == 0  # type: ignore[attr-defined]
        assert stream.refusal() == (grpc.StatusCode.ABORTED, "EVICTED")


def test_a_drain_waits_until_the_last_answers_are_read(start_server: Start) -> None:
    server = start_server()
    wide = pb.PlaneGeometry(width_px=640, height_px=360)
    plane = bytes(2 * wide.width_px * wide.height_px)
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.opened(open_clip(geometry=wide))
        stream.send(*(Request(frame=pb.Frame(frame_number=number, luma=plane)) for number in range(8)), END)
        wait_until(lambda: not stub.ListClips(pb.ListClipsRequest()).clips)
        stub.Drain(pb.DrainRequest())
        # The server would need half a second to drop what is not read; 2 s of life prove that it waits.
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(2)  # type: ignore[attr-defined]
        kinds = [response.WhichOneof("message") for response in stream.call]
        assert kinds == ["color_frame"] * 8 + ["clip_ended"]
    assert server.process.wait(DEADLINE_SECONDS) == 0  # type: ignore[attr-defined]
