"""The precision of training: mixed with bfloat16 where the device computes in it by itself, else float32."""

import torch

from kinemacolor.models.native_dtype import has_native_bf16

__all__ = ["mixed_precision"]


def mixed_precision(device: torch.device) -> torch.autocast:
    """The context for what a step computes.

    In emulated bfloat16 a convolution and its gradient took four times as long as in float32 (64 channels, one core of
    a Xeon without AVX512_BF16).
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=has_native_bf16(device))
