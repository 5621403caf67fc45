"""Lei and Chen: each known trap of the authors' code, put back into ours, is noticed by the golden numbers."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from tests.parity.seeded import RUNS, with_seeded_weights
from tests.parity.test_golden import TOLERANCE, Functions, error
from torch import Tensor, nn

from kinemacolor.models.networks import favc, favc_refinement, vgg19


def resized_about_the_middle(planes: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(planes, size=(height, width), mode="bilinear", align_corners=False)


def resized_between_the_corners(planes: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(planes, size=(height, width), mode="bilinear", align_corners=True)


def largest(planes: Tensor, side: int, **_: object) -> Tensor:
    return F.max_pool2d(planes, side)


def finest_first(grey: Tensor, features: list[Tensor]) -> list[Tensor]:
    """The column the other way round, for features of as many channels."""
    column = [*features, grey.expand(-1, 3, -1, -1)]
    return [column[3], column[4], column[2], column[1], column[0], column[5]]


def moved_forwards(planes: Tensor, flow: Tensor) -> Tensor:
    return WARP(planes, -flow)


def continued_beyond_the_border(planes: Tensor, flow: Tensor) -> Tensor:
    height, width = planes.shape[2:]
    x = torch.arange(width) + flow[:, 0]
    y = torch.arange(height).view(-1, 1) + flow[:, 1]
    grid = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), dim=-1)
    return F.grid_sample(planes, grid, padding_mode="border", align_corners=False)


WARP = favc_refinement.warp


@pytest.mark.parametrize(
    ("name", "module", "attribute", "trap"),
    [
        ("favc", favc, "resize_bilinear", resized_about_the_middle),
        ("favc", favc, "resize_bilinear", resized_between_the_corners),
        ("favc-image", favc, "resize_bilinear", resized_about_the_middle),
        ("favc-refine", favc, "resize_bilinear", resized_about_the_middle),
        ("favc", favc, "_SLOPE", 0.1),
        ("favc", favc, "_column", finest_first),
        ("favc", vgg19, "F", Functions(avg_pool2d=largest)),
        ("favc", vgg19, "_FULL_SCALE", 1.0),
        ("favc", vgg19, "_MEAN_CODES", (103.939, 116.779, 123.68)),
        ("favc", vgg19, "_MEAN_CODES", (0.0, 0.0, 0.0)),
        ("favc-refine", favc_refinement, "warp", moved_forwards),
        ("favc-refine", favc_refinement, "warp", continued_beyond_the_border),
        ("favc-refine", favc_refinement, "CONFIDENT", 0.1),
    ],
)
def test_a_trap_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, module: object, attribute: str, trap: object
) -> None:
    monkeypatch.setattr(module, attribute, trap)
    assert error(name) > 10 * TOLERANCE


def rectified_on_the_way_up(network: nn.Module) -> None:
    for number in range(1, 5):
        network.network.layer(f"up_{number}").register_forward_hook(lambda module, given, out: F.leaky_relu(out, 0.2))


def rectified_at_the_end(network: nn.Module) -> None:
    network.network.layer("conv9_2").register_forward_hook(lambda module, given, out: F.leaky_relu(out, 0.2))


def skip_first(network: nn.Module) -> None:
    for number in range(1, 5):
        kernel = network.network.layer(f"conv{5 + number}_1").weight
        kernel.copy_(kernel.roll(kernel.shape[1] // 2, dims=1))


@pytest.mark.parametrize("trap", [rectified_on_the_way_up, rectified_at_the_end, skip_first])
def test_a_trap_in_the_layers_is_noticed(trap: Callable[[nn.Module], None]) -> None:
    assert error("favc", trap) > 10 * TOLERANCE


def test_planes_in_another_order_are_noticed() -> None:
    def shifted(network: nn.Module) -> None:
        network.layer("conv1_1").weight.copy_(network.layer("conv1_1").weight.roll(3, dims=1))

    assert error("favc-refine", shifted) > 10 * TOLERANCE


def test_mixing_before_enlarging_is_what_the_column_gives() -> None:
    """The authors' column, put together and then convolved; ours never makes it."""
    make, run = RUNS["favc"]
    network = with_seeded_weights(make())
    found = run(network)

    def column_first(layer: nn.Conv2d, parts: list[Tensor], size: torch.Size) -> Tensor:
        return layer(torch.cat([favc.resize_bilinear(part, size[0], size[1]) for part in parts], dim=1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(favc, "_mixed", column_first)
        expected = run(network)
    assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())
