"""Whether an error means that memory ran out. A frame that had none is refused aloud; it never comes back grey."""

import torch

__all__ = ["is_out_of_memory"]

_TEXTS = ("DefaultCPUAllocator", "std::bad_alloc", "out of memory")
"""Of plain RuntimeErrors: torch's for memory of the processor, C++'s, and those of libraries on a device."""


def is_out_of_memory(error: BaseException) -> bool:
    """True for Python's, numpy's and torch's ways of saying it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _TEXTS)
