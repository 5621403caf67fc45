"""Which dtypes a device computes in by itself; what it emulates is slower than float32, four times on a CPU."""

import torch

__all__ = ["has_native_bf16"]


def has_native_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported() and torch.cpu._is_avx512_bf16_supported())
