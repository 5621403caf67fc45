"""Any frame network with any temporal network, as one model: pure, restorable, refused where weights are missing."""

from pathlib import Path

import pytest
import torch
from tests.parity.seeded import weights

from kinemacolor.models.api import Proposal
from kinemacolor.models.composed import ComposedColorizer
from kinemacolor.models.errors import NotInstalledError, UnknownModelError
from kinemacolor.models.frames import PlainFrames
from kinemacolor.models.library import import_weights
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.lai import Lai
from kinemacolor.models.registry import canonical_name, describe_model, list_models, load_model
from kinemacolor.models.selftest import sample_lightness
from kinemacolor.models.shot_memory import ShotNets
from kinemacolor.models.steadying import LaiSteadying, MemorySteadying, NoSteadying, Steadying
from kinemacolor.models.temporal import TemporalSettings

CPU = torch.device("cpu")


def small_frames() -> PlainFrames:
    network = Eccv16(width=8)
    network.load_state_dict(weights(network.state_dict()))
    return PlainFrames.on(CPU, lambda: network, 8)


def seeded_lai() -> Lai:
    network = Lai()
    network.load_state_dict({name: value * 0.5 for name, value in weights(network.state_dict()).items()})
    return network


def steadying(name: str) -> Steadying:
    torch.manual_seed(1)
    return {
        "none": NoSteadying,
        "lai": lambda: LaiSteadying(seeded_lai(), CPU),
        "memory": lambda: MemorySteadying(ShotNets(), CPU, TemporalSettings()),
    }[name]()


@pytest.fixture(params=["none", "lai", "memory"])
def model(request: pytest.FixtureRequest) -> ComposedColorizer:
    return ComposedColorizer(describe_model("tiny"), small_frames(), steadying(request.param), CPU)


def shot(model: ComposedColorizer, count: int = 5) -> list[torch.Tensor]:
    state, colours = model.init_state(), []
    for proposal in model.propose(sample_lightness(count, 40, 48)):
        state, ab = (result := model.step(state, proposal)).state, result.ab
        colours.append(ab)
    return colours


def test_a_shot_is_coloured_and_the_same_again(model: ComposedColorizer) -> None:
    first, again = shot(model), shot(model)
    assert all(ab.shape == (2, 40, 48) and torch.isfinite(ab).all() for ab in first)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_state_that_went_to_disk_goes_on_with_the_same_bytes(model: ComposedColorizer) -> None:
    proposals = model.propose(sample_lightness(4, 40, 48))
    state = model.init_state()
    for proposal in proposals[:2]:
        state = model.step(state, proposal).state
    kept = {name: tensor.clone() for name, tensor in state.tensors().items()}
    assert state.nbytes == sum(tensor.nbytes for tensor in kept.values())
    restored = model.restore_state(kept)
    for proposal in proposals[2:]:
        one, other = model.step(state, proposal), model.step(restored, proposal)
        assert torch.equal(one.ab, other.ab)
        state, restored = one.state, other.state
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.restore_state(kept).tensors().items())


def test_the_first_frame_of_a_shot_is_the_frame_network_s(model: ComposedColorizer) -> None:
    (proposal,) = model.propose(sample_lightness(1, 40, 48))
    found = model.step(model.init_state(), proposal).ab
    assert (found - proposal.ab).abs().max() < 1e-4


def test_a_frame_of_another_size_or_state_is_refused() -> None:
    small, large = (small_frames().propose(sample_lightness(1, side, 48))[0] for side in (32, 40))
    for name in ("lai", "memory"):
        one = steadying(name)
        with pytest.raises(ValueError, match="expected a frame"):
            one.step(one.step(one.init_state(), small).state, large)
        with pytest.raises(TypeError, match="expected a"):
            one.step(NoSteadying().init_state(), small)
        with pytest.raises(ValueError, match="expected the tensor"):
            one.restore_state({"nonsense": torch.zeros(1)})
    with pytest.raises(ValueError, match="multiples of 8"):
        small_frames().propose(torch.zeros(1, 1, 12, 48))


def test_names_of_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path))
    names = [spec.name for spec in list_models()]
    assert names[:3] == ["kinema", "kinema+none", "kinema+lai"]
    assert {"eccv16", "eccv16+memory", "siggraph17", "siggraph17+memory", "tiny"} < set(names)
    assert all(describe_model(name).name == name for name in names)
    assert describe_model("eccv16").weights_sha256 == ""
    assert describe_model("eccv16+memory").weights_sha256 == ""
    for name, message in (
        ("nobody", "no model 'nobody'"),
        ("kinema+nobody", "no model 'kinema+nobody'; there are: kinema, kinema+none"),
        ("tiny+memory", "no model 'tiny+memory'"),
    ):
        with pytest.raises(UnknownModelError, match=message.replace("+", r"\+")):
            load_model(name)
    with pytest.raises(NotInstalledError, match="kinemacolor models get eccv16, or kinemacolor models import eccv16"):
        load_model("eccv16+memory")
    torch.save(Eccv16().state_dict(), tmp_path / "a.pth")
    import_weights("eccv16", tmp_path / "a.pth")
    alone, steadied = describe_model("eccv16"), describe_model("eccv16+memory")
    assert alone.weights_sha256 != steadied.weights_sha256
    assert load_model("eccv16+memory").spec == steadied


@pytest.mark.parametrize(
    ("said", "default", "meant"),
    [
        ("", "eccv16+memory", "eccv16+memory"),
        ("+none", "eccv16+memory", "eccv16"),
        ("+none", "kinema", "kinema+none"),
        ("kinema+memory", "tiny", "kinema"),
        ("eccv16+none", "kinema", "eccv16"),
        ("nobody+none", "kinema", "nobody+none"),
    ],
)
def test_other_ways_of_naming_a_model(said: str, default: str, meant: str) -> None:
    assert canonical_name(said, default) == meant


def test_licence_and_terms_are_those_of_both_networks() -> None:
    kinema, steadied = describe_model("kinema"), describe_model("eccv16+memory")
    assert (kinema.frame, kinema.temporal) == ("kinema", "memory")
    assert (steadied.frame, steadied.temporal) == ("eccv16", "memory")
    assert kinema.licence == "CC-BY-NC-4.0"
    assert "non-commercial" in kinema.terms
    assert "BSD-2-Clause" in steadied.licence
    assert steadied.licence.endswith(kinema.licence)
    assert steadied.terms.endswith(kinema.terms)


def test_the_shipped_lai_takes_flicker_and_keeps_colour() -> None:
    model = load_model("kinema+lai")
    lightness = sample_lightness(1, 64, 96)[0]
    ab = torch.stack([torch.full((64, 96), 14.0), torch.full((64, 96), 18.0)])
    proposals = [Proposal(lightness, ab * (1.0 + 0.3 * (-1) ** number)) for number in range(24)]
    state, colours = model.init_state(), []
    for proposal in proposals:
        state, found = (result := model.step(state, proposal)).state, result.ab
        colours.append(found)
    settled, given = torch.stack(colours[8:]), torch.stack([proposal.ab for proposal in proposals[8:]])
    assert (settled[1:] - settled[:-1]).abs().mean() < 0.7 * (given[1:] - given[:-1]).abs().mean()
    assert settled.norm(dim=1).mean() > 0.9 * given.norm(dim=1).mean()


def test_kinema_without_its_memory_is_its_frame_network() -> None:
    model, plain = load_model("kinema"), load_model("kinema+none")
    lightness = sample_lightness(2, 64, 64)
    frames = model.propose(lightness)
    state = plain.init_state()
    for proposal, own in zip(plain.propose(lightness), frames, strict=True):
        state, ab = (result := plain.step(state, proposal)).state, result.ab
        assert torch.equal(ab, own.ab)
