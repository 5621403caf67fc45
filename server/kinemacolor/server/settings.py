"""Where the server's settings come from: a file, the environment, the command line; the later one counts.

Each setting is described once, here: its option `--max-clips`, its variable `KINEMACOLOR_SERVE_MAX_CLIPS`, its key
`max_clips` in the file and the field of `ServerConfig` all follow from that.
"""

import argparse
import difflib
import json
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kinemacolor.server.config import ConfigError, ServerConfig, parse_bytes
from kinemacolor.server.state_folder import STATE_VARIABLE
from kinemacolor.wire.limits import SERVE_PREFIX

__all__ = ["CONFIG_VARIABLE", "SETTINGS", "Given", "Setting", "add_options", "collect", "describe", "server_config"]

CONFIG_VARIABLE = f"{SERVE_PREFIX}CONFIG"
_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    option: str
    """Without its dashes."""
    field: str
    """Of `ServerConfig`, or of the log."""
    read: Callable[[str], Any]
    """Its value, from text; raises ValueError with what was expected."""
    metavar: str
    help: str
    toml: tuple[type, ...] = (str,)
    """What it may be in the file besides text."""
    alone: str | None = None
    """What the option without a value stands for; None: it needs one."""

    @property
    def key(self) -> str:
        """In the file."""
        return self.option.replace("-", "_")

    @property
    def variable(self) -> str:
        """In the environment."""
        return f"{SERVE_PREFIX}{self.key.upper()}"


@dataclass(frozen=True, slots=True)
class Given:
    """A value, and who gave it: `default`, `file`, `environment` or `option`."""

    value: Any
    origin: str


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"expected a whole number, found {text!r}") from error


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"expected a number of seconds, found {text!r}") from error


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(f"expected a path, found {text!r}")
    return Path(text)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"expected one of {', '.join(words)}, found {text!r}")
        return text

    return read


_NUMBER = (int,)
_SECONDS = (int, float)
_BYTES = (int,)

DEFAULT_HTTP = "127.0.0.1:7412"

SETTINGS = (
    Setting("listen", "listen", str, "ADDRESS", "unix:/path or host:port"),
    Setting("http", "http", str, "ADDRESS", f"page, metrics, probes; alone {DEFAULT_HTTP}", alone=DEFAULT_HTTP),
    Setting("token-file", "token_file", _path, "FILE", "tokens of clients, one a line; needed beyond this machine"),
    Setting("tls-cert", "tls_certificate", _path, "FILE", "certificate of this server, PEM"),
    Setting("tls-key", "tls_key", _path, "FILE", "its key, PEM"),
    Setting("tls-client-ca", "tls_client_ca", _path, "FILE", "only clients with certificates of this authority, PEM"),
    Setting("device", "device", str, "DEVICE", "auto, cpu or cuda:N"),
    Setting("dtype", "dtype", _one_of("auto", "fp32", "bf16"), "auto|fp32|bf16", "of the frame network"),
    Setting("threads", "threads", _whole, "N", "CPU threads of the networks; 0 = all cores", _NUMBER),
    Setting("model", "default_model", str, "NAME", "model loaded at start and used by default"),
    Setting("temporal", "temporal", str, "NAME", "temporal network of that model: none, lai or memory (its own)"),
    Setting("max-clips", "max_clips", _whole, "N", "clips at a time", _NUMBER),
    Setting("window", "window", _whole, "N", "frames in flight per clip", _NUMBER),
    Setting("max-batch", "max_batch", _whole, "N", "largest batch on a GPU", _NUMBER),
    Setting("resume-ttl", "resume_ttl_seconds", _seconds, "SECONDS", "keep lost clips", _SECONDS),
    Setting("idle", "idle_seconds", _seconds, "SECONDS", "end silent streams", _SECONDS),
    Setting("grace", "grace_seconds", _seconds, "SECONDS", "wait for clips on SIGTERM", _SECONDS),
    Setting("stall", "stall_seconds", _seconds, "SECONDS", "end if the device hangs", _SECONDS),
    Setting(
        "state-dir", "state_folder", _path, "DIR",
        f"where snapshots are kept (${STATE_VARIABLE}, else ~/.local/state/kinemacolor/snapshots)",
    ),
    Setting("snapshot-bytes", "snapshot_bytes", parse_bytes, "N", "disk for snapshots, such as 500M; 0 = none", _BYTES),
    Setting(
        "device-states", "device_state_bytes", parse_bytes, "N",
        "device memory for the states of clips; those not used for longest leave it", _BYTES,
    ),
    Setting(
        "ram-states", "ram_state_bytes", parse_bytes, "N",
        "RAM for states that left a GPU; the rest goes to disk", _BYTES,
    ),
    Setting("log-level", "log_level", _one_of("debug", "info", "warning", "error"), "LEVEL", "debug to error"),
    Setting("log-format", "log_format", _one_of("text", "json"), "text|json", "of the log"),
)  # fmt: skip

_OTHERS = {"temporal": None, "log_level": "info", "log_format": "text"}
"""Defaults of those that are no field of the config."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """An option for each setting. What is not given is None: the default is not the command line's to set."""
    for setting in SETTINGS:
        default = _default(setting)
        shown = "" if default is None or default == "" else f" ({_shown(default)})"
        parser.add_argument(
            f"--{setting.option}",
            type=_for_argparse(setting.read),
            metavar=setting.metavar,
            dest=setting.field,
            nargs=None if setting.alone is None else "?",
            const=setting.alone,
            help=(setting.help + shown).replace("%", "%%"),
        )


def collect(
    options: argparse.Namespace, environ: Mapping[str, str] = os.environ, file: Path | None = None
) -> dict[str, Given]:
    """Every setting by its field, from the last of the three places that has it.

    Args:
        options: What `add_options` read.
        environ: Variables.
        file: The settings file; None: the one that the environment names, if it does.

    Raises:
        ConfigError: A value is none, a key or variable is no setting, or one place names two temporal networks.
    """
    named = file if file is not None else Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None
    given = {setting.field: Given(_default(setting), "default") for setting in SETTINGS}
    given |= dict(_from_file(named)) if named is not None else {}
    given |= dict(_from_environment(environ))
    for setting in SETTINGS:
        if (value := getattr(options, setting.field)) is not None:
            given[setting.field] = Given(value, "option")
    return given | _temporal_once(given)


def server_config(given: Mapping[str, Given]) -> ServerConfig:
    """The checked value of the settings.

    Raises:
        ConfigError: One is out of its range, or two do not go together.
    """
    known = {field.name for field in fields(ServerConfig)}
    values = {name: each.value for name, each in given.items() if name in known}
    return ServerConfig(**{**values, "default_model": _model(given)})


def describe(given: Mapping[str, Given]) -> str:
    """The settings as a file that gives them again, with where each came from."""
    lines = []
    for setting in SETTINGS:
        each = given[setting.field]
        line = f"# {setting.key} =" if each.value is None else f"{setting.key} = {_toml(each.value)}"
        lines.append(f"{line}  # {each.origin}")
    return "\n".join(lines)


_ORIGINS = ("default", "file", "environment", "option")


def _temporal_once(given: Mapping[str, Given]) -> dict[str, Given]:
    """A model's name may hold its temporal network; where both are given, the later place counts."""
    model, temporal = given["default_model"], given["temporal"]
    if not temporal.value or "+" not in (model.value or ""):
        return {}
    if model.origin == temporal.origin:
        said = f"--model {model.value} names a temporal network already, found --temporal {temporal.value}, too"
        raise ConfigError(said)
    if _ORIGINS.index(model.origin) > _ORIGINS.index(temporal.origin):
        return {"temporal": Given(None, model.origin)}
    return {"default_model": Given(model.value.partition("+")[0], model.origin)}


def _model(given: Mapping[str, Given]) -> str | None:
    model, temporal = given["default_model"].value or "", given["temporal"].value
    return f"{model}+{temporal}" if temporal else model or None


def _from_file(path: Path) -> Iterator[tuple[str, Given]]:
    by_key = {setting.key: setting for setting in SETTINGS}
    for key, value in _table(path).items():
        setting = by_key.get(key)
        if setting is None:
            raise ConfigError(f"{path}: no setting {key!r}{_perhaps(key, by_key)}")
        if isinstance(value, bool) or not isinstance(value, (str, *setting.toml)):
            raise ConfigError(f"{path}: {key}: expected {setting.metavar}, found {_toml(value)}")
        text = value if isinstance(value, str) else repr(value)
        read = _read(setting, text, f"{path}: {key}")
        # A path in the file is meant as seen from there, wherever the server is started.
        yield setting.field, Given(path.absolute().parent / read if isinstance(read, Path) else read, "file")


def _table(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as opened:
            data = opened.read(_MAX_FILE_BYTES + 1)
        if len(data) > _MAX_FILE_BYTES:
            raise ConfigError(f"{path}: expected a file of settings, found more than {_MAX_FILE_BYTES} bytes")
        return tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: the settings cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # the parser has no kind of its own for huge numbers or deep nests
        raise ConfigError(f"{path}: expected TOML: {error}") from error


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    by_variable = {setting.variable: setting for setting in SETTINGS}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(SERVE_PREFIX) or variable == CONFIG_VARIABLE or not text:
            continue
        setting = by_variable.get(variable)
        if setting is None:
            raise ConfigError(f"no setting {variable}{_perhaps(variable, by_variable)}")
        yield setting.field, Given(_read(setting, text, variable), "environment")


def _read(setting: Setting, text: str, where: str) -> Any:
    try:
        return setting.read(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _perhaps(word: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; perhaps {near[0]}" if near else f"; there are: {', '.join(known)}"


def _for_argparse(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Argparse keeps the message of its own kind of error only."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def _default(setting: Setting) -> Any:
    return _OTHERS[setting.field] if setting.field in _OTHERS else getattr(ServerConfig(), setting.field)


def _shown(value: object) -> str:
    if isinstance(value, int) and value >= 1 << 20:
        return f"{value >> 30}G" if value % (1 << 30) == 0 else f"{value >> 20}M"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _toml(value: object) -> str:
    """A string of JSON is one of TOML, too. A path means the same wherever the file will lie."""
    return json.dumps(str(value.absolute()) if isinstance(value, Path) else value, ensure_ascii=False, default=str)
