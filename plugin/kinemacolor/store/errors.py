"""Errors of the store. A render survives all of them: it colours again what the store cannot give."""


class StoreError(Exception):
    """Base of the errors of this package. The text is one clear line for a person."""


class RefusedFileError(StoreError):
    """A file that is damaged, of another version, or none of ours."""


class UnusableStoreError(StoreError):
    """The folder or a file cannot be used now: no right, no room, a lock that is never released."""
