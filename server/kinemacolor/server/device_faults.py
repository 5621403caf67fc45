"""Whether an error means that the device is gone for this process: every later call to it fails, too."""

import torch

__all__ = ["is_device_lost"]

_LOST = (
    "an illegal memory access was encountered",
    "device-side assert triggered",
    "unspecified launch failure",
    "misaligned address",
    "an illegal instruction was encountered",
    "uncorrectable ECC error",
    "device is lost",
    "driver shutting down",
    "unknown error",
)
"""CUDA's words (cudaGetErrorString) for errors after which its documentation asks for a new process."""


def is_device_lost(error: BaseException) -> bool:
    """True for CUDA's sticky errors, however torch wraps them; false for memory that ran out and for Python's own."""
    if isinstance(error, torch.OutOfMemoryError) or not isinstance(error, RuntimeError):
        return False
    text = str(error)
    return "CUDA" in text and any(word in text for word in _LOST)
