"""The name of a film whose input broke off, with --keep-going: a complete file that ends where the input did."""

from pathlib import Path


def partial_path(path: Path) -> Path:
    """`film.mov` -> `film.partial.mov`."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")
