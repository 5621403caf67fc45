"""A client in a process of its own: colours the frames of a film from one on, a full window in flight.

    python clip_child.py ADDRESS KEY FRAMES FIRST EARLIEST STAYS

EARLIEST may be empty. If STAYS is not, it asks for nothing more after its last answer, and does not end the clip.

One JSON line for each message: {"opened": EPOCH, "from": FRAME}, {"frame": NUMBER, "colour": SHA-256, "durable": FRAME
or null}, and at the end {"end": "OK"} or {"end": STATUS, "reason": REASON}.
"""

import atexit
import gc
import hashlib
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "server"))

import grpc
from film import Film
from streams import END, Request, Stream, connect, open_clip

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc


def say(**values: object) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def colour(stub: pb_grpc.ColorizeServiceStub, key: str, film: Film, first: int, earliest: str, stays: bool) -> None:
    stream = Stream(stub)
    asked = {"earliest_frame": int(earliest)} if earliest else {}
    opened = stream.opened(open_clip(key, first_frame=first, **asked))
    say(opened=opened.epoch, **{"from": opened.resume_from})
    frames = frames_from(film, opened.resume_from, first)
    stream.send(*islice(frames, opened.window))
    done = opened.resume_from
    for response in stream.call:
        if response.WhichOneof("message") == "clip_ended":
            break
        if response.WhichOneof("message") == "color_frame":
            tell(response.color_frame)
            if response.color_frame.frame_number == film.frames - 1 and not stays:
                stream.send(END)
        # Progress may be a sign of life, which makes room for nothing.
        before, done = done, max(done, done_after(response))
        stream.send(*islice(frames, done - before))


def done_after(response: pb.StreamFramesResponse) -> int:
    """The first frame that is not done with."""
    if response.WhichOneof("message") == "color_frame":
        return response.color_frame.frame_number + 1
    return response.progress.consumed_through + 1


def frames_from(film: Film, start: int, first: int) -> Iterator[Request]:
    for number in range(start, film.frames):
        yield Request(frame=pb.Frame(frame_number=number, luma=film.luma(number), pre_roll=number < first))


def tell(answer: pb.ColorFrame) -> None:
    durable = answer.durable_through if answer.HasField("durable_through") else None
    say(frame=answer.frame_number, colour=hashlib.sha256(answer.ab).hexdigest(), durable=durable)


def main(address: str, key: str, frames: str, first: str, earliest: str, stays: str) -> None:
    with connect(address) as stub:
        try:
            colour(stub, key, Film(int(frames), ()), int(first), earliest, bool(stays))
            say(end="OK")
        except grpc.RpcError as error:
            reason = dict(error.trailing_metadata() or ()).get("kinemacolor-reason")
            say(end=error.code().name, reason=reason)


if __name__ == "__main__":
    atexit.register(gc.freeze)  # as `kinemacolor` does it: grpc's calls may wait for ever when they are collected
    main(*sys.argv[1:])
