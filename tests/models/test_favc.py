"""`favc` in a film: what the authors' script means to do, each of its slips put back and noticed; files and names."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from tests.models.test_matconvnet import write_vgg19
from tests.models.tf_writer import write_checkpoint
from tests.parity.seeded import SMALL_FAVC, with_seeded_weights
from torch import Tensor, nn

from kinemacolor.models import official, refining
from kinemacolor.models.api import Proposal
from kinemacolor.models.color import srgb_to_lab
from kinemacolor.models.command import main
from kinemacolor.models.composed import ComposedColorizer
from kinemacolor.models.errors import CheckpointError, MissingPackageError, NotInstalledError
from kinemacolor.models.favc_frames import FavcFrames, picture_ab
from kinemacolor.models.files.load import read_weights
from kinemacolor.models.files.tf_names import variable_name
from kinemacolor.models.grey_input import grey_codes
from kinemacolor.models.networks.favc import FavcColour, FavcImage, FavcPainter, FavcRefine
from kinemacolor.models.networks.vgg19 import Vgg19
from kinemacolor.models.refining import RefineState, RefineSteadying
from kinemacolor.models.registry import canonical_name, describe_model, list_models, load_families, load_model
from kinemacolor.models.selftest import sample_lightness

CPU = torch.device("cpu")
SIDE = (48, 64)


def painter(kind: type[FavcColour] | type[FavcImage] = FavcColour) -> FavcPainter:
    trunk, network = with_seeded_weights(Vgg19(SMALL_FAVC[0])), with_seeded_weights(kind(SMALL_FAVC, 8))
    assert isinstance(network, kind)
    return FavcPainter(trunk, network)


def colorizer() -> ComposedColorizer:
    network = with_seeded_weights(FavcRefine(8))
    assert isinstance(network, FavcRefine)
    frames = FavcFrames.on(CPU, painter(), 16)
    return ComposedColorizer(describe_model("favc"), frames, RefineSteadying(network, CPU), CPU)


class Returning(FavcRefine):
    """A refinement that gives a mixture of what it is shown: the carried picture and the frame's own."""

    def __init__(self, carried: float) -> None:
        super().__init__(2)
        self.share = carried

    def forward(self, planes: Tensor) -> Tensor:
        return self.share * planes[:, 3:6] + (1.0 - self.share) * planes[:, 6:9]


def textured(width: int) -> Tensor:
    """(1, 64, width) L* that DIS can follow."""
    x, y = torch.arange(width), torch.arange(64).view(-1, 1)
    return (50 + 20 * torch.sin(x / 5 + y / 9) + 20 * torch.cos(x / 7 - y / 4)).unsqueeze(0)


def proposals(colours: list[Tensor], lightness: list[Tensor]) -> list[Proposal]:
    return [Proposal(light, picture_ab(rgb), rgb) for light, rgb in zip(lightness, colours, strict=True)]


def flat(red: float) -> Tensor:
    return torch.tensor([red, 0.4, 0.4]).view(3, 1, 1).expand(3, 64, 96).clone()


def refined(network: FavcRefine, frames: list[Proposal]) -> list[Tensor]:
    """The states' pictures."""
    steadying, state, found = RefineSteadying(network, CPU), RefineState(), []
    for frame in frames:
        after = steadying.step(state, frame).state
        assert isinstance(after, RefineState)
        assert after.refined is not None
        state = after
        found.append(after.refined)
    return found


# ---- the slips of the authors' script, put back ----


def keeping_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """`outputs.append(...)`: the frame before stays the second one of the clip."""
    step = RefineSteadying.step

    def wrong(self: RefineSteadying, state: RefineState, proposal: Proposal) -> object:
        result = step(self, state, proposal)
        kept = state if state.refined is not None else result.state
        assert isinstance(kept, RefineState)
        assert isinstance(result.state, RefineState)
        return replace(result, state=RefineState(kept.refined, result.state.grey))

    monkeypatch.setattr(RefineSteadying, "step", wrong)


def carried_error() -> float:
    """Of the fourth frame's red, where every refined frame is the mean of the one before and its own."""
    light = [textured(96)] * 5
    found = refined(Returning(0.5), proposals([flat(red) for red in (0.4, 0.5, 0.5, 0.5, 0.5)], light))
    expected = 0.4
    for _ in range(3):
        expected = (expected + 0.5) / 2
    return abs(float(found[3][0].mean()) - expected)


def first_picture_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """`C1_im[:,:,:,:3]`: whichever was chosen, the first is refined."""
    monkeypatch.setattr(FavcFrames, "with_variant", lambda self, variant: self)


def variant_error() -> float:
    """How alike the refined pictures of two variants are, as a share of how far apart they should be."""
    frames = FavcFrames.on(CPU, painter(), 16)
    model = ComposedColorizer(describe_model("favc"), frames, RefineSteadying(Returning(0.0), CPU), CPU)
    pictures = painter()(grey_codes(light := sample_lightness(1, *SIDE)))
    error = 0.0
    for variant in (1, 2, 3, 4):
        one = model.with_variant(variant)
        (proposal,) = one.propose(light)
        state = one.step(one.init_state(), proposal).state
        ab = one.step(state, proposal).ab
        error = max(error, float((ab - picture_ab(pictures[0, 3 * variant - 3 : 3 * variant])).abs().max()))
    return error


def flow_of_a_film_twice_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flow files measured at full size, not divided by two, with frames at half the size."""
    monkeypatch.setattr(refining, "flow_back", lambda before, after, flow=refining.flow_back: 2 * flow(before, after))


def flow_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divided by two for frames that were not halved."""
    monkeypatch.setattr(refining, "flow_back", lambda before, after, flow=refining.flow_back: flow(before, after) / 2)


def flow_forth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refining, "flow_back", lambda before, after, flow=refining.flow_back: flow(after, before))


def motion_error() -> float:
    """Where a film moves by six pixels, the picture that is carried must move by six."""
    wide = textured(120)
    stripes = (0.5 + 0.3 * torch.sin(torch.arange(120) / 3)).expand(3, 64, 120)
    shown = [(wide[..., :96], stripes[..., :96]), (wide[..., 6:102], stripes[..., 6:102])]
    frames = proposals([rgb.contiguous() for _, rgb in shown], [light.contiguous() for light, _ in shown])
    found = refined(Returning(1.0), frames)[1]
    return float((found - frames[1].features)[:, 12:-12, 16:-16].abs().mean())


def remembering(monkeypatch: pytest.MonkeyPatch, kept: Callable[[RefineState, RefineState], RefineState]) -> None:
    """Let another state be remembered, made of that before a frame and that after it; from the second frame on."""
    step = RefineSteadying.step

    def wrong(self: RefineSteadying, state: RefineState, proposal: Proposal) -> object:
        result = step(self, state, proposal)
        assert isinstance(result.state, RefineState)
        return replace(result, state=kept(state, result.state) if state.tensors() else result.state)

    monkeypatch.setattr(RefineSteadying, "step", wrong)


def flow_from_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The grey frame that the flow is measured to stays the first of the shot."""
    remembering(monkeypatch, lambda before, after: RefineState(after.refined, before.grey))


def carried_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(before: RefineState, after: RefineState) -> RefineState:
        assert after.refined is not None
        return RefineState(after.refined.clamp(0.0, 1.0), after.grey)

    remembering(monkeypatch, kept)


def long_motion_error() -> float:
    """Where a film moves on by four pixels a frame, so does a picture of more than the range that is carried along."""
    wide = textured(144)
    stripes = (0.5 + 0.8 * torch.sin(torch.arange(144) / 5)).expand(3, 64, 144)
    places = [slice(4 * t, 4 * t + 128) for t in range(4)]
    frames = proposals([stripes[..., at].contiguous() for at in places], [wide[..., at].contiguous() for at in places])
    found = refined(Returning(1.0), frames)
    errors = [one - frame.features for one, frame in zip(found, frames, strict=True)]
    return max(float(error[:, 12:-12, 24:-24].abs().mean()) for error in errors)


def stretched(monkeypatch: pytest.MonkeyPatch) -> None:
    """imageio and arrays of floats: every picture is stretched to its own range."""

    def wrong(rgb: Tensor) -> Tensor:
        low, high = rgb.min(), rgb.max()
        return srgb_to_lab((rgb - low) / (high - low))[..., 1:, :, :]

    monkeypatch.setattr(refining, "picture_ab", wrong)


def range_error() -> float:
    """Colours of a picture whose values leave [0, 1], and of a dull one, against those of the clipped pictures."""
    error = 0.0
    for low, high in ((-0.2, 1.3), (0.3, 0.5)):
        rgb = torch.linspace(low, high, 3 * 64 * 96).view(3, 64, 96).flip(0)
        steadying = RefineSteadying(Returning(0.0), CPU)
        (frame,) = proposals([rgb], [textured(96)])
        ab = steadying.step(steadying.step(RefineState(), frame).state, frame).ab
        error = max(error, float((ab - srgb_to_lab(rgb.clamp(0, 1))[1:]).abs().max()))
    return error


SLIPS: list[tuple[Callable[[pytest.MonkeyPatch], None], Callable[[], float], float]] = [
    (keeping_the_first, carried_error, 0.01),
    (first_picture_always, variant_error, 0.1),
    (flow_of_a_film_twice_as_large, motion_error, 0.03),
    (flow_halved, motion_error, 0.03),
    (flow_forth, motion_error, 0.03),
    (flow_from_the_first, long_motion_error, 0.02),
    (carried_clipped, long_motion_error, 0.02),
    (stretched, range_error, 0.1),
]


@pytest.mark.parametrize(("slip", "measure", "limit"), SLIPS, ids=[slip[0].__name__ for slip in SLIPS])
def test_a_slip_of_the_authors_script_is_not_made_and_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
    slip: Callable[[pytest.MonkeyPatch], None],
    measure: Callable[[], float],
    limit: float,
) -> None:
    assert measure() < limit
    slip(monkeypatch)
    assert measure() > 2 * limit


def test_the_flow_is_that_of_the_film_not_of_its_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def recorded(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        seen.extend((before, after))
        return np.zeros((*before.shape, 2), np.float32)

    monkeypatch.setattr(refining, "flow_back", recorded)
    light = [textured(96), textured(96).roll(2, -1)]
    refined(Returning(0.5), proposals([flat(0.4), flat(0.6)], light))
    expected = [(grey_codes(plane)[0] * 255).round().numpy() for plane in light]
    assert all(np.array_equal(found, plane) for found, plane in zip(seen, expected, strict=True))


def test_a_checkpoint_of_three_planes_is_named_not_read(tmp_path: Path) -> None:
    """`net.VCN` without `div_num`: the graph of the released script has one picture where the files have four."""
    network = FavcColour(SMALL_FAVC, 8)
    network._add("conv9_2", nn.Conv2d(8, 3, 3, padding=1))
    write_network(tmp_path / "m.ckpt", network, "individual/g_")
    narrow = replace(official.official_network("favc"), make=lambda: FavcColour(SMALL_FAVC, 8))
    with pytest.raises(CheckpointError, match=r"conv9_2.weight of shape \(3, 8, 3, 3\) instead of \(12, 8, 3, 3\)"):
        read_weights(narrow, tmp_path / "m.ckpt")


# ---- what is no number ----


class Painting(nn.Module):
    """Gives one picture in the place of four, whatever comes."""

    def __init__(self, rgb: Tensor) -> None:
        super().__init__()
        self.rgb = rgb

    def forward(self, grey: Tensor) -> Tensor:
        return self.rgb.repeat(len(grey), 4, 1, 1)


@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
def test_a_clip_makes_no_colour_of_what_is_no_number(bad: float) -> None:
    rgb = torch.full((1, 3, 16, 32), 0.5)
    rgb[0, 1, 2, 3] = bad
    frames = FavcFrames.on(CPU, Painting(rgb), 16)  # type: ignore[arg-type]
    (proposal,) = frames.propose(sample_lightness(1, 16, 32))
    assert (~proposal.ab.isfinite()).any(dim=0).nonzero().tolist() == [[2, 3]]


class Failing(FavcRefine):
    """Gives no number at one place."""

    def __init__(self, bad: float) -> None:
        super().__init__(2)
        self.bad = bad

    def forward(self, planes: Tensor) -> Tensor:
        refined = planes[:, 6:9].clone()
        refined[0, 2, 5, 7] = self.bad
        return refined


@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
def test_a_clip_makes_no_colour_of_a_refinement_that_is_no_number(bad: float) -> None:
    first, second = proposals([flat(0.4), flat(0.5)], [textured(96)] * 2)
    steadying = RefineSteadying(Failing(bad), CPU)
    result = steadying.step(steadying.step(RefineState(), first).state, second)
    assert (~result.ab.isfinite()).any(dim=0).nonzero().tolist() == [[5, 7]]


# ---- the state ----


def test_the_first_frame_of_a_shot_is_the_frame_network_s_and_the_next_is_not() -> None:
    model = colorizer()
    state = model.init_state()
    first, second = model.propose(sample_lightness(2, *SIDE))
    result = model.step(state, first)
    assert torch.equal(result.ab, first.ab)
    assert not torch.equal(model.step(result.state, second).ab, second.ab)


def test_a_state_that_went_to_disk_goes_on_with_the_same_bytes() -> None:
    model = colorizer()
    frames = model.propose(sample_lightness(4, *SIDE))
    state = model.init_state()
    assert state.tensors() == {}
    for frame in frames[:2]:
        state = model.step(state, frame).state
    kept = {name: tensor.clone() for name, tensor in state.tensors().items()}
    assert {name: tuple(tensor.shape) for name, tensor in kept.items()} == {"refined": (3, *SIDE), "grey": (1, *SIDE)}
    assert state.nbytes == 4 * 4 * SIDE[0] * SIDE[1]
    restored = model.restore_state(kept)
    for frame in frames[2:]:
        one, other = model.step(state, frame), model.step(restored, frame)
        assert torch.equal(one.ab, other.ab)
        state, restored = one.state, other.state
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.restore_state(kept).tensors().items())


def test_a_step_changes_nothing_that_it_was_given() -> None:
    model = colorizer()
    frames = model.propose(sample_lightness(2, *SIDE))
    state = model.step(model.init_state(), frames[0]).state
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    first = model.step(state, frames[1]).ab
    assert torch.equal(first, model.step(state, frames[1]).ab)
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.tensors().items())


def test_a_batch_gives_what_single_frames_give() -> None:
    model, light = colorizer(), sample_lightness(3, *SIDE)
    for together, alone in zip(model.propose(light), light, strict=True):
        (single,) = model.propose(alone.unsqueeze(0))
        assert torch.equal(together.ab, single.ab)


def test_other_states_frames_and_proposals_are_refused() -> None:
    model = colorizer()
    (small,), (large,) = (model.propose(sample_lightness(1, side, 64)) for side in (48, 64))
    state = model.step(model.init_state(), small).state
    with pytest.raises(ValueError, match=r"expected a frame of \(3, 48, 64\), found \(3, 64, 64\)"):
        model.step(state, large)
    with pytest.raises(ValueError, match="expected a proposal of favc"):
        model.step(state, replace(small, features=None))
    with pytest.raises(ValueError, match="expected the tensors of a RefineState, found nonsense"):
        model.restore_state({"nonsense": torch.zeros(1)})
    with pytest.raises(TypeError, match="expected a RefineState"):
        RefineSteadying(FavcRefine(2), CPU).step(object(), small)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="multiples of 16"):
        model.propose(sample_lightness(1, 40, 64))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"grey": None}, "expected the tensors refined, grey, found none of grey"),
        ({"refined": None}, "expected the tensors refined, grey, found none of refined"),
        ({"grey": (1, 24, 64)}, r"found \(3, 48, 64\) and \(1, 24, 64\)"),
        ({"grey": (3, 48, 64)}, r"found \(3, 48, 64\) and \(3, 48, 64\)"),
        ({"refined": (1, 48, 64)}, r"found \(1, 48, 64\) and \(1, 48, 64\)"),
        ({"refined": (48, 64)}, r"found \(48, 64\) and \(1, 48, 64\)"),
    ],
)
def test_a_damaged_state_is_refused(damage: dict[str, tuple[int, ...] | None], message: str) -> None:
    shapes = {"refined": (3, *SIDE), "grey": (1, *SIDE)} | damage
    tensors = {name: torch.zeros(shape) for name, shape in shapes.items() if shape is not None}
    with pytest.raises(ValueError, match=message):
        colorizer().restore_state(tensors)


def test_pictures_that_are_too_small_for_a_flow_stand_still() -> None:
    frames = FavcFrames.on(CPU, painter(), 16)
    model = ComposedColorizer(describe_model("favc"), frames, RefineSteadying(Returning(0.5), CPU), CPU)
    tiny = model.propose(sample_lightness(2, 16, 16))
    state = model.step(model.init_state(), tiny[0]).state
    assert torch.isfinite(model.step(state, tiny[1]).ab).all()


# ---- files and names ----


def write_network(prefix: Path, network: nn.Module, scope: str) -> None:
    """With variables of an optimiser beside it."""
    variables = {
        variable_name(key, scope): (value.permute(2, 3, 1, 0) if value.ndim == 4 else value).numpy()
        for key, value in network.state_dict().items()
    }
    variables |= {f"{name}/Adam": np.zeros(1, np.float32) for name in variables}
    write_checkpoint(prefix, variables)


NARROW: dict[str, Callable[[], nn.Module]] = {
    "favc": lambda: FavcColour(SMALL_FAVC, 8),
    "favc-image": lambda: FavcImage(SMALL_FAVC, 8),
    "favc-refine": lambda: FavcRefine(8),
    "vgg19": lambda: Vgg19(SMALL_FAVC[0]),
}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Files of narrow networks, by name, for an empty folder of weights; the command takes them for the real ones."""
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    narrow = {name: replace(one, make=NARROW.get(name, one.make)) for name, one in official.OFFICIAL.items()}
    monkeypatch.setattr(official, "OFFICIAL", MappingProxyType(narrow))
    paths = {"vgg19": tmp_path / "vgg.mat"}
    write_vgg19(paths["vgg19"], dict(with_seeded_weights(NARROW["vgg19"]()).state_dict()))
    for name in ("favc", "favc-image", "favc-refine"):
        paths[name] = tmp_path / f"{name}.ckpt"
        write_network(paths[name], with_seeded_weights(NARROW[name]()), narrow[name].tf_scope)
    return paths


def test_what_is_missing_is_listed_with_where_to_find_it(
    shelf: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["get", "favc"]) == 1
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["favc", "vgg19", "favc-refine"]
    assert all("missing; " in line and "https://" in line for line in lines)
    assert said.err == (
        "kinemacolor: favc: favc, vgg19, favc-refine missing, and no program can fetch them: get them with a browser, "
        "then kinemacolor models import favc --from FILE --vgg FILE --refine FILE\n"
    )
    assert main(["import", "favc", "--from", str(shelf["favc"]), "--vgg", str(shelf["vgg19"])]) == 0
    capsys.readouterr()
    assert main(["get", "favc"]) == 1
    assert capsys.readouterr().err.endswith("then kinemacolor models import favc --refine FILE\n")
    assert main(["import", "favc", "--refine", str(shelf["favc-refine"])]) == 0
    assert main(["get", "favc"]) == 0
    assert main(["verify"]) == 0


def test_a_model_with_a_file_missing_is_refused_in_one_line(shelf: dict[str, Path]) -> None:
    with pytest.raises(NotInstalledError, match=r"^favc needs favc, vgg19, favc-refine, not installed; "):
        load_model("favc")
    assert main(["import", "favc", "--from", str(shelf["favc"]), "--vgg", str(shelf["vgg19"])]) == 0
    with pytest.raises(NotInstalledError, match=r"^favc needs favc-refine, not installed; kinemacolor models get favc"):
        load_model("favc")
    assert describe_model("favc").weights_sha256 == ""
    assert load_model("favc+none").spec == describe_model("favc+none")
    assert describe_model("favc+none").weights_sha256 != ""


def test_every_combination_loads_and_colours(shelf: dict[str, Path]) -> None:
    files = {"--from": "favc", "--vgg": "vgg19", "--refine": "favc-refine"}
    assert main(["import", "favc", *(text for at, name in files.items() for text in (at, str(shelf[name])))]) == 0
    assert main(["import", "favc-image", "--from", str(shelf["favc-image"])]) == 0
    names = [spec.name for spec in list_models() if spec.frame in ("favc", "favc-image")]
    assert names == [
        "favc",
        "favc+none",
        "favc+memory",
        "favc+lai",
        "favc-image",
        "favc-image+memory",
        "favc-image+lai",
    ]
    light, hashes = sample_lightness(2, 64, 64), set()
    for name in names:
        model = load_model(name)
        assert model.spec == describe_model(name)
        hashes.add(model.spec.weights_sha256)
        state = model.init_state()
        for proposal in model.propose(light):
            result = model.step(state, proposal)
            state = result.state
            assert torch.isfinite(result.ab).all()
    assert len(hashes) == len(names)
    expected = colorizer().propose(light)
    found = load_model("favc").propose(light)
    assert all(torch.allclose(one.ab, other.ab, atol=1e-3) for one, other in zip(found, expected, strict=True))


def test_a_comparison_loads_the_network_once(shelf: dict[str, Path]) -> None:
    files = ["--from", str(shelf["favc"]), "--vgg", str(shelf["vgg19"])]
    assert main(["import", "favc", *files, "--refine", str(shelf["favc-refine"])]) == 0
    ((own, plain),) = load_families(["favc", "favc+none"])
    first, second = own.propose(sample_lightness(2, *SIDE))
    assert torch.equal(plain.step(plain.step(plain.init_state(), first).state, second).ab, second.ab)
    assert not torch.equal(own.step(own.step(own.init_state(), first).state, second).ab, second.ab)


def test_four_variants_are_offered_and_differ(shelf: dict[str, Path]) -> None:
    assert main(["import", "favc", "--from", str(shelf["favc"]), "--vgg", str(shelf["vgg19"])]) == 0
    model = load_model("favc+none")
    assert model.spec.variants == describe_model("favc").variants == 4
    light = sample_lightness(1, *SIDE)
    colours = [model.with_variant(number).propose(light)[0].ab for number in (1, 2, 3, 4)]
    assert torch.equal(colours[0], model.propose(light)[0].ab)
    assert all(not torch.equal(colours[i], colours[j]) for i in range(4) for j in range(i))
    for variant in (0, 5):
        with pytest.raises(ValueError, match="expected a variant of 1 to 4"):
            model.with_variant(variant)
    assert describe_model("favc-image").variants == 1


def test_options_that_do_not_fit_are_said(shelf: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["import", "favc"], "expected a file of favc (--from FILE), found none"),
        (["import", "lai", "--vgg", str(shelf["vgg19"])], "lai has no file for --vgg"),
        (["import", "favc-image", "--refine", str(shelf["favc-refine"])], "favc-image has no file for --refine"),
    ):
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
    for arguments, message in (
        (["import", "favc", "--from", str(shelf["favc-refine"])], "expected variables individual/g_*, found VCRNr_"),
        (["import", "lai", "--from", str(shelf["favc"])], "expected the weights of lai, found a checkpoint of TensorF"),
        (["import", "favc", "--from", "nothing.ckpt"], "nothing.ckpt: No such file"),
    ):
        assert main(arguments) == 1
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("gone", "named"), [("data-00000-of-00001", "index"), ("data-00000-of-00001", ""), ("index", "data-00000-of-00001")]
)
def test_half_a_checkpoint_is_told_what_its_other_half_is_called(
    shelf: dict[str, Path], capsys: pytest.CaptureFixture[str], gone: str, named: str
) -> None:
    prefix = shelf["favc-refine"]
    left = {"index": "data-00000-of-00001", "data-00000-of-00001": "index"}[gone]
    Path(f"{prefix}.{gone}").unlink()
    assert main(["import", "favc-refine", "--from", f"{prefix}.{named}".rstrip(".")]) == 1
    said = capsys.readouterr().err
    assert f"expected favc-refine.ckpt.{gone} beside favc-refine.ckpt.{left}, found none" in said
    assert said.count("\n") == 1


def test_a_checkpoint_that_is_not_there_is_said(shelf: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "favc-refine", "--from", f"{shelf['favc-refine']}x.index"]) == 1
    assert "No such file" in capsys.readouterr().err


def test_each_file_can_be_imported_under_its_own_name(shelf: dict[str, Path]) -> None:
    for name, path in shelf.items():
        assert main(["import", name, "--from", str(path)]) == 0
    assert load_model("favc").spec.weights_sha256
    assert load_model("favc-image").spec.weights_sha256


def test_the_licence_and_terms_are_those_of_all_files() -> None:
    vgg = official.official_network("vgg19")
    for name in ("favc", "favc+none", "favc+lai", "favc-image"):
        own, spec = official.official_network(name.partition("+")[0]), describe_model(name)
        for text, ours, theirs in ((spec.licence, own.licence, vgg.licence), (spec.terms, own.terms, vgg.terms)):
            assert text.startswith(f"{ours} / ")
            assert text.count(theirs) == 1
    reduced = describe_model("favc-reduced")
    assert reduced.terms == official.official_network("favc-reduced").terms, "those of its refinement are in them"
    assert "Apache-2.0" in reduced.terms
    assert vgg.licence not in reduced.licence, "it does not look through VGG19"


def test_its_own_temporal_network_has_a_name() -> None:
    assert canonical_name("favc+refine") == "favc"
    assert describe_model("favc").temporal == "refine"
    assert describe_model("favc+none").temporal == "none"


def test_without_opencv_the_refinement_says_so(shelf: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    files = ["--from", str(shelf["favc"]), "--vgg", str(shelf["vgg19"]), "--refine", str(shelf["favc-refine"])]
    assert main(["import", "favc", *files]) == 0
    monkeypatch.setitem(__import__("sys").modules, "kinemacolor.models.refining", None)
    with pytest.raises(MissingPackageError, match=r"needs OpenCV: pip install 'kinemacolor\[favc\]'"):
        load_model("favc")
    load_model("favc+none")
