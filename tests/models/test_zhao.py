"""The network that names pixels, and its weights as a model; those of reduced width are in `test_reduced`."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from safetensors.torch import save_file

from kinemacolor.models import load_network, official
from kinemacolor.models.command import main
from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.library import FOLDER_VARIABLE
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.networks.sizes import zhao_like
from kinemacolor.models.networks.zhao import Zhao
from kinemacolor.models.official import official_network
from kinemacolor.models.registry import describe_model, load_model


def test_it_has_the_size_of_the_paper() -> None:
    with torch.device("meta"):
        net = Zhao()
    assert sum(parameter.numel() for parameter in net.parameters()) == 36_862_592
    assert len(net.state_dict()) == 94
    size = sum(value.numel() for value in net.state_dict().values()) * 4 / 1e6
    assert size == pytest.approx(147.5, abs=0.1)


def test_the_trunk_has_the_names_of_eccv16() -> None:
    with torch.device("meta"):
        trunk, net = Eccv16().state_dict(), Zhao().state_dict()
    assert all(net[key].shape == value.shape for key, value in trunk.items())
    assert {key.split(".")[0] for key in net.keys() - trunk.keys()} == {"segment5", "segment6", "segment7", "segment9"}


def test_colours_are_those_of_the_trunk_and_classes_have_their_places() -> None:
    torch.manual_seed(2)
    net, plain = Zhao(width=4, classes=5).eval(), Eccv16(width=4).eval()
    plain.load_state_dict({key: value for key, value in net.state_dict().items() if not key.startswith("segment")})
    lightness = torch.rand(2, 1, 24, 40) * 100
    with torch.no_grad():
        colours, classes = net.both_logits(lightness)
        assert torch.equal(colours, plain.logits(lightness))
        assert torch.equal(net(lightness), plain(lightness))
        assert torch.equal(classes, net.class_logits(lightness))
    assert classes.shape == (2, 5, 6, 10)


def test_a_file_says_its_width_and_classes() -> None:
    with torch.device("meta"):
        found = zhao_like(Zhao(width=4, classes=182).state_dict())
    assert found.model1[0].weight.shape[0] == 4
    assert found.segment9[-1].weight.shape[0] == 182


def test_another_network_s_file_is_named(tmp_path: Path) -> None:
    for name, net, message in (
        ("zhao", Eccv16(), "found those of eccv16"),
        ("siggraph17", Zhao(), "found those of zhao"),
        ("zhao", Siggraph17(), "found those of siggraph17"),
    ):
        save_file(net.state_dict(), tmp_path / "other.safetensors")
        with pytest.raises(CheckpointError, match=re.escape(message)):
            load_network(name, tmp_path / "other.safetensors")


def test_a_layer_of_another_width_is_refused(tmp_path: Path) -> None:
    state = Zhao(width=4).state_dict() | {"model2.0.bias": torch.zeros(9)}
    save_file(state, tmp_path / "wrong.safetensors")
    with pytest.raises(CheckpointError, match=re.escape("model2.0.bias of shape (9,) instead of (8,)")):
        load_network("zhao-reduced", tmp_path / "wrong.safetensors")


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's width is 4."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    paper = replace(
        official_network("zhao"),
        make=partial(Zhao, width=4),
        like=lambda tensors: Zhao(4, len(tensors["segment9.4.weight"]) if tensors else 21),
    )
    monkeypatch.setattr(official, "OFFICIAL", MappingProxyType({**official.OFFICIAL, "zhao": paper}))


def imported(folder: Path, classes: int) -> None:
    save_file(Zhao(4, classes).state_dict(), folder / "zhao.safetensors")
    assert main(["import", "zhao", "--from", str(folder / "zhao.safetensors")]) == 0


@pytest.mark.usefixtures("narrow")
def test_weights_of_the_paper_s_size_are_the_user_s_and_need_no_remark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["get", "zhao"]) == 1
    assert "its authors gave no file" in capsys.readouterr().err
    imported(tmp_path, 21)
    assert "(weights that a user has trained)" in capsys.readouterr().out
    assert "parameters" not in describe_model("zhao").description
    model = load_model("zhao")
    assert model.propose(torch.full((1, 1, 16, 24), 50.0))[0].ab.shape == (2, 16, 24)


@pytest.mark.usefixtures("narrow")
def test_weights_with_other_classes_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(tmp_path, 182)
    count = f"{sum(parameter.numel() for parameter in Zhao(4, 182).parameters()):,} parameters, the paper's has "
    assert f"weights that a user has trained, {count}" in capsys.readouterr().out
    assert count in describe_model("zhao").description
    assert count in describe_model("zhao+memory").terms
