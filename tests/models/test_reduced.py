"""Networks of reduced width, trained here, as models: what they say of themselves, and what passes for them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tests.parity.seeded import with_seeded_weights
from torch import nn

from kinemacolor.models import load_network
from kinemacolor.models.command import main
from kinemacolor.models.errors import CheckpointError, NotInstalledError
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.favc import FavcColour, FavcPainter, FavcRefine
from kinemacolor.models.networks.mobile_trunk import TRUNK_CHANNELS, MobileTrunk
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.models.networks.zhao import Zhao
from kinemacolor.models.official import official_network
from kinemacolor.models.registry import canonical_name, describe_model, list_models, load_families, load_model
from kinemacolor.models.selftest import sample_lightness


def narrow_favc(width: int = 4) -> FavcPainter:
    return FavcPainter(MobileTrunk(MobileNetV2Encoder()), FavcColour(TRUNK_CHANNELS, width))


NARROW: dict[str, Callable[[], nn.Module]] = {
    "eccv16-reduced": lambda: Eccv16(width=4),
    "zhao-reduced": lambda: Zhao(width=4, classes=5),
    "favc-reduced": narrow_favc,
    "favc-refine-reduced": lambda: FavcRefine(4),
}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Files of narrow networks by name, and an empty folder of weights."""
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    return {name: kept(tmp_path, name, make()) for name, make in NARROW.items()}


def kept(folder: Path, name: str, network: nn.Module) -> Path:
    path = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in with_seeded_weights(network).state_dict().items()}, path)
    return path


def import_all(shelf: dict[str, Path]) -> None:
    for name in ("eccv16-reduced", "zhao-reduced"):
        assert main(["import", name, "--from", str(shelf[name])]) == 0
    refine = ["--refine", str(shelf["favc-refine-reduced"])]
    assert main(["import", "favc-reduced", "--from", str(shelf["favc-reduced"]), *refine]) == 0


@pytest.mark.parametrize("name", NARROW)
def test_a_file_says_its_width(shelf: dict[str, Path], name: str) -> None:
    found, expected = load_network(name, shelf[name]).state_dict(), with_seeded_weights(NARROW[name]()).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in found.items())


@pytest.mark.parametrize(
    ("name", "network", "message"),
    [
        ("eccv16-reduced", lambda: Eccv16(), "found those of eccv16"),
        ("zhao-reduced", lambda: Zhao(), "found those of zhao"),
        ("favc-refine-reduced", lambda: FavcRefine(), "found those of favc-refine"),
        ("favc-reduced", lambda: narrow_favc(32), "network.conv1_1.weight of shape (32, 491, 1, 1) instead of (12,"),
        ("eccv16", lambda: Eccv16(width=4), "found those of eccv16-reduced"),
        ("zhao", lambda: Zhao(width=4), "found those of zhao-reduced"),
        ("favc-refine", lambda: FavcRefine(4), "found those of favc-refine-reduced"),
        ("favc-reduced", lambda: FavcRefine(4), "found those of favc-refine-reduced"),
    ],
)
def test_the_paper_s_width_and_a_reduced_one_do_not_pass_for_each_other(
    tmp_path: Path, name: str, network: Callable[[], nn.Module], message: str
) -> None:
    path = tmp_path / "other.safetensors"
    save_file({key: value.contiguous() for key, value in network().state_dict().items()}, path)
    with pytest.raises(CheckpointError, match=re.escape(message)):
        load_network(name, path)


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("shape", [(), (0,), (1 << 40, 0)])
def test_a_first_layer_of_any_shape_is_refused_in_a_line(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    state = NARROW[name]().state_dict()
    first = next(key for key in state if key.endswith(("model1.0.weight", "conv1_1.weight")))
    save_file({key: value.contiguous() for key, value in (state | {first: torch.zeros(shape)}).items()}, tmp_path / "x")
    with pytest.raises(CheckpointError, match=f"expected the weights of {name}, found"):
        load_network(name, tmp_path / "x")


def test_they_say_that_they_are_trained_here_and_how_small_they_are(
    shelf: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NARROW:
        assert main(["get", name]) == 1
        trainer = official_network(name).trainer
        assert f"there is no file to be had; python -m {trainer} trains one" in capsys.readouterr().err
    import_all(shelf)
    said = capsys.readouterr().out
    assert said.count("no authors' file: weights trained with this project") == len(NARROW)
    for name in ("eccv16-reduced", "zhao-reduced", "favc-reduced"):
        parameters = f"{sum(one.numel() for one in NARROW[name]().parameters()):,} parameters"
        spec = describe_model(name)
        assert parameters in said
        assert "reduced width" in spec.description
        assert parameters in spec.description
        for told in (spec, describe_model(f"{name}+memory")):
            assert "made by training here and not by the authors" in told.terms
            assert parameters in told.terms
            assert "CC-BY-NC-4.0" in told.licence
    assert "8,671,020" not in describe_model("favc-reduced").description, "the paper's has VGG19 besides"
    assert "MobileNetV2" in describe_model("favc-reduced+lai").terms


def test_every_combination_loads_and_colours(shelf: dict[str, Path]) -> None:
    import_all(shelf)
    names = [spec.name for spec in list_models() if spec.frame.endswith("-reduced") and spec.weights_sha256]
    assert names == [
        *(f"eccv16-reduced{temporal}" for temporal in ("", "+memory", "+lai")),
        *(f"zhao-reduced{temporal}" for temporal in ("", "+memory", "+lai")),
        *(f"favc-reduced{temporal}" for temporal in ("", "+none", "+memory", "+lai")),
    ]
    light, hashes = sample_lightness(2, 64, 96), set()
    for name in names:
        model = load_model(name)
        assert model.spec == describe_model(name)
        hashes.add(model.spec.weights_sha256)
        state = model.init_state()
        for proposal in model.propose(light):
            result = model.step(state, proposal)
            state = result.state
            assert result.ab.shape == (2, 64, 96)
            assert torch.isfinite(result.ab).all()
    assert len(hashes) == len(names)


@pytest.mark.parametrize("name", ["eccv16-reduced", "zhao-reduced"])
def test_those_of_photos_alone_look_at_the_size_of_their_training(shelf: dict[str, Path], name: str) -> None:
    import_all(shelf)
    light, model = sample_lightness(1, 192, 288), load_model(name)
    small = F.interpolate(light, (96, 144), mode="bilinear", antialias=True, align_corners=False)
    with torch.no_grad():
        colour = load_network(name, shelf[name])(small)
    expected = F.interpolate(colour, (192, 288), mode="bicubic", align_corners=False)[0]
    assert torch.allclose(model.propose(light)[0].ab, expected, atol=1e-3)


def test_favc_with_a_file_missing_is_refused_in_one_line(
    shelf: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        NotInstalledError, match=r"^favc-reduced needs favc-reduced, favc-refine-reduced, not installed"
    ):
        load_model("favc-reduced")
    assert main(["import", "favc-reduced", "--from", str(shelf["favc-reduced"])]) == 0
    with pytest.raises(NotInstalledError, match=r"^favc-reduced needs favc-refine-reduced, not installed"):
        load_model("favc-reduced")
    assert describe_model("favc-reduced").weights_sha256 == ""
    assert load_model("favc-reduced+none").spec == describe_model("favc-reduced+none")
    assert main(["import", "favc-reduced", "--vgg", str(shelf["favc-reduced"])]) == 2
    assert "favc-reduced has no file for --vgg" in capsys.readouterr().err
    assert main(["import", "favc-reduced", "--refine", str(shelf["favc-refine-reduced"])]) == 0
    assert load_model("favc-reduced").spec.temporal == "refine"
    assert canonical_name("favc-reduced+refine") == "favc-reduced"


def test_favc_has_four_variants_and_shares_its_network(shelf: dict[str, Path]) -> None:
    import_all(shelf)
    ((own, plain),) = load_families(["favc-reduced", "favc-reduced+none"])
    assert own.spec.variants == plain.spec.variants == 4
    first, second = own.propose(sample_lightness(2, 64, 96))
    refined = own.step(own.step(own.init_state(), first).state, second).ab
    assert torch.equal(plain.step(plain.step(plain.init_state(), first).state, second).ab, second.ab)
    assert not torch.equal(refined, second.ab)
    colours = [own.with_variant(number).propose(first.lightness[None])[0].ab for number in (1, 2, 3, 4)]
    assert all(not torch.equal(colours[i], colours[j]) for i in range(4) for j in range(i))


def test_a_header_whose_length_begins_like_a_pickle_is_none(tmp_path: Path) -> None:
    path, state = tmp_path / "x.safetensors", Eccv16(width=4).state_dict()
    for length in range(0, 256, 8):
        save_file(state, path, metadata={"note": length * "-"})
        if path.read_bytes()[0] == 0x80:
            break
    else:
        pytest.fail("expected a header of such a length, found none")
    assert load_network("eccv16-reduced", path).state_dict().keys() == state.keys()
