"""Law 2 in files: a frame's colour is that of the whole render, whatever was asked for and whoever else is served."""

import threading
import time
from fractions import Fraction

import films
import make
import numpy as np
import pytest

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import connect
from kinemacolor.client.requests import OpenRequest
from kinemacolor.wire.frame import Geometry

SIZE = (64, 48)


def two_shots(cut, frames):
    """Blocks of one scene and then of another, in slow motion; the network's memory is reset between them."""

    def picture(number):
        blocks = np.random.default_rng(number >= cut).integers(30, 220, (6, 8)).astype(np.uint8)
        luma = np.roll(np.kron(blocks, np.ones((8, 8), np.uint8)), abs(number % 10 - 5), axis=1)
        neutral = np.full((SIZE[1] // 2, SIZE[0] // 2), 128, np.uint8)
        return luma, neutral, neutral

    return {"pictures": picture, "frames": frames}


@pytest.fixture
def film(tmp_path):
    audio = (make.Audio("pcm_s16le"),)
    return make.film(tmp_path / "in.mkv", **two_shots(cut=20, frames=40), audio=audio, timecode="10:00:00:00").path


@pytest.fixture
def whole(tmp_path, film, run, tiny_server):
    done = run("render", film, tmp_path / "whole.mkv", "-c", "ffv1", "--server", tiny_server)
    assert "40 frames, 2 shots" in done.err
    return films.planes_of(tmp_path / "whole.mkv")


def same(left, right):
    return all(
        np.array_equal(a, b) for old, new in zip(left, right, strict=True) for a, b in zip(old, new, strict=True)
    )


@pytest.mark.parametrize(("first", "last"), [(25, 34), (0, 3), (18, 22), (20, 20), (39, 39)])
def test_a_range_of_frames_equals_the_same_frames_of_the_whole(tmp_path, film, whole, render, first, last):
    done = render(film, tmp_path / "part.mkv", "-c", "ffv1", "--frames", f"{first}-{last}")
    assert done.code == 0, done.err
    assert same(films.planes_of(tmp_path / "part.mkv"), whole[first : last + 1])


def test_the_memory_matters(whole):
    """Otherwise the test above would show nothing: equal luma at another place of a shot has another colour."""
    assert np.array_equal(whole[22][0], whole[32][0])
    assert not same(whole[22:23], whole[32:33])


def test_a_range_of_times_is_the_same_range(tmp_path, film, whole, render):
    assert render(film, tmp_path / "part.mkv", "-c", "ffv1", "-ss", "1", "-to", "0:01.2").code == 0
    assert same(films.planes_of(tmp_path / "part.mkv"), whole[25:30])
    assert films.times_of(tmp_path / "part.mkv")[0] == 0


def test_a_piece_has_its_sound_and_its_timecode(tmp_path, render):
    film = make.film(
        tmp_path / "in.mov", codec="libx264", frames=50, audio=(make.Audio("pcm_s16le"),), timecode="10:00:00:00"
    ).path
    out = tmp_path / "part.mov"
    assert render(film, out, "--frames", "25-34").code == 0
    import av

    with av.open(str(out)) as container:
        timecodes = {stream.metadata.get("timecode") for stream in container.streams} - {None}
        sound = [packet for packet in container.demux(audio=0) if packet.size]
        times = [packet.pts * packet.time_base for packet in sound]
    assert timecodes == {"10:00:01:00"}
    assert 0 <= times[0] < Fraction(1, 20)
    assert Fraction(3, 10) < times[-1] < Fraction(4, 10)
    assert films.times_of(out) == [Fraction(number, 25) for number in range(10)]


def test_the_same_command_twice_gives_the_same_file(tmp_path, film, render):
    for name in ("a.mkv", "b.mkv"):
        assert render(film, tmp_path / name).code == 0
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


def colours_of(address, key, seed, frames=24, pause=0.0):
    """The ab bytes of a made-up clip, received by a client that takes its time."""
    geometry = Geometry(32, 24)
    random = np.random.default_rng(seed)
    lumas = [random.integers(0, 65536, (24, 32)).astype(np.uint16) for _ in range(frames)]
    request = OpenRequest(clip_key=key, geometry=geometry, transfer=1)
    with connect(ServerAddress.parse(address)) as client, client.open_clip(request) as stream:

        def send():
            for number, luma in enumerate(lumas):
                stream.send(number, luma)
            stream.send_end()

        sender = threading.Thread(target=send)
        sender.start()
        received = []
        for planes in stream:
            received.append(planes.ab.tobytes())
            time.sleep(pause)  # not to wait for anything: this client is slow on purpose
        sender.join()
    return received


def test_two_clips_at_once_give_the_bytes_of_each_alone(tiny_server):
    alone = [colours_of(tiny_server, f"alone-{seed}", seed) for seed in (1, 2)]
    together = [[], []]

    def run(at, pause):
        together[at] = colours_of(tiny_server, f"together-{at}", at + 1, pause=pause)

    threads = [threading.Thread(target=run, args=(0, 0.03)), threading.Thread(target=run, args=(1, 0.0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
    assert alone[0] != alone[1]


def test_two_renders_at_once_give_the_files_of_each_alone(tmp_path, film, tiny_server, start, render):
    other = make.film(tmp_path / "other.mkv", **two_shots(cut=9, frames=30)).path
    for source in (film, other):
        assert render(source, tmp_path / f"{source.stem}-alone.mkv").code == 0
    # One of them is slowed down by a slow encoder preset; both share the server's device thread.
    processes = [
        start("render", source, tmp_path / f"{source.stem}-together.mkv", "-q", "--server", tiny_server)
        for source in (film, other)
    ]
    for process in processes:
        _, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
    for source in (film, other):
        alone, together = (tmp_path / f"{source.stem}-{how}.mkv" for how in ("alone", "together"))
        assert alone.read_bytes() == together.read_bytes()
