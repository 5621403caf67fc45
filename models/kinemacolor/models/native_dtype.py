"""Which dtypes a device computes in by itself; what it emulates is slower than float32, four times on a CPU."""

import platform

import torch

__all__ = ["has_native_bf16"]

_X86 = frozenset(("x86_64", "amd64", "i386", "i686"))


def has_native_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16; of a kind that was never tried: False."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # has no types
        return False
    # On x86 it says yes to emulation, too.
    is_x86 = platform.machine().lower() in _X86
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported() and (not is_x86 or torch.cpu._is_avx512_bf16_supported()))
