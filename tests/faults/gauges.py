"""What a process takes of its machine, minute by minute, and whether that stays flat."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from drive import resident_bytes

RSS_GROWTH_BYTES = 16 << 20
"""Between the means of the second and the last third of a run."""
RSS_SPREAD_BYTES = 96 << 20
"""Between the least and the most after the first third: gRPC buffers some messages of 8 MB where too much is sent."""
FILES_MORE, THREADS_MORE = 12, 4
"""Over the most of the first third: streams come and go."""
_MB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """One look at a server."""

    minute: float
    rss_bytes: int
    files: int
    threads: int
    shared_memory: int
    """Mappings and open files of /dev/shm."""
    state_bytes: int
    """Of its state folder, on disk."""
    rounds: int
    """Faults so far."""


def look(pid: int, states: Path, minute: float, rounds: int) -> Sample:
    """Now."""
    process = Path(f"/proc/{pid}")
    files = list(_targets(process / "fd"))
    maps = (process / "maps").read_text().splitlines()
    return Sample(
        minute=minute,
        rss_bytes=resident_bytes(pid),
        files=len(files),
        threads=len(list((process / "task").iterdir())),
        shared_memory=sum("/dev/shm/" in line for line in (*maps, *files)),
        state_bytes=sum(_disk_bytes(path) for path in _files_below(states)),
        rounds=rounds,
    )


def _files_below(folder: Path) -> Iterator[Path]:
    """Of a folder in which a server works: what goes away meanwhile is passed over, which `rglob` does not do."""
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


def _targets(folder: Path) -> Iterator[str]:
    for link in folder.iterdir():
        try:
            yield os.readlink(link)
        except FileNotFoundError:
            continue  # closed meanwhile


def _disk_bytes(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512 if path.is_file() else 0
    except FileNotFoundError:
        return 0  # removed meanwhile


def table(samples: Sequence[Sample]) -> Iterator[str]:
    """A line for each sample."""
    yield "minute  RSS MB  files  threads  /dev/shm  states MB  faults"
    for each in samples:
        yield (
            f"{each.minute:6.1f}  {each.rss_bytes / _MB:6.1f}  {each.files:5}  {each.threads:7}  "
            f"{each.shared_memory:8}  {each.state_bytes / _MB:9.2f}  {each.rounds:6}"
        )


def check_flat(samples: Sequence[Sample], state_limit_bytes: int) -> None:
    """Assert that nothing grows after the first third."""
    third = max(1, len(samples) // 3)
    first, middle, last = samples[:third], samples[third:-third], samples[-third:]
    later = [*middle, *last]
    rss = [each.rss_bytes for each in later]
    grown = mean(each.rss_bytes for each in last) - mean(each.rss_bytes for each in middle or first)
    assert grown < RSS_GROWTH_BYTES, f"RSS grew by {grown / _MB:.1f} MB"
    assert max(rss) - min(rss) < RSS_SPREAD_BYTES
    assert _most(later, lambda each: each.files) <= _most(first, lambda each: each.files) + FILES_MORE
    assert _most(later, lambda each: each.threads) <= _most(first, lambda each: each.threads) + THREADS_MORE
    assert _most(samples, lambda each: each.shared_memory) == samples[0].shared_memory
    assert _most(samples, lambda each: each.state_bytes) <= state_limit_bytes


def _most(samples: Sequence[Sample], gauge: Callable[[Sample], int]) -> int:
    return max(map(gauge, samples))
