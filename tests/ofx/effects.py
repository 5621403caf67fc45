"""An effect for the tests, which the helper loads by $KINEMACOLOR_OFX_EFFECT=effects.py:Obedient.

It inverts pictures, or does what the text parameter `model` tells it to: so one helper plays many parts. All that it is
asked is appended to the file $KINEMACOLOR_TEST_REPORT, a line of JSON each.
"""

import json
import os
import signal
import struct
import sys
import time
from pathlib import Path

import numpy as np

from kinemacolor.ofx.helper.effect import EffectError, HostAccess, Outcome, Picture
from kinemacolor.ofx.helper.protocol import Analyse, Changed, Hello, Render, Status
from kinemacolor.ofx.parameters import VALUED

SOCKET = 3
DEAF_SECONDS = 30
"""Longer than any test waits."""


def report(**facts: object) -> None:
    with Path(os.environ["KINEMACOLOR_TEST_REPORT"]).open("a") as file:
        file.write(json.dumps(facts) + "\n")


def is_first(deed: str) -> bool:
    """Whether no helper has done this before."""
    try:
        Path(os.environ["KINEMACOLOR_TEST_REPORT"] + f".{deed.replace(' ', '-')}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def invert(picture: Picture) -> None:
    one = np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else picture.dtype.type(1)
    np.subtract(one, picture, out=picture)


def values_of(request: Render | Analyse | Changed) -> dict[str, object]:
    return {each.name: request.values.by_name[each.name] for each in VALUED}


def facts_of(request: Render) -> dict[str, object]:
    names = (
        "instance",
        "purpose",
        "time",
        "scale_x",
        "bounds",
        "definition",
        "depth",
        "components",
        "has_temporal_access",
        "says_sequential",
        "field",
        "unique_id",
    )
    clip = request.clip
    return {name: getattr(request, name) for name in names} | {
        "values": values_of(request),
        "clip": [getattr(clip, name) for name in clip.__slots__],
    }


class Obedient:
    def __init__(self, host: Hello) -> None:
        report(did="start", pid=os.getpid(), host=host.host_name, ignores_failure=host.fails_count_as_success)
        order = os.environ.get("KINEMACOLOR_TEST_START", "")
        if order == "raise":
            raise EffectError("no server answers at unix:/run/kinemacolor")
        if order == "hang":
            time.sleep(DEAF_SECONDS)
        if order == "kill":
            os.kill(os.getpid(), signal.SIGKILL)

    def render(self, request: Render, picture: Picture, host: HostAccess) -> Outcome:
        report(did="render", pid=os.getpid(), **facts_of(request))
        order, _, argument = request.values.text("model").partition(":")
        once = order.removesuffix(" once")
        if order != once and not is_first(order):
            once = ""
        name = "say" if once.startswith("say ") else once.replace(" ", "_") or "invert"
        return getattr(self, f"_{name}")(picture, host, argument)

    def analyse(self, request: Analyse, host: HostAccess) -> Outcome:
        report(did="analyse", instance=request.instance, values=values_of(request))
        order, _, argument = request.values.text("model").partition(":")
        if order == "raise known":
            raise EffectError(argument)
        for step in range(int(argument or 4)):
            if host.aborted():
                return Outcome.aborted()
            host.progress((step + 1) / int(argument or 4), "frame")
        return Outcome.final("analysed")

    def changed(self, request: Changed, host: HostAccess) -> Outcome:
        report(did="changed", instance=request.instance, name=request.name, values=values_of(request))
        if request.values.text("model") == "slow":
            return self._slow(None, host, str(DEAF_SECONDS))
        return Outcome.final(f"{request.name} changed")

    def gone(self, instance: int) -> None:
        report(did="gone", instance=instance)

    def close(self) -> None:
        report(did="close")

    # ---- what it can be told to do ----

    def _invert(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        invert(picture)
        return Outcome.final("inverted")

    def _darken_the_top_row(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        picture[0] = 0
        return Outcome.final()

    def _provisional(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        invert(picture)
        return Outcome.provisional("not all of the past is known")

    def _aborted(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        return Outcome.aborted()

    def _raise_known(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        raise EffectError(argument)

    def _raise(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        raise ValueError("a hole\nin the logic")

    def _raise_much(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        raise EffectError("grün " * 50000 + "\ud800")

    def _exit(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        os._exit(7)

    def _kill(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        picture[: len(picture) // 2] = 77  # a frame that is half done
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    def _stop(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        os.kill(os.getpid(), signal.SIGSTOP)
        raise EffectError("went on after SIGSTOP")

    def _hang(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        """Not even SIGTERM ends it."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(DEAF_SECONDS)
        raise EffectError("woke up")

    def _slow(self, picture: Picture | None, host: HostAccess, argument: str) -> Outcome:
        """Shows life and listens."""
        until = time.monotonic() + float(argument)
        while time.monotonic() < until:
            if host.aborted():
                report(did="aborted")
                return Outcome.aborted()
            time.sleep(0.01)
        if picture is not None:
            invert(picture)
        return Outcome.final()

    def _deaf(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        """Shows life and does not listen."""
        until = time.monotonic() + float(argument)
        while time.monotonic() < until:
            host.heartbeat()
            time.sleep(0.01)
        invert(picture)
        return Outcome.final()

    def _say(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        """Bytes past the protocol; then the proper answer."""
        digits = Path(argument).read_text() if argument.startswith("/") else argument
        own = host._channel.generation, host._serial
        said = bytes.fromhex(digits).replace(b"\xcd" * 4, struct.pack("<I", own[0]))
        with open(SOCKET, "wb", closefd=False) as socket:
            socket.write(said.replace(b"\xab" * 8, struct.pack("<Q", own[1])))
        return self._invert(picture, host, "")

    def _answer_badly(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        return Outcome(Status.FAILED, argument)

    def _print(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        sys.stdout.write(f"{argument} on stdout\n")
        sys.stdout.flush()
        sys.stderr.write(f"{argument} on stderr\n")
        return self._invert(picture, host, "")

    def _surroundings(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        descriptors = {int(name): os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")
                       if os.path.islink(f"/proc/self/fd/{name}")}  # fmt: skip
        report(
            did="surroundings",
            environment=dict(os.environ),
            descriptors=descriptors,
            session=os.getsid(0),
            blocked=[int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
            ignored=[number for number in range(1, 32) if signal.getsignal(number) is signal.SIG_IGN],
            path=sys.path,
        )
        return self._invert(picture, host, "")

    def _fetch(self, picture: Picture, host: HostAccess, argument: str) -> Outcome:
        """Lays the pictures of these times over each other; 0 for those that are not there."""
        total = np.zeros(picture.shape, np.float64)
        there = []
        for at in argument.split(","):
            other = host.fetch(float(at))
            there.append(other is not None)
            total += 0 if other is None else other
        picture[...] = total
        return Outcome.final(f"there: {there}")
