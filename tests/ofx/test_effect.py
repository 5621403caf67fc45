"""The effect as a host has it: the compiled shim, its helper, a colour server, and films."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hosted import (
    FRAMES,
    HEIGHT,
    WIDTH,
    as_host_has_it,
    check_like,
    colours,
    hosted,
    is_error,
    is_marked,
    kinemacolor,
    picture,
    rgb_planes,
)  # fmt: skip
from shim_child import in_child
from stage import wait_until

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

import make

from kinemacolor.ofx.minihost import NATRON, RenderArguments


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mkv"
    return make.film(path, pictures=picture, frames=FRAMES, width=WIDTH, height=HEIGHT).path


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, film: Path, tiny_server: str) -> Path:
    """The film as the render command colours it."""
    out = tmp_path_factory.mktemp("rendered") / "out.mkv"
    kinemacolor("render", film, out, "-c", "ffv1", "--pix-fmt", "gbrp", "--server", tiny_server, "-q")
    return out


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, film: Path, tiny_server: str) -> Path:
    """A cache whose store has every colour of the film."""
    folder = tmp_path_factory.mktemp("cache")
    kinemacolor("analyse", film, "--server", tiny_server, "-q", XDG_CACHE_HOME=str(folder))
    return folder


@in_child
def test_after_an_analysis_every_frame_is_that_of_a_render_in_any_order(
    shim: Path, film: Path, rendered: Path, cache: Path, tiny_server: str, tmp_path: Path
) -> None:
    frames, wanted = as_host_has_it(film), rgb_planes(rendered)
    order = np.random.default_rng(5).permutation(FRAMES).tolist()
    with hosted(shim, frames, tmp_path, cache, server=tiny_server, mediaFile=str(film)) as (_, instance):
        shuffled = dict(zip(order, colours(instance, order), strict=True))
    with hosted(shim, frames, tmp_path, cache, server=tiny_server, mediaFile=str(film)) as (_, instance):
        in_order = colours(instance, range(FRAMES))
    for number in range(FRAMES):
        assert np.array_equal(shuffled[number], in_order[number])
        assert not is_marked(in_order[number])
        check_like(in_order[number], wanted[number], frames[number])


@in_child
@pytest.mark.parametrize("analysed", [True, False])
def test_a_tinted_print_is_coloured_as_in_a_render(
    shim: Path, tiny_server: str, tmp_path: Path, analysed: bool
) -> None:
    """A host hands on tinted pixels; the network sees what it sees in a render: the luma before the tint."""

    def tinted(number: int) -> tuple[np.ndarray, ...]:
        grey = (picture(number)[0].astype(float) - 16) / 219
        return tuple(np.rint(grey * part * 255).astype(np.uint8) for part in (0.78, 0.36, 1.0))

    film, rendered = tmp_path / "in.avi", tmp_path / "out.mkv"
    made = make.film(film, pictures=tinted, pixel_format="gbrp", frames=6, width=WIDTH, height=HEIGHT)
    kinemacolor("render", film, rendered, "-c", "ffv1", "--server", tiny_server, "-q")
    if analysed:
        kinemacolor("analyse", film, "--server", tiny_server, "-q", XDG_CACHE_HOME=str(tmp_path))
    frames = [np.dstack([red, green, blue, np.full_like(red, 255)]) for green, blue, red in made.planes]
    said = {"mediaFile": str(film), "mediaStart": 0}
    with hosted(shim, frames, tmp_path, server=tiny_server, **said) as (_, instance):
        for number in (4, 1, 5, 0):
            (found,) = colours(instance, [number])
            assert not is_marked(found)
            assert np.abs(found[..., :3].astype(int) - rgb_planes(rendered)[number]).mean() < 1


TAGS = {
    "BT.709": {"matrix": 1},
    "BT.601": {"matrix": 5},
    "BT.2020": {"matrix": 9},
    "FCC": {"matrix": 4},
    "SMPTE 240M": {"matrix": 7},
    "sRGB": {"matrix": 1, "transfer": 13},
    "gamma 2.2": {"matrix": 1, "transfer": 4},
    "other primaries": {"matrix": 6, "primaries": 1},
}


@in_child
@pytest.mark.parametrize("tags", list(TAGS))
def test_matrix_curve_and_primaries_are_those_of_the_media_file(
    shim: Path, tiny_server: str, tmp_path: Path, tags: str
) -> None:
    film, rendered = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make.film(film, pictures=picture, frames=2, width=WIDTH, height=HEIGHT, **TAGS[tags])
    kinemacolor("render", film, rendered, "-c", "ffv1", "--pix-fmt", "gbrp", "--server", tiny_server, "-q")
    frames, wanted = as_host_has_it(film), rgb_planes(rendered)
    said = {"mediaFile": str(film), "mediaStart": 0}
    with hosted(shim, frames, tmp_path, server=tiny_server, **said) as (_, instance):
        check_like(colours(instance, [1])[0], wanted[1], frames[1])


@in_child
def test_the_media_file_alone_gives_every_frame_its_colour_in_any_order(
    shim: Path, film: Path, rendered: Path, tiny_server: str, tmp_path: Path
) -> None:
    frames, wanted = as_host_has_it(film), rgb_planes(rendered)
    said = {"mediaFile": str(film), "mediaStart": 0}
    with hosted(shim, frames, tmp_path, server=tiny_server, **said) as (_, instance):
        for number in (35, 20, 21, 3, 42, 0, 29, 30):
            (found,) = colours(instance, [number])
            check_like(found, wanted[number], frames[number])
    with hosted(shim, frames, tmp_path, server=tiny_server, mediaFile=str(film)) as (_, instance):
        assert is_marked(colours(instance, [35])[0]), "nobody has said where the clip begins"


@in_child
@pytest.mark.parametrize("analysed", [True, False])
@pytest.mark.parametrize("how", ["list", "whole"])
def test_shots_that_the_user_gives_hold_whatever_is_stored(
    shim: Path, film: Path, cache: Path, tiny_server: str, tmp_path: Path, how: str, analysed: bool
) -> None:
    shots, rendered = tmp_path / "shots.csv", tmp_path / "out.mkv"
    shots.write_text("0\n7\n30\n" if how == "list" else "0\n")
    options = ("-c", "ffv1", "--pix-fmt", "gbrp", "--server", tiny_server, "-q")
    kinemacolor("render", film, rendered, "--shots", shots, *options)
    frames, wanted = as_host_has_it(film), rgb_planes(rendered)
    # The cache, if it is used, has the colours of detected cuts.
    own = tmp_path / "cache"
    if analysed:
        shutil.copytree(cache, own)
    said = {"mediaFile": str(film), "mediaStart": 0, "shotSource": {"list": 1, "whole": 2}[how]}
    if how == "list":
        said["shotList"] = str(shots)
    with hosted(shim, frames, tmp_path, own, server=tiny_server, **said) as (_, instance):
        for number in (20, 9, 35, 2):
            check_like(colours(instance, [number])[0], wanted[number], frames[number])


@in_child
def test_a_media_file_that_is_replaced_is_another_film(shim: Path, tiny_server: str, tmp_path: Path) -> None:
    """Both are equal from frame 4 on; the pasts of those frames are not."""

    def past(number: int) -> tuple[np.ndarray, ...]:
        planes = picture(number)
        return (255 - planes[0], *planes[1:]) if number < 4 else planes

    path, fresh, rendered = tmp_path / "in.mkv", tmp_path / "new.mkv", tmp_path / "out.mkv"
    make.film(path, pictures=picture, frames=9, width=WIDTH, height=HEIGHT)
    make.film(fresh, pictures=past, frames=9, width=WIDTH, height=HEIGHT)
    (tmp_path / "shots.csv").write_text("0\n")
    options = ("-c", "ffv1", "--pix-fmt", "gbrp", "--server", tiny_server, "-q")
    kinemacolor("render", fresh, rendered, *options, "--shots", tmp_path / "shots.csv")
    wanted, frames = rgb_planes(rendered), as_host_has_it(fresh)
    said = {"mediaFile": str(path), "mediaStart": 0, "shotSource": 2}
    with hosted(shim, as_host_has_it(path), tmp_path, server=tiny_server, **said) as (_, instance):
        before = colours(instance, [6])[0]
        os.replace(fresh, path)

        def sees_it() -> bool:
            return not np.array_equal(colours(instance, [6])[0], before)

        wait_until(sees_it)
        check_like(colours(instance, [6])[0], wanted[6], frames[6])


@in_child
def test_a_clip_that_begins_in_the_middle_of_its_file(
    shim: Path, film: Path, rendered: Path, cache: Path, tiny_server: str, tmp_path: Path
) -> None:
    """With an analysis the place is found; without one it has to be said."""
    frames, wanted = as_host_has_it(film)[17:], rgb_planes(rendered)[17:]
    analysed = {"cache": cache, "server": tiny_server, "mediaFile": str(film)}
    said = {"server": tiny_server, "mediaFile": str(film), "mediaStart": 17}
    for how in (analysed, said):
        with hosted(shim, frames, tmp_path, **how) as (_, instance):
            for number in (4, 0, 20):
                (found,) = colours(instance, [number])
                check_like(found, wanted[number], frames[number])
    with hosted(shim, frames, tmp_path / "other", server=tiny_server, mediaFile=str(film)) as (_, instance):
        assert is_marked(colours(instance, [4])[0])


@in_child
def test_in_order_without_a_media_file_every_frame_has_its_final_colour(
    shim: Path, film: Path, rendered: Path, tiny_server: str, tmp_path: Path
) -> None:
    frames, wanted = as_host_has_it(film), rgb_planes(rendered)
    with hosted(shim, frames, tmp_path, server=tiny_server) as (_, instance):
        found = colours(instance, range(20))
        again = colours(instance, [19, 19, 18])
    assert [np.array_equal(one, other) for one, other in zip(again, [found[19], found[19], found[18]], strict=True)]
    for number, one in enumerate(found):
        assert not is_marked(one)
        assert np.abs(one[..., :3].astype(int) - wanted[number][..., :3]).mean() < 1


@in_child
def test_a_frame_whose_past_is_unknown_is_marked_unless_the_user_wants_it_unmarked(
    shim: Path, film: Path, tiny_server: str, tmp_path: Path
) -> None:
    frames = as_host_has_it(film)
    with hosted(shim, frames, tmp_path, server=tiny_server) as (_, instance):
        assert is_marked(colours(instance, [8])[0])
        assert not is_marked(colours(instance, [8], arguments=RenderArguments(interactive=1))[0])
        instance.set(markProvisional=0)
        plain = colours(instance, [8])[0]
        assert not is_marked(plain)
        assert not np.array_equal(plain, frames[8])


@in_child
def test_a_host_that_shows_other_frames_gets_final_colours_at_once(
    shim: Path, film: Path, tiny_server: str, tmp_path: Path
) -> None:
    frames = as_host_has_it(film)
    with hosted(shim, frames, tmp_path, traits=NATRON, server=tiny_server) as (_, instance):
        in_order = colours(instance, range(25))
    with hosted(shim, frames, tmp_path, traits=NATRON, server=tiny_server) as (host, instance):
        assert np.array_equal(colours(instance, [24])[0], in_order[24])
        assert host.record.fetched


@in_child
def test_previews_do_not_disturb_what_is_final(shim: Path, film: Path, tiny_server: str, tmp_path: Path) -> None:
    frames = as_host_has_it(film)
    with hosted(shim, frames, tmp_path, server=tiny_server) as (_, instance):
        undisturbed = colours(instance, range(10))
    preview = RenderArguments(interactive=1)
    with hosted(shim, frames, tmp_path, server=tiny_server) as (_, instance):
        found = []
        for number in range(10):
            colours(instance, [(number * 7) % FRAMES], arguments=preview)
            found += colours(instance, [number])
    assert all(np.array_equal(one, other) for one, other in zip(found, undisturbed, strict=True))


@in_child
def test_cheap_controls_do_not_run_the_network_again(shim: Path, film: Path, tiny_server: str, tmp_path: Path) -> None:
    frames = as_host_has_it(film)
    with hosted(shim, frames, tmp_path, server=tiny_server) as (_, instance):
        (plain,) = colours(instance, [0])
        colours(instance, range(1, 5))
        instance.set(amount=2.0)
        (strong,) = colours(instance, [0])
        instance.set(amount=1.0, mix=0.5)
        (mixed,) = colours(instance, [0])
        instance.set(mix=1.0, output=1)
        (chroma,) = colours(instance, [0])
        instance.set(output=3)
        (split,) = colours(instance, [0])
        instance.set(output=0)
        assert np.array_equal(colours(instance, [0])[0], plain)
        assert not is_marked(colours(instance, [5])[0]), "the sequence goes on where it was"
    assert all(not is_marked(one) for one in (strong, mixed, chroma, split))
    spread = [float(np.ptp(one[..., :3].astype(int), axis=-1).mean()) for one in (mixed, plain, strong)]
    assert spread == sorted(spread)
    assert np.array_equal(split[:, : WIDTH // 2 - 4], frames[0][:, : WIDTH // 2 - 4])


@in_child
def test_who_chooses_a_model_is_told_its_terms(shim: Path, film: Path, tiny_server: str, tmp_path: Path) -> None:
    with hosted(shim, as_host_has_it(film), tmp_path, server=tiny_server) as (_, instance):
        assert instance.change("quality", 1) == 0
        assert instance.params["status"].value == "", "nobody was asked"
        assert instance.change("model", "kinema") == 0
        assert instance.params["status"].value.startswith("kinema: weights under CC-BY-NC-4.0. The weights were")
        assert instance.change("model", "") == 0
        assert instance.params["status"].value == "tiny: weights under Apache-2.0"
        instance.change("temporal", 3)
        assert "Model: the server has no +lai; it has kinema, " in instance.params["status"].value


@in_child
def test_what_cannot_be_done_is_said_and_never_grey(shim: Path, film: Path, tiny_server: str, tmp_path: Path) -> None:
    frames = as_host_has_it(film)
    log = tmp_path / "ofx.log"
    wrong = (
        ({"server": "ftp://nowhere"}, "Server: "),
        ({"server": tiny_server, "model": "nobody"}, "nobody"),
        ({"server": tiny_server, "temporal": 3}, "Model: the server has no +lai; it has kinema"),
        ({"server": tiny_server, "model": "kinema+none", "temporal": 1}, "Model: kinema+none names a temporal network"),
        ({"server": tiny_server, "mediaFile": str(tmp_path / "missing.mov")}, "missing.mov"),
        ({"server": tiny_server, "mediaFile": str(tmp_path / ("x" * 300))}, "Media file: File name too long"),
        ({"server": tiny_server, "mediaFile": "~nobody-of-that-name/a.mov"}, "Media file: nobody has the home"),
        ({"server": tiny_server, "hint1On": 1}, "Hint 1: set Hint 1 frame"),
        ({"server": tiny_server, "reference1On": 1}, "Reference 1: name its file"),
        ({"server": tiny_server, "analyseNow": 1}, "Media file"),
        ({"server": tiny_server, "output": 2}, "how sure"),
    )
    for values, words in wrong:
        log.unlink(missing_ok=True)
        with hosted(shim, frames, tmp_path, **values) as (host, instance):
            assert is_error(colours(instance, [0])[0]), values
            assert words in log.read_text(), values
            assert "Traceback" not in log.read_text(), values
            assert words in (host.record.persistent or ""), values


@in_child
def test_the_box_analyses_where_there_is_no_button(
    shim: Path, film: Path, rendered: Path, tiny_server: str, tmp_path: Path
) -> None:
    frames, wanted = as_host_has_it(film), rgb_planes(rendered)
    with hosted(shim, frames, tmp_path, server=tiny_server, mediaFile=str(film), analyseNow=1) as (_, instance):
        for number in (31, 2):
            check_like(colours(instance, [number])[0], wanted[number], frames[number])
    assert list((tmp_path / "kinemacolor" / "chroma").glob("*.chroma"))


@in_child
def test_the_button_analyses_and_tells_how_far_it_is(shim: Path, film: Path, tiny_server: str, tmp_path: Path) -> None:
    frames = as_host_has_it(film)
    with hosted(shim, frames, tmp_path, traits=NATRON, server=tiny_server, mediaFile=str(film)) as (host, instance):
        assert instance.change("analyse") in (0, 14)
        assert "stored" in str(instance.params["status"].value)
        assert host.record.progress
        assert host.record.progress == sorted(host.record.progress)
        assert host.record.progress_ended == 1
        instance.change("analyse")
        assert "43 were there already" in str(instance.params["status"].value)


@pytest.fixture
def mortal(start_server: object) -> tuple[str, int]:
    """Address and process of a server that may be killed."""
    server = start_server()
    return server.address, server.process.pid


@pytest.fixture
def mortal_address(mortal: tuple[str, int]) -> str:
    return mortal[0]


@pytest.fixture
def mortal_process(mortal: tuple[str, int]) -> int:
    return mortal[1]


@contextmanager
def server_again(address: str, states: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "kinemacolor.server", "--listen", address, "--model", "tiny", "--threads", "1"]
    process = subprocess.Popen([*command, "--state-dir", str(states)], stdout=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        process.kill()
        process.communicate(timeout=60)


@in_child
def test_a_server_that_is_killed_and_comes_back_costs_time_only(
    shim: Path, film: Path, tiny_server: str, mortal_address: str, mortal_process: int, tmp_path: Path
) -> None:
    frames = as_host_has_it(film)
    with hosted(shim, frames, tmp_path, server=tiny_server) as (_, instance):
        undisturbed = colours(instance, range(20))
    with hosted(shim, frames, tmp_path, server=mortal_address) as (_, instance):
        found = colours(instance, range(9))
        os.kill(mortal_process, signal.SIGKILL)
        with server_again(mortal_address, tmp_path / "states"):
            found += colours(instance, range(9, 20))
    assert all(np.array_equal(one, other) for one, other in zip(found, undisturbed, strict=True))


@in_child
def test_without_a_server_no_frame_is_grey(
    shim: Path, film: Path, mortal_address: str, mortal_process: int, tmp_path: Path
) -> None:
    frames = as_host_has_it(film)
    os.environ["KINEMACOLOR_OFX_PATIENCE"] = "0.5"
    with hosted(shim, frames, tmp_path, server=mortal_address) as (host, instance):
        colours(instance, range(3))
        os.kill(mortal_process, signal.SIGKILL)
        assert all(is_error(found) for found in colours(instance, range(3, 6)))
        assert "server" in (host.record.persistent or "")
        assert not is_error(colours(instance, [2])[0]), "what was coloured before is still there"


@in_child
def test_an_abort_ends_the_wait_and_the_next_frame_is_right(
    shim: Path, film: Path, tiny_server: str, mortal_address: str, mortal_process: int, tmp_path: Path
) -> None:
    frames = as_host_has_it(film)
    with hosted(shim, frames, tmp_path, server=tiny_server) as (_, instance):
        undisturbed = colours(instance, range(6))
    with hosted(shim, frames, tmp_path, server=mortal_address) as (_, instance):
        found = colours(instance, range(3))
        os.kill(mortal_process, signal.SIGSTOP)
        assert not instance.render(3.0, RenderArguments(aborted=lambda: True)).ok
        os.kill(mortal_process, signal.SIGCONT)
        found += colours(instance, range(3, 6))
    assert all(np.array_equal(one, other) for one, other in zip(found, undisturbed, strict=True))
