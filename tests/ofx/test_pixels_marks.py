"""What is drawn into pictures for the person who looks at them."""

import pytest
from tests.ofx.pictures import SIZES, form, grey, white

from kinemacolor.ofx.pixels.form import Components, Depth
from kinemacolor.ofx.pixels.marks import mark_provisional


@pytest.mark.parametrize("size", [*SIZES, (40, 40), (320, 180), (1000, 60)])
@pytest.mark.parametrize("components", list(Components))
@pytest.mark.parametrize("depth", list(Depth))
def test_provisional_is_marked_around_the_picture(depth: Depth, components: Components, size: tuple[int, int]) -> None:
    how = form(depth, components, size)
    picture, before = grey(how, alpha=0.5), grey(how, alpha=0.5)
    mark_provisional(picture, how)
    marked = (picture != before).any(axis=2)
    assert marked[0].any()
    assert (picture[0, :, 3:] == white(how)).all()
    if min(size) >= 60:
        inner = marked[size[1] // 3 : -size[1] // 20, size[0] // 20 : -size[0] // 20]
        assert not inner.any()
        assert marked[:, 0].mean() > 0.9
        assert marked[-1].mean() > 0.9


def test_the_provisional_mark_has_a_label() -> None:
    how = form(size=(320, 180))
    picture = grey(how)
    mark_provisional(picture, how)
    corner = picture[4:21, 4:120, :3]
    assert (corner == 0).all(axis=2).mean() > 0.5
    assert (corner[:, :, 0] > 200).mean() > 0.05


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="expected byte RGBA of 131 x 77"):
        mark_provisional(grey(form(Depth.SHORT)), form())
