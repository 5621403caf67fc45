"""Errors of the renderer itself. Those of the client and of the media side pass through unchanged."""


class RenderError(Exception):
    """Base of the errors of this package. The text is one clear line for a person."""


class UsageError(RenderError):
    """The arguments cannot be meant: together, or for this input."""
