"""`kinemacolor evaluate` from its arguments to its table, its files and its exit codes."""

import json
import tarfile

import pytest
import torch
from clip_material import COPY, command, moving_pictures, rewriting, write_clip

from kinemacolor.cli.main import main
from kinemacolor.evaluation import tint
from kinemacolor.evaluation.curves import CURVES
from kinemacolor.evaluation.measure import Figures
from kinemacolor.evaluation.outside import LumaCheck, check_command, run_command
from kinemacolor.evaluation.pictures import Clip, read_tarred_clips
from kinemacolor.evaluation.report import CLIP, GREY, PHOTO, TRUTH, Report, Row, Section, table
from kinemacolor.models.networks.tiny import TinyColorizer


def evaluate(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments), "--model", "tiny"])


def test_a_table_a_json_file_and_sheets(clips, tmp_path, capsys):
    found, sheets = tmp_path / "found.json", tmp_path / "sheets"
    assert evaluate(clips, "--frames", 3, "--json", found, "--sheets", sheets) == 0
    out = capsys.readouterr().out
    assert "it does not win by that" in out
    titles = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("|")][2:]
    ways = [f"tiny, frames {way}" for way in ("alone", "smoothed", "warped")]
    assert titles == ["grey", "constant tint", *ways, "tiny", "truth"]
    values = json.loads(found.read_text())
    assert (values["protocol"], values["clips"], values["frames"]) == (1, 1, 3)
    assert values["rows"]["truth"]["mean"]["psnr_db"] is None
    assert values["rows"]["tiny"]["clips"].keys() == {"blobs"}
    assert sorted(path.name for path in sheets.iterdir()) == ["blobs.jpg", "clips_01.jpg"]


def test_clips_may_lie_in_the_folder_itself(clips, capsys):
    assert evaluate(clips / "clips", "--clips", 1, "--frames", 2) == 0
    assert "1 clip, 2 frames" in capsys.readouterr().out


def test_a_command_that_copies_is_grey_and_keeps_the_luma(clips, tmp_path):
    found = tmp_path / "found.json"
    line = command(tmp_path, COPY)
    assert evaluate(clips, "--cmd", line, "--json", found) == 0
    rows = json.loads(found.read_text())["rows"]
    assert rows[line]["luma"] == {"equal": True, "equal_share": 1.0, "largest": 0}
    assert rows[line]["mean"]["ciede2000"] == pytest.approx(rows["grey"]["mean"]["ciede2000"], abs=0.05)
    assert "luma" not in rows["grey"]


def test_colour_and_luma_that_a_command_changes_are_seen(tmp_path):
    clip = Clip("still", moving_pictures()[:, :, :48])
    line = rewriting(tmp_path, "[painted(q.copy()) for q in p]")
    script = tmp_path / "colorizer.py"
    script.write_text("def painted(q):\n    q[0, 0] += 7\n    q[36:] = 140\n    return q\n" + script.read_text())
    outside = run_command(line, clip)
    assert outside.luma == LumaCheck(equal_share=pytest.approx(1 - 1 / (36 * 48)), largest=7)
    assert outside.ab[:, 0].mean() > 2.0  # both chroma planes above neutral: towards magenta


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("p[:2]", "expected 4 frames of 48x36 from the command, found 2 frames of 48x36"),
        ("[q[:, :32].copy() for q in p]", "expected 4 frames of 48x36 from the command, found 4 frames of 32x36"),
    ],
)
def test_a_command_that_writes_another_film_is_refused(change, expected, clips, tmp_path, capsys):
    assert evaluate(clips, "--cmd", rewriting(tmp_path, change)) == 1
    assert last_line(capsys) == f"kinemacolor: blobs: {expected}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("sys.exit('no card found')", "blobs: the command failed with exit status 1: no card found"),
        ("pass", "blobs: the command wrote no file at {out}"),
        ("open(target, 'w').write('x')", "blobs: what the command wrote is no film"),
    ],
)
def test_a_command_that_fails_is_one_line(body, expected, clips, tmp_path, capsys):
    assert evaluate(clips, "--cmd", command(tmp_path, body)) == 1
    assert last_line(capsys).startswith(f"kinemacolor: {expected}")


def test_a_command_that_does_not_exist(clips, capsys):
    assert evaluate(clips, "--cmd", "/nonexistent/colorizer {in} {out}") == 1
    assert "the command does not start: No such file or directory" in last_line(capsys)


@pytest.mark.parametrize("line", ["colorizer {in}", "colorizer {out}", "colorizer '{in} {out}\" {in}"])
def test_a_command_without_places_is_misuse(line, clips, capsys):
    assert evaluate(clips, "--cmd", line) == 2
    assert last_line(capsys).startswith("kinemacolor: --cmd: ")


def test_words_of_a_command_are_those_of_a_shell():
    assert check_command("a 'b c' {in} --to={out}") == ["a", "b c", "{in}", "--to={out}"]


def test_a_missing_or_empty_folder_is_input(tmp_path, capsys):
    assert evaluate(tmp_path / "nowhere") == 4
    assert last_line(capsys) == f"kinemacolor: no folder {tmp_path / 'nowhere'}"
    assert evaluate(tmp_path) == 4
    assert "found none" in last_line(capsys)


def test_a_damaged_frame_is_input(clips, capsys):
    (clips / "clips" / "blobs" / "00001.jpg").write_bytes(b"")
    assert evaluate(clips) == 4
    assert "00001.jpg, which does not decode" in last_line(capsys)


def test_misuse(clips, monkeypatch, capsys):
    monkeypatch.delenv("KINEMACOLOR_DATA", raising=False)
    assert main(["evaluate", str(clips), "--model", "nonsense"]) == 2
    assert "no model 'nonsense'" in last_line(capsys)
    assert evaluate(clips, "--frames", 0) == 2
    assert evaluate(clips, "--curve", "short-side") == 2
    assert evaluate(clips, "--json", clips / "no" / "file.json") == 1


def test_figures_go_into_a_card(clips, tmp_path):
    card = tmp_path / "card.json"
    card.write_text('{"name": "tiny"}')
    assert evaluate(clips, "--frames", 2, "--card", card) == 0
    values = json.loads(card.read_text())
    assert values["name"] == "tiny"
    assert values["figures"]["protocol"] == "1 clip, 2 frames, float32, mean over clips"
    assert values["figures"]["grey"]["warp_error_e3"] == 0.0


def test_a_curve_is_chosen_on_training_clips(clips, tmp_path, capsys):
    write_tar(tmp_path)
    assert evaluate(clips, "--curve", "short-side", "--settings", tmp_path, "--frames", 1) == 0
    out = capsys.readouterr().out
    assert "To choose by (2 training clips" in out
    assert out.index("To choose by") < out.index("For the record, never to choose by (1 clips of dev)")
    assert [out.count(f"| {side:g} |") for side in CURVES["short-side"]] == [2] * 4


def test_decoding_curves_are_of_kinema_only(clips, tmp_path, capsys):
    write_tar(tmp_path)
    assert evaluate(clips, "--curve", "beta", "--settings", tmp_path, "--frames", 1) == 2
    assert "expected the model kinema" in last_line(capsys)


def test_tars_are_read_clip_by_clip(tmp_path):
    tars = [write_tar(tmp_path)]
    assert [(clip.name, len(clip.rgb)) for clip in read_tarred_clips(tars)] == [("one", 4), ("two", 4)]
    assert [(clip.name, len(clip.rgb)) for clip in read_tarred_clips(tars, clips=1, frames=3)] == [("one", 3)]
    a, b, count = tint.mean_tint(tars)
    assert count == 8
    assert abs(a) < 40.0
    assert abs(b) < 40.0


def test_grey_stays_beside_its_colourfulness_in_the_table():
    row = Row((Figures(*[1.0] * 9),), (LumaCheck(0.5, 3),))
    clips = Section(CLIP, ("a",), 1, {GREY: row, "x": row, TRUTH: row})
    text = table(Report("float32", clips, Section(PHOTO)))
    assert "| 50.0 %, off by 3 |" in text
    assert "x: PSNR +0.00 dB and CIEDE2000 x 1.000 of grey, colourfulness 1.000 of the truth, at that a warp" in text


def write_tar(folder):
    path = folder / "clips_00.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("one", "two"):
            tar.add(write_clip(folder / "unpacked" / name, moving_pictures()), arcname=name)
    return path


def last_line(capsys) -> str:
    return capsys.readouterr().err.splitlines()[-1]


def test_networks_without_memory_end_an_evaluation_with_their_exit_code(clips, monkeypatch, capsys):
    def starve(*_):
        torch.empty(1 << 60, dtype=torch.uint8)

    monkeypatch.setattr(TinyColorizer, "propose", starve)
    assert evaluate(clips) == 5
    assert capsys.readouterr().err.splitlines()[-1].startswith("kinemacolor: out of memory; fewer --frames")
