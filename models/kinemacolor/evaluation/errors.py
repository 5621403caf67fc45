"""What goes wrong in an evaluation, with its exit code."""


class EvaluationError(Exception):
    """One line for a person."""

    exit_code = 1


class EvaluationInputError(EvaluationError):
    """There is nothing to measure: a folder is missing, empty or damaged."""

    exit_code = 4


class EvaluationUsageError(EvaluationError):
    """The arguments make no sense."""

    exit_code = 2


class CommandError(EvaluationError):
    """A command that was to be measured failed, or did not write what the protocol asks."""
