"""The effect's bundle: where hosts expect what in it.

kinemacolor.ofx.bundle/Contents/Linux-x86-64/kinemacolor.ofx      the shim; hosts want the bundle's name
                                Info.plist                         read on macOS only
                                Resources/python.txt               the interpreter that runs the helper, one line
                                Resources/io.kinemacolor.colorize.png
"""

import plistlib
from pathlib import Path

from kinemacolor.ofx.icon import icon_png
from kinemacolor.ofx.parameters import EFFECT_ID, EFFECT_VERSION

__all__ = ["BUNDLE_NAME", "binary_path", "python_file", "write_bundle"]

BUNDLE_NAME = "kinemacolor.ofx.bundle"
_BINARY = "kinemacolor.ofx"


def binary_path(bundle: Path, folder: str) -> Path:
    """The shim for one system, which OpenFX calls `folder`."""
    return bundle / "Contents" / folder / _BINARY


def python_file(bundle: Path) -> Path:
    """The file that names the helper's interpreter."""
    return bundle / "Contents" / "Resources" / "python.txt"


def write_bundle(parent: Path, folder: str, python: Path | None) -> Path:
    """Make the bundle's folders and all files but the shim.

    Args:
        parent: Where the bundle lies.
        folder: OpenFX's name of the system.
        python: The interpreter that runs the helper; None: no file names it.

    Returns:
        The bundle.
    """
    bundle = parent / BUNDLE_NAME
    binary_path(bundle, folder).parent.mkdir(parents=True, exist_ok=True)
    python_file(bundle).parent.mkdir(exist_ok=True)
    (bundle / "Contents" / "Info.plist").write_bytes(plistlib.dumps(_info()))
    (bundle / "Contents" / "Resources" / f"{EFFECT_ID}.png").write_bytes(icon_png())
    if python is not None:
        # Not resolved: a virtual environment is known by the link's own place.
        python_file(bundle).write_text(f"{python.absolute()}\n", encoding="utf-8")
    return bundle


def _info() -> dict[str, str]:
    return {
        "CFBundleDevelopmentRegion": "English",
        "CFBundleExecutable": _BINARY,
        "CFBundleIdentifier": EFFECT_ID,
        "CFBundleInfoDictionaryVersion": "6.0",
        "CFBundleName": "Kinemacolor",
        "CFBundlePackageType": "BNDL",
        "CFBundleVersion": ".".join(map(str, EFFECT_VERSION)),
    }
