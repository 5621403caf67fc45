"""Where the states of clips live: on the device, in RAM, on disk; the ones used last are the nearest.

A state is a value, so where it lies changes no byte: it is moved down when room above is short, and comes back when a
step asks for it. On a CPU the first two tiers are the same memory. What is on disk here is no promise (snapshots are):
it is not synced, and goes with the state, or with the server.
"""

import itertools
import logging
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save_file
from torch import Tensor

from kinemacolor.models.api import ModelState

_log = logging.getLogger(__name__)

_FOLDER_PREFIX = "states-"
_DISK_AGAIN = 1000
"""States that are made after a disk refused one, before it is asked again."""

RestoreState = Callable[[Mapping[str, Tensor]], ModelState]
"""Makes a state of its tensors, on the model's device."""


class Tier(Enum):
    """Where a state is."""

    DEVICE = "device"
    RAM = "ram"
    DISK = "disk"


@dataclass(slots=True)
class _Place:
    """A state wherever it is; all of it under the tiers' lock."""

    restore: RestoreState
    size: int
    tier: Tier
    state: ModelState | None = None
    tensors: Mapping[str, Tensor] | None = None
    file: Path | None = None


class KeptState:
    """A state that may be elsewhere. Held by whoever may need it; it goes when nobody does."""

    __slots__ = ("__weakref__", "_tiers", "number")

    def __init__(self, tiers: "StateTiers", number: int) -> None:
        self._tiers, self.number = tiers, number

    @property
    def nbytes(self) -> int:
        """Bytes of device memory that it holds now, without what it shares with the other states of its shot."""
        return self._tiers.device_bytes_of(self.number)

    @property
    def tier(self) -> Tier:
        """Where it is now."""
        return self._tiers.tier_of(self.number)

    def tensors(self) -> dict[str, Tensor]:
        """As of the state, from wherever it is; it stays there."""
        return dict(self._tiers.tensors_of(self.number))


class StateTiers:
    """The states of all clips; a context manager, safe to use from several threads.

    Args:
        device: whose memory is the first tier.
        device_bytes: for states there; the state that a step has just made is kept there whatever it is.
        ram_bytes: for states that had to leave a device that is no CPU.
        parent: where the folder for the third tier is made when it is needed, a folder of this server alone; None: the
            system's temporary folder.
    """

    def __init__(self, device: torch.device, device_bytes: int, ram_bytes: int, parent: Path | None = None) -> None:
        self._limits = {Tier.DEVICE: device_bytes, Tier.RAM: 0 if device.type == "cpu" else ram_bytes}
        self._used = dict.fromkeys(Tier, 0)
        self._places: dict[Tier, OrderedDict[int, _Place]] = {tier: OrderedDict() for tier in Tier}
        self._tier_of: dict[int, Tier] = {}
        self._numbers = itertools.count()
        self._parent, self._folder = parent, None  # type: Path | None, Path | None
        self._lock = threading.Lock()
        self._gone: deque[int] = deque()
        """Numbers that nobody holds any more: the garbage collector says so at any moment, even while one is moved."""
        self._refused_at: int | None = None
        """Number of the state that the disk did not take."""
        self.moved_down = self.moved_up = 0
        """How often a state left a tier for the next, and came back to the device."""

    def __enter__(self) -> Self:
        if self._parent is not None:
            for left in self._parent.glob(f"{_FOLDER_PREFIX}*"):  # by a server that was killed
                shutil.rmtree(left, ignore_errors=True)
        return self

    def __exit__(self, *exception: object) -> None:
        if self.moved_down:
            values = {"moved_down": self.moved_down, "moved_up": self.moved_up}
            _log.info("states did not all fit into memory", extra=values)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def keep(self, state: ModelState, restore: RestoreState) -> KeptState:
        """Take a new state; older ones make room."""
        with self._lock:
            self._forget_gone()
            number = next(self._numbers)
            self._put(number, _Place(restore, _own_bytes(state), Tier.DEVICE, state=state))
            self._make_room(Tier.DEVICE, spare=number)
        kept = KeptState(self, number)
        weakref.finalize(kept, self._drop, number).atexit = False
        return kept

    def load(self, kept: KeptState) -> ModelState:
        """The state, on the device.

        Raises:
            OSError: what is on the disk cannot be read.
        """
        with self._lock:
            self._forget_gone()
            number = kept.number
            place = self._places[self._tier_of[number]][number]
        # Not under the lock, for it may take long, and others only want to know a size. `kept` keeps the place.
        state = place.restore(_tensors(place)) if place.state is None else place.state
        with self._lock:
            if place.state is None:
                self._take(number)
                _remove(place)
                self._put(number, _Place(place.restore, place.size, Tier.DEVICE, state=state))
                self.moved_up += 1
            self._places[Tier.DEVICE].move_to_end(number)
            self._make_room(Tier.DEVICE, spare=number)
        return state

    def clear_device(self) -> int:
        """Move every state off the device, as far as there is room below; returns how many went."""
        with self._lock:
            self._forget_gone()
            numbers = list(self._places[Tier.DEVICE])
            return sum(self._move_down(number) for number in numbers)

    @property
    def used(self) -> dict[Tier, int]:
        """Bytes that the states take in each tier."""
        with self._lock:
            return dict(self._used)

    @property
    def counts(self) -> dict[Tier, int]:
        """How many states there are in each tier."""
        with self._lock:
            return {tier: len(places) for tier, places in self._places.items()}

    def tier_of(self, number: int) -> Tier:
        """Where a state is."""
        with self._lock:
            return self._tier_of[number]

    def device_bytes_of(self, number: int) -> int:
        """Bytes of device memory that a state holds now."""
        with self._lock:
            place = self._places[Tier.DEVICE].get(number)
            return 0 if place is None else place.size

    def tensors_of(self, number: int) -> Mapping[str, Tensor]:
        """The tensors of a state, wherever it is."""
        with self._lock:
            return _tensors(self._places[self._tier_of[number]][number])

    def _drop(self, number: int) -> None:
        """Now, or with the next state if the lock is held, perhaps by this very thread."""
        self._gone.append(number)
        if self._lock.acquire(blocking=False):
            try:
                self._forget_gone()
            finally:
                self._lock.release()

    # ---- under the lock ----

    def _forget_gone(self) -> None:
        while self._gone:
            _remove(self._take(self._gone.popleft()))

    def _put(self, number: int, place: _Place) -> None:
        self._places[place.tier][number] = place
        self._tier_of[number] = place.tier
        self._used[place.tier] += place.size

    def _take(self, number: int) -> _Place:
        tier = self._tier_of.pop(number)
        place = self._places[tier].pop(number)
        self._used[tier] -= place.size
        return place

    def _make_room(self, tier: Tier, spare: int | None = None) -> None:
        """Move the states that were not used for longest one tier down, until the others fit."""
        while self._used[tier] > self._limits[tier]:
            oldest = next((number for number in self._places[tier] if number != spare), None)
            if oldest is None or not self._move_down(oldest):
                return

    def _move_down(self, number: int) -> bool:
        """False if there is no room below: the state stays, whatever the limit says."""
        place = self._places[self._tier_of[number]][number]
        moved = self._in_ram(place) if place.tier is Tier.DEVICE and self._limits[Tier.RAM] else self._on_disk(place)
        if moved is None:
            return False
        self._take(number)
        self._put(number, moved)
        self.moved_down += 1
        if moved.tier is Tier.RAM:
            self._make_room(Tier.RAM)
        return True

    def _in_ram(self, place: _Place) -> _Place:
        tensors = {name: tensor.cpu() for name, tensor in _tensors(place).items()}
        return _Place(place.restore, place.size, Tier.RAM, tensors=tensors)

    def _on_disk(self, place: _Place) -> _Place | None:
        """None: the disk takes nothing (now); it is tried again when many more states have been made."""
        number = next(self._numbers)
        if self._refused_at is not None and number < self._refused_at + _DISK_AGAIN:
            return None
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX, dir=self._parent))
            file = self._folder / f"{number}.safetensors"
            tensors = {name: tensor.cpu().contiguous() for name, tensor in _tensors(place).items()}
            save_file(tensors, str(file))
        except Exception as error:  # noqa: BLE001 - safetensors wraps errors of the disk in one of its own
            self._refused_at = number
            _log.warning("states cannot be moved to the disk; they stay in memory", extra={"reason": str(error)})
            return None
        self._refused_at = None
        return _Place(place.restore, place.size, Tier.DISK, file=file)


def _tensors(place: _Place) -> Mapping[str, Tensor]:
    if place.state is not None:
        return place.state.tensors()
    if place.tensors is not None:
        return place.tensors
    if place.file is None:
        raise RuntimeError("a state is nowhere")
    return load_safetensors(place.file.read_bytes())


def _own_bytes(state: ModelState) -> int:
    """Without what it shares with the other states of its shot, which does not go away with it."""
    return sum(tensor.nbytes for tensor in state.tensors().values())


def _remove(place: _Place) -> None:
    if place.file is not None:
        place.file.unlink(missing_ok=True)
