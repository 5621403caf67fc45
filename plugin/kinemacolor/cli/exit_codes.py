"""Which exit code an error has, and its one line."""

import signal

from kinemacolor.client.errors import AccessFileError, ClientError, ServerStartError, one_line
from kinemacolor.media.errors import MediaError, SourceError
from kinemacolor.render.errors import RenderError, UsageError
from kinemacolor.store.errors import StoreError
from kinemacolor.wire.reasons import ErrorReason

OUTPUT = 1
USAGE = 2
SERVER = 3
INPUT = 4
OUT_OF_MEMORY = 5

_BY_REASON = {
    ErrorReason.UNKNOWN_MODEL: USAGE,
    ErrorReason.UNSUPPORTED: USAGE,
    ErrorReason.UNKNOWN_CLIP: USAGE,
    ErrorReason.OUT_OF_MEMORY: OUT_OF_MEMORY,
}


def explain(error: Exception) -> tuple[str, int]:
    """One line for a person and the exit code of the error's class."""
    return one_line(str(error) or type(error).__name__) if _is_ours(error) else _foreign(error), _code(error)


def _is_ours(error: Exception) -> bool:
    return isinstance(error, ClientError | MediaError | RenderError | StoreError)


def _code(error: Exception) -> int:
    if isinstance(error, ServerStartError) and error.exit_status in (USAGE, OUT_OF_MEMORY):
        # Server and client share the meaning of exit codes: its arguments were the user's, and so is the machine.
        return error.exit_status
    if isinstance(error, ServerStartError) and error.exit_status == -signal.SIGKILL:
        return OUT_OF_MEMORY  # Linux ends a process that uses memory which it was promised and there is not
    if isinstance(error, AccessFileError):
        return USAGE
    if isinstance(error, ClientError):
        return _BY_REASON.get(error.reason, SERVER) if error.reason is not None else SERVER
    if isinstance(error, SourceError):
        return INPUT
    if isinstance(error, UsageError):
        return USAGE
    return OUT_OF_MEMORY if isinstance(error, MemoryError) else OUTPUT


def _foreign(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "out of memory"
    return one_line(f"unexpected {type(error).__name__}: {error} (--debug shows where)")
