"""What goes wrong in a comparison, with its exit code."""

from kinemacolor.comparison.names import printable
from kinemacolor.evaluation.errors import EvaluationError
from kinemacolor.models.errors import ModelError, UnknownModelError

__all__ = ["ComparisonError", "ComparisonInputError", "ComparisonUsageError", "explain"]


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
    if isinstance(error, ModelError):
        code = ComparisonUsageError.exit_code if isinstance(error, UnknownModelError) else ComparisonError.exit_code
    else:
        code = error.exit_code
    return printable(" ".join(str(error).split())), code
