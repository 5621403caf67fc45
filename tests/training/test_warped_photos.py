import numpy as np
import pytest
import torch

from kinemacolor.models.networks.imagenet import restored
from kinemacolor.training.deoldify_pictures import Pairs, ScatteredNoise
from kinemacolor.training.warped_photos import Augmentation, sample_warped

STILL = Augmentation(zoom=1.0, lighting=0.0, warp=0.0, turn_degrees=0.0, probability=1.0)


def ramp() -> np.ndarray:
    """Darker to the left."""
    return np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None] * 3 + 20, (64, 64, 3)).copy()


def test_nothing_asked_for_leaves_the_photo_or_its_mirror() -> None:
    plain = torch.from_numpy(ramp()).permute(2, 0, 1).float() / 255
    for crop in sample_warped([ramp()], 64, 6, STILL, np.random.default_rng(0)):
        assert min(float((crop - wanted).abs().max()) for wanted in (plain, plain.flip(-1))) < 1e-4


def test_crops_are_seeded_and_in_range() -> None:
    def draw() -> torch.Tensor:
        return sample_warped([ramp()], 32, 8, Augmentation(), np.random.default_rng(3))

    crops = draw()
    assert crops.shape == (8, 3, 32, 32)
    assert 0 < float(crops.min()) < float(crops.max()) < 1
    assert torch.equal(crops, draw())
    assert float(crops.std(dim=0).max()) > 0.05


@pytest.mark.parametrize(("name", "value"), [("zoom", 2.0), ("lighting", 0.5), ("warp", 0.25), ("turn_degrees", 10.0)])
def test_each_change_changes(name: str, value: float) -> None:
    how = {"zoom": 1.0, "lighting": 0.0, "warp": 0.0, "turn_degrees": 0.0, "probability": 1.0} | {name: value}
    still, changed = (
        sample_warped([ramp()], 64, 2, one, np.random.default_rng(1)) for one in (STILL, Augmentation(**how))
    )
    assert float((still - changed).abs().max()) > 0.02


def test_a_zoom_by_two_halves_the_slope() -> None:
    how = Augmentation(zoom=2.0, lighting=0.0, warp=0.0, turn_degrees=0.0, probability=1.0)
    crops = sample_warped([ramp()], 64, 40, how, np.random.default_rng(2))
    slopes = (crops[:, 0, 32, 40] - crops[:, 0, 32, 24]).abs() / 16 * 255
    assert 1.4 < float(slopes.min()) < 1.8
    assert 2.5 < float(slopes.max()) < 3.1


def test_pairs_are_a_picture_and_its_luma() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    grey, truth = (restored(part) for part in Pairs([photo], Augmentation(), None, seed=1).draw(5, 32, 3))
    assert torch.allclose(grey[:, 0], grey[:, 2], atol=1e-6)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    assert torch.allclose((truth * weights).sum(dim=1), grey[:, 0], atol=1e-5)


def test_noise_is_grey_and_hits_some_pixels_of_some_pictures() -> None:
    grey = torch.full((200, 3, 16, 16), 0.5)
    noisy = ScatteredNoise(probability=0.5)(grey, np.random.default_rng(0))
    change = noisy - grey
    assert torch.equal(change[:, 0], change[:, 1])
    assert float(change.abs().max()) <= 30 / 255 + 1e-6
    hit = (change[:, 0] != 0).float().mean(dim=(1, 2))
    assert 0.3 < float((hit > 0).float().mean()) < 0.6
    assert float(hit.max()) < 0.55
