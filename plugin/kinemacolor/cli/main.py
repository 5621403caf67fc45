"""`kinemacolor SUBCOMMAND`: finds the command, runs it, turns what goes wrong into one line and an exit code.

Nothing but the standard library is imported here, and no command before it is asked for: `--help` answers at once and
a command needs only the packages of its own extra.
"""

import atexit
import gc
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn, cast

USAGE = 2
INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand."""

    target: str
    """`module:function`; the function takes the arguments after the name and returns the exit code."""
    extra: str
    """The optional dependencies it needs."""
    summary: str


COMMANDS = {
    "render": Command("kinemacolor.render.command:main", "render", "colour a film: kinemacolor render IN OUT"),
    "analyse": Command("kinemacolor.render.analyse_command:main", "render", "colour a film into the store: analyse IN"),
    "info": Command("kinemacolor.cli.info:main", "render", "say what a file is"),
    "shots": Command("kinemacolor.cli.shots:main", "render", "the shots of a film: shots detect|show|export"),
    "cache": Command("kinemacolor.cli.cache:main", "render", "the stored colours: cache list|size|purge|verify"),
    "plugin": Command("kinemacolor.ofx.install.command:main", "ofx", "the effect: plugin install|uninstall|check"),
    "serve": Command("kinemacolor.cli.serve:main", "server", "run a server"),
    "status": Command("kinemacolor.cli.operate:status", "render", "what a server does: its clips, their speed, memory"),
    "top": Command("kinemacolor.cli.top:main", "render", "the same, again and again, until q is pressed"),
    "drain": Command("kinemacolor.cli.operate:drain", "render", "let a server end when its clips have"),
    "evict": Command("kinemacolor.cli.operate:evict", "render", "drop a clip of a server: evict CLIP"),
    "log-level": Command("kinemacolor.cli.operate:log_level", "render", "change how much a server logs"),
    "models": Command("kinemacolor.cli.models:main", "server", "the models: models list|get|import|verify|licence"),
    "doctor": Command("kinemacolor.cli.doctor:main", "render", "check this installation"),
    "demo": Command("kinemacolor.cli.demo:main", "demo", "colour a short clip that is made here"),
    "evaluate": Command("kinemacolor.evaluation.command:main", "render,server", "measure colorizers: evaluate DIR"),
    "compare": Command("kinemacolor.comparison.command:main", "compare", "models side by side: compare DIR|FILE"),
    "bench": Command("kinemacolor.cli.bench:main", "render", "measure the speed of this machine"),
    "train": Command("kinemacolor.training.command:main", "train", "train the default network: train RECIPE"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code; the codes are listed in `--help`."""
    _collect_nothing_at_exit()
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0 if words else USAGE
    if words[0] == "--version":
        return _print_version()
    if words[0] != "serve":
        # Our errors say it in one line; an operator's log is to have grpc's own words of a failed handshake, too.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if words[0] not in COMMANDS:
        return _fail(f"no command {words[0]!r}; there are: {', '.join(COMMANDS)}", USAGE)
    with _signals_in_order():
        return _run(words[0], words[1:], debug)


def _collect_nothing_at_exit() -> None:
    """The last collection of garbage may wait for ever for locks that grpc's threads held when they were ended.

    It was seen in a client (`_Rendezvous.__del__` of grpcio) that had said its last word. The system frees the memory.
    """
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def _print_version() -> int:
    # Slow to import, and needed nowhere else.
    from importlib.metadata import version

    sys.stdout.write(f"kinemacolor {version('kinemacolor')}\n")
    return 0


def _run(name: str, arguments: list[str], debug: bool) -> int:
    try:
        return _load(name)(arguments)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except SystemExit as error:
        # argparse has said what there was to say.
        return error.code if isinstance(error.code, int) else 1
    except ModuleNotFoundError as error:
        if debug or (error.name or "").startswith("kinemacolor"):
            raise
        needs = f"pip install 'kinemacolor[{COMMANDS[name].extra}]'"
        return _fail(f"kinemacolor {name} needs: {needs} (no module {error.name})", 1)
    except Exception as error:
        if debug:
            raise
        return _fail(*_explain(error))


def _load(name: str) -> Callable[[list[str]], int]:
    module, _, function = COMMANDS[name].target.partition(":")
    return cast(Callable[[list[str]], int], getattr(importlib.import_module(module), function))


def _explain(error: Exception) -> tuple[str, int]:
    # Only a failure pays for importing every error class.
    from kinemacolor.cli.exit_codes import explain

    return explain(error)


def _fail(text: str, code: int) -> int:
    # The exit code must come through even if nobody reads the line; stderr is None if it was closed at the start.
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"kinemacolor: {text}\n")
            sys.stderr.flush()
    return code


@contextmanager
def _signals_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP end a command as Ctrl-C does: in order. Only the first one counts, cleaning up is bounded."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    # Only the main thread may do this, and whoever started us with a signal ignored (nohup) meant it.
    taken = [number for number in _SIGNALS if _is_main_thread() and before[number] is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    for further in _SIGNALS:
        # Not SIG_IGN: Python complains on stderr about a signal that was pending when its handler went away.
        signal.signal(further, _already_stopping)
    raise KeyboardInterrupt


def _already_stopping(number: int, frame: FrameType | None) -> None:
    """Cleaning up goes on."""


def _help() -> str:
    lines = [f"  {name:<9} {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: kinemacolor COMMAND [OPTIONS]    (kinemacolor COMMAND --help says more)",
            "",
            *lines,
            "",
            "  --version",
            "",
            "exit codes: 0 done, 1 error or output, 2 usage, 3 server, 4 input, 5 out of memory, 130 interrupted",
            "",
        ]
    )
