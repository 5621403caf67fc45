"""The network that names pixels, and its weights of any width as a model."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from kinemacolor.models import library, load_network
from kinemacolor.models.command import main
from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.library import FOLDER_VARIABLE
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.networks.zhao import Zhao, zhao_like
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


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    path = tmp_path / "zhao.safetensors"
    save_file(Zhao(width=4).state_dict(), path)
    return path


def test_weights_of_any_width_load(narrow: Path) -> None:
    net = load_network("zhao", narrow)
    assert not net.training
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in load_file(narrow).items())


def test_another_network_s_file_is_named(tmp_path: Path) -> None:
    for name, net, message in (
        ("zhao", Eccv16(width=4), "expected the weights of zhao, found 12 missing"),
        ("siggraph17", Zhao(width=4), "found those of zhao"),
        ("zhao", Siggraph17(), "found those of siggraph17"),
    ):
        save_file(net.state_dict(), tmp_path / "other.safetensors")
        with pytest.raises(CheckpointError, match=re.escape(message)):
            load_network(name, tmp_path / "other.safetensors")


def test_a_layer_of_another_width_is_refused(tmp_path: Path) -> None:
    state = Zhao(width=4).state_dict() | {"model2.0.bias": torch.zeros(9)}
    save_file(state, tmp_path / "wrong.safetensors")
    with pytest.raises(CheckpointError, match=re.escape("model2.0.bias of shape (9,) instead of (8,)")):
        load_network("zhao", tmp_path / "wrong.safetensors")


def test_imported_weights_say_how_small_they_are(
    narrow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    assert describe_model("zhao").weights_sha256 == ""
    assert main(["get", "zhao"]) == 1
    assert "its authors gave no file" in capsys.readouterr().err
    assert main(["import", "zhao", "--from", str(narrow)]) == 0
    small = f"{sum(parameter.numel() for parameter in Zhao(width=4).parameters()):,} parameters"
    assert f"weights that a user has trained, {small}, the paper's has 36,862,592" in capsys.readouterr().out
    spec = describe_model("zhao+memory")
    assert small in describe_model("zhao").description
    assert spec.weights_sha256
    assert small in spec.terms, "wherever terms are told"
    model = load_model("zhao")
    assert model.propose(torch.full((1, 1, 16, 24), 50.0))[0].ab.shape == (2, 16, 24)


def test_weights_of_full_width_need_no_remark(
    narrow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    paper = replace(official_network("zhao"), make=partial(Zhao, width=4))
    monkeypatch.setattr(library, "official_network", lambda name: paper)
    assert main(["import", "zhao", "--from", str(narrow)]) == 0
    assert "parameters" not in capsys.readouterr().out + describe_model("zhao").description
