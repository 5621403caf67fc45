import pytest
import torch
from torch import Tensor

from kinemacolor.training.degradation import FilmModel, degrade


def _photos(count: int = 8, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, 48, 64, generator=torch.Generator().manual_seed(seed))


def _generator(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_lightness_stays_in_range_and_finite(level: float) -> None:
    photos = torch.full((16, 3, 32, 48), level)
    found = degrade(photos, FilmModel(), _generator())
    assert found.shape == (16, 1, 32, 48)
    assert torch.isfinite(found).all()
    assert float(found.min()) >= 0.0
    assert float(found.max()) <= 100.0


def test_the_same_seed_gives_the_same_film() -> None:
    assert torch.equal(degrade(_photos(), FilmModel(), _generator()), degrade(_photos(), FilmModel(), _generator()))


def test_photos_of_one_batch_are_on_different_film() -> None:
    same = _photos(1).expand(4, 3, 48, 64)
    found = degrade(same, FilmModel(), _generator())
    assert len({float(picture.mean()) for picture in found}) == 4


def test_orthochromatic_stock_sees_red_darker_than_blue() -> None:
    plain = FilmModel(orthochromatic=1.0, exposure_stops=(0.0, 0.0), probability=0.0, probability_always=0.0)
    red, blue = torch.zeros(16, 3, 8, 8), torch.zeros(16, 3, 8, 8)
    red[:, 0], blue[:, 2] = 1.0, 1.0
    assert float(degrade(red, plain, _generator()).mean()) < float(degrade(blue, plain, _generator()).mean()) - 15.0


def test_fading_lifts_black_and_lowers_white() -> None:
    faded = FilmModel(faded_black=(0.2, 0.2), faded_white=(0.7, 0.7), probability=1.0, probability_always=0.0,
                      vignette=(0.0, 0.0), halation=(0.0, 0.0), exposure_stops=(0.0, 0.0))  # fmt: skip
    assert float(degrade(torch.zeros(4, 3, 8, 8), faded, _generator()).max()) == pytest.approx(20.0, abs=0.01)
    assert float(degrade(torch.ones(4, 3, 8, 8), faded, _generator()).min()) == pytest.approx(70.0, abs=0.01)


def test_without_probability_only_light_and_stock_are_left() -> None:
    plain = FilmModel(probability=0.0, probability_always=0.0, exposure_stops=(0.0, 0.0))
    grey = torch.full((4, 3, 8, 8), 0.25)
    assert float(degrade(grey, plain, _generator()).std()) < 1e-3
