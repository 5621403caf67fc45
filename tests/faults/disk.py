"""A small disk of its own that may be full, read-only or away. It needs no rights where user namespaces are allowed.

The disk is a tmpfs in a mount namespace that a child process holds. Only programs that are started with `Disk.inside`
before them see it at `Disk.path`; a test looks at it through `Disk.outside`.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SIZE = 20 << 20
BALLAST = "ballast"
NAME = "kinemacolor"


@dataclass(frozen=True)
class Disk:
    """A mounted file system."""

    path: Path
    """For programs that run inside."""
    holder: int
    """Pid of the process that keeps it."""

    @property
    def outside(self) -> Path:
        """The same folder, for the test."""
        return Path(f"/proc/{self.holder}/root{self.path}")

    @property
    def inside(self) -> tuple[str, ...]:
        """The beginning of a command that runs where the disk is."""
        return ("nsenter", "--target", str(self.holder), "--user", "--mount", "--preserve-credentials")

    def fill(self, but: int) -> None:
        """Leave so many bytes free."""
        used = os.statvfs(self.outside)
        size = used.f_bavail * used.f_frsize - but
        with (self.outside / BALLAST).open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def make_room(self) -> None:
        """Remove what `fill` has put there."""
        (self.outside / BALLAST).unlink()

    def allow_files(self, count: int) -> None:
        """Let so many be made, whatever their size."""
        now = os.statvfs(self.outside)
        self.remount(f"nr_inodes={now.f_files - now.f_ffree + count}")

    def remount(self, how: str, folder: Path | None = None) -> None:
        """As `mount -o remount,HOW`."""
        # With the disk's name: without it, mount repeats the options of before, of which some are root's alone.
        self._run("mount", "-o", f"remount,{how}", NAME, str(folder or self.path))

    def mount_below(self, folder: Path) -> None:
        """Another file system, of the same size, at a folder of this one."""
        self._run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", NAME, str(folder))

    def _run(self, *command: str) -> None:
        subprocess.run([*self.inside, *command], check=True, timeout=60)


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A disk of 20 MB at a folder that is made; skips the test where this user may mount nothing."""
    folder.mkdir()
    mount = f"mount -t tmpfs -o size={SIZE},mode=700 {NAME} '{folder}' && echo mounted && exec cat"
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("needs the commands unshare and nsenter to mount a small disk (Linux, util-linux)")
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as holder:
        assert holder.stdout is not None
        said = holder.stdout.readline()
        if said != "mounted\n":
            pytest.skip(f"this user may mount no disk of its own here: {said.strip()}")
        yield Disk(folder, holder.pid)
