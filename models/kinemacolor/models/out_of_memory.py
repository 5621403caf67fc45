"""Whether an error means that memory ran out. A frame that had none is refused aloud; it never comes back grey."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from kinemacolor.models.errors import OutOfMemoryError

__all__ = ["is_out_of_memory", "memory_watched"]

_TEXTS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",  # the same on Windows
    "Cannot allocate memory",  # ENOMEM in torch's words, of a file that cannot be mapped for instance
    "std::bad_alloc",
    "out of memory",  # CUDA's, of an allocation or of a kernel's start, and that of Apple's MPS
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",  # cuDNN 9 says more
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
)
"""Of plain RuntimeErrors. Not CUDNN_STATUS_NOT_SUPPORTED, nor what oneDNN says of a primitive or a memory object that
it could not create: these have other causes, too."""


def is_out_of_memory(error: BaseException) -> bool:
    """True for Python's, numpy's, the system's and torch's ways of saying it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _TEXTS)


@contextmanager
def memory_watched(helps: str) -> Iterator[None]:
    """Say in one line that memory ran out in the body.

    Args:
        helps: What needs less, for that line.

    Raises:
        OutOfMemoryError: It did.
    """
    try:
        yield
    except (MemoryError, OSError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(f"out of memory; {helps}") from error
