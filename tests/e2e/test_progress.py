"""`--progress json`: what --help promises is what comes."""

import errno
import json
import os
import re

import make
import pytest

from kinemacolor.cli.main import main
from kinemacolor.render import arguments


@pytest.fixture
def events(tmp_path, run, tiny_server):
    film = make.film(tmp_path / "in.mkv", frames=6).path
    done = run("render", film, tmp_path / "out.mkv", "--progress", "json", "--server", tiny_server, "-c", "ffv1")
    assert (done.code, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


def test_the_events_come_in_order(events):
    kinds = [event["event"] for event in events if event["event"] != "note"]
    assert kinds[0] == "started"
    assert kinds[-1] == "done"
    assert set(kinds[1:-1]) == {"progress"}


def test_every_field_is_documented_and_every_documented_field_is_there(events):
    help_text = arguments._parser().format_help()
    for kind in ("started", "note", "progress", "done"):
        lines = re.search(rf"^  {kind} +(.*(?:\n {{6,}}.*)*)", help_text, re.MULTILINE).group(1)
        documented = set(re.findall(r"\w+", lines))
        for event in (event for event in events if event["event"] == kind):
            assert event.keys() - {"event"} == documented


def test_the_summary_is_true(events):
    done = events[-1]
    assert (done["frames"], done["shots"], done["complete"]) == (6, 1, True)
    assert (done["luma_exact"], done["luma_psnr_db"]) == (True, None)


def test_the_device_and_the_weights_are_named(events):
    (started,) = (event for event in events if event["event"] == "started")
    assert re.fullmatch("[0-9a-f]{64}", started["weights_sha256"])
    assert started["model"] == "tiny"
    assert started["frames_total"] == 6


class Nobody:
    """A pipe whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def flush(self):
        """Never reached."""

    def isatty(self):
        return False


@pytest.mark.parametrize("stderr", [None, Nobody()])
def test_a_render_needs_nobody_who_reads_its_notes(tmp_path, tiny_server, monkeypatch, stderr):
    film = make.film(tmp_path / "in.mkv", frames=2).path
    monkeypatch.setattr("sys.stderr", stderr)
    assert main(["render", str(film), str(tmp_path / "out.mkv"), "--server", tiny_server]) == 0
    assert main(["render", str(film), str(tmp_path / "nothing" / "out.mkv")]) == 1


@pytest.mark.parametrize(("stdout", "reason"), [(None, "is closed"), (Nobody(), "cannot be written: Broken pipe")])
def test_lost_progress_is_one_clear_line(tmp_path, run, tiny_server, monkeypatch, stdout, reason):
    film = make.film(tmp_path / "in.mkv", frames=2).path
    arguments = ["render", film, tmp_path / "out.mkv", "--progress", "json", "--server", tiny_server]
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stdout)
        done = run(*arguments)
    assert (done.code, done.message) == (1, f"kinemacolor: standard output {reason}")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
