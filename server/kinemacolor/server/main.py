"""`kinemacolor serve`: settings -> config -> lifecycle, and nothing else."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import disable_created_metrics

from kinemacolor.models.errors import ModelError, UnknownModelError
from kinemacolor.models.out_of_memory import is_out_of_memory
from kinemacolor.server import logs
from kinemacolor.server.config import ConfigError
from kinemacolor.server.lifecycle import StartError, serve
from kinemacolor.server.settings import CONFIG_VARIABLE, add_options, collect, describe, server_config
from kinemacolor.wire.text import as_characters

_OK, _ERROR, _USAGE, _SERVER, _OUT_OF_MEMORY = 0, 1, 2, 3, 5


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kinemacolor serve",
        description="Run the colour server. Settings come from a file, variables KINEMACOLOR_SERVE_... and options; "
        "the later ones count.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help=f"settings in TOML (${CONFIG_VARIABLE})")
    parser.add_argument("--print-config", action="store_true", help="print the settings, and where from, and end")
    add_options(parser)
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin ends (`kinemacolor render`)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a server until it is stopped; returns the exit code."""
    arguments = _parser().parse_args(argv)
    # When a counter began is told by the process's own start; twice as many series would say it again.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # has no types
    try:
        given = collect(arguments, file=arguments.config)
        config = server_config(given)
    except ConfigError as error:
        return _complain(error, _USAGE)
    if arguments.print_config:
        sys.stdout.write(f"{as_characters(describe(given))}\n")
        return _OK
    logs.configure(given["log_level"].value, given["log_format"].value == "json")
    try:
        asyncio.run(serve(config, exit_with_stdin=arguments.exit_with_stdin))
    except (ConfigError, UnknownModelError) as error:
        return _complain(error, _USAGE)
    except StartError as error:
        return _complain(error, _SERVER)
    except ModelError as error:
        return _complain(error, _ERROR)
    except (MemoryError, OSError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return _complain("no memory for the model; another one needs less", _OUT_OF_MEMORY)
    return _OK


def _complain(error: Exception | str, code: int) -> int:
    sys.stderr.write(f"kinemacolor serve: {error}\n")
    return code
