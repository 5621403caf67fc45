"""Installing the effect and taking it away."""

import shutil
import sys
from pathlib import Path

from kinemacolor.ofx.build import build_bundle
from kinemacolor.ofx.bundle import BUNDLE_NAME, binary_path, python_file
from kinemacolor.render.errors import RenderError

__all__ = ["install", "uninstall"]


def install(folder: Path) -> Path:
    """Compile the shim for this machine and put the bundle into a folder; its helper runs with this very Python.

    Raises:
        BuildError: There is no C compiler, or it refused.
        RenderError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return build_bundle(folder, python=Path(sys.executable))
    except OSError as error:
        raise RenderError(_why(folder, error)) from error


def uninstall(folder: Path) -> bool:
    """Remove the bundle from a folder; False if there is none.

    Raises:
        RenderError: What lies there is not ours, or cannot be removed.
    """
    bundle = folder / BUNDLE_NAME
    if not bundle.exists():
        return False
    if not _is_ours(bundle):
        raise RenderError(f"{bundle}: is not what this command installs; nothing was removed")
    try:
        shutil.rmtree(bundle)
    except OSError as error:
        raise RenderError(_why(bundle, error)) from error
    return True


def _is_ours(bundle: Path) -> bool:
    contents = bundle / "Contents"
    shims = (
        [binary_path(bundle, part.name) for part in contents.iterdir() if part.is_dir()] if contents.is_dir() else []
    )
    return python_file(bundle).is_file() or any(shim.is_file() for shim in shims)


def _why(path: Path, error: OSError) -> str:
    rights = "; --user needs no rights" if isinstance(error, PermissionError) else ""
    return f"{path}: {error.strerror or error}{rights}"
