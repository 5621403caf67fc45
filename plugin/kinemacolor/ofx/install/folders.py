"""Where hosts look for effects."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from kinemacolor.ofx.bundle import BUNDLE_NAME

__all__ = ["SEARCH_VARIABLE", "installed_bundles", "is_searched", "system_folder", "user_folder"]

SEARCH_VARIABLE = "OFX_PLUGIN_PATH"


def system_folder() -> Path:
    """The one that every host searches; usually only an administrator may write there."""
    if sys.platform == "darwin":
        return Path("/Library/OFX/Plugins")
    if sys.platform == "win32":
        return Path(os.environ.get("COMMONPROGRAMFILES", r"C:\Program Files\Common Files")) / "OFX" / "Plugins"
    return Path("/usr/OFX/Plugins")


def user_folder() -> Path:
    """One that needs no rights; hosts find it through $OFX_PLUGIN_PATH."""
    return Path.home() / "OFX" / "Plugins"


def _search_path() -> Iterator[Path]:
    for part in os.environ.get(SEARCH_VARIABLE, "").split(os.pathsep):
        if part:
            yield Path(part)
    yield system_folder()


def is_searched(folder: Path) -> bool:
    """Whether hosts that are started from here look into it."""
    return folder.absolute() in [part.absolute() for part in _search_path()]


def installed_bundles() -> list[Path]:
    """All that hosts would find, in the order in which they look, and then the user's own."""
    folders = dict.fromkeys(folder.absolute() for folder in [*_search_path(), user_folder()])
    return [folder / BUNDLE_NAME for folder in folders if (folder / BUNDLE_NAME).is_dir()]
