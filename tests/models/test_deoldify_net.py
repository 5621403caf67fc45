"""The U-Nets of DeOldify: sizes, names of tensors, training at reduced width, attention in bounded memory."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from kinemacolor.models.networks.attention import SelfAttention, attend
from kinemacolor.models.networks.deoldify import DEEP, WIDE, Deoldify, DeoldifySettings
from kinemacolor.models.networks.normed_convs import SpectralConv, WeightNormConv, fold_norms
from kinemacolor.models.networks.resnet import ResNetKind

SMALL = {
    "wide": DeoldifySettings(kind="wide", encoder=ResNetKind((1, 2, 1, 1), bottleneck=True), width=8, factor=2.0),
    "deep": DeoldifySettings(kind="deep", encoder=ResNetKind((1, 2, 1, 1), bottleneck=False), width=8, factor=1.5),
}


@pytest.mark.parametrize("name", ["ddcolor-l", "deoldify-video", "deoldify-artistic"])
def test_a_layout_is_made_without_half_of_torch(name: str) -> None:
    """Seconds before each file is read, and before each error is said."""
    program = (
        "import sys, torch; from kinemacolor.models.official import official_network; before = len(sys.modules)\n"
        f"with torch.device('meta'): official_network({name!r}).make()\n"
        "print(len(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 20


def count(network: torch.nn.Module) -> tuple[int, int]:
    return sum(parameter.numel() for parameter in network.parameters()), len(network.state_dict())


def test_the_networks_have_the_size_of_the_authors() -> None:
    with torch.device("meta"):
        assert count(Deoldify(WIDE)) == (218_222_197, 754)
        assert count(Deoldify(DEEP)) == (63_646_881, 378)


@pytest.mark.parametrize(
    ("settings", "shapes"),
    [
        (
            WIDE,
            {
                "layers.0.0.weight": (64, 3, 7, 7),
                "layers.0.4.0.downsample.0.weight": (256, 64, 1, 1),
                "layers.0.6.22.conv3.weight": (1024, 256, 1, 1),
                "layers.1.running_var": (2048,),
                "layers.3.0.0.weight_orig": (4096, 2048, 3, 3),
                "layers.3.0.0.weight_v": (18432,),
                "layers.4.shuf.conv.0.weight_orig": (2048, 2048, 1, 1),
                "layers.4.conv.0.weight_orig": (512, 1536, 3, 3),
                "layers.4.bn.bias": (1024,),
                "layers.5.conv.3.gamma": (1,),
                "layers.5.conv.3.query.weight_orig": (64, 512, 1),
                "layers.7.conv.2.num_batches_tracked": (),
                "layers.8.conv.0.weight_g": (1024, 1, 1, 1),
                "layers.10.layers.1.0.weight_orig": (259, 259, 3, 3),
                "layers.11.0.bias": (3,),
            },
        ),
        (
            DEEP,
            {
                "layers.0.6.5.conv2.weight": (256, 256, 3, 3),
                "layers.4.conv1.0.weight_orig": (768, 512, 3, 3),
                "layers.5.conv2.3.value.weight_u": (768,),
                "layers.6.conv2.0.weight_orig": (672, 672, 3, 3),
                "layers.7.conv2.0.weight_orig": (300, 300, 3, 3),
                "layers.8.conv.0.weight_v": (1200, 300, 1, 1),
                "layers.10.layers.0.0.bias": (303,),
            },
        ),
    ],
    ids=["wide", "deep"],
)
def test_tensors_have_the_authors_names(settings: DeoldifySettings, shapes: dict[str, tuple[int, ...]]) -> None:
    with torch.device("meta"):
        state = Deoldify(settings).state_dict()
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("side", [(32, 32), (48, 80), (34, 46)])
def test_any_even_size_goes_through(kind: str, side: tuple[int, int]) -> None:
    network = Deoldify(SMALL[kind]).eval()
    with torch.no_grad():
        out = network(torch.randn(1, 3, *side))
    assert out.shape == (1, 3, *side)
    assert float(out.abs().max()) <= 3.0
    with pytest.raises(ValueError, match="expected even sides, found 46 x 33"):
        network(torch.zeros(1, 3, 33, 46))


@pytest.mark.parametrize("kind", SMALL)
def test_it_learns_at_reduced_width(kind: str) -> None:
    torch.manual_seed(1)
    network = Deoldify(SMALL[kind]).train()
    picture, target = torch.randn(2, 3, 64, 64), torch.randn(2, 3, 1, 1).expand(-1, -1, 64, 64)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(25):
        loss = (network(picture) - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert losses[-1] < 0.6 * losses[0]


def test_the_norms_begin_as_the_authors() -> None:
    """Batch norms alone begin with a bias of 0.001, those behind convolutions with 0; attention begins as nothing."""
    layers = Deoldify(SMALL["wide"]).state_dict()
    assert layers["layers.1.bias"].unique().tolist() == pytest.approx([1e-3])
    assert layers["layers.4.bn.bias"].unique().tolist() == pytest.approx([1e-3])
    assert not layers["layers.4.conv.2.bias"].any()
    assert not layers["layers.5.conv.3.gamma"].any()
    weight = layers["layers.4.shuf.conv.0.weight_orig"]
    assert torch.equal(weight[0::4], weight[3::4]), "what becomes one square begins alike"


# ---- norms ----


def test_a_new_spectral_norm_is_near_the_largest_singular_value() -> None:
    torch.manual_seed(2)
    convolution = SpectralConv(24, 16, 3).eval()
    largest = torch.linalg.matrix_norm(convolution.kernel().detach().flatten(1), 2)
    assert float(largest) == pytest.approx(1.0, abs=0.05)


def test_the_power_method_goes_on_in_training_alone() -> None:
    torch.manual_seed(2)
    convolution, x = SpectralConv(4, 6, 3), torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        convolution.weight_u.copy_(torch.eye(6)[0])
    before = {name: value.clone() for name, value in convolution.state_dict().items()}
    convolution.eval()(x)
    assert all(torch.equal(value, before[name]) for name, value in convolution.state_dict().items())
    convolution.train()(x)
    assert not torch.equal(convolution.weight_u, before["weight_u"])
    assert not torch.equal(convolution.weight_v, before["weight_v"])


def test_in_evaluation_the_norm_is_that_of_the_file() -> None:
    """However far u and v are from singular vectors: sigma = u^T W v."""
    torch.manual_seed(2)
    convolution = SpectralConv(4, 6, 3).eval()
    with torch.no_grad():
        convolution.weight_u.copy_(torch.eye(6)[2])
        convolution.weight_v.copy_(torch.eye(36)[5])
    sigma = convolution.weight_orig.flatten(1)[2, 5]
    assert torch.allclose(convolution.kernel(), convolution.weight_orig / sigma)


@pytest.mark.parametrize("kind", ["one axis", "biased", "length"])
def test_folded_norms_give_the_same(kind: str) -> None:
    torch.manual_seed(3)
    make, shape = {
        "one axis": (lambda: SpectralConv(4, 6, 1, axes=1), (1, 4, 9)),
        "biased": (lambda: SpectralConv(4, 6, 3, bias=True), (1, 4, 8, 8)),
        "length": (lambda: WeightNormConv(4, 6), (1, 4, 8, 8)),
    }[kind]
    network, x = torch.nn.Sequential(make()).eval(), torch.randn(*shape)
    with torch.no_grad():
        expected = network(x)
        assert torch.equal(fold_norms(network)(x), expected)
    assert all(name.rpartition(".")[2] in ("weight", "bias") for name in network.state_dict())


# ---- attention ----


def plain(f: Tensor, g: Tensor, h: Tensor) -> Tensor:
    return torch.bmm(h, torch.softmax(torch.bmm(f.transpose(1, 2), g), dim=1))


@pytest.mark.parametrize("limit_bytes", [1, 4 * 90 * 16 * 3, 1 << 20])
def test_attention_in_parts_is_that_in_one(limit_bytes: int) -> None:
    torch.manual_seed(4)
    f, g, h = torch.randn(2, 5, 91), torch.randn(2, 5, 91), torch.randn(2, 12, 91)
    assert torch.allclose(attend(f, g, h, limit_bytes), plain(f, g, h), atol=1e-5)
    swapped = plain(g, f, h)
    assert not torch.allclose(attend(f, g, h, limit_bytes), swapped, atol=1e-2)


def test_the_memory_of_attention_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    whole = torch.softmax

    def noted(weights: Tensor, dim: int) -> Tensor:
        nonlocal largest
        largest = max(largest, weights.nbytes)
        return whole(weights, dim=dim)

    monkeypatch.setattr(torch, "softmax", noted)
    places, limit_bytes = 3000, 1 << 20
    f = torch.randn(1, 4, places)
    attend(f, f, f, limit_bytes)
    assert 0 < largest <= limit_bytes < 4 * places**2 / 30


def test_attention_of_a_constant_picture_adds_its_values() -> None:
    torch.manual_seed(4)
    layer = SelfAttention(16).eval()
    x = torch.randn(1, 16, 1, 1).expand(-1, -1, 5, 7).contiguous()
    with torch.no_grad():
        assert torch.equal(layer(x), x), "it begins as nothing"
        layer.gamma.fill_(0.5)
        expected = x + 0.5 * layer.value(x.flatten(2)).view_as(x)
        assert torch.allclose(layer(x), expected, atol=1e-5)
