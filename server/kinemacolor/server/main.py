"""`kinemacolor serve`: arguments -> config -> lifecycle, and nothing else."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import disable_created_metrics

from kinemacolor.models.errors import ModelError, UnknownModelError
from kinemacolor.server import logs
from kinemacolor.server.config import ConfigError, ServerConfig, parse_bytes
from kinemacolor.server.lifecycle import StartError, serve
from kinemacolor.server.out_of_memory import is_out_of_memory
from kinemacolor.server.state_folder import STATE_VARIABLE

DEFAULT_HTTP = "127.0.0.1:7412"
"""Where `--http` without an address listens."""
_OK, _ERROR, _USAGE, _SERVER, _OUT_OF_MEMORY = 0, 1, 2, 3, 5


def _parser() -> argparse.ArgumentParser:
    default = ServerConfig()
    parser = argparse.ArgumentParser(prog="kinemacolor serve", description="Run the colour server on this machine.")
    add = parser.add_argument
    add("--listen", default=default.listen, metavar="ADDRESS", help="unix:/path or host:port (%(default)s)")
    add("--http", nargs="?", const=DEFAULT_HTTP, metavar="ADDRESS", help=f"page, metrics, probes ({DEFAULT_HTTP})")
    add("--token-file", type=Path, metavar="FILE", help="tokens of clients, one a line; needed beyond this machine")
    add("--tls-cert", type=Path, metavar="FILE", help="certificate of this server, PEM")
    add("--tls-key", type=Path, metavar="FILE", help="its key, PEM")
    add("--tls-client-ca", type=Path, metavar="FILE", help="take clients with certificates of this authority only, PEM")
    add("--device", default=default.device, help="auto, cpu or cuda:N (%(default)s)")
    add("--dtype", default=default.dtype, choices=("auto", "fp32", "bf16"), help="of the frame network (%(default)s)")
    add("--threads", type=int, default=default.threads, metavar="N", help="CPU threads of the networks; 0 = all cores")
    add("--model", default=default.default_model, metavar="NAME", help="model loaded at start and used by default")
    add("--temporal", metavar="NAME", help="temporal network of that model: none, lai or memory (the model's own)")
    add("--max-clips", type=int, default=default.max_clips, metavar="N", help="clips at a time (%(default)s)")
    add("--window", type=int, default=default.window, metavar="N", help="frames in flight per clip (%(default)s)")
    add("--max-batch", type=int, default=default.max_batch, metavar="N", help="largest batch on a GPU (%(default)s)")
    add("--resume-ttl", type=float, default=default.resume_ttl_seconds, metavar="SECONDS", help="keep lost clips")
    add("--idle", type=float, default=default.idle_seconds, metavar="SECONDS", help="end silent streams")
    add("--grace", type=float, default=default.grace_seconds, metavar="SECONDS", help="wait for clips on SIGTERM")
    add("--stall", type=float, default=default.stall_seconds, metavar="SECONDS", help="end if the device hangs")
    add(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help=f"where snapshots are kept (${STATE_VARIABLE}, else ~/.local/state/kinemacolor/snapshots)",
    )
    add(
        "--snapshot-bytes",
        type=_bytes,
        default=default.snapshot_bytes,
        metavar="N",
        help="disk for snapshots, such as 500M; 0 = none (4G)",
    )
    add(
        "--device-states",
        type=_bytes,
        default=default.device_state_bytes,
        metavar="N",
        help="device memory for the states of clips; those not used for longest leave it (2G)",
    )
    add(
        "--ram-states",
        type=_bytes,
        default=default.ram_state_bytes,
        metavar="N",
        help="RAM for states that left a GPU; the rest goes to disk (4G)",
    )
    add("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    add("--log-format", default="text", choices=("text", "json"))
    add("--exit-with-stdin", action="store_true", help="stop when stdin ends (used by `kinemacolor render`)")
    return parser


def _bytes(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _config(arguments: argparse.Namespace) -> ServerConfig:
    return ServerConfig(
        listen=arguments.listen,
        http=arguments.http,
        token_file=arguments.token_file,
        tls_certificate=arguments.tls_cert,
        tls_key=arguments.tls_key,
        tls_client_ca=arguments.tls_client_ca,
        device=arguments.device,
        dtype=arguments.dtype,
        threads=arguments.threads,
        default_model=_model(arguments),
        max_clips=arguments.max_clips,
        window=arguments.window,
        max_batch=arguments.max_batch,
        resume_ttl_seconds=arguments.resume_ttl,
        idle_seconds=arguments.idle,
        grace_seconds=arguments.grace,
        stall_seconds=arguments.stall,
        state_folder=arguments.state_dir,
        snapshot_bytes=arguments.snapshot_bytes,
        device_state_bytes=arguments.device_states,
        ram_state_bytes=arguments.ram_states,
    )


def _model(arguments: argparse.Namespace) -> str | None:
    model, temporal = arguments.model or "", arguments.temporal
    if temporal and "+" in model:
        raise ConfigError(f"--model {model} names a temporal network already, found --temporal {temporal}, too")
    return f"{model}+{temporal}" if temporal else model or None


def main(argv: Sequence[str] | None = None) -> int:
    """Run a server until it is stopped; returns the exit code."""
    arguments = _parser().parse_args(argv)
    # When a counter began is told by the process's own start; twice as many series would say it again.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # has no types
    logs.configure(arguments.log_level, arguments.log_format == "json")
    try:
        asyncio.run(serve(_config(arguments), exit_with_stdin=arguments.exit_with_stdin))
    except (ConfigError, UnknownModelError) as error:
        return _complain(error, _USAGE)
    except StartError as error:
        return _complain(error, _SERVER)
    except ModelError as error:
        return _complain(error, _ERROR)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return _complain("no memory for the model", _OUT_OF_MEMORY)
    return _OK


def _complain(error: Exception | str, code: int) -> int:
    sys.stderr.write(f"kinemacolor serve: {error}\n")
    return code
