"""`tiny` takes guides and has variants, so that servers and clients can be tested without a trained network."""

import pytest
import torch

from kinemacolor.models.api import Guide, HintSpot
from kinemacolor.models.networks.tiny import TinyColorizer

H, W = 16, 24


def colour(model: TinyColorizer, guides: list[Guide]) -> torch.Tensor:
    lightness = torch.rand(1, 1, H, W, generator=torch.Generator().manual_seed(3)) * 100
    return model.step(model.init_state(guides), model.propose(lightness)[0]).ab


def test_a_reference_gives_its_colours_and_a_hint_its_own_where_it_is() -> None:
    model, light = TinyColorizer(), torch.full((1, H, W), 50.0)
    picture = torch.full((2, H, W), 12.0)
    assert torch.equal(colour(model, [Guide(light, picture)]), picture)
    hinted = colour(model, [Guide(light, hints=(HintSpot(10.0, 6.0, 0.0, 33.0, -7.0),))])
    plain = colour(model, [])
    assert hinted[:, 6, 10].tolist() == [33.0, -7.0]
    changed = (hinted != plain).any(dim=0)
    assert changed.sum() == 16
    assert changed[4:8, 8:12].all()
    both = colour(model, [Guide(light, picture), Guide(light, hints=(HintSpot(10.0, 6.0, 0.0, 33.0, -7.0),))])
    assert both[:, 6, 10].tolist() == [33.0, -7.0]
    assert both[:, 0, 0].tolist() == [12.0, 12.0]


def test_a_state_with_guides_comes_back_from_its_tensors() -> None:
    model = TinyColorizer()
    state = model.init_state([Guide(torch.full((1, H, W), 50.0), torch.full((2, H, W), 12.0))])
    lightness = torch.full((1, 1, H, W), 30.0)
    proposal = model.propose(lightness)[0]
    after = model.step(state, proposal).state
    assert after.tensors().keys() == {"memory"}, "guides are not part of a snapshot"
    again = model.restore_state(after.tensors(), state)
    assert torch.equal(model.step(after, proposal).ab, model.step(again, proposal).ab)
    assert after.nbytes > sum(tensor.nbytes for tensor in after.tensors().values()) > 0


def test_variants_are_distinct() -> None:
    model = TinyColorizer()
    colours = [colour(model.with_variant(number), []) for number in range(1, model.spec.variants + 1)]
    assert len(colours) == 4
    assert torch.equal(colours[0], colour(model, []))
    assert not any(torch.equal(a, b) for i, a in enumerate(colours) for b in colours[:i])
    for number in (0, 5):
        with pytest.raises(ValueError, match="variant of 1 to 4"):
            model.with_variant(number)
