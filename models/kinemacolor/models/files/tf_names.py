"""Names of `favc`'s tensors in its authors' files: variables of TensorFlow in a scope, convolutions as slim makes them.

`conv1_1.weight` is `<scope>conv1_1/weights`, `up_2.bias` is `<scope>up_2/up_conv1/biases`. Kernels of TensorFlow lie
as (height, width, in, out).
"""

from collections.abc import Iterable, Mapping

from torch import Tensor

from kinemacolor.models.errors import CheckpointError

__all__ = ["tensors_in_scope", "variable_name"]

_ENDS = {"weight": "weights", "bias": "biases"}
_KERNEL_AXES = 4
_SCOPES_SHOWN = 3


def variable_name(key: str, scope: str) -> str:
    """The variable of a tensor.

    Args:
        key: Of our layout.
        scope: With what stands before the layer's name in it, `individual/g_` for instance.
    """
    layer, _, kind = key.rpartition(".")
    inner = "/up_conv1" if layer.startswith("up_") else ""
    return f"{scope}{layer}{inner}/{_ENDS[kind]}"


def tensors_in_scope(variables: Mapping[str, Tensor], scope: str, keys: Iterable[str]) -> dict[str, Tensor]:
    """The tensors of a network out of the variables of a file, which may hold other networks and an optimiser, too.

    Args:
        variables: By their names.
        scope: As of `variable_name`.
        keys: Of the network's layout.

    Returns:
        By our names, those that are there; shapes are not checked.

    Raises:
        CheckpointError: None is there.
    """
    wanted = {variable_name(key, scope): key for key in keys}
    found = {wanted[name]: _as_ours(value) for name, value in variables.items() if name in wanted}
    if not found:
        others = sorted(
            {name.rpartition("/")[0].partition("conv")[0] for name in variables if name.endswith("weights")}
        )
        raise CheckpointError(f"expected variables {scope}*, found {', '.join(others[:_SCOPES_SHOWN]) or 'none'}")
    return found


def _as_ours(value: Tensor) -> Tensor:
    return value.permute(3, 2, 0, 1).contiguous() if value.ndim == _KERNEL_AXES else value
