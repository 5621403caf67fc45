"""The bank: what guides say reaches the frames of their shot, and nothing else does."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.api import Guide, HintSpot
from kinemacolor.models.bank import Bank, Found, Recalled, _agreement, find, recall, scores, seek
from kinemacolor.models.guides import guide_cells
from kinemacolor.models.hint_views import hint_mask
from kinemacolor.models.networks.memory import CELL, MemoryNet
from kinemacolor.models.networks.recall import KEY, KEY_CELL, RecallNet
from kinemacolor.models.networks.spread import _distance
from kinemacolor.models.shot_memory import KinemaState, ShotNets, advance, open_shot, overlay, renew_told
from kinemacolor.models.temporal import Cells, TemporalSettings, observe

H, W = 16, 24
SETTINGS = TemporalSettings()
DOUBT = torch.zeros(3)
DARK = 0.02 * torch.ones(1, 1, H, W)
"""Confidence of a frame network that knows nothing."""


@pytest.fixture(scope="module")
def nets() -> ShotNets:
    """Not trained: random descriptions still tell patterns apart if they are sharp enough."""
    torch.manual_seed(0)
    nets = ShotNets(MemoryNet(), RecallNet()).eval().requires_grad_(False)
    nets.memory.sharpness.fill_(6.0)
    nets.recall.sharpness.fill_(6.0)
    return nets


def scene(seed: int = 0) -> Tensor:
    """Smooth random lightness (1, 1, 4 H, 4 W)."""
    noise = torch.rand(1, 1, 2 * H, 2 * W, generator=torch.Generator().manual_seed(seed)) * 100
    return F.interpolate(noise, scale_factor=2, mode="bilinear")


def colours() -> Tensor:
    """(2, 4 H, 4 W) two halves, red and blue."""
    ab = torch.zeros(2, CELL * H, CELL * W)
    ab[0, :, : 2 * W], ab[1, :, 2 * W :] = 40.0, -40.0
    return ab


def opened(nets: ShotNets, guides: Sequence[tuple[Guide, Cells]]) -> KinemaState:
    return open_shot([nets.recall.key(guide.lightness.unsqueeze(0)) for guide, _ in guides], guides)


def reference(nets: ShotNets, light: Tensor, ab: Tensor) -> KinemaState:
    guide = Guide(light[0], ab)
    return opened(nets, [(guide, guide_cells(nets.memory, guide, None))])


def test_a_place_is_found_anywhere_in_any_picture() -> None:
    rows, columns = H * CELL // KEY_CELL, W * CELL // KEY_CELL
    generator = torch.Generator().manual_seed(1)
    keys = 5.0 * F.normalize(torch.randn(3, KEY, rows, columns, generator=generator), dim=1)
    net = RecallNet().requires_grad_(False)
    found = seek(net, Bank(torch.zeros(3, 12, H, W), keys, DOUBT), torch.roll(keys[1:2], (2, -3), (2, 3)))
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    assert (found.picture == 1).all()
    assert torch.equal(found.row[0], (row - 2) % rows)
    assert torch.equal(found.column[0], (column + 3) % columns)
    assert float(found.share.min()) > 0.9


@pytest.mark.parametrize(("rows", "columns", "pictures"), [(1, 1, 1), (3, 50, 2), (50, 3, 2), (24, 40, 3)])
def test_what_is_found_in_blocks_is_what_all_scores_at_once_say(rows: int, columns: int, pictures: int) -> None:
    generator = torch.Generator().manual_seed(2)
    keys = 4.0 * F.normalize(torch.randn(pictures + 1, KEY, rows, columns, generator=generator), dim=1)
    net = RecallNet().requires_grad_(False)
    found = seek(net, Bank(torch.zeros(1, 12, 2, 2), keys[1:], DOUBT), keys[:1])
    every = scores(net, keys[1:], keys[:1].expand(pictures, -1, -1, -1)).transpose(0, 1).flatten(1)
    share, place = every.softmax(dim=1).max(dim=1)
    at = (found.picture * rows + found.row) * columns + found.column
    assert torch.equal(at.flatten(), place)
    torch.testing.assert_close(found.share.flatten(), share)


def test_a_place_that_others_resemble_goes_where_its_neighbours_went() -> None:
    """Every third column of the kept picture is the same; all of it has moved two columns to the right."""
    rows, columns = 6, 16
    generator = torch.Generator().manual_seed(3)
    keys = 4.0 * F.normalize(torch.randn(1, KEY, rows, columns, generator=generator), dim=1)
    keys[..., 1::3] = keys[..., :1, 1:2]
    present = torch.roll(keys, 2, 3)
    bank, net = Bank(torch.zeros(1, 12, 2 * rows, 2 * columns), keys, DOUBT), RecallNet().requires_grad_(False)
    column = torch.arange(columns)
    right = (column - 2).expand(rows, -1)[:, 4:-3]
    alone = seek(net, bank, present).column[0][:, 4:-3]
    assert 0.2 < float((alone != right).float().mean()) < 0.5
    together = find(net, bank, present)
    assert torch.equal(together.column[0][:, 4:-3], right)
    assert (together.row[0][:, 4:-3] == torch.arange(rows).view(-1, 1)).all()
    assert 0.0 < float(together.share.min()) <= float(together.share.max()) <= 1.0 + 1e-5


def test_nobody_beyond_the_border_has_a_way() -> None:
    """All went two columns to the left, but for one in a corner, which is torn and has only three neighbours."""
    keys = 4.0 * F.normalize(torch.randn(1, KEY, 6, 10, generator=torch.Generator().manual_seed(5)), dim=1)
    present = torch.roll(keys, -2, 3)
    present[..., 0, 0] = 0.5 * (keys[..., 0, 2] + keys[..., 0, 0])
    found = find(RecallNet().requires_grad_(False), Bank(torch.zeros(1, 12, 12, 20), keys, DOUBT), present)
    assert (int(found.row[0, 0, 0]), int(found.column[0, 0, 0])) == (0, 2)


def test_the_bank_is_as_large_as_its_card_says() -> None:
    assert sum(parameter.numel() for parameter in RecallNet().parameters()) == 188_147


def test_what_is_clear_stays_though_its_neighbours_go_elsewhere() -> None:
    """One cell of a thing that moves another way than all around it."""
    generator = torch.Generator().manual_seed(4)
    keys = 6.0 * F.normalize(torch.randn(1, KEY, 8, 12, generator=generator), dim=1)
    present = torch.roll(keys, 1, 3)
    present[..., 4, 6] = keys[..., 1, 2]
    found = find(RecallNet().requires_grad_(False), Bank(torch.zeros(1, 12, 16, 24), keys, DOUBT), present)
    assert (int(found.row[0, 4, 6]), int(found.column[0, 4, 6])) == (1, 2)


_LARGE = """
import torch
from kinemacolor.models.bank import Bank, find
from kinemacolor.models.networks.recall import RecallNet

torch.set_num_threads(1)
peak = lambda: int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
before = peak()
with torch.no_grad():
    find(RecallNet(), Bank(torch.zeros(1), torch.rand(1, 32, 32, 256), torch.zeros(1)), torch.rand(1, 32, 32, 256))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc, which only Linux has")
def test_a_panorama_is_found_in_bounded_memory() -> None:
    """2048 x 256: all scores at once are 268 MB, and there were several such planes."""
    done = subprocess.run([sys.executable, "-c", _LARGE], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 60_000


def test_places_that_were_found_beside_each_other_agree() -> None:
    row, column = torch.meshgrid(torch.arange(4), torch.arange(6), indexing="ij")
    found = Found(torch.zeros(1, 4, 6, dtype=torch.int64), row[None] + 1, column[None] - 2, torch.ones(1, 4, 6))
    assert (_agreement(found) == 1.0).all()
    found.row[0, 2, 3] += 9
    agreed = _agreement(found)[0]
    assert float(agreed[2, 3]) == 0.0
    assert float(agreed[1, 2]) == pytest.approx(7 / 8)
    assert float(agreed[0, 0]) == 1.0
    other = replace(found, picture=(column[None] > 2).long())
    assert float(_agreement(other)[0, 0, 2]) == pytest.approx(5 / 8)


def test_a_reference_colours_the_first_frame_and_a_later_one(nets: ShotNets) -> None:
    light, state = scene(), reference(nets, scene(), colours())
    for _ in range(5):
        shot = advance(nets, state, observe(nets.memory, light, torch.zeros(1, 2, H, W), DARK), light[0], SETTINGS)
        state = shot.state
        assert float((shot.ab[0, 0, :, : W // 2 - 3] - 40.0).abs().mean()) < 4.0
        assert float((shot.ab[0, 1, :, W // 2 + 3 :] + 40.0).abs().mean()) < 4.0
        assert float(shot.told.mean()) > 0.8


def test_where_a_guide_says_nothing_it_changes_nothing(nets: ShotNets) -> None:
    light = scene()
    observed = observe(nets.memory, light, torch.full((1, 2, H, W), 7.0), torch.ones(1, 1, H, W))
    guide = Guide(light[0], hints=(HintSpot(2.0, 2.0, 1.0, 60.0, 60.0),))
    nothing = torch.full((1, 2, H, W), 60.0), torch.zeros(1, 1, H, W)
    state = opened(nets, [(guide, guide_cells(nets.memory, guide, nothing))])
    shot = advance(nets, state, observed, light[0], SETTINGS)
    torch.testing.assert_close(shot.ab, observed.ab)
    assert float(shot.told.abs().max()) == 0.0


def test_a_hint_ends_where_its_guide_says_that_it_does_not_hold(nets: ShotNets) -> None:
    """What is seen anew beside a hinted thing that moves away must not keep its colour."""
    light, cover = scene(), torch.zeros(1, 1, H, W)
    cover[..., : W // 2] = 1.0
    guide = Guide(light[0], hints=(HintSpot(2.0, 2.0, 1.0, 50.0, 0.0),))
    said = torch.tensor([50.0, 0.0]).view(1, 2, 1, 1).expand(-1, -1, H, W), cover
    state = opened(nets, [(guide, guide_cells(nets.memory, guide, said))])
    plain = KinemaState()
    for _ in range(20):
        observed = observe(nets.memory, light, torch.full((1, 2, H, W), 7.0), torch.ones(1, 1, H, W))
        shot = advance(nets, state, observed, light[0], SETTINGS)
        alone = advance(nets, plain, observed, light[0], SETTINGS)
        state, plain = shot.state, alone.state
    torch.testing.assert_close(shot.ab[..., W // 2 + 3 :], alone.ab[..., W // 2 + 3 :], atol=1.0, rtol=0)
    assert float((shot.ab[0, 0, :, : W // 2 - 3] - 50.0).abs().mean()) < 3.0


def test_a_picture_that_says_where_its_colours_end_is_hardly_doubted(nets: ShotNets) -> None:
    """A hinted thing that is found badly keeps its colour; a new thing in a shot with a reference gets none of it."""
    light, everywhere = scene()[0], (torch.zeros(1, 2, H, W), torch.ones(1, 1, H, W))
    hint = HintSpot(2.0, 2.0, 1.0, 5.0, 6.0)
    guides = [Guide(light, colours()), Guide(light, colours(), (hint,)), Guide(light, hints=(hint,))]
    said_by = [guide_cells(nets.memory, guide, everywhere if guide.hints else None) for guide in guides]
    bank = opened(nets, list(zip(guides, said_by, strict=True))).bank
    assert bank is not None
    reference, over_reference, hinted = bank.doubt.tolist()
    assert reference == over_reference > 50 * hinted > 0.0, "though the hint fills the picture"
    badly = torch.full((1, 1, H, W), 0.2)  # evidence
    for doubt, holds in ((reference, False), (hinted, True)):
        said = Recalled(torch.ones(1, 2, H, W), torch.full_like(badly, 0.95), badly, torch.full_like(badly, doubt))
        _, shown = overlay(torch.zeros(1, 2, H, W), renew_told(said, None))
        assert bool((shown > 0.95).all()) == holds
        assert bool((shown < 0.3).all()) != holds


def test_a_place_that_is_found_outside_of_a_thing_hardly_denies_what_was_carried(nets: ShotNets) -> None:
    """The same trust in what was found: with the thing's colour it counts in full, without it a twentieth."""
    light = scene()
    guide = Guide(light[0], hints=(HintSpot(2.0, 2.0, 1.0, 50.0, 0.0),))
    cover = torch.ones(1, 1, H, W)
    cover[..., W // 2 :] = 0.0
    said = torch.tensor([50.0, 0.0]).view(1, 2, 1, 1).expand(-1, -1, H, W), cover
    state = opened(nets, [(guide, guide_cells(nets.memory, guide, said))])
    assert state.bank is not None
    observed = observe(nets.memory, light, torch.zeros(1, 2, H, W), DARK)
    found = find(nets.recall, state.bank, nets.recall.key(light))
    recalled = recall(nets.recall, state.bank, found, observed, None)
    inside, outside = recalled.evidence[..., : W // 2 - 4].mean(), recalled.evidence[..., W // 2 + 4 :].mean()
    assert float(outside / inside) == pytest.approx(0.05, rel=0.3)


def test_a_border_that_is_carried_on_and_on_does_not_blur() -> None:
    nothing = torch.zeros(1, 1, H, W)
    said = Recalled(torch.zeros(1, 2, H, W), nothing, nothing, nothing + 1e-6)
    cover = torch.linspace(0.0, 1.0, W).expand(1, 1, H, W)
    told = torch.cat((torch.ones(1, 2, H, W), cover, torch.full_like(cover, 9.0)), dim=1)
    for _ in range(8):
        told = renew_told(said, told)
    assert float(told[:, 2][cover[:, 0] > 0.6].min()) > 0.9
    assert float(told[:, 2][cover[:, 0] < 0.4].max()) < 0.1


def test_a_hint_over_a_reference_holds_where_it_covers(nets: ShotNets) -> None:
    light, cover = scene(), torch.zeros(1, 1, H, W)
    cover[..., :4, :4] = 1.0
    guide = Guide(light[0], colours(), (HintSpot(2.0, 2.0, 1.0, 5.0, 6.0),))
    cells = guide_cells(nets.memory, guide, (torch.tensor([5.0, 6.0]).view(1, 2, 1, 1).expand(-1, -1, H, W), cover))
    assert cells.ab[0, :, 1, 1].tolist() == [5.0, 6.0]
    assert cells.ab[0, :, 8, 1].tolist() == [40.0, 0.0]
    assert float(cells.confidence.min()) == float(cells.confidence.max()) == 1.0


def test_guides_come_back_from_a_snapshot_and_are_never_written(nets: ShotNets) -> None:
    light, state = scene(), reference(nets, scene(), colours())
    observed = observe(nets.memory, light, torch.zeros(1, 2, H, W), DARK)
    assert state.bank is not None
    before = [tensor.clone() for tensor in (state.bank.cells, state.bank.keys)]
    after = advance(nets, state, observed, light[0], SETTINGS).state
    assert all(map(torch.equal, before, (state.bank.cells, state.bank.keys)))
    assert after.bank is state.bank
    assert after.nbytes > state.nbytes > 0
    assert after.tensors().keys() == {"memory", "told"}, "the bank follows from the guides"
    again = KinemaState.from_tensors(after.tensors(), state)
    one, other = (advance(nets, each, observed, light[0], SETTINGS) for each in (after, again))
    assert torch.equal(one.ab, other.ab)
    with pytest.raises(ValueError, match="expected the tensors memory, told, found cells"):
        KinemaState.from_tensors({"cells": torch.zeros(1)})


def test_a_guide_of_another_size_is_refused(nets: ShotNets) -> None:
    state = reference(nets, torch.rand(1, 1, 32, 32) * 100, torch.zeros(2, 32, 32))
    light = scene()
    with pytest.raises(ValueError, match=r"expected a frame of \(8, 8\) cells"):
        advance(nets, state, observe(nets.memory, light, torch.zeros(1, 2, H, W), DARK), light[0], SETTINGS)


def test_the_pixel_under_a_hint_is_always_part_of_it() -> None:
    mask = hint_mask((HintSpot(0.0, 0.0, 0.0, 1.0, 1.0), HintSpot(12.0, 8.0, 0.0, 1.0, 1.0)), 8, 12)
    assert mask.nonzero().tolist() == [[0, 0], [7, 11]], "0 is the first pixel, the far border the last one"
    round_ = hint_mask((HintSpot(6.0, 4.0, 2.0, 1.0, 1.0),), 8, 12)
    assert int(round_.sum()) == 12, "of radius 2 about a corner of four pixels"


def test_a_large_hint_is_measured_in_pieces() -> None:
    """One that fills a panorama would else take gigabytes: every place times every place."""
    mask = torch.zeros(1, 1, 60, 100)
    mask[..., 20:40, 30:70] = 1.0
    found = _distance(mask)
    y, x = torch.meshgrid(torch.arange(60.0), torch.arange(100.0), indexing="ij")
    down, right = (y - y.clamp(20, 39)).abs(), (x - x.clamp(30, 69)).abs()
    torch.testing.assert_close(found[0, 0], (down**2 + right**2).sqrt() / 60, atol=1e-3, rtol=0)
