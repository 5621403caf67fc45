import io
import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from kinemacolor.picture.pixel import Family, PixelFormat
from kinemacolor.render import progress
from kinemacolor.render.film_pipeline import Tally
from kinemacolor.render.options import ProgressStyle
from kinemacolor.render.report import RenderReport
from kinemacolor.wire.frame import Geometry

GRAY = PixelFormat(name="gray", family=Family.GRAY, bits=8)
GRAY_16 = PixelFormat(name="gray16le", family=Family.GRAY, bits=16)
RGB = PixelFormat(name="gbrp", family=Family.RGB, bits=8)

REPORT = RenderReport(
    output=Path("out.mov"), complete=True, frames=48, frames_resumed=0, breaks=0, frames_recomputed=0, shots=1,
    seconds=4.0, limited_samples=0, luma_exact=True, luma_psnr_db=None, luma_psnr_frames=0, output_bytes=1000,
    network=Geometry(341, 256),
)  # fmt: skip


class Plan:
    def __init__(self, codec, lossless, source=GRAY, target=GRAY):
        self.codec, self.lossless = codec, lossless
        self.source, self.pixel_format = SimpleNamespace(pixel_format=source), target


@pytest.mark.parametrize(
    ("report", "plan", "expected", "never"),
    [
        (REPORT, Plan("ffv1", True), "bit for bit", "dB"),
        (
            replace(REPORT, luma_exact=False),
            Plan("ffv1", True, RGB, RGB),
            "half a code, for RGB has no luma",
            "bit for",
        ),
        (
            replace(REPORT, luma_exact=False),
            Plan("png", True, GRAY, RGB),
            "half a code, for RGB has no luma",
            "bit for",
        ),
        (replace(REPORT, luma_exact=False), Plan("ffv1", True, GRAY, GRAY_16), "its 8 bits are stored as 16", "RGB"),
        (
            replace(REPORT, luma_exact=False, luma_psnr_db=47.25, luma_psnr_frames=24),
            Plan("libx264", False),
            "Y' at 47.2 dB over 24 frames, not bit-exact",
            "bit for bit",
        ),
        (replace(REPORT, luma_exact=False), Plan("libx264", False), "not measured", "bit for bit"),
    ],
)
def test_the_last_line_says_what_happened_to_luma(report, plan, expected, never):
    lines = report.lines(plan)
    assert lines[0] == "out.mov: 48 frames, 1 shot, 12.00 frames per second"
    assert expected in lines[-1]
    assert never not in " ".join(lines)


def test_lost_saturation_is_counted():
    lines = replace(REPORT, limited_samples=7).lines(Plan("ffv1", True))
    assert any(line.startswith("7 chroma samples lost saturation") for line in lines)


def test_progress_values():
    tally = Tally(encoded=10, coloured=12, shots=2, started=100.0)
    assert progress.progress_values(tally, 40, 105.0) == {
        "event": "progress",
        "frames_done": 10,
        "frames_total": 40,
        "fps": 2.0,
        "eta_seconds": 15.0,
        "shot": 2,
        "elapsed_seconds": 5.0,
    }


def test_progress_of_an_unknown_length_has_no_end():
    assert progress.progress_values(Tally(encoded=10, started=0.0), None, 5.0)["eta_seconds"] is None
    assert progress.progress_values(Tally(started=0.0), 10, 5.0)["eta_seconds"] is None


def test_json_lines_are_documents_of_one_line_each(capsys):
    display = progress.open_display(ProgressStyle.JSON, quiet=False)
    display.note("a\nb")
    display.update(Tally(started=time.monotonic()), 10)
    display.update(Tally(started=time.monotonic()), 10)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["note", "progress"]


@pytest.mark.parametrize(("style", "quiet"), [(ProgressStyle.AUTO, True), (ProgressStyle.NONE, True)])
def test_quiet_says_nothing(capsys, style, quiet):
    display = progress.open_display(style, quiet)
    display.note("note")
    display.event({"event": "done"})
    display.update(Tally(), 10)
    display.close()
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    display = progress.open_display(ProgressStyle.AUTO, quiet=False)
    display.update(Tally(pre_roll=4), 10)
    display.note("a note")
    display.update(Tally(encoded=5, coloured=5, shots=3), 10)
    display.close()
    shown = terminal.getvalue()
    assert "pre-roll 4" in shown
    assert "a note" in shown
    assert "shot 3" in shown


def test_a_search_for_cuts_has_a_bar_of_its_own(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    display = progress.open_display(ProgressStyle.AUTO, quiet=False)
    for frames in range(1, 8):
        display.searched(frames, 7)
    display.note("found 2 shots")
    display.update(Tally(encoded=5, coloured=5, shots=3), 10)
    display.close()
    search, _, render = terminal.getvalue().partition("found 2 shots")
    assert "cuts" in search
    assert "7/7" in terminal.getvalue()
    assert "5/10" in render


def test_a_search_for_cuts_is_told_to_a_machine_once_a_second(capsys):
    display = progress.open_display(ProgressStyle.JSON, quiet=False)
    for frames in range(1, 8):
        display.searched(frames, None)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"event": "searching", "frames_done": 1, "frames_total": None}


def test_no_terminal_gets_only_notes(monkeypatch, capsys):
    display = progress.open_display(ProgressStyle.AUTO, quiet=False)
    display.note("a note")
    display.update(Tally(encoded=5), 10)
    display.close()
    assert capsys.readouterr().err == "a note\n"


def test_a_server_that_was_lost_is_mentioned():
    lost = replace(REPORT, breaks=2, frames_recomputed=31).lines(Plan("ffv1", True))
    assert lost[1] == "the server was lost 2 times and came back; 31 frames computed again, no colour differs"
    assert not any("lost" in line for line in REPORT.lines(Plan("ffv1", True)))
