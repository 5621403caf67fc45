import pytest
import torch

from kinemacolor.models.networks.kinema import DecodeSettings, KinemaNet, fold_batch_norm


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
        expected, _ = trained(lightness)
        found, _ = fold_batch_norm(trained)(lightness)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_shapes(trained: KinemaNet) -> None:
    with torch.inference_mode():
        logits, tap = trained(torch.rand(2, 1, 64, 96) * 100)
        ab, spread = trained.decode(logits, DecodeSettings())
    assert logits.shape == (2, 261, 16, 24)
    assert tap.shape == (2, 24, 16, 24)
    assert ab.shape == (2, 2, 16, 24)
    assert spread.shape == (2, 1, 16, 24)


def test_a_sure_posterior_decodes_to_its_bin_without_spread(trained: KinemaNet) -> None:
    logits = torch.full((1, 261, 1, 1), -50.0)
    logits[0, 17] = 50.0
    ab, spread = trained.decode(logits, DecodeSettings(saturation=1.0, largest_chroma=1e4))
    torch.testing.assert_close(ab[0, :, 0, 0], trained.bins[17], atol=0.01, rtol=0)
    assert float(spread) < 0.1


def test_beta_divides_the_class_weight_out() -> None:
    net = KinemaNet(norm=False)
    net.class_log_weight[3] = 2.0
    logits = torch.randn(1, 261, 2, 2, generator=torch.Generator().manual_seed(1))
    plain = logits.clone()
    plain[:, 3] -= 2.0
    found, _ = net.decode(logits, DecodeSettings(beta=1.0, temperature=1.0, saturation=1.0, largest_chroma=1e4))
    expected = torch.einsum("bqhw,qc->bchw", plain.softmax(dim=1), net.bins)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_saturation_raises_chroma_and_leaves_hue_and_spread(trained: KinemaNet) -> None:
    logits = torch.randn(1, 261, 3, 4, generator=torch.Generator().manual_seed(2))
    plain, spread = trained.decode(logits, DecodeSettings(saturation=1.0, largest_chroma=1e4))
    raised, same_spread = trained.decode(logits, DecodeSettings(saturation=1.5, largest_chroma=1e4))
    torch.testing.assert_close(raised, 1.5 * plain, atol=1e-3, rtol=1e-3)
    assert torch.equal(spread, same_spread)


def test_raised_chroma_is_limited_without_a_change_of_hue(trained: KinemaNet) -> None:
    logits = torch.full((1, 261, 1, 1), -50.0)
    strong = int(trained.bins.square().sum(dim=1).argmax())
    logits[0, strong] = 50.0
    ab, _ = trained.decode(logits, DecodeSettings(saturation=2.0, largest_chroma=60.0))
    found, true = ab[0, :, 0, 0], trained.bins[strong]
    assert 55.0 < float(found.norm()) <= 60.0
    torch.testing.assert_close(found / found.norm(), true / true.norm())
