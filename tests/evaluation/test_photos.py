"""`kinemacolor evaluate` on photos, and on black-and-white material whose colours nobody knows."""

import json

import cv2
import numpy as np
import pytest
from clip_material import COPY, command, grey_of, moving_pictures, write_clip, write_photos

from kinemacolor.cli.main import main
from kinemacolor.evaluation.sheets import PHOTOS_A_PAGE

STILL = {"psnr_db", "psnr_ab_db", "ciede2000", "colourfulness", "colourfulness_error"}


def evaluate(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments), "--model", "tiny"])


@pytest.fixture
def photos(clips):
    write_photos(clips / "photos", np.concatenate([moving_pictures(), moving_pictures()])[: PHOTOS_A_PAGE + 1])
    return clips


@pytest.fixture
def archive(tmp_path):
    """A clip and photos of one channel."""
    pictures = grey_of(moving_pictures())
    write_clip(tmp_path / "archive" / "clips" / "old", pictures)
    write_photos(tmp_path / "archive" / "photos", pictures)
    return tmp_path / "archive"


def tables(capsys) -> list[list[list[str]]]:
    """The printed tables, cell by cell."""
    found: list[list[list[str]]] = [[]]
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.split("|")[1:-1]])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_photos_have_a_table_of_their_own(photos, capsys):
    assert evaluate(photos, "--photos", "--frames", 2) == 0
    clips, stills = tables(capsys)
    assert [line[0] for line in clips[2:]][2] == "tiny, frames alone"
    assert [line[0] for line in stills[2:]] == ["grey", "constant tint", "tiny", "truth"]
    assert stills[0] == ["", "PSNR dB", "PSNR ab dB", "CIEDE2000", "colourfulness", "its error"]


def test_the_json_of_photos(photos, tmp_path):
    found = tmp_path / "found.json"
    assert evaluate(photos, "--photos", 3, "--frames", 1, "--json", found) == 0
    values = json.loads(found.read_text())
    assert values["protocol"] == 1  # the figures of clips are what they were
    assert values["photos"]["count"] == 3
    row = values["photos"]["rows"]["tiny"]
    assert set(row["mean"]) == STILL
    assert list(row["photos"]) == ["a", "b", "c"]
    assert row["mean"]["ciede2000"] == pytest.approx(
        np.mean([one["ciede2000"] for one in row["photos"].values()]), abs=1e-3
    )
    assert values["photos"]["rows"]["truth"]["mean"]["colourfulness_error"] == 0.0


def test_a_photo_is_measured_as_the_only_frame_of_a_clip(photos, tmp_path):
    found = tmp_path / "found.json"
    assert evaluate(photos, "--photos", 1, "--frames", 1, "--json", found) == 0
    values = json.loads(found.read_text())
    for title in ("grey", "constant tint", "tiny"):
        clip = values["rows"][title]["clips"]["blobs"]
        assert {name: clip[name] for name in STILL} == values["photos"]["rows"][title]["photos"]["a"]


def test_without_the_option_photos_are_no_clip_and_no_row(photos, tmp_path):
    found = tmp_path / "found.json"
    assert evaluate(photos, "--frames", 1, "--json", found) == 0
    assert "photos" not in json.loads(found.read_text())
    (photos / "clips" / "blobs").rename(photos / "blobs")
    (photos / "clips").rmdir()
    assert evaluate(photos, "--frames", 1, "--json", found) == 0
    assert json.loads(found.read_text())["rows"]["grey"]["clips"].keys() == {"blobs"}


def test_photos_alone(tmp_path, capsys):
    folder = write_photos(tmp_path / "pictures", moving_pictures(2))
    assert evaluate(folder, "--photos") == 0
    out = capsys.readouterr().out
    assert out.count("| grey |") == 1
    assert "2 photos, mean over photos" in out
    assert evaluate(folder) == 4
    assert last_line(capsys).endswith("found none; --photos measures the photos")
    assert evaluate(folder, "--photos", "--cmd", "colorizer {in} {out}") == 4
    assert "--cmd is measured on clips" in last_line(capsys)


def test_no_photos(clips, capsys):
    assert evaluate(clips, "--photos") == 4
    assert "expected JPEG files in DIR/photos/ or DIR, found none" in last_line(capsys)


def test_a_damaged_photo_or_a_line_of_pixels_is_input(photos, capsys):
    (photos / "photos" / "b.jpg").write_bytes(b"")
    assert evaluate(photos, "--photos", "--frames", 1) == 4
    assert last_line(capsys) == "kinemacolor: b.jpg: expected a picture, found b.jpg, which does not decode"
    cv2.imwrite(str(photos / "photos" / "a.jpg"), np.arange(60, dtype=np.uint8).reshape(1, 20, 3))
    assert evaluate(photos, "--photos", "--frames", 1) == 4
    assert last_line(capsys) == "kinemacolor: a.jpg: expected at least 2x2 pixels, found 20x1"


def test_photos_share_pages(photos, tmp_path):
    sheets = tmp_path / "sheets"
    assert evaluate(photos, "--photos", "--frames", 1, "--sheets", sheets) == 0
    names = ["blobs.jpg", "clips_01.jpg", "photos_01.jpg", "photos_02.jpg"]
    assert sorted(path.name for path in sheets.iterdir()) == names
    first, second = (cv2.imread(str(sheets / f"photos_0{number}.jpg")) for number in (1, 2))
    header = 20
    assert (first.shape[0] - header) == PHOTOS_A_PAGE * (second.shape[0] - header)
    assert first.shape[1] == second.shape[1]
    grey, found, truth = np.split(second[header : header + 36].astype(int), 3, axis=1)
    assert np.ptp(grey, axis=2).max() < 12  # JPEG
    assert np.ptp(truth, axis=2).mean() > 2.0
    assert np.abs(found - grey).mean() > 0.1


def test_a_large_photo_is_reduced_on_its_page(tmp_path):
    wide = cv2.resize(moving_pictures(1)[0], (1000, 301))
    folder, sheets = write_photos(tmp_path / "wide", wide[None]), tmp_path / "sheets"
    assert evaluate(folder, "--photos", "--sheets", sheets) == 0
    page = cv2.imread(str(sheets / "photos_01.jpg"))
    assert page.shape[1] == 3 * (320 + 4)
    assert page.shape[0] < 160


def test_black_and_white_material_is_measured_without_truth(archive, tmp_path, capsys):
    found, sheets = tmp_path / "found.json", tmp_path / "sheets"
    assert evaluate(archive, "--no-truth", "--photos", "--json", found, "--sheets", sheets) == 0
    clips, stills = tables(capsys)
    assert clips[0] == ["", "colourfulness", "warp ab e3", "jumps %"]
    ways = [f"tiny, frames {way}" for way in ("alone", "smoothed", "warped")]
    titles = ["grey", "constant tint", *ways, "tiny"]
    assert [line[0] for line in clips[2:]] == titles
    assert stills[0] == ["", "colourfulness"]
    assert [line[0] for line in stills[2:]] == ["grey", "constant tint", "tiny"]
    values = json.loads(found.read_text())
    assert values["rows"]["grey"]["mean"] == dict.fromkeys(("colourfulness", "warp_error_e3", "jumps_percent"), 0.0)
    assert values["rows"]["constant tint"]["mean"]["colourfulness"] > 1.0
    assert values["rows"]["tiny"]["clips"]["old"]["warp_error_e3"] > 0.0
    assert sorted(path.name for path in sheets.iterdir()) == ["clips_01.jpg", "old.jpg", "photos_01.jpg"]
    page = cv2.imread(str(sheets / "photos_01.jpg"))
    assert page.shape[1] == 2 * (120 + 4)  # grey and tiny


def test_an_archive_is_coloured_in_the_same_run(photos, archive, tmp_path, capsys):
    found, sheets = tmp_path / "found.json", tmp_path / "sheets"
    words = ["--archive", archive, "--photos", 3, "--frames", 3, "--json", found, "--sheets", sheets]
    assert evaluate(photos, *words) == 0
    columns = [len(table[0]) for table in tables(capsys)]
    assert columns == [10, 6, 4, 2]
    values = json.loads(found.read_text())
    assert values["clips"] == values["archive"]["clips"] == 1
    assert values["archive"]["photos"]["count"] == 3
    assert "truth" not in values["archive"]["rows"]
    assert len(values["targets"]["tiny"]) == 6
    assert sorted(path.name for path in sheets.iterdir()) == ["archive", "blobs.jpg", "clips_01.jpg", "photos_01.jpg"]
    assert sorted(path.name for path in (sheets / "archive").iterdir()) == ["clips_01.jpg", "old.jpg", "photos_01.jpg"]


def test_an_archive_has_something_and_goes_with_tables_only(photos, archive, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert evaluate(photos, "--archive", tmp_path / "empty", "--frames", 1) == 4
    assert "or with --photos JPEG files" in last_line(capsys)
    assert evaluate(photos, "--archive", archive, "--seams") == 2
    assert evaluate(photos, "--archive", archive, "--guides") == 2


def test_clips_share_pages_with_their_middle_frames(clips, tmp_path):
    sheets = tmp_path / "sheets"
    for number in range(PHOTOS_A_PAGE):
        write_clip(clips / "clips" / f"more_{number}", moving_pictures(3))
    assert evaluate(clips, "--sheets", sheets) == 0
    first, second = (cv2.imread(str(sheets / f"clips_0{number}.jpg")) for number in (1, 2))
    assert first.shape[1] == second.shape[1] == 3 * (120 + 4)  # grey, tiny and the truth
    shown = second[20 : 20 + 36, 2 * 124 + 36 : 2 * 124 + 36 + 48].astype(int)
    away = [np.abs(shown - frame[:, :48, ::-1].astype(int)).mean() for frame in moving_pictures(3)]
    assert away[1] < min(away[0], away[2])


def test_the_tint_of_a_scan_is_not_taken_for_its_colour(tmp_path):
    sepia = np.clip(grey_of(moving_pictures(1)) + np.array([20, 0, -30]), 0, 255).astype(np.uint8)
    folder, sheets = write_photos(tmp_path / "sepia", sepia), tmp_path / "sheets"
    assert evaluate(folder, "--photos", "--no-truth", "--sheets", sheets) == 0
    page = cv2.imread(str(sheets / "photos_01.jpg"))
    assert np.ptp(page[:, : page.shape[1] // 2].astype(int), axis=2).max() < 12  # the grey column


@pytest.mark.parametrize("photos_too", [False, True])
def test_a_truth_without_colour_is_refused(photos_too, archive, capsys):
    if photos_too:
        (archive / "clips" / "old").rename(archive / "old")
        (archive / "clips").rmdir()
        for path in (archive / "old").iterdir():
            path.unlink()
    assert evaluate(archive, *(["--photos"] if photos_too else [])) == 4
    name = "a.jpg" if photos_too else "old"
    assert last_line(capsys) == f"kinemacolor: {name}: it has no colour to compare with (--no-truth measures without)"


def test_a_command_is_measured_without_truth(archive, tmp_path):
    found, line = tmp_path / "found.json", command(tmp_path, COPY)
    assert evaluate(archive, "--no-truth", "--cmd", line, "--json", found) == 0
    row = json.loads(found.read_text())["rows"][line]
    assert row["luma"] == {"equal": True, "equal_share": 1.0, "largest": 0}
    assert row["mean"]["colourfulness"] < 1.0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--curve", "short-side", "--photos"], "--curve: "),
        (["--curve", "short-side", "--no-truth"], "--curve: "),
        (["--card", "card.json", "--no-truth"], "--card: "),
    ],
)
def test_options_that_exclude_each_other(words, expected, photos, capsys):
    assert evaluate(photos, *words) == 2
    assert last_line(capsys).startswith(f"kinemacolor: {expected}")


def test_figures_of_photos_go_into_a_card(photos, tmp_path):
    card = tmp_path / "card.json"
    card.write_text("{}")
    assert evaluate(photos, "--photos", 2, "--frames", 1, "--card", card) == 0
    values = json.loads(card.read_text())
    assert values["figures"]["protocol"] == "1 clip, 1 frames, float32, mean over clips"
    assert values["photo_figures"]["protocol"] == "2 photos, float32, mean over photos"
    assert set(values["photo_figures"]["tiny"]) == STILL


def test_a_page_that_cannot_be_written_is_one_line(photos, tmp_path, capsys):
    sheets = tmp_path / "sheets"
    (sheets / "photos_01.jpg").mkdir(parents=True)
    assert evaluate(photos, "--photos", 1, "--frames", 1, "--sheets", sheets) == 1
    assert last_line(capsys) == f"kinemacolor: {sheets / 'photos_01.jpg'} cannot be written: Is a directory"


def last_line(capsys) -> str:
    return capsys.readouterr().err.splitlines()[-1]
