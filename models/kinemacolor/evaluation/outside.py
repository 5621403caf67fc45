"""Measuring any colorizer that is a command: it is given a grey film file and writes a colour film file."""

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.evaluation.errors import CommandError, EvaluationUsageError
from kinemacolor.evaluation.films import Film, grey_codes, read_film, write_grey_film
from kinemacolor.evaluation.pictures import Clip
from kinemacolor.models.color import srgb_to_lab

__all__ = ["LumaCheck", "OutsideColours", "check_command", "run_command"]

_LONGEST_S = 3600.0  # for one clip; a command that hangs must not hang the table
_LINE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class LumaCheck:
    """Whether a command kept the film's Y'."""

    equal_share: float
    """Share of the samples that equal the grey film's, in [0, 1]; 1 is what a colorizer owes."""
    largest: int
    """Largest difference, 8-bit codes."""


@dataclass(frozen=True, slots=True)
class OutsideColours:
    """What a command made of one clip."""

    ab: Tensor
    """(T, 2, H, W) a*b* of its picture."""
    luma: LumaCheck
    """What it did to the luma."""


def check_command(command: str) -> list[str]:
    """The words of a command line.

    Raises:
        EvaluationUsageError: It does not parse, or {in} or {out} is missing.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise EvaluationUsageError(f"--cmd: {error}") from error
    for name in ("{in}", "{out}"):
        if not any(name in word for word in words):
            raise EvaluationUsageError(f"--cmd: expected {name} in the command, found {command!r}")
    return words


def run_command(command: str, clip: Clip) -> OutsideColours:
    """Colour one clip with a command.

    Raises:
        CommandError: It fails, takes too long, or writes no film of the clip's size and length.
    """
    words, codes = check_command(command), grey_codes(clip.luma_8bit)
    with TemporaryDirectory(prefix="kinemacolor-evaluate-") as folder:
        source, target = Path(folder) / f"{clip.name}.mkv", Path(folder) / f"{clip.name}-colour.mkv"
        write_grey_film(source, codes)
        _run([word.replace("{in}", str(source)).replace("{out}", str(target)) for word in words], clip.name)
        film = _read(target, clip)
    return OutsideColours(_ab(film), _compare(codes, film.luma))


def _run(words: list[str], name: str) -> None:
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST_S, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{name}: the command was stopped after {_LONGEST_S:.0f} s") from error
    except OSError as error:
        raise CommandError(f"{name}: the command does not start: {error.strerror}: {words[0]}") from error
    if done.returncode != 0:
        raise CommandError(f"{name}: the command failed with exit status {done.returncode}{_last_line(done.stderr)}")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {lines[-1][:_LINE_LENGTH]}" if lines else ""


def _read(path: Path, clip: Clip) -> Film:
    if not path.is_file():
        raise CommandError(f"{clip.name}: the command wrote no file at {{out}}")
    try:
        film = read_film(path)
    except (OSError, ValueError) as error:
        raise CommandError(f"{clip.name}: what the command wrote is no film: {error}") from error
    expected, found = clip.rgb.shape, film.rgb.shape
    if found != expected:
        raise CommandError(f"{clip.name}: expected {_describe(expected)} from the command, found {_describe(found)}")
    return film


def _describe(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} frames of {shape[2]}x{shape[1]}"


def _ab(film: Film) -> Tensor:
    return srgb_to_lab(torch.from_numpy(film.rgb).permute(0, 3, 1, 2).float() / 255.0)[:, 1:]


def _compare(expected: NDArray[np.uint8], found: NDArray[np.uint8]) -> LumaCheck:
    difference = np.abs(expected.astype(np.int16) - found)
    return LumaCheck(float((difference == 0).mean()), int(difference.max()))
