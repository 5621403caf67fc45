"""`kinemacolor doctor`: is everything there that a render needs? Each check is one line; none stops the others."""

import importlib.metadata
import importlib.util
import os
import platform
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kinemacolor.cli.parser import add_server, command_parser, server_options
from kinemacolor.client.connection import ColorizeClient
from kinemacolor.client.errors import ClientError
from kinemacolor.client.requests import OpenRequest
from kinemacolor.render import console
from kinemacolor.render.options import ServerOptions
from kinemacolor.render.server_choice import open_server
from kinemacolor.wire.frame import Geometry

_PACKAGES = ("numpy", "grpcio", "protobuf", "av", "opencv-python-headless", "tqdm", "zstandard", "torch", "safetensors")
_ENCODERS = ("libx264", "libx265", "prores_ks", "dnxhd", "ffv1", "libvpx-vp9", "png", "tiff", "dpx")
_TRIAL = Geometry(64, 48)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    ok: bool
    text: str


def main(arguments: list[str]) -> int:
    """Check and print; 1 if anything needed is missing, 3 if that is only the server."""
    parser = command_parser("doctor", "Check this installation.")
    add_server(parser)
    values = parser.parse_args(arguments)
    local = [_guarded(check) for check in (check_python, check_packages, check_encoders, check_temporary)]
    findings = [*local, *check_server(server_options(values))]
    if values.json:
        console.put_json([{"name": found.name, "ok": found.ok, "text": found.text} for found in findings])
    else:
        console.put("\n".join(f"{'ok  ' if found.ok else 'BAD '} {found.name}: {found.text}" for found in findings))
    if not all(found.ok for found in local):
        return 1
    return 0 if all(found.ok for found in findings) else 3


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that breaks is a finding
        return Finding(check.__name__.removeprefix("check_"), False, f"{type(error).__name__}: {error}")


def check_python() -> Finding:
    """The interpreter and the machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{platform.python_version()} on {platform.platform()}, {cores} cores, {sys.executable}"
    return Finding("python", sys.version_info >= (3, 11), text)


def check_packages() -> Finding:
    """Versions; torch may be missing where only a remote server is used."""
    found = {name: _version(name) for name in ("kinemacolor", *_PACKAGES)}
    missing = [name for name, version in found.items() if version is None and name not in ("torch", "safetensors")]
    text = ", ".join(f"{name} {version or 'missing'}" for name, version in found.items())
    return Finding("packages", not missing, text)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_encoders() -> Finding:
    """The encoders that the default outputs use."""
    import av

    missing = [name for name in _ENCODERS if name not in av.codecs_available]
    version = ".".join(str(part) for part in av.library_versions["libavcodec"])
    text = f"libavcodec {version}; missing: {', '.join(missing)}" if missing else f"libavcodec {version}, all there"
    return Finding("encoders", not missing, text)


def check_temporary() -> Finding:
    """The folder for the private server's socket."""
    with tempfile.TemporaryDirectory(prefix="kinemacolor-") as folder:
        return Finding("temporary folder", True, os.path.dirname(folder))


def check_server(options: ServerOptions) -> list[Finding]:
    """A server, its models, and one frame through it."""
    if options.address is None and importlib.util.find_spec("torch") is None:
        return [Finding("server", True, "no torch here: renders need --server ADDRESS")]
    started = time.monotonic()
    try:
        with open_server(options, model="") as session:
            info = session.client.server_info()
            took = time.monotonic() - started
            findings = [Finding("server", True, f"{session.where}, {info.device_class}, ready after {took:.1f} s")]
            findings.append(_check_models(session.client))
            findings.append(_check_round_trip(session.client))
            return findings
    except ClientError as error:
        return [Finding("server", False, str(error))]


def _check_models(client: ColorizeClient) -> Finding:
    models = client.list_models()
    words = [f"{model.name} {model.weights_sha256[:12] or 'not installed'}" for model in models]
    default = next((model for model in models if model.is_default), None)
    # The server verifies a file's hash when it loads it; the round trip after this loads the default one.
    return Finding("models", default is not None and bool(default.weights_sha256), ", ".join(words))


def _check_round_trip(client: ColorizeClient) -> Finding:
    request = OpenRequest(clip_key=f"doctor-{uuid.uuid4().hex}", geometry=_TRIAL, transfer=1, client_name="doctor")
    ramp = np.linspace(0, 65535, _TRIAL.samples).astype(np.uint16).reshape(_TRIAL.height_px, _TRIAL.width_px)
    with client.open_clip(request) as stream:
        started = time.monotonic()
        stream.send(0, ramp)
        planes = stream.receive()
        took = time.monotonic() - started
        stream.end()
    ok = planes is not None and planes.frame_number == 0
    return Finding("round trip", ok, f"one frame in {took * 1000:.0f} ms by {stream.info.model}")
