"""A name for the private server that would be started here: a render whose colours are all stored starts none.

What such a server once said about itself (model, weights, device class) is kept under its name, so the name has to
change with everything that this could change with. Whatever of it cannot be looked at leaves the server without a name,
and then it is always started and asked.
"""

import os
import platform
import sys
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from kinemacolor.render.options import ServerOptions
from kinemacolor.render.server_choice import server_arguments

__all__ = ["private_server_print"]

_PACKAGES = ("kinemacolor.server", "kinemacolor.models", "kinemacolor.colour", "kinemacolor.wire", "kinemacolor.v1")
"""What a server runs; the weights that come with it are among their files."""
_LIBRARIES = {"torch": "torch/version.py", "numpy": "numpy/version.py"}
_ENVIRONMENT = (
    "ATEN", "CUBLAS", "CUDA", "CUDNN", "DNNL", "GOMP", "KINEMACOLOR", "KMP", "LD_", "MKL", "NVIDIA", "OMP", "ONEDNN",
    "OPENBLAS", "PYTHON", "PYTORCH", "TORCH",
)  # fmt: skip
"""Beginnings of names of variables that libraries choose their kernels or their device by."""
_CPU_WORDS = (
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "stepping",
    "microcode",
    "flags",
    "CPU part",
    "Features",
)
_OPAQUE_DEVICES = (Path("/dev/kfd"), Path("/dev/dxg"))
"""Of GPUs whose kind cannot be read from a file."""


def private_server_print(options: ServerOptions, model: str) -> bytes | None:
    """The name of the server that a render with these options starts; None if there is none to be trusted."""
    if any(device.exists() for device in _OPAQUE_DEVICES):
        return None
    try:
        words = [
            *server_arguments(options, model),
            sys.version,
            platform.platform(),
            platform.node(),
            *_libraries(),
            *_environment(),
            *_processor(),
            *_nvidia(),
            *_package_files(),
            *_imported_weights(),
        ]
    except (OSError, PackageNotFoundError, ImportError):
        return None
    digest = blake2b(digest_size=16, person=b"kc server")
    for word in words:
        digest.update(word.encode(errors="surrogateescape") + b"\0")
    return digest.digest()


def _libraries() -> Iterator[str]:
    for name, file in _LIBRARIES.items():
        found = distribution(name)
        yield f"{name} {found.version} {_state(Path(str(found.locate_file(file))))}"


def _environment() -> Iterator[str]:
    for name in sorted(os.environ):
        if name.startswith(_ENVIRONMENT):
            yield f"{name}={os.environ[name]}"


def _processor() -> Iterable[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    found = {line for line in lines if line.partition(":")[0].strip() in _CPU_WORDS}
    return sorted(found)


def _nvidia() -> Iterator[str]:
    driver = Path("/proc/driver/nvidia")
    for path in [driver / "version", *sorted(driver.glob("gpus/*/information"))] if driver.is_dir() else ():
        yield path.read_text()


def _package_files() -> Iterator[str]:
    for name in _PACKAGES:
        spec = find_spec(name)
        folders = spec.submodule_search_locations if spec is not None else None
        if not folders:
            raise ImportError(name)
        for path in sorted(path for folder in folders for path in Path(folder).rglob("*")):
            if "__pycache__" not in path.parts and path.is_file():
                yield f"{path} {_state(path)}"


def _imported_weights() -> Iterator[str]:
    """Weights of others that the user has imported, where a server on this machine looks for them."""
    data = os.environ.get("XDG_DATA_HOME", "")
    base = Path(data) if os.path.isabs(data) else Path(os.path.expanduser("~")) / ".local" / "share"
    folder = Path(os.environ.get("KINEMACOLOR_MODELS", "") or base / "kinemacolor" / "models")
    yield str(folder.absolute())
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file():
            yield f"{path.name} {_state(path)}"


def _state(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"
