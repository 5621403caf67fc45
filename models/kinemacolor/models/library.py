"""The weights of others that were imported on this machine: safetensors, each beside a card that says what it is.

    $KINEMACOLOR_MODELS, else $XDG_DATA_HOME/kinemacolor/models, else ~/.local/share/kinemacolor/models
        eccv16.safetensors    the tensors
        eccv16.json           SHA-256 of that file and of the one it came from, source, terms

A file comes under its name whole or not at all, the card last: without its card a file does not count, and with another
one it is refused. So an import that is killed leaves what was there, what is new, or what is noticed.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from kinemacolor.models.errors import CheckpointError, MachineError, NotInstalledError
from kinemacolor.models.files.load import load_network, read_weights, sha256_of_file, sha256_of_weights
from kinemacolor.models.official import OfficialNetwork, official_network

__all__ = ["Card", "import_weights", "installed_card", "load_installed", "models_folder", "verify_installed"]

FOLDER_VARIABLE = "KINEMACOLOR_MODELS"
_ABANDONED_SECONDS = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is known of imported weights."""

    name: str
    sha256: str
    """Of the safetensors file."""
    imported_from: str
    """Name of the file they came from."""
    imported_sha256: str
    """Of that file, or of both files of a checkpoint of TensorFlow, one after the other."""
    is_official: bool
    """Its hash is the one that its authors give."""
    source: str
    licence: str
    terms: str
    note: str = ""
    """What else a user should know of them: their size, if it is not the paper's."""


def models_folder() -> Path:
    """Where imported weights lie; it need not be there.

    Raises:
        CheckpointError: Nobody says where: the user has no home directory.
    """
    chosen = os.environ.get(FOLDER_VARIABLE, "")
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME", "")
    try:
        base = Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share"
    except RuntimeError as error:
        raise CheckpointError(
            f"expected a folder for weights, found no home directory; set {FOLDER_VARIABLE}"
        ) from error
    return base / "kinemacolor" / "models"


def installed_card(name: str) -> Card | None:
    """The card of imported weights; None: there are none.

    Raises:
        CheckpointError: The card is damaged.
    """
    path = models_folder() / f"{name}.json"
    try:
        card = Card(**json.loads(path.read_text(encoding="utf-8")))
        if card.name != name:  # copied under another name, it would load that one's file unseen
            raise ValueError(f"it is that of {card.name!r}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: expected a card of imported weights, found damage: {error}") from error
    return card


def import_weights(name: str, path: Path) -> Card:
    """Check the authors' file and keep its tensors.

    Raises:
        UnknownModelError: There is no network of that name.
        CheckpointError: The file is not its weights.
        MachineError: It cannot be read, or what is kept of it cannot be written.
        OSError: The folder cannot be written to.
    """
    official = official_network(name)
    found = sha256_of_weights(path)
    tensors = read_weights(official, path)
    if sha256_of_weights(path) != found:
        raise CheckpointError(f"{path.name}: was changed while it was read; import it again")
    folder = models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder, name)
    with _part(folder / f"{name}.safetensors") as weights, _part(folder / f"{name}.json") as noted:
        _save(tensors, weights.path)
        card = Card(
            name=name,
            sha256=sha256_of_file(weights.path),
            imported_from=path.name,
            imported_sha256=found,
            is_official=bool(official.sha256) and found.startswith(official.sha256),
            source=official.source,
            licence=official.licence,
            terms=official.terms,
            note=_size_note(official, tensors),
        )
        noted.path.write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")
        # Both are safe before either takes its place. Killed between the two, the old card does not fit the new
        # tensors, which is noticed whenever they are loaded.
        weights.make_safe()
        noted.make_safe()
        weights.take_place()
        noted.take_place()
    return card


def load_installed(name: str) -> nn.Module:
    """The network with its imported weights.

    Raises:
        NotInstalledError: There are none.
        CheckpointError: They are not what the card says.
    """
    card = verify_installed(name)
    return load_network(card.name, models_folder() / f"{card.name}.safetensors")


def verify_installed(name: str) -> Card:
    """Read everything and compare it with the card.

    Raises:
        NotInstalledError: There are no such weights.
        CheckpointError: They are not what the card says.
    """
    card = installed_card(name)
    if card is None:
        raise NotInstalledError(
            f"the weights of {name} are not installed; kinemacolor models get {name}, "
            f"or kinemacolor models import {name} --from FILE"
        )
    path = models_folder() / f"{name}.safetensors"
    try:
        found = sha256_of_file(path)
    except OSError as error:
        raise CheckpointError(f"{path}: expected imported weights, found none: {error.strerror}") from error
    if found != card.sha256:
        raise CheckpointError(f"{path}: expected SHA-256 {card.sha256}, found {found}; import it again")
    return card


def _save(tensors: Mapping[str, Tensor], part: Path) -> None:
    """Into the file and not into memory: large networks take a gigabyte, and `save` would hold it once more."""
    part.touch()
    mode = part.stat().st_mode
    try:
        save_file({key: value.contiguous() for key, value in tensors.items()}, part)
        part.chmod(mode)  # it leaves a file that its owner alone can read
    except SafetensorError as error:
        raise MachineError(f"{part.parent}: expected to keep weights there, found: {error}") from error


def _size_note(official: OfficialNetwork, tensors: Mapping[str, Tensor]) -> str:
    if official.like is None:
        return ""
    with torch.device("meta"):
        paper = sum(_parameters(official_network(name).make()) for name in official.smaller_than or (official.name,))
        found = _parameters(official.like(tensors))
    return f"{found:,} parameters, the paper's has {paper:,}" if found != paper else ""


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@dataclass(frozen=True, slots=True)
class _Part:
    """A file that is being written beside the place that it will take."""

    path: Path
    place: Path

    def make_safe(self) -> None:
        """On the disk, so that a crash leaves it whole."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())

    def take_place(self) -> None:
        """At once, and for good: the folder's entry is on the disk, too."""
        os.replace(self.path, self.place)
        if os.name != "posix":
            return  # a folder cannot be opened there
        handle = os.open(self.place.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _part(place: Path) -> Iterator[_Part]:
    """Gone afterwards, unless it took its place."""
    part = _Part(place.with_name(f".{place.name}.{os.getpid()}.part"), place)
    try:
        yield part
    finally:
        part.path.unlink(missing_ok=True)


def _sweep(folder: Path, name: str) -> None:
    """Take away what killed imports have left; young ones may be those of another process."""
    for kind in ("safetensors", "json"):
        for path in folder.glob(f".{name}.{kind}.*.part"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()
