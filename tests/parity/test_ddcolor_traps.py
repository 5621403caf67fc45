"""DDColor: each known trap of the authors' code, put back into ours, is noticed by the golden numbers."""

from collections.abc import Callable, Sequence

import pytest
import torch
import torch.nn.functional as F
from tests.parity.seeded import SMALL_DDCOLOR, uniform, with_seeded_weights
from tests.parity.test_golden import TOLERANCE, Functions, error
from torch import Tensor, nn

from kinemacolor.models.networks import colour_queries, convnext, shuffle_up
from kinemacolor.models.networks.ddcolor import DDColor
from kinemacolor.models.networks.normed_convs import SpectralConv
from kinemacolor.models.networks.shuffle_up import ShuffleUp

Look = Callable[[int, Tensor, Tensor, Tensor], Tensor]


# ---- encoder ----


def norms_on_the_main_path(network: nn.Module) -> None:
    arch = network.encoder.arch
    for number in range(4):
        arch.stages[number] = nn.Sequential(arch.stages[number], getattr(arch, f"norm{number}"))
        setattr(arch, f"norm{number}", nn.Identity())


def skips_without_norm(network: nn.Module) -> None:
    for number in range(4):
        setattr(network.encoder.arch, f"norm{number}", nn.Identity())


def no_layer_scale(network: nn.Module) -> None:
    for stage in network.encoder.arch.stages:
        for block in stage:
            block.gamma.fill_(1.0)


def last_norm_used(network: nn.Module) -> None:
    arch = network.encoder.arch
    arch.norm3 = nn.Sequential(arch.norm3, convnext._ChannelNorm(arch.norm.normalized_shape[0]))
    arch.norm3[1].load_state_dict(arch.norm.state_dict())


def picture_as_it_is(network: nn.Module) -> None:
    network.mean.zero_()
    network.std.fill_(1.0)


# ---- pixel decoder ----


def norm_before_relu(network: nn.Module) -> None:
    for block in network.decoder.layers:
        block.conv = nn.Sequential(block.conv[0], block.conv[2], block.conv[1])


def skip_not_normalised(network: nn.Module) -> None:
    for block in network.decoder.layers:
        block.bn = nn.Identity()


def singular_values_estimated_anew(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, SpectralConv):
            u, _, v = torch.linalg.svd(layer.weight_orig.flatten(1), full_matrices=False)
            layer.weight_u.copy_(u[:, 0])
            layer.weight_v.copy_(v[0])


def no_spectral_norm(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, SpectralConv):
            layer.weight_v.div_(torch.dot(layer.weight_u, layer.weight_orig.flatten(1) @ layer.weight_v))


# ---- colour decoder ----


def looking(change: Callable[[nn.Module, Look], Look]) -> Callable[[nn.Module], None]:
    """A trap in how a layer of the colour decoder looks."""

    def trap(network: nn.Module) -> None:
        decoder = network.decoder.color_decoder
        decoder.look = change(decoder, decoder.look)

    trap.__name__ = change.__name__
    return trap


@looking
def each_other_first(decoder: nn.Module, look: Look) -> Look:
    def wrong(number: int, queries: Tensor, picture: Tensor, places: Tensor) -> Tensor:
        own = decoder.query_embed.weight
        queries = decoder.transformer_self_attention_layers[number](queries, own)
        queries = decoder.transformer_cross_attention_layers[number](queries, own, picture, places)
        return decoder.transformer_ffn_layers[number](queries)

    return wrong


@looking
def feed_forward_in_between(decoder: nn.Module, look: Look) -> Look:
    def wrong(number: int, queries: Tensor, picture: Tensor, places: Tensor) -> Tensor:
        own = decoder.query_embed.weight
        queries = decoder.transformer_cross_attention_layers[number](queries, own, picture, places)
        queries = decoder.transformer_ffn_layers[number](queries)
        return decoder.transformer_self_attention_layers[number](queries, own)

    return wrong


@looking
def no_places(decoder: nn.Module, look: Look) -> Look:
    return lambda number, queries, picture, places: look(number, queries, picture, torch.zeros_like(places))


@looking
def columns_before_rows(decoder: nn.Module, look: Look) -> Look:
    return lambda number, queries, picture, places: look(
        number, queries, picture, places.roll(places.shape[2] // 2, dims=2)
    )


@looking
def places_in_what_is_seen(decoder: nn.Module, look: Look) -> Look:
    return lambda number, queries, picture, places: look(number, queries, picture + places, places - places)


@looking
def level_in_the_keys_only(decoder: nn.Module, look: Look) -> Look:
    def wrong(number: int, queries: Tensor, picture: Tensor, places: Tensor) -> Tensor:
        level = decoder.level_embed.weight[number % 3]
        return look(number, queries, picture - level, places + level)

    return wrong


def no_level_embedding(network: nn.Module) -> None:
    network.decoder.color_decoder.level_embed.weight.zero_()


def finest_first(network: nn.Module) -> None:
    decoder, seen = network.decoder.color_decoder, list[tuple[Tensor, Tensor]]()
    picture, look = decoder._picture, decoder.look

    def record(level: int, plane: Tensor) -> Tensor:
        seen.append((found := picture(level, plane), colour_queries.sine_places(plane, found.shape[2])))
        return found

    decoder._picture = record
    decoder.look = lambda number, queries, *_: look(number, queries, *seen[2 - number % 3])


def queries_without_places(network: nn.Module) -> None:
    network.decoder.color_decoder.query_embed.weight.zero_()


def norm_before_attention(network: nn.Module) -> None:
    for layer in network.decoder.color_decoder.transformer_self_attention_layers:

        def wrong(queries: Tensor, own: Tensor, layer: nn.Module = layer) -> Tensor:
            normed = layer.norm(queries)
            return queries + layer.self_attn(normed + own, normed + own, normed)[0]

        layer.forward = wrong


def no_norm_at_the_end(network: nn.Module) -> None:
    network.decoder.color_decoder.decoder_norm = nn.Identity()


# ---- refinement ----


def picture_in_the_refinement_as_it_is(network: nn.Module) -> None:
    refined = network.refined
    network.refined = lambda picture, *maps: refined(picture * network.std + network.mean, *maps)


def picture_before_the_maps(network: nn.Module) -> None:
    network.refine_net[0][0].weight_orig.copy_(network.refine_net[0][0].weight_orig.roll(3, dims=1))


TRAPS: Sequence[Callable[[nn.Module], None]] = (
    norms_on_the_main_path,
    skips_without_norm,
    no_layer_scale,
    last_norm_used,
    picture_as_it_is,
    norm_before_relu,
    skip_not_normalised,
    singular_values_estimated_anew,
    no_spectral_norm,
    each_other_first,
    feed_forward_in_between,
    no_places,
    columns_before_rows,
    places_in_what_is_seen,
    level_in_the_keys_only,
    no_level_embedding,
    finest_first,
    queries_without_places,
    norm_before_attention,
    no_norm_at_the_end,
    picture_in_the_refinement_as_it_is,
    picture_before_the_maps,
)


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_a_trap_in_the_layers_is_noticed(trap: Callable[[nn.Module], None]) -> None:
    assert error("ddcolor", trap) > 10 * TOLERANCE


def shuffled_in_two_steps(x: Tensor, scale: int) -> Tensor:
    return F.pixel_shuffle(F.pixel_shuffle(x, 2), 2) if scale == 4 else F.pixel_shuffle(x, scale)


def padded_below(x: Tensor, sides: tuple[int, ...], mode: str) -> Tensor:
    return F.pad(x, (0, 1, 0, 1), mode=mode)


def padded_with_zeros(x: Tensor, sides: tuple[int, ...], mode: str) -> Tensor:
    return F.pad(x, sides)


def places_from_zero(count: int, width: int, device: torch.device) -> Tensor:
    place = torch.arange(count) / (count + 1e-6) * (2 * torch.pi)
    return turned(place, width)


def places_in_cells(count: int, width: int, device: torch.device) -> Tensor:
    return turned(torch.arange(1, count + 1), width)


def sines_then_cosines(count: int, width: int, device: torch.device) -> Tensor:
    turns = turned(torch.arange(1, count + 1) / (count + 1e-6) * (2 * torch.pi), width)
    return torch.cat((turns[:, 0::2], turns[:, 1::2]), dim=1)


def turned(place: Tensor, width: int) -> Tensor:
    angle = place[:, None] / 10000.0 ** (torch.arange(0, width, 2) / width)
    return torch.stack((angle.sin(), angle.cos()), dim=2).flatten(1)


@pytest.mark.parametrize(
    ("module", "attribute", "trap"),
    [
        (shuffle_up, "F", Functions(pixel_shuffle=shuffled_in_two_steps)),
        (shuffle_up, "F", Functions(pad=padded_below)),
        (shuffle_up, "F", Functions(pad=padded_with_zeros)),
        (shuffle_up, "F", Functions(avg_pool2d=lambda x, side, stride: x[..., 1:, 1:])),
        (convnext, "F", Functions(gelu=F.relu)),
        (colour_queries, "_sines", places_from_zero),
        (colour_queries, "_sines", places_in_cells),
        (colour_queries, "_sines", sines_then_cosines),
        (colour_queries, "_TEMPERATURE", 100.0),
    ],
    ids=["scale 4 as 2 x 2", "blur below", "zeros", "no blur", "relu", "from 0", "in cells", "order", "temperature"],
)
def test_a_trap_in_the_functions_is_noticed(
    monkeypatch: pytest.MonkeyPatch, module: object, attribute: str, trap: object
) -> None:
    monkeypatch.setattr(module, attribute, trap)
    assert error("ddcolor") > 10 * TOLERANCE


def test_the_norms_have_the_epsilon_of_the_authors() -> None:
    """Too small a difference for the golden numbers: 1e-6 in the encoder, torch's own 1e-5 in the decoders."""
    network = DDColor(SMALL_DDCOLOR)
    norms = {name: layer.eps for name, layer in network.named_modules() if isinstance(layer, nn.LayerNorm)}
    assert {eps for name, eps in norms.items() if name.startswith("encoder")} == {1e-6}
    assert {eps for name, eps in norms.items() if name.startswith("decoder")} == {1e-5}


def test_the_norm_behind_the_last_stage_changes_nothing() -> None:
    assert error("ddcolor", lambda network: network.encoder.arch.norm.weight.fill_(9.0)) < TOLERANCE


# ---- features at full size are never made; what comes out is what they would give ----


def test_mixing_before_spreading_gives_what_spreading_before_mixing_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = with_seeded_weights(ShuffleUp(SpectralConv(6, 5 * 4**2, 1, bias=True), scale=4))
    x, mixing = uniform(9, 2, 6, 7, 9), uniform(10, 2, 3, 5)
    expected = torch.einsum("bkc,bchw->bkhw", mixing, layer(x))
    for numbers in (1, 1500, shuffle_up._STRIP_NUMBERS):
        monkeypatch.setattr(shuffle_up, "_STRIP_NUMBERS", numbers)
        assert torch.allclose(layer.mixed(x, mixing), expected, atol=1e-6)


def test_the_refinement_is_one_layer_over_the_maps_of_all_queries_and_the_picture() -> None:
    network = with_seeded_weights(DDColor(SMALL_DDCOLOR))
    picture = uniform(11, 1, 3, 64, 32)
    features = network.decoder.features(*network.encoder.arch(picture))
    mixtures = network.decoder.color_decoder(features)
    maps = torch.einsum("bqc,bchw->bqhw", mixtures, network.decoder.last_shuf(features[-1]))
    expected = network.refine_net(torch.cat((maps, picture), dim=1))
    assert torch.allclose(network.refined(picture, features[-1], mixtures), expected, atol=1e-5)
