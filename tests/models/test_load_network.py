"""A file of weights becomes its network, or is refused with what it is."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from kinemacolor.models import Hint, colorize_image, load_network
from kinemacolor.models.errors import CheckpointError, UnknownModelError
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.lai import Lai
from kinemacolor.models.networks.siggraph17 import Siggraph17


def count(network: torch.nn.Module) -> tuple[int, int]:
    return sum(parameter.numel() for parameter in network.parameters()), len(network.state_dict())


def test_the_networks_have_the_size_of_the_authors() -> None:
    with torch.device("meta"):
        assert count(Eccv16()) == (32_236_011, 82)
        assert count(Siggraph17()) == (34_187_027, 107)
        assert count(Lai())[0] == 2_979_555
        assert count(Lai(bias=False)) == (2_977_859, 21)


@pytest.fixture(scope="module")
def lai_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return Lai().state_dict()


def as_authors(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """With the buffers of normalisations that are never applied: 89 tensors in all."""
    convolutions = [key.removesuffix("conv2d.weight") for key in state if key.endswith("conv2d.weight")]
    more = {}
    for name in convolutions:
        if name.startswith("deconv3"):
            continue
        channels = len(state[f"{name}conv2d.bias"])
        more[f"{name}norm_layer.running_mean"] = torch.zeros(channels)
        more[f"{name}norm_layer.running_var"] = torch.ones(channels)
        more[f"{name}norm_layer.num_batches_tracked"] = torch.tensor(0)
    return state | more


def test_the_authors_layouts_load(tmp_path: Path, lai_state: dict[str, torch.Tensor]) -> None:
    whole = as_authors(lai_state)
    assert len(whole) == 89
    old = {key: value for key, value in whole.items() if not key.endswith("num_batches_tracked")}
    for what in (whole, old, {"model": whole, "optimizer": {"lr": 1e-4}}):
        torch.save(what, tmp_path / "lai.pth")
        network = load_network("lai", tmp_path / "lai.pth")
        assert not network.training
        assert all(torch.equal(value, lai_state[key]) for key, value in network.state_dict().items())
    save_file(lai_state, tmp_path / "lai.safetensors")
    load_network("lai", tmp_path / "lai.safetensors")


def broken(state: dict[str, torch.Tensor], kind: str) -> dict[str, torch.Tensor]:
    state = dict(state)
    first = "conv1a.conv2d.weight"
    match kind:
        case "missing":
            del state[first]
        case "surplus":
            state["head.weight"] = torch.zeros(2)
        case "shape":
            state[first] = state[first][:, :3].clone()
        case "nan":
            state[first] = state[first].clone()
            state[first][0, 0, 0, 0] = torch.nan
        case "half":
            state = {key: value.half() for key, value in state.items()}
    return state


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "expected the weights of lai, found 1 missing (conv1a.conv2d.weight)"),
        ("surplus", "expected the weights of lai, found 1 unknown (head.weight)"),
        ("shape", "conv1a.conv2d.weight of shape (32, 3, 7, 7) instead of (32, 6, 7, 7)"),
        ("nan", "conv1a.conv2d.weight: expected finite numbers"),
        ("half", "expected numbers of torch.float32, found torch.float16"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    tmp_path: Path, lai_state: dict[str, torch.Tensor], kind: str, message: str
) -> None:
    torch.save(broken(lai_state, kind), tmp_path / "lai.pth")
    with pytest.raises(CheckpointError, match=re.escape(message)):
        load_network("lai", tmp_path / "lai.pth")


def test_files_that_are_no_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "siggraph17-df00044c.pth"
    for data, message in (
        (b"<!DOCTYPE html><html>404</html>", "found a web page"),
        (b"\n  <html>", "found a web page"),
        (b"", "found an empty one"),
        (b"GIF89a and so on", "found another"),
    ):
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=f"^{path.name}: .*{message}"):
            load_network("siggraph17", path)
    with pytest.raises(CheckpointError, match=r"none\.pth: expected a weights file, found none: No such file"):
        load_network("siggraph17", tmp_path / "none.pth")
    with pytest.raises(UnknownModelError, match="no network 'resnet'; there are: eccv16, eccv16-reduced, siggraph17, "):
        load_network("resnet", path)


def test_another_network_s_file_is_named(tmp_path: Path) -> None:
    torch.save(Eccv16().state_dict(), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"expected the weights of siggraph17, found those of eccv16"):
        load_network("siggraph17", tmp_path / "a.pth")


@pytest.mark.parametrize("shape", [(40, 56, 3), (37, 51, 3), (37, 51), (1, 1, 3)])
@pytest.mark.parametrize("short_side", [None, 24])
def test_a_picture_of_any_size_is_coloured(shape: tuple[int, ...], short_side: int | None) -> None:
    torch.manual_seed(5)
    network = Siggraph17().eval()
    picture = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    found = colorize_image(network, picture, short_side_px=short_side)
    assert found.shape == (*shape[:2], 3)
    assert found.dtype == np.uint8


def test_hints_reach_the_network_where_they_were_put(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Siggraph17().eval()
    seen: list[tuple[torch.Tensor, ...]] = []

    def forward(*planes: torch.Tensor) -> torch.Tensor:
        seen.append(planes)
        return torch.zeros(1, 2, *planes[0].shape[-2:])

    monkeypatch.setattr(network, "forward", forward)
    picture = np.zeros((40, 60, 3), np.uint8)
    hints = [Hint(0.0, 0.0, (10.0, -20.0), 1), Hint(0.5, 1.0, (30.0, 40.0), 2), Hint(0.5, 1.0, (5.0, 6.0), 0)]
    colorize_image(network, picture, short_side_px=20, hints=hints)
    _, hint, mask = seen[0]
    assert hint.shape == (1, 2, 24, 32), "20 x 30, padded"
    assert mask[0, 0].nonzero().min(dim=0).values.tolist() == [0, 0]
    assert float(mask.sum()) == 2 * 2 + 3 * 5, "squares that the border cuts"
    assert hint[0, :, 1, 1].tolist() == [10.0, -20.0]
    assert hint[0, :, 19, 15].tolist() == [5.0, 6.0], "the later one holds"
    assert hint[0, :, 19, 16].tolist() == [30.0, 40.0]
    assert not hint[(mask == 0).expand(-1, 2, -1, -1)].any()


def test_hints_and_temperature_change_the_picture_of_the_network_that_takes_them() -> None:
    torch.manual_seed(5)
    hinted, tempered = Siggraph17().eval(), Eccv16(width=8).eval()
    picture = np.random.default_rng(1).integers(0, 256, (32, 40)).astype(np.uint8)
    hint = [Hint(0.5, 0.5, (60.0, 60.0))]
    assert not np.array_equal(colorize_image(hinted, picture, hints=hint), colorize_image(hinted, picture))
    official = colorize_image(tempered, picture)
    assert np.array_equal(colorize_image(tempered, picture, temperature=1 / 2.606), official)
    with pytest.raises(TypeError, match=r"takes hints \(siggraph17\), found eccv16"):
        colorize_image(tempered, picture, hints=hint)
    with pytest.raises(TypeError, match=r"with a temperature \(eccv16\), found siggraph17"):
        colorize_image(hinted, picture, temperature=0.5)
    for temperature in (0.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="temperature above 0"):
            colorize_image(tempered, picture, temperature=temperature)
    with pytest.raises(ValueError, match=r"a\* and b\* of a hint"):
        Hint(0.5, 0.5, (float("nan"), 0.0))
    with pytest.raises(ValueError, match="inside the picture"):
        Hint(1.2, 0.5, (0.0, 0.0))
    with pytest.raises(ValueError, match="radius"):
        Hint(0.5, 0.5, (0.0, 0.0), -1)


def test_what_is_no_picture_is_refused() -> None:
    network = Siggraph17().eval()
    with pytest.raises(TypeError, match="bytes"):
        colorize_image(network, np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="shape"):
        colorize_image(network, np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(TypeError, match="found Lai"):
        colorize_image(Lai().eval(), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="positive"):
        colorize_image(network, np.zeros((4, 4, 3), np.uint8), short_side_px=0)
    with pytest.raises(ValueError, match="multiples of 8"):
        network(torch.zeros(1, 1, 12, 16))
    with pytest.raises(ValueError, match="without the other"):
        network(torch.zeros(1, 1, 16, 16), torch.zeros(1, 2, 16, 16))
    with pytest.raises(ValueError, match="temperature"):
        Eccv16(width=4)(torch.zeros(1, 1, 16, 16), temperature=0.0)
