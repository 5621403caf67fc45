"""What is drawn into pictures for the person who looks at them."""

import numpy as np
import pytest
from tests.ofx.pictures import SIZES, form, grey, values_of, white

from kinemacolor.ofx.pixels.form import Components, Depth
from kinemacolor.ofx.pixels.marks import draw_error, mark_provisional
from kinemacolor.ofx.pixels.text import LEAST_CAPITAL_PX, lay_out, text_width_px

NO_SERVER = (
    "No server answers at unix:/run/user/1000/kinemacolor/server.sock: connection refused. Start one with "
    "`kinemacolor serve`, or say where it is in the effect's Server field."
)
LINES = [
    "Kinemacolor: no colour",
    NO_SERVER,
    "frame 1043, log: /home/someone/.local/state/kinemacolor/ofx.log",
]


@pytest.mark.parametrize("size", [(320, 180), (720, 576), (1920, 1080), (3840, 2160), (200, 1000), (1000, 100)])
def test_the_whole_message_fits_and_can_be_read(size: tuple[int, int]) -> None:
    placed = lay_out(LINES, *size)
    assert all(text_width_px(line.text, line.capital_px) <= size[0] for line in placed)
    assert all(line.capital_px >= LEAST_CAPITAL_PX for line in placed)
    assert placed[-1].base_px + 0.5 * placed[-1].capital_px <= size[1]
    assert "".join(line.text for line in placed).replace(" ", "") == "".join(LINES).replace(" ", "")
    bases = [line.base_px for line in placed]
    assert min(np.diff(bases)) >= 1.5 * LEAST_CAPITAL_PX
    assert placed[0].capital_px > placed[-1].capital_px


def test_larger_pictures_have_larger_text() -> None:
    heights = [lay_out(LINES, width, width * 9 // 16)[0].capital_px / width for width in (640, 1920, 3840)]
    assert max(heights) < 1.3 * min(heights)


def test_what_does_not_fit_is_cut_and_says_so() -> None:
    placed = lay_out(LINES * 9, 320, 180)
    assert placed[-1].text.endswith("...")
    assert placed[-1].base_px < 180
    assert placed[0].text == LINES[0]
    assert lay_out([], 320, 180) == []


def test_other_characters_than_ascii_are_shown_as_question_marks() -> None:
    assert [line.text for line in lay_out(["Größe · 7\t8", "a\nb"], 640, 360)] == ["Gr??e ? 7 8", "a?b"]


@pytest.mark.parametrize("size", [*SIZES, (40, 40), (320, 180)])
@pytest.mark.parametrize("components", list(Components))
@pytest.mark.parametrize("depth", list(Depth))
def test_an_error_fills_every_kind_of_picture(depth: Depth, components: Components, size: tuple[int, int]) -> None:
    how = form(depth, components, size)
    one, other = how.view(bytearray(how.nbytes)), grey(how)
    draw_error(one, how, LINES)
    draw_error(other, how, LINES)
    assert np.array_equal(one, other)
    assert (one[:, :, 3:] == white(how)).all()
    red, _, blue = values_of(how, one)
    assert (red - blue).max() > 0.5  # not grey, whatever is there besides


def test_an_error_is_red_with_white_text() -> None:
    how = form(size=(640, 360))
    picture, bare = how.view(bytearray(how.nbytes)), how.view(bytearray(how.nbytes))
    draw_error(picture, how, LINES)
    draw_error(bare, how, [])
    background = (picture[:, :, :3] == bare[180, 320, :3]).all(axis=2).mean()
    assert 0.5 < background < 0.9
    changed = np.flatnonzero((picture != bare).any(axis=2).any(axis=1))
    assert 0.03 < (picture != bare).any(axis=2).mean() < 0.3
    assert changed[0] >= 2 * (360 // 24)
    assert changed[-1] < 360 - 2 * (360 // 24)
    assert picture[picture != bare].max() == 255


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
    for draw in (lambda p: mark_provisional(p, form()), lambda p: draw_error(p, form(), LINES)):
        with pytest.raises(ValueError, match="expected byte RGBA of 131 x 77"):
            draw(grey(form(Depth.SHORT)))
