import pytest
import torch

from kinemacolor.models.spatial import crop, pad_to_multiple


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (64, 96), (5, 640)])
@pytest.mark.parametrize("axes", [3, 4])
def test_crop_undoes_padding_exactly(size: tuple[int, int], axes: int) -> None:
    planes = torch.rand(*(2, 3)[: axes - 2], *size)
    padded, padding = pad_to_multiple(planes, 32)
    assert padded.shape[-1] % 32 == 0
    assert padded.shape[-2] % 32 == 0
    assert torch.equal(crop(padded, padding), planes)


def test_padding_repeats_the_edge() -> None:
    padded, _ = pad_to_multiple(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 3)
    assert padded.tolist() == [[[1.0, 2.0, 2.0], [3.0, 4.0, 4.0], [3.0, 4.0, 4.0]]]


def test_nothing_to_do_gives_the_same_tensor() -> None:
    planes = torch.rand(1, 64, 32)
    assert pad_to_multiple(planes, 32)[0] is planes


@pytest.mark.parametrize(
    ("shape", "multiple", "message"),
    [((1, 4, 4), 0, "at least 1"), ((4, 4), 2, "found"), ((1, 0, 4), 2, "not empty")],
)
def test_misuse_is_refused(shape: tuple[int, ...], multiple: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pad_to_multiple(torch.zeros(shape), multiple)
