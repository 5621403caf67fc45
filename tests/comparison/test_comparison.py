"""The parts of a comparison: what is combined, what is read, what is best, and what is refused."""

import functools
import json
import os
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import av
import cv2
import numpy as np
import pytest
import torch
from made_clips import grey_of, moving, toned, write_film, write_frames
from safetensors.torch import save_file

from kinemacolor.cli.main import main
from kinemacolor.comparison.colouring import colour_clip
from kinemacolor.comparison.combinations import combine
from kinemacolor.comparison.errors import ComparisonError, ComparisonUsageError
from kinemacolor.comparison.film_shots import split_into_shots
from kinemacolor.comparison.folder import OutputFolder, output_folder
from kinemacolor.comparison.labels import LABEL_HEIGHT_PX, label
from kinemacolor.comparison.layout import grid_of
from kinemacolor.comparison.mark import new_mark, read_mark, write_mark
from kinemacolor.comparison.material import Limits, find_material
from kinemacolor.comparison.measures import MEASURES, best, measures_of
from kinemacolor.comparison.measuring import Measured
from kinemacolor.comparison.media import make_media
from kinemacolor.comparison.results import ClipResult, Line
from kinemacolor.comparison.tour import page_video_bytes
from kinemacolor.comparison.truth import has_colour
from kinemacolor.evaluation.measure import TruthlessFigures
from kinemacolor.evaluation.pictures import Clip
from kinemacolor.evaluation.rows import colorize
from kinemacolor.models.kinema_colorizer import LOOKS_PX
from kinemacolor.models.library import import_weights
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.sizes import favc_reduced, favc_refine_reduced
from kinemacolor.models.networks.tiny import TinyColorizer
from kinemacolor.models.registry import load_families, load_model

LIMITS = Limits(frames=48, clips=None, short_side_px=256)


def compare(*arguments: object) -> int:
    return main(["compare", *map(str, arguments)])


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.splitlines()[-1]


def titles(frames: list[str] | None, temporals: list[str] | None) -> list[str]:
    return [one.title for one in combine(frames, temporals)]


# ---- combinations ----


def test_every_frame_network_with_every_temporal_network():
    found = combine(["kinema", "eccv16"], ["memory", "none"])
    assert [one.title for one in found] == ["kinema+memory", "kinema+none", "eccv16+memory", "eccv16+none"]
    assert found[0].spec.description == combine(["kinema+memory"], None)[0].spec.description
    assert titles(["tiny", "kinema+none"], ["memory"]) == ["tiny", "kinema+none"]


def test_what_there_is_is_taken_if_nothing_is_said():
    assert titles(None, None)[0] == "kinema+none"
    assert "kinema+memory" in titles(None, None)
    assert not any(title.startswith(("eccv16", "tiny")) for title in titles(None, None))


def test_a_network_with_a_refinement_of_its_own_is_taken_with_it_and_with_the_others():
    with_all = [f"favc-reduced+{temporal}" for temporal in ("none", "lai", "memory", "refine")]
    assert titles(["favc-reduced"], None) == with_all
    assert titles(["favc-reduced", "kinema"], ["none"]) == ["favc-reduced+none", "kinema+none"]
    assert titles(["favc-reduced+refine"], None) == ["favc-reduced+refine"]
    assert combine(["favc-reduced+refine"], None)[0].spec.name == "favc-reduced"


def test_its_weights_are_enough_to_be_taken_if_nothing_is_said(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    for name, network in (("favc-reduced", favc_reduced({})), ("favc-refine-reduced", favc_refine_reduced({}))):
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, tmp_path / name)
        import_weights(name, tmp_path / name)
    assert "favc-reduced+refine" in titles(None, None)


@pytest.mark.parametrize(
    ("frames", "temporals", "message"),
    [
        (["kinema"], ["refine"], "there is no combination kinema+refine; of kinema there are: kinema+none, kinema+lai"),
        (["kinema"], ["sepia"], "no temporal network 'sepia'; there are: none, lai, memory"),
        (["kinema+sepia"], None, "there is no combination kinema+sepia; of kinema there are: kinema+none"),
        (["tiny+memory"], None, "there is no combination tiny+memory; of tiny there are: tiny"),
        (["kinema", "kinema+none"], ["none"], "kinema+none is asked for twice"),
    ],
)
def test_combinations_that_do_not_exist(frames, temporals, message):
    with pytest.raises(ComparisonUsageError) as caught:
        combine(frames, temporals)
    assert str(caught.value).startswith(message)


def test_a_network_runs_and_is_read_once_for_all_its_temporal_networks(monkeypatch: pytest.MonkeyPatch):
    runs = []
    forward = KinemaNet.forward
    monkeypatch.setattr(KinemaNet, "forward", lambda self, light: (runs.append(id(self)), forward(self, light))[1])
    lightness = Clip("blobs", moving(1, 3, width=61)).lightness
    families = load_families(["kinema", "tiny", "kinema+none"])
    assert [[model.spec.name for model in family] for family in families] == [["kinema", "kinema+none"], ["tiny"]]
    found = colour_clip(families, lightness)
    assert (len(runs), len(set(runs))) == (3 * len(LOOKS_PX), 1)
    alone = colorize(load_model("kinema"), lightness)
    assert torch.equal(found["kinema"].ab, alone.whole)
    assert torch.equal(found["kinema+none"].ab, alone.alone)
    assert torch.equal(found["tiny"].ab, colorize(load_model("tiny"), lightness).whole)


# ---- material ----


@pytest.mark.parametrize("layout", ["JPEGImages/480p", "clips", "."])
def test_folders_of_clips(layout, tmp_path):
    for name in ("b", "a"):
        write_frames(tmp_path / layout / name, moving(1))
    (tmp_path / layout / "notes").mkdir()
    for name in ("photos", ".trash"):
        write_frames(tmp_path / layout / name, moving(1))
    pieces = list(find_material(tmp_path).read(LIMITS))
    assert [(piece.clip.name, len(piece.clip.rgb), piece.rate) for piece in pieces] == [("a", 5, 24), ("b", 5, 24)]
    assert len(list(find_material(tmp_path).read(Limits(frames=2, clips=1, short_side_px=256)))) == 1


def test_a_folder_of_frames_is_a_film_and_is_reduced(tmp_path):
    write_frames(tmp_path / "film", moving(1, height=101, width=150), ending=".png")
    (piece,) = find_material(tmp_path / "film").read(Limits(frames=3, clips=None, short_side_px=50))
    assert piece.clip.name == "film shot 1"
    assert piece.clip.rgb.shape == (3, 50, 74, 3)


def test_frames_directly_in_the_folder_win(tmp_path):
    film = write_frames(tmp_path / "film", moving(1))
    write_frames(film / "covers", moving(2, 1))
    assert find_material(film).sources == (film,)


def test_parts_of_an_earlier_comparison_are_no_clips(tmp_path):
    write_frames(tmp_path / "a", moving(1))
    for name in ("sheets", "videos"):
        write_frames(tmp_path / name, moving(2, 1), ending=".png")
    assert [each.name for each in find_material(tmp_path).sources] == ["a", "sheets", "videos"]
    write_mark(tmp_path, new_mark(["sheets/00000.png"]), working=tmp_path / "a")
    assert [each.name for each in find_material(tmp_path).sources] == ["a"]


def test_hidden_files_are_no_frames(tmp_path):
    clip = write_frames(tmp_path / "a", moving(1, 2))
    (clip / "._00000.jpg").write_bytes(b"of a Mac")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "._00000.jpg").write_bytes(b"of a Mac")
    (piece,) = find_material(tmp_path).read(LIMITS)
    assert len(piece.clip.rgb) == 2


def test_a_folder_that_cannot_be_read_is_one_line(tmp_path, capsys, monkeypatch):
    write_frames(tmp_path / "a", moving(1))
    (tmp_path / "lost+found").mkdir()
    listed = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:  # whoever runs the tests may be allowed to read everything
        if folder.name == "lost+found":
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert compare(tmp_path, "--models", "tiny", "--out", tmp_path / "out") == 4
    assert last_line(capsys) == f"kinemacolor: {tmp_path / 'lost+found'} cannot be read: Permission denied"


def test_a_film_has_the_colours_that_were_put_in(tmp_path):
    pictures = moving(1, height=96, width=128)
    film = write_film(tmp_path / "film.mkv", pictures)
    (piece,) = find_material(film).read(LIMITS)
    assert piece.rate == 25
    assert np.abs(piece.clip.rgb - pictures.astype(int)).mean() < 4.0
    assert has_colour(piece.clip)


def test_a_film_is_read_the_right_way_up_with_square_pixels(tmp_path):
    pictures = moving(1, height=48, width=128)
    film = write_film(tmp_path / "film.mp4", pictures, aspect=Fraction(1, 2), rotation=90)
    (piece,) = find_material(film).read(LIMITS)
    assert piece.clip.rgb.shape == (5, 64, 48, 3)
    upright = np.rot90(pictures, axes=(1, 2))[:, ::2]
    assert np.abs(piece.clip.rgb - upright.astype(int)).mean() < 8.0


def test_shots_end_at_cuts_and_are_cut_short():
    frames = np.concatenate([moving(1), moving(2, 2), moving(3)])
    assert [len(shot) for shot in split_into_shots(iter(frames), 48)] == [5, 2, 5]
    assert [len(shot) for shot in split_into_shots(iter(frames), 3)] == [3, 2, 3]
    assert list(split_into_shots(iter(frames[:0]), 3)) == []


def test_tints_and_noise_are_no_colour():
    colour = moving(1, 3)
    noise = np.random.default_rng(1).integers(-2, 3, colour.shape)
    assert has_colour(Clip("colour", colour))
    assert not has_colour(Clip("grey", grey_of(colour)))
    assert not has_colour(Clip("noisy", (grey_of(colour) + noise).astype(np.uint8)))
    assert not has_colour(Clip("toned", toned(colour)))


# ---- figures and pictures ----


def measure(name: str):
    return next(one for one in MEASURES if one.name == name)


def test_the_best():
    figures = ("psnr_db", "ciede2000", "colourfulness", "cdc_e3")
    results = {
        "a": dict(zip(figures, (10.0, 5.0, 30.0, 2.0), strict=True)),
        "b": dict(zip(figures, (30.0, 9.0, 11.0, 2.5), strict=True)),
        "pale": dict(zip(figures, (20.0, 5.001, 3.0, 1.0), strict=True)),
    }
    truth = dict(zip(figures, (float("inf"), 0.0, 20.0, 1.5), strict=True))
    assert best(measure("psnr_db"), results, truth) == {"b"}
    assert best(measure("ciede2000"), results, truth) == {"a", "pale"}
    assert best(measure("colourfulness"), results, truth) == {"b"}
    assert best(measure("cdc_e3"), results, truth) == {"a"}
    assert best(measure("cdc_e3"), dict.fromkeys("cd", results["pale"]), truth) == frozenset()
    assert best(measure("ciede2000"), {"a": results["a"]}, truth) == frozenset()


def test_without_a_truth_nothing_is_best():
    results = {
        title: {"colourfulness": value, "warp_error_e3": value, "jumps_percent": value}
        for title, value in (("a", 1.0), ("b", 2.0))
    }
    measures = measures_of(["colourfulness", "warp_error_e3", "jumps_percent"])
    assert [best(one, results, {}) for one in measures] == [frozenset()] * 3


@pytest.mark.parametrize(("cells", "columns"), [(1, 1), (3, 2), (4, 2), (5, 3), (6, 3), (9, 3), (12, 4)])
def test_a_grid_is_near_to_a_screen(cells, columns):
    grid = grid_of(cells, 455, 288, 4)
    assert grid.columns == columns
    assert grid.width_px % 2 == grid.height_px % 2 == 0
    assert grid.corner(cells - 1)[1] + 288 <= grid.height_px


def test_a_label_that_is_too_long_is_set_smaller():
    strips = [label("kinema+memory" * repeats, 200).astype(int) for repeats in (1, 6)]
    for strip in strips:
        assert strip.shape == (LABEL_HEIGHT_PX, 200, 3)
        assert strip.max() > 90
        assert strip[:, -4:].max() < 40


def test_one_small_grey_frame_is_enough(tmp_path, capsys):
    write_frames(tmp_path / "in" / "a", grey_of(moving(1, 1, height=17, width=16)))
    assert compare(tmp_path / "in", "--models", "tiny", "--out", tmp_path / "out") == 0
    assert "1 clip with no known colours, 1 frame;" in capsys.readouterr().out
    assert (tmp_path / "out" / "videos" / "a.mp4").is_file()


def test_weights_of_reduced_size_are_labelled_as_trained_here(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    save_file(Eccv16(width=4).state_dict(), tmp_path / "eccv16.safetensors")
    import_weights("eccv16-reduced", tmp_path / "eccv16.safetensors")
    write_frames(tmp_path / "in" / "a", moving(1, 2, width=192))
    assert compare(tmp_path / "in", "--models", "eccv16-reduced+none,tiny", "--out", tmp_path / "out") == 0
    sheet = cv2.imread(str(tmp_path / "out" / "sheets" / "a.png"))[:, :, ::-1]
    height = len(sheet) // 4  # grey, both and the truth
    for row, text in enumerate(("grey", "eccv16-reduced+none (trained here)", "tiny", "truth")):
        strip = sheet[row * height : row * height + LABEL_HEIGHT_PX, :192]
        assert np.array_equal(strip, label(f"{text}, frame 0", 192)), text
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<strong>eccv16-reduced</strong>: the networks of the papers at a reduced size" in page
    assert "made by training here and not by the authors" in page
    assert compare(tmp_path / "in", "--models", "tiny", "--out", tmp_path / "plain") == 0
    assert "reduced" not in (tmp_path / "plain" / "index.html").read_text()


def test_a_video_that_is_too_large_for_the_page_is_made_smaller(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (4, 96, 128, 3), dtype=np.uint8)
    line = Line(TruthlessFigures(10.0, 1.0, 0.0), (), (1.0, 1.0, 1.0))
    sizes = {"frames": 4, "width_px": 128, "height_px": 96, "rate": Fraction(24)}
    clip = ClipResult(name="noise", lines={"grey": line, "tiny": line}, times={}, **sizes)
    measured = {title: Measured(line, noise) for title in clip.lines}
    small, large = (
        make_media(OutputFolder(tmp_path), clip, combine(["tiny"], None), measured, limit) for limit in (1, 1 << 20)
    )
    assert len(small.video) < len(large.video) / 4
    assert small.video_size == large.video_size
    assert (tmp_path / "videos" / "noise.mp4").read_bytes() == large.video


def test_videos_of_the_page_share_what_it_may_hold():
    mib = 1 << 20
    assert page_video_bytes(48 * mib, 5000, is_exact=False) == 3 * mib  # a film of one shot, maybe
    assert page_video_bytes(48 * mib, 5000, is_exact=True) == 48 * mib // 5000
    assert page_video_bytes(48 * mib, 4, is_exact=True) == 3 * mib
    assert page_video_bytes(2 * mib, 1, is_exact=True) == 2 * mib
    assert page_video_bytes(-1, 1, is_exact=True) == 0
    rest = 48 * mib
    for left in range(5000, 0, -1):
        rest -= page_video_bytes(rest, left, is_exact=False)
    assert 0 <= rest < mib


def test_a_film_of_one_shot_has_a_fine_video_whatever_number_is_asked_for(tmp_path):
    film = write_film(tmp_path / "film.mkv", moving(1))
    assert compare(film, "--models", "tiny", "--clips", 500000, "--out", tmp_path / "out") == 0
    video = (tmp_path / "out" / "videos" / "film shot 1.mp4").read_bytes()
    assert b64encode(video).decode() in (tmp_path / "out" / "index.html").read_text()


def test_clips_of_one_frame_are_plotted_without_a_warning(tmp_path, recwarn):
    write_frames(tmp_path / "in" / "a", moving(1, 1))
    assert compare(tmp_path / "in", "--models", "tiny", "--out", tmp_path / "out") == 0
    assert [str(each.message) for each in recwarn if "plots" in each.filename or "matplotlib" in each.filename] == []


def test_a_grid_that_is_too_wide_for_the_codec_is_made_smaller(tmp_path):
    write_frames(tmp_path / "in" / "a", moving(1, 2, height=16, width=17000), ending=".png")
    assert compare(tmp_path / "in", "--models", "tiny", "--out", tmp_path / "out") == 0
    with av.open(str(tmp_path / "out" / "videos" / "a.mp4")) as film:
        assert film.streams.video[0].width == 16384


# ---- names ----


def test_names_of_clips_are_text_that_anything_can_take(tmp_path, capfd):
    names_of_folders = [
        b"bell \x07 \x1b[31m",
        b"line\nline",
        b"latin-1 \xe9",
        b"back\\slash",
        "ü 映画 🎞".encode(),
        b"x" * 253,
    ]
    for name in names_of_folders:
        write_frames(tmp_path / "in" / "plain", moving(1, 2)).rename(tmp_path / "in" / os.fsdecode(name))
    out = tmp_path / os.fsdecode(b"out \x1b \xe9")
    assert compare(tmp_path / "in", "--models", "tiny", "--out", out) == 0
    found = json.loads((out / "metrics.json").read_text())["clips"]
    shown = {"bell \\x07 \\x1b[31m", "line\\x0aline", "latin-1 \\udce9", "back\\\\slash", "ü 映画 🎞", "x" * 253}
    assert set(found) == shown
    assert len(names(out / "videos")) == len(names(out / "plots")) == len(shown)
    assert all(len(name.encode()) < 128 for name in names(out / "sheets"))
    for plot in (out / "plots").iterdir():
        ElementTree.parse(plot)  # well-formed
    assert not {"\x1b", "\x07"} & set("".join(capfd.readouterr()))
    assert find_material(tmp_path / "in").sources  # and names are still those on the disk
    page = (out / "index.html").read_text()
    assert all(f"videos/{name}" in page for name in names(out / "videos"))


def test_errors_do_not_steer_the_terminal(tmp_path, capfd):
    assert compare(tmp_path / "\x1b[31m", "--models", "tiny", "--out", tmp_path / "out") == 4
    assert capfd.readouterr().err.endswith("no file or folder " + str(tmp_path / "\\x1b[31m") + "\n")


@pytest.mark.parametrize("name", [b"scene:1.mkv", b"http:film.mkv", b"-film.mkv", b"latin-1 \xe9.mkv"])
def test_a_name_of_a_film_is_no_protocol(name, tmp_path, monkeypatch):
    write_film(tmp_path / "film.mkv", moving(1)).rename(tmp_path / os.fsdecode(name))
    monkeypatch.chdir(tmp_path)
    (piece,) = find_material(Path(os.fsdecode(name))).read(LIMITS)
    assert len(piece.clip.rgb) == 5


# ---- the folder ----


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def put(
    out: Path,
    *files: str,
    overwrite: bool = False,
    sources: Sequence[Path] = (),
    text: str = "new",
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    with output_folder(out, overwrite, sources) as folder:
        for name in (*files, "index.html"):
            folder.write(name, text)
        meanwhile()


def refused(out: Path, message: str, **options: Any) -> None:
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(ComparisonUsageError, match=message):
        put(out, "videos/a.mp4", **options)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_nothing_appears_before_everything_is_there(tmp_path):
    out = tmp_path / "new" / "out"
    with pytest.raises(IsADirectoryError), output_folder(out, overwrite=False) as folder:
        _break_after(folder)
    assert not out.exists()
    (out / ".unfinished-1" / "sheets").mkdir(parents=True)  # of one that was killed, or is at work
    with output_folder(out, overwrite=False) as folder:
        folder.write("videos/a.mp4", b"video")
        folder.write("index.html", "page")
        assert all(name.startswith(".unfinished-") for name in names(out))
    assert names(out) == [".kinemacolor-compare.json", ".unfinished-1", "index.html", "videos"]
    assert (out / ".unfinished-1" / "sheets").is_dir()


def test_only_an_earlier_comparison_is_replaced(tmp_path):
    put(tmp_path, "videos/a.mp4", "sheets/a.png", text="old")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / "videos" / "holiday.mov").write_text("mine")
    refused(tmp_path, "--overwrite")
    with pytest.raises(IsADirectoryError), output_folder(tmp_path, overwrite=True) as folder:
        _break_after(folder)
    assert (tmp_path / "index.html").read_text() == "old"
    put(tmp_path, "videos/b.mp4", overwrite=True)
    assert names(tmp_path) == [".kinemacolor-compare.json", ".unfinished", "index.html", "notes.txt", "videos"]
    assert names(tmp_path / "videos") == ["b.mp4", "holiday.mov"]
    assert (tmp_path / "index.html").read_text() == "new"
    put(tmp_path, overwrite=True)
    assert names(tmp_path / "videos") == ["holiday.mov"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_comparison_is_never_replaced(overwrite, tmp_path):
    clips = write_frames(tmp_path / "videos", moving(1)).parent
    (clips / "index.html").write_text("mine")
    refused(clips, "is not empty", overwrite=overwrite)
    (clips / ".kinemacolor-compare.json").write_text('{"made by": "somebody else"}')
    refused(clips, "is not empty", overwrite=overwrite)
    (tmp_path / "other" / ".unfinished").mkdir(parents=True)
    refused(tmp_path / "other", "is not empty", overwrite=overwrite)


@pytest.mark.parametrize("name", ["../precious.txt", "notes.txt", "videos/../notes.txt", "/etc/hosts", "videos", 1])
def test_a_mark_leads_nowhere_else(name, tmp_path):
    put(tmp_path)
    mark = tmp_path / ".kinemacolor-compare.json"
    assert read_mark(tmp_path) is not None
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "files": ["index.html", name]}))
    assert read_mark(tmp_path) is None
    refused(tmp_path, "is not empty", overwrite=True)


@pytest.mark.parametrize("inside", ["videos/a.mp4", "videos", "sheets/clip"])
def test_what_is_compared_on_is_never_replaced(inside, tmp_path):
    put(tmp_path / "out", "videos/a.mp4", "sheets/a.png")
    (tmp_path / "out" / "sheets" / "clip").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out" / inside)
    refused(tmp_path / "out", "is a part of the comparison", overwrite=True, sources=[tmp_path / "link"])


def test_a_file_of_a_person_is_not_replaced_by_one_of_the_same_name(tmp_path):
    put(tmp_path)
    (tmp_path / "means.svg").write_text("mine")
    refused(tmp_path, "means.svg is not of the earlier comparison", overwrite=True)
    (tmp_path / "means.svg").unlink()
    (tmp_path / "sheets").symlink_to("elsewhere")
    refused(tmp_path, "sheets is not of the earlier comparison", overwrite=True)
    (tmp_path / "sheets").unlink()
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").write_text("mine")
    with pytest.raises(ComparisonError, match=r"a\.mp4 is not of the earlier comparison"):
        put(tmp_path, "videos/a.mp4", overwrite=True)
    assert (tmp_path / "videos" / "a.mp4").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
def test_of_two_comparisons_at_once_one_is_put_there_and_the_other_says_so(overwrite, tmp_path):
    if overwrite:
        put(tmp_path, "videos/a.mp4", text="old")
    quick = functools.partial(put, tmp_path, "videos/a.mp4", overwrite=overwrite, text="quick")
    with pytest.raises(ComparisonError, match=r"another comparison was put into .* in the meantime"):
        put(tmp_path, "videos/a.mp4", overwrite=overwrite, text="slow", meanwhile=quick)
    assert names(tmp_path) == [".kinemacolor-compare.json", "index.html", "videos"]
    assert {path.read_text() for path in (tmp_path / "index.html", tmp_path / "videos" / "a.mp4")} == {"quick"}


def test_while_one_is_put_there_no_other_is(tmp_path):
    with pytest.raises(ComparisonError, match=r"if none is at work, remove .*\.publishing"):
        put(tmp_path, meanwhile=(tmp_path / ".publishing").mkdir)
    assert names(tmp_path) == [".publishing"]
    with pytest.raises(ComparisonError, match="is being put into"):
        put(tmp_path)


def test_a_part_that_has_vanished_is_missed(tmp_path):
    put(tmp_path, text="old")

    def lose() -> None:
        next(tmp_path.glob(".unfinished-*/videos/a.mp4")).unlink()

    with pytest.raises(ComparisonError, match=r"a\.mp4 has vanished"):
        put(tmp_path, "videos/a.mp4", overwrite=True, meanwhile=lose)
    assert (tmp_path / "index.html").read_text() == "old"


def test_what_a_killed_one_left_can_be_replaced(tmp_path, monkeypatch):
    put(tmp_path, "videos/a.mp4", "videos/b.mp4", text="old")
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: _raise() if Path(b).name == "c.mp4" else replace(a, b))
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path, "videos/b.mp4", "videos/c.mp4", overwrite=True)
    assert names(tmp_path) == [".kinemacolor-compare.json", "videos"]
    put(tmp_path, "videos/d.mp4", overwrite=True)
    assert names(tmp_path / "videos") == ["d.mp4"]


def _raise() -> None:
    raise KeyboardInterrupt


def _break_after(folder: OutputFolder) -> None:
    folder.write("videos/c.mp4", b"video")
    raise IsADirectoryError


# ---- what is refused ----


def test_bad_material_is_one_line(tmp_path, capsys):
    out = ("--models", "tiny", "--out", tmp_path / "out")
    assert compare(tmp_path / "nowhere", *out) == 4
    assert last_line(capsys) == f"kinemacolor: no file or folder {tmp_path / 'nowhere'}"
    (tmp_path / "empty").mkdir()
    assert compare(tmp_path / "empty", *out) == 4
    assert "found no frames" in last_line(capsys)
    (tmp_path / "film.mp4").write_bytes(b"no film at all")
    assert compare(tmp_path / "film.mp4", *out) == 4
    assert last_line(capsys).startswith("kinemacolor: film.mp4: no film that can be decoded")
    frames = write_frames(tmp_path / "clips" / "a", moving(1))
    (frames / "00001.jpg").write_bytes(b"")
    assert compare(tmp_path, *out) == 4
    assert "00001.jpg, which does not decode" in last_line(capsys)
    write_frames(tmp_path / "two" / "a", moving(1))
    write_frames(tmp_path / "more", moving(1, 1, height=30))
    (tmp_path / "more" / "00000.jpg").rename(tmp_path / "two" / "a" / "00009.jpg")
    assert compare(tmp_path / "two", *out) == 4
    assert last_line(capsys) == "kinemacolor: a: expected pictures of one size, found 2 sizes"
    assert not (tmp_path / "out").exists()


def test_misuse_is_one_line(tmp_path, capsys):
    clips = write_frames(tmp_path / "a", moving(1, 1)).parent
    out = ("--out", tmp_path / "out")
    for arguments, message in (
        (("--models", "nonsense"), "no model 'nonsense'"),
        (("--models", "eccv16", "--temporal", "none"), "the weights of eccv16 are not installed"),
        (("--models", "kinema+sepia"), "there is no combination kinema+sepia"),
        (("--temporal", "sepia"), "no temporal network 'sepia'"),
    ):
        assert compare(clips, *arguments, *out) == 2
        assert last_line(capsys).startswith(f"kinemacolor: {message}")
    for arguments in (("--frames", 0), ("--models", "kinema,"), ("--size", 8), ("--device", "abacus")):
        assert compare(clips, *arguments, *out) == 2
    assert not (tmp_path / "out").exists()
    assert compare(clips, "--models", "tiny", "--out", tmp_path) == 2
    assert "is not empty and holds no comparison" in last_line(capsys)
    assert compare(clips, "--models", "tiny", "--out", tmp_path, "--overwrite") == 2


def test_a_missing_library_names_its_extra(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("kinemacolor.comparison")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert compare(Path("clips")) == 1
    assert "pip install 'kinemacolor[compare]'" in last_line(capsys)


# ---- memory ----


def test_networks_without_memory_end_a_comparison_with_their_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def starve(*_: object) -> None:
        torch.empty(1 << 60, dtype=torch.uint8)

    monkeypatch.setattr(TinyColorizer, "propose", starve)
    write_frames(tmp_path / "in" / "clip", moving(1))
    assert compare(tmp_path / "in", "--models", "tiny", "--out", tmp_path / "out") == 5
    assert last_line(capsys).startswith("kinemacolor: out of memory; a smaller --size")
