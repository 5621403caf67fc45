"""Stock melt in the folder that `setup.sh` made, run as a user would, and what it left behind."""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import psutil
from tests.e2e.waiting import wait_until

FILTER = "openfx.io.kinemacolor.colorize"
SOCKET = "/run/kc/s"
_USELESS = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
WORKING_SECONDS = 120
"""Longest wait for melt: a server may have been killed before."""


@dataclass
class Melt:
    """One run of melt."""

    process: subprocess.Popen[bytes]
    out: Path
    said_path: Path
    log_path: Path

    def wait_for_frames(self, count: int) -> None:
        """Until that many frames are in the file, or melt has ended."""
        wait_until(lambda: self.process.poll() is not None or frames_in(self.out) >= count, WORKING_SECONDS)

    def finish(self) -> Path:
        """The finished file."""
        assert self.process.wait(timeout=WORKING_SECONDS) == 0, self.said
        assert self.out.is_file(), self.said + self.log
        return self.out

    @property
    def said(self) -> str:
        return self.said_path.read_text()[-2000:]

    def helper(self) -> psutil.Process | None:
        """The helper that works now; after one was killed, the next; None: melt has ended."""
        wait_until(lambda: self._working_helpers() or self.process.poll() is not None)
        return next(iter(self._working_helpers()), None)

    def _working_helpers(self) -> list[psutil.Process]:
        if self.process.poll() is not None:
            return []
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if is_helper(child) and child.status() not in _USELESS]

    @property
    def descriptors(self) -> int:
        return psutil.Process(self.process.pid).num_fds()

    @property
    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""


def frames_in(path: Path) -> int:
    """Whole ones in a file that is still being written."""
    try:
        with av.open(str(path)) as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))
    except (av.FFmpegError, OSError, IndexError):
        return 0


def is_helper(process: psutil.Process) -> bool:
    try:
        return "kinemacolor.ofx.helper" in process.cmdline()
    except psutil.Error:
        return False


@dataclass
class Box:
    """The folder; one place below /srv in it for each test."""

    root: Path
    place: str
    """As melt sees it, such as /srv/test_one."""
    running: list[Melt] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The place, from outside."""
        return self.inside(self.place)

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    @property
    def address(self) -> str:
        """Of a server outside."""
        return f"unix:{self.inside(SOCKET)}"

    def start(self, *arguments: object, out: str = "out.nut", cache: str = "cache", **environment: object) -> Melt:
        """Start melt; `out` is what it is expected to write."""
        settings = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": self.place,
            "QT_QPA_PLATFORM": "offscreen",
            "OFX_PLUGIN_PATH": "/opt/ofx",
            "XDG_CACHE_HOME": f"{self.place}/{cache}",
            "KINEMACOLOR_SERVER": f"unix:{SOCKET}",
            "KINEMACOLOR_OFX_LOG": f"{self.place}/ofx.log",
        } | environment
        words = [f"{name}={value}" for name, value in settings.items()]
        command = ["chroot", str(self.root), "/usr/bin/env", "-i", *words, "melt", "-silent", *map(str, arguments)]
        said = self.folder / "melt.log"
        with said.open("ab") as stderr:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
        self.running.append(Melt(process, self.folder / out, said, self.folder / "ofx.log"))
        return self.running[-1]

    def melt(self, *arguments: object, out: str = "out.nut", **how: object) -> Path:
        """Run melt to its end."""
        return self.start(*arguments, out=out, **how).finish()

    def ask(self, *arguments: str) -> str:
        """What melt prints."""
        command = ["chroot", str(self.root), "/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "OFX_PLUGIN_PATH=/opt/ofx"]
        return subprocess.run([*command, "melt", *arguments], check=True, capture_output=True, text=True).stdout

    def close(self) -> None:
        for melt in self.running:
            if melt.process.poll() is None:
                melt.process.send_signal(signal.SIGKILL)
            melt.process.wait(timeout=WORKING_SECONDS)

    def left_behind(self) -> list[str]:
        """Processes, shared memory and sockets of the effect that outlived melt."""
        root = os.path.realpath(self.root)
        alive = [process for process in psutil.process_iter() if is_helper(process) and _root_of(process) == root]
        shared = [str(path) for path in (self.root / "dev/shm").iterdir()]
        sockets = [str(path) for path in self.root.glob("tmp/*")]
        return [*map(str, alive), *shared, *sockets]


def _root_of(process: psutil.Process) -> str:
    try:
        return os.readlink(f"/proc/{process.pid}/root")
    except OSError:
        return ""


def lossless(place: str, deep: bool, order: int, out: str = "out.nut") -> Sequence[object]:
    """A consumer that writes every sample: ffv1 in 8 or 16 bits of R'G'B'; `order` is MLT's real_time.

    A .nut can be read while it is written.
    """
    kind = ("pix_fmt=gbrp16le", "mlt_image_format=rgba64") if deep else ("pix_fmt=bgr0", "mlt_image_format=rgb")
    return (
        "-consumer",
        f"avformat:{place}/{out}",
        "vcodec=ffv1",
        *kind,
        "flush_packets=1",
        "an=1",
        f"real_time={order}",
    )
