"""What goes wrong in a comparison, with its exit code."""

from kinemacolor.comparison.names import printable
from kinemacolor.evaluation.errors import EvaluationError
from kinemacolor.models.errors import ModelError, OutOfMemoryError, UnknownModelError

__all__ = ["ComparisonError", "ComparisonInputError", "ComparisonUsageError", "explain"]

_OUT_OF_MEMORY = 5


class ComparisonError(Exception):
    """One line for a person."""

    exit_code = 1


class ComparisonInputError(ComparisonError):
    """There is nothing to compare on: clips are missing, empty or damaged."""

    exit_code = 4


class ComparisonUsageError(ComparisonError):
    """The arguments make no sense."""

    exit_code = 2


def explain(error: ComparisonError | EvaluationError | ModelError) -> tuple[str, int]:
    """One line and the exit code."""
    return printable(" ".join(str(error).split())), _exit_code(error)


def _exit_code(error: ComparisonError | EvaluationError | ModelError) -> int:
    if not isinstance(error, ModelError):
        return error.exit_code
    if isinstance(error, OutOfMemoryError):
        return _OUT_OF_MEMORY
    return ComparisonUsageError.exit_code if isinstance(error, UnknownModelError) else ComparisonError.exit_code
