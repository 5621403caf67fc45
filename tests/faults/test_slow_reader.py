"""Fault 7: a client that asks for frames and does not read them."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from drive import resident_bytes
from film import Client, Film
from streams import DEADLINE_SECONDS, END, Request, Stream, connect, open_clip

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

FILM = Film(frames=120, cuts=())
Note = Callable[[str, object], None]
Solo = Callable[[Film], dict[int, str]]
Stub = pb_grpc.ColorizeServiceStub
WIDE = pb.PlaneGeometry(width_px=640, height_px=360)
SAMPLES = WIDE.width_px * WIDE.height_px
LUMA_BYTES, COLOUR_BYTES = 2 * SAMPLES, 4 * SAMPLES
WIDE_FRAMES = 64
STANDS_STILL_SECONDS = 1.0
SLACK_BYTES = 8 << 20
"""What gRPC holds of a stream, and the noise of the allocator."""


def wide_frame(number: int) -> Request:
    rows, columns = np.mgrid[0 : WIDE.height_px, 0 : WIDE.width_px]
    plane = 32767 * (1 + np.sin((columns + 3 * number) / 20) * np.cos(rows / 30))
    return Request(frame=pb.Frame(frame_number=number, luma=plane.astype("<u2").tobytes()))


def wide_solo(stub: Stub) -> dict[int, bytes]:
    stream = Stream(stub)
    stream.opened(open_clip("solo", geometry=WIDE))
    colours = {number: stream.color(wide_frame(number)).ab for number in range(WIDE_FRAMES)}
    stream.send(END)
    stream.take("clip_ended")
    return colours


def stop_reading(stub: Stub, stream: Stream, key: str, window: int) -> int:
    """Send, never more than a window ahead of what the server says it has answered, until it takes no more frames.

    Returns:
        How many were sent.
    """
    sent = answered = 0
    moved = time.monotonic()
    while time.monotonic() - moved < STANDS_STILL_SECONDS:
        [clip] = [clip for clip in stub.ListClips(pb.ListClipsRequest()).clips if clip.clip_key == key]
        if clip.frames_answered != answered:
            answered, moved = clip.frames_answered, time.monotonic()
        while sent < answered + window:
            assert sent < WIDE_FRAMES, "the server computes for a client that reads nothing"
            stream.send(wide_frame(sent))
            sent += 1
    return sent


@pytest.mark.fault(7, "slow reader")
@pytest.mark.parametrize("seconds", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_a_client_that_stops_reading_costs_a_window_and_nobody_else(
    start_server: Callable[..., Any], seconds: int, solo: Solo, record_property: Note
) -> None:
    server = start_server()
    pid = server.process.pid
    with connect(server.address) as mine, connect(server.address) as other:
        expected = wide_solo(mine)
        stream = Stream(mine, seconds=DEADLINE_SECONDS + seconds)
        window = stream.opened(open_clip("slow", geometry=WIDE)).window
        base = resident_bytes(pid)
        sent = stop_reading(other, stream, "slow", window)
        peak, rounds, until = 0, 0, time.monotonic() + seconds
        while time.monotonic() < until:
            neighbour = Client(other, FILM, "neighbour", restart=True)
            neighbour.open()
            for number in range(FILM.frames):
                neighbour.colour(number)
                peak = max(peak, resident_bytes(pid))
            assert neighbour.colours == solo(FILM)
            rounds += 1
        for number in range(sent):
            answer = stream.take("color_frame")
            assert isinstance(answer, pb.ColorFrame)
            assert (answer.frame_number, answer.ab) == (number, expected[number])
        for number in range(sent, WIDE_FRAMES):
            assert stream.color(wide_frame(number)).ab == expected[number]
    grown = peak - base
    record_property(
        "figure",
        f"{seconds} s without reading: {sent} frames taken, RSS {base >> 20} MB + {grown / (1 << 20):.1f} MB; "
        f"{rounds} films of {FILM.frames} frames beside it",
    )
    assert grown < 2 * window * (LUMA_BYTES + COLOUR_BYTES) + SLACK_BYTES
