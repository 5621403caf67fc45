"""Every bad input ends in one clear line, the exit code of its class, and no output."""

import errno
import itertools
import os
import threading

import make
import pytest

from kinemacolor.cli.main import main

USAGE, SERVER, INPUT, OUTPUT = 2, 3, 4, 1


@pytest.fixture
def film(tmp_path):
    return make.film(tmp_path / "film.mkv", frames=4).path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.mkv"


@pytest.fixture
def fails(tmp_path, run, tiny_server):
    """Runs a render that must fail; returns its line. Nothing may be left that was not there before."""

    def fail(code, *arguments, server=tiny_server):
        before = sorted(tmp_path.rglob("*"))
        done = run("render", *arguments, *(["--server", server] if server else []))
        assert done.code == code, done.err
        assert sorted(tmp_path.rglob("*")) == before
        return done.err.splitlines()[-1]

    return fail


def test_a_missing_file(tmp_path, out, fails):
    assert "no such file" in fails(INPUT, tmp_path / "nothing.mov", out).lower()


def test_a_folder(tmp_path, out, fails):
    assert "folder" in fails(INPUT, tmp_path, out) or "directory" in fails(INPUT, tmp_path, out)


def test_no_video(tmp_path, out, fails):
    text = tmp_path / "text.mov"
    text.write_text("this is no film\n" * 100)
    assert str(text) in fails(INPUT, text, out)


def test_an_empty_file(tmp_path, out, fails):
    empty = tmp_path / "empty.mov"
    empty.touch()
    assert str(empty) in fails(INPUT, empty, out)


def test_no_frames(tmp_path, out, fails):
    source = make.film(tmp_path / "in.avi", codec="mjpeg", pixel_format="yuvj420p", pts=[])
    assert "frame" in fails(INPUT, source.path, out)


def test_a_truncated_film_leaves_nothing(tmp_path, out, fails):
    whole = make.film(tmp_path / "whole.mkv", frames=60, width=128, height=96).path
    broken = make.cut(whole, tmp_path / "broken.mkv", keep=0.6)
    line = fails(INPUT, broken, out)
    assert "missing" in line
    assert "--keep-going" in line


def test_a_truncated_film_is_kept_under_another_name_if_asked(tmp_path, out, run, tiny_server):
    import films

    whole = make.film(tmp_path / "whole.mkv", frames=60, width=128, height=96)
    broken = make.cut(whole.path, tmp_path / "broken.mkv", keep=0.6)
    done = run("render", broken, out, "--keep-going", "--server", tiny_server, "-c", "ffv1")
    partial = tmp_path / "out.partial.mkv"
    assert done.code == INPUT
    assert str(partial) in done.err.splitlines()[-1]
    assert not out.exists()
    luma = films.luma_of(partial)
    assert 10 < len(luma) < 60
    assert all((frame == planes[0]).all() for frame, planes in zip(luma, whole.planes, strict=False))


def test_a_whole_film_gets_its_name_with_keep_going_too(tmp_path, film, out, run, tiny_server):
    done = run("render", film, out, "--keep-going", "--server", tiny_server)
    assert done.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv", "out.mkv"]


def test_interlaced_names_the_way_out(tmp_path, out, fails, run, tiny_server):
    source = make.film(tmp_path / "in.mkv", codec="ffv1", frames=4, field_order="tt").path
    assert "--field bob" in fails(INPUT, source, out)
    assert run("render", source, out, "--field", "bob", "--server", tiny_server).code == 0


@pytest.mark.parametrize(("code", "name"), [(16, "pq"), (18, "hlg")])
def test_hdr_names_the_way_out(tmp_path, out, fails, run, tiny_server, code, name):
    form = {"pixel_format": "yuv420p10le", "matrix": 9, "primaries": 9, "color_range": 1}
    source = make.film(tmp_path / "in.mkv", frames=2, transfer=code, **form).path
    assert f"--transfer {name}" in fails(INPUT, source, out)
    assert run("render", source, out, "--transfer", name, "--server", tiny_server).code == 0


def test_bob_for_a_progressive_film(film, out, fails):
    assert "not interlaced" in fails(INPUT, film, out, "--field", "bob")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder(tmp_path, film, fails):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "no right to write" in fails(OUTPUT, film, tmp_path / "locked" / "out.mkv")


def test_a_folder_where_nothing_can_be_made(film, fails):
    assert "/proc/out.mkv" in fails(OUTPUT, film, "/proc/out.mkv")


def test_a_folder_that_does_not_exist(tmp_path, film, fails):
    assert "does not exist" in fails(OUTPUT, film, tmp_path / "nowhere" / "out.mkv")


def test_an_unknown_container(tmp_path, film, fails):
    assert "extension" in fails(OUTPUT, film, tmp_path / "out.xyz")


def test_an_existing_output_needs_y(film, out, fails, run, tiny_server):
    out.write_text("precious")
    assert "-y" in fails(OUTPUT, film, out)
    assert out.read_text() == "precious"
    assert run("render", film, out, "-y", "--server", tiny_server).code == 0
    assert out.stat().st_size > 100


def test_a_failed_render_keeps_the_old_output(film, out, fails):
    out.write_text("precious")
    assert "model" in fails(USAGE, film, out, "-y", "--model", "nope")
    assert out.read_text() == "precious"


def test_output_equals_input(tmp_path, film, fails):
    link = tmp_path / "link.mkv"
    link.symlink_to(film)
    assert "same file" in fails(USAGE, film, film, "-y")
    assert "same file" in fails(USAGE, film, link, "-y")


@pytest.mark.parametrize("name", ["../scan/s%d.png", "s%02d.png", "../link/s%d.png"])
def test_a_sequence_is_not_written_over_itself(tmp_path, fails, name):
    folder = tmp_path / "scan"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    for number in (9, 10):
        make.still(folder / f"s{number}.png", "gray", make.picture("gray", 20, 16, number), 20, 16)
    before = [path.read_bytes() for path in sorted(folder.iterdir())]
    assert "same file" in fails(USAGE, folder / "s%d.png", folder / name, "-y")
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == before


def test_a_wrong_encoder_option(film, out, fails):
    assert "nonsense" in fails(OUTPUT, film, out, "-c", "libx264", "-e", "nonsense=1")


def test_an_unknown_encoder(film, out, fails):
    assert "no encoder nope" in fails(OUTPUT, film, out, "-c", "nope")


def test_a_wrong_model_lists_the_names(film, out, fails):
    assert "the server has: " in fails(USAGE, film, out, "--model", "nope")
    assert "tiny" in fails(USAGE, film, out, "--model", "nope")


def test_a_wrong_model_of_a_private_server_lists_the_names(film, out, fails):
    line = fails(USAGE, film, out, "--model", "nope", server=None)
    assert "tiny" in line
    assert "nope" in line


def test_no_server_there(tmp_path, film, out, fails):
    assert "no server answers" in fails(SERVER, film, out, server=f"unix:{tmp_path}/s")
    assert "no server answers" in fails(SERVER, film, out, server="127.0.0.1:1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one IN and one OUT"),
        (["a.mov"], "one IN and one OUT"),
        (["a.mov", "b.mov", "c.mov"], "one IN and one OUT"),
        (["a.mov", "b.mov", "--frames", "9-3"], "before"),
        (["a.mov", "b.mov", "--frames", "x"], "range"),
        (["a.mov", "b.mov", "--frames", "1-2", "-ss", "1"], "exclude"),
        (["a.mov", "b.mov", "-ss", "2", "-to", "1"], "before"),
        (["a.mov", "b.mov", "--amount", "3"], "0 to 2"),
        (["a.mov", "b.mov", "-e", "crf"], "KEY=VALUE"),
        (["a.mov", "b.mov", "--server", "nonsense"], "unix:/path, host:port or tls:host:port"),
        (["a.mov", "b.mov", "--server", "localhost:1", "--device", "cpu"], "own server"),
        (["a.mov", "b.mov", "--nonsense"], "nonsense"),
        (["a.mov", "b.mov", "--quality", "best"], "best"),
        (["a.mov", "b.mov", "--rate", "0"], "rate"),
    ],
)
def test_arguments_that_make_no_sense(run, arguments, message):
    done = run("render", *arguments)
    assert done.code == USAGE
    assert message in done.message


def test_frames_that_the_film_does_not_have(film, out, fails):
    assert "0-3" in fails(USAGE, film, out, "--frames", "2-9")
    assert "no frame" in fails(USAGE, film, out, "-ss", "100")


@pytest.mark.parametrize("option", [("--rate", "25"), ("--missing", "hold")])
def test_options_of_sequences_are_refused_for_a_film(film, out, fails, option):
    assert f"{option[0]} is for picture sequences" in fails(USAGE, film, out, *option)


def test_a_gap_in_a_sequence(tmp_path, out, fails, run, tiny_server):
    for number in (1, 2, 4):
        make.still(tmp_path / f"s{number}.png", "gray", make.picture("gray", 20, 16, number), 20, 16)
    assert "frame 3 is missing" in fails(INPUT, tmp_path / "s%d.png", out)
    assert run("render", tmp_path / "s%d.png", out, "--missing", "hold", "--server", tiny_server).code == 0


def test_a_full_disk_ends_cleanly(film, out, fails, monkeypatch):
    full_disk(monkeypatch, lambda: True)
    assert "no room left" in fails(OUTPUT, film, out, "--disk-full-wait", "0")


def test_a_disk_that_gets_room_again_is_waited_for(film, out, run, tiny_server, monkeypatch):
    answers = iter([True])
    full_disk(monkeypatch, lambda: next(answers, False))
    done = run("render", film, out, "--disk-full-wait", "20", "--server", tiny_server)
    assert done.code == 0
    assert done.err.count("no room left") == 1


def full_disk(monkeypatch, is_full):
    """The file system refuses to take bytes as long as `is_full()`."""
    fail_writes(monkeypatch, errno.ENOSPC, is_full)


def fail_writes(monkeypatch, number, is_failing):
    write = os.pwrite

    def pwrite(descriptor, data, offset):
        if is_failing():
            raise OSError(number, os.strerror(number))
        return write(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)


def test_a_dry_run_says_the_plan_and_touches_nothing(tmp_path, film, out, run):
    before = sorted(tmp_path.rglob("*"))
    done = run("render", film, out, "--dry-run", "--server", f"unix:{tmp_path}/nobody")
    assert done.code == 0
    for word in ("input:", "output:", "encoder:", "copied:", "frames:", "memory:", "network:"):
        assert word in done.out
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("good_writes", [1, 2, 3])
def test_a_write_that_fails_in_the_middle_ends_a_long_render(
    tmp_path, out, tiny_server, capsys, monkeypatch, good_writes
):
    film = make.film(tmp_path / "long.mkv", frames=400, width=160, height=120, pixel_format="gray").path
    count = itertools.count()
    fail_writes(monkeypatch, errno.EIO, lambda: next(count) >= good_writes)
    code = []
    arguments = ["render", str(film), str(out), "-c", "ffv1", "-q", "--server", tiny_server]
    render = threading.Thread(target=lambda: code.append(main(arguments)), daemon=True)
    render.start()
    render.join(30)
    assert code == [OUTPUT]
    assert "writing failed" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["long.mkv"]
