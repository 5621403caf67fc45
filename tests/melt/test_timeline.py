"""The effect on a timeline of MLT: any order, both depths, several at once, again from a saved project."""

import sqlite3
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import ServerProcess
from tests.melt.box import FILTER, Box, lossless
from tests.melt.conftest import Note
from tests.melt.strips import FRAMES, codes_of, hashes_of, mean_ciede2000

from kinemacolor.cli.main import main

IN_ORDER, THREE_THREADS = -1, -3
FFMPEG_WHITE = 65283
"""What a film's white is in 16 bits that FFmpeg has converted."""


def effect(*settings: str) -> tuple[str, ...]:
    return ("-filter", FILTER, *settings)


def analysed(film: str) -> tuple[str, ...]:
    return effect(f"mediaFile={film}", "analyseNow=1")


def render(box: Box, film: str, pixel_format: str) -> Path:
    """`kinemacolor render` of the same film on the same server, with a store of its own beside it."""
    out = box.folder / "rendered.mkv"
    options = ["--pix-fmt", pixel_format, "-c", "ffv1", "--server", box.address, "--store", str(box.folder / "own")]
    assert main(["render", str(box.inside(film)), str(out), "-q", *options]) == 0
    return out


def stored(folder: Path) -> dict[int, tuple[str, str]]:
    """Hashes of luma and of chroma of every frame in a store."""
    (file,) = folder.glob("*.chroma")
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT number, luma, planes FROM colour").fetchall()
    database.close()
    return {number: (luma.hex(), sha256(planes).hexdigest()) for number, luma, planes in rows}


def test_melt_lists_the_effect_with_its_parameters(box: Box) -> None:
    assert FILTER in box.ask("-query", "filters").split()
    told = box.ask("-query", f"filter={FILTER}")
    for name in ("amount", "mediaFile", "analyseNow", "onError"):
        assert f"identifier: {name}" in told


@pytest.mark.parametrize(("bits", "pixel_format", "most"), [(8, "gbrp", 1.0), (10, "gbrp10le", 4.0)])
def test_after_analyse_both_orders_give_the_colours_of_the_renderer(
    box: Box,
    server: ServerProcess,
    films: str,
    bits: int,
    pixel_format: str,
    most: float,
    record_property: Note,
) -> None:
    film = f"{films}/grey{bits}.mkv"
    outs = [
        box.melt(film, *analysed(film), *lossless(box.place, bits > 8, order, out), out=out, cache=f"cache{order}")
        for order, out in ((IN_ORDER, "one.nut"), (THREE_THREADS, "three.nut"))
    ]
    assert hashes_of(outs[0]) == hashes_of(outs[1])
    rendered = codes_of(render(box, film, pixel_format)).astype(np.float64)
    stores = [
        box.folder / "own",
        *(box.folder / f"cache{order}/kinemacolor/chroma" for order in (IN_ORDER, THREE_THREADS)),
    ]
    chroma = [stored(store) for store in stores]
    assert len(chroma[0]) == FRAMES
    assert chroma[0] == chroma[1] == chroma[2]
    mine = codes_of(outs[0]).astype(np.float64)
    assert len(mine) == FRAMES
    peak, white = (1 << bits) - 1, 65535 if bits > 8 else 255
    difference = np.abs(np.rint(mine * (peak / white)) - rendered)
    record_property("largest difference in codes", f"{difference.max():.0f}, mean {difference.mean():.4f}")
    assert difference.max() <= most
    if bits > 8:
        on_its_scale = np.abs(np.rint(mine * (peak / FFMPEG_WHITE)) - rendered)
        record_property("on the scale of FFmpeg's 16 bits", f"{on_its_scale.max():.0f}, mean {on_its_scale.mean():.4f}")
        # At the border of the gamut the renderer, too, depends on the last bit of the network's luma.
        assert on_its_scale.max() <= 2
        assert (on_its_scale > 1).mean() < 1e-6


def test_without_analyse_and_in_order_it_looks_the_same(
    box: Box, server: ServerProcess, films: str, record_property: Note
) -> None:
    film = f"{films}/grey8.mkv"
    out = box.melt(film, *effect("matrix=BT.709"), *lossless(box.place, False, IN_ORDER))
    difference = mean_ciede2000(codes_of(out) / 255, codes_of(render(box, film, "gbrp")) / 255)
    record_property("mean CIEDE2000", f"{difference:.3f}")
    assert difference < 0.5
    again = box.melt(
        film, *effect("matrix=BT.709"), *lossless(box.place, False, IN_ORDER, "again.nut"), out="again.nut"
    )
    assert hashes_of(out) == hashes_of(again)


def test_two_effects_on_a_clip_and_one_on_the_next_do_not_disturb_each_other(
    box: Box, server: ServerProcess, films: str
) -> None:
    first, second = f"{films}/grey8.mkv", f"{films}/other8.mkv"
    clips = [
        *(first, "-attach-cut", FILTER, f"mediaFile={first}", "analyseNow=1"),
        *("-attach-cut", FILTER, f"mediaFile={first}", "output=Split", "amount=0.5"),
        *(second, "-attach-cut", FILTER, f"mediaFile={second}", "analyseNow=1"),
    ]
    outs = [
        box.melt(*clips, *lossless(box.place, False, order, out), out=out)
        for order, out in ((IN_ORDER, "one.nut"), (THREE_THREADS, "three.nut"))
    ]
    hashes = hashes_of(outs[0])
    assert len(hashes) == 2 * FRAMES
    assert hashes == hashes_of(outs[1])
    alone = box.melt(second, *analysed(second), *lossless(box.place, False, IN_ORDER, "alone.nut"), out="alone.nut")
    assert hashes[FRAMES:] == hashes_of(alone)


def test_a_saved_project_renders_again_what_it_was(box: Box, server: ServerProcess, films: str) -> None:
    film = f"{films}/grey8.mkv"
    chosen = (*analysed(film), "amount=1.4", "temperature=20")
    direct = box.melt(film, *chosen, *lossless(box.place, False, IN_ORDER, "direct.nut"), out="direct.nut")
    project = box.melt(film, *chosen, "-consumer", f"xml:{box.place}/project.mlt", out="project.mlt")
    assert FILTER in project.read_text()
    for order in (IN_ORDER, THREE_THREADS):
        opened = box.melt(f"{box.place}/project.mlt", *lossless(box.place, False, order))
        assert hashes_of(opened) == hashes_of(direct)
