"""What says that memory ran out, and what only sounds like it."""

import errno

import numpy as np
import pytest
import torch

from kinemacolor.models.errors import OutOfMemoryError
from kinemacolor.models.out_of_memory import is_out_of_memory, memory_watched

NOTHING_LEFT = [
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 1152921504606846976 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:88] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9"
    ),
    RuntimeError("unable to mmap 874000000 bytes from file <weights.pth>: Cannot allocate memory (12)"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError(
        "MPS backend out of memory (MPS allocated: 8.77 GB, other allocations: 1.63 GB, max allowed: 9.07 GB)."
    ),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]
OTHER = [
    RuntimeError(
        "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a non-contiguous input."
    ),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("could not create a primitive descriptor for a convolution forward propagation primitive"),
    RuntimeError("could not create a memory object"),
    RuntimeError("The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1"),
    OSError(errno.ENOSPC, "No space left on device"),
    ValueError("out of memory"),
]


@pytest.mark.parametrize("error", NOTHING_LEFT, ids=str)
def test_memory_ran_out(error: Exception) -> None:
    assert is_out_of_memory(error)
    with pytest.raises(OutOfMemoryError) as caught, memory_watched("less needs less"):
        raise error
    assert str(caught.value) == "out of memory; less needs less"
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", OTHER, ids=str)
def test_something_else_went_wrong(error: Exception) -> None:
    assert not is_out_of_memory(error)
    with pytest.raises(type(error)) as caught, memory_watched("less needs less"):
        raise error
    assert caught.value is error


def test_the_allocators_of_this_machine_are_understood() -> None:
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(1 << 60, dtype=torch.uint8)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(1 << 60, dtype=np.uint8)
    assert is_out_of_memory(of_torch.value)
    assert is_out_of_memory(of_numpy.value)
