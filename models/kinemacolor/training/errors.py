"""What can go wrong in training, each with one line for a person."""

__all__ = ["RecipeError", "TrainingError", "TrainingFailed"]


class TrainingError(Exception):
    """Training cannot start or go on."""


class RecipeError(TrainingError):
    """A recipe file, or the data that it names, is not what was expected."""


class TrainingFailed(TrainingError):  # noqa: N818 - an outcome of a run, not a fault of the program
    """The run does not learn: its loss is not finite, or not below the recipe's bound in time."""
