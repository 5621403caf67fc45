import pytest
import torch
from torch import Tensor

from kinemacolor.models.networks.kinema import Answer, DecodeSettings, KinemaNet, expected_error, fold_batch_norm
from kinemacolor.models.networks.kinema_layers import SelfAttention


def _answer(logits: Tensor) -> Answer:
    """One whose finish changes nothing."""
    blank = torch.zeros_like(logits[:, :1])
    return Answer(logits, blank.expand(-1, 3, -1, -1), blank)


@pytest.fixture
def trained() -> KinemaNet:
    """A network whose batch norms have statistics that are not the start's."""
    torch.manual_seed(0)
    net = KinemaNet(norm=True).train()
    with torch.no_grad():
        for _ in range(2):
            net(torch.rand(4, 1, 32, 32) * 100)
    return net.eval()


def test_folding_changes_nothing(trained: KinemaNet) -> None:
    lightness = torch.rand(2, 1, 64, 96) * 100
    with torch.inference_mode():
        expected, found = trained(lightness), fold_batch_norm(trained)(lightness)
    for name in ("logits", "finish", "error"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), atol=1e-5, rtol=1e-4)


def test_shapes(trained: KinemaNet) -> None:
    with torch.inference_mode():
        answer = trained(torch.rand(2, 1, 64, 96) * 100)
        ab, spread = trained.decode(answer, DecodeSettings())
    assert answer.logits.shape == (2, 261, 16, 24)
    assert expected_error(answer).shape == (2, 1, 16, 24)
    assert ab.shape == (2, 2, 16, 24)
    assert spread.shape == (2, 1, 16, 24)


def test_a_sure_posterior_decodes_to_its_bin_without_spread(trained: KinemaNet) -> None:
    logits = torch.full((1, 261, 1, 1), -50.0)
    logits[0, 17] = 50.0
    ab, spread = trained.decode(_answer(logits), DecodeSettings(saturation=1.0, largest_chroma=1e4))
    torch.testing.assert_close(ab[0, :, 0, 0], trained.bins[17], atol=0.01, rtol=0)
    assert float(spread) < 0.1


def test_beta_divides_the_class_weight_out() -> None:
    net = KinemaNet(norm=False)
    net.class_log_weight[3] = 2.0
    logits = torch.randn(1, 261, 2, 2, generator=torch.Generator().manual_seed(1))
    plain = logits.clone()
    plain[:, 3] -= 2.0
    found, _ = net.decode(
        _answer(logits), DecodeSettings(beta=1.0, temperature=1.0, saturation=1.0, largest_chroma=1e4)
    )
    expected = torch.einsum("bqhw,qc->bchw", plain.softmax(dim=1), net.bins)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_saturation_raises_chroma_and_leaves_hue_and_spread(trained: KinemaNet) -> None:
    logits = torch.randn(1, 261, 3, 4, generator=torch.Generator().manual_seed(2))
    plain, spread = trained.decode(_answer(logits), DecodeSettings(saturation=1.0, largest_chroma=1e4))
    raised, same_spread = trained.decode(_answer(logits), DecodeSettings(saturation=1.5, largest_chroma=1e4))
    torch.testing.assert_close(raised, 1.5 * plain, atol=1e-3, rtol=1e-3)
    assert torch.equal(spread, same_spread)


def test_raised_chroma_is_limited_without_a_change_of_hue(trained: KinemaNet) -> None:
    logits = torch.full((1, 261, 1, 1), -50.0)
    strong = int(trained.bins.square().sum(dim=1).argmax())
    logits[0, strong] = 50.0
    ab, _ = trained.decode(_answer(logits), DecodeSettings(saturation=2.0, largest_chroma=60.0))
    found, true = ab[0, :, 0, 0], trained.bins[strong]
    assert 55.0 < float(found.norm()) <= 60.0
    torch.testing.assert_close(found / found.norm(), true / true.norm())


def test_the_finish_scales_and_shifts_the_colour(trained: KinemaNet) -> None:
    logits = torch.randn(1, 261, 3, 4, generator=torch.Generator().manual_seed(2))
    plain, _ = trained.decode(_answer(logits), DecodeSettings())
    finish = torch.tensor([0.5, 1.0, -2.0]).view(1, 3, 1, 1).expand(-1, -1, 3, 4)
    answer = Answer(logits, finish, torch.zeros(1, 1, 3, 4))
    found, _ = trained.decode(answer, DecodeSettings())
    torch.testing.assert_close(found, plain * torch.tensor(0.5).exp() + torch.tensor([10.0, -20.0]).view(1, 2, 1, 1))
    lively, _ = trained.decode(answer, DecodeSettings(gain=1.5))
    torch.testing.assert_close(lively, 1.5 * found)
    unfinished, _ = trained.decode(answer, DecodeSettings(finished=False))
    assert torch.equal(unfinished, plain)


def test_a_lean_favours_a_hue_where_the_posterior_is_open_and_not_where_it_is_sure(trained: KinemaNet) -> None:
    blue = DecodeSettings(lean=2.5, lean_degrees=265.0)
    open_ = torch.zeros(1, 261, 1, 1)
    sure = torch.full((1, 261, 1, 1), -50.0)
    warm = int((trained.bins @ torch.tensor([1.0, 1.0])).argmax())
    sure[0, warm] = 50.0
    for logits, least, most in ((open_, 20.0, 200.0), (sure, 0.0, 0.1)):
        plain, _ = trained.decode(_answer(logits), DecodeSettings())
        leaning, _ = trained.decode(_answer(logits), blue)
        assert least <= float(plain[0, 1] - leaning[0, 1]) <= most


def test_distant_places_of_a_picture_see_each_other() -> None:
    """Otherwise a street would be grey at one end of a picture and green at the other."""
    torch.manual_seed(0)
    block = SelfAttention(16).requires_grad_(False)
    x = torch.randn(1, 16, 4, 30)
    assert torch.equal(block(x), x), "as made, it changes nothing"
    torch.nn.init.normal_(block.mix.weight)
    changed = x.clone()
    changed[:, :8, :, -1] += 3.0
    assert float((block(x) - block(changed))[..., 0].abs().max()) > 1e-3
