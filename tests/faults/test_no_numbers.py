"""Fault 13: a network that gives no numbers for a frame of one clip fails that frame, and nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import torch
from box import Box
from film import Client, Film, snapshots
from safetensors.torch import load_file
from streams import HEIGHT, WIDTH, Request

from kinemacolor.v1 import colorize_pb2 as pb

CHILD = Path(__file__).with_name("nan_child.py")
BAD = 30
"""Behind a snapshot, within the same shot."""
FILM, OTHER = Film(frames=60, cuts=()), Film(frames=40, cuts=(1,))
SAMPLES = WIDTH * HEIGHT
Solo = Callable[[Film], dict[int, str]]


def play_both(client: Client, neighbour: Client, frames: range) -> None:
    for number in frames:
        client.send(number)
        neighbour.send(number)
        client.take(number)
        neighbour.take(number)


@pytest.mark.fault(13, "NaN, Inf, negative, more than 1")
@pytest.mark.parametrize("luma", [b"\xff\xff", b"\0\0"], ids=["colours", "state"])
def test_a_frame_that_comes_out_as_no_numbers_fails_aloud_and_alone(box: Box, solo: Solo, luma: bytes) -> None:
    stub = box.start(program=(sys.executable, str(CHILD)))
    client, neighbour = Client(stub, FILM, "a"), Client(stub, OTHER, "b")
    client.open()
    neighbour.open()
    play_both(client, neighbour, range(BAD))
    client.stream.send(Request(frame=pb.Frame(frame_number=BAD, luma=luma * SAMPLES)))
    error = client.stream.take("frame_error")
    assert isinstance(error, pb.FrameError)
    assert (error.frame_number, error.reason) == (BAD, pb.ERROR_REASON_STEP_FAILED)
    assert client.stream.refusal() == (grpc.StatusCode.INTERNAL, "STEP_FAILED")
    neighbour.play(range(BAD, OTHER.frames))
    assert neighbour.colours == solo(OTHER)

    client.connect(stub)
    assert client.open(BAD, earliest=0).resumed  # from the snapshot before
    client.play(range(BAD, FILM.frames))
    assert client.colours == solo(FILM)
    client.wait_durable(FILM.frames - 1, through=47)
    tensors = [tensor for path in snapshots(box.states).values() for tensor in load_file(path).values()]
    assert tensors
    assert all(torch.isfinite(tensor.float()).all() for tensor in tensors)
    assert "work failed" in box.log
