"""Errors of the models side: every one says what was expected and what was found."""


class ModelError(Exception):
    """Base of all errors that kinemacolor.models raises on purpose."""


class UnknownModelError(ModelError):
    """No model of that name; the message lists the names there are."""


class CheckpointError(ModelError):
    """A weights file is missing, damaged, or belongs to another network."""


class MachineError(CheckpointError):
    """A weights file may be good, but this machine cannot read or keep it: no room or no permission."""


class NotInstalledError(UnknownModelError):
    """The network is known, but its weights are not on this machine; the message says how to get them."""


class MissingPackageError(ModelError):
    """The network needs a Python package that is not installed; the message says which, and how to get it."""


class DownloadError(ModelError):
    """A weights file could not be had from its address; what came of it so far is kept."""


class NonFiniteColourError(ModelError):
    """A network gave NaN or infinity in the place of colours."""


class OutOfMemoryError(ModelError):
    """The machine or its device has no memory for what was asked; the message says what needs less."""
