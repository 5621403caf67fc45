"""`kinemacolor models get|import|verify|licence`: weights of others on this machine. Exit codes as of all commands."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from kinemacolor.models.download import alone, download
from kinemacolor.models.errors import (
    CheckpointError,
    MachineError,
    ModelError,
    OutOfMemoryError,
    UnknownModelError,
)
from kinemacolor.models.library import Card, import_weights, installed_card, models_folder, verify_installed
from kinemacolor.models.official import OFFICIAL, OfficialNetwork, official_network
from kinemacolor.models.out_of_memory import memory_watched

__all__ = ["ACTIONS", "main"]

ACTIONS = ("get", "import", "verify", "licence")
_OK, _ERROR, _USAGE, _OUT_OF_MEMORY = 0, 1, 2, 5
_OPTIONS = {"vgg19": "--vgg", "favc-refine": "--refine", "favc-refine-reduced": "--refine"}
"""Of `import`, for files that belong to another network's model."""


def main(arguments: list[str]) -> int:
    """Carry out one action; messages are one line each."""
    values = _parser().parse_args(arguments)
    try:
        with memory_watched(f"{values.name or 'a network'} needs about twice the size of its file"):
            values.run(values)
    except UnknownModelError as error:
        return _fail(str(error), _USAGE)
    except OutOfMemoryError as error:
        return _fail(str(error), _OUT_OF_MEMORY)
    except ModelError as error:
        return _fail(str(error), _ERROR)
    except OSError as error:
        return _fail(_said(error), _ERROR)
    return _OK


def _get(values: argparse.Namespace) -> None:
    official = official_network(values.name)
    url = values.url or official.url
    if not url and official.trainer:
        raise ModelError(f"{official.name}: there is no file to be had; python -m {official.trainer} trains one")
    if not url and official.page:
        return _say_where(official)
    if not url and official.like is not None:
        raise ModelError(f"{official.name}: its authors gave no file; python -m kinemacolor.training.{official.name}")
    if not url:
        raise ModelError(f"{official.name}: its authors' file is not to be had any more; a copy can be imported")
    _say(f"{official.name}: {official.licence}. {official.terms}")
    sha256 = (values.sha256 if values.sha256 is not None else official.sha256).lower()
    if not sha256:
        _say(f"{official.name}: no hash of the authors' file is known; it is checked by the names and shapes in it")
    # A folder of its own: any name may stand in an address, that of installed weights, too.
    folder = models_folder() / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (_file_name(url) or f"{official.name}.pth")
    try:
        with alone(target):
            download(url, target, sha256, _Meter(target.name))
            card = _import_download(official.name, target)
    finally:
        with suppress(OSError):
            folder.rmdir()  # unless something in it can be gone on with
    _tell(card)


def _import_download(name: str, path: Path) -> Card:
    """Import a file that was fetched, and let it go, unless it is good and something else was in the way.

    Raises:
        ModelError: It is not the network's, or cannot be kept; of the latter the text says where the file is.
    """
    try:
        card = import_weights(name, path)
    except (MachineError, OSError) as error:
        reason = _said(error) if isinstance(error, OSError) else str(error)
        raise MachineError(f"{reason}; the file is kept: kinemacolor models import {name} --from {path}") from error
    except CheckpointError:
        path.unlink()  # it is no such file, which no hash may have said before
        raise
    path.unlink()
    return card


def _say_where(official: OfficialNetwork) -> None:
    """List the files of a network that a person must get.

    Raises:
        ModelError: One is missing.
    """
    missing = []
    for name in (official.name, *official.needs):
        if installed_card(name) is None:
            missing.append(name)
            _say(f"{name}: missing; {official_network(name).page}")
        else:
            _say(f"{name}: installed")
    if missing:
        options = "".join(f" {_OPTIONS[name]} FILE" for name in missing if name in official.needs)
        own = " --from FILE" if official.name in missing else ""
        raise ModelError(
            f"{official.name}: {', '.join(missing)} missing, and no program can fetch them: get them with a browser, "
            f"then kinemacolor models import {official.name}{own}{options}"
        )


def _file_name(url: str) -> str:
    try:
        return Path(urlsplit(url).path).name
    except ValueError as error:
        raise ModelError(f"{url}: expected an address, found none: {error}") from error


def _import(values: argparse.Namespace) -> None:
    official = official_network(values.name)
    taken = {_OPTIONS[name]: name for name in (official.name, *official.needs) if name in _OPTIONS}
    given = {"--vgg": values.vgg, "--refine": values.refine}
    more = {option: path for option, path in given.items() if path is not None}
    others = [option for option in more if option not in taken]
    if others:
        raise UnknownModelError(f"{official.name} has no file for {', '.join(others)}")
    files = [(official.name, values.file)] if values.file is not None else []
    files += [(taken[option], path) for option, path in more.items()]
    if not files:
        raise UnknownModelError(f"expected a file of {official.name} (--from FILE), found none")
    for name, path in files:
        _tell(import_weights(name, path))


def _verify(values: argparse.Namespace) -> None:
    names = [values.name] if values.name else [name for name in OFFICIAL if installed_card(name) is not None]
    for name in names:
        card = verify_installed(official_network(name).name)
        _say(f"{name}: as it was imported, SHA-256 {card.sha256}")
    if not names:
        _say("no weights of others are installed")


def _licence(values: argparse.Namespace) -> None:
    official = official_network(values.name)
    _say(f"{official.paper}\ncode and weights: {official.source}\n{official.licence}. {official.terms}")


def _tell(card: Card) -> None:
    _say(f"{card.name}: imported from {card.imported_from} ({_whose(card)}); {card.licence}. {card.terms}")


def _whose(card: Card) -> str:
    official = official_network(card.name)
    if card.is_official:
        return "the authors' file"
    if official.trainer:
        return f"no authors' file: weights trained with this project{card.note and ', '}{card.note}"
    if official.like is not None:
        return f"weights that a user has trained{card.note and ', '}{card.note}"
    if not official.sha256:
        unknown = "whose it is cannot be told: no hash of the authors' file is known"
        return f"{unknown}; this one's SHA-256 is {card.imported_sha256}"
    more = f"; those of {official.others} are not known" if official.others else ""
    return f"not the authors' file by its hash{more}"


class _Meter:
    """How far a download is, on a terminal."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, done: int, total: int | None) -> None:
        if sys.stderr.isatty():
            of = f" of {total / 1e6:.0f}" if total is not None else ""
            sys.stderr.write(f"\r{self._name}: {done / 1e6:.0f}{of} MB ")
            sys.stderr.flush()


def _said(error: OSError) -> str:
    return f"{error.filename or models_folder()}: {error.strerror}"


def _say(line: str) -> None:
    """To the user."""
    sys.stdout.write(f"{line}\n")


def _fail(line: str, code: int) -> int:
    sys.stderr.write(f"kinemacolor: {line}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kinemacolor models", description="Weights of others on this machine.")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    get = actions.add_parser("get", help="fetch the authors' file and import it")
    get.add_argument("name")
    get.add_argument("--url", help="another address of the same file")
    get.add_argument("--sha256", help="its hash, if it is another file")
    get.set_defaults(run=_get)
    bring = actions.add_parser("import", help="import a file that is here")
    bring.add_argument("name")
    bring.add_argument("--from", dest="file", type=Path, metavar="FILE", help="its weights")
    bring.add_argument("--vgg", type=Path, metavar="FILE", help="of favc and favc-image: VGG19, in a file of MATLAB")
    bring.add_argument("--refine", type=Path, metavar="FILE", help="of favc and favc-reduced: the refinement network")
    bring.set_defaults(run=_import)
    verify = actions.add_parser("verify", help="read imported weights and compare them with their hashes")
    verify.add_argument("name", nargs="?")
    verify.set_defaults(run=_verify)
    licence = actions.add_parser("licence", help="paper, source and terms of a network")
    licence.add_argument("name")
    licence.set_defaults(run=_licence)
    return parser
