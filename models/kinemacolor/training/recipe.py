"""Recipe files: everything that a training run is made of, in TOML or JSON.

A file has the tables of `Plan`; unknown keys, missing keys and values of another type are refused with their name.
Photos are vouched for by the SHA-256 of their manifest, which lists every picture and its tar.
"""

import json
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import TypeVar, Union, cast, get_args, get_origin, get_type_hints

from kinemacolor.training.errors import RecipeError
from kinemacolor.training.memory_trainer import MemoryRecipe
from kinemacolor.training.recall_trainer import RecallRecipe
from kinemacolor.training.spread_trainer import SpreadRecipe
from kinemacolor.training.trainer import Recipe

__all__ = [
    "ClipSource",
    "EncoderSource",
    "MemoryPlan",
    "PartPlan",
    "PhotoSource",
    "Plan",
    "RecallPlan",
    "SpreadPlan",
    "StartSource",
    "Watch",
    "read_recipe",
    "shipped_recipes",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoSource:
    """One folder of photos, below the data folder."""

    folder: str
    """Its path, relative to the data folder."""
    tars: str
    """Pattern of its tars of JPEG files."""
    manifest: str | None = None
    """CSV (may be gzip-compressed) with the columns `name` and `tar`."""
    manifest_sha256: str | None = None
    """SHA-256 of the manifest file; None does not check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSource(PhotoSource):
    """One folder of clips, below the data folder: tars with a folder of JPEG frames per clip."""

    held_out_one_in: int = 5
    """One clip in so many, chosen by a hash of its name, is never trained on: settings are chosen on those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSource:
    """Where the pretrained trunk comes from."""

    file: str
    """Path relative to the data folder: a torch file with the decoded MobileNetV2 under `state`."""
    sha256: str
    """SHA-256 of that file."""
    origin: str
    """Where it came from and under which terms, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSource:
    """Weights that all parts of the run begin with."""

    file: str
    """Path relative to the data folder: a weights file of `kinema`, of this version or of the first one."""
    sha256: str
    """SHA-256 of that file."""
    origin: str = ""
    """Where it came from, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a run is carried out and looked at; changes no result of a run by steps, apart from `workers`."""

    workers: int = 2
    """Processes of one thread that share a batch on a CPU; a GPU takes one."""
    log_every_steps: int = 50
    """Steps whose mean loss is one line of the log."""
    checkpoint_minutes: float = 4.0
    """Least time between checkpoints."""
    sheet_minutes: float = 10.0
    """Least time between sample sheets."""
    early_steps: int = 400
    """Steps after which the loss must be below `early_loss`; 0 does not look."""
    early_loss: float = 5.0
    """The bound, in nats; 5.56 is a network that knows nothing of 261 bins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlan:
    """A later part of a run, on top of the frame network; photos and clips are those of the recipe."""

    watch: Watch = field(default_factory=lambda: Watch(early_steps=0))
    """Log, checkpoints, early look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan(PartPlan):
    """The memory."""

    numbers: MemoryRecipe
    """Schedule, rate, shots, loss, film, seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallPlan(PartPlan):
    """The bank, on top of the memory."""

    numbers: RecallRecipe
    """Schedule, rate, shots, banks, loss, film, seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadPlan(PartPlan):
    """The network that spreads hints."""

    numbers: SpreadRecipe
    """Schedule, rate, crops, examples, film, seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole recipe file."""

    name: str
    """Name of the recipe; the run's default folder is called so."""
    small_photos: PhotoSource
    """Photos at short side 128."""
    large_photos: PhotoSource | None = None
    """Sharper photos."""
    held_out_one_in: int = 300
    """One photo in so many is kept from training, for the sample sheets."""
    clips: ClipSource | None = None
    """Moving pictures: for the memory and the bank, and single frames of them for the frame network."""
    encoder: EncoderSource | None = None
    """The pretrained trunk; None starts it from noise."""
    start: StartSource | None = None
    """Weights to begin with, in place of the trunk; a part that has no table below is taken from there."""
    numbers: Recipe
    """Schedule, rates, crops, loss, film, seed."""
    watch: Watch = field(default_factory=Watch)
    """Log, checkpoints, sheets, early look."""
    memory: MemoryPlan | None = None
    """Trained after the frame network; None leaves the memory as it starts."""
    recall: RecallPlan | None = None
    """Trained after the memory; None leaves the bank as it starts."""
    spread: SpreadPlan | None = None
    """Trained last; None leaves the spreading of hints as it starts."""

    def __post_init__(self) -> None:
        if self.clips is None and (self.memory is not None or self.recall is not None):
            raise RecipeError("memory and recall learn from moving pictures: expected a table clips, found none")


def shipped_recipes() -> list[str]:
    """Names of the recipes in the package."""
    folder = resources.files("kinemacolor.training") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def read_recipe(path_or_name: str) -> Plan:
    """Read a recipe.

    Args:
        path_or_name: A TOML or JSON file, or the name of a recipe in the package.

    Raises:
        RecipeError: There is no such file, or it is not a recipe.
    """
    try:
        if path_or_name in shipped_recipes():
            text = (resources.files("kinemacolor.training") / "recipes" / f"{path_or_name}.toml").read_text("utf-8")
            return _build(Plan, tomllib.loads(text), "")
        text = Path(path_or_name).read_text(encoding="utf-8")
        table = json.loads(text) if path_or_name.endswith(".json") else tomllib.loads(text)
        return _build(Plan, table, "")
    except FileNotFoundError:
        shipped = ", ".join(shipped_recipes())
        raise RecipeError(f"no recipe file {path_or_name}; recipes in the package: {shipped}") from None
    except (OSError, ValueError, RecipeError) as error:
        raise RecipeError(f"{path_or_name}: {error}") from error


def _build(kind: type[T], table: object, where: str) -> T:
    """Make a dataclass of a table, recursively."""
    if not isinstance(table, Mapping):
        raise RecipeError(f"{where or 'the file'}: expected a table, found {table!r}")
    known: dict[str, Field[object]] = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    missing = sorted(name for name, entry in known.items() if name not in table and _is_needed(entry))
    if unknown or missing:
        problems = [f"unknown key {where}{name}" for name in unknown] + [f"no {where}{name}" for name in missing]
        raise RecipeError("; ".join(problems))
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], value, f"{where}{name}") for name, value in table.items()})


def _is_needed(entry: Field[object]) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


def _value(hint: object, value: object, where: str) -> object:
    if get_origin(hint) in (types.UnionType, Union):
        if value is None:
            return None
        hint = next(choice for choice in get_args(hint) if choice is not type(None))
    if is_dataclass(hint):
        return _build(cast(type[object], hint), value, f"{where}.")
    if get_origin(hint) is tuple:
        return _pair(get_args(hint)[0], value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, cast(type, hint)):
        raise RecipeError(f"{where}: expected {getattr(hint, '__name__', hint)}, found {value!r}")
    return value


def _pair(kind: type, value: object, where: str) -> tuple[object, object]:
    if not isinstance(value, list) or len(value) != 2:
        raise RecipeError(f"{where}: expected two numbers, found {value!r}")
    try:
        first, last = (_value(kind, part, where) for part in value)
    except RecipeError:
        raise RecipeError(f"{where}: expected two numbers, found {value!r}") from None
    return first, last
