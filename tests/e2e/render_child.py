"""`kinemacolor ...` with short segments, in a process that kills itself (SIGKILL) at a given point.

    python render_child.py SEGMENT_FRAMES POINT:COUNT render IN OUT ...

POINT is the name of a function of `os` that changes the disk, or `any` of them, or `frame` for a frame that is about to
be encoded; the process dies just before call COUNT of it, counted from 0. `none` never dies, `count` says how many
calls of `any` there were on stdout. `server:COUNT,COUNT` lives, and kills its private server before those frames;
`stop:COUNT` lives, and stops (SIGSTOP) before that frame until it is told to go on.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable

import psutil

from kinemacolor.cli.main import main
from kinemacolor.media import writer
from kinemacolor.media.types import EncodeOptions
from kinemacolor.render import arguments

DISK = ("pwrite", "fsync", "replace", "link", "unlink", "mkdir", "rename")


def die_before(call: int, calls: list[int]) -> None:
    if calls[0] == call:
        os.kill(os.getpid(), signal.SIGKILL)
    calls[0] += 1


def watch(owner: object, name: str, count: int, calls: list[int]) -> None:
    function = getattr(owner, name)

    @functools.wraps(function)
    def watched(*args: object, **kwargs: object) -> object:
        die_before(count, calls)
        return function(*args, **kwargs)

    setattr(owner, name, watched)


def before_frames(frames: set[int], act: Callable[[], None]) -> None:
    """Do something just before these calls of `write_frame`."""
    write, calls = writer.SegmentSink.write_frame, [0]

    @functools.wraps(write)
    def watched(*args: object) -> object:
        if calls[0] in frames:
            act()
        calls[0] += 1
        return write(*args)

    writer.SegmentSink.write_frame = watched


def kill_server() -> None:
    for child in psutil.Process().children():
        if "kinemacolor.server" in child.cmdline():
            child.kill()


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def run() -> int:
    segment_frames, point, *words = sys.argv[1:]
    arguments.EncodeOptions = functools.partial(EncodeOptions, segment_frames=int(segment_frames))
    name, _, count = point.partition(":")
    calls = [0]
    if name == "frame":
        watch(writer.SegmentSink, "write_frame", int(count), calls)
    elif name in ("server", "stop"):
        before_frames({int(frame) for frame in count.split(",")}, kill_server if name == "server" else stop)
    elif name in (*DISK, "any", "count"):
        for each in DISK if name in ("any", "count") else (name,):
            watch(os, each, int(count or -1), calls)
    code = main(words)
    if name == "count":
        sys.stdout.write(f"{calls[0]}\n")
    return code


if __name__ == "__main__":
    sys.exit(run())
