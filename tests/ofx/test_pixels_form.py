"""Layout of a host's picture."""

import numpy as np
import pytest
from tests.ofx.pictures import form

from kinemacolor.ofx.pixels.form import Components, Depth


@pytest.mark.parametrize("components", list(Components))
@pytest.mark.parametrize(("depth", "size"), [(Depth.BYTE, 1), (Depth.SHORT, 2), (Depth.HALF, 2), (Depth.FLOAT, 4)])
def test_a_view_shares_the_memory(depth: Depth, size: int, components: Components) -> None:
    how = form(depth, components, (5, 3))
    assert how.nbytes == 5 * 3 * components.value * size
    memory = bytearray(how.nbytes)
    picture = how.view(memory)
    assert picture.shape == (3, 5, components.value)
    assert picture.dtype.itemsize == size
    picture[2, 4, -1] = 1
    assert bytes(memory[-size:]) == np.ones(1, dtype=picture.dtype).tobytes()
    how.check(picture)


def test_a_read_only_buffer_gives_a_read_only_picture() -> None:
    how = form(size=(5, 3))
    assert not how.view(memoryview(bytes(how.nbytes))).flags.writeable


@pytest.mark.parametrize("length", [0, 59, 61])
def test_another_size_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"expected 60 bytes for byte RGBA of 5 x 3, found {length}"):
        form(size=(5, 3)).view(bytearray(length))


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 x 1, found 0 x 3"):
        form(size=(0, 3))
    with pytest.raises(ValueError, match="expected RGBA where colours are premultiplied, found RGB"):
        form(components=Components.RGB, premultiplied=True)
