"""Errors of the models side: every one says what was expected and what was found."""


class ModelError(Exception):
    """Base of all errors that kinemacolor.models raises on purpose."""


class UnknownModelError(ModelError):
    """No model of that name; the message lists the names there are."""


class CheckpointError(ModelError):
    """A weights file is missing, damaged, or belongs to another network."""
