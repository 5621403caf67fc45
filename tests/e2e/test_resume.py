"""`--resume`: whatever ended a render, and wherever, the finished file is that of an unbroken one, byte for byte."""

import errno
import fcntl
import functools
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import make
import numpy as np
import pytest
import toned

from kinemacolor.media.types import EncodeOptions
from kinemacolor.render import arguments, film_pipeline

CHILD = Path(__file__).with_name("render_child.py")
SEGMENT = 8
FRAMES = 43
CUTS = (0, 13, 30)
OUTPUT, USAGE, INPUT = 1, 2, 4
KINDS = {"mkv": ("-c", "ffv1"), "mov": ("-c", "libx264"), "mp4": (), "prores.mov": ("-c", "prores_ks")}


def scene(number):
    """Blocks of another scene after each cut, in motion."""
    blocks = np.random.default_rng(sum(cut <= number for cut in CUTS)).integers(30, 220, (6, 8)).astype(np.uint8)
    luma = np.roll(np.kron(blocks, np.ones((8, 8), np.uint8)), abs(number % 10 - 5), axis=1)
    return luma, *(np.full((24, 32), 128, np.uint8) for _ in range(2))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "in.mov"
    chapters = [(Fraction(0), Fraction(1), "One"), (Fraction(1), Fraction(43, 25), "Two")]
    return make.film(
        path, codec="libx264", frames=FRAMES, pictures=scene, timecode="10:00:00:00", chapters=chapters,
        audio=(make.Audio("aac"), make.Audio("aac", start=Fraction(1, 5))),
    ).path  # fmt: skip


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    monkeypatch.setattr(arguments, "EncodeOptions", functools.partial(EncodeOptions, segment_frames=SEGMENT))


@pytest.fixture(scope="module")
def unbroken(source, tiny_server, tmp_path_factory):
    """The bytes of the whole film in a kind of file, rendered once."""

    @functools.cache
    def film(kind):
        out = tmp_path_factory.mktemp("unbroken") / f"out.{kind}"
        child(source, out, kind, tiny_server, "none", check=True)
        return out.read_bytes()

    return film


def child(source, out, kind, server, point, *options, check=False):
    """Runs a render in a process of its own that dies at `point`."""
    words = ["render", source, out, *KINDS[kind], "--server", server, "--progress", "json", *options]
    command = [sys.executable, CHILD, SEGMENT, point, *words]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=check, timeout=100)


def done_event(text):
    (done,) = (event for event in map(json.loads, text.splitlines()) if event["event"] == "done")
    return done


def disk_points(source, tmp_path, kind, server):
    """How many times an unbroken render changes the disk."""
    counted = child(source, tmp_path / f"count.{kind}", kind, server, "count")
    assert counted.returncode == 0, counted.stderr
    return int(counted.stdout.splitlines()[-1])


def kill_and_resume(source, out, kind, server, point):
    """Returns how many frames were rendered twice."""
    killed = child(source, out, kind, server, point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if out.exists():  # killed after the last step that counts
        return 0
    resumed = child(source, out, kind, server, "none", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    done = done_event(resumed.stdout)
    assert (done["frames"], done["shots"]) == (FRAMES, len(CUTS))
    if point.startswith("frame:"):
        encoded = int(point.removeprefix("frame:"))
        assert done["frames_resumed"] == encoded // SEGMENT * SEGMENT
        return encoded - done["frames_resumed"]
    return 0


@pytest.mark.parametrize(("kind", "frame"), [("mkv", 37), ("mov", 20), ("mp4", 5), ("prores.mov", 42)])
def test_a_killed_client_goes_on(tmp_path, source, unbroken, tiny_server, kind, frame):
    out = tmp_path / f"out.{kind}"
    again = kill_and_resume(source, out, kind, tiny_server, f"frame:{frame}")
    assert out.read_bytes() == unbroken(kind)
    assert again < SEGMENT


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mkv", "mov"])
def test_a_client_that_is_killed_anywhere_goes_on(tmp_path, source, unbroken, tiny_server, kind):
    """20 frames and 20 moments at which the disk is changed, chosen by a seed."""
    chosen = random.Random(20261123)
    points = [f"frame:{frame}" for frame in chosen.sample(range(FRAMES), 20)]
    count = disk_points(source, tmp_path, kind, tiny_server)
    points += [f"any:{number}" for number in sorted(chosen.sample(range(count), 20))]
    for number, point in enumerate(points):
        folder = tmp_path / str(number)
        folder.mkdir()
        again = kill_and_resume(source, folder / f"out.{kind}", kind, tiny_server, point)
        sys.stdout.write(f"{kind} killed at {point}: {again} frames rendered twice\n")
        assert again < SEGMENT
        assert (folder / f"out.{kind}").read_bytes() == unbroken(kind)


@pytest.mark.parametrize("part", ["fsync", "replace", "link", "unlink"])
def test_a_kill_between_two_steps_on_the_disk_loses_nothing(tmp_path, source, unbroken, tiny_server, part):
    """The third of each: around the second segment's name and its line in the manifest, or around the joined film."""
    out = tmp_path / "out.mkv"
    point = {"fsync": "fsync:5", "replace": "replace:2", "link": "link:0", "unlink": "unlink:1"}[part]
    kill_and_resume(source, out, "mkv", tiny_server, point)
    assert out.read_bytes() == unbroken("mkv")


def test_a_render_that_is_killed_again_and_again_ends(tmp_path, source, unbroken, tiny_server):
    out = tmp_path / "out.mov"
    for frame in (20, 9, 15):
        assert child(source, out, "mov", tiny_server, f"frame:{frame}", "--resume").returncode == -signal.SIGKILL
    assert child(source, out, "mov", tiny_server, "none", "--resume").returncode == 0
    assert out.read_bytes() == unbroken("mov")


# ---- in this process: a disk that fails leaves the same parts as a kill ----


@pytest.fixture
def stopped(tmp_path, source, run, tiny_server, monkeypatch):
    """An output whose render stopped at a frame; returns what goes on with it."""
    out = tmp_path / "out.mkv"

    def stop(frame=37, kind="mkv", source=source, *options):
        out = tmp_path / f"out.{kind}"
        with monkeypatch.context() as patch:
            take, count = film_pipeline.FilmPipeline._placed, itertools.count()

            def fail(self, item):
                if next(count) >= frame:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                return take(self, item)

            patch.setattr(film_pipeline.FilmPipeline, "_placed", fail)
            done = run("render", source, out, *KINDS[kind], "--server", tiny_server, *options)
        assert done.code == OUTPUT
        assert not out.exists()
        return done

    stop.parts = tmp_path / f".{out.name}.parts"
    stop.out = out
    return stop


@pytest.fixture
def resume(source, run, tiny_server):
    """Goes on; returns the command's result."""

    def go_on(out, *options, kind="mkv", server=tiny_server):
        return run("render", source, out, *KINDS[kind], "--server", server, "--progress", "json", "--resume", *options)

    return go_on


def test_what_is_kept_is_said(stopped):
    done = stopped(frame=20)
    assert f"16 frames are kept in {stopped.parts}" in done.err
    assert "--resume" in done.err


def test_less_than_a_segment_leaves_nothing(tmp_path, stopped):
    stopped(frame=SEGMENT - 1)
    assert list(tmp_path.iterdir()) == []


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def drop_line(path, number):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))


def flip_digit(path):
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = re.sub(rb'"shots": [0-9]', b'"shots": 9', lines[2])
    path.write_bytes(b"".join(lines))


DAMAGE = {
    "a bit of a segment": (lambda parts: flip(parts / "000001.segment"), 24),
    "the end of a segment": (lambda parts: cut(parts / "000003.segment"), 24),
    "a whole segment": (lambda parts: (parts / "000000.segment").unlink(), 24),
    "two segments apart": (lambda parts: [flip(parts / f"00000{i}.segment") for i in (0, 2)], 16),
    "a line of the manifest": (lambda parts: drop_line(parts / "manifest.jsonl", 2), 24),
    "the end of the last line": (lambda parts: cut(parts / "manifest.jsonl"), 24),
    "a digit of a line": (lambda parts: flip_digit(parts / "manifest.jsonl"), 24),
    "the first line": (lambda parts: drop_line(parts / "manifest.jsonl", 0), 0),
    "the manifest": (lambda parts: (parts / "manifest.jsonl").unlink(), 0),
    "a strange file beside": (lambda parts: (parts / "000004.segment").write_text("not ours"), 32),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_made_again_and_the_rest_is_kept(stopped, resume, unbroken, damage):
    spoil, kept = DAMAGE[damage]
    stopped(frame=37)
    spoil(stopped.parts)
    done = resume(stopped.out)
    assert done.code == 0, done.err
    assert done_event(done.out)["frames_resumed"] == kept
    assert stopped.out.read_bytes() == unbroken("mkv")
    assert not stopped.parts.exists()


def test_a_damaged_segment_in_the_middle_after_the_last_frame(tmp_path, source, unbroken, tiny_server, resume):
    """The end is known then, so the short last segment counts too."""
    out = tmp_path / "out.mkv"
    assert child(source, out, "mkv", tiny_server, "link:0").returncode == -signal.SIGKILL
    flip(tmp_path / ".out.mkv.parts" / "000002.segment")
    done = resume(out)
    assert done_event(done.out)["frames_resumed"] == FRAMES - SEGMENT
    assert out.read_bytes() == unbroken("mkv")


def test_a_render_that_only_has_to_be_joined_needs_no_server(tmp_path, source, unbroken, tiny_server, resume):
    out = tmp_path / "out.mkv"
    assert child(source, out, "mkv", tiny_server, "link:0").returncode == -signal.SIGKILL
    done = resume(out, server=f"unix:{tmp_path}/nobody")
    assert done.code == 0, done.err
    assert done_event(done.out)["frames_resumed"] == FRAMES
    assert out.read_bytes() == unbroken("mkv")


def test_resume_without_anything_to_resume_begins(tmp_path, resume, unbroken):
    done = resume(tmp_path / "out.mkv")
    assert done.code == 0
    assert done_event(done.out)["frames_resumed"] == 0
    assert (tmp_path / "out.mkv").read_bytes() == unbroken("mkv")


@pytest.mark.parametrize("frames", [40, 41, 48])
def test_a_piece_goes_on_too(tmp_path, source, run, stopped, tiny_server, frames):
    """From inside a shot, to the end of a segment and to one more frame."""
    options = ("-c", "ffv1", "--frames", f"2-{min(frames + 1, FRAMES - 1)}")
    assert run("render", source, tmp_path / "whole.mkv", *options, "--server", tiny_server).code == 0
    stopped(30, "mkv", source, *options[2:])
    done = run("render", source, stopped.out, *options, "--server", tiny_server, "--resume")
    assert done.code == 0, done.err
    assert stopped.out.read_bytes() == (tmp_path / "whole.mkv").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--amount", "0.5"), "--amount was 1.0 and is 0.5"),
        (("--transfer", "srgb"), "the colour tags was"),
        (("-e", "slices=9"), "the encoder's options was"),
        (("--frames", "0-20"), "the frames was all and is 0-20"),
        (("--pix-fmt", "yuv444p"), "the pixel format was yuv420p and is yuv444p"),
        (("--drop-unsupported",), None),
        (("--disk-full-wait", "7"), None),
    ],
)
def test_other_settings_are_refused(stopped, resume, unbroken, options, message):
    stopped(frame=20)
    before = sorted(path.name for path in stopped.parts.iterdir())
    done = resume(stopped.out, *options)
    if message is None:
        assert done.code == 0, done.err
        assert stopped.out.read_bytes() == unbroken("mkv")
        return
    assert done.code == USAGE
    assert message in done.err.splitlines()[-1]
    assert sorted(path.name for path in stopped.parts.iterdir()) == before


def test_a_list_of_shots_goes_on_from_its_own_cuts(tmp_path, source, run, stopped, resume, tiny_server):
    shots, other = tmp_path / "shots.csv", tmp_path / "other.csv"
    shots.write_text("0\n21\n")
    other.write_text("0\n22\n")
    whole = tmp_path / "whole.mkv"
    assert run("render", source, whole, "-c", "ffv1", "--shots", shots, "--server", tiny_server).code == 0
    stopped(37, "mkv", source, "--shots", shots)
    refused = resume(stopped.out, "--shots", other)
    assert refused.code == USAGE
    assert "--shots was" in refused.message
    done = resume(stopped.out, "--shots", shots)
    assert done.code == 0, done.err
    assert stopped.out.read_bytes() == whole.read_bytes()


def test_the_tone_of_a_print_is_part_of_what_goes_on(tmp_path, run, stopped, tiny_server):
    path = tmp_path / "amber.mkv"
    film = make.film(path, frames=FRAMES, pictures=toned.toned(toned.PRINTS["amber"]), **toned.SIZE).path
    whole, to_server = tmp_path / "whole.mkv", ("-c", "ffv1", "--server", tiny_server)
    assert run("render", film, whole, *to_server).code == 0
    stopped(20, "mkv", film)
    for use in ("keep", "ignore"):
        refused = run("render", film, stopped.out, *to_server, "--resume", "--tone", use)
        assert refused.code == USAGE
        assert "--tone was removed" in refused.err.splitlines()[-1]
    assert run("render", film, stopped.out, *to_server, "--resume").code == 0
    assert stopped.out.read_bytes() == whole.read_bytes()


def test_another_device_class_is_refused(stopped, resume, start_server):
    stopped(frame=20)
    done = resume(stopped.out, server=start_server("--threads", "2").address)
    assert done.code == USAGE
    assert "the device class was" in done.err
    assert (stopped.parts / "000001.segment").exists()


def test_another_source_is_refused(tmp_path, source, run, stopped, tiny_server):
    copy = shutil.copy2(source, tmp_path / "copy.mov")
    stopped(20, "mkv", copy)
    with copy.open("r+b") as file:
        file.seek(copy.stat().st_size // 2)
        file.write(b"\xff")
    done = run("render", copy, stopped.out, "-c", "ffv1", "--server", tiny_server, "--resume")
    assert done.code == USAGE
    assert "the input's date was" in done.err.splitlines()[-1]


def test_a_source_that_changes_while_it_is_rendered_is_no_film(tmp_path, source, run, tiny_server, monkeypatch):
    copy = shutil.copy2(source, tmp_path / "copy.mov")
    take = film_pipeline.FilmPipeline.finish_part
    monkeypatch.setattr(
        film_pipeline.FilmPipeline, "finish_part", lambda self: (take(self), os.utime(copy, ns=(1, 1)))[0]
    )
    done = run("render", copy, tmp_path / "out.mkv", "--server", tiny_server)
    assert done.code == INPUT
    assert "was changed while it was rendered" in done.err
    assert not (tmp_path / "out.mkv").exists()


def test_without_resume_nothing_is_thrown_away(stopped, source, run, tiny_server, unbroken):
    stopped(frame=20)
    arguments = ("render", source, stopped.out, "-c", "ffv1", "--server", tiny_server)
    done = run(*arguments)
    assert done.code == OUTPUT
    assert "16 frames of an unfinished render" in done.err.splitlines()[-1]
    assert run(*arguments, "-y").code == 0
    assert stopped.out.read_bytes() == unbroken("mkv")
    assert not stopped.parts.exists()


@pytest.mark.parametrize(
    "options",
    [("b=500k",), ("x264-params=bitrate=500",), ("x264-params=ref=1:pass=2:stats=/tmp/x",), ("flags=+pass1",)],
)
def test_an_encode_with_a_bitrate_is_refused(tmp_path, source, run, tiny_server, options):
    words = ["-c", "libx264", *(word for option in options for word in ("-e", option))]
    done = run("render", source, tmp_path / "out.mov", *words, "--server", tiny_server, "--resume")
    assert done.code == USAGE
    assert "cannot be resumed" in done.message
    assert list(tmp_path.iterdir()) == []


def test_an_encode_with_a_bitrate_leaves_nothing_when_it_fails(tmp_path, source, stopped):
    done = stopped(30, "mov", source, "-e", "b=500k")
    assert "--resume" not in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["png", "tif", "dpx"])
def test_pictures_that_are_there_are_not_made_again(tmp_path, source, run, tiny_server, monkeypatch, suffix):
    (tmp_path / "whole").mkdir()
    (tmp_path / "out").mkdir()
    words = ("--drop-unsupported", "--server", tiny_server, "--progress", "json")
    assert run("render", source, tmp_path / "whole" / f"f.%03d.{suffix}", *words).code == 0
    pattern = tmp_path / "out" / f"f.%03d.{suffix}"
    take, count = film_pipeline.FilmPipeline._placed, itertools.count()
    with monkeypatch.context() as patch:
        patch.setattr(
            film_pipeline.FilmPipeline,
            "_placed",
            lambda self, item: take(self, item) if next(count) < 20 else 1 / 0,
        )
        assert run("render", source, pattern, *words).code == OUTPUT
    flip(tmp_path / "out" / f"f.004.{suffix}")
    # Killed after a picture had its name and before its line was written:
    shutil.copy(tmp_path / "whole" / f"f.020.{suffix}", tmp_path / "out" / f"f.020.{suffix}")
    kept = (tmp_path / "out" / f"f.003.{suffix}").stat().st_ino
    done = run("render", source, pattern, *words, "--resume")
    assert done.code == 0, done.err
    assert done_event(done.out)["frames_resumed"] == 19
    assert (tmp_path / "out" / f"f.003.{suffix}").stat().st_ino == kept
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_killed_while_a_picture_is_written(tmp_path, source, run, tiny_server):
    """The hidden file of that picture goes away; a file that only looks like one stays."""
    (tmp_path / "out").mkdir()
    pattern = tmp_path / "out" / "f.%03d.png"
    words = (source, pattern, "--drop-unsupported", "--server", tiny_server)
    command = [sys.executable, CHILD, SEGMENT, "fsync:21", "render", *words]
    killed = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=100)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list(pattern.parent.glob(".f.*.png.*.part"))
    strange = pattern.parent / ".f.x.png.0123abcd.part"
    strange.touch()
    assert run("render", *words, "--resume").code == 0
    expected = [strange.name, *(f"f.{number:03d}.png" for number in range(FRAMES))]
    assert sorted(path.name for path in pattern.parent.iterdir()) == expected


def test_a_second_render_of_the_same_output_is_refused(tmp_path, source, run, tiny_server):
    folder = tmp_path / ".out.mkv.parts"
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run("render", source, tmp_path / "out.mkv", "--server", tiny_server, "--resume")
        assert done.code == OUTPUT
        assert done.err.endswith("another render is writing it\n")
    assert run("render", source, tmp_path / "out.mkv", "--server", tiny_server).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def test_a_strange_picture_is_not_replaced(tmp_path, source, run, tiny_server, monkeypatch):
    pattern = tmp_path / "f.%03d.png"
    words = ("--drop-unsupported", "--server", tiny_server)
    (tmp_path / "f.020.png").write_bytes(b"precious")
    assert run("render", source, pattern, *words).code == OUTPUT
    done = run("render", source, pattern, *words, "--resume")
    assert done.code == OUTPUT
    assert "f.020.png exists" in done.err
    assert (tmp_path / "f.020.png").read_bytes() == b"precious"


def test_a_broken_input_can_be_kept_later(tmp_path, source, run, tiny_server):
    whole = make.film(tmp_path / "whole.mkv", frames=60, width=128, height=96).path
    broken = make.cut(whole, tmp_path / "broken.mkv", keep=0.6)
    words = ("render", broken, tmp_path / "out.mkv", "-c", "ffv1", "--server", tiny_server)
    assert run(*words).code == INPUT
    assert (tmp_path / ".out.mkv.parts").is_dir()
    done = run(*words, "--resume", "--keep-going")
    assert done.code == INPUT
    assert "frames before are in" in done.err
    assert run(*words[:2], tmp_path / "b.mkv", *words[3:], "--keep-going").code == INPUT
    assert (tmp_path / "out.partial.mkv").read_bytes() == (tmp_path / "b.partial.mkv").read_bytes()
    assert not (tmp_path / ".out.mkv.parts").exists()


def test_a_full_disk_keeps_what_was_finished(tmp_path, source, resume, run, unbroken, tiny_server, monkeypatch):
    out = tmp_path / "out.mkv"
    write, count = os.pwrite, itertools.count()

    def pwrite(descriptor, data, offset):
        if next(count) >= 60:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", pwrite)
        done = run("render", source, out, "-c", "ffv1", "--disk-full-wait", "0", "--server", tiny_server)
    assert done.code == OUTPUT
    assert "no room left" in done.err
    assert not out.exists()
    assert resume(out).code == 0
    assert out.read_bytes() == unbroken("mkv")
