"""DDColor: its size, its files, its pictures as the authors' pipeline has them, its place beside temporal networks."""

import re
from argparse import Namespace
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tests.parity.seeded import SMALL_DDCOLOR, weights, with_seeded_weights
from torch import Tensor, nn

from kinemacolor.models import colorize, colorize_image, ddcolor_picture, load_network, official
from kinemacolor.models.command import main
from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files import load
from kinemacolor.models.grey_input import GreyInput
from kinemacolor.models.library import installed_card
from kinemacolor.models.networks import ddcolor
from kinemacolor.models.networks.ddcolor import LARGE, TINY, DDColor, DDColorSettings
from kinemacolor.models.networks.normed_convs import fold_norms
from kinemacolor.models.official import OFFICIAL
from kinemacolor.models.published_lab import opencv_lightness, published_lightness, published_srgb
from kinemacolor.models.registry import describe_model, load_model
from kinemacolor.models.selftest import sample_lightness

HEAD = {"encoder.arch.head_cls.weight": (4, 48), "encoder.arch.head_cls.bias": (4,)}


@pytest.mark.parametrize(("settings", "numbers", "tensors"), [(LARGE, 227_869_334, 602), (TINY, 55_006_646, 440)])
def test_the_networks_have_the_size_of_the_authors(settings: DDColorSettings, numbers: int, tensors: int) -> None:
    with torch.device("meta"):
        network = DDColor(settings)
    constants = network.mean.numel() + network.std.numel()
    assert sum(parameter.numel() for parameter in network.parameters()) + constants == numbers
    assert len(network.state_dict()) == tensors


def test_a_size_that_is_none_is_refused() -> None:
    for wrong in ({"depths": (0, 1, 1, 1)}, {"decoder_width": 31}, {"query_width": 30}, {"heads": 3}):
        with pytest.raises(ValueError, match="expected"):
            replace(SMALL_DDCOLOR, **wrong)


@pytest.mark.parametrize("shape", [(1, 3, 48, 64), (1, 1, 64, 64), (3, 64, 64)])
def test_a_picture_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"sides in multiples of 32, found {shape}")):
        DDColor(SMALL_DDCOLOR)(torch.zeros(shape))


def test_a_small_one_learns() -> None:
    torch.manual_seed(2)
    network = DDColor(SMALL_DDCOLOR)
    grey = torch.rand(2, 1, 64, 64).expand(-1, 3, -1, -1)
    before = (network(grey) - 9.0).square().mean()
    before.backward()
    without = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert without == {"encoder.arch.norm.weight", "encoder.arch.norm.bias"}, "it is in the files and not used"
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter -= 1e-3 * parameter.grad
        assert (network(grey) - 9.0).square().mean() < before


def test_inference_takes_the_singular_vectors_as_they_are() -> None:
    torch.manual_seed(2)
    network, grey = DDColor(SMALL_DDCOLOR), torch.rand(1, 3, 64, 64)
    network.eval()(grey)
    vectors = {name: value.clone() for name, value in network.named_buffers() if name.endswith(("_u", "_v"))}
    network(grey)
    assert all(torch.equal(value, vectors[name]) for name, value in network.named_buffers() if name in vectors)
    network.train()(grey)
    assert not any(torch.equal(value, vectors[name]) for name, value in network.named_buffers() if name in vectors)


# ---- files ----


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both names with small networks, as files of the real ones are 220 and 912 MB."""
    deeper = replace(SMALL_DDCOLOR, depths=(1, 1, 3, 1), widths=(24, 32, 40, 48))
    small = {
        "ddcolor-t": replace(OFFICIAL["ddcolor-t"], make=partial(DDColor, SMALL_DDCOLOR)),
        "ddcolor-l": replace(OFFICIAL["ddcolor-l"], make=partial(DDColor, deeper)),
    }
    table = {**OFFICIAL, **small}
    for module in (official, load):
        monkeypatch.setattr(module, "OFFICIAL", table)


def state() -> dict[str, Tensor]:
    return weights(DDColor(SMALL_DDCOLOR).state_dict())


def with_head(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return tensors | {name: torch.ones(shape) for name, shape in HEAD.items()}


def test_the_authors_layouts_load(tmp_path: Path) -> None:
    path, tensors = tmp_path / "ddcolor_paper_tiny.pth", state()
    for what in (
        tensors,
        with_head(tensors),
        {"params": OrderedDict(with_head(tensors))},
        {
            "params": with_head(tensors),
            "iter": 4,
            "options": Namespace(lr=1e-4),
            "make": partial(torch.optim.AdamW, lr=1),
        },
    ):
        torch.save(what, path)
        network = load_network("ddcolor-t", path)
        assert isinstance(network, DDColor)
        assert not network.training
        assert all(torch.equal(value, tensors[key]) for key, value in network.state_dict().items())


class Attack:
    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('the file was executed')",))


@pytest.mark.fault(27, "malicious snapshot or weights file")
def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    torch.save({"params": state(), "more": Attack()}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a\.pth: .*would run (__builtin__|builtins)\.exec where it is opened"):
        load_network("ddcolor-t", tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"decoder.color_decoder.query_feat.weight": None},
            "found 1 missing (decoder.color_decoder.query_feat.weight)",
        ),
        ({"encoder.arch.head.weight": torch.ones(1)}, "found 1 unknown (encoder.arch.head.weight)"),
        ({"refine_net.0.0.bias": torch.ones(3)}, "found 1 others (refine_net.0.0.bias of shape (3,) instead of (2,))"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    torch.save({key: value for key, value in (state() | change).items() if value is not None}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=re.escape(f"expected the weights of ddcolor-t, {message}")):
        load_network("ddcolor-t", tmp_path / "a.pth")


def test_files_that_were_swapped_are_named(tmp_path: Path) -> None:
    torch.save({"params": with_head(state())}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"expected the weights of ddcolor-l, found those of ddcolor-t"):
        load_network("ddcolor-l", tmp_path / "a.pth")
    torch.save(load.OFFICIAL["ddcolor-l"].make().state_dict(), tmp_path / "b.pth")
    with pytest.raises(CheckpointError, match=r"expected the weights of ddcolor-t, found those of ddcolor-l"):
        load_network("ddcolor-t", tmp_path / "b.pth")


def test_what_is_known_of_a_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    path = tmp_path / "a.pth"
    torch.save({"params": with_head(state())}, path)
    assert main(["import", "ddcolor-t", "--from", str(path)]) == 0
    card, said = installed_card("ddcolor-t"), capsys.readouterr().out
    assert card is not None
    assert f"no hash of the authors' file is known; this one's SHA-256 is {card.imported_sha256}" in said
    torch.save({"params": load.OFFICIAL["ddcolor-l"].make().state_dict()}, path)
    assert main(["import", "ddcolor-l", "--from", str(path)]) == 0
    assert "by its hash; those of ddcolor_paper, ddcolor_artistic are not known" in capsys.readouterr().out
    assert main(["verify"]) == 0
    assert main(["licence", "ddcolor-l"]) == 0
    assert "Apache-2.0" in capsys.readouterr().out
    for temporal in ("", "+memory", "+lai"):
        model = load_model(f"ddcolor-t{temporal}")
        assert model.spec == describe_model(f"ddcolor-t{temporal}")
        assert model.spec.multiple_of == 32
        model_state, proposals = model.init_state(), model.propose(sample_lightness(2, 64, 96))
        for proposal in proposals:
            model_state, ab = (result := model.step(model_state, proposal)).state, result.ab
            assert ab.shape == (2, 64, 96)
            assert torch.isfinite(ab).all()


# ---- pictures ----

Picture = NDArray[np.uint8]


def picture(height: int, width: int) -> Picture:
    """Soft colours, every code and black and white corners."""
    noise = np.random.default_rng(5).uniform(0, 255, (6, 7, 3))
    soft = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    soft[:3, :3], soft[-3:, -3:] = 0, 255
    return soft


def as_the_authors(network: nn.Module, image: Picture) -> Picture:
    """With OpenCV, step by step after piddnad/DDColor, ddcolor/pipeline.py."""
    rgb = (image / 255).astype(np.float32)
    small = cv2.resize(rgb, (512, 512))
    grey = np.zeros_like(small)
    grey[:, :, 0] = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)[:, :, 0]
    seen = cv2.cvtColor(grey, cv2.COLOR_LAB2RGB)
    with torch.no_grad():
        ab = network(torch.from_numpy(seen.transpose(2, 0, 1))[None])
    full = F.interpolate(ab, size=image.shape[:2])[0].numpy().transpose(1, 2, 0)
    lab = np.concatenate((cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[:, :, :1], full), axis=2)
    return (cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255).round().astype(np.uint8)


class Coloured(DDColor):
    """Colours that are strong, of every hue, and follow the picture, so that every step shows."""

    def __init__(self) -> None:
        super().__init__(SMALL_DDCOLOR)

    def forward(self, grey: Tensor) -> Tensor:
        height, width = grey.shape[-2:]
        turn = torch.linspace(0, 6, height)[:, None] + torch.linspace(0, 4, width)
        return torch.stack((60 * torch.sin(turn), 70 * torch.cos(turn)))[None] * (0.4 + 0.6 * grey[:, :2])


@pytest.mark.parametrize("size", [(512, 512), (203, 251), (600, 333)])
@pytest.mark.parametrize("network", [Coloured(), with_seeded_weights(DDColor(SMALL_DDCOLOR))], ids=["plain", "small"])
def test_pictures_are_those_of_the_authors_pipeline(network: DDColor, size: tuple[int, int]) -> None:
    image = picture(*size)
    difference = np.abs(colorize_image(network, image).astype(int) - as_the_authors(network, image))
    assert (difference <= 1).mean() > 0.999
    assert (difference == 0).mean() > 0.98


def differs(image: Picture) -> float:
    network = Coloured()
    found = colorize_image(network, image).astype(int)
    return float((np.abs(found - as_the_authors(network, image)) > 1).mean())


def filtered(planes: Tensor, size: tuple[int, ...], mode: str, **how: Any) -> Tensor:
    return F.interpolate(planes, size=size, mode=mode, **(how | {"antialias": mode == "bilinear"}))


def linear(planes: Tensor, size: tuple[int, ...], mode: str, **how: Any) -> Tensor:
    return F.interpolate(planes, size=size, mode="bilinear", align_corners=False)


class Functions:
    """torch.nn.functional with another interpolation."""

    def __init__(self, interpolate: Any) -> None:
        self.interpolate = interpolate


@pytest.mark.parametrize(
    ("module", "attribute", "trap"),
    [
        (colorize, "F", Functions(linear)),
        (ddcolor_picture, "F", Functions(filtered)),
        (ddcolor_picture, "DDCOLOR_SIDE_PX", 256),
        (colorize, "opencv_lightness", lambda rgb: published_lightness(rgb) + 0.5),
        (
            ddcolor_picture,
            "GreyInput",
            lambda network: lambda lightness: network((lightness / 100).expand(-1, 3, -1, -1)),
        ),
    ],
    ids=["chroma not nearest", "filter before 512", "256", "L", "L as grey"],
)
def test_a_trap_in_the_pipeline_is_noticed(
    monkeypatch: pytest.MonkeyPatch, module: object, attribute: str, trap: Any
) -> None:
    image = picture(700, 611) if attribute == "F" else picture(128, 160)
    image[::2] //= 2  # something that a filter would take away
    assert differs(image) < 0.001
    monkeypatch.setattr(module, attribute, trap)
    assert differs(image) > 0.005


def test_lightness_is_that_of_opencv_s_floats() -> None:
    random = np.random.default_rng(3)
    ramp = np.repeat(np.linspace(0, 1, 4097, dtype=np.float32)[None, :, None], 3, axis=2)
    for rgb in (random.random((200, 200, 3)).astype(np.float32), ramp):
        expected = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[:, :, 0]
        found = opencv_lightness(torch.from_numpy(rgb).permute(2, 0, 1)[None])[0, 0].numpy()
        assert np.abs(found - expected).max() < 0.007, "one unit of the table's integers"
        assert (np.abs(found - expected) > 1e-4).mean() < 0.002


def test_yellow_beyond_all_light_is_converted_as_opencv_does() -> None:
    """scikit-image cuts it off before; that is for the networks whose authors use it."""
    lab = np.stack(np.meshgrid([2.0, 10.0, 50.0], np.linspace(-90, 90, 7), [60.0, 100.0, 127.0]), axis=-1)
    planes = torch.from_numpy(lab.reshape(1, -1, 3).astype(np.float32))
    expected = cv2.cvtColor(planes.numpy(), cv2.COLOR_LAB2RGB)
    found, cut_off = (published_srgb(planes.permute(0, 2, 1)[:, :, None], z_from_zero=cut)[0] for cut in (False, True))
    assert np.abs(found.permute(1, 2, 0).numpy() - expected).max() < 0.25 / 255
    assert np.abs(cut_off.permute(1, 2, 0).numpy() - expected).max() > 2 / 255


class Striped(Coloured):
    def forward(self, grey: Tensor) -> Tensor:
        stripes = 60 * torch.sin(torch.arange(grey.shape[3]) * (2 * torch.pi / 16))
        return stripes.expand(1, 2, grey.shape[2], -1)


def test_bicubic_chroma_has_no_squares() -> None:
    image = np.full((8, 5120, 3), 128, np.uint8)
    official, bicubic = (
        int(np.abs(np.diff(colorize_image(Striped(), image, enlarging=how).astype(int), axis=1)).max())
        for how in ("official", "bicubic")
    )
    assert official > 3 * bicubic


@pytest.mark.parametrize("shape", [(40, 56, 3), (37, 51, 3), (37, 51), (1, 1, 3)])
@pytest.mark.parametrize("short_side", [None, 24])
def test_a_picture_of_any_size_is_coloured(shape: tuple[int, ...], short_side: int | None) -> None:
    network = with_seeded_weights(DDColor(SMALL_DDCOLOR))
    image = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    found = colorize_image(network, image, short_side_px=short_side)
    assert found.shape == (*shape[:2], 3)
    assert found.dtype == np.uint8


def test_hints_and_temperatures_are_refused() -> None:
    with pytest.raises(TypeError, match=r"with a temperature \(eccv16\), found coloured"):
        colorize_image(Coloured(), np.zeros((8, 8), np.uint8), temperature=0.3)
    with pytest.raises(ValueError, match="one of official, bicubic, found 'lanczos'"):
        colorize_image(Coloured(), np.zeros((8, 8), np.uint8), enlarging="lanczos")


# ---- film ----


def test_film_is_seen_as_the_neutral_picture_of_its_lightness() -> None:
    seen: list[Tensor] = []

    class Looking(nn.Module):
        def forward(self, grey: Tensor) -> Tensor:
            seen.append(grey)
            return grey[:, :2]

    lightness = sample_lightness(1, 32, 64)
    GreyInput(Looking())(lightness)
    codes = seen[0][0].permute(1, 2, 0).numpy()
    assert np.ptp(codes, axis=2).max() < 1e-5
    back = cv2.cvtColor(codes, cv2.COLOR_RGB2LAB)[:, :, 0]
    assert np.abs(back - lightness[0, 0].numpy()).max() < 0.25, "up to what OpenCV's table takes"


def test_norms_that_are_folded_give_the_same() -> None:
    network = with_seeded_weights(DDColor(SMALL_DDCOLOR))
    grey = sample_lightness(2, 64, 96) / 100
    with torch.no_grad():
        expected = network(grey.expand(-1, 3, -1, -1))
        assert torch.allclose(fold_norms(network)(grey.expand(-1, 3, -1, -1)), expected, rtol=0, atol=1e-5)
    assert not [name for name in network.state_dict() if name.endswith("weight_orig")]


def test_the_registry_pads_film_to_what_the_network_needs() -> None:
    for name in ("ddcolor-t", "ddcolor-l"):
        spec = describe_model(name)
        assert spec.multiple_of == ddcolor.MULTIPLE == 32
        assert spec.licence == "Apache-2.0"
        assert "ImageNet" in spec.terms
