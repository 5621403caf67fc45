"""Hints, references and variants in the effect: a shot gets what a render gives it, and no other shot a bit of it."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hosted import (
    CUTS,
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

HINT = ("--hint", "20:0.25,0.3=#c03020,0.1")
HINTED = {
    "hint1On": 1,
    "hint1Frame": 20,
    "hint1Point": (0.25, 0.7),
    "hint1Colour": (0xC0 / 255, 0x30 / 255, 0x20 / 255),
    "hint1Radius": 0.1,
}
OTHER_HINT = {"hint1Colour": (0.1, 0.2, 0.8)}
SECOND = range(CUTS[1], CUTS[2])
ORDER = (28, 35, 13, 20, 2, 14, 29, 12, 30, 42, 0)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mkv"
    return make.film(path, pictures=picture, frames=FRAMES, width=WIDTH, height=HEIGHT).path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, film: Path, tiny_server: str) -> Path:
    """A cache whose store has every colour of the film, without a hint."""
    folder = tmp_path_factory.mktemp("cache")
    kinemacolor("analyse", film, "--server", tiny_server, "-q", XDG_CACHE_HOME=str(folder))
    return folder


def rendered(film: Path, folder: Path, server: str, *options: object) -> list[np.ndarray]:
    out = folder / f"out{len(options)}.mkv"
    kinemacolor("render", film, out, "-c", "ffv1", "--pix-fmt", "gbrp", "--server", server, "-q", *options)
    return rgb_planes(out)


def same(left: list[np.ndarray], right: list[np.ndarray]) -> list[bool]:
    return [np.array_equal(one, other) for one, other in zip(left, right, strict=True)]


def still(path: Path, rgb: tuple[int, int, int] = (40, 60, 200)) -> Path:
    assert cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), rgb[::-1], np.uint8))
    return path


@in_child
@pytest.mark.parametrize("how", ["detected", "list", "whole"])
@pytest.mark.parametrize("analysed", [True, False])
def test_a_hint_changes_its_shot_as_in_a_render_and_no_other(
    shim: Path, film: Path, cache: Path, tiny_server: str, tmp_path: Path, analysed: bool, how: str
) -> None:
    """What is stored, if anything is, was made without the hint."""
    said = {"server": tiny_server, "mediaFile": str(film), "mediaStart": 0}
    said["shotSource"] = {"detected": 0, "list": 1, "whole": 2}[how]
    options = HINT
    if how != "detected":
        shots = tmp_path / "shots.csv"
        shots.write_text("0\n7\n30\n" if how == "list" else "0\n")
        options = (*HINT, "--shots", shots)
        said["shotList"] = str(shots)
    mine = {"detected": SECOND, "list": range(7, 30), "whole": range(FRAMES)}[how]
    frames, wanted = as_host_has_it(film), rendered(film, tmp_path, tiny_server, *options)
    with hosted(shim, frames, tmp_path, cache if analysed else None, **said) as (_, instance):
        before = colours(instance, ORDER)
        instance.set(**HINTED)
        hinted = colours(instance, ORDER)
        instance.set(hint1On=0)
        after = colours(instance, ORDER)
    for number, one in zip(ORDER, hinted, strict=True):
        assert not is_marked(one)
        check_like(one, wanted[number], frames[number])
    assert same(before, hinted) == [number not in mine for number in ORDER]
    assert all(same(before, after))


@in_child
def test_a_clip_that_begins_in_the_middle_of_its_file_counts_frames_by_itself(
    shim: Path, film: Path, tiny_server: str, tmp_path: Path
) -> None:
    frames, wanted = as_host_has_it(film)[17:], rendered(film, tmp_path, tiny_server, *HINT)[17:]
    said = {"server": tiny_server, "mediaFile": str(film), "mediaStart": 17, **HINTED, "hint1Frame": 3}
    with hosted(shim, frames, tmp_path, **said) as (_, instance):
        for number in (12, 20, 0):
            check_like(colours(instance, [number])[0], wanted[number], frames[number])


@in_child
def test_a_preview_deep_in_a_shot_is_hinted_too(shim: Path, film: Path, tiny_server: str, tmp_path: Path) -> None:
    """Its past is not looked for: the colour is not the final one, and the spot has the hint's."""
    frames, preview = as_host_has_it(film), RenderArguments(interactive=1)
    said = {"server": tiny_server, "mediaFile": str(film), "mediaStart": 0, "shotSource": 2}
    with hosted(shim, frames, tmp_path, **said) as (_, instance):
        (before,) = colours(instance, [40], arguments=preview)
        instance.set(**HINTED)
        (hinted,) = colours(instance, [40], arguments=preview)
    differs = (before != hinted).any(axis=-1)
    assert differs[36, 40]
    assert not differs[:, WIDTH // 2 :].any()


@in_child
def test_a_reference_changes_its_shot_and_a_file_that_is_replaced_is_another_one(
    shim: Path, film: Path, tiny_server: str, tmp_path: Path
) -> None:
    image = still(tmp_path / "blue.png")
    frames, wanted = as_host_has_it(film), rendered(film, tmp_path, tiny_server, "--reference", f"15={image}")
    plain = rendered(film, tmp_path, tiny_server)
    said = {"server": tiny_server, "mediaFile": str(film), "mediaStart": 0}
    said |= {"reference2On": 1, "reference2Frame": 15, "reference2File": str(image)}
    with hosted(shim, frames, tmp_path, **said) as (_, instance):
        for number in ORDER:
            (found,) = colours(instance, [number])
            check_like(found, wanted[number], frames[number])
            assert np.array_equal(wanted[number], plain[number]) == (number not in SECOND)
        (before,) = colours(instance, [20])
        still(image, (200, 50, 40))
        wait_until(lambda: not np.array_equal(colours(instance, [20])[0], before))


@in_child
@pytest.mark.parametrize("button", [True, False])
def test_an_analysis_with_a_hint_answers_any_order_and_another_hint_only_the_other_shots(
    shim: Path, film: Path, tiny_server: str, tmp_path: Path, button: bool
) -> None:
    frames, wanted = as_host_has_it(film), rendered(film, tmp_path, tiny_server, *HINT)
    said = {"server": tiny_server, "mediaFile": str(film), "mediaStart": 0, **HINTED}
    with hosted(shim, frames, tmp_path, traits=NATRON, **said) as (_, instance):
        if button:
            instance.change("analyse")
            assert "the colours of 43 frames are stored" in str(instance.params["status"].value)
        else:
            instance.set(analyseNow=1)
        in_order = colours(instance, range(FRAMES))
    with hosted(shim, frames, tmp_path, traits=NATRON, **said) as (_, instance):
        assert all(same(colours(instance, ORDER), [in_order[number] for number in ORDER]))
        instance.change("analyse")
        assert "43 were there already" in str(instance.params["status"].value)
        instance.set(**OTHER_HINT)
        changed = colours(instance, ORDER)
        instance.change("analyse")
        assert "26 were there already" in str(instance.params["status"].value)
    for number, one, other in zip(ORDER, changed, [in_order[number] for number in ORDER], strict=True):
        check_like(other, wanted[number], frames[number])
        assert np.array_equal(one, other) == (number not in SECOND)


@in_child
def test_an_analysis_by_the_command_with_the_same_hint_is_the_effects(
    shim: Path, film: Path, tiny_server: str, tmp_path: Path
) -> None:
    kinemacolor("analyse", film, "--server", tiny_server, "-q", *HINT, XDG_CACHE_HOME=str(tmp_path))
    said = {"server": tiny_server, "mediaFile": str(film), "mediaStart": 0, **HINTED}
    with hosted(shim, as_host_has_it(film), tmp_path, traits=NATRON, **said) as (_, instance):
        instance.change("analyse")
        assert "43 were there already" in str(instance.params["status"].value)


@in_child
def test_a_picture_that_is_not_the_files_is_never_coloured_as_if_there_were_no_hint(
    shim: Path, film: Path, tiny_server: str, tmp_path: Path
) -> None:
    frames = [np.dstack([255 - frame[..., :3], frame[..., 3]]) for frame in as_host_has_it(film)]
    said = {"server": tiny_server, "mediaFile": str(film), "mediaStart": 0}
    with hosted(shim, frames, tmp_path, **said) as (_, instance):
        assert not is_marked(colours(instance, [0])[0])
        instance.set(**HINTED)
        assert is_marked(colours(instance, [0])[0])
        assert is_error(colours(instance, [20])[0])
        assert "Hint 1: cannot be honoured, frame 20 is not the media file's" in (tmp_path / "ofx.log").read_text()


@in_child
def test_without_a_media_file_the_whole_clip_is_the_shot(
    shim: Path, film: Path, tiny_server: str, tmp_path: Path
) -> None:
    (tmp_path / "shots.csv").write_text("0\n")
    frames = as_host_has_it(film)
    wanted = rendered(film, tmp_path, tiny_server, *HINT, "--shots", tmp_path / "shots.csv")
    said = {"server": tiny_server, "shotSource": 2}
    with hosted(shim, frames, tmp_path, traits=NATRON, **said) as (_, instance):
        before = colours(instance, ORDER)
        instance.set(**HINTED)
        hinted = colours(instance, ORDER)
        assert not is_error(colours(instance, [7.5])[0])
        preview = colours(instance, [20], arguments=RenderArguments(interactive=1))
        instance.set(hint1On=0)
        assert all(same(before, colours(instance, ORDER)))
    assert not any(same(before, hinted))
    assert not is_error(preview[0])
    for number, one in zip(ORDER, hinted, strict=True):
        assert not is_marked(one)
        assert np.abs(one[..., :3].astype(int) - wanted[number]).mean() < 1


@in_child
def test_a_host_that_shows_no_other_frame_can_have_references_for_the_whole_clip_but_no_hints(
    shim: Path, film: Path, tiny_server: str, tmp_path: Path
) -> None:
    image, frames = still(tmp_path / "blue.png"), as_host_has_it(film)
    (tmp_path / "shots.csv").write_text("0\n")
    options = ("--reference", f"30={image}", "--shots", tmp_path / "shots.csv")
    wanted = rendered(film, tmp_path, tiny_server, *options)
    referred = {"reference1On": 1, "reference1Frame": 30, "reference1File": str(image)}
    with hosted(shim, frames, tmp_path, server=tiny_server, shotSource=2) as (_, instance):
        before = colours(instance, range(3))
        instance.set(**referred)
        for number in range(3, 8):
            (found,) = colours(instance, [number])
            assert not is_marked(found), "the pictures that were seen without it are known"
            assert np.abs(found[..., :3].astype(int) - wanted[number]).mean() < 1
        instance.set(reference1On=0, **HINTED)
        assert is_error(colours(instance, [20])[0])
        assert "Hint 1: this host does not show the effect frame 20" in (tmp_path / "ofx.log").read_text()
        instance.set(hint1On=0)
        assert all(same(before, colours(instance, range(3))))
        assert not is_marked(colours(instance, [8])[0])


@in_child
@pytest.mark.parametrize("analysed", [True, False])
def test_a_variant_is_another_colouring_with_a_store_of_its_own(
    shim: Path, film: Path, cache: Path, tiny_server: str, tmp_path: Path, analysed: bool
) -> None:
    frames, wanted = as_host_has_it(film), rendered(film, tmp_path, tiny_server, "--variant", 3)
    said = {"server": tiny_server, "mediaFile": str(film), "mediaStart": 0}
    with hosted(shim, frames, tmp_path, cache if analysed else None, **said) as (_, instance):
        before = colours(instance, ORDER)
        instance.set(variant=2)
        for number, first in zip(ORDER, before, strict=True):
            (found,) = colours(instance, [number])
            check_like(found, wanted[number], frames[number])
            assert not np.array_equal(found, first)
        instance.set(variant=0)
        assert all(same(before, colours(instance, ORDER)))
    with hosted(shim, frames, tmp_path, server=tiny_server, variant=2) as (_, instance):
        for number in range(4):
            assert np.abs(colours(instance, [number])[0][..., :3].astype(int) - wanted[number]).mean() < 1


@in_child
def test_a_model_that_takes_no_hints_says_so_before_and_after(
    shim: Path, film: Path, tiny_server: str, tmp_path: Path
) -> None:
    frames, log = as_host_has_it(film), tmp_path / "ofx.log"
    said = {"server": tiny_server, "mediaFile": str(film), "mediaStart": 0, "model": "kinema+none"}
    with hosted(shim, frames, tmp_path, **said) as (_, instance):
        instance.set(**HINTED)
        instance.change("hint1On", 1)
        assert "kinema+none takes no hints: switch Hint 1 off" in str(instance.params["status"].value)
        assert is_error(colours(instance, [20])[0])
        assert "kinema+none takes no hints" in log.read_text()
        instance.change("model", "tiny")
        assert str(instance.params["status"].value).endswith("Hint 1 is for the shot of frame 20")
        assert not is_error(colours(instance, [20])[0])


@in_child
def test_what_hints_cannot_be_is_said(shim: Path, film: Path, tiny_server: str, tmp_path: Path) -> None:
    frames, log = as_host_has_it(film), tmp_path / "ofx.log"
    media = {"mediaFile": str(film), "mediaStart": 0}
    referred = {"reference1On": 1, "reference1Frame": 20, "reference1File": str(still(tmp_path / "blue.png"))}
    wrong = (
        (HINTED, "Hint 1: name the Media file or set Shot source to Whole clip"),
        ({**HINTED, "mediaFile": str(film)}, "Hint 1: set Media start"),
        ({**HINTED, **media, "stability": 0}, "Hint 1: acts on a whole shot, and Stability off"),
        ({**HINTED, **media, "hint1Frame": 43}, "Hint 1: the film has the frames 0-42, found 43"),
        ({**HINTED, **media, **referred}, "Hint 1: frame 20 has a reference"),
        ({**media, **referred, "reference1File": str(tmp_path / "none.png")}, "none.png"),
        ({**media, **referred, "reference1File": ""}, "Reference 1: name its file"),
    )
    for values, words in wrong:
        log.unlink(missing_ok=True)
        with hosted(shim, frames, tmp_path, server=tiny_server, **values) as (host, instance):
            assert is_error(colours(instance, [20])[0]), values
            assert words in log.read_text(), (values, log.read_text())
            assert "Traceback" not in log.read_text(), values
            assert words in (host.record.persistent or ""), values
